//! Pages of contract events.

use crate::{RpcError, convert, describe_event, place, snapshot::Snapshot};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use bmn_rpc_api::{ChainEventEntry, Cursor, EventFilter, EventPage, Limit};
use bmn_store::{EventKey, EventRow};

const METHOD: &str = "getEvents";

/// Rows one request looks at. A filter that matches little must not read the whole store at once.
const SCAN: usize = 2_000;

/// Rows read at once.
const CHUNK: usize = 64;

type Result<T> = std::result::Result<T, RpcError>;

/// A page of events.
pub(crate) fn page(
    snapshot: &Snapshot,
    filter: &EventFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<EventPage> {
    let after = place::open(snapshot, METHOD, filter, from)?;
    let mut page = Page { items: Vec::new(), looked_at: 0, last: after };
    let mut full = false;
    for (chain, _) in snapshot.cursors()? {
        let wanted = filter.chain.is_none_or(|only| only == chain.0);
        if !wanted || after.is_some_and(|after| after.chain > chain) {
            continue;
        }
        let start = after.filter(|after| after.chain == chain);
        if !page.fill(snapshot, filter, chain, start, limit)? {
            full = true;
            break;
        }
    }
    let seal = |key| place::seal(snapshot, METHOD, filter, key);
    let last = page.last.filter(|_| full || filter.chain.is_some()).map(seal).transpose()?;
    let (next, resume) = if full { (last, None) } else { (None, last) };
    Ok(EventPage { items: page.items, next, resume })
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
        let mut after = start;
        loop {
            let budget = SCAN - self.looked_at;
            // One more than fits on the page tells whether anything follows.
            let wanted = (limit.items() - self.items.len() + 1).max(CHUNK).min(budget);
            let rows = rows(snapshot, filter, chain, after, wanted)?;
            let exhausted = rows.len() < wanted;
            for row in rows {
                if self.items.len() == limit.items() {
                    return Ok(false);
                }
                self.looked_at += 1;
                after = Some(row.key());
                self.last = after;
                if shows(filter, &row) {
                    self.items.push(entry(&row));
                }
            }
            if exhausted || self.looked_at == SCAN {
                return Ok(exhausted);
            }
        }
    }
}

fn rows(
    snapshot: &Snapshot,
    filter: &EventFilter,
    chain: ChainId,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let mut range = block_range(filter.from_block, filter.to_block)?;
    if let Some(escrow) = filter.address
        && let Some(rows) = snapshot.events_of(chain, escrow, (after, filter.from_block), limit)?
    {
        return Ok(rows);
    }
    // Who goes on from a place has seen what lies before it.
    match (after, filter.from_block, filter.to_block) {
        (Some(after), ..) => snapshot.keeps_after(after)?,
        (None, Some(from), _) => snapshot.keeps(chain, from)?,
        (None, None, Some(to)) => snapshot.keeps(chain, to)?,
        (None, None, None) => {}
    }
    // Below it only what is not over is there.
    range.0 = range.0.max(snapshot.kept_from(chain)?.unwrap_or_default());
    snapshot.events(chain, range, after, limit)
}

/// The blocks from one number to another, both included.
///
/// # Errors
/// [`RpcError::Param`] when the last lies below the first.
pub(crate) fn block_range(from: Option<u64>, to: Option<u64>) -> Result<(u64, u64)> {
    let range = (from.unwrap_or(0), to.unwrap_or(u64::MAX));
    if range.0 > range.1 {
        return Err(RpcError::param("toBlock", "a block number not below `fromBlock`"));
    }
    Ok(range)
}

fn shows(filter: &EventFilter, row: &EventRow) -> bool {
    let number = row.at.block.number;
    let touches = |address: Address| row.address == address || row.escrow == Some(address);
    filter.from_block.is_none_or(|from| number >= from)
        && filter.to_block.is_none_or(|to| number <= to)
        && filter.address.is_none_or(touches)
        && filter.event.as_deref().is_none_or(|name| name == row.event.name())
}

pub(crate) fn entry(row: &EventRow) -> ChainEventEntry {
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
