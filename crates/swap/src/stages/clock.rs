//! The moments that slots are made of.

use super::{Basis, Fault, Times, Timing, faults::order_faults};
use bmn_primitives::{Dialect, Stage, Window};

/// Sums of a few 64-bit numbers: exact, whatever they are.
pub(super) type Exact = i128;

pub(super) fn cut(time: Exact) -> u64 {
    u64::try_from(time.max(0)).unwrap_or(u64::MAX)
}

/// A chain's spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    pub(super) typical: Exact,
    pub(super) slow: Exact,
    pub(super) settle: Exact,
}

impl Spans {
    fn new(timing: &Timing) -> Self {
        Self {
            typical: timing.typical.into(),
            // A pessimist who expects more than the usual is no pessimist.
            slow: timing.pessimistic.max(timing.typical).into(),
            settle: timing.settle().into(),
        }
    }
}

/// Everything that slots are made of, exact.
pub(super) struct Clock<'a> {
    pub(super) basis: &'a Basis,
    pub(super) source: Spans,
    pub(super) destination: Spans,
    pub(super) skew: Exact,
    pub(super) reaction: Exact,
    /// Time the source's windows count from: its own word's, or the latest one of a fill that is sent now.
    pub(super) filled: Exact,
    /// Time of the block that created the source, or would.
    pub(super) claimed: Exact,
    /// Time the destination's windows count from.
    pub(super) created: Exact,
    starts: [Exact; 7],
    /// Latest safe time to send the source's withdrawal.
    pub(super) withdraw_source_by: Exact,
    /// Latest end of the destination's withdrawal that leaves the source its time.
    pub(super) dst_cancellation_by: Exact,
    /// When the funding can be sent, everything before it being slow.
    pub(super) fund_reached: Exact,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Clock<'a> {
    pub(super) fn new(basis: &'a Basis) -> Self {
        let source = Spans::new(&basis.source_timing);
        let destination = Spans::new(&basis.destination_timing);
        let skew: Exact = basis.source_timing.skew.max(basis.destination_timing.skew).into();
        let (filled, starts, mut faults) = source_starts(basis, source);
        let claimed = match basis.times {
            Times::Source { created_at, .. } => created_at.into(),
            _ => filled,
        };
        let fund_reached = (claimed + source.settle + skew).max(Exact::from(basis.destination_now));
        // The window's last second is the one before its end, and a reorg of the last withdrawal must
        // leave the time to do it again.
        let withdraw_source_by =
            starts[Stage::SrcCancellation as usize] - 1 - source.slow - source.settle;
        let mut clock = Self {
            basis,
            source,
            destination,
            skew,
            reaction: basis.maker_reaction.into(),
            filled,
            claimed,
            created: fund_reached + destination.slow,
            starts,
            withdraw_source_by,
            // A payment in the last second must be settled by then, whichever clock is ahead.
            dst_cancellation_by: withdraw_source_by + 1 - skew - destination.settle,
            fund_reached,
            faults: Vec::new(),
        };
        let own = basis.destination.is_none() && basis.dialect.has_absolute_times();
        clock.destination_starts();
        // What a destination that counts from its creation has wrong, it has wrong however early that is.
        let judged = if basis.destination.is_some() { clock.starts } else { starts };
        if faults.is_empty() {
            faults = order_faults(&judged.map(cut), own);
            let [dst, src] = [Stage::DstCancellation, Stage::SrcCancellation]
                .map(|stage| cut(judged[stage as usize]));
            if !own && dst >= src {
                let (dst_cancellation, src_cancellation) = (dst, src);
                faults.push(Fault::OutlivesSource { dst_cancellation, src_cancellation });
            }
        }
        clock.faults = faults;
        clock
    }

    pub(super) fn at(&self, stage: Stage) -> Exact {
        self.starts[stage as usize]
    }

    pub(super) fn counts_from_creation(&self) -> bool {
        !self.basis.dialect.has_absolute_times()
    }

    fn destination_starts(&mut self) {
        let stages = [Stage::DstWithdrawal, Stage::DstPublicWithdrawal, Stage::DstCancellation];
        if let Some(known) = self.basis.destination {
            self.created = known.timelocks.deployed_at().into();
            for stage in stages {
                self.starts[stage as usize] = known.timelocks.at(stage).into();
            }
        } else if self.counts_from_creation() {
            for stage in stages {
                self.starts[stage as usize] += self.created - self.filled;
            }
        } else {
            self.starts[Stage::DstCancellation as usize] = self.dst_cancellation_by;
        }
    }

    pub(super) fn windows(&self) -> [Window; 7] {
        Stage::ALL.map(|stage| {
            let end = match stage {
                Stage::SrcWithdrawal | Stage::SrcPublicWithdrawal => {
                    cut(self.at(Stage::SrcCancellation))
                }
                Stage::DstWithdrawal | Stage::DstPublicWithdrawal => {
                    cut(self.at(Stage::DstCancellation))
                }
                Stage::SrcCancellation | Stage::SrcPublicCancellation | Stage::DstCancellation => {
                    u64::MAX
                }
            };
            Window { start: cut(self.at(stage)), end }
        })
    }

    pub(super) fn window(&self, stage: Stage) -> Window {
        self.windows()[stage as usize]
    }
}

/// Time of the fill, when the stages begin by the source's word, and which of these wrap.
fn source_starts(basis: &Basis, source: Spans) -> (Exact, [Exact; 7], Vec<Fault>) {
    let sent_now = Exact::from(basis.source_now) + source.slow;
    let clock_wraps = |time: Exact| {
        let wraps = time > Exact::from(u32::MAX);
        wraps.then(|| Fault::ClockWraps { deployed_at: cut(time) })
    };
    match basis.times {
        Times::Source { timelocks, .. } => {
            let starts = Stage::ALL.map(|stage| Exact::from(timelocks.at(stage)));
            (timelocks.deployed_at().into(), starts, Vec::new())
        }
        Times::Offsets { timelocks } => {
            let starts = Stage::ALL.map(|stage| sent_now + Exact::from(timelocks.offset(stage)));
            (sent_now, starts, clock_wraps(sent_now).into_iter().collect())
        }
        Times::Absolute { src_cancellation, dst_withdrawal } => {
            let [after_fill, to_public, public_delay] = factory_delays(basis.dialect);
            let (cancel, withdraw) = (Exact::from(src_cancellation), Exact::from(dst_withdrawal));
            let starts = [
                sent_now + after_fill,
                sent_now + to_public,
                cancel,
                cancel + public_delay,
                withdraw,
                withdraw + public_delay,
                cancel,
            ];
            // The offset is largest in the earliest block that can fill.
            let from = basis.source_now;
            let mut faults: Vec<Fault> = clock_wraps(sent_now).into_iter().collect();
            faults.extend(Stage::ALL[2..6].iter().filter_map(|&stage| {
                let start = starts[stage as usize];
                let wraps = start - Exact::from(from) > Exact::from(u32::MAX);
                wraps.then(|| Fault::OffsetWraps { stage, value: cut(start), from })
            }));
            (sent_now, starts, faults)
        }
    }
}

/// Seconds that a BMN factory adds: from the fill to the source's withdrawal, to the public one, and from
/// every other stage to its public one (`protocol.md` 5.2).
const fn factory_delays(dialect: Dialect) -> [Exact; 3] {
    match dialect {
        Dialect::Bmn23 => [300, 600, 300],
        _ => [0, 60, 60],
    }
}
