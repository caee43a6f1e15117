//! Identities of orders and swaps.

use crate::ChainId;
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// EIP-712 digest of a limit order (`LimitOrderProtocol.hashOrder`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct OrderHash(pub B256);

impl fmt::Display for OrderHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An order: what we may fill. Exists from submission and owns the fill, the reservation, the
/// secret and the destination leg. A direct source escrow is its own order, with the escrow's
/// address in place of the limit-order contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderId {
    /// Source chain.
    pub chain: ChainId,
    /// Limit-order contract, or the escrow of a direct source escrow.
    pub contract: Address,
    /// Order hash.
    pub hash: OrderHash,
    /// Merkle leaf of a partial fill; 0 for a single fill.
    pub leaf: u16,
}

/// A swap: one source escrow on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SwapId {
    /// Source chain.
    pub chain: ChainId,
    /// Source escrow.
    pub escrow: Address,
}

/// The text is neither form of id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseIdError {
    text: String,
    expected: &'static str,
}

impl OrderId {
    /// Length of [`Self::to_bytes`].
    pub const LEN: usize = 8 + 20 + 32 + 2;

    /// Fixed-length big-endian form; sorts by chain, contract, hash, leaf.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0u8; Self::LEN];
        bytes[..8].copy_from_slice(&self.chain.0.to_be_bytes());
        bytes[8..28].copy_from_slice(self.contract.as_slice());
        bytes[28..60].copy_from_slice(self.hash.0.as_slice());
        bytes[60..].copy_from_slice(&self.leaf.to_be_bytes());
        bytes
    }

    /// Reads [`Self::to_bytes`]; `None` when the length differs.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        Some(Self {
            chain: ChainId(u64::from_be_bytes(bytes[..8].try_into().ok()?)),
            contract: Address::from_slice(&bytes[8..28]),
            hash: OrderHash(B256::from_slice(&bytes[28..60])),
            leaf: u16::from_be_bytes([bytes[60], bytes[61]]),
        })
    }
}

impl SwapId {
    /// Length of [`Self::to_bytes`].
    pub const LEN: usize = 8 + 20;

    /// Fixed-length big-endian form; sorts by chain, escrow.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0u8; Self::LEN];
        bytes[..8].copy_from_slice(&self.chain.0.to_be_bytes());
        bytes[8..].copy_from_slice(self.escrow.as_slice());
        bytes
    }

    /// Reads [`Self::to_bytes`]; `None` when the length differs.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        Some(Self {
            chain: ChainId(u64::from_be_bytes(bytes[..8].try_into().ok()?)),
            escrow: Address::from_slice(&bytes[8..]),
        })
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:#x}:{}:{}", self.chain, self.contract, self.hash, self.leaf)
    }
}

impl fmt::Display for SwapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:#x}", self.chain, self.escrow)
    }
}

impl FromStr for OrderId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split(':');
            let id = Self {
                chain: ChainId(parts.next()?.parse().ok()?),
                contract: parts.next()?.parse().ok()?,
                hash: OrderHash(parts.next()?.parse().ok()?),
                leaf: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(id)
        };
        parse().ok_or_else(|| ParseIdError {
            text: text.to_owned(),
            expected: "an order id (chain:contract:orderHash:leaf)",
        })
    }
}

impl FromStr for SwapId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (chain, escrow) = text.split_once(':')?;
            Some(Self { chain: ChainId(chain.parse().ok()?), escrow: escrow.parse().ok()? })
        };
        parse().ok_or_else(|| ParseIdError {
            text: text.to_owned(),
            expected: "a swap id (chain:escrow)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_as_bytes_and_text() {
        let order = OrderId {
            chain: ChainId(8453),
            contract: Address::repeat_byte(1),
            hash: OrderHash(B256::repeat_byte(2)),
            leaf: 3,
        };
        assert_eq!(OrderId::from_bytes(&order.to_bytes()), Some(order));
        assert_eq!(order.to_string().parse(), Ok(order));
        let swap = SwapId { chain: ChainId(10), escrow: Address::repeat_byte(4) };
        assert_eq!(SwapId::from_bytes(&swap.to_bytes()), Some(swap));
        assert_eq!(swap.to_string().parse(), Ok(swap));
        assert!("10".parse::<SwapId>().is_err() && "10:0x1:0x2".parse::<OrderId>().is_err());
    }
}
