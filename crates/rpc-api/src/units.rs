//! Number forms that are not plain JSON numbers.

use alloy::primitives::{I256, U256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// An amount in the token's smallest unit (wei for the native coin). A decimal string on the wire:
/// JSON numbers lose digits above 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(pub U256);

impl From<U256> for Amount {
    fn from(value: U256) -> Self {
        Self(value)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        decimal
            .then(|| U256::from_str(&text).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected an amount as a decimal string"))
    }
}

/// A result that may be a loss. A decimal string on the wire, with a minus in front of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SignedAmount(pub I256);

impl From<i128> for SignedAmount {
    fn from(value: i128) -> Self {
        let size = I256::try_from(U256::from(value.unsigned_abs())).unwrap_or(I256::MAX);
        Self(if value < 0 { -size } else { size })
    }
}

impl fmt::Display for SignedAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for SignedAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SignedAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        decimal
            .then(|| I256::from_dec_str(&text).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected a decimal string, with - in front of a loss"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_decimal_strings_both_ways() {
        let max = Amount(U256::MAX);
        let text = serde_json::to_string(&max).unwrap();
        assert_eq!(text, format!("\"{}\"", U256::MAX));
        assert_eq!(serde_json::from_str::<Amount>(&text).unwrap(), max);
        let loss = SignedAmount::from(-5);
        assert_eq!(serde_json::to_string(&loss).unwrap(), "\"-5\"");
        for number in [loss, SignedAmount(I256::MAX), SignedAmount::from(i128::MIN)] {
            let text = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<SignedAmount>(&text).unwrap(), number);
        }
        for bad in ["5", "\"\"", "\"-\"", "\"--5\"", "\"+5\"", "\"0x5\""] {
            assert!(serde_json::from_str::<SignedAmount>(bad).is_err(), "{bad}");
        }
        for bad in ["1", "\"0x1\"", "\"\"", "\"-1\"", "\"1.5\"", &format!("\"{}0\"", U256::MAX)] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }
}
