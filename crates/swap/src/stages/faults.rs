//! Times that no speed can make good.

use crate::Refusal;
use bmn_primitives::Stage;
use serde::{Deserialize, Serialize};

/// A time that is wrong whatever the chains do: the order or escrow is refused for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Fault {
    /// The factory keeps 32 bits of an offset: the stage would begin at another time than was asked for
    /// (`protocol.md` 5.2).
    #[error("{}: {value} wraps, it is more than 2^32 - 1 s after a fill at {from}", name(*.stage))]
    #[serde(rename_all = "camelCase")]
    OffsetWraps {
        /// The stage.
        stage: Stage,
        /// When it is meant to begin, unix seconds.
        value: u64,
        /// Time it would be counted from, unix seconds.
        from: u64,
    },
    /// The chain's time does not fit the 32 bits of `deployedAt`.
    #[error("deployedAt {deployed_at} wraps, it is more than 2^32 - 1")]
    #[serde(rename_all = "camelCase")]
    ClockWraps {
        /// Time of the fill, unix seconds.
        deployed_at: u64,
    },
    /// Two stages are the wrong way round: a public one before its private one, or an opening behind its
    /// end.
    #[error("{} at {early_at} must not be after {} at {late_at}", name(*.early), name(*.late))]
    #[serde(rename_all = "camelCase")]
    Reversed {
        /// The stage that has to come first.
        early: Stage,
        /// When it begins, unix seconds.
        early_at: u64,
        /// The stage that has to come later.
        late: Stage,
        /// When that begins, unix seconds.
        late_at: u64,
    },
    /// A window ends in the second in which it begins, so nobody ever acts in it.
    #[error("the window of {} is empty: it begins and ends at {at}", name(*.stage))]
    #[serde(rename_all = "camelCase")]
    Empty {
        /// The stage.
        stage: Stage,
        /// Unix seconds.
        at: u64,
    },
    /// Whoever withdraws the destination in its last second leaves no time to withdraw the source
    /// (`protocol.md` 11.4).
    #[error("dstCancellation {dst_cancellation} must be before srcCancellation {src_cancellation}")]
    #[serde(rename_all = "camelCase")]
    OutlivesSource {
        /// When the destination's withdrawal ends, unix seconds; the earliest, where it is not created.
        dst_cancellation: u64,
        /// When the source's withdrawal ends, unix seconds.
        src_cancellation: u64,
    },
}

impl Fault {
    /// The refusal that shows it.
    pub fn refusal(&self) -> Refusal {
        let (field, value) = match *self {
            Self::OffsetWraps { stage, value, .. } => (name(stage), value),
            Self::ClockWraps { deployed_at } => ("deployedAt", deployed_at),
            Self::Reversed { early, early_at, .. } => (name(early), early_at),
            Self::Empty { stage, at } => (name(stage), at),
            Self::OutlivesSource { dst_cancellation, .. } => {
                (name(Stage::DstCancellation), dst_cancellation)
            }
        };
        Refusal::BadWindow { field: field.to_owned(), value, expected: self.to_string() }
    }
}

/// Name of a stage in tables and answers, as in the contracts.
pub(super) const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::SrcWithdrawal => "srcWithdrawal",
        Stage::SrcPublicWithdrawal => "srcPublicWithdrawal",
        Stage::SrcCancellation => "srcCancellation",
        Stage::SrcPublicCancellation => "srcPublicCancellation",
        Stage::DstWithdrawal => "dstWithdrawal",
        Stage::DstPublicWithdrawal => "dstPublicWithdrawal",
        Stage::DstCancellation => "dstCancellation",
    }
}

/// What is wrong with the order of stages that begin at `starts` (unix seconds, [`Stage::ALL`] order).
/// `own` tells whether the destination's cancellation is ours to choose, which settles what is measured
/// against it.
pub(super) fn order_faults(starts: &[u64; 7], own: bool) -> Vec<Fault> {
    use Stage::{
        DstCancellation, DstPublicWithdrawal, DstWithdrawal, SrcCancellation,
        SrcPublicCancellation, SrcPublicWithdrawal, SrcWithdrawal,
    };
    let at = |stage: Stage| starts[stage as usize];
    let mut faults = Vec::new();
    // A destination that we choose ends before the source does: what is behind the source's end is
    // behind its own.
    let end = if own { SrcCancellation } else { DstCancellation };
    for (early, late, both_is_empty) in [
        (SrcWithdrawal, SrcPublicWithdrawal, false),
        (SrcWithdrawal, SrcCancellation, true),
        (SrcPublicWithdrawal, SrcCancellation, true),
        (SrcCancellation, SrcPublicCancellation, false),
        (DstWithdrawal, DstPublicWithdrawal, false),
        (DstWithdrawal, end, true),
        (DstPublicWithdrawal, end, true),
        (DstWithdrawal, SrcCancellation, false),
    ] {
        let (early_at, late_at) = (at(early), at(late));
        let fault = if early_at > late_at {
            Fault::Reversed { early, early_at, late, late_at }
        } else if early_at == late_at && both_is_empty {
            Fault::Empty { stage: early, at: early_at }
        } else {
            continue;
        };
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults
}
