//! What a timetable is made from.

use crate::{OrderTimes, timeline::Pace};
use bmn_primitives::{Dialect, Timelocks};
use serde::{Deserialize, Serialize};

/// How fast a chain moves and how sure we want to be of it. The caller scales `confirmations` with the
/// value at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// Seconds between blocks.
    pub block_time: u64,
    /// Seconds from sending a transaction to its block, usually.
    pub typical: u64,
    /// Seconds from sending a transaction to its block, when things go badly. Every latest time is
    /// made with it.
    pub pessimistic: u64,
    /// Blocks on top of an including block before we rely on it.
    pub confirmations: u64,
    /// Seconds by which this chain's clock may run ahead of another's.
    pub skew: u64,
}

impl Timing {
    /// Seconds from a block to its last needed confirmation.
    pub const fn settle(&self) -> u64 {
        self.confirmations.saturating_mul(self.block_time)
    }
}

impl From<Pace> for Timing {
    fn from(pace: Pace) -> Self {
        Self {
            block_time: pace.block_time,
            typical: pace.inclusion,
            pessimistic: pace.inclusion,
            confirmations: pace.confirmations,
            skew: pace.skew,
        }
    }
}

/// Where the source's windows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Times {
    /// A BMN order that is not filled: two absolute times, unix seconds (`protocol.md` 5.2).
    #[serde(rename_all = "camelCase")]
    Absolute {
        /// Source cancellation.
        src_cancellation: u64,
        /// Destination withdrawal. The fill must be mined before it.
        dst_withdrawal: u64,
    },
    /// A 1inch order that is not filled: seven offsets. Its `deployedAt` says nothing.
    Offsets {
        /// The word of the order's extra data.
        timelocks: Timelocks,
    },
    /// The source escrow's own word.
    #[serde(rename_all = "camelCase")]
    Source {
        /// The word of its immutables.
        timelocks: Timelocks,
        /// Time of the block that created it, unix seconds: a direct one may state an earlier one.
        created_at: u64,
    },
}

impl From<OrderTimes> for Times {
    fn from(times: OrderTimes) -> Self {
        match times {
            OrderTimes::Absolute { src_cancellation, dst_withdrawal } => {
                Self::Absolute { src_cancellation, dst_withdrawal }
            }
            OrderTimes::Offsets(timelocks) => Self::Offsets { timelocks },
        }
    }
}

/// A destination escrow that exists, as its own word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationTimes {
    /// The word of its immutables.
    pub timelocks: Timelocks,
    /// Time of the block that created it, unix seconds.
    pub created_at: u64,
}

/// How far the swap is, beyond which escrows exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Progress {
    /// Nobody but the maker knows the secret.
    #[default]
    Secret,
    /// We know the secret, or everybody does.
    Disclosed,
    /// The destination was paid to the maker.
    Paid {
        /// Time of the block that paid it, unix seconds of the destination chain.
        at: u64,
    },
}

/// What a [`Timetable`](crate::Timetable) is compiled from. All times are unix seconds, all spans seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// Dialect of both factories. Where it has absolute times, the destination's windows are absolute and
    /// its cancellation is chosen by us; elsewhere they count from the block that creates it.
    pub dialect: Dialect,
    /// The source's times.
    pub times: Times,
    /// The destination escrow, once there is one.
    pub destination: Option<DestinationTimes>,
    /// How far the swap is.
    pub progress: Progress,
    /// Speed of the source chain.
    pub source_timing: Timing,
    /// Speed of the destination chain.
    pub destination_timing: Timing,
    /// Time of the source chain.
    pub source_now: u64,
    /// Time of the destination chain.
    pub destination_now: u64,
    /// Last second in which the order itself can be filled (`makerTraits`); none when it never expires.
    pub expiration: Option<u64>,
    /// Seconds the maker needs from a settled destination to his disclosure, or to withdraw alone.
    pub maker_reaction: u64,
    /// Rescue delays of the source's and of the destination's factory.
    pub rescue_delay: (u64, u64),
    /// A person is told of a missing action when so many pessimistic inclusions are left.
    pub alarm_inclusions: u64,
}
