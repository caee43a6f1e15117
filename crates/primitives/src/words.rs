//! 256-bit words as the contracts see them.

use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An address as the contracts carry it: a `uint256` of which only the low 160 bits are used.
///
/// The raw word is hashed into immutables and order hashes, so it is never normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressWord(pub U256);

/// The high 96 bits of an address word are not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("address word {0:#066x} is dirty: its high 96 bits must be zero")]
pub struct DirtyAddress(pub U256);

impl AddressWord {
    /// The zero word; as a token it means the chain's native coin.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The low 160 bits, whatever the high ones are.
    pub fn masked(self) -> Address {
        Address::from_word(B256::from(self.0))
    }

    /// The address, refused when the word is dirty.
    pub fn clean(self) -> Result<Address, DirtyAddress> {
        let address = self.masked();
        if Self::from(address) == self { Ok(address) } else { Err(DirtyAddress(self.0)) }
    }

    /// True when the high 96 bits are not zero.
    pub fn is_dirty(self) -> bool {
        self.clean().is_err()
    }

    /// True for the zero word.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl From<Address> for AddressWord {
    fn from(address: Address) -> Self {
        Self(U256::from_be_bytes(address.into_word().0))
    }
}

impl fmt::Display for AddressWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clean() {
            Ok(address) => address.fmt(f),
            Err(_) => write!(f, "{:#066x}", self.0),
        }
    }
}

/// Splits a word into its high and low 128-bit halves, as the order's extra data packs deposits
/// and absolute times.
pub fn split_halves(word: U256) -> (U256, U256) {
    (word >> 128, word & U256::from(u128::MAX))
}
