//! The seam's conformance suite on a real node: reth with our extension, driven through its engine. One node for
//! each case, in a directory of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "common/node.rs"]
mod node;

use alloy::{
    consensus::constants::ETH_TO_WEI,
    genesis::{Genesis, GenesisAccount},
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use bmn_chain::{
    Block, ChainClient, ChainSource,
    conformance::{Testbed, cases, emitter_address},
};
use bmn_embed::{
    acks::Acks,
    feed::Feed,
    read::HistoryLimits,
    source::{SourceConfig, SourceLimits},
    window::WindowLimits,
};
use bmn_host_rpc::LogSelection;
use bmn_primitives::{BlockRef, ChainId};
use node::{Inside, Node, Setup, launch};
use reth_ethereum::chainspec::{ChainSpec, ChainSpecBuilder};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);
const CHAIN: ChainId = ChainId(31_337);
const FINALITY: u64 = 6;
const BLOCK_TIME: u64 = 12;

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(b"the testbed's account")).unwrap()
}

fn chain_spec() -> Arc<ChainSpec> {
    let account = GenesisAccount {
        balance: U256::from(1_000) * U256::from(ETH_TO_WEI),
        ..GenesisAccount::default()
    };
    let genesis = Genesis {
        timestamp: 1_700_000_000,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(1_000_000_000),
        alloc: [(signer().address(), account)].into(),
        ..Genesis::default()
    };
    let spec = ChainSpecBuilder::default().chain(CHAIN.0.into()).genesis(genesis);
    Arc::new(spec.cancun_activated().build())
}

struct RethBed {
    node: Box<dyn Node>,
    acks: Acks,
    _directory: TempDir,
}

impl RethBed {
    async fn new() -> Self {
        let feed = Arc::new(Feed::new(WindowLimits { blocks: 8, bytes: 1 << 20 }));
        let acks = Acks::default();
        let directory = tempfile::tempdir().unwrap();
        let setup = Setup::new(chain_spec(), Inside::Extension(feed, acks.clone()));
        Self { node: launch(setup, directory.path()).await, acks, _directory: directory }
    }

    async fn extend(&self, parent: &BlockRef, txs: &[Bytes]) -> BlockRef {
        let block = self.node.build(parent.hash, parent.time + BLOCK_TIME, txs.to_vec()).await;
        let hash = block.payload.block_hash();
        self.node.insert(block).await;
        self.node.choose(hash).await;
        self.node.ledger().head()
    }
}

#[async_trait]
impl Testbed for RethBed {
    fn chain_id(&self) -> ChainId {
        CHAIN
    }

    fn signer(&self) -> PrivateKeySigner {
        signer()
    }

    fn finality_depth(&self) -> u64 {
        FINALITY
    }

    fn client(&self) -> Arc<dyn ChainClient> {
        self.node.local().client(BLOCK_TIME)
    }

    async fn open(&mut self, start: u64) -> Box<dyn ChainSource> {
        let addresses = vec![emitter_address(signer().address())];
        self.node.local().source(SourceConfig {
            chain: CHAIN,
            start_block: start,
            finality_depth: FINALITY,
            selection: Arc::new(LogSelection { addresses, topics_anywhere: vec![] }),
            limits: SourceLimits {
                backfill_distance: 2,
                history: HistoryLimits { blocks: 5, run: 2, bytes: 4_000 },
                patience: Duration::from_millis(200),
                heartbeat: Duration::from_millis(50),
                ..SourceLimits::default()
            },
        })
    }

    // The resolver's side alone: what is kept of notifications is gone, as after a restart of it.
    async fn restart(&mut self) {
        self.node.local().stop();
        assert_eq!(self.acks.newest(), None, "nothing was acknowledged in these cases");
    }

    async fn mine(&mut self, txs: &[Bytes]) {
        let head = self.node.ledger().head();
        self.extend(&head, txs).await;
    }

    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]) {
        let head = self.node.ledger().head();
        let kept = self.node.ledger().block(head.number - depth).unwrap().header.block_ref();
        if length == 0 {
            self.node.choose(kept.hash).await;
        }
        // Another time makes another block of the same content.
        let mut parent = BlockRef { time: kept.time + 1, ..kept };
        for number in 0..length {
            let txs = if number == 0 { txs } else { &[] };
            parent = self.extend(&parent, txs).await;
        }
        // reth puts the transactions of the old blocks back into its pool, a little later.
        for _ in 0..20 {
            self.node.forget_transactions();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn mine_deposit(&mut self, _: Address, _: Bytes) -> B256 {
        unreachable!("an Ethereum node takes no deposits and does not claim to")
    }

    async fn head(&self) -> BlockRef {
        self.node.ledger().head()
    }

    async fn block(&self, number: u64) -> Option<Block> {
        self.node.ledger().block(number)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reth_conforms() {
    let mut failed = vec![];
    // Deposits are the OP stack's; reth-ethereum has none.
    for case in cases().into_iter().filter(|case| case.needs.is_none()) {
        let mut bed = RethBed::new().await;
        match tokio::time::timeout(LIMIT, case.run(&mut bed)).await {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => failed.push(format!("{}: {broken}", case.name)),
            Err(_) => failed.push(format!("{}: not done after {LIMIT:?}", case.name)),
        }
        bed.node.stop().await;
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}
