//! The node's own chain: the one value that brings reth's parts together.

use crate::{client::RethClient, provider::NodeLedger};
use alloy::network::Ethereum;
use bmn_chain::{ChainClient, ChainSource};
use bmn_embed::{
    acks::Acks,
    feed::Feed,
    ledger::{Ledger, LedgerError},
    local::LocalChain,
    source::{NodeSource, SourceConfig},
};
use bmn_primitives::{BlockRef, ChainId};
use reth_ethereum::rpc::{
    api::eth::{RpcNodeCore, helpers::FullEthApi},
    eth::EthApiError,
};
use std::sync::Arc;

/// The node, by its `eth` handlers.
pub struct NodeChain<Eth: RpcNodeCore> {
    chain: ChainId,
    eth: Eth,
    ledger: Arc<NodeLedger<Eth::Provider, Eth::Evm>>,
    feed: Arc<Feed>,
    acks: Acks,
}

impl<Eth> NodeChain<Eth>
where
    Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
{
    /// The chain that `eth` serves.
    pub fn new(chain: ChainId, eth: Eth, feed: Arc<Feed>, acks: Acks) -> Self {
        let ledger = NodeLedger::new(eth.provider().clone(), eth.evm_config().clone());
        Self { chain, eth, ledger: Arc::new(ledger), feed, acks }
    }
}

impl<Eth> LocalChain for NodeChain<Eth>
where
    Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
{
    fn chain_id(&self) -> ChainId {
        self.chain
    }

    fn source(&self, config: SourceConfig) -> Box<dyn ChainSource> {
        self.feed.watch_for(Arc::clone(&config.selection));
        let (ledger, feed) = (Arc::clone(&self.ledger), Arc::clone(&self.feed));
        Box::new(NodeSource::new(ledger, feed, self.acks.clone(), config))
    }

    fn client(&self, block_time: u64) -> Arc<dyn ChainClient> {
        Arc::new(RethClient::new(self.chain, self.eth.clone(), block_time))
    }

    fn block(&self, number: u64) -> Result<Option<BlockRef>, LedgerError> {
        let found = self.ledger.headers(number..=number)?;
        Ok(found.first().map(|stored| stored.header.block_ref()))
    }

    fn acks(&self) -> &Acks {
        &self.acks
    }

    fn stop(&self) {
        self.feed.stop();
    }
}
