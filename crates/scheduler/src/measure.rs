//! What is measured of jobs.

use crate::{JobHealth, Run, Totals};
use metrics::{counter, gauge, histogram};

const RUNS: &str = "bmn_job_runs_total";
const SECONDS: &str = "bmn_job_run_seconds";
const LAST_SUCCESS: &str = "bmn_job_last_success_timestamp_seconds";
const FAILURES: &str = "bmn_job_consecutive_failures";
const HEALTHY: &str = "bmn_job_healthy";

/// How a measured value behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasuredKind {
    /// It only grows while the process runs.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Many values, in buckets.
    Histogram,
}

/// A measured value of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MeasuredKind,
    /// Its labels, each with the values it may have.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it is, for people.
    pub help: &'static str,
}

const JOB: (&str, &str) = ("job", "name of a scheduled job");

/// Everything that this crate measures.
pub const MEASURED: [Measured; 5] = [
    Measured {
        name: RUNS,
        kind: MeasuredKind::Counter,
        labels: &[JOB, ("outcome", "`succeeded`, `failed`, `timedOut`, `panicked` or `stopped`")],
        help: "Runs of a scheduled job that ended",
    },
    Measured {
        name: SECONDS,
        kind: MeasuredKind::Histogram,
        labels: &[JOB],
        help: "How long runs of a scheduled job took, with their further attempts",
    },
    Measured {
        name: LAST_SUCCESS,
        kind: MeasuredKind::Gauge,
        labels: &[JOB],
        help: "When a scheduled job last ended well, unix seconds",
    },
    Measured {
        name: FAILURES,
        kind: MeasuredKind::Gauge,
        labels: &[JOB],
        help: "Runs of a scheduled job that failed since one ended well",
    },
    Measured {
        name: HEALTHY,
        kind: MeasuredKind::Gauge,
        labels: &[JOB],
        help: "1 while a scheduled job failed fewer than three times in a row and began within its last two periods",
    },
];

#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
const fn number(of: u64) -> f64 {
    of as f64
}

pub(crate) fn ended(job: &'static str, run: &Run, totals: &Totals) {
    counter!(RUNS, "job" => job, "outcome" => run.result.name()).increment(1);
    if let Some(ended) = run.ended_ms {
        let seconds = number(ended.saturating_sub(run.started_ms)) / 1_000.0;
        histogram!(SECONDS, "job" => job).record(seconds);
    }
    standing(job, totals);
}

pub(crate) fn standing(job: &'static str, totals: &Totals) {
    gauge!(FAILURES, "job" => job).set(f64::from(totals.consecutive_failures));
    if let Some(at) = totals.last_success_ms {
        gauge!(LAST_SUCCESS, "job" => job).set(number(at / 1_000));
    }
}

pub(crate) fn health(job: &'static str, health: JobHealth) {
    gauge!(HEALTHY, "job" => job).set(f64::from(u8::from(health.healthy)));
}
