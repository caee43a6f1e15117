//! What a run under load tells while it goes on, and at its end.

use crate::{Network, scenario::End};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Times to complete that are kept for the percentiles; later ones take the place of the oldest.
const SAMPLES: usize = 4096;

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadFigures {
    /// Seconds since the first order.
    pub elapsed_secs: u64,
    /// Orders that makers began.
    pub begun: u64,
    /// Swaps whose end is final and entered in the books, by end.
    pub ended: BTreeMap<&'static str, u64>,
    /// Swaps under way, those included whose end is not final yet.
    pub open: u64,
    /// Swaps that neither ended nor can end in time: must be none.
    pub lost: u64,
    /// Swaps that ended otherwise than their maker meant, at nobody's cost.
    pub otherwise: u64,
    /// Reorgs so far.
    pub reorgs: u64,
    /// Blocks that they took back.
    pub reverted_blocks: u64,
    /// Heads of Chain A and Chain B.
    pub heads: [u64; 2],
    /// Memory of this process, chains included, bytes; where the system says.
    pub rss_bytes: Option<u64>,
    /// The resolver's database file, bytes.
    pub database_bytes: u64,
    /// The archive of orders, bytes.
    pub archive_bytes: u64,
    /// Blocks that the development chains remember.
    pub chain_blocks: u64,
    /// About how many bytes these are.
    pub chain_bytes: u64,
    /// Orders that are in the database.
    pub orders_kept: u64,
    /// Orders that were archived and removed.
    pub orders_archived: u64,
    /// Median of the time from an order's submission to its end, milliseconds.
    pub p50_ms: Option<u64>,
    /// The 99th percentile.
    pub p99_ms: Option<u64>,
}

impl fmt::Display for LoadFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let seconds = |ms: Option<u64>| {
            ms.map_or_else(|| "-".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1e3))
        };
        let (minutes, rest) = (self.elapsed_secs / 60, self.elapsed_secs % 60);
        write!(f, "{minutes:>3}:{rest:02}  begun {}", self.begun)?;
        for (end, count) in &self.ended {
            write!(f, "  {end} {count}")?;
        }
        write!(f, "  open {}  lost {}  reorgs {}", self.open, self.lost, self.reorgs)?;
        let rss = self.rss_bytes.map_or_else(|| "-".to_owned(), mib);
        write!(f, "  memory {rss}  database {}", mib(self.database_bytes))?;
        write!(f, "  archive {}", mib(self.archive_bytes))?;
        write!(f, "  chains {} in {} blocks", mib(self.chain_bytes), self.chain_blocks)?;
        write!(f, "  orders kept {}  archived {}", self.orders_kept, self.orders_archived)?;
        write!(f, "  p50 {}  p99 {}", seconds(self.p50_ms), seconds(self.p99_ms))
    }
}

/// The result of a run under load.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// The seed.
    pub seed: u64,
    /// Orders a second that were asked for.
    pub rate: f64,
    /// Of a hundred blocks, how many began a reorg, as asked for.
    pub reorg_percent: f64,
    /// The figures at the end.
    pub figures: LoadFigures,
    /// The figures of every minute, the newest thousand.
    pub minutes: Vec<LoadFigures>,
    /// What the database holds at the end, bytes of keys and values: rows of chains, and rows of our own.
    pub rows_bytes: [u64; 2],
    /// Every balance of every party changed by exactly what the ends allow.
    pub value_conserved: bool,
    /// Withdrawals and permissions that could have been sent and were not by their latest safe time.
    pub missed_deadlines: u64,
    /// What is wrong: balances, nonces, escrows that still hold something, complaints of makers.
    pub discrepancies: Vec<String>,
}

impl LoadReport {
    /// Whether no swap was lost and value is conserved.
    pub fn is_good(&self) -> bool {
        self.figures.lost == 0 && self.value_conserved && self.missed_deadlines == 0
    }
}

/// Times to complete, a bounded number of them.
#[derive(Debug, Default)]
pub(super) struct Times {
    samples: Vec<Duration>,
    next: usize,
}

impl Times {
    pub(super) fn add(&mut self, took: Duration) {
        if self.samples.len() < SAMPLES {
            self.samples.push(took);
        } else {
            self.samples[self.next] = took;
            self.next = (self.next + 1) % SAMPLES;
        }
    }

    /// Nearest-rank percentile, milliseconds.
    pub(super) fn percentile(&self, percent: usize) -> Option<u64> {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        let found = sorted.get(rank - 1)?;
        Some(u64::try_from(found.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Counts by end.
pub(super) fn count(ended: &mut BTreeMap<&'static str, u64>, end: Option<End>) {
    *ended.entry(end.map_or("other", End::name)).or_default() += 1;
}

/// Resident memory of this process, bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Blocks in the memory of both chains, and about how many bytes they are.
pub(super) fn chains(network: &Network) -> (u64, u64) {
    let kept = network.chains.iter().map(|node| node.chain.footprint());
    kept.fold((0, 0), |sum, kept| (sum.0 + kept.blocks, sum.1 + kept.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded_and_the_oldest_go_first() {
        let mut times = Times::default();
        assert_eq!(times.percentile(50), None);
        for n in 0..SAMPLES as u64 {
            times.add(Duration::from_millis(n));
        }
        assert_eq!(times.percentile(100), Some(SAMPLES as u64 - 1));
        for _ in 0..SAMPLES {
            times.add(Duration::from_secs(60));
        }
        assert_eq!((times.samples.len(), times.percentile(1)), (SAMPLES, Some(60_000)));
    }
}
