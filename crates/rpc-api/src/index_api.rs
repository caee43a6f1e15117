//! The `bmn_*` methods over the whole index, strangers' swaps included.

use crate::{
    AsOf, BlockParam, ChainParam, Cursor, DestinationFilter, DestinationPage, IndexDigest, Limit,
    PendingFilter, PendingPage, ResolverParam, RevealedSecret, SourceFilter, SourcePage,
    StatisticsFilter, StatisticsPage, SwapKey,
};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};

/// The part of the namespace that reads the index: what the chains show, whoever it is for. Pages
/// hold at most 200 items, 50 without a limit, in an order that does not change; a request looks at
/// a bounded number of rows, so a page may hold fewer, even none, while more follow: go on until
/// `next` is `null`. With `asOf` one chain is shown as it was after one of its blocks.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "bmn"))]
#[cfg_attr(feature = "client", rpc(server, client, namespace = "bmn"))]
pub trait IndexApi {
    /// Source escrows by filter.
    ///
    /// Errors: `badCursor` when the cursor is not the `next` of a page with the same filter and
    /// `asOf`; `reorged` when a reorg replaced what was read, with where to read again; `notFound` when the block of
    /// `asOf` is not indexed or can no longer be gone back to.
    #[method(name = "getSources")]
    async fn get_sources(
        &self,
        filter: Option<SourceFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<SourcePage>;

    /// Destination escrows by filter, those that no source escrow answers to included.
    ///
    /// Errors: `badCursor` when the cursor is not the `next` of a page with the same filter and
    /// `asOf`; `reorged` when a reorg replaced what was read, with where to read again; `notFound` when the block of
    /// `asOf` is not indexed or can no longer be gone back to.
    #[method(name = "getDestinations")]
    async fn get_destinations(
        &self,
        filter: Option<DestinationFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<DestinationPage>;

    /// Source escrows that stand and name `resolver` as their taker, with what settling them earns.
    ///
    /// Errors: `badCursor` when the cursor is not the `next` of a page with the same filter and
    /// `asOf`; `reorged` when a reorg replaced what was read, with where to read again; `notFound` when the block of
    /// `asOf` is not indexed or can no longer be gone back to.
    #[method(name = "getPendingOrders")]
    async fn get_pending_orders(
        &self,
        resolver: ResolverParam,
        filter: Option<PendingFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<PendingPage>;

    /// The secret behind an order hash, hashlock, order id, swap id or escrow: one entry for each
    /// hashlock the id stands for, at most 16, those of this node's orders first. More than one means
    /// that somebody repeated an order hash.
    ///
    /// Errors: `notFound`.
    #[method(name = "getRevealedSecret")]
    async fn get_revealed_secret(&self, id: SwapKey) -> RpcResult<Vec<RevealedSecret>>;

    /// What happened on each chain on each day.
    ///
    /// Errors: `badCursor` when the cursor is not the `next` of a page with the same filter and
    /// `asOf`; `notFound` when the block of `asOf` is not indexed or can no longer be gone back to.
    #[method(name = "getStatistics")]
    async fn get_statistics(
        &self,
        filter: Option<StatisticsFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<StatisticsPage>;

    /// The digest of a chain's index at a block, the newest one without a number.
    ///
    /// Errors: `notFound` when the chain or the block is not indexed, or not kept any more.
    #[method(name = "getDigest")]
    async fn get_digest(
        &self,
        chain: ChainParam,
        block: Option<BlockParam>,
    ) -> RpcResult<IndexDigest>;
}
