//! When the windows of an order open and close, and whether every step fits into them.

use crate::{
    Order, Policy,
    admit::Terms,
    timeline::{Pace, Schedule, Shortfall, Step, Windows, compile},
};
use bmn_contracts::{ExtraData, bmn_factory_timelocks, bmn23_factory_timelocks};
use bmn_primitives::{Dialect, Stage, Timelocks};
use serde::{Deserialize, Serialize};

/// The times in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderTimes {
    /// Two absolute times (BMN since v2.2), which hold wherever and whenever the order is filled.
    Absolute {
        /// When withdrawing the source ends and cancelling it begins, unix seconds.
        src_cancellation: u64,
        /// When withdrawing the destination begins, unix seconds; the fill must be mined before it.
        dst_withdrawal: u64,
    },
    /// Seven offsets, with a deployment time of zero: the source's count from the block of the fill, the
    /// destination's from the block that creates it.
    Offsets(Timelocks),
}

impl OrderTimes {
    /// The times in an order of a dialect.
    pub fn of(extra: &ExtraData, dialect: Dialect) -> Self {
        if dialect.has_absolute_times() {
            Self::Absolute {
                src_cancellation: extra.src_cancellation(),
                dst_withdrawal: extra.dst_withdrawal(),
            }
        } else {
            Self::Offsets(Timelocks(extra.timelocks).with_deployed_at(0))
        }
    }

    /// Source cancellation and destination withdrawal, where they are known before a fill.
    pub const fn absolute(&self) -> Option<(u64, u64)> {
        match self {
            Self::Absolute { src_cancellation, dst_withdrawal } => {
                Some((*src_cancellation, *dst_withdrawal))
            }
            Self::Offsets(_) => None,
        }
    }

    /// When withdrawing the source ends and cancelling it begins, unix seconds, after a fill in a block
    /// of this time.
    pub fn src_cancellation(&self, filled_at: u64) -> u64 {
        match self {
            Self::Absolute { src_cancellation, .. } => *src_cancellation,
            Self::Offsets(offsets) => after(filled_at, *offsets, Stage::SrcCancellation),
        }
    }

    /// When withdrawing the destination begins, unix seconds, after its creation in a block of this
    /// time.
    pub fn dst_withdrawal(&self, created_at: u64) -> u64 {
        match self {
            Self::Absolute { dst_withdrawal, .. } => *dst_withdrawal,
            Self::Offsets(offsets) => after(created_at, *offsets, Stage::DstWithdrawal),
        }
    }

    /// The timelocks of the source escrow that a fill in a block of this time creates; none where the
    /// factory would revert.
    pub fn source_timelocks(&self, dialect: Dialect, block_time: u64) -> Option<Timelocks> {
        match *self {
            Self::Absolute { src_cancellation, dst_withdrawal } => match dialect {
                Dialect::Bmn23 => {
                    bmn23_factory_timelocks(block_time, src_cancellation, dst_withdrawal).ok()
                }
                _ => bmn_factory_timelocks(block_time, src_cancellation, dst_withdrawal).ok(),
            },
            Self::Offsets(offsets) => Some(offsets.with_deployed_at(block_time)),
        }
    }
}

fn after(time: u64, offsets: Timelocks, stage: Stage) -> u64 {
    time.saturating_add(u64::from(offsets.offset(stage)))
}

/// Where an order stands in time when its later steps are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Not filled; the source chain's time is this, unix seconds.
    Unfilled(u64),
    /// The source escrow was made in a block of this time, unix seconds.
    Filled(u64),
}

/// The schedule of an order, or the first step that does not fit; none where one of its chains is not
/// served. Times that count from a block which is not mined yet are judged for the last block that the
/// plan allows.
pub fn schedule(
    order: &Order,
    moment: Moment,
    terms: &Terms<'_>,
) -> Option<Result<Schedule, Shortfall>> {
    let value = terms.reference_value(order);
    let source = terms.route(order.id.chain)?.pace_for(value);
    let destination = terms.route(order.destination_chain)?.pace_for(value);
    Some(match order.times {
        OrderTimes::Absolute { src_cancellation, dst_withdrawal } => {
            let (to_be_filled, now) = match moment {
                Moment::Unfilled(now) => (true, now),
                Moment::Filled(at) => (false, at),
            };
            // The public destination window opens 60 s after the private one
            // (`SimplifiedEscrowFactory`, `protocol.md` 5.2).
            let windows = Windows {
                src_cancellation,
                dst_withdrawal,
                dst_public_withdrawal: dst_withdrawal.saturating_add(60),
                maker_reaction: terms.policy.maker_reaction,
                to_be_filled,
            };
            compile(windows, source, destination, now)
        }
        OrderTimes::Offsets(offsets) => {
            compile_offsets(offsets, source, destination, moment, terms.policy)
        }
    })
}

// Two separate questions: whether the destination's own windows leave each step its time, and until when
// it may be created so that they end early enough before the source's.
fn compile_offsets(
    offsets: Timelocks,
    src: Pace,
    dst: Pace,
    moment: Moment,
    policy: &Policy,
) -> Result<Schedule, Shortfall> {
    let (filled_at, latest_send) = match moment {
        Moment::Unfilled(now) => (now.saturating_add(src.inclusion), now),
        Moment::Filled(at) => (at, at),
    };
    let of = |stage| u64::from(offsets.offset(stage));
    let before = |time: u64, seconds: u64| time.saturating_sub(seconds);
    let fits = |step, needed: u64, limit: u64| match needed.checked_sub(limit) {
        None | Some(0) => Ok(()),
        Some(seconds) => Err(Shortfall { step, seconds }),
    };
    let skew = src.skew.max(dst.skew);
    let reaction = policy.maker_reaction;
    let source_ends = filled_at.saturating_add(of(Stage::SrcCancellation));
    // A reorg of the last withdrawal must leave the time to do it again.
    let withdraw_source_by =
        before(source_ends, src.inclusion.saturating_add(src.settle()).saturating_add(skew));
    let dst_cancellation = before(withdraw_source_by, dst.settle());
    let window = of(Stage::DstCancellation);
    let created_by = before(dst_cancellation, window);
    let fund_by = before(created_by, dst.inclusion);
    let lock_by = before(fund_by, src.settle().saturating_add(skew));
    fits(Step::LockSource, filled_at, lock_by)?;
    let disclosed = dst.settle().saturating_add(reaction).saturating_add(dst.inclusion);
    fits(Step::Disclose, disclosed, window)?;
    let maker_needs =
        of(Stage::DstPublicWithdrawal).saturating_add(dst.inclusion).saturating_add(reaction);
    fits(Step::MakerWithdraw, maker_needs, window)?;
    let private = of(Stage::DstWithdrawal).saturating_add(dst.inclusion);
    fits(Step::WithdrawDestination, private, before(window, dst.inclusion))?;
    let opens = filled_at.saturating_add(of(Stage::SrcWithdrawal));
    fits(Step::WithdrawSource, opens, withdraw_source_by)?;
    Ok(Schedule {
        fill_by: latest_send,
        fund_by,
        dst_cancellation,
        withdraw_destination_by: before(dst_cancellation, dst.inclusion),
        urgent_source_at: before(withdraw_source_by, src.inclusion.saturating_mul(2)),
        withdraw_source_by,
    })
}
