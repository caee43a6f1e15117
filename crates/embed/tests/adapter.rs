//! The seam's conformance suite on the adapter's own logic, without reth: the node is a development chain,
//! and its notifications arrive, or arrive late, twice or not at all.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../../host-dev/tests/common/bed.rs"]
mod bed;
#[path = "common/ledger.rs"]
mod ledger;

use alloy::primitives::{Address, B256, Bytes};
use alloy::signers::local::PrivateKeySigner;
use async_trait::async_trait;
use bed::DevBed;
use bmn_chain::{
    Block, ChainClient, ChainSource,
    conformance::{Testbed, cases, emitter_address},
};
use bmn_embed::{
    acks::Acks,
    feed::Feed,
    read::HistoryLimits,
    source::{NodeSource, SourceConfig, SourceLimits},
    window::{Change, WindowLimits},
};
use bmn_host_rpc::LogSelection;
use bmn_primitives::{BlockRef, ChainId};
use ledger::{DevLedger, view, wanted};
use std::{sync::Arc, time::Duration};

const LIMIT: Duration = Duration::from_secs(600);

/// What becomes of notifications.
#[derive(Debug, Clone, Copy)]
enum Delivery {
    All,
    Never,
    /// Each comes when the next one is due.
    Late,
    /// In turn: once, twice, never.
    Lossy,
}

struct AdapterBed {
    dev: DevBed,
    feed: Arc<Feed>,
    delivery: Delivery,
    waiting: Vec<Change>,
    sent: usize,
    names_final: bool,
    filters: bool,
}

impl AdapterBed {
    fn new(delivery: Delivery, names_final: bool, filters: bool) -> Self {
        let dev = DevBed::on_disk();
        let (waiting, sent) = (vec![], 0);
        Self { dev, feed: feed(), delivery, waiting, sent, names_final, filters }
    }

    fn notify(&mut self, changes: Vec<Change>) {
        let Some(selection) = self.feed.selection() else { return };
        self.sent += 1;
        let told = match self.delivery {
            Delivery::All => changes,
            Delivery::Never => vec![],
            Delivery::Late => std::mem::replace(&mut self.waiting, changes),
            Delivery::Lossy => match self.sent % 3 {
                0 => vec![],
                1 => changes,
                _ => [changes.clone(), changes].concat(),
            },
        };
        self.feed.apply(&selection, told);
    }

    fn blocks(&self, from: u64) -> Vec<Block> {
        let selection = self.feed.selection().unwrap_or_default();
        let blocks = (from..).map_while(|number| self.dev.chain().block(number).unwrap());
        let blocks = blocks.map(|block| {
            let (stored, logs) = view(&block);
            Block { header: stored.header, logs: wanted(logs, &selection) }
        });
        blocks.collect()
    }
}

// So small that blocks fall out of it in nearly every case.
fn feed() -> Arc<Feed> {
    Arc::new(Feed::new(WindowLimits { blocks: 4, bytes: 1 << 20 }))
}

#[async_trait]
impl Testbed for AdapterBed {
    fn chain_id(&self) -> ChainId {
        self.dev.chain_id()
    }

    fn signer(&self) -> PrivateKeySigner {
        self.dev.signer()
    }

    fn finality_depth(&self) -> u64 {
        self.dev.finality_depth()
    }

    fn client(&self) -> Arc<dyn ChainClient> {
        self.dev.client()
    }

    async fn open(&mut self, start: u64) -> Box<dyn ChainSource> {
        let emitter = emitter_address(self.signer().address());
        let addresses = if self.filters { vec![emitter] } else { vec![] };
        let selection = Arc::new(LogSelection { addresses, topics_anywhere: vec![] });
        self.feed.watch_for(Arc::clone(&selection));
        let ledger = DevLedger { chain: self.dev.chain().clone(), names_final: self.names_final };
        let config = SourceConfig {
            chain: self.chain_id(),
            start_block: start,
            finality_depth: self.finality_depth(),
            selection,
            limits: SourceLimits {
                backfill_distance: 2,
                history: HistoryLimits { blocks: 5, run: 2, bytes: 4_000 },
                patience: Duration::from_secs(5),
                ..SourceLimits::default()
            },
        };
        Box::new(NodeSource::new(Arc::new(ledger), Arc::clone(&self.feed), Acks::default(), config))
    }

    async fn restart(&mut self) {
        self.feed = feed();
        self.waiting.clear();
        self.dev.restart().await;
    }

    async fn mine(&mut self, txs: &[Bytes]) {
        self.dev.mine(txs).await;
        let head = self.dev.chain().head().number;
        self.notify(vec![Change::Commit(self.blocks(head))]);
    }

    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]) {
        let first = self.dev.chain().head().number + 1 - depth;
        self.dev.replace(depth, length, txs).await;
        self.notify(vec![Change::Revert(first), Change::Commit(self.blocks(first))]);
    }

    async fn mine_deposit(&mut self, to: Address, data: Bytes) -> B256 {
        self.dev.mine_deposit(to, data).await
    }

    async fn head(&self) -> BlockRef {
        self.dev.head().await
    }

    async fn block(&self, number: u64) -> Option<Block> {
        self.dev.block(number).await
    }
}

async fn conforms(delivery: Delivery, names_final: bool, filters: bool) {
    let mut failed = vec![];
    // Deposits are the OP stack's; reth-ethereum has none.
    for case in cases().into_iter().filter(|case| case.needs.is_none()) {
        let mut bed = AdapterBed::new(delivery, names_final, filters);
        match tokio::time::timeout(LIMIT, case.run(&mut bed)).await {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => failed.push(format!("{}: {broken}", case.name)),
            Err(_) => failed.push(format!("{}: not done after {LIMIT:?}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn it_conforms_when_every_notification_arrives() {
    conforms(Delivery::All, true, true).await;
}

#[tokio::test(start_paused = true)]
async fn it_conforms_without_any_notification() {
    conforms(Delivery::Never, false, false).await;
}

#[tokio::test(start_paused = true)]
async fn it_conforms_when_notifications_are_late() {
    conforms(Delivery::Late, true, false).await;
}

#[tokio::test(start_paused = true)]
async fn it_conforms_when_notifications_are_lost_and_repeated() {
    conforms(Delivery::Lossy, false, true).await;
}
