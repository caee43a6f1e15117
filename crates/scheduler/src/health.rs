//! How a job does: pure functions over what is known of it (S3-59, S3-61).

use crate::{Schedule, Totals};

/// Failures in a row from which on a job is unhealthy.
pub const MOST_FAILURES: u32 = 3;

/// How a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobHealth {
    /// Fewer than three failures in a row, and a start within the last two periods.
    pub healthy: bool,
    /// No start within one and a half periods.
    pub missed: bool,
}

/// Judges a job at a time. `since_ms`: when its schedule began to count, the start of the process or the last change of
/// the schedule.
pub fn health(schedule: &Schedule, totals: &Totals, since_ms: u64, now_ms: u64) -> JobHealth {
    let failing = totals.consecutive_failures >= MOST_FAILURES;
    // A start in the future was written before the clock was set back: it says nothing.
    let started = totals.last_start_ms.filter(|start| *start <= now_ms);
    let base = started.map_or(since_ms, |start| start.max(since_ms));
    let late = |halves: u64| {
        let expected = schedule.next_after(base)?;
        let period = schedule.period_at(base)?;
        Some(now_ms > expected.saturating_add(period.saturating_mul(halves) / 2))
    };
    JobHealth { healthy: !failing && !late(2).unwrap_or(false), missed: late(1).unwrap_or(false) }
}
