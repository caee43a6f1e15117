//! The resolver beside a node, through all that may go wrong with it. The node is a development chain; reth
//! has no part in what is tested here.
//!
//! The resolver has threads of its own and waits in real time, so these tests look again until something is
//! so, with a limit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "common/gate.rs"]
mod gate;
#[path = "common/ledger.rs"]
mod ledger;

use bmn_chain::{ChainClient, ChainSource};
use bmn_embed::{
    acks::Acks,
    feed::Feed,
    front::Front,
    ledger::{Ledger, LedgerError},
    local::LocalChain,
    runner,
    session::Options,
    source::{NodeSource, SourceConfig},
    window::WindowLimits,
};
use bmn_host_dev::DevChain;
use bmn_primitives::{BlockRef, ChainId};
use bmn_sim::{Network, SIMULATION_GENESIS};
use gate::Gate;
use jsonrpsee::core::EmptyServerParams;
use ledger::DevLedger;
use serde_json::Value;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(60);

/// The node.
struct DevNode {
    chain: DevChain,
    feed: Arc<Feed>,
    acks: Acks,
    /// The next source makes whoever asks for it panic.
    panics: AtomicBool,
}

impl DevNode {
    fn ledger(&self) -> DevLedger {
        DevLedger { chain: self.chain.clone(), names_final: true }
    }
}

impl LocalChain for DevNode {
    fn chain_id(&self) -> ChainId {
        self.chain.chain_id()
    }

    fn source(&self, config: SourceConfig) -> Box<dyn ChainSource> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a bug of ours");
        self.feed.watch_for(Arc::clone(&config.selection));
        let feed = Arc::clone(&self.feed);
        Box::new(NodeSource::new(Arc::new(self.ledger()), feed, self.acks.clone(), config))
    }

    fn client(&self, _: u64) -> Arc<dyn ChainClient> {
        Arc::new(self.chain.client())
    }

    fn block(&self, number: u64) -> Result<Option<BlockRef>, LedgerError> {
        let found = self.ledger().headers(number..=number)?;
        Ok(found.first().map(|stored| stored.header.block_ref()))
    }

    fn acks(&self) -> &Acks {
        &self.acks
    }

    fn stop(&self) {
        self.feed.stop();
    }
}

/// A node with a resolver beside it, and the directory with its files.
struct Bench {
    directory: TempDir,
    network: Network,
    node: Arc<DevNode>,
    front: Front,
    stop: CancellationToken,
    ended: Option<oneshot::Receiver<()>>,
}

impl Bench {
    async fn new() -> Self {
        let network = Network::in_memory(SIMULATION_GENESIS).unwrap();
        network.set_up().await.unwrap();
        network.settle().unwrap();
        let node = DevNode {
            chain: network.chains[0].chain.clone(),
            feed: Arc::new(Feed::new(WindowLimits::default())),
            acks: Acks::default(),
            panics: AtomicBool::new(false),
        };
        Self {
            directory: tempfile::tempdir().unwrap(),
            network,
            node: Arc::new(node),
            front: Front::new("it has not started yet"),
            stop: CancellationToken::new(),
            ended: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the configuration of an index of this chain, or of another.
    fn configure(&self, spec: &str, more: &str) {
        let text = format!(
            "data_dir = \"data\"\nindex_only = true\n[[chains]]\nspec = \"{spec}\"\n\
             endpoints = [\"http://127.0.0.1:1\"]\n{more}"
        );
        std::fs::write(self.path("bmn.toml"), text).unwrap();
    }

    fn start(&mut self) {
        let options = Options {
            config: self.path("bmn.toml"),
            data_dir: None,
            mode: None,
            index_only: false,
        };
        self.stop = CancellationToken::new();
        let (local, front) = (Arc::clone(&self.node) as Arc<dyn LocalChain>, self.front.clone());
        self.ended = Some(runner::start(options, local, front, None, self.stop.clone()));
    }

    async fn end(&mut self) {
        self.stop.cancel();
        let ended = self.ended.take().expect("started");
        tokio::time::timeout(LIMIT, ended).await.expect("it stops").unwrap_err();
        assert_eq!(self.front.why().as_deref(), Some("the node is stopping"));
    }

    /// Waits until the reason that nothing runs has these words.
    async fn refused(&self, words: &str) {
        let is_told = || self.front.why().is_some_and(|why| why.contains(words));
        self.until(is_told, &format!("a reason with `{words}`")).await;
    }

    async fn running(&self) {
        self.until(|| self.front.why().is_none(), "a running resolver").await;
    }

    async fn until(&self, is_so: impl Fn() -> bool, what: &str) {
        let began = tokio::time::Instant::now();
        while !is_so() {
            assert!(began.elapsed() < LIMIT, "no {what}; {:?}", self.front.why());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the index has the node's newest block.
    async fn caught_up(&self) {
        self.indexed(self.node.chain.head().number).await;
    }

    /// Waits until the index has this block of some chain.
    async fn indexed(&self, head: u64) {
        let module = self.front.module().unwrap();
        let began = tokio::time::Instant::now();
        loop {
            let status = module.call::<_, Value>("bmn_status", EmptyServerParams::new()).await;
            let status = status.map_or_else(|error| error.to_string(), |it| it.to_string());
            if status.contains(&format!("\"number\":{head}")) {
                return;
            }
            assert!(began.elapsed() < LIMIT, "block {head} is not indexed: {status}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_told_and_a_corrected_one_is_taken_up() {
    let mut bench = Bench::new().await;
    bench.start();
    bench.refused("bmn.toml").await;
    std::fs::write(bench.path("bmn.toml"), "data_dri = \"data\"").unwrap();
    bench.refused("data_dir").await;
    bench.configure("dev-b", "");
    bench.refused("this node follows chain 1337, the configuration lists 1338").await;
    bench.configure("dev-a", "");
    bench.running().await;
    bench.caught_up().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_endpoint_of_the_nodes_own_chain_is_refused() {
    let mut bench = Bench::new().await;
    bench.configure("dev-a", "private_endpoint = \"https://relay.example\"\n");
    bench.start();
    bench.refused("private_endpoint").await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_opened_is_tried_again() {
    let mut bench = Bench::new().await;
    bench.configure("dev-a", "");
    std::fs::write(bench.path("data"), "in the way").unwrap();
    bench.start();
    bench.refused("data").await;
    std::fs::remove_file(bench.path("data")).unwrap();
    bench.running().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_ours_is_told_and_the_resolver_begins_again() {
    let mut bench = Bench::new().await;
    bench.configure("dev-a", "");
    bench.node.panics.store(true, Ordering::SeqCst);
    bench.start();
    bench.refused("a bug of ours").await;
    bench.running().await;
    bench.caught_up().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_run_opens_the_database_of_the_one_before_and_goes_on() {
    let mut bench = Bench::new().await;
    bench.configure("dev-a", "");
    bench.start();
    bench.caught_up().await;
    // Somebody who never reads must not hold the database.
    let module = bench.front.module().unwrap();
    let open = module.subscribe("bmn_subscribe", ["swaps"], 1).await.unwrap();
    bench.end().await;
    bench.node.chain.mine(None).unwrap();
    bench.start();
    bench.caught_up().await;
    drop(open);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_may_prune_what_is_durable_and_final_and_no_more() {
    let mut bench = Bench::new().await;
    bench.configure("dev-a", "");
    bench.start();
    bench.caught_up().await;
    let chain = bench.node.chain.clone();
    for _ in 0..80 {
        chain.mine(None).unwrap();
        bench.node.feed.wake();
        let finalized = chain.finalized().unwrap().map_or(0, |block| block.number);
        let acknowledged = bench.node.acks.newest().map_or(0, |block| block.number);
        assert!(acknowledged <= finalized, "{acknowledged} is above the final {finalized}");
    }
    bench.caught_up().await;
    let finalized = chain.finalized().unwrap().expect("more blocks than finality takes");
    // What is final is asked for before the block that is read, so the last one may be told with the next.
    let is_told = || {
        chain.mine(None).unwrap();
        bench.node.feed.wake();
        bench.node.acks.newest().is_some_and(|told| told.number >= finalized.number)
    };
    bench.until(is_told, "acknowledgement of the final block").await;
    bench.end().await;
    let before = bench.node.acks.newest();
    // The next process tells it at once, before anything is read.
    let node = DevNode {
        chain: bench.node.chain.clone(),
        feed: Arc::clone(&bench.node.feed),
        acks: Acks::default(),
        panics: AtomicBool::new(true),
    };
    bench.node = Arc::new(node);
    bench.start();
    bench.refused("a bug of ours").await;
    assert_eq!(bench.node.acks.newest(), before);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_that_hangs_stops_neither_the_nodes_own_nor_the_answers() {
    let mut bench = Bench::new().await;
    let other = bench.network.chains[1].chain.clone();
    let server = bench.network.chains[1].serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let gate = Gate::before(&server.url()).await;
    let more = format!("[[chains]]\nspec = \"dev-b\"\nendpoints = [\"{}\"]\n", gate.url());
    bench.configure("dev-a", &more);
    bench.start();
    bench.running().await;
    bench.caught_up().await;
    gate.shut();
    // Numbers that the other chain does not reach.
    let beyond = other.head().number + 50;
    while bench.node.chain.head().number <= beyond {
        bench.node.chain.mine(None).unwrap();
    }
    bench.node.feed.wake();
    bench.caught_up().await;
    while other.head().number <= bench.node.chain.head().number {
        other.mine(None).unwrap();
    }
    gate.open();
    bench.indexed(other.head().number).await;
    bench.end().await;
    server.stop().await;
}
