//! Pages of escrows, strangers' included.

use crate::{NodeView, RpcError, convert, events::block_range, place, snapshot::Snapshot, value};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Hashlock, OrderHash};
use bmn_rpc_api::{
    AsOf, Cursor, DestinationFilter, DestinationPage, EscrowState, EscrowStates, Limit,
    PendingFilter, PendingOrder, PendingPage, SourceFilter, SourcePage,
};
use bmn_store::{DestinationQuery, LegState, PageBounds, SourceQuery};

const SOURCES: &str = "getSources";
const DESTINATIONS: &str = "getDestinations";
const PENDING: &str = "getPendingOrders";

/// Rows one request looks at. A filter that matches little must not read the whole store at once.
const SCAN: usize = 2_000;

type Result<T> = std::result::Result<T, RpcError>;

const fn bounds(limit: Limit) -> PageBounds {
    PageBounds { items: limit.items(), rows: SCAN }
}

fn states(wanted: Option<&EscrowStates>) -> Vec<LegState> {
    let inside = |state: &EscrowState| match state {
        EscrowState::Open => LegState::Open,
        EscrowState::Withdrawn => LegState::Withdrawn,
        EscrowState::Cancelled => LegState::Cancelled,
        EscrowState::Rescued => LegState::Rescued,
    };
    wanted.map_or_else(Vec::new, |states| states.as_slice().iter().map(inside).collect())
}

/// A page of source escrows.
pub(crate) fn sources(
    snapshot: &Snapshot,
    (filter, then): (&SourceFilter, Option<AsOf>),
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<SourcePage> {
    let query = SourceQuery {
        chain: filter.chain.map(ChainId),
        escrow: filter.escrow,
        order_hash: filter.order_hash.map(OrderHash),
        hashlock: filter.hashlock.map(Hashlock),
        maker: filter.maker.map(Into::into),
        taker: filter.taker.map(Into::into),
        token: filter.token.map(Into::into),
        states: states(filter.state.as_ref()),
        blocks: block_range(filter.from_block, filter.to_block)?,
    };
    let bound = (filter, then);
    let after = place::open(snapshot, SOURCES, &bound, from)?;
    let found = snapshot.sources(&query, after, bounds(limit), |_| Ok(true))?;
    let items = found.items.iter().map(|leg| source(snapshot, leg)).collect::<Result<_>>()?;
    let next = found.next.map(|key| place::seal(snapshot, SOURCES, &bound, key)).transpose()?;
    Ok(SourcePage { items, next })
}

fn source(snapshot: &Snapshot, leg: &bmn_swap::SourceLeg) -> Result<bmn_rpc_api::IndexedSource> {
    Ok(convert::indexed_source(leg, snapshot.by_source(leg.swap)?))
}

/// A page of destination escrows.
pub(crate) fn destinations(
    snapshot: &Snapshot,
    (filter, then): (&DestinationFilter, Option<AsOf>),
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<DestinationPage> {
    let query = DestinationQuery {
        chain: filter.chain.map(ChainId),
        escrow: filter.escrow,
        hashlock: filter.hashlock.map(Hashlock),
        taker: filter.taker,
        states: states(filter.state.as_ref()),
        blocks: block_range(filter.from_block, filter.to_block)?,
    };
    let bound = (filter, then);
    let after = place::open(snapshot, DESTINATIONS, &bound, from)?;
    let found =
        snapshot.destinations(&query, after, bounds(limit), |leg| match filter.unmatched {
            None => Ok(true),
            Some(wanted) => Ok(snapshot.is_unmatched(leg)? == wanted),
        })?;
    let mut items = Vec::with_capacity(found.items.len());
    for leg in &found.items {
        let order = snapshot.by_plan(leg.chain, leg.escrow)?;
        items.push(convert::indexed_destination(leg, order, snapshot.is_unmatched(leg)?));
    }
    let seal = |key| place::seal(snapshot, DESTINATIONS, &bound, key);
    Ok(DestinationPage { items, next: found.next.map(seal).transpose()? })
}

/// A page of the source escrows that stand and name `resolver` as their taker.
pub(crate) fn pending(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    (resolver, filter, then): (Address, &PendingFilter, Option<AsOf>),
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<PendingPage> {
    let query = SourceQuery {
        chain: filter.chain.map(ChainId),
        taker: Some(resolver.into()),
        states: vec![LegState::Open],
        ..SourceQuery::default()
    };
    let bound = (resolver, filter, then);
    let after = place::open(snapshot, PENDING, &bound, from)?;
    let found =
        snapshot.sources(&query, after, bounds(limit), |leg| match filter.min_profit_bps {
            None => Ok(true),
            Some(least) => {
                let profit = value::of_leg(snapshot, view, leg)?;
                Ok(profit.is_some_and(|profit| profit.bps >= least))
            }
        })?;
    let mut items = Vec::with_capacity(found.items.len());
    for leg in &found.items {
        let profit = value::of_leg(snapshot, view, leg)?;
        items.push(PendingOrder {
            source: source(snapshot, leg)?,
            profit: profit.as_ref().map(convert::profit),
        });
    }
    let next = found.next.map(|key| place::seal(snapshot, PENDING, &bound, key)).transpose()?;
    Ok(PendingPage { items, next })
}
