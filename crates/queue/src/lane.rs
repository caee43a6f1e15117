//! Which job goes first.

use bmn_swap::Action;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A class of urgency. Ready jobs go by lane, then by their latest safe time, then by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Lane {
    /// Takes money out of an escrow, or gives it back: withdrawals, cancels, rescues.
    WayOut = 0,
    /// Goes on with a swap that is under way: the destination, the maker's permission.
    Underway = 1,
    /// Begins a swap.
    NewOrder = 2,
    /// Finishes a stranger's swap for its safety deposit: after everything of our own.
    Keeper = 3,
}

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Self; 4] = [Self::WayOut, Self::Underway, Self::NewOrder, Self::Keeper];

    /// The lane of an action.
    pub const fn of(action: Action) -> Self {
        match action {
            Action::WithdrawSource
            | Action::WithdrawDestination
            | Action::CancelDestination
            | Action::CancelSource
            | Action::RescueSource => Self::WayOut,
            Action::FundDestination | Action::Permit => Self::Underway,
            Action::Fill => Self::NewOrder,
            Action::PublicWithdrawDestination
            | Action::PublicWithdrawSource
            | Action::PublicCancelSource => Self::Keeper,
        }
    }

    /// Name in answers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WayOut => "wayOut",
            Self::Underway => "underway",
            Self::NewOrder => "newOrder",
            Self::Keeper => "keeper",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
