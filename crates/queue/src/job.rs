//! A job and its index rows. Every change of a job goes through `insert`, `replace` or `remove`, which keep
//! the row and its indices together.

use crate::QueueError;
use bmn_primitives::{BlockRef, ChainId};
use bmn_store::{QueueTable, Reads, WriteTx, decode, encode};
use bmn_swap::{ActionKey, Wake, When};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// Sleeps until any of these comes true.
    Waiting(Vec<Wake>),
    /// May be leased.
    Ready,
    /// Somebody works on it.
    Leased {
        /// Epoch of the process that took it.
        epoch: u64,
    },
    /// Its transaction is signed and stored; the executor follows it until the nonce is settled.
    Sent,
    /// A dead letter: failed too often, or given up.
    Dead {
        /// Why, at most [`JobRow::MAX_TEXT`] bytes.
        reason: String,
        /// Newest block of the acting chain at that moment.
        at: Option<BlockRef>,
    },
}

/// A state without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StateKind {
    /// [`JobState::Waiting`].
    Waiting,
    /// [`JobState::Ready`].
    Ready,
    /// [`JobState::Leased`].
    Leased,
    /// [`JobState::Sent`].
    Sent,
    /// [`JobState::Dead`].
    Dead,
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Sent => "sent",
            Self::Dead => "dead",
        })
    }
}

impl JobState {
    /// The state without its content.
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Waiting(_) => StateKind::Waiting,
            Self::Ready => StateKind::Ready,
            Self::Leased { .. } => StateKind::Leased,
            Self::Sent => StateKind::Sent,
            Self::Dead { .. } => StateKind::Dead,
        }
    }

    /// The state of a job that nobody works on and that is due `when`.
    pub(crate) fn due(when: &When) -> Self {
        match when {
            When::Now => Self::Ready,
            When::Wake(wakes) => Self::Waiting(wakes.clone()),
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// What to do.
    pub key: ActionKey,
    /// Where it stands.
    pub state: JobState,
    /// Failed attempts so far.
    pub attempts: u32,
    /// Number in the order of creation: among equally urgent jobs the oldest goes first.
    pub seq: u64,
    /// What the last failure said, at most [`Self::MAX_TEXT`] bytes.
    pub last_error: Option<String>,
    /// After a failure: not ready before this, whatever the plan says.
    pub not_before: Option<Wake>,
}

impl JobRow {
    /// Longest error or reason that is kept, bytes.
    pub const MAX_TEXT: usize = 512;

    /// What the job becomes when the plan wants it `when`: a failed job stays put off.
    pub(crate) fn follow(&self, when: &When) -> JobState {
        match (JobState::due(when), self.not_before) {
            (JobState::Ready, Some(wake)) => JobState::Waiting(vec![wake]),
            (state, _) => state,
        }
    }
}

/// `text`, cut to [`JobRow::MAX_TEXT`] bytes at a character's boundary.
pub(crate) fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(JobRow::MAX_TEXT)].to_owned()
}

const HEIGHT: u8 = 0;
const TIME: u8 = 1;

/// Wakes of one kind on one chain are adjacent and sorted by value.
pub(crate) fn wake_prefix(chain: ChainId, is_time: bool) -> [u8; 9] {
    let mut prefix = [if is_time { TIME } else { HEIGHT }; 9];
    prefix[..8].copy_from_slice(&chain.0.to_be_bytes());
    prefix
}

fn wake_key(wake: Wake, key: ActionKey) -> Vec<u8> {
    let (prefix, value) = match wake {
        Wake::Height { chain, number } => (wake_prefix(chain, false), number),
        Wake::Time { chain, time } => (wake_prefix(chain, true), time),
    };
    [&prefix[..], &value.to_be_bytes(), &key.to_bytes()].concat()
}

/// The value and the job of a wake row.
pub(crate) fn read_wake(row: &[u8]) -> Result<(u64, ActionKey), QueueError> {
    let value = row.get(9..17).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    let key = row.get(17..).and_then(ActionKey::from_bytes);
    value.zip(key).ok_or(QueueError::Damaged {
        table: QueueTable::Wakes.name(),
        reason: "a key is not chain, kind, value, action",
    })
}

fn ready_key(job: &JobRow) -> Vec<u8> {
    let priority = [job.key.action.priority()];
    [&job.key.chain.0.to_be_bytes()[..], &priority, &job.seq.to_be_bytes()].concat()
}

/// Held jobs by acting chain.
pub(crate) fn held_key(key: ActionKey) -> Vec<u8> {
    [&key.chain.0.to_be_bytes()[..], &key.to_bytes()].concat()
}

fn indices(job: &JobRow) -> Vec<(QueueTable, Vec<u8>, Vec<u8>)> {
    let key = job.key;
    match &job.state {
        JobState::Waiting(wakes) => {
            wakes.iter().map(|wake| (QueueTable::Wakes, wake_key(*wake, key), Vec::new())).collect()
        }
        JobState::Ready => vec![(QueueTable::Ready, ready_key(job), key.to_bytes().to_vec())],
        JobState::Leased { .. } | JobState::Sent => {
            vec![(QueueTable::Held, held_key(key), Vec::new())]
        }
        JobState::Dead { .. } => vec![(QueueTable::Dead, key.to_bytes().to_vec(), Vec::new())],
    }
}

/// The job of an action.
pub(crate) fn load<R: Reads + ?Sized>(
    read: &R,
    key: &ActionKey,
) -> Result<Option<JobRow>, QueueError> {
    let bytes = key.to_bytes();
    match read.queue_get(QueueTable::Jobs, &bytes)? {
        Some(row) => Ok(Some(decode(QueueTable::Jobs.name(), &bytes, &row)?)),
        None => Ok(None),
    }
}

/// The job of an action that must have one.
pub(crate) fn require<R: Reads + ?Sized>(read: &R, key: &ActionKey) -> Result<JobRow, QueueError> {
    load(read, key)?.ok_or(QueueError::NoSuchJob { key: *key })
}

/// Stores a job that did not exist.
pub(crate) fn insert(tx: &mut WriteTx, job: &JobRow) -> Result<(), QueueError> {
    for (table, key, value) in indices(job) {
        tx.queue_put(table, &key, &value)?;
    }
    let row = encode(QueueTable::Jobs.name(), job)?;
    Ok(tx.queue_put(QueueTable::Jobs, &job.key.to_bytes(), &row)?)
}

/// Stores `after` in place of `before`.
pub(crate) fn replace(tx: &mut WriteTx, before: &JobRow, after: &JobRow) -> Result<(), QueueError> {
    for (table, key, _) in indices(before) {
        tx.queue_remove(table, &key)?;
    }
    insert(tx, after)
}

/// Removes a job.
pub(crate) fn remove(tx: &mut WriteTx, job: &JobRow) -> Result<(), QueueError> {
    for (table, key, _) in indices(job) {
        tx.queue_remove(table, &key)?;
    }
    Ok(tx.queue_remove(QueueTable::Jobs, &job.key.to_bytes())?)
}
