//! When each action is safe to send.

use crate::{Action, timeline::Step};
use bmn_primitives::{Leg, Window};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything that somebody does in a swap, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimedAction {
    /// We fill the order, which creates the source.
    Fill,
    /// We create the destination.
    FundDestination,
    /// We sign the maker's permission to withdraw the destination alone.
    Permit,
    /// The maker gives us the secret.
    Disclose,
    /// The maker withdraws the destination by the permission.
    MakerWithdraw,
    /// We withdraw the destination for the maker.
    WithdrawDestination,
    /// A holder of the access token withdraws the destination for the maker.
    PublicWithdrawDestination,
    /// We withdraw the source.
    WithdrawSource,
    /// A holder of the access token withdraws the source for us.
    PublicWithdrawSource,
    /// We take the destination back.
    CancelDestination,
    /// We give the source back.
    CancelSource,
    /// A holder of the access token gives the source back.
    PublicCancelSource,
    /// We take what is left in the source.
    RescueSource,
    /// We take what is left in the destination.
    RescueDestination,
}

impl TimedAction {
    /// Every action, in the order of time.
    pub const ALL: [Self; 14] = [
        Self::Fill,
        Self::FundDestination,
        Self::Permit,
        Self::Disclose,
        Self::MakerWithdraw,
        Self::WithdrawDestination,
        Self::PublicWithdrawDestination,
        Self::WithdrawSource,
        Self::PublicWithdrawSource,
        Self::CancelDestination,
        Self::CancelSource,
        Self::PublicCancelSource,
        Self::RescueSource,
        Self::RescueDestination,
    ];

    /// Name in tables and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::FundDestination => "fundDestination",
            Self::Permit => "permit",
            Self::Disclose => "disclose",
            Self::MakerWithdraw => "makerWithdraw",
            Self::WithdrawDestination => "withdrawDestination",
            Self::PublicWithdrawDestination => "publicWithdrawDestination",
            Self::WithdrawSource => "withdrawSource",
            Self::PublicWithdrawSource => "publicWithdrawSource",
            Self::CancelDestination => "cancelDestination",
            Self::CancelSource => "cancelSource",
            Self::PublicCancelSource => "publicCancelSource",
            Self::RescueSource => "rescueSource",
            Self::RescueDestination => "rescueDestination",
        }
    }

    /// The step of the swap that an action of ours takes.
    pub const fn of(action: Action) -> Self {
        match action {
            Action::Fill => Self::Fill,
            Action::FundDestination => Self::FundDestination,
            Action::Permit => Self::Permit,
            Action::WithdrawDestination => Self::WithdrawDestination,
            Action::PublicWithdrawDestination => Self::PublicWithdrawDestination,
            Action::WithdrawSource => Self::WithdrawSource,
            Action::PublicWithdrawSource => Self::PublicWithdrawSource,
            Action::CancelDestination => Self::CancelDestination,
            Action::CancelSource => Self::CancelSource,
            Action::PublicCancelSource => Self::PublicCancelSource,
            Action::RescueSource => Self::RescueSource,
        }
    }

    /// The chain it happens on, whose time its slot is in.
    pub const fn leg(self) -> Leg {
        match self {
            Self::Fill
            | Self::WithdrawSource
            | Self::PublicWithdrawSource
            | Self::CancelSource
            | Self::PublicCancelSource
            | Self::RescueSource => Leg::Source,
            Self::FundDestination
            | Self::Permit
            | Self::Disclose
            | Self::MakerWithdraw
            | Self::WithdrawDestination
            | Self::PublicWithdrawDestination
            | Self::CancelDestination
            | Self::RescueDestination => Leg::Destination,
        }
    }

    /// The step of a refusal that it is; none for actions that a swap can end without.
    pub const fn step(self) -> Option<Step> {
        match self {
            Self::Fill => Some(Step::LockSource),
            Self::FundDestination => Some(Step::FundDestination),
            Self::Permit | Self::Disclose => Some(Step::Disclose),
            Self::MakerWithdraw => Some(Step::MakerWithdraw),
            Self::WithdrawDestination => Some(Step::WithdrawDestination),
            Self::WithdrawSource => Some(Step::WithdrawSource),
            _ => None,
        }
    }
}

impl fmt::Display for TimedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// When an action can be sent. Times are unix seconds of the chain it happens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The action.
    pub action: TimedAction,
    /// Block times at which the contract lets it pass, as far as time decides; none when no contract is
    /// called.
    pub window: Option<Window>,
    /// Earliest safe time to send: the window is open and what has to be settled first can be.
    pub earliest: u64,
    /// Latest safe time to send: even when inclusion is slow, it is mined in its window and everything
    /// after it still fits. None when it never becomes too late.
    pub latest: Option<u64>,
    /// From here on the fee bid rises towards its cap.
    pub urgent_from: Option<u64>,
    /// A person is told when it is not mined by then.
    pub alarm_at: Option<u64>,
    /// Seconds to spare when everything before it is slow; negative when it is late. None for what a
    /// swap can end without.
    pub slack: Option<i64>,
}

/// What a slot says of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SendState {
    /// Not yet.
    #[serde(rename_all = "camelCase")]
    Early {
        /// Earliest safe time, unix seconds.
        opens: u64,
    },
    /// It can be sent.
    Open,
    /// It can be sent, and has to be mined soon.
    Urgent,
    /// It may be mined, or be undone, too late. What would put money in is not sent any more; what takes
    /// money out is sent at the cap of the fee.
    Late,
    /// The contract refuses it from now on.
    Closed,
}

impl Slot {
    /// The latest safe time; where it never is too late, the time from which waiting costs. None where it
    /// costs nothing.
    pub fn due_by(&self) -> Option<u64> {
        self.latest.or(self.urgent_from)
    }

    /// What to do at `now`, the earliest time of the next block.
    pub fn state(&self, now: u64) -> SendState {
        if self.window.is_some_and(|window| now >= window.end) {
            SendState::Closed
        } else if self.latest.is_some_and(|latest| now > latest) {
            SendState::Late
        } else if now < self.earliest {
            SendState::Early { opens: self.earliest }
        } else if self.urgent_from.is_some_and(|urgent| now >= urgent) {
            SendState::Urgent
        } else {
            SendState::Open
        }
    }
}
