//! The `bmn_*` methods with short answers.

use crate::{
    ChainIndexer, ChainParam, ChainStatistics, Cursor, DailyMetrics, Days, LastBlock, Limit,
    MinProfit, NodeVersion, OrderEntry, OrderPage, ProfitableOrders, ResolverParam, SwapFilter,
    SwapKey,
};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};

/// The part of the namespace for whoever needs a line and not the whole: dashboards, scripts, lists.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "bmn"))]
#[cfg_attr(feature = "client", rpc(server, client, namespace = "bmn"))]
pub trait SummaryApi {
    /// Versions of the node, of its methods' description and of its database.
    #[method(name = "version")]
    async fn version(&self) -> RpcResult<NodeVersion>;

    /// Newest indexed and newest final block of a chain.
    ///
    /// Errors: `notFound` when the chain is not indexed.
    #[method(name = "getLastBlock")]
    async fn get_last_block(&self, chain: ChainParam) -> RpcResult<LastBlock>;

    /// How far the index of every configured chain is, by chain id.
    #[method(name = "indexerStatus")]
    async fn indexer_status(&self) -> RpcResult<Vec<ChainIndexer>>;

    /// What a chain showed from its first day to now, in one sum. `bmn_getStatistics` has it day by day with volumes.
    ///
    /// Errors: `notFound` when the chain is not indexed.
    #[method(name = "getChainStatistics")]
    async fn get_chain_statistics(&self, chain: ChainParam) -> RpcResult<ChainStatistics>;

    /// The last `days` days, 1 to 90, 7 without a number, the oldest first; the last of them is the day of the newest
    /// indexed block of any chain. Days on which nothing happened are there, with zeros. Empty before the first block.
    #[method(name = "getDailyMetrics")]
    async fn get_daily_metrics(&self, days: Option<Days>) -> RpcResult<Vec<DailyMetrics>>;

    /// One order of this node, by any id that leads to it.
    ///
    /// Errors: `notFound`; `ambiguous` when several orders share the id, with their order ids.
    #[method(name = "getOrder")]
    async fn get_order(&self, id: SwapKey) -> RpcResult<OrderEntry>;

    /// Orders of this node by filter: what `bmn_getSwaps` lists, a tenth as long.
    ///
    /// Errors: `badCursor` when the cursor is not the `next` of a page with the same filter.
    #[method(name = "getOrders")]
    async fn get_orders(
        &self,
        filter: Option<SwapFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<OrderPage>;

    /// Source escrows that stand and name `resolver` as their taker, by what settling them earns, the best first.
    /// What cannot be valued, and what earns less than `minProfitBps` (0 without), is left out.
    #[method(name = "getProfitableOrders")]
    async fn get_profitable_orders(
        &self,
        resolver: ResolverParam,
        min_profit_bps: Option<MinProfit>,
        limit: Option<Limit>,
    ) -> RpcResult<ProfitableOrders>;
}
