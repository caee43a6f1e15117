//! Revert data: which error it is, and whether trying again can help.

mod table;

use alloy::primitives::{Bytes, Selector, U256};
use alloy::sol_types::SolValue;
use std::fmt;
use table::{ERRORS, Row};

/// What a revert means for the next attempt of the same call (`protocol.md` section 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Never again: the call contradicts the order, the escrow or who we are.
    Terminal,
    /// Depends on the block time: too early, or too late for good. Compare the windows.
    Later,
    /// Something outside the call must change first: balance, allowance, whitelist, pause.
    Fixable,
    /// What the call was to do has been done, by us or by somebody else: look at the chain.
    AlreadyDone,
    /// The data does not say.
    Unknown,
}

/// A custom error of the contracts we talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRevert {
    /// First four bytes.
    pub selector: Selector,
    /// Solidity signature, such as `InsufficientBalance(uint256,uint256)`.
    pub signature: &'static str,
    /// What follows the selector, not decoded.
    pub arguments: Bytes,
    retry: Retry,
}

impl KnownRevert {
    /// The error's name, without its parameters.
    pub fn name(&self) -> &'static str {
        self.signature.split_once('(').map_or(self.signature, |(name, _)| name)
    }
}

/// Revert data, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revert {
    /// A custom error of factories, escrows, limit-order protocols or tokens.
    Known(KnownRevert),
    /// `Error(string)`.
    Message(String),
    /// `Panic(uint256)`.
    Panic(U256),
    /// No data: an access token of zero, malformed extra data, native coin sent to a clone, or out of
    /// gas.
    Empty,
    /// Data of somebody else's error.
    Unknown(Bytes),
}

impl Revert {
    /// Reads revert data; any bytes are something.
    pub fn decode(data: &[u8]) -> Self {
        let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
            return if data.is_empty() { Self::Empty } else { Self::unknown(data) };
        };
        match u32::from_be_bytes(*selector) {
            0x08c3_79a0 => {
                String::abi_decode(arguments).map_or_else(|_| Self::unknown(data), Self::Message)
            }
            0x4e48_7b71 if arguments.len() == 32 => Self::Panic(U256::from_be_slice(arguments)),
            number => Self::custom(number, arguments).unwrap_or_else(|| Self::unknown(data)),
        }
    }

    fn unknown(data: &[u8]) -> Self {
        Self::Unknown(Bytes::copy_from_slice(data))
    }

    fn custom(selector: u32, arguments: &[u8]) -> Option<Self> {
        let Row(selector, signature, retry) = lookup(selector)?;
        Some(Self::Known(KnownRevert {
            selector: selector.to_be_bytes().into(),
            signature,
            arguments: Bytes::copy_from_slice(arguments),
            retry: *retry,
        }))
    }

    /// Name for logs and answers: the error's, or what kind of data it is.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(known) => known.name(),
            Self::Message(message) => message,
            Self::Panic(_) => "Panic",
            Self::Empty => "(empty revert data)",
            Self::Unknown(_) => "(unknown error)",
        }
    }

    /// What trying the same call again would do.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Known(known) => known.retry,
            Self::Message(message) => retry_of_message(message),
            Self::Panic(_) | Self::Empty | Self::Unknown(_) => Retry::Unknown,
        }
    }
}

/// The strings of BMN's factories.
fn retry_of_message(message: &str) -> Retry {
    match message {
        "Escrow already exists" | "Not owner" => Retry::Terminal,
        "srcCancellation must be future" | "dstWithdrawal must be future" => Retry::Later,
        "Protocol paused"
        | "Not whitelisted resolver"
        | "Resolver not whitelisted"
        | "Maker not whitelisted" => Retry::Fixable,
        _ => Retry::Unknown,
    }
}

fn lookup(selector: u32) -> Option<&'static Row> {
    let index = ERRORS.binary_search_by_key(&selector, |row| row.0).ok()?;
    ERRORS.get(index)
}

/// Solidity signature of an error by its selector, `Error(string)` and `Panic(uint256)` included.
pub fn error_signature(selector: Selector) -> Option<&'static str> {
    lookup(u32::from_be_bytes(selector.0)).map(|row| row.1)
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) if known.arguments.is_empty() => f.write_str(known.name()),
            Self::Known(known) => write!(f, "{}({})", known.name(), known.arguments),
            Self::Message(message) => write!(f, "Error({message:?})"),
            Self::Panic(code) => write!(f, "Panic({code:#x})"),
            Self::Empty => f.write_str(self.name()),
            Self::Unknown(data) => write!(f, "unknown error {data}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;

    #[test]
    fn the_table_is_sorted_and_every_selector_is_its_signatures_hash() {
        assert!(ERRORS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for Row(selector, signature, _) in ERRORS {
            assert_eq!(selector.to_be_bytes(), keccak256(signature)[..4], "{signature}");
        }
    }

    #[test]
    fn data_of_nobodys_is_kept_as_it_is() {
        assert_eq!(Revert::decode(&[]), Revert::Empty);
        for data in [&[1, 2, 3][..], &[0xde, 0xad, 0xbe, 0xef, 1], &[0x08, 0xc3, 0x79, 0xa0, 0xff]]
        {
            assert_eq!(Revert::decode(data), Revert::Unknown(Bytes::copy_from_slice(data)));
            assert_eq!(Revert::decode(data).retry(), Retry::Unknown);
        }
    }

    #[test]
    fn panics_carry_their_code() {
        let mut data = [0; 36];
        data[..4].copy_from_slice(&[0x4e, 0x48, 0x7b, 0x71]);
        data[35] = 0x11;
        assert_eq!(Revert::decode(&data), Revert::Panic(U256::from(0x11)));
        assert_eq!(Revert::decode(&data).to_string(), "Panic(0x11)");
    }
}
