//! Making the jobs what the plans want and what the chains allow.

use crate::QueueError;
use crate::job::{
    self, HELD_LEN, JobRow, JobState, indexed, read_held, read_wake, ready_key, wake_prefix,
};
use crate::look::jobs_of;
use bmn_primitives::{ChainId, OrderId};
use bmn_store::{QueueTable, Reads, WriteTx};
use bmn_swap::{ActionKey, Due, Wake};
use std::collections::BTreeMap;

/// How many jobs [`promote`] wakes at most in one call, so that no transaction grows without bound.
pub const PROMOTE_LIMIT: usize = 1024;

/// What [`reconcile`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Jobs that are new.
    pub added: usize,
    /// Jobs, dead letters included, that are gone because nothing wants them.
    pub revoked: usize,
    /// Jobs that became ready, or wait for something else now.
    pub updated: usize,
}

/// Makes the jobs of `order` what its plan wants. `deadline` knows the latest safe time of an action
/// ([`deadline_of`](crate::deadline_of)).
///
/// A job that is leased or sent is left with whoever holds it, wanted or not: a transaction of it may
/// be out. A leased one that is not wanted goes when it is handed back. A dead letter stays until
/// somebody requeues or drops it. Calling it twice with the same list changes nothing the second time.
///
/// # Errors
/// [`QueueError::Store`]; nothing else.
pub fn reconcile(
    tx: &mut WriteTx,
    order: OrderId,
    due: &[Due],
    deadline: impl Fn(&ActionKey) -> Option<u64>,
) -> Result<Reconciled, QueueError> {
    let mut done = Reconciled::default();
    let mut wanted: BTreeMap<ActionKey, &Due> = due.iter().map(|due| (due.key, due)).collect();
    for job in jobs_of(tx, order)? {
        let mut after = job.clone();
        match (wanted.remove(&job.key), &job.state) {
            (_, JobState::Sent | JobState::Dead { .. }) => continue,
            (wanted, JobState::Leased { .. }) => {
                after.is_revoked = wanted.is_none();
            }
            (None, _) => {
                job::remove(tx, &job)?;
                done.revoked += 1;
                continue;
            }
            (Some(due), _) => {
                after.state = job.follow(&due.when);
                after.deadline = deadline(&due.key);
                done.updated += usize::from(after.state != job.state);
            }
        }
        if after != job {
            job::replace(tx, &job, &after)?;
        }
    }
    for due in wanted.into_values() {
        let job = JobRow {
            key: due.key,
            state: JobState::due(&due.when),
            attempts: 0,
            seq: tx.next_job_seq()?,
            not_before: None,
            deadline: deadline(&due.key),
            token: 0,
            is_revoked: false,
            failures: Vec::new(),
        };
        job::insert(tx, &job)?;
        done.added += 1;
    }
    Ok(done)
}

/// Makes ready the jobs that waited for `chain` to reach `head_number` or for a block with a
/// timestamp of `next_time` (unix seconds, the earliest the next block can have). Answers how many;
/// when that is [`PROMOTE_LIMIT`], more may be waiting: call again in another transaction.
///
/// A job that was put off after a failure stays asleep until what it was put off to has come.
///
/// # Errors
/// [`QueueError::Damaged`] when an index names a job that does not exist.
pub fn promote(
    tx: &mut WriteTx,
    chain: ChainId,
    head_number: u64,
    next_time: u64,
) -> Result<usize, QueueError> {
    let mut promoted = 0;
    for (is_time, reached) in [(false, head_number), (true, next_time)] {
        for key in due_wakes(tx, chain, is_time, reached, PROMOTE_LIMIT - promoted)? {
            promoted += usize::from(wake_up(tx, key, chain, head_number, next_time)?);
        }
    }
    Ok(promoted)
}

fn due_wakes(
    tx: &WriteTx,
    chain: ChainId,
    is_time: bool,
    reached: u64,
    limit: usize,
) -> Result<Vec<ActionKey>, QueueError> {
    let prefix = wake_prefix(chain, is_time);
    // `reached` itself counts; the bytes after it are the highest that a wake row can have.
    let below = [&prefix[..], &reached.to_be_bytes(), &[u8::MAX; ActionKey::LEN + 1]].concat();
    let rows = tx.queue_scan(QueueTable::Wakes, &prefix, Some(&below), limit)?;
    rows.iter().map(|(row, _)| Ok(read_wake(row)?.1)).collect()
}

fn wake_up(
    tx: &mut WriteTx,
    key: ActionKey,
    chain: ChainId,
    head_number: u64,
    next_time: u64,
) -> Result<bool, QueueError> {
    let before = indexed(tx, QueueTable::Wakes, Some(key))?;
    // Another wake of the same job may have come true a moment ago.
    if !matches!(before.state, JobState::Waiting(_)) {
        return Ok(false);
    }
    let is_met = |wake: &Wake| match *wake {
        Wake::Height { chain: on, number } => on == chain && number <= head_number,
        Wake::Time { chain: on, time } => on == chain && time <= next_time,
    };
    let not_before = before.not_before.filter(|wake| !is_met(wake));
    let state = not_before.map_or(JobState::Ready, |wake| JobState::Waiting(vec![wake]));
    let ready = not_before.is_none();
    job::replace(tx, &before, &JobRow { state, not_before, ..before.clone() })?;
    Ok(ready)
}

/// Returns to ready what processes before `epoch` had leased; what of it was not wanted any more goes.
/// Sent jobs are not touched: their transactions are followed by what the store knows of them. Answers
/// how many came back.
///
/// # Errors
/// [`QueueError::Damaged`] when an index names a job that does not exist.
pub fn recover(tx: &mut WriteTx, epoch: u64) -> Result<usize, QueueError> {
    renew_indices(tx)?;
    let mut recovered = 0;
    for (row, _) in tx.queue_scan(QueueTable::Held, &[], None, usize::MAX)? {
        let before = indexed(tx, QueueTable::Held, read_held(&row))?;
        if matches!(before.state, JobState::Leased { epoch: theirs, .. } if theirs < epoch) {
            job::hand_back(tx, &before, JobRow { state: JobState::Ready, ..before.clone() })?;
            recovered += 1;
        }
    }
    Ok(recovered)
}

/// Returns to ready what was leased on `chain` and nobody runs any more: whoever ran it has ended in the middle, in this
/// process. Answers how many came back.
///
/// # Errors
/// [`QueueError::Damaged`] when an index names a job that does not exist.
pub fn release(tx: &mut WriteTx, chain: ChainId) -> Result<usize, QueueError> {
    let mut released = 0;
    for (row, _) in tx.queue_scan(QueueTable::Held, &[], None, usize::MAX)? {
        let before = indexed(tx, QueueTable::Held, read_held(&row))?;
        if before.key.chain == chain && matches!(before.state, JobState::Leased { .. }) {
            job::hand_back(tx, &before, JobRow { state: JobState::Ready, ..before.clone() })?;
            released += 1;
        }
    }
    Ok(released)
}

// Index rows of the first form have other keys; what they point to has not moved.
fn renew_indices(tx: &mut WriteTx) -> Result<(), QueueError> {
    for table in [QueueTable::Ready, QueueTable::Held] {
        for (row, value) in tx.queue_scan(table, &[], None, usize::MAX)? {
            let key = match table {
                QueueTable::Ready => ActionKey::from_bytes(&value),
                _ if row.len() == HELD_LEN => continue,
                _ => row.get(8..).and_then(ActionKey::from_bytes),
            };
            let job = indexed(tx, table, key)?;
            // What it is to be found by may follow from it in another way than before.
            if table == QueueTable::Ready && row == ready_key(&job) {
                continue;
            }
            tx.queue_remove(table, &row)?;
            job::insert(tx, &job)?;
        }
    }
    Ok(())
}
