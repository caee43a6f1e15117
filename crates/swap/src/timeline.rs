//! The timelock compiler: do all later steps fit their windows, and until when may each be taken?

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

/// Latest safe moments of each step, unix seconds in the time of the chain it happens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Latest time to send the fill.
    pub fill_by: u64,
    /// Latest time to send the destination's creation.
    pub fund_by: u64,
    /// Where destination withdrawal ends and cancellation begins: earlier than the source's, so that
    /// a withdrawal in its last second still leaves time to withdraw the source (`protocol.md` 11.4).
    pub dst_cancellation: u64,
    /// Latest time to send the destination's withdrawal.
    pub withdraw_destination_by: u64,
    /// From here on the source is withdrawn without waiting for more confirmations.
    pub urgent_source_at: u64,
    /// Latest time to send the source's withdrawal.
    pub withdraw_source_by: u64,
}

/// The two absolute times of an order and how much time the maker is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Source cancellation, unix seconds.
    pub src_cancellation: u64,
    /// Destination withdrawal, unix seconds.
    pub dst_withdrawal: u64,
    /// Destination public withdrawal, unix seconds.
    pub dst_public_withdrawal: u64,
    /// Seconds the maker needs from a settled destination to his disclosure.
    pub maker_reaction: u64,
    /// True while the fill is still to be mined, which must happen before `dst_withdrawal`.
    pub to_be_filled: bool,
}

/// Compiles a schedule backwards from the source cancellation and checks it against `now`, the
/// source chain's time.
///
/// # Errors
/// The first step, in order of time, that does not fit.
pub fn compile(windows: Windows, src: Pace, dst: Pace, now: u64) -> Result<Schedule, Shortfall> {
    let skew = src.skew.max(dst.skew);
    let short =
        |step, late: u64, limit: u64| Shortfall { step, seconds: late.saturating_sub(limit) };
    let before = |time: u64, spans: &[u64]| spans.iter().copied().fold(time, u64::saturating_sub);

    // A reorg of the last withdrawal must leave the time to do it again.
    let withdraw_source_by = before(windows.src_cancellation, &[src.inclusion, src.settle(), skew]);
    let dst_cancellation = before(withdraw_source_by, &[dst.settle()]);
    let withdraw_destination_by = before(dst_cancellation, &[dst.inclusion]);
    let disclose_by = before(withdraw_destination_by, &[windows.maker_reaction]);
    let fund_by = before(disclose_by, &[dst.settle(), dst.inclusion]);
    let lock_by = before(fund_by, &[src.settle(), skew]);
    let mined_by = if windows.to_be_filled { lock_by.min(windows.dst_withdrawal) } else { lock_by };
    let fill_by = before(mined_by, &[src.inclusion, 1]);

    let latest_start = if windows.to_be_filled { fill_by } else { lock_by };
    if now > latest_start {
        return Err(short(Step::LockSource, now, latest_start));
    }
    // Times of strangers' orders may be anything: sums of them must not wrap or panic.
    let maker_needs = windows
        .dst_public_withdrawal
        .saturating_add(dst.inclusion)
        .saturating_add(windows.maker_reaction);
    if maker_needs > dst_cancellation {
        return Err(short(Step::MakerWithdraw, maker_needs, dst_cancellation));
    }
    let needed = windows.dst_withdrawal.saturating_add(dst.inclusion);
    if needed > withdraw_destination_by {
        return Err(short(Step::WithdrawDestination, needed, withdraw_destination_by));
    }
    Ok(Schedule {
        fill_by,
        fund_by,
        dst_cancellation,
        withdraw_destination_by,
        urgent_source_at: before(withdraw_source_by, &[src.inclusion, src.inclusion]),
        withdraw_source_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 4 };

    fn windows(src_cancellation: u64, dst_withdrawal: u64) -> Windows {
        Windows {
            src_cancellation,
            dst_withdrawal,
            dst_public_withdrawal: dst_withdrawal + 60,
            maker_reaction: 30,
            to_be_filled: true,
        }
    }

    #[test]
    fn a_late_fill_is_short_by_the_exact_seconds() {
        let limit = compile(windows(1_600, 1_200), PACE, PACE, 1_000).unwrap().fill_by;
        assert_eq!(limit, 1_200 - 7);
        assert!(compile(windows(1_600, 1_200), PACE, PACE, limit).is_ok());
        let late = compile(windows(1_600, 1_200), PACE, PACE, limit + 5);
        assert_eq!(late, Err(Shortfall { step: Step::LockSource, seconds: 5 }));
    }

    #[test]
    fn a_destination_window_that_leaves_the_maker_nothing_does_not_fit() {
        let refused = compile(windows(1_200, 1_150), PACE, PACE, 1_000).unwrap_err();
        assert_eq!(refused.step, Step::MakerWithdraw);
        assert_eq!(refused.seconds, 1_150 + 60 + 6 + 30 - (1_200 - 6 - 6 - 4 - 6));
    }

    proptest! {
        #[test]
        fn no_times_are_too_strange(
            cancel in prop_oneof![any::<u64>(), Just(u64::MAX)],
            withdraw in prop_oneof![any::<u64>(), Just(u64::MAX)],
            public in prop_oneof![any::<u64>(), Just(u64::MAX)],
            now in any::<u64>(),
            speeds in prop::array::uniform4(prop_oneof![any::<u64>(), Just(u64::MAX), 0u64..100]),
        ) {
            let [block_time, inclusion, confirmations, skew] = speeds;
            let strange = Pace { block_time, inclusion, confirmations, skew };
            for (to_be_filled, src, dst) in [
                (false, PACE, PACE), (true, PACE, PACE), (true, strange, PACE), (false, PACE, strange),
            ] {
                let windows = Windows {
                    src_cancellation: cancel,
                    dst_withdrawal: withdraw,
                    dst_public_withdrawal: public,
                    maker_reaction: 30,
                    to_be_filled,
                };
                let compiled = compile(windows, src, dst, now);
                prop_assert!(compiled.is_err() || withdraw < cancel);
            }
        }

        #[test]
        fn every_compiled_schedule_is_ordered(
            now in 1_000_000u64..1_001_000, cancel in 0u64..5_000, withdraw in 0u64..5_000,
            block_time in 1u64..15, confirmations in 0u64..70, inclusion in 1u64..60, skew in 0u64..20,
        ) {
            let pace = Pace { block_time, inclusion, confirmations, skew };
            let w = windows(now + cancel, now + withdraw);
            if let Ok(s) = compile(w, pace, PACE, now) {
                prop_assert!(now <= s.fill_by && s.fill_by < w.dst_withdrawal);
                prop_assert!(s.fill_by + inclusion + pace.settle() <= s.fund_by);
                prop_assert!(s.fund_by + PACE.settle() <= s.withdraw_destination_by);
                prop_assert!(s.withdraw_destination_by < s.dst_cancellation);
                prop_assert!(w.dst_public_withdrawal + PACE.inclusion <= s.dst_cancellation);
                prop_assert!(s.dst_cancellation + PACE.settle() <= s.withdraw_source_by);
                prop_assert!(s.withdraw_source_by + inclusion <= w.src_cancellation);
            }
        }
    }
}
