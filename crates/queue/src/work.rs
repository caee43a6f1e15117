//! Working on jobs: from the lease to the end. Whoever works on a job has a [`Claim`]; every write
//! checks it, so that a late worker changes nothing.

use crate::job::{self, Claim, Failure, JobRow, JobState, bounded, indexed, lease_prefix};
use crate::look::{expired_leases, jobs_of};
use crate::retry::{NextAttempt, RetryPolicy, jitter, next_attempt};
use crate::{FailureClass, Lane, QueueError, StateKind};
use bmn_primitives::{BlockRef, ChainId, OrderId};
use bmn_store::{QueueTable, Reads, WriteTx};
use bmn_swap::{ActionKey, Wake, When};

/// Leases under way at once on one chain. Open orders are not bounded by it.
pub const MAX_LEASES: usize = 10;

/// Seconds after which a lease that was not renewed is over.
pub const LEASE_SECONDS: u64 = 300;

const PAGE: usize = 16;

/// What became of a failed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It will be tried again.
    Later,
    /// It is a dead letter now, for this reason.
    Dead(String),
    /// It was not wanted any more, and is gone.
    Revoked,
}

/// Leases the most urgent ready job that acts on `chain`: by lane, then by latest safe time, then the
/// oldest. The jobs of an order are leased one at a time, whichever chains they act on, and a chain
/// has [`MAX_LEASES`] at most. The lease ends [`LEASE_SECONDS`] after `now`, seconds of a clock that
/// does not go back while `epoch` lives.
///
/// # Errors
/// [`QueueError::Damaged`] when the index names a job that does not exist.
pub fn lease(
    tx: &mut WriteTx,
    chain: ChainId,
    epoch: u64,
    now: u64,
) -> Result<Option<JobRow>, QueueError> {
    if leases(tx, chain)? >= MAX_LEASES {
        return Ok(None);
    }
    let Some(key) = first_free(tx, chain)? else { return Ok(None) };
    let next = indexed(tx, QueueTable::Ready, Some(key))?;
    Ok(Some(lease_of(tx, &next, epoch, now)?))
}

/// Leases the most urgent ready jobs that act on `chain`, most urgent first, as one [`lease`] after the
/// other would: at most as many as [`MAX_LEASES`] leaves, and all of one lane, so that a way out is never
/// held up by what can wait. A keeper's job comes alone: the next one is judged by what it spends.
///
/// # Errors
/// [`QueueError::Damaged`] when the index names a job that does not exist.
pub fn lease_batch(
    tx: &mut WriteTx,
    chain: ChainId,
    epoch: u64,
    now: u64,
) -> Result<Vec<JobRow>, QueueError> {
    let room = MAX_LEASES.saturating_sub(leases(tx, chain)?);
    let mut batch: Vec<JobRow> = Vec::new();
    while batch.len() < room {
        let Some(key) = first_free(tx, chain)? else { break };
        let next = indexed(tx, QueueTable::Ready, Some(key))?;
        let joins = |first: &JobRow| first.lane() == next.lane() && next.lane() != Lane::Keeper;
        if !batch.first().is_none_or(joins) {
            break;
        }
        batch.push(lease_of(tx, &next, epoch, now)?);
    }
    Ok(batch)
}

fn lease_of(tx: &mut WriteTx, before: &JobRow, epoch: u64, now: u64) -> Result<JobRow, QueueError> {
    let until = now.saturating_add(LEASE_SECONDS);
    let token = tx.next_lease_token()?;
    let after = JobRow { state: JobState::Leased { epoch, until }, token, ..before.clone() };
    job::replace(tx, before, &after)?;
    Ok(after)
}

fn leases(tx: &WriteTx, chain: ChainId) -> Result<usize, QueueError> {
    let from = lease_prefix(chain);
    let below = [&from[..], &[u8::MAX; 8 + ActionKey::LEN + 1]].concat();
    Ok(tx.queue_scan(QueueTable::Held, &from, Some(&below), MAX_LEASES)?.len())
}

// What is skipped belongs to orders with a lease, of which there are few.
fn first_free(tx: &WriteTx, chain: ChainId) -> Result<Option<ActionKey>, QueueError> {
    let mut from = chain.0.to_be_bytes().to_vec();
    let below = chain.0.checked_add(1).map(u64::to_be_bytes);
    let below = below.as_ref().map(|below| &below[..]);
    loop {
        let page = tx.queue_scan(QueueTable::Ready, &from, below, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        from = [&last[..], &[0]].concat();
        for (_, value) in &page {
            let key = ActionKey::from_bytes(value).ok_or(QueueError::Damaged {
                table: QueueTable::Ready.name(),
                reason: "a value is no action",
            })?;
            if !is_leased(tx, key.order)? {
                return Ok(Some(key));
            }
        }
    }
}

fn is_leased(tx: &WriteTx, order: OrderId) -> Result<bool, QueueError> {
    let jobs = jobs_of(tx, order)?;
    Ok(jobs.iter().any(|job| job.state.kind() == StateKind::Leased))
}

/// Checks that a claim holds: for writes beside the job that only its holder may make. Answers the
/// job.
///
/// # Errors
/// [`QueueError::Overtaken`].
pub fn check(read: &impl Reads, claim: &Claim) -> Result<JobRow, QueueError> {
    let Claim { key, token } = *claim;
    let job = job::load(read, &key)?;
    let found = job.as_ref().map(|job| (job.state.kind(), job.token));
    match (job, found) {
        (Some(job), Some((StateKind::Leased | StateKind::Sent, newest))) if newest == token => {
            Ok(job)
        }
        _ => Err(QueueError::Overtaken { key, token, found }),
    }
}

/// The claim to a job that is leased or sent, for whoever looks after its transaction: what it decides
/// now, from what the chain shows now, is not written if somebody takes the job up meanwhile.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is leased or sent.
pub fn claim_of(read: &impl Reads, key: &ActionKey) -> Result<Claim, QueueError> {
    let job = job::require(read, key)?;
    match job.state.kind() {
        StateKind::Leased | StateKind::Sent => Ok(job.claim()),
        found => Err(QueueError::WrongState { key: *key, found, wanted: "claim" }),
    }
}

/// The job of a claim that is to leave its holder: never while its transaction is out.
fn released(tx: &WriteTx, claim: &Claim, wanted: &'static str) -> Result<JobRow, QueueError> {
    let job = check(tx, claim)?;
    if job.state.kind() == StateKind::Sent && tx.intent(&claim.key)?.is_some() {
        return Err(QueueError::InFlight { key: claim.key, wanted });
    }
    Ok(job)
}

/// Gives the job of an action whose intent is stored back to that intent, whatever became of the job:
/// it is sent again, under a token above all others. One that is leased or sent is left as it is. Answers
/// the claim; none when there is no intent any more.
///
/// # Errors
/// [`QueueError::Store`]; nothing else.
pub fn adopt(tx: &mut WriteTx, key: &ActionKey) -> Result<Option<Claim>, QueueError> {
    if tx.intent(key)?.is_none() {
        return Ok(None);
    }
    let before = job::load(tx, key)?;
    if let Some(held) = before.as_ref().filter(|job| job.state.is_held()) {
        return Ok(Some(held.claim()));
    }
    let token = tx.next_lease_token()?;
    let after = match &before {
        Some(job) => JobRow { state: JobState::Sent, token, is_revoked: false, ..job.clone() },
        None => JobRow {
            key: *key,
            state: JobState::Sent,
            attempts: 0,
            seq: tx.next_job_seq()?,
            not_before: None,
            deadline: None,
            token,
            is_revoked: false,
            failures: Vec::new(),
        },
    };
    match &before {
        Some(before) => job::replace(tx, before, &after)?,
        None => job::insert(tx, &after)?,
    }
    Ok(Some(after.claim()))
}

/// Moves the end of a lease to [`LEASE_SECONDS`] after `now`: its worker is alive and gets on.
///
/// # Errors
/// [`QueueError::Overtaken`].
pub fn renew(tx: &mut WriteTx, claim: &Claim, now: u64) -> Result<(), QueueError> {
    let before = check(tx, claim)?;
    let JobState::Leased { epoch, until } = before.state else { return Ok(()) };
    let until = until.max(now.saturating_add(LEASE_SECONDS));
    job::replace(
        tx,
        &before,
        &JobRow { state: JobState::Leased { epoch, until }, ..before.clone() },
    )
}

/// Returns to ready the jobs of `chain` whose lease was over by `now`, with the attempt counted; what
/// of them was not wanted any more goes. Answers how many.
///
/// # Errors
/// [`QueueError::Damaged`] when the index names a job that does not exist.
pub fn expire(tx: &mut WriteTx, chain: ChainId, now: u64) -> Result<usize, QueueError> {
    let rows = expired_leases(tx, chain, now, usize::MAX)?;
    for (row, _) in &rows {
        let before = indexed(tx, QueueTable::Held, job::read_held(row))?;
        let mut after = JobRow { state: JobState::Ready, ..before.clone() };
        let error = format!("its worker was not heard of for {LEASE_SECONDS} s");
        after.fail(Failure { class: FailureClass::Abandoned, error, at: tip(tx, chain)? });
        tracing::warn!(
            target: "bmn::queue", order = %before.key.order, action = before.key.action.name(),
            chain = %chain, lease = before.token, "lease is over"
        );
        job::hand_back(tx, &before, after)?;
    }
    Ok(rows.len())
}

/// Removes a job whose action is done, or needs doing no more. If it becomes due again, a new job
/// is made.
///
/// # Errors
/// [`QueueError::Overtaken`]; [`QueueError::InFlight`].
pub fn finish(tx: &mut WriteTx, claim: &Claim) -> Result<(), QueueError> {
    let job = released(tx, claim, "end")?;
    job::remove(tx, &job)
}

/// Puts a job back: ready, or asleep until a wake. Not a failure. One that was revoked goes.
///
/// # Errors
/// [`QueueError::Overtaken`]; [`QueueError::InFlight`].
pub fn park(tx: &mut WriteTx, claim: &Claim, when: &When) -> Result<(), QueueError> {
    let before = released(tx, claim, "pause")?;
    let after = JobRow { state: JobState::due(when), ..before.clone() };
    job::hand_back(tx, &before, after).map(drop)
}

/// Puts a job off until `wake` for a reason that is no failure of it: it is kept beside the job and not
/// counted. One that was revoked goes.
///
/// # Errors
/// [`QueueError::Overtaken`]; [`QueueError::InFlight`].
pub fn defer(tx: &mut WriteTx, claim: &Claim, reason: &str, wake: Wake) -> Result<(), QueueError> {
    let before = released(tx, claim, "pause")?;
    let mut after =
        JobRow { state: JobState::Waiting(vec![wake]), not_before: Some(wake), ..before.clone() };
    let at = tip(tx, claim.key.chain)?;
    let error = bounded(reason);
    // The same reason, block after block, is one entry.
    if after.failures.last().is_none_or(|last| last.error != error) {
        after.fail(Failure { class: FailureClass::Deferred, error, at });
    }
    after.attempts = before.attempts;
    job::hand_back(tx, &before, after).map(drop)
}

/// Marks a leased job as sent: its transaction is signed and stored. The claim stays. Repeating it is
/// harmless.
///
/// # Errors
/// [`QueueError::Overtaken`].
pub fn sent(tx: &mut WriteTx, claim: &Claim) -> Result<(), QueueError> {
    let before = check(tx, claim)?;
    let after = JobRow { state: JobState::Sent, is_revoked: false, ..before.clone() };
    job::replace(tx, &before, &after)
}

/// Counts a failure: the job sleeps until `policy` wakes it, in the acting chain's time, or is a dead
/// letter. One that was revoked goes.
///
/// # Errors
/// [`QueueError::Overtaken`]; [`QueueError::InFlight`].
pub fn retry(
    tx: &mut WriteTx,
    claim: &Claim,
    class: FailureClass,
    error: &str,
    policy: RetryPolicy,
) -> Result<Retried, QueueError> {
    let before = released(tx, claim, "retry")?;
    let (chain, at) = (claim.key.chain, tip(tx, claim.key.chain)?);
    let mut after = before.clone();
    after.fail(Failure { class, error: bounded(error), at });
    let (failed, now) = (after.attempts, at.map_or(0, |at| at.time));
    let spread = jitter(&claim.key, failed);
    let dead = match next_attempt(policy, failed, now, before.deadline, spread) {
        NextAttempt::Retry(time) => {
            let wake = Wake::Time { chain, time };
            after.state = JobState::Waiting(vec![wake]);
            after.not_before = Some(wake);
            None
        }
        NextAttempt::Dead(why) => Some(bounded(&format!("{why}: {error}"))),
    };
    if let Some(reason) = &dead {
        bury_as(&mut after, class, reason.clone(), at);
    }
    if !job::hand_back(tx, &before, after)? {
        return Ok(Retried::Revoked);
    }
    Ok(dead.map_or(Retried::Later, Retried::Dead))
}

/// Makes a dead letter of a job that is not worth another try. It is kept even if it was revoked:
/// somebody may have to know.
///
/// # Errors
/// [`QueueError::Overtaken`]; [`QueueError::InFlight`].
pub fn bury(
    tx: &mut WriteTx,
    claim: &Claim,
    class: FailureClass,
    reason: &str,
) -> Result<(), QueueError> {
    let before = released(tx, claim, "burial")?;
    let at = tip(tx, claim.key.chain)?;
    let mut after = JobRow { is_revoked: false, ..before.clone() };
    after.fail(Failure { class, error: bounded(reason), at });
    bury_as(&mut after, class, bounded(reason), at);
    job::replace(tx, &before, &after)
}

fn bury_as(job: &mut JobRow, class: FailureClass, reason: String, at: Option<BlockRef>) {
    // The reason is kept in the row and not logged: only the row is bounded.
    tracing::warn!(
        target: "bmn::queue",
        order = %job.key.order, action = job.key.action.name(), chain = %job.key.chain, %class,
        "job is a dead letter"
    );
    job.state = JobState::Dead { reason, class, at };
    job.not_before = None;
}

fn tip(tx: &WriteTx, chain: ChainId) -> Result<Option<BlockRef>, QueueError> {
    Ok(tx.cursor(chain)?.tip)
}
