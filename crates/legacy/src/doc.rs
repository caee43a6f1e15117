//! Fields of a JSON object, each with its accepted form.

use crate::LegacyError;
use alloy::primitives::{Address, B256, Bytes, U256, hex};
use bmn_primitives::{Hashlock, Secret};
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, LegacyError>;

const HASH: &str = "0x followed by 64 hex digits";
const ADDRESS: &str = "an address: 0x followed by 40 hex digits";
const NUMBER: &str = "a number, or a decimal string";
const BYTES: &str = "0x followed by an even number of hex digits";

/// An object of a file, and where it stands in it.
#[derive(Clone, Copy)]
pub(crate) struct Doc<'a> {
    pub(crate) file: &'a str,
    path: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Doc<'a> {
    pub(crate) const fn new(file: &'a str, path: &'a str, fields: &'a Map<String, Value>) -> Self {
        Self { file, path, fields }
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.value(field).is_some()
    }

    /// A field; `null` is as absent.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, field: &str) -> Option<&'a str> {
        self.value(field).and_then(Value::as_str)
    }

    pub(crate) fn wrong(&self, field: &str, expected: &str) -> LegacyError {
        let dot = if self.path.is_empty() { "" } else { "." };
        LegacyError::Field {
            file: self.file.to_owned(),
            field: format!("{}{dot}{field}", self.path),
            expected: expected.to_owned(),
        }
    }

    pub(crate) fn object(&self, field: &'a str) -> Result<Option<Doc<'a>>> {
        self.value(field)
            .map(|value| {
                let fields = value.as_object().ok_or_else(|| self.wrong(field, "an object"))?;
                Ok(Doc::new(self.file, field, fields))
            })
            .transpose()
    }

    fn read<T>(
        &self,
        field: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let found = value.as_str().and_then(read);
        found.map(Some).ok_or_else(|| self.wrong(field, expected))
    }

    pub(crate) fn hash(&self, field: &str) -> Result<Option<B256>> {
        self.read(field, HASH, |text| bytes(text)?.as_ref().try_into().ok())
    }

    pub(crate) fn hashlock(&self) -> Result<Hashlock> {
        let hash = self.hash("hashlock")?;
        hash.map(Hashlock).ok_or_else(|| self.wrong("hashlock", HASH))
    }

    pub(crate) fn address(&self, field: &str) -> Result<Option<Address>> {
        self.read(field, ADDRESS, |text| text.parse().ok().filter(|_| text.starts_with("0x")))
    }

    pub(crate) fn bytes(&self, field: &str) -> Result<Option<Bytes>> {
        self.read(field, BYTES, bytes)
    }

    pub(crate) fn secret(&self, field: &str) -> Result<Option<Secret>> {
        self.read(field, HASH, |text| text.parse().ok())
    }

    /// A number of at most 64 bits.
    pub(crate) fn number(&self, field: &str) -> Result<Option<u64>> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let found = value.as_u64().or_else(|| decimal(value.as_str()?));
        found.map(Some).ok_or_else(|| self.wrong(field, NUMBER))
    }

    /// A number of at most 256 bits.
    pub(crate) fn amount(&self, field: &str) -> Result<Option<U256>> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let found = match value {
            Value::String(text) => decimal(text),
            value => value.as_u64().map(U256::from),
        };
        found.map(Some).ok_or_else(|| self.wrong(field, NUMBER))
    }
}

fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn bytes(text: &str) -> Option<Bytes> {
    hex::decode(text.strip_prefix("0x")?).ok().map(Bytes::from)
}
