//! Jobs as the wire shows them.

use crate::{RpcError, cursor, snapshot::Snapshot};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, OrderId};
use bmn_queue::{JobRow, JobState as State, StateKind};
use bmn_rpc_api::{Cursor, JobEntry, JobFilter, JobPage, JobState, Limit, WakeEntry};
use bmn_swap::{ActionKey, Wake};

const METHOD: &str = "getJobs";

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
    let kind = state(job.state.kind());
    let (wakes, reason) = match job.state {
        State::Waiting(wakes) => (wakes, None),
        State::Dead { reason, .. } => (vec![], Some(reason)),
        _ => (vec![], None),
    };
    JobEntry {
        order_id: job.key.order.to_string(),
        action: job.key.action.name().to_owned(),
        chain: job.key.chain.0,
        escrow: (job.key.escrow != Address::ZERO).then_some(job.key.escrow),
        state: kind,
        wakes: wakes.into_iter().map(wake).collect(),
        attempts: job.attempts,
        last_error: reason.or(job.last_error),
    }
}

/// A page of jobs.
pub(crate) fn page(
    snapshot: &Snapshot,
    filter: &JobFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<JobPage, RpcError> {
    let after = match from {
        None => None,
        Some(from) => {
            let position = cursor::open(METHOD, filter, from)?;
            Some(ActionKey::from_bytes(&position).ok_or(RpcError::BadCursor)?)
        }
    };
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

fn order(text: &str) -> Result<OrderId, RpcError> {
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
