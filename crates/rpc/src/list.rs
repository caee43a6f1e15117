//! Pages of orders.

use crate::{
    NodeView, RpcError, convert, cursor, events, jobs, snapshot::Loaded, snapshot::Snapshot, value,
};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId};
use bmn_rpc_api::{Cursor, Limit, OrderEntry, OrderPage, Swap, SwapFilter, SwapPage};
use bmn_swap::Status;
use std::collections::BTreeSet;

const SWAPS: &str = "getSwaps";
const ORDERS: &str = "getOrders";

/// Rows one request looks at. A filter that matches little must not read the whole store at once.
const SCAN: usize = 2_000;

type Result<T> = std::result::Result<T, RpcError>;

/// A page of orders with all there is to each.
pub(crate) fn swaps(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    filter: &SwapFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<SwapPage> {
    let show = |loaded: &Loaded| shown(snapshot, loaded);
    let (items, next) = page(snapshot, view, (SWAPS, filter), from, limit, show)?;
    Ok(SwapPage { items, next })
}

/// A page of orders alone.
pub(crate) fn orders(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    filter: &SwapFilter,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<OrderPage> {
    let show = |loaded: &Loaded| Ok(convert::order_entry(&loaded.order, loaded.state.status));
    let (items, next) = page(snapshot, view, (ORDERS, filter), from, limit, show)?;
    Ok(OrderPage { items, next })
}

fn page<T>(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    (method, filter): (&str, &SwapFilter),
    from: Option<&Cursor>,
    limit: Limit,
    show: impl Fn(&Loaded) -> Result<T>,
) -> Result<(Vec<T>, Option<Cursor>)> {
    events::block_range(filter.from_block, filter.to_block)?;
    let mut after = match from {
        None => None,
        Some(from) => {
            let position = cursor::open(method, filter, from)?;
            Some(OrderId::from_bytes(&position).ok_or(RpcError::BadCursor)?)
        }
    };
    let sieve = Sieve::new(snapshot, view, filter);
    let (mut items, mut looked, mut at_once) = (Vec::new(), 0, limit.items() + 1);
    let more = 'all: loop {
        // Few are read where all match, and twice as many each time where few do.
        let wanted = at_once.min(SCAN - looked);
        let candidates = candidates(snapshot, filter, after, wanted)?;
        let is_last = candidates.len() < wanted;
        for id in candidates {
            if items.len() == limit.items() {
                break 'all true;
            }
            (after, looked) = (Some(id), looked + 1);
            if let Some(loaded) = snapshot.loaded(id)?
                && sieve.passes(&loaded)?
            {
                items.push(show(&loaded)?);
            }
        }
        if is_last || looked >= SCAN {
            break !is_last;
        }
        at_once *= 2;
    };
    let next = after.filter(|_| more).map(|id| cursor::seal(method, filter, &id.to_bytes()));
    Ok((items, next))
}

// Every index lists orders by id, so whichever promises the fewest decides what is looked at, and
// may be another on the next page. All fields are compared row by row.
fn candidates(
    snapshot: &Snapshot,
    filter: &SwapFilter,
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    if let Some(escrow) = filter.escrow {
        let mut found = BTreeSet::new();
        for (chain, _) in snapshot.cursors()? {
            found.extend(snapshot.by_escrow(chain, escrow)?);
        }
        return Ok(found.into_iter().filter(|id| after.is_none_or(|after| *id > after)).collect());
    }
    let mut lists = Vec::new();
    if let Some(lock) = filter.hashlock {
        lists.push(snapshot.by_hashlock_after(Hashlock(lock), after, limit)?);
    }
    if let Some(hash) = filter.order_hash {
        lists.push(snapshot.by_hash_after(OrderHash(hash), after, limit)?);
    }
    if let Some(maker) = filter.maker {
        lists.push(snapshot.by_maker(maker, after, limit)?);
    }
    if let Some(statuses) = statuses(filter) {
        lists.push(in_statuses(snapshot, &statuses, after, limit)?);
    }
    match lists.into_iter().min_by_key(Vec::len) {
        Some(fewest) => Ok(fewest),
        None => snapshot.order_ids(after, limit),
    }
}

/// The statuses a filter leaves; none when it leaves all.
fn statuses(filter: &SwapFilter) -> Option<Vec<Status>> {
    if filter.status.is_none() && filter.open_for.is_none() {
        return None;
    }
    let named = |status: &Status| {
        filter.status.as_ref().is_none_or(|wanted| wanted.contains(&convert::status(*status)))
    };
    let open = |status: &Status| filter.open_for.is_none() || !status.is_terminal();
    Some(Status::ALL.into_iter().filter(|status| named(status) && open(status)).collect())
}

fn in_statuses(
    snapshot: &Snapshot,
    statuses: &[Status],
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let mut found = Vec::new();
    for status in statuses {
        found.extend(snapshot.by_status(*status, after, limit)?);
    }
    found.sort_unstable();
    found.truncate(limit);
    Ok(found)
}

/// A filter and what its answers depend on besides the order.
struct Sieve<'a> {
    snapshot: &'a Snapshot,
    view: &'a dyn NodeView,
    filter: &'a SwapFilter,
    /// Chains on which `openFor` is this node's own account.
    ours: Vec<ChainId>,
}

impl<'a> Sieve<'a> {
    fn new(snapshot: &'a Snapshot, view: &'a dyn NodeView, filter: &'a SwapFilter) -> Self {
        let ours = match filter.open_for {
            None => vec![],
            Some(resolver) => {
                let own = view.chains().into_iter().filter(|chain| chain.account == resolver);
                own.map(|chain| chain.id).collect()
            }
        };
        Self { snapshot, view, filter, ours }
    }

    fn passes(&self, loaded: &Loaded) -> Result<bool> {
        let (filter, order) = (self.filter, &loaded.order);
        let on_chain = |chain: u64| order.id.chain.0 == chain || order.destination_chain.0 == chain;
        let status = convert::status(loaded.state.status);
        let trades = |token| order.source_token == token || order.destination_token == token;
        let passes = filter.status.as_ref().is_none_or(|wanted| wanted.contains(&status))
            && filter.chain.is_none_or(on_chain)
            && filter.maker.is_none_or(|maker| maker == order.maker)
            && filter.taker.is_none_or(|taker| taken_by(loaded, taker))
            && filter.token.is_none_or(trades)
            && filter.hashlock.is_none_or(|lock| lock == order.hashlock.0)
            && filter.order_hash.is_none_or(|hash| hash == order.id.hash.0)
            && filter.escrow.is_none_or(|escrow| holds(loaded, escrow))
            && self.in_blocks(loaded)
            && filter.open_for.is_none_or(|resolver| self.open_for(loaded, resolver));
        match filter.min_profit_bps {
            Some(least) if passes => {
                let profit = value::of_order(self.snapshot, self.view, order)?;
                Ok(profit.is_some_and(|profit| profit.bps >= least))
            }
            _ => Ok(passes),
        }
    }

    fn in_blocks(&self, loaded: &Loaded) -> bool {
        let (from, to) = (self.filter.from_block, self.filter.to_block);
        let created = loaded.source.as_ref().map(|leg| leg.created.block.number);
        (from.is_none() && to.is_none())
            || created.is_some_and(|number| {
                from.is_none_or(|from| number >= from) && to.is_none_or(|to| number <= to)
            })
    }

    fn open_for(&self, loaded: &Loaded, resolver: Address) -> bool {
        let ours = || loaded.order.is_accepted() && self.ours.contains(&loaded.order.id.chain);
        !loaded.state.status.is_terminal()
            && if loaded.source.is_some() { taken_by(loaded, resolver) } else { ours() }
    }
}

fn taken_by(loaded: &Loaded, taker: Address) -> bool {
    loaded.source.as_ref().and_then(bmn_swap::SourceLeg::taker) == Some(taker.into())
}

fn holds(loaded: &Loaded, escrow: Address) -> bool {
    let state = &loaded.state;
    state.source.is_some_and(|swap| swap.escrow == escrow)
        || state.plan.as_ref().is_some_and(|plan| plan.escrow == Some(escrow))
}

/// Changes of status shown with an order.
const HISTORY: usize = 64;

/// One order with its jobs and the way it came.
pub(crate) fn swap(snapshot: &Snapshot, id: OrderId) -> Result<Option<Swap>> {
    snapshot.loaded(id)?.map(|loaded| shown(snapshot, &loaded)).transpose()
}

/// One order alone.
pub(crate) fn order(snapshot: &Snapshot, id: OrderId) -> Result<Option<OrderEntry>> {
    let (Some(order), Some(status)) = (snapshot.order(id)?, snapshot.status(id)?) else {
        return Ok(None);
    };
    Ok(Some(convert::order_entry(&order, status)))
}

fn shown(snapshot: &Snapshot, loaded: &Loaded) -> Result<Swap> {
    let id = loaded.order.id;
    let of_order = bmn_queue::JobFilter { order: Some(id), ..Default::default() };
    let jobs = snapshot.jobs(&of_order, None, usize::MAX)?;
    let history = snapshot.history(id, HISTORY)?.iter().map(convert::change).collect();
    Ok(convert::swap(loaded, jobs.into_iter().map(jobs::public).collect(), history))
}
