//! How fast a chain is, and the steps that a refusal names.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How fast a chain moves and how sure we want to be of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Seconds between blocks.
    pub block_time: u64,
    /// Seconds from sending a transaction to its block, at the quantile we plan with.
    pub inclusion: u64,
    /// Blocks on top of an including block before we rely on it.
    pub confirmations: u64,
    /// Seconds by which this chain's clock may run ahead of another's.
    pub skew: u64,
}

impl Pace {
    /// Seconds from a block to its last needed confirmation.
    pub const fn settle(&self) -> u64 {
        self.confirmations.saturating_mul(self.block_time)
    }
}

/// The steps of a swap, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Mine the fill, or find the direct source escrow, in time to fund.
    LockSource,
    /// Create the destination and let it settle.
    FundDestination,
    /// Let the maker disclose the secret.
    Disclose,
    /// Leave the maker a public window in which he can withdraw alone.
    MakerWithdraw,
    /// Withdraw the destination.
    WithdrawDestination,
    /// Withdraw the source.
    WithdrawSource,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LockSource => "lockSource",
            Self::FundDestination => "fundDestination",
            Self::Disclose => "disclose",
            Self::MakerWithdraw => "makerWithdraw",
            Self::WithdrawDestination => "withdrawDestination",
            Self::WithdrawSource => "withdrawSource",
        })
    }
}

/// The first step that misses its window, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The step.
    pub step: Step,
    /// Seconds missing.
    pub seconds: u64,
}
