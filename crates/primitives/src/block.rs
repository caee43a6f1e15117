//! Chains and the blocks on them.

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An EIP-155 chain id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ChainId(pub u64);

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for ChainId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// One block of one chain. The hash is part of the reference: a number alone cannot tell a reorg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct BlockRef {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Block timestamp, unix seconds.
    pub time: u64,
}

impl BlockRef {
    /// Blocks built on top of this one when the chain's head is `head`. A block that is itself the
    /// head has none (design rule M1).
    pub fn confirmations(&self, head: u64) -> u64 {
        head.saturating_sub(self.number)
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.number, self.hash)
    }
}
