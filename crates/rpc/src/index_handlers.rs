//! The methods over the whole index.

use crate::{BmnRpc, index, secrets, snapshot::Snapshot, statistics};
use async_trait::async_trait;
use bmn_rpc_api::{
    AsOf, BlockParam, ChainParam, Cursor, DestinationFilter, DestinationPage, IndexApiServer,
    IndexDigest, Limit, PendingFilter, PendingPage, ResolverParam, RevealedSecret, SourceFilter,
    SourcePage, StatisticsFilter, StatisticsPage, SwapKey,
};
use jsonrpsee::core::RpcResult;

#[async_trait]
impl IndexApiServer for BmnRpc {
    async fn get_sources(
        &self,
        filter: Option<SourceFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<SourcePage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        let read = move |snapshot: &Snapshot| {
            index::sources(snapshot, (&filter, as_of), cursor.as_ref(), limit)
        };
        Ok(self.listed_as_of(as_of, read).await?)
    }

    async fn get_destinations(
        &self,
        filter: Option<DestinationFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<DestinationPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        let read = move |snapshot: &Snapshot| {
            index::destinations(snapshot, (&filter, as_of), cursor.as_ref(), limit)
        };
        Ok(self.listed_as_of(as_of, read).await?)
    }

    async fn get_pending_orders(
        &self,
        ResolverParam(resolver): ResolverParam,
        filter: Option<PendingFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<PendingPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        let view = self.view();
        let read = move |snapshot: &Snapshot| {
            let wanted = (resolver, &filter, as_of);
            index::pending(snapshot, view.as_ref(), wanted, cursor.as_ref(), limit)
        };
        Ok(self.listed_as_of(as_of, read).await?)
    }

    async fn get_revealed_secret(&self, id: SwapKey) -> RpcResult<Vec<RevealedSecret>> {
        Ok(self.listed(move |snapshot| secrets::revealed(snapshot, &id)).await?)
    }

    async fn get_statistics(
        &self,
        filter: Option<StatisticsFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
        as_of: Option<AsOf>,
    ) -> RpcResult<StatisticsPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        let read = move |snapshot: &Snapshot| {
            statistics::page(snapshot, (&filter, as_of), cursor.as_ref(), limit)
        };
        Ok(self.listed_as_of(as_of, read).await?)
    }

    async fn get_digest(
        &self,
        ChainParam(chain): ChainParam,
        block: Option<BlockParam>,
    ) -> RpcResult<IndexDigest> {
        let number = block.map(|BlockParam(number)| number);
        Ok(statistics::digest(&self.snapshot()?, chain, number)?)
    }
}
