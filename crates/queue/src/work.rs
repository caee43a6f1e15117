//! Working on jobs: from the lease to the end.

use crate::job::{self, JobRow, JobState, bounded, require};
use crate::{QueueError, StateKind};
use bmn_primitives::ChainId;
use bmn_store::{QueueTable, Reads, WriteTx};
use bmn_swap::{ActionKey, Wake, When};

/// What became of a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It will be tried again.
    Later,
    /// It failed too often and is a dead letter now.
    Dead,
}

/// Leases the most urgent ready job that acts on `chain`: lowest action priority, then oldest.
///
/// # Errors
/// [`QueueError::Damaged`] when the index names a job that does not exist.
pub fn lease(tx: &mut WriteTx, chain: ChainId, epoch: u64) -> Result<Option<JobRow>, QueueError> {
    let from = chain.0.to_be_bytes();
    let below = chain.0.checked_add(1).map(u64::to_be_bytes);
    let below = below.as_ref().map(|below| &below[..]);
    let first = tx.queue_scan(QueueTable::Ready, &from, below, 1)?;
    let Some((_, key)) = first.first() else { return Ok(None) };
    let job = ActionKey::from_bytes(key).map(|key| job::load(tx, &key)).transpose()?.flatten();
    let before = job.ok_or(QueueError::Damaged {
        table: QueueTable::Ready.name(),
        reason: "it names a job that does not exist",
    })?;
    let after = JobRow { state: JobState::Leased { epoch }, ..before.clone() };
    job::replace(tx, &before, &after)?;
    Ok(Some(after))
}

/// Removes a job whose action is done, or needs doing no more. If it becomes due again, a new job
/// is made.
///
/// # Errors
/// [`QueueError::NoSuchJob`].
pub fn finish(tx: &mut WriteTx, key: &ActionKey) -> Result<(), QueueError> {
    let job = require(tx, key)?;
    job::remove(tx, &job)
}

/// Puts a job back that was leased or sent: ready, or asleep until a wake. Not a failure.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is leased or sent.
pub fn park(tx: &mut WriteTx, key: &ActionKey, when: &When) -> Result<(), QueueError> {
    let before = held(tx, key, "park")?;
    job::replace(tx, &before, &JobRow { state: JobState::due(when), ..before.clone() })
}

/// Marks a leased job as sent: its transaction is signed and stored. Repeating it is harmless.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is leased or sent.
pub fn sent(tx: &mut WriteTx, key: &ActionKey) -> Result<(), QueueError> {
    let before = held(tx, key, "sent")?;
    job::replace(tx, &before, &JobRow { state: JobState::Sent, ..before.clone() })
}

/// Counts a failure of a leased or sent job and puts it off until `wake`; the `max_attempts`-th
/// failure makes it a dead letter.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is leased or sent.
pub fn retry(
    tx: &mut WriteTx,
    key: &ActionKey,
    error: &str,
    wake: Wake,
    max_attempts: u32,
) -> Result<Retried, QueueError> {
    let before = held(tx, key, "retry")?;
    let mut after = before.clone();
    after.attempts = before.attempts.saturating_add(1);
    after.last_error = Some(bounded(error));
    let dead = after.attempts >= max_attempts;
    if dead {
        after.state = dead_letter(tx, key, error)?;
        after.not_before = None;
    } else {
        after.state = JobState::Waiting(vec![wake]);
        after.not_before = Some(wake);
    }
    job::replace(tx, &before, &after)?;
    Ok(if dead { Retried::Dead } else { Retried::Later })
}

/// Makes a job a dead letter, in whatever state it is.
///
/// # Errors
/// [`QueueError::NoSuchJob`].
pub fn bury(tx: &mut WriteTx, key: &ActionKey, reason: &str) -> Result<(), QueueError> {
    let before = require(tx, key)?;
    let state = dead_letter(tx, key, reason)?;
    job::replace(tx, &before, &JobRow { state, not_before: None, ..before.clone() })
}

/// Makes a dead letter ready again, with all its attempts before it.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is dead.
pub fn requeue(tx: &mut WriteTx, key: &ActionKey) -> Result<(), QueueError> {
    let before = require(tx, key)?;
    if before.state.kind() != StateKind::Dead {
        let found = before.state.kind();
        return Err(QueueError::WrongState { key: *key, found, wanted: "requeue" });
    }
    job::replace(tx, &before, &JobRow { state: JobState::Ready, attempts: 0, ..before.clone() })
}

/// Removes a job that nobody works on. While its action is due, the next plan makes a new one.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] when it is leased or sent.
pub fn drop_job(tx: &mut WriteTx, key: &ActionKey) -> Result<(), QueueError> {
    let job = require(tx, key)?;
    match job.state.kind() {
        found @ (StateKind::Leased | StateKind::Sent) => {
            Err(QueueError::WrongState { key: *key, found, wanted: "drop" })
        }
        _ => job::remove(tx, &job),
    }
}

fn held(tx: &WriteTx, key: &ActionKey, wanted: &'static str) -> Result<JobRow, QueueError> {
    let job = require(tx, key)?;
    match job.state.kind() {
        StateKind::Leased | StateKind::Sent => Ok(job),
        found => Err(QueueError::WrongState { key: *key, found, wanted }),
    }
}

fn dead_letter(tx: &WriteTx, key: &ActionKey, reason: &str) -> Result<JobState, QueueError> {
    let at = tx.cursor(key.chain)?.tip;
    // The reason is kept in the row and not logged: only the row is bounded.
    tracing::warn!(
        target: "bmn::queue",
        order = %key.order, action = key.action.name(), chain = %key.chain,
        "job is a dead letter"
    );
    Ok(JobState::Dead { reason: bounded(reason), at })
}
