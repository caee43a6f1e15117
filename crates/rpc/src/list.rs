//! Pages of orders and of events.

use crate::{RpcError, convert, cursor, describe_event, jobs, snapshot::Snapshot};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId};
use bmn_rpc_api::{
    ChainEventEntry, Cursor, EventFilter, EventPage, Limit, Swap, SwapFilter, SwapPage,
};
use bmn_store::{EventKey, EventRow};

const SWAPS: &str = "getSwaps";
const EVENTS: &str = "getEvents";

/// Rows one request looks at. A filter that matches little must not read the whole store at once.
const SCAN: usize = 2_000;

type Result<T> = std::result::Result<T, RpcError>;

/// A page of orders.
pub(crate) fn swaps(
    snapshot: &Snapshot,
    filter: &SwapFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<SwapPage> {
    let mut after = match from {
        None => None,
        Some(from) => {
            let position = cursor::open(SWAPS, filter, from)?;
            Some(OrderId::from_bytes(&position).ok_or(RpcError::BadCursor)?)
        }
    };
    let mut items = Vec::new();
    let candidates = candidates(snapshot, filter, after, SCAN)?;
    let mut more = candidates.len() == SCAN;
    for id in candidates {
        if items.len() == limit.items() {
            more = true;
            break;
        }
        after = Some(id);
        items.extend(matching(snapshot, filter, id)?);
    }
    let next = after.filter(|_| more).map(|id| cursor::seal(SWAPS, filter, &id.to_bytes()));
    Ok(SwapPage { items, next })
}

// The narrowest index decides what is looked at; the other fields are compared row by row.
fn candidates(
    snapshot: &Snapshot,
    filter: &SwapFilter,
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let few = match (filter.hashlock, filter.order_hash) {
        (Some(lock), _) => snapshot.by_hashlock(Hashlock(lock))?,
        (None, Some(hash)) => snapshot.by_hash(OrderHash(hash))?,
        (None, None) => {
            return match (filter.maker, filter.status) {
                (Some(maker), _) => snapshot.by_maker(maker, after, limit),
                (None, Some(status)) => {
                    snapshot.by_status(convert::status_from(status), after, limit)
                }
                (None, None) => snapshot.order_ids(after, limit),
            };
        }
    };
    Ok(few.into_iter().filter(|id| after.is_none_or(|after| *id > after)).take(limit).collect())
}

fn matching(snapshot: &Snapshot, filter: &SwapFilter, id: OrderId) -> Result<Option<Swap>> {
    let Some(loaded) = snapshot.loaded(id)? else { return Ok(None) };
    let order = &loaded.order;
    let on_chain = |chain: u64| order.id.chain.0 == chain || order.destination_chain.0 == chain;
    let status = convert::status(loaded.state.status);
    let matches = filter.status.is_none_or(|wanted| wanted == status)
        && filter.chain.is_none_or(on_chain)
        && filter.maker.is_none_or(|maker| maker == order.maker)
        && filter.hashlock.is_none_or(|lock| lock == order.hashlock.0)
        && filter.order_hash.is_none_or(|hash| hash == order.id.hash.0);
    matches.then(|| swap(snapshot, id)).transpose().map(Option::flatten)
}

/// Changes of status shown with an order.
const HISTORY: usize = 64;

/// One order with its jobs and the way it came.
pub(crate) fn swap(snapshot: &Snapshot, id: OrderId) -> Result<Option<Swap>> {
    let Some(loaded) = snapshot.loaded(id)? else { return Ok(None) };
    let of_order = bmn_queue::JobFilter { order: Some(id), ..Default::default() };
    let jobs = snapshot.jobs(&of_order, None, usize::MAX)?;
    let history = snapshot.history(id, HISTORY)?.iter().map(convert::change).collect();
    let jobs = jobs.into_iter().map(jobs::entry).collect();
    Ok(Some(convert::swap(&loaded, jobs, history)))
}

const EVENT_POSITION: usize = 8 + 8 + 4;

fn event_position(key: EventKey) -> [u8; EVENT_POSITION] {
    let mut bytes = [0; EVENT_POSITION];
    bytes[..8].copy_from_slice(&key.chain.0.to_be_bytes());
    bytes[8..16].copy_from_slice(&key.number.to_be_bytes());
    bytes[16..].copy_from_slice(&key.log_index.to_be_bytes());
    bytes
}

fn event_key(position: &[u8]) -> Option<EventKey> {
    let (chain, rest) = position.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    Some(EventKey {
        chain: ChainId(u64::from_be_bytes(*chain)),
        number: u64::from_be_bytes(*number),
        log_index: u32::from_be_bytes(rest.try_into().ok()?),
    })
}

/// A page of events.
pub(crate) fn events(
    snapshot: &Snapshot,
    filter: &EventFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<EventPage> {
    let after = match from {
        None => None,
        Some(from) => {
            let position = cursor::open(EVENTS, filter, from)?;
            Some(event_key(&position).ok_or(RpcError::BadCursor)?)
        }
    };
    let mut page = Page { items: Vec::new(), looked_at: 0, last: after };
    for (chain, _) in snapshot.cursors()? {
        let wanted = filter.chain.is_none_or(|only| only == chain.0);
        if !wanted || after.is_some_and(|after| after.chain > chain) {
            continue;
        }
        let start = after.filter(|after| after.chain == chain);
        if !page.fill(snapshot, filter, chain, start, limit)? {
            let position = page.last.map(event_position);
            let next = position.map(|position| cursor::seal(EVENTS, filter, &position));
            return Ok(EventPage { items: page.items, next });
        }
    }
    Ok(EventPage { items: page.items, next: None })
}

struct Page {
    items: Vec<ChainEventEntry>,
    looked_at: usize,
    last: Option<EventKey>,
}

impl Page {
    /// Adds events of one chain. False when the page or the scan is full and more may follow.
    fn fill(
        &mut self,
        snapshot: &Snapshot,
        filter: &EventFilter,
        chain: ChainId,
        start: Option<EventKey>,
        limit: Limit,
    ) -> Result<bool> {
        let budget = SCAN - self.looked_at;
        let rows = rows(snapshot, filter, chain, start, budget)?;
        let exhausted = rows.len() < budget;
        for row in rows {
            if self.items.len() == limit.items() {
                return Ok(false);
            }
            self.looked_at += 1;
            self.last = Some(row.key());
            if shows(filter, &row) {
                self.items.push(entry(&row));
            }
        }
        Ok(exhausted)
    }
}

fn rows(
    snapshot: &Snapshot,
    filter: &EventFilter,
    chain: ChainId,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    if let Some(escrow) = filter.address
        && let Some(rows) = snapshot.events_of(chain, escrow, after, limit)?
    {
        return Ok(rows);
    }
    let range = (filter.from_block.unwrap_or(0), filter.to_block.unwrap_or(u64::MAX));
    if range.0 > range.1 {
        return Err(RpcError::param("toBlock", "a block number not below `fromBlock`"));
    }
    snapshot.events(chain, range, after, limit)
}

fn shows(filter: &EventFilter, row: &EventRow) -> bool {
    let number = row.at.block.number;
    let touches = |address: Address| row.address == address || row.escrow == Some(address);
    filter.from_block.is_none_or(|from| number >= from)
        && filter.to_block.is_none_or(|to| number <= to)
        && filter.address.is_none_or(touches)
        && filter.event.as_deref().is_none_or(|name| name == row.event.name())
}

fn entry(row: &EventRow) -> ChainEventEntry {
    let described = describe_event(&row.event);
    let at = convert::inclusion(&row.at);
    ChainEventEntry {
        chain: row.chain.0,
        block: at.block,
        tx_hash: at.tx_hash,
        log_index: at.log_index,
        address: row.address,
        escrow: row.escrow,
        event: described.event.to_owned(),
        fields: described.fields,
        units: described.units,
    }
}
