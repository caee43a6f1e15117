//! Steps the node has to take.

use crate::Cursor;
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a waiting job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "camelCase")]
pub struct JobEntry {
    /// Order it is for.
    pub order_id: String,
    /// The step, for example `fundDestination`.
    pub action: String,
    /// Chain it happens on, by id.
    pub chain: u64,
    /// Escrow it touches; `null` for a fill or a funding.
    pub escrow: Option<Address>,
    /// Where it stands.
    pub state: JobState,
    /// What it waits for; any one of these wakes it. Empty unless it is waiting.
    pub wakes: Vec<WakeEntry>,
    /// Failed attempts.
    pub attempts: u32,
    /// Why the last attempt failed, or why it was given up.
    pub last_error: Option<String>,
}

/// A page of jobs, by order id and urgency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
