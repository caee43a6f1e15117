//! What became of orders, window by window (S3-42 to S3-47).
//!
//! A window is all that changed since the last run, by the time of the change: none is left out, whatever the schedule, and
//! none is counted twice. Averages are made of sums.

use crate::{
    Ground,
    ground::{records, store},
};
use alloy::primitives::{Address, U256};
use async_trait::async_trait;
use bmn_primitives::ChainId;
use bmn_records::{Reads as _, Records, RecordsError, Table};
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use bmn_store::{Change, Reads, Store};
use bmn_swap::Status;
use metrics::gauge;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long windows are kept, milliseconds (S3-42).
const KEPT_MS: u64 = 30 * 86_400_000;

/// What rolling averages go back to, milliseconds.
const ROLLING_MS: u64 = 86_400_000;

/// Windows of a day at most, with one each minute.
const MOST_WINDOWS: usize = 2_000;

/// Changes read from one snapshot.
const PAGE: usize = 1_000;

/// Changes of one window; the next one goes on with the rest.
const MOST_CHANGES: u64 = 100_000;

/// Tokens of one window that are told apart.
const MOST_TOKENS: usize = 64;

const WINDOWS: Table<Window> = Table::new("metrics_window");
const POSITION: Table<Position> = Table::new("metrics_position");
const HERE: &[u8] = b"here";

/// Where the next window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    at_ms: u64,
    /// Number of the first change that belongs to it.
    next: u64,
}

/// What is added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Orders that were taken.
    pub created: u64,
    /// Orders that were refused.
    pub refused: u64,
    /// Orders that were completed.
    pub completed: u64,
    /// Orders that came to an end without a swap and without a loss.
    pub cancelled: u64,
    /// Orders that came to an end they should not have.
    pub failed: u64,
    /// Seconds from the order to its completion, added up; of its source chain.
    pub completion_seconds: u64,
    /// Orders in that sum.
    pub timed: u64,
    /// What completed orders sold, by chain and token: big-endian bytes of the sum, smallest unit.
    pub volumes: BTreeMap<(u64, Address), [u8; 32]>,
    /// True when there were more tokens than are told apart.
    pub more_tokens: bool,
}

/// A window of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its start, milliseconds since 1970.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
    /// What happened in it.
    pub sums: Sums,
}

impl Sums {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        for (sum, add) in [
            (&mut self.created, other.created),
            (&mut self.refused, other.refused),
            (&mut self.completed, other.completed),
            (&mut self.cancelled, other.cancelled),
            (&mut self.failed, other.failed),
            (&mut self.completion_seconds, other.completion_seconds),
            (&mut self.timed, other.timed),
        ] {
            *sum = sum.saturating_add(add);
        }
        self.more_tokens |= other.more_tokens;
        for ((chain, token), amount) in &other.volumes {
            self.sold(ChainId(*chain), *token, U256::from_be_bytes(*amount));
        }
    }

    /// Seconds that an order took on average; none when none was completed: a missing value is no zero.
    pub fn average_seconds(&self) -> Option<u64> {
        self.completion_seconds.checked_div(self.timed)
    }

    fn sold(&mut self, chain: ChainId, token: Address, amount: U256) {
        let key = (chain.0, token);
        if self.volumes.len() >= MOST_TOKENS && !self.volumes.contains_key(&key) {
            self.more_tokens = true;
            return;
        }
        let sum = self.volumes.entry(key).or_insert([0; 32]);
        *sum = U256::from_be_bytes(*sum).saturating_add(amount).to_be_bytes();
    }

    /// Counts a change of an order that is ours. A reorg that takes an end back is no event of its own: the end counts
    /// when it comes again.
    fn count(&mut self, change: &Change) -> bool {
        if change.from.is_none() {
            let sum = match change.to {
                Status::Refused => &mut self.refused,
                Status::Watched | Status::Kept | Status::Released => return false,
                _ => &mut self.created,
            };
            *sum += 1;
        }
        match change.to {
            Status::Completed => self.completed += 1,
            Status::Cancelled | Status::Void => self.cancelled += 1,
            Status::Lost | Status::Violated => self.failed += 1,
            _ => {}
        }
        change.to == Status::Completed
    }
}

/// Windows that ended after a time, oldest first.
///
/// # Errors
/// See [`RecordsError`].
pub fn windows_since(of: &Records, from_ms: u64, now_ms: u64) -> Result<Vec<Window>, RecordsError> {
    let newest = of.read()?.list(&WINDOWS, b"", true, MOST_WINDOWS, now_ms)?;
    let wanted = newest.into_iter().map(|(_, window)| window);
    let mut wanted: Vec<_> = wanted.take_while(|window| window.to_ms > from_ms).collect();
    wanted.reverse();
    Ok(wanted)
}

pub(super) struct MetricsAggregator(pub(super) Ground);

#[async_trait]
impl Job for MetricsAggregator {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("metricsAggregator", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let (of, beside, now) = (self.0.store().clone(), self.0.records.clone(), ctx.now_ms);
        let (window, rolling) = ctx.blocking(move || aggregated(&of, &beside, now)).await?;
        publish(&rolling);
        let sums = &window.sums;
        Ok(Outcome::counted([
            ("created", sums.created),
            ("refused", sums.refused),
            ("completed", sums.completed),
            ("cancelled", sums.cancelled),
            ("failed", sums.failed),
            ("windowSeconds", window.to_ms.saturating_sub(window.from_ms) / 1_000),
        ]))
    }
}

/// Closes the window that is open, in one commit with the place of the next; it, and the sums of the last day.
fn aggregated(of: &Store, beside: &Records, now: u64) -> Result<(Window, Sums), JobError> {
    let known = beside.read().map_err(records)?.get(&POSITION, HERE, now).map_err(records)?;
    let begins = match known {
        Some(position) => position,
        // What was before this job began to count is not of its first window.
        None => Position {
            at_ms: now,
            next: of.read().map_err(store)?.last_change().map_err(store)? + 1,
        },
    };
    let (sums, next) = summed(of, begins.next)?;
    let window = Window { from_ms: begins.at_ms.min(now), to_ms: now, sums };
    let put = || -> Result<(), RecordsError> {
        let tx = beside.write()?;
        tx.put(&WINDOWS, &now.to_be_bytes(), &window, Some(now.saturating_add(KEPT_MS)))?;
        tx.put(&POSITION, HERE, &Position { at_ms: now, next }, None)?;
        tx.commit()
    };
    put().map_err(records)?;
    let mut rolling = Sums::default();
    let day = windows_since(beside, now.saturating_sub(ROLLING_MS), now).map_err(records)?;
    day.iter().for_each(|window| rolling.add(&window.sums));
    Ok((window, rolling))
}

/// What changed from a change on, and the number of the first that was not read.
fn summed(of: &Store, from: u64) -> Result<(Sums, u64), JobError> {
    let (mut sums, mut next) = (Sums::default(), from);
    loop {
        let read = of.read().map_err(store)?;
        let page = read.changes(next, PAGE).map_err(store)?;
        for change in &page {
            next = change.seq.saturating_add(1);
            if !sums.count(change) {
                continue;
            }
            if let Some(order) = read.order(change.order).map_err(store)? {
                sums.sold(order.id.chain, order.source_token, order.source_amount);
                let ended = change.at.iter().find(|(chain, _)| *chain == order.id.chain);
                if let Some((_, block)) = ended {
                    let took = block.time.saturating_sub(order.seen_at.time);
                    sums.completion_seconds = sums.completion_seconds.saturating_add(took);
                    sums.timed += 1;
                }
            }
        }
        if page.len() < PAGE || next.saturating_sub(from) >= MOST_CHANGES {
            return Ok((sums, next));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
fn publish(day: &Sums) {
    let counts = [
        ("created", day.created),
        ("refused", day.refused),
        ("completed", day.completed),
        ("cancelled", day.cancelled),
        ("failed", day.failed),
    ];
    for (what, count) in counts {
        gauge!("bmn_orders_last_day", "what" => what).set(count as f64);
    }
    if let Some(seconds) = day.average_seconds() {
        gauge!("bmn_order_completion_average_seconds").set(seconds as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_windows_are_the_sum_of_all() {
        let one = |completed, seconds| {
            let mut sums = Sums {
                completed,
                completion_seconds: seconds,
                timed: completed,
                ..Sums::default()
            };
            sums.sold(ChainId(1), Address::ZERO, U256::from(completed));
            sums
        };
        let mut sum = one(2, 20);
        assert_eq!(Sums::default().average_seconds(), None, "a missing value is no zero");
        sum.add(&one(1, 40));
        assert_eq!((sum.completed, sum.average_seconds()), (3, Some(20)));
        assert_eq!(U256::from_be_bytes(sum.volumes[&(1, Address::ZERO)]), U256::from(3));
        for n in 0..100u64 {
            sum.sold(ChainId(n), Address::ZERO, U256::from(1));
        }
        assert_eq!((sum.volumes.len(), sum.more_tokens), (MOST_TOKENS, true));
    }
}
