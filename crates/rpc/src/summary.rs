//! Short answers.

use crate::{
    BmnRpc, NodeView, RpcError, convert, description, list, lookup, snapshot::Snapshot, statistics,
    value,
};
use alloy::primitives::Address;
use async_trait::async_trait;
use bmn_primitives::ChainId;
use bmn_queue::StateKind;
use bmn_rpc_api::{
    ChainIndexer, ChainParam, ChainStatistics, Cursor, DailyMetrics, Days, IndexerState, LastBlock,
    Limit, MinProfit, NodeVersion, OrderEntry, OrderPage, PendingOrder, PerformanceMetrics,
    ProfitableOrders, QueueMetrics, ResolverParam, Spread, SummaryApiServer, SwapFilter, SwapKey,
};
use bmn_store::{LegState, Mode, PageBounds, SCHEMA_VERSION, SourceQuery};
use jsonrpsee::core::RpcResult;
use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

type Result<T> = std::result::Result<T, RpcError>;

/// Escrows that are valued for one answer.
const VALUED: usize = 2_000;

#[async_trait]
impl SummaryApiServer for BmnRpc {
    async fn version(&self) -> RpcResult<NodeVersion> {
        let (version, api) = (self.view().version(), description::version());
        Ok(NodeVersion { version, api, schema: SCHEMA_VERSION })
    }

    async fn get_last_block(&self, ChainParam(chain): ChainParam) -> RpcResult<LastBlock> {
        let cursor = indexed(&self.snapshot()?, chain)?;
        let (head, finalized) = (cursor.tip, cursor.finalized);
        let (head, finalized) = (head.map(convert::block), finalized.map(convert::block));
        Ok(LastBlock { chain, head, finalized })
    }

    async fn indexer_status(&self) -> RpcResult<Vec<ChainIndexer>> {
        let snapshot = self.snapshot()?;
        Ok(indexers(&snapshot, self.view().as_ref())?)
    }

    async fn get_chain_statistics(
        &self,
        ChainParam(chain): ChainParam,
    ) -> RpcResult<ChainStatistics> {
        Ok(self.listed(move |snapshot| statistics::of_chain(snapshot, chain)).await?)
    }

    async fn get_daily_metrics(&self, days: Option<Days>) -> RpcResult<Vec<DailyMetrics>> {
        let days = days.unwrap_or_default();
        Ok(self.listed(move |snapshot| statistics::newest(snapshot, days)).await?)
    }

    async fn get_order(&self, id: SwapKey) -> RpcResult<OrderEntry> {
        let snapshot = self.snapshot()?;
        let order = lookup::order(&snapshot, &id)?;
        Ok(list::order(&snapshot, order)?.ok_or(RpcError::NotFound)?)
    }

    async fn get_orders(
        &self,
        filter: Option<SwapFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<OrderPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        let view = self.view();
        let read = move |snapshot: &Snapshot| {
            list::orders(snapshot, view.as_ref(), &filter, cursor.as_ref(), limit)
        };
        Ok(self.listed(read).await?)
    }

    async fn get_profitable_orders(
        &self,
        ResolverParam(resolver): ResolverParam,
        min_profit_bps: Option<MinProfit>,
        limit: Option<Limit>,
    ) -> RpcResult<ProfitableOrders> {
        let least = min_profit_bps.map_or(0, |MinProfit(least)| least);
        let (view, limit) = (self.view(), limit.unwrap_or_default());
        let read = move |snapshot: &Snapshot| {
            profitable(snapshot, view.as_ref(), (resolver, least), limit)
        };
        Ok(self.listed(read).await?)
    }
}

/// # Errors
/// [`RpcError::NotIndexed`].
fn indexed(snapshot: &Snapshot, chain: u64) -> Result<bmn_store::Cursor> {
    let cursors = snapshot.cursors()?;
    let found = cursors.into_iter().find(|(id, _)| id.0 == chain).map(|(_, cursor)| cursor);
    found.ok_or_else(|| RpcError::NotIndexed(format!("chain {chain} is not indexed")))
}

fn indexers(snapshot: &Snapshot, view: &dyn NodeView) -> Result<Vec<ChainIndexer>> {
    let one = |chain: crate::ServedChain| {
        let cursor = snapshot.cursor(chain.id)?;
        let number = |block: Option<bmn_primitives::BlockRef>| block.map(|block| block.number);
        let open = number(cursor.tip).zip(number(cursor.finalized));
        Ok(ChainIndexer {
            chain: chain.id.0,
            name: chain.name,
            state: state(cursor.mode),
            head: cursor.tip.map(convert::block),
            finalized: cursor.finalized.map(convert::block),
            acknowledged: cursor.acknowledged.map(convert::block),
            open_blocks: open.map_or(0, |(tip, last)| tip.saturating_sub(last)),
            digest: cursor.digest,
            kept_from: snapshot.kept_from(chain.id)?,
        })
    };
    view.chains().into_iter().map(one).collect()
}

const fn state(mode: Mode) -> IndexerState {
    match mode {
        Mode::Live => IndexerState::Live,
        Mode::Backfilling => IndexerState::Backfilling,
        Mode::Clearing(_) => IndexerState::Clearing,
        Mode::Rebuilding(_) => IndexerState::Rebuilding,
        Mode::Deriving(_) => IndexerState::Deriving,
    }
}

fn profitable(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    (resolver, least): (Address, i64),
    limit: Limit,
) -> Result<ProfitableOrders> {
    let query = SourceQuery {
        taker: Some(resolver.into()),
        states: vec![LegState::Open],
        ..SourceQuery::default()
    };
    let bounds = PageBounds { items: VALUED, rows: VALUED };
    let found = snapshot.sources(&query, None, bounds, |_| Ok(true))?;
    let mut valued = Vec::new();
    for leg in &found.items {
        let profit = value::of_leg(snapshot, view, leg)?;
        valued.extend(profit.filter(|profit| profit.bps >= least).map(|profit| (profit, leg)));
    }
    // The sort is stable: what earns the same stays in the order of its creation.
    valued.sort_by_key(|(profit, _)| Reverse(profit.bps));
    let shown = |(profit, leg): &(bmn_swap::Profit, &bmn_swap::SourceLeg)| {
        let source = convert::indexed_source(leg, snapshot.by_source(leg.swap)?);
        Ok(PendingOrder { source, profit: Some(convert::profit(profit)) })
    };
    let items = valued.iter().take(limit.items()).map(shown).collect::<Result<_>>()?;
    Ok(ProfitableOrders { items, complete: found.next.is_none() })
}

/// `bmn_queueMetrics`.
pub(crate) fn queues(snapshot: &Snapshot, view: &dyn NodeView) -> Result<Vec<QueueMetrics>> {
    let mut counts: BTreeMap<(ChainId, StateKind), u64> = BTreeMap::new();
    for ((chain, _, state), number) in snapshot.depths()? {
        *counts.entry((chain, state)).or_default() += number;
    }
    let one = |chain: ChainId| {
        let count = |state| counts.get(&(chain, state)).copied().unwrap_or_default();
        let next = snapshot.next_wake(chain)?;
        Ok(QueueMetrics {
            chain: chain.0,
            waiting: count(StateKind::Waiting),
            ready: count(StateKind::Ready),
            leased: count(StateKind::Leased),
            sent: count(StateKind::Sent),
            dead: count(StateKind::Dead),
            next_height: next.height,
            next_time: next.time,
        })
    };
    view.chains().into_iter().map(|chain| one(chain.id)).collect()
}

/// `bmn_performanceMetrics`.
pub(crate) fn performance(view: &dyn NodeView) -> PerformanceMetrics {
    PerformanceMetrics { uptime: view.uptime().as_secs(), action: spread(view.latencies()) }
}

fn spread(mut samples: Vec<Duration>) -> Spread {
    samples.sort_unstable();
    let Some(max) = samples.last() else { return Spread::default() };
    let millis = |duration: &Duration| duration.as_secs_f64() * 1_000.0;
    // The smallest sample that so many of a hundred do not exceed.
    let at = |percent: usize| {
        let rank = (samples.len() * percent).div_ceil(100).max(1);
        samples.get(rank - 1).map_or(0.0, millis)
    };
    Spread { count: samples.len() as u64, p50: at(50), p90: at(90), p99: at(99), max: millis(max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_samples_that_were_measured() {
        assert_eq!(spread(Vec::new()), Spread::default());
        let one = spread(vec![Duration::from_micros(1_500)]);
        assert_eq!((one.count, one.p50, one.p99, one.max), (1, 1.5, 1.5, 1.5));
        let many = spread((1..=200).rev().map(Duration::from_millis).collect());
        let expected = Spread { count: 200, p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 };
        assert_eq!(many, expected);
    }
}
