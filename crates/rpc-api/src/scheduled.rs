//! Jobs that the node does by the clock. Not the steps of swaps: those are [`JobEntry`](crate::JobEntry).

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// How much a scheduled job matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum JobPriority {
    /// It waits neither for other jobs nor for memory.
    Critical,
    /// Something is not seen without it.
    High,
    /// It can be late.
    Medium,
    /// It can be much later.
    Low,
}

/// How a run of a scheduled job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RunResult {
    /// It has not.
    Running,
    /// Well.
    Succeeded,
    /// With an error, after all attempts.
    Failed,
    /// Its last attempt took too long.
    TimedOut,
    /// By a bug.
    Panicked,
    /// The node was stopped meanwhile; no failure.
    Stopped,
    /// The node ended without a word meanwhile.
    Interrupted,
}

impl fmt::Display for JobPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for RunResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A scheduled job. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScheduledJob {
    /// Its name.
    pub name: String,
    /// What it does.
    pub about: String,
    /// When it runs, by UTC: cron text, `every 10s`, or `off`.
    pub schedule: String,
    /// How much it matters.
    pub priority: JobPriority,
    /// True while a run is under way.
    pub running: bool,
    /// Its next slot.
    pub next_ms: Option<u64>,
    /// Why a slot that has come is not run yet.
    pub waits: Option<String>,
    /// Runs that ended, ever.
    pub runs: u64,
    /// Those that ended well.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Failures since one ended well.
    pub consecutive_failures: u32,
    /// Start of the newest run.
    pub last_start_ms: Option<u64>,
    /// End of the newest run that ended.
    pub last_end_ms: Option<u64>,
    /// End of the newest that ended well.
    pub last_success_ms: Option<u64>,
    /// Why the newest failed.
    pub last_error: Option<String>,
    /// True with fewer than three failures in a row and a start within the last two periods.
    pub healthy: bool,
    /// True when it did not start within one and a half periods.
    pub missed: bool,
}

/// A run of a scheduled job. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScheduledRun {
    /// The job.
    pub job: String,
    /// The slot it was for; none when somebody asked for it.
    pub slot_ms: Option<u64>,
    /// When it began.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// How.
    pub result: RunResult,
    /// Attempts that were begun.
    pub attempts: u32,
    /// What it counted, by name.
    pub counters: BTreeMap<String, u64>,
    /// What it says for people.
    pub note: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartedRun {
    /// The job.
    pub job: String,
    /// When it began, milliseconds since 1970: by that it is found among the runs.
    pub started_ms: u64,
}
