//! Jobs as the wire shows them.

use crate::{RpcError, convert, cursor, snapshot::Snapshot};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, OrderId};
use bmn_queue::{Failure, JobRow, JobState as State, StateKind};
use bmn_rpc_api::{
    Cursor, DeadLetter, DeadLetterFilter, DeadLetterPage, FailureEntry, JobEntry, JobFilter,
    JobPage, JobState, Limit, WakeEntry,
};
use bmn_swap::{ActionKey, Wake};

const METHOD: &str = "getJobs";
const DEAD: &str = "listDeadLetters";

const fn kind(state: JobState) -> StateKind {
    match state {
        JobState::Waiting => StateKind::Waiting,
        JobState::Ready => StateKind::Ready,
        JobState::Leased => StateKind::Leased,
        JobState::Sent => StateKind::Sent,
        JobState::Dead => StateKind::Dead,
    }
}

const fn state(kind: StateKind) -> JobState {
    match kind {
        StateKind::Waiting => JobState::Waiting,
        StateKind::Ready => JobState::Ready,
        StateKind::Leased => JobState::Leased,
        StateKind::Sent => JobState::Sent,
        StateKind::Dead => JobState::Dead,
    }
}

const fn wake(wake: Wake) -> WakeEntry {
    match wake {
        Wake::Height { chain, number } => WakeEntry::Height { chain: chain.0, number },
        Wake::Time { chain, time } => WakeEntry::Time { chain: chain.0, time },
    }
}

/// A job as an answer shows it.
pub(crate) fn entry(job: JobRow) -> JobEntry {
    let (kind, last) = (state(job.state.kind()), job.last_error().map(str::to_owned));
    let (wakes, reason) = match job.state {
        State::Waiting(wakes) => (wakes, None),
        State::Dead { reason, .. } => (vec![], Some(reason)),
        _ => (vec![], None),
    };
    JobEntry {
        order_id: job.key.order.to_string(),
        action: job.key.action.name().to_owned(),
        chain: job.key.chain.0,
        escrow: escrow(job.key),
        state: kind,
        wakes: wakes.into_iter().map(wake).collect(),
        attempts: job.attempts,
        deadline: job.deadline,
        last_error: reason.or(last),
    }
}

/// A job as anybody may see it: without the words of its last failure, which name hosts and reserves.
pub(crate) fn public(job: JobRow) -> JobEntry {
    JobEntry { last_error: None, ..entry(job) }
}

fn escrow(key: ActionKey) -> Option<Address> {
    (key.escrow != Address::ZERO).then_some(key.escrow)
}

fn failure(failure: Failure) -> FailureEntry {
    FailureEntry {
        class: failure.class.name().to_owned(),
        error: failure.error,
        at: failure.at.map(convert::block),
    }
}

/// A dead letter as an answer shows it; none when the job is alive.
pub(crate) fn letter(job: JobRow) -> Option<DeadLetter> {
    let State::Dead { reason, class, at } = job.state else { return None };
    Some(DeadLetter {
        order_id: job.key.order.to_string(),
        action: job.key.action.name().to_owned(),
        chain: job.key.chain.0,
        escrow: escrow(job.key),
        reason,
        class: class.name().to_owned(),
        at: at.map(convert::block),
        attempts: job.attempts,
        deadline: job.deadline,
        failures: job.failures.into_iter().map(failure).collect(),
    })
}

/// A page of dead letters.
pub(crate) fn letters(
    snapshot: &Snapshot,
    filter: &DeadLetterFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<DeadLetterPage, RpcError> {
    let after = from.map(|from| position(DEAD, filter, from)).transpose()?;
    let order = filter.order.as_deref().map(order).transpose()?;
    let chain = filter.chain.map(ChainId);
    let mut jobs = snapshot.dead_letters(order, chain, after, limit.items() + 1)?;
    let more = jobs.len() > limit.items();
    jobs.truncate(limit.items());
    let last = jobs.last().filter(|_| more).map(|job| job.key.to_bytes());
    Ok(DeadLetterPage {
        next: last.map(|position| cursor::seal(DEAD, filter, &position)),
        items: jobs.into_iter().filter_map(letter).collect(),
    })
}

fn position(
    method: &str,
    filter: &impl serde::Serialize,
    from: &Cursor,
) -> Result<ActionKey, RpcError> {
    let position = cursor::open(method, filter, from)?;
    ActionKey::from_bytes(&position).ok_or(RpcError::BadCursor)
}

/// A page of jobs.
pub(crate) fn page(
    snapshot: &Snapshot,
    filter: &JobFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<JobPage, RpcError> {
    let after = from.map(|from| position(METHOD, filter, from)).transpose()?;
    let order = filter.order.as_deref().map(order).transpose()?;
    let wanted = bmn_queue::JobFilter {
        order,
        chain: filter.chain.map(ChainId),
        state: filter.state.map(kind),
    };
    let mut jobs = snapshot.jobs(&wanted, after, limit.items() + 1)?;
    let more = jobs.len() > limit.items();
    jobs.truncate(limit.items());
    let last = jobs.last().filter(|_| more).map(|job| job.key.to_bytes());
    Ok(JobPage {
        next: last.map(|position| cursor::seal(METHOD, filter, &position)),
        items: jobs.into_iter().map(entry).collect(),
    })
}

/// An order id in a parameter.
pub(crate) fn order(text: &str) -> Result<OrderId, RpcError> {
    let form = "an order id (chain:contract:orderHash:leaf)";
    text.parse().map_err(|_| RpcError::param("order", form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_states_correspond_one_to_one() {
        for inside in [
            StateKind::Waiting,
            StateKind::Ready,
            StateKind::Leased,
            StateKind::Sent,
            StateKind::Dead,
        ] {
            assert_eq!(kind(state(inside)), inside);
            let wire = serde_json::to_value(state(inside)).unwrap();
            assert_eq!(wire, inside.to_string());
        }
    }
}
