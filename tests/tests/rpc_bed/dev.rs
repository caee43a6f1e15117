//! The JSON-RPC host on the development chain's own server.

use super::{bed::DevBed, connect};
use alloy::{
    primitives::{Address, B256, Bytes},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use bmn_chain::{Block, ChainClient, ChainSource, conformance::Testbed};
use bmn_host_dev::{DevServer, DevServerConfig, MiningMode};
use bmn_host_rpc::RpcHost;
use bmn_primitives::{BlockRef, ChainId};
use std::sync::Arc;

/// How the host reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// WebSocket, with HTTP to fall back on.
    Both,
    /// HTTP alone: heads are polled.
    Http,
    /// Two hosts that must agree: the same server under two names.
    Agreed,
}

pub(crate) struct RpcDevBed {
    chain: DevBed,
    reach: Reach,
    /// Only a restart takes these out, for a moment.
    running: Option<(DevServer, RpcHost)>,
}

impl RpcDevBed {
    pub(crate) async fn new(reach: Reach) -> Self {
        let mut bed = Self { chain: DevBed::in_memory(), reach, running: None };
        bed.start().await;
        bed
    }

    async fn start(&mut self) {
        let config = DevServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            mining: MiningMode::Manual,
            clock: None,
        };
        let server = DevServer::start(self.chain.chain().clone(), config).await;
        let server = server.expect("the server listens");
        let host = connect(&self.chain, &self.urls(&server), self.agreement(), 0).await;
        self.running = Some((server, host));
    }

    fn urls(&self, server: &DevServer) -> Vec<String> {
        let http = server.url();
        match self.reach {
            Reach::Both => vec![http.replacen("http", "ws", 1), http],
            Reach::Http => vec![http],
            Reach::Agreed => {
                let other = http.replacen("127.0.0.1", "localhost", 1);
                vec![other.replacen("http", "ws", 1), http]
            }
        }
    }

    fn agreement(&self) -> usize {
        match self.reach {
            Reach::Both | Reach::Http => 1,
            Reach::Agreed => 2,
        }
    }
}

#[async_trait]
impl Testbed for RpcDevBed {
    fn chain_id(&self) -> ChainId {
        self.chain.chain_id()
    }

    fn signer(&self) -> PrivateKeySigner {
        self.chain.signer()
    }

    fn finality_depth(&self) -> u64 {
        self.chain.finality_depth()
    }

    fn client(&self) -> Arc<dyn ChainClient> {
        self.running.as_ref().expect("running").1.client()
    }

    async fn open(&mut self, start: u64) -> Box<dyn ChainSource> {
        let urls = self.urls(&self.running.as_ref().expect("running").0);
        Box::new(connect(&self.chain, &urls, self.agreement(), start).await.source())
    }

    /// Another server on another port and another host; the chain in between is the same.
    async fn restart(&mut self) {
        if let Some((server, host)) = self.running.take() {
            drop(host);
            server.stop().await;
        }
        self.start().await;
    }

    async fn mine(&mut self, txs: &[Bytes]) {
        self.chain.mine(txs).await;
    }

    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]) {
        self.chain.replace(depth, length, txs).await;
    }

    async fn mine_deposit(&mut self, to: Address, data: Bytes) -> B256 {
        self.chain.mine_deposit(to, data).await
    }

    async fn head(&self) -> BlockRef {
        self.chain.head().await
    }

    async fn block(&self, number: u64) -> Option<Block> {
        self.chain.block(number).await
    }
}
