//! Parameters that check themselves: a wrong one is refused while the request is read, with its
//! name and the accepted form.

use alloy::primitives::Address;
use bmn_primitives::Secret;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// Most items a page may hold.
pub const MAX_LIMIT: u32 = 200;

const DEFAULT_LIMIT: u32 = 50;
pub(crate) const MAX_TEXT: usize = 1_024;

// The value itself never is part of the error: it might be a secret put in the wrong place.
fn text<'de, D: Deserializer<'de>>(
    deserializer: D,
    name: &str,
    form: &str,
) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() && text.len() <= MAX_TEXT => Ok(text),
        _ => Err(D::Error::custom(format!("`{name}`: expected {form}"))),
    }
}

/// Names an order or a swap: order id (`chain:contract:orderHash:leaf`), swap id (`chain:escrow`),
/// order hash, hashlock, or the address of either escrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SwapKey(pub String);

impl SwapKey {
    /// The accepted forms, as errors name them.
    pub const FORM: &'static str = "an order id (chain:contract:orderHash:leaf), a swap id \
        (chain:escrow), an order hash, a hashlock (both 0x + 64 hex digits) or an escrow address \
        (0x + 40 hex digits)";
}

impl<'de> Deserialize<'de> for SwapKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "id", Self::FORM).map(Self)
    }
}

impl From<&str> for SwapKey {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Where a page begins: the `next` of the page before, unchanged. Opaque.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "cursor", "the `next` of the page before").map(Self)
    }
}

/// Items on a page, 1 to [`MAX_LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Limit(u32);

impl Limit {
    /// A limit; `None` outside 1 to [`MAX_LIMIT`].
    pub fn new(items: u32) -> Option<Self> {
        (1..=MAX_LIMIT).contains(&items).then_some(Self(items))
    }

    /// The number of items.
    pub const fn items(self) -> usize {
        self.0 as usize
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)?
            .as_u64()
            .and_then(|items| u32::try_from(items).ok())
            .and_then(Self::new)
            .ok_or_else(|| {
                D::Error::custom(format!("`limit`: expected a whole number, 1 to {MAX_LIMIT}"))
            })
    }
}

/// Days to look back, 1 to [`MAX_DAYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Days(u32);

/// Most days that one answer sums up.
pub const MAX_DAYS: u32 = 90;

impl Days {
    /// A number of days; `None` outside 1 to [`MAX_DAYS`].
    pub fn new(days: u32) -> Option<Self> {
        (1..=MAX_DAYS).contains(&days).then_some(Self(days))
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl Default for Days {
    /// A week (S0-51).
    fn default() -> Self {
        Self(7)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)?
            .as_u64()
            .and_then(|days| u32::try_from(days).ok())
            .and_then(Self::new)
            .ok_or_else(|| {
                D::Error::custom(format!("`days`: expected a whole number, 1 to {MAX_DAYS}"))
            })
    }
}

macro_rules! checked {
    ($(#[$doc:meta] $name:ident($field:literal): $type:ty => $form:literal;)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $type);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(deserializer)?;
                serde_json::from_value(value).map(Self).map_err(|_| {
                    D::Error::custom(concat!("`", $field, "`: expected ", $form))
                })
            }
        }
    )*};
}

checked! {
    /// A resolver, by the address that escrows name as their taker.
    ResolverParam("resolver"): Address => "an address, 0x + 40 hex digits";
    /// A chain, by id.
    ChainParam("chain"): u64 => "a chain id as a number";
    /// A block, by number.
    BlockParam("block"): u64 => "a block number as a number";
    /// Least profit, basis points of the source value.
    MinProfit("minProfitBps"): i64 => "basis points as a whole number";
}

/// A secret on its way in. Not printed by `Debug`, not repeated by errors.
#[derive(Clone)]
pub struct SecretParam(pub Secret);

impl fmt::Debug for SecretParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretParam(redacted)")
    }
}

impl<'de> Deserialize<'de> for SecretParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)?
            .as_str()
            .and_then(|text| Secret::from_str(text).ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom("`secret`: expected 0x followed by 64 hex digits"))
    }
}

// Only a client writes a secret to the wire, so the server half cannot even by mistake.
#[cfg(feature = "client")]
impl Serialize for SecretParam {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&alloy::primitives::hex::encode_prefixed(self.0.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: for<'de> Deserialize<'de> + fmt::Debug>(json: &str) -> String {
        serde_json::from_str::<T>(json).unwrap_err().to_string()
    }

    #[test]
    fn limits_are_one_to_two_hundred() {
        assert_eq!(serde_json::from_str::<Limit>("200").unwrap().items(), 200);
        for bad in ["0", "201", "-1", "1.5", "\"5\"", "null", "18446744073709551616"] {
            assert!(refusal::<Limit>(bad).contains("`limit`: expected a whole number, 1 to 200"));
        }
    }

    #[test]
    fn days_are_one_to_ninety() {
        assert_eq!(serde_json::from_str::<Days>("90").unwrap().number(), 90);
        for bad in ["0", "91", "-1", "1.5", "\"7\"", "null"] {
            assert!(refusal::<Days>(bad).contains("`days`: expected a whole number, 1 to 90"));
        }
        assert!(refusal::<MinProfit>("1.5").starts_with("`minProfitBps`: expected basis points"));
    }

    #[test]
    fn ids_and_cursors_are_short_texts() {
        assert_eq!(serde_json::from_str::<SwapKey>("\"1:0x2\"").unwrap(), SwapKey::from("1:0x2"));
        let long = format!("\"{}\"", "a".repeat(MAX_TEXT + 1));
        for bad in ["5", "null", "\"\"", "[]", &long] {
            assert!(refusal::<SwapKey>(bad).starts_with("`id`: expected an order id"), "{bad}");
            assert!(refusal::<Cursor>(bad).starts_with("`cursor`: expected"), "{bad}");
        }
        assert!(refusal::<ResolverParam>("\"0x1\"").starts_with("`resolver`: expected an address"));
        assert!(refusal::<ChainParam>("\"0x1\"").starts_with("`chain`: expected a chain id"));
        assert!(refusal::<BlockParam>("-1").starts_with("`block`: expected a block number"));
    }

    #[test]
    fn a_malformed_secret_is_not_repeated() {
        let digits = "ab".repeat(32);
        for bad in [format!("\"{digits}\""), format!("\"0x{digits}a\""), "7".to_owned()] {
            let error = refusal::<SecretParam>(&bad);
            assert!(error.starts_with("`secret`: expected 0x followed by 64"), "{error}");
            assert!(!error.contains("abab"), "{error}");
        }
        let secret: SecretParam = serde_json::from_str(&format!("\"0x{digits}\"")).unwrap();
        assert_eq!(secret.0.expose(), &[0xab; 32]);
        assert!(
            !format!("{secret:?}").contains("ab, ab") && !format!("{secret:?}").contains("abab")
        );
    }
}
