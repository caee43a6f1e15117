//! A job and its index rows. Every change of a job goes through `insert`, `replace` or `remove`, which keep
//! the row and its indices together.

use crate::{FailureClass, Lane, QueueError, row};
use bmn_primitives::{BlockRef, ChainId};
use bmn_store::{QueueTable, Reads, WriteTx};
use bmn_swap::{Action, ActionKey, Wake, When};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Sleeps until any of these comes true.
    Waiting(Vec<Wake>),
    /// May be leased.
    Ready,
    /// Somebody works on it.
    Leased {
        /// Epoch of the process that took it.
        epoch: u64,
        /// Unless it is renewed: when it ends, seconds of that process's monotonic clock.
        until: u64,
    },
    /// Its transaction is signed and stored; the executor follows it until the nonce is settled.
    Sent,
    /// A dead letter: failed too often, or given up.
    Dead {
        /// Why, at most [`JobRow::MAX_TEXT`] bytes.
        reason: String,
        /// What kind of failure was the last one.
        class: FailureClass,
        /// Newest block of the acting chain at that moment.
        at: Option<BlockRef>,
    },
}

/// A state without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

    /// Whether somebody works on it, or its transaction is out.
    pub(crate) const fn is_held(&self) -> bool {
        matches!(self, Self::Leased { .. } | Self::Sent)
    }

    /// The state of a job that nobody works on and that is due `when`.
    pub(crate) fn due(when: &When) -> Self {
        match when {
            When::Now => Self::Ready,
            When::Wake(wakes) => Self::Waiting(wakes.clone()),
        }
    }
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub class: FailureClass,
    /// What it said, at most [`JobRow::MAX_TEXT`] bytes.
    pub error: String,
    /// Newest block of the acting chain at that moment.
    pub at: Option<BlockRef>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// What to do.
    pub key: ActionKey,
    /// Where it stands.
    pub state: JobState,
    /// Failed attempts so far; a requeue begins again with none.
    pub attempts: u32,
    /// Number in the order of creation: among equally urgent jobs the oldest goes first.
    pub seq: u64,
    /// After a failure: not ready before this, whatever the plan says.
    pub not_before: Option<Wake>,
    /// Latest safe time, unix seconds of the acting chain.
    pub deadline: Option<u64>,
    /// Fencing token of its newest lease; 0 before the first.
    pub token: u64,
    /// Leased, and not wanted any more: it goes when it is handed back.
    pub is_revoked: bool,
    /// Its newest failures, oldest first, at most [`Self::MAX_FAILURES`]. A requeue keeps them.
    pub failures: Vec<Failure>,
}

/// The right to work on a leased or sent job, until somebody else has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub key: ActionKey,
    /// Fencing token of the lease; every later lease, of whatever job, has a higher one.
    pub token: u64,
}

impl JobRow {
    /// Longest error or reason that is kept, bytes.
    pub const MAX_TEXT: usize = 512;

    /// Failures that are kept.
    pub const MAX_FAILURES: usize = 8;

    /// The claim of whoever leased it last.
    pub const fn claim(&self) -> Claim {
        Claim { key: self.key, token: self.token }
    }

    /// What the last failure said.
    pub fn last_error(&self) -> Option<&str> {
        self.failures.last().map(|failure| failure.error.as_str())
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.attempts = self.attempts.saturating_add(1);
        if self.failures.len() >= Self::MAX_FAILURES {
            self.failures.remove(0);
        }
        self.failures.push(failure);
    }

    /// Its lane. A cancel that loses nothing by waiting is of a source escrow that a stranger made in our name
    /// and we refused: it goes after everything of our own.
    pub fn lane(&self) -> Lane {
        match (self.key.action, self.deadline) {
            (Action::CancelSource, None) => Lane::Keeper,
            (action, _) => Lane::of(action),
        }
    }

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

/// A key of the ready index: chain, lane, deadline, sequence number.
pub(crate) fn ready_key(job: &JobRow) -> Vec<u8> {
    let lane = [job.lane() as u8];
    // What loses nothing by waiting goes after all that does.
    let deadline = job.deadline.unwrap_or(u64::MAX);
    let chain = job.key.chain.0.to_be_bytes();
    [&chain[..], &lane, &deadline.to_be_bytes(), &job.seq.to_be_bytes()].concat()
}

const LEASED: u8 = 0;
const SENT: u8 = 1;

/// Length of a key of the index of held jobs: chain, kind, end of the lease, action.
pub(crate) const HELD_LEN: usize = 8 + 1 + 8 + ActionKey::LEN;

/// Leases of a chain are adjacent and sorted by their end.
pub(crate) fn lease_prefix(chain: ChainId) -> [u8; 9] {
    let mut prefix = [LEASED; 9];
    prefix[..8].copy_from_slice(&chain.0.to_be_bytes());
    prefix
}

fn held_key(key: ActionKey, kind: u8, until: u64) -> Vec<u8> {
    let chain = key.chain.0.to_be_bytes();
    [&chain[..], &[kind], &until.to_be_bytes(), &key.to_bytes()].concat()
}

/// Where the sent jobs of a chain stand in the index of held jobs; the end is not among them.
pub(crate) fn held_sent(chain: ChainId) -> (Vec<u8>, Vec<u8>) {
    let at = |kind: u8| [&chain.0.to_be_bytes()[..], &[kind]].concat();
    (at(SENT), at(SENT + 1))
}

/// The action of a row of the index of held jobs.
pub(crate) fn read_held(row: &[u8]) -> Option<ActionKey> {
    let action = row.get(HELD_LEN - ActionKey::LEN..)?;
    ActionKey::from_bytes(action)
}

fn indices(job: &JobRow) -> Vec<(QueueTable, Vec<u8>, Vec<u8>)> {
    let key = job.key;
    match &job.state {
        JobState::Waiting(wakes) => {
            wakes.iter().map(|wake| (QueueTable::Wakes, wake_key(*wake, key), Vec::new())).collect()
        }
        JobState::Ready => vec![(QueueTable::Ready, ready_key(job), key.to_bytes().to_vec())],
        JobState::Leased { until, .. } => {
            vec![(QueueTable::Held, held_key(key, LEASED, *until), Vec::new())]
        }
        JobState::Sent => vec![(QueueTable::Held, held_key(key, SENT, 0), Vec::new())],
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
        Some(found) => Ok(Some(row::from_bytes(&bytes, &found)?)),
        None => Ok(None),
    }
}

/// The job of an action that must have one.
pub(crate) fn require<R: Reads + ?Sized>(read: &R, key: &ActionKey) -> Result<JobRow, QueueError> {
    load(read, key)?.ok_or(QueueError::NoSuchJob { key: *key })
}

/// The job that a row of an index names.
pub(crate) fn indexed<R: Reads + ?Sized>(
    read: &R,
    table: QueueTable,
    key: Option<ActionKey>,
) -> Result<JobRow, QueueError> {
    let job = key.map(|key| load(read, &key)).transpose()?.flatten();
    let reason = "it names a job that does not exist";
    job.ok_or(QueueError::Damaged { table: table.name(), reason })
}

/// Stores a job that did not exist.
pub(crate) fn insert(tx: &mut WriteTx, job: &JobRow) -> Result<(), QueueError> {
    for (table, key, value) in indices(job) {
        tx.queue_put(table, &key, &value)?;
    }
    Ok(tx.queue_put(QueueTable::Jobs, &job.key.to_bytes(), &row::to_bytes(job)?)?)
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

/// Stores `after` in place of `before`, which somebody held and does not hold any more; one that was
/// revoked meanwhile goes instead. Answers whether it stays.
pub(crate) fn hand_back(
    tx: &mut WriteTx,
    before: &JobRow,
    after: JobRow,
) -> Result<bool, QueueError> {
    if before.is_revoked {
        remove(tx, before)?;
        return Ok(false);
    }
    replace(tx, before, &after)?;
    Ok(true)
}
