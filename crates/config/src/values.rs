//! Single values: what is accepted, and how a wrong one is shown.

use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, Dialect};
use std::num::NonZeroU64;
use toml::de::DeValue;

/// A value that one TOML value can hold.
pub(crate) trait Field: Sized {
    /// What is accepted, for error texts.
    const EXPECTED: &'static str;

    /// True for what must not be shown, even when it is wrong.
    const SECRET: bool = false;

    /// True for what is only asked about its form: it is no value of its own.
    const STRUCTURE: bool = false;

    /// The value, or `None` when it is anything but [`Self::EXPECTED`].
    fn read(value: &DeValue<'_>) -> Option<Self>;

    /// The value as it would be written; needed of what has a default.
    fn shown(&self) -> String {
        String::new()
    }
}

/// The largest number of decimals whose power of ten fits 256 bits.
pub(crate) const MAX_DECIMALS: u8 = 77;

/// Decimals of a token.
pub(crate) struct Decimals(pub(crate) u8);

impl Field for Decimals {
    const EXPECTED: &'static str = "a whole number from 0 to 77";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let decimals = integer(value)?;
        u8::try_from(decimals).ok().filter(|decimals| *decimals <= MAX_DECIMALS).map(Self)
    }

    fn shown(&self) -> String {
        self.0.to_string()
    }
}

/// How a token behaves beside the standard.
pub(crate) struct Flag(pub(crate) String);

/// The manners that a specification can name.
pub(crate) const TOKEN_FLAGS: [&str; 6] =
    ["fee_on_transfer", "rebasing", "hooks", "pausable", "blocklist", "missing_return"];

impl Field for Flag {
    const EXPECTED: &'static str = "one of \"fee_on_transfer\", \"rebasing\", \"hooks\", \"pausable\", \
                                    \"blocklist\", \"missing_return\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let name = value.as_str().filter(|name| TOKEN_FLAGS.contains(name))?;
        Some(Self(name.to_owned()))
    }
}

impl Field for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Field for String {
    const EXPECTED: &'static str = "a text that is not empty";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }
}

impl Field for i64 {
    const EXPECTED: &'static str = "a whole number of at most 63 bits";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::try_from(integer(value)?).ok()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Field for u64 {
    const EXPECTED: &'static str = "a whole number from 0, of at most 64 bits";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::try_from(integer(value)?).ok()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Field for u128 {
    const EXPECTED: &'static str = "a whole number from 0, of at most 127 bits";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::try_from(integer(value)?).ok()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Field for NonZeroU64 {
    const EXPECTED: &'static str = "a whole number from 1, of at most 64 bits";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::new(u64::read(value)?)
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Field for ChainId {
    const EXPECTED: &'static str = "an EIP-155 chain id: a whole number from 1";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        NonZeroU64::read(value).map(|id| Self(id.get()))
    }
}

impl Field for Dialect {
    const EXPECTED: &'static str = "a known dialect: \"bmn1\", \"bmn11\", \"bmn23\", \"bmn302\", \"bmn4\", \"oneinch1\" or \
                                    \"oneinch2\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Field for B256 {
    const EXPECTED: &'static str = "a hash: 0x and 64 hex digits";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| text.starts_with("0x"))?.parse().ok()
    }
}

impl Field for Address {
    const EXPECTED: &'static str = "an address that is not zero: 0x and 40 hex digits, all of one case \
                                    or with a valid EIP-55 checksum";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40)?;
        let one_case = !digits.bytes().any(|byte| byte.is_ascii_lowercase())
            || !digits.bytes().any(|byte| byte.is_ascii_uppercase());
        let address: Self =
            if one_case { text.parse().ok() } else { Self::parse_checksummed(text, None).ok() }?;
        (!address.is_zero()).then_some(address)
    }

    fn shown(&self) -> String {
        format!("\"{self}\"")
    }
}

fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The value as an error may show it. Whoever pastes a private key into the wrong line must not find
/// it in a log, so a text longer than an address is shown by its length alone.
pub(crate) fn describe(value: &DeValue<'_>) -> String {
    const LONGEST_SHOWN: usize = 42;
    match value {
        DeValue::String(text) if text.chars().count() <= LONGEST_SHOWN => format!("{text:?}"),
        DeValue::String(text) => format!("a text of {} characters", text.chars().count()),
        DeValue::Integer(number) if number.as_str().len() <= LONGEST_SHOWN => number.to_string(),
        DeValue::Integer(number) => format!("a number of {} digits", number.as_str().len()),
        DeValue::Float(_) => "a number with a fraction".to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(text: &str) -> Option<T> {
        T::read(DeValue::parse(text).unwrap().get_ref())
    }

    #[test]
    fn every_dialect_is_named_in_what_is_accepted() {
        for dialect in Dialect::ALL {
            assert!(Dialect::EXPECTED.contains(dialect.name()), "{dialect}");
            assert_eq!(read::<Dialect>(&format!("\"{dialect}\"")), Some(dialect));
        }
        assert_eq!(read::<Dialect>("\"bmn5\""), None);
    }

    #[test]
    fn numbers_keep_to_their_range() {
        assert_eq!(read::<u64>("18_446_744_073_709_551_615"), Some(u64::MAX));
        assert_eq!(read::<u64>("18446744073709551616"), None);
        assert_eq!(read::<u64>("-1"), None);
        assert_eq!(read::<i64>("-1"), Some(-1));
        assert_eq!(read::<u128>("100_000_000_000_000_000_000"), Some(10u128.pow(20)));
        assert_eq!(read::<u64>("0x10"), Some(16));
        assert_eq!(read::<u64>("1.0"), None);
        assert!(read::<NonZeroU64>("0").is_none() && read::<ChainId>("0").is_none());
        assert!(read::<Decimals>("77").is_some() && read::<Decimals>("78").is_none());
    }

    #[test]
    fn a_mistyped_checksum_address_is_refused() {
        let good = "\"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"";
        assert!(read::<Address>(good).is_some());
        assert!(read::<Address>(&good.to_lowercase()).is_some());
        assert_eq!(read::<Address>(&good.replace("F6F4", "F6f4")), None);
        assert_eq!(read::<Address>(&good.replace("0x", "")), None);
        assert_eq!(read::<Address>(&format!("\"0x{}\"", "0".repeat(40))), None);
    }

    #[test]
    fn a_long_text_is_never_shown() {
        let key = format!("\"0x{}\"", "ab".repeat(32));
        assert_eq!(describe(DeValue::parse(&key).unwrap().get_ref()), "a text of 66 characters");
    }
}
