//! Looking at jobs.

use crate::job::{self, JobRow, indexed, lease_prefix, read_wake, wake_prefix};
use crate::{Lane, QueueError, StateKind, row};
use bmn_primitives::{ChainId, OrderId};
use bmn_store::{QueueTable, Reads, Row};
use bmn_swap::ActionKey;
use std::collections::BTreeMap;

const PAGE: usize = 256;

/// Which jobs to list. An empty filter lists all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// Of this order.
    pub order: Option<OrderId>,
    /// Acting on this chain.
    pub chain: Option<ChainId>,
    /// In this state.
    pub state: Option<StateKind>,
}

impl JobFilter {
    fn takes(&self, job: &JobRow) -> bool {
        self.order.is_none_or(|order| order == job.key.order)
            && self.chain.is_none_or(|chain| chain == job.key.chain)
            && self.state.is_none_or(|state| state == job.state.kind())
    }
}

/// The earliest things that waiting jobs wait for on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextWake {
    /// Block number.
    pub height: Option<u64>,
    /// Block timestamp, unix seconds.
    pub time: Option<u64>,
}

/// The job of an action.
pub fn get<R: Reads + ?Sized>(read: &R, key: &ActionKey) -> Result<Option<JobRow>, QueueError> {
    job::load(read, key)
}

/// At most `limit` jobs that pass `filter`, by key, after `after`.
pub fn list<R: Reads + ?Sized>(
    read: &R,
    filter: &JobFilter,
    after: Option<ActionKey>,
    limit: usize,
) -> Result<Vec<JobRow>, QueueError> {
    let mut found = Vec::new();
    let (mut from, below) = bounds(filter.order);
    if let Some(after) = after {
        from = from.max(just_after(&after.to_bytes()));
    }
    while found.len() < limit {
        let page = read.queue_scan(QueueTable::Jobs, &from, below.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else { break };
        from = just_after(last);
        for job in page.iter().map(decoded) {
            let job = job?;
            if filter.takes(&job) && found.len() < limit {
                found.push(job);
            }
        }
    }
    Ok(found)
}

/// True when a job that acts on `chain` is ready.
pub fn has_ready<R: Reads + ?Sized>(read: &R, chain: ChainId) -> Result<bool, QueueError> {
    let from = chain.0.to_be_bytes();
    let below = chain.0.checked_add(1).map(u64::to_be_bytes);
    let below = below.as_ref().map(|below| &below[..]);
    Ok(!read.queue_scan(QueueTable::Ready, &from, below, 1)?.is_empty())
}

/// True when a lease of `chain` was not renewed before `now`.
pub fn has_expired<R: Reads + ?Sized>(
    read: &R,
    chain: ChainId,
    now: u64,
) -> Result<bool, QueueError> {
    Ok(!expired_leases(read, chain, now, 1)?.is_empty())
}

pub(crate) fn expired_leases<R: Reads + ?Sized>(
    read: &R,
    chain: ChainId,
    now: u64,
    limit: usize,
) -> Result<Vec<Row>, QueueError> {
    let from = lease_prefix(chain);
    // `now` itself counts: the bytes after it are the highest that such a row can have.
    let below = [&from[..], &now.to_be_bytes(), &[u8::MAX; ActionKey::LEN + 1]].concat();
    Ok(read.queue_scan(QueueTable::Held, &from, Some(&below), limit)?)
}

/// Dead letters of an order and of a chain, by key, after `after`; at most `limit`.
pub fn dead_letters<R: Reads + ?Sized>(
    read: &R,
    order: Option<OrderId>,
    chain: Option<ChainId>,
    after: Option<ActionKey>,
    limit: usize,
) -> Result<Vec<JobRow>, QueueError> {
    let mut found = Vec::new();
    let (mut from, below) = bounds(order);
    if let Some(after) = after {
        from = from.max(just_after(&after.to_bytes()));
    }
    while found.len() < limit {
        let page = read.queue_scan(QueueTable::Dead, &from, below.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else { break };
        from = just_after(last);
        let keys = page.iter().map(|(key, _)| ActionKey::from_bytes(key));
        let of_chain = |key: &Option<ActionKey>| {
            chain.is_none_or(|chain| key.is_none_or(|key| key.chain == chain))
        };
        for key in keys.filter(of_chain).take(limit - found.len()) {
            found.push(indexed(read, QueueTable::Dead, key)?);
        }
    }
    Ok(found)
}

/// How many jobs there are on each chain, in each lane and state. Reads every job: for metrics and
/// status, not for every block.
pub fn depths<R: Reads + ?Sized>(
    read: &R,
) -> Result<BTreeMap<(ChainId, Lane, StateKind), u64>, QueueError> {
    let (mut depths, mut from) = (BTreeMap::new(), Vec::new());
    loop {
        let page = read.queue_scan(QueueTable::Jobs, &from, None, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(depths) };
        from = just_after(last);
        for job in page.iter().map(decoded) {
            let job = job?;
            let place = (job.key.chain, job.lane(), job.state.kind());
            *depths.entry(place).or_default() += 1;
        }
    }
}

/// What waiting jobs wait for first on `chain`, whichever chain they act on.
pub fn next_wake<R: Reads + ?Sized>(read: &R, chain: ChainId) -> Result<NextWake, QueueError> {
    let first = |is_time| -> Result<Option<u64>, QueueError> {
        let from = wake_prefix(chain, is_time);
        let below = [&from[..], &[u8::MAX; 8 + ActionKey::LEN + 1]].concat();
        let rows = read.queue_scan(QueueTable::Wakes, &from, Some(&below), 1)?;
        rows.first().map(|(row, _)| Ok(read_wake(row)?.0)).transpose()
    };
    Ok(NextWake { height: first(false)?, time: first(true)? })
}

/// Every job of an order.
pub(crate) fn jobs_of<R: Reads + ?Sized>(
    read: &R,
    order: OrderId,
) -> Result<Vec<JobRow>, QueueError> {
    let (from, below) = bounds(Some(order));
    let rows = read.queue_scan(QueueTable::Jobs, &from, below.as_deref(), usize::MAX)?;
    rows.iter().map(decoded).collect()
}

fn decoded((key, value): &Row) -> Result<JobRow, QueueError> {
    row::from_bytes(key, value)
}

// A job key is its order's bytes and 29 more; the order's bytes and 30 of the highest are above all
// of them.
fn bounds(order: Option<OrderId>) -> (Vec<u8>, Option<Vec<u8>>) {
    match order.map(OrderId::to_bytes) {
        None => (Vec::new(), None),
        Some(order) => {
            let rest = [u8::MAX; ActionKey::LEN - OrderId::LEN + 1];
            (order.to_vec(), Some([&order[..], &rest].concat()))
        }
    }
}

fn just_after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
