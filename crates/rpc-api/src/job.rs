//! Steps the node has to take.

use crate::{Cursor, WireBlock};
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a waiting job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum WakeEntry {
    /// The chain's head has at least this number.
    Height {
        /// Chain id.
        chain: u64,
        /// Block number.
        number: u64,
    },
    /// The chain's next block can have at least this timestamp.
    Time {
        /// Chain id.
        chain: u64,
        /// Unix seconds.
        time: u64,
    },
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum JobState {
    /// Waits for a height or a time.
    Waiting,
    /// May be taken.
    Ready,
    /// Being worked on.
    Leased,
    /// Its transaction is signed, and the chain has not settled it yet.
    Sent,
    /// Given up; an operator must look.
    Dead,
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A step the node has to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobEntry {
    /// Order it is for.
    pub order_id: String,
    /// The step, for example `fundDestination`.
    pub action: String,
    /// Chain it happens on, by id.
    pub chain: u64,
    /// Escrow it touches; `null` for a fill or a funding.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// Where it stands.
    pub state: JobState,
    /// What it waits for; any one of these wakes it. Empty unless it is waiting.
    pub wakes: Vec<WakeEntry>,
    /// Failed attempts.
    pub attempts: u32,
    /// Latest safe time, unix seconds of its chain; `null` when nothing is lost by waiting.
    pub deadline: Option<u64>,
    /// Why the last attempt failed, or why it was given up. Always `null` in a swap, where everybody may read it;
    /// `bmn_getJobs` tells it.
    pub last_error: Option<String>,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FailureEntry {
    /// Its kind: `host`, `tooEarly`, `alreadyDone`, `reverted`, `noEffect`, `inventory`, `abandoned`,
    /// `final`, `deferred` or `panicked`.
    pub class: String,
    /// What it said.
    pub error: String,
    /// Newest block of the job's chain at that moment.
    pub at: Option<WireBlock>,
}

/// A step that was given up; somebody has to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Order it is for.
    pub order_id: String,
    /// The step, for example `fundDestination`.
    pub action: String,
    /// Chain it happens on, by id.
    pub chain: u64,
    /// Escrow it touches; `null` for a fill or a funding.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// Why it was given up.
    pub reason: String,
    /// Kind of the last failure, as in [`FailureEntry::class`].
    pub class: String,
    /// Newest block of its chain at that moment.
    pub at: Option<WireBlock>,
    /// Failed attempts since it was made or requeued.
    pub attempts: u32,
    /// Latest safe time, unix seconds of its chain; `null` when there is none.
    pub deadline: Option<u64>,
    /// Its newest failures, oldest first; those before a requeue are kept.
    pub failures: Vec<FailureEntry>,
}

/// A page of dead letters, by order id and urgency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterPage {
    /// The dead letters.
    pub items: Vec<DeadLetter>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// Names a dead letter. What is left out need not be named when one alone has the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetterKey {
    /// Order it is for, by its full id.
    pub order: String,
    /// The step, for example `fundDestination`.
    pub action: String,
    /// Chain it happens on, by id.
    #[serde(default)]
    pub chain: Option<u64>,
    /// Escrow it touches.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
}

/// A page of jobs, by order id and urgency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobPage {
    /// The jobs.
    pub items: Vec<JobEntry>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_says_what_it_is() {
        let wake = serde_json::to_value(WakeEntry::Time { chain: 1, time: 2 }).unwrap();
        assert_eq!(wake, serde_json::json!({"kind": "time", "chain": 1, "time": 2}));
    }
}
