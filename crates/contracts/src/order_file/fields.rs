//! One reader for each kind of field; each says what it accepts.

use super::OrderFileError;
use crate::order::OrderSignature;
use alloy::primitives::{Address, B256, Bytes, U256, hex};
use bmn_primitives::{AddressWord, ChainId};
use serde_json::{Map, Value};

/// Longest excerpt of a wrong value in an error, characters.
const EXCERPT: usize = 80;

const OBJECT: &str = "a JSON object";
const UINT: &str = "a string with an unsigned integer below 2^256, decimal or 0x-hexadecimal";
const ADDRESS: &str = "a string with an address (0x and 40 hex digits) or its word (an integer below 2^256, decimal or 0x and 64 hex digits)";
const HASH: &str = "a string of 0x and 64 hex digits";
const BYTES: &str = "a string of 0x and an even number of hex digits";
const CHAIN: &str = "a chain id: an integer, or a string with a decimal integer, below 2^64";
const MILLISECONDS: &str = "unix milliseconds as an integer";
const SIGNATURE: &str = "an object {r, vs} of two 32-byte hex strings (EIP-2098), or 0x-bytes for an ERC-1271 signature";

/// A JSON object whose fields are named by their full path, of which the last part is the key.
#[derive(Clone, Copy)]
pub(super) struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    pub(super) fn root(value: &'a Value) -> Result<Self, OrderFileError> {
        value.as_object().map(Self).ok_or_else(|| wrong("(the file)", OBJECT, value))
    }

    fn get(&self, field: &'static str) -> Option<&'a Value> {
        let key = field.rsplit_once('.').map_or(field, |(_, key)| key);
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The value of a required field, read by `read`.
    fn required<T>(
        &self,
        field: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, OrderFileError> {
        let value = self.get(field).ok_or(OrderFileError::Missing { field, expected })?;
        read(value).ok_or_else(|| wrong(field, expected, value))
    }

    /// `None` when the field is absent or null.
    pub(super) fn optional<T>(
        &self,
        field: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Result<T, OrderFileError>,
    ) -> Result<Option<T>, OrderFileError> {
        self.get(field).map(|_| read(self, field)).transpose()
    }

    pub(super) fn version(&self, field: &'static str, version: u64) -> Result<(), OrderFileError> {
        let same = |value: &Value| (value.as_u64() == Some(version)).then_some(());
        self.required(field, "the integer 1", same)
    }

    pub(super) fn object(&self, field: &'static str) -> Result<Self, OrderFileError> {
        self.required(field, OBJECT, |value| value.as_object().map(Self))
    }

    pub(super) fn uint(&self, field: &'static str) -> Result<U256, OrderFileError> {
        // Numbers are refused: many JSON writers round those above 2^53.
        self.required(field, UINT, |value| uint(value.as_str()?))
    }

    pub(super) fn address(&self, field: &'static str) -> Result<AddressWord, OrderFileError> {
        self.required(field, ADDRESS, |value| address_word(value.as_str()?))
    }

    pub(super) fn hash(&self, field: &'static str) -> Result<B256, OrderFileError> {
        self.required(field, HASH, |value| hash(value.as_str()?))
    }

    pub(super) fn bytes(&self, field: &'static str) -> Result<Bytes, OrderFileError> {
        self.required(field, BYTES, |value| bytes(value.as_str()?))
    }

    pub(super) fn chain(&self, field: &'static str) -> Result<ChainId, OrderFileError> {
        let read = |value: &Value| {
            value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        };
        self.required(field, CHAIN, read).map(ChainId)
    }

    pub(super) fn milliseconds(&self, field: &'static str) -> Result<u64, OrderFileError> {
        self.required(field, MILLISECONDS, Value::as_u64)
    }

    pub(super) fn signature(&self, field: &'static str) -> Result<OrderSignature, OrderFileError> {
        let value = self.required(field, SIGNATURE, Some)?;
        match value {
            Value::String(text) => {
                let signature = bytes(text).map(OrderSignature::Contract);
                signature.ok_or_else(|| wrong(field, SIGNATURE, value))
            }
            Value::Object(parts) => {
                let parts = Self(parts);
                Ok(OrderSignature::Compact {
                    r: parts.hash("signature.r")?,
                    vs: parts.hash("signature.vs")?,
                })
            }
            _ => Err(wrong(field, SIGNATURE, value)),
        }
    }
}

fn wrong(field: &'static str, expected: &'static str, value: &Value) -> OrderFileError {
    let text = value.to_string();
    let mut found: String = text.chars().take(EXCERPT).collect();
    if found.len() < text.len() {
        found.push('…');
    }
    OrderFileError::Field { field, expected, found }
}

fn uint(text: &str) -> Option<U256> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The parser skips underscores and takes the empty string for zero.
    let all_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    all_digits.then(|| U256::from_str_radix(digits, u64::from(radix)).ok()).flatten()
}

fn address_word(text: &str) -> Option<AddressWord> {
    match (text.strip_prefix("0x"), text.len()) {
        (Some(_), 42) => text.parse::<Address>().ok().map(AddressWord::from),
        (Some(_), 66) | (None, _) => uint(text).map(AddressWord),
        _ => None,
    }
}

fn hash(text: &str) -> Option<B256> {
    B256::try_from(bytes(text)?.as_ref()).ok()
}

fn bytes(text: &str) -> Option<Bytes> {
    hex::decode(text.strip_prefix("0x")?).ok().map(Bytes::from)
}
