//! `bmn_status`.

use crate::{NodeView, RpcError, ServedChain, convert, snapshot::Snapshot};
use bmn_primitives::ChainId;
use bmn_queue::JobFilter;
use bmn_rpc_api::{ChainStatus, FactoryEntry, JobState, NodeStatus, SwapStatus};
use bmn_store::Cursor;
use bmn_swap::Status;
use std::collections::BTreeMap;

/// Where counting stops.
const COUNTED: usize = 10_000;

/// The whole status, from one snapshot.
pub(crate) fn status(snapshot: &Snapshot, view: &dyn NodeView) -> Result<NodeStatus, RpcError> {
    let cursors: BTreeMap<ChainId, Cursor> = snapshot.cursors()?.into_iter().collect();
    let jobs = jobs(snapshot)?;
    let not_acting = view.not_acting();
    let (overdue, missed_deadlines) = snapshot.late(COUNTED)?;
    let mut chains = Vec::new();
    for chain in view.chains() {
        let cursor = cursors.get(&chain.id).copied().unwrap_or_default();
        let live = jobs.sent.get(&chain.id.0).copied().unwrap_or_default();
        chains.push(chain_status(snapshot, chain, &cursor, live)?);
    }
    Ok(NodeStatus {
        version: view.version(),
        uptime: view.uptime().as_secs(),
        acting: not_acting.is_none(),
        not_acting_because: not_acting,
        sequence: snapshot.last_change()?,
        chains,
        orders: order_counts(snapshot)?,
        jobs: jobs.by_state,
        overdue,
        missed_deadlines,
    })
}

fn chain_status(
    snapshot: &Snapshot,
    chain: ServedChain,
    cursor: &Cursor,
    live_transactions: u64,
) -> Result<ChainStatus, RpcError> {
    let factories = chain.factories.into_iter().map(|(address, dialect, contract)| FactoryEntry {
        address,
        dialect: dialect.name().to_owned(),
        limit_order_protocol: contract,
    });
    Ok(ChainStatus {
        id: chain.id.0,
        name: chain.name,
        head: cursor.tip.map(convert::block),
        finalized: cursor.finalized.map(convert::block),
        confirmations: chain.confirmations,
        account: chain.account,
        next_nonce: snapshot.next_nonce(chain.id, chain.account)?,
        live_transactions,
        factories: factories.collect(),
    })
}

fn order_counts(snapshot: &Snapshot) -> Result<BTreeMap<SwapStatus, u64>, RpcError> {
    let mut counts = BTreeMap::new();
    for status in Status::ALL {
        let orders = snapshot.by_status(status, None, COUNTED)?.len();
        if orders > 0 {
            counts.insert(convert::status(status), orders as u64);
        }
    }
    Ok(counts)
}

#[derive(Default)]
struct Jobs {
    by_state: BTreeMap<JobState, u64>,
    /// Sent jobs by acting chain.
    sent: BTreeMap<u64, u64>,
}

fn jobs(snapshot: &Snapshot) -> Result<Jobs, RpcError> {
    let mut jobs = Jobs::default();
    for job in snapshot.jobs(&JobFilter::default(), None, COUNTED)? {
        let entry = crate::jobs::entry(job);
        *jobs.by_state.entry(entry.state).or_default() += 1;
        if entry.state == JobState::Sent {
            *jobs.sent.entry(entry.chain).or_default() += 1;
        }
    }
    Ok(jobs)
}
