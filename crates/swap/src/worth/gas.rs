//! Gas and calldata of every step a swap can take, per dialect (`protocol.md` section 16).

use bmn_primitives::Dialect;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathStep {
    /// Fill the order: the source escrow comes into being.
    Fill,
    /// Create and fund the destination.
    Create,
    /// Withdraw the destination for the maker.
    WithdrawDestination,
    /// Withdraw the source.
    WithdrawSource,
    /// Take the destination back.
    CancelDestination,
    /// Give the source back.
    CancelSource,
    /// Rescue what is left in the destination.
    RescueDestination,
    /// Rescue what is left in the source.
    RescueSource,
}

impl PathStep {
    /// Every step.
    pub const ALL: [Self; 8] = [
        Self::Fill,
        Self::Create,
        Self::WithdrawDestination,
        Self::WithdrawSource,
        Self::CancelDestination,
        Self::CancelSource,
        Self::RescueDestination,
        Self::RescueSource,
    ];

    /// True for what happens on the source chain.
    pub const fn on_source(self) -> bool {
        matches!(self, Self::Fill | Self::WithdrawSource | Self::CancelSource | Self::RescueSource)
    }
}

impl fmt::Display for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fill => "fill",
            Self::Create => "create",
            Self::WithdrawDestination => "withdrawDestination",
            Self::WithdrawSource => "withdrawSource",
            Self::CancelDestination => "cancelDestination",
            Self::CancelSource => "cancelSource",
            Self::RescueDestination => "rescueDestination",
            Self::RescueSource => "rescueSource",
        })
    }
}

/// True where the taker of an escrow is the resolver contract and not the signer.
pub const fn through_contract(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Bmn302 | Dialect::OneInch1 | Dialect::OneInch2)
}

/// What going through the contract adds to a step: the call, the tokens in from the owner or out to
/// him, the allowance made and used up, and the deposit sent ahead.
const CONTRACT_FILL: u64 = 120_000;
const CONTRACT_CREATE: u64 = 90_000;
const CONTRACT_WAY_OUT: u64 = 60_000;

/// Gas of a step, rounded up from the most that was measured, with a receiver who held nothing before.
pub const fn step_gas(dialect: Dialect, step: PathStep) -> u64 {
    let bare = match dialect {
        // Its fill and creation store the immutables.
        Dialect::Bmn4 => match step {
            PathStep::Fill => 357_000,
            PathStep::Create => 345_000,
            PathStep::WithdrawDestination => 68_000,
            PathStep::WithdrawSource => 48_000,
            PathStep::CancelDestination => 49_000,
            PathStep::CancelSource => 59_000,
            PathStep::RescueDestination | PathStep::RescueSource => 42_000,
        },
        Dialect::OneInch1 | Dialect::OneInch2 => match step {
            PathStep::Fill => 209_000,
            PathStep::Create => 105_000,
            PathStep::WithdrawDestination => 94_000,
            PathStep::WithdrawSource => 48_000,
            PathStep::CancelDestination | PathStep::CancelSource => 47_000,
            PathStep::RescueDestination | PathStep::RescueSource => 42_000,
        },
        Dialect::Bmn1 | Dialect::Bmn11 | Dialect::Bmn23 | Dialect::Bmn302 => match step {
            PathStep::Fill => 189_000,
            PathStep::Create => 130_000,
            PathStep::WithdrawDestination => 59_000,
            PathStep::WithdrawSource => 47_000,
            PathStep::CancelDestination => 46_000,
            PathStep::CancelSource => 39_000,
            PathStep::RescueDestination | PathStep::RescueSource => 40_000,
        },
    };
    if !through_contract(dialect) {
        return bare;
    }
    bare + match step {
        PathStep::Fill => CONTRACT_FILL,
        PathStep::Create => CONTRACT_CREATE,
        _ => CONTRACT_WAY_OUT,
    }
}

/// Bytes of the signed transaction of a step, rounded up: envelope and signature, selector, immutables
/// (8 words, and the parameters where a dialect has them), and for a fill the order with its extension.
pub const fn step_bytes(dialect: Dialect, step: PathStep) -> u64 {
    let bare = match step {
        PathStep::Fill => 1_500,
        PathStep::Create => 720,
        PathStep::RescueDestination | PathStep::RescueSource => 660,
        _ => 600,
    };
    if through_contract(dialect) { bare + 300 } else { bare }
}
