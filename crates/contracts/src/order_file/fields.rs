//! One reader for each kind of field; each says what it accepts.

use alloy::primitives::{Address, B256, Bytes, U256, hex};
use bmn_primitives::AddressWord;

/// A field of an order file or of a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: expected {expected}")]
pub struct FieldError {
    /// Path of the field in the file.
    pub field: String,
    /// The accepted form.
    pub expected: String,
}

impl FieldError {
    /// Names a field and what it should be.
    pub fn new(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { field: field.into(), expected: expected.into() }
    }
}

const WORD: &str = "a decimal or 0x-hex number of at most 256 bits";
const ADDRESS: &str =
    "an address (0x and 40 hex digits) or its word (decimal, or 0x and 64 hex digits)";
const HASH: &str = "0x followed by 64 hex digits";
const BYTES: &str = "0x followed by an even number of hex digits";

pub(super) fn word(field: &str, text: &str) -> Result<U256, FieldError> {
    uint(text).ok_or_else(|| FieldError::new(field, WORD))
}

pub(super) fn address_word(field: &str, text: &str) -> Result<AddressWord, FieldError> {
    let found = match (text.strip_prefix("0x"), text.len()) {
        (Some(_), 42) => text.parse::<Address>().ok().map(AddressWord::from),
        (Some(_), 66) | (None, _) => uint(text).map(AddressWord),
        _ => None,
    };
    found.ok_or_else(|| FieldError::new(field, ADDRESS))
}

pub(super) fn hash(field: &str, text: &str) -> Result<B256, FieldError> {
    let read = hexadecimal(text).and_then(|bytes| B256::try_from(bytes.as_ref()).ok());
    read.ok_or_else(|| FieldError::new(field, HASH))
}

pub(super) fn bytes(field: &str, text: &str) -> Result<Bytes, FieldError> {
    hexadecimal(text).ok_or_else(|| FieldError::new(field, BYTES))
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

fn hexadecimal(text: &str) -> Option<Bytes> {
    hex::decode(text.strip_prefix("0x")?).ok().map(Bytes::from)
}
