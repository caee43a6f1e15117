//! A real node, driven through its engine as a consensus client would: blocks are built on any parent by reth's
//! testing API and made canonical by fork choice.

#![allow(dead_code, reason = "each test uses a part of it")]

use alloy::{
    network::Ethereum,
    primitives::{Address, B256, Bytes, keccak256},
};
use async_trait::async_trait;
use bmn_chain::{Block, ChainEvent, KnownBlocks};
use bmn_embed::{
    acks::Acks,
    feed::Feed,
    front::Front,
    ledger::Ledger,
    local::LocalChain,
    source::{SourceConfig, SourceLimits},
};
use bmn_host_rpc::LogSelection;
use bmn_primitives::{BlockRef, ChainId};
use bmn_reth::{
    chain::NodeChain,
    exex,
    node::{Extension, serve},
    provider::NodeLedger,
};
use futures_util::StreamExt;
use reth_e2e_test_utils::node::NodeTestContext;
use reth_ethereum::{
    chainspec::{ChainSpec, EthChainSpec},
    exex::{BackfillJobFactory, ExExNotificationsStream},
    node::{
        EthereumNode,
        api::TreeConfig,
        builder::{EngineNodeLauncher, NodeBuilder, NodeConfig, NodeHandle},
        core::args::{
            DatadirArgs, DebugArgs, DiscoveryArgs, NetworkArgs, PruningArgs, RpcServerArgs,
            StorageArgs,
        },
        node::EthereumAddOns,
    },
    pool::TransactionPool,
    provider::{
        BlockNumReader, DatabaseProviderFactory,
        db::{init_db, mdbx::DatabaseArguments},
        providers::BlockchainProvider,
    },
    rpc::{
        api::eth::{RpcNodeCore, helpers::FullEthApi},
        builder::{RpcModuleSelection, auth::AuthServerHandle},
        eth::EthApiError,
        types::engine::{
            CancunPayloadFields, ExecutionData, ExecutionPayload, ExecutionPayloadSidecar,
            ForkchoiceState, PayloadAttributes, TestingBuildBlockRequestV1,
        },
    },
    tasks::Runtime,
};
use std::{
    future::Future,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// What of ours is in the node.
pub(crate) enum Inside {
    Nothing,
    /// An extension that takes every notification and does nothing with it.
    Idle,
    /// The extension; what it takes is looked at from outside.
    Extension(Arc<Feed>, Acks),
    /// The extension and a resolver that it feeds.
    Resolver(Extension),
    /// The methods of whoever stands behind this, and nothing that follows the node.
    Methods(Front),
}

/// How a node is set up.
pub(crate) struct Setup {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) inside: Inside,
    /// Every block is written at once. Else the newest ones are in memory only, as on any node.
    pub(crate) writes_at_once: bool,
    /// Receipts of blocks before this one are pruned.
    pub(crate) prunes_receipts_before: Option<u64>,
}

impl Setup {
    pub(crate) fn new(spec: Arc<ChainSpec>, inside: Inside) -> Self {
        Self { spec, inside, writes_at_once: false, prunes_receipts_before: None }
    }
}

/// What is done with a node, without the node's type.
#[async_trait]
pub(crate) trait Node: Send + Sync {
    /// A block with these transactions, which the node does not have yet.
    async fn build(&self, parent: B256, time: u64, txs: Vec<Bytes>) -> ExecutionData;
    async fn insert(&self, block: ExecutionData);
    /// Makes the block the head. No block is named final: the source counts by depth.
    async fn choose(&self, head: B256);
    fn local(&self) -> &dyn LocalChain;
    fn ledger(&self) -> &dyn DynLedger;
    fn forget_transactions(&self);
    /// The newest block that is on disk.
    fn written(&self) -> u64;
    /// Executes these blocks again, as an extension of reth's would: how many logs they made.
    fn execute_again(&self, range: RangeInclusive<u64>) -> usize;
    fn servers(&self) -> &Servers;
    /// Ends the node.
    async fn stop(self: Box<Self>);
}

/// [`Ledger`] as an object.
pub(crate) trait DynLedger: Send + Sync {
    fn head(&self) -> BlockRef;
    fn block(&self, number: u64) -> Option<Block>;
}

impl<L: Ledger> DynLedger for L {
    fn head(&self) -> BlockRef {
        Ledger::head(self).unwrap()
    }

    fn block(&self, number: u64) -> Option<Block> {
        let stored = self.headers(number..=number).unwrap().pop()?;
        let logs = self.logs(&stored, &LogSelection::default()).unwrap();
        Some(Block { header: stored.header, logs })
    }
}

/// Where a node answers.
pub(crate) struct Servers {
    /// HTTP and WebSocket, for everybody.
    pub(crate) public: SocketAddr,
    /// The authenticated one.
    pub(crate) auth: AuthServerHandle,
}

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Ask<Q, A> = Box<dyn Fn(Q) -> Answer<A> + Send + Sync>;

struct Running<Eth: RpcNodeCore> {
    local: NodeChain<Eth>,
    ledger: NodeLedger<Eth::Provider, Eth::Evm>,
    eth: Eth,
    build: Ask<TestingBuildBlockRequestV1, ExecutionData>,
    insert: Ask<ExecutionData, ()>,
    choose: Ask<ForkchoiceState, ()>,
    written: Box<dyn Fn() -> u64 + Send + Sync>,
    servers: Servers,
    runtime: Runtime,
    directory: PathBuf,
}

#[async_trait]
impl<Eth> Node for Running<Eth>
where
    Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
{
    async fn build(&self, parent: B256, time: u64, txs: Vec<Bytes>) -> ExecutionData {
        let payload_attributes = PayloadAttributes {
            timestamp: time,
            prev_randao: keccak256([parent.as_slice(), &txs.concat()].concat()),
            suggested_fee_recipient: Address::ZERO,
            withdrawals: Some(vec![]),
            parent_beacon_block_root: Some(B256::ZERO),
            ..PayloadAttributes::default()
        };
        let request = TestingBuildBlockRequestV1 {
            parent_block_hash: parent,
            payload_attributes,
            transactions: txs,
            extra_data: None,
        };
        (self.build)(request).await
    }

    async fn insert(&self, block: ExecutionData) {
        (self.insert)(block).await;
    }

    async fn choose(&self, head: B256) {
        let state = ForkchoiceState {
            head_block_hash: head,
            safe_block_hash: B256::ZERO,
            finalized_block_hash: B256::ZERO,
        };
        (self.choose)(state).await;
        while self.eth.provider().chain_info().unwrap().best_hash != head {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn local(&self) -> &dyn LocalChain {
        &self.local
    }

    fn ledger(&self) -> &dyn DynLedger {
        &self.ledger
    }

    fn forget_transactions(&self) {
        let pool = self.eth.pool();
        pool.remove_transactions(pool.all_transaction_hashes());
    }

    fn written(&self) -> u64 {
        (self.written)()
    }

    fn execute_again(&self, range: RangeInclusive<u64>) -> usize {
        let (evm, provider) = (self.eth.evm_config().clone(), self.eth.provider().clone());
        let mut logs = 0;
        for chain in BackfillJobFactory::new(evm, provider).backfill(range) {
            let chain = chain.unwrap();
            for (_, receipts) in chain.blocks_and_receipts() {
                logs += receipts
                    .iter()
                    .map(|it| alloy::consensus::TxReceipt::logs(it).len())
                    .sum::<usize>();
            }
        }
        logs
    }

    fn servers(&self) -> &Servers {
        &self.servers
    }

    async fn stop(self: Box<Self>) {
        let (runtime, directory) = (self.runtime.clone(), self.directory.clone());
        drop(self);
        runtime.graceful_shutdown();
        until_closed(&directory).await;
    }
}

/// Waits until nothing below the directory is open any more. A thread of the node's closes its RocksDB in its own
/// time; a process that ends meanwhile is aborted (facebook/rocksdb#11349).
async fn until_closed(directory: &Path) {
    for _ in 0..60_000 {
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let open = open.filter_map(|file| std::fs::read_link(file.path()).ok());
        if !open.into_iter().any(|file| file.starts_with(directory)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("files of {} stay open", directory.display());
}

fn config(setup: &Setup, directory: &Path) -> NodeConfig<ChainSpec> {
    let discovery = DiscoveryArgs { disable_discovery: true, ..DiscoveryArgs::default() };
    // Nobody else is there to sync with, and some cases ask before there is a block.
    let debug = DebugArgs { startup_sync_state_idle: true, ..DebugArgs::default() };
    let datadir = DatadirArgs { datadir: directory.to_owned().into(), ..DatadirArgs::default() };
    let rpc = RpcServerArgs::default()
        .with_unused_ports()
        .with_http()
        .with_ws()
        .with_http_api(RpcModuleSelection::All)
        .with_ws_api(RpcModuleSelection::All);
    let mut config = NodeConfig::new(Arc::clone(&setup.spec))
        .with_debug(debug)
        .with_datadir_args(datadir)
        .with_network(NetworkArgs { discovery, ..NetworkArgs::default() })
        .with_unused_ports()
        .with_rpc(rpc);
    config.rpc.ipcdisable = true;
    if let Some(before) = setup.prunes_receipts_before {
        config.pruning = PruningArgs {
            block_interval: Some(1),
            receipts_before: Some(before),
            ..PruningArgs::default()
        };
        // Receipts in files are pruned by whole files of half a million blocks.
        config.storage = StorageArgs { v2: false };
    }
    config
}

fn tree(setup: &Setup) -> TreeConfig {
    let tree = TreeConfig::default()
        .with_cross_block_cache_size(1 << 20)
        // Blocks that leave the chain without others in their place.
        .with_always_process_payload_attributes_on_canonical_head(true)
        .with_unwind_canonical_header(true);
    match setup.writes_at_once {
        true => tree.with_persistence_threshold(0).with_memory_block_buffer_target(0),
        false => tree,
    }
}

/// Starts a node on what is in the directory.
pub(crate) async fn launch(setup: Setup, directory: &Path) -> Box<dyn Node> {
    let runtime = Runtime::test();
    let config = config(&setup, directory);
    let tree = tree(&setup);
    let chain = ChainId(setup.spec.chain().id());
    let database = init_db(config.datadir().db(), DatabaseArguments::test()).unwrap();
    let builder = NodeBuilder::new(config)
        .with_database(Arc::new(database))
        .with_launch_context(runtime.clone())
        .with_types_and_provider::<EthereumNode, BlockchainProvider<_>>()
        .with_components(EthereumNode::components())
        .with_add_ons(EthereumAddOns::default());
    let (mut feed, mut acks) = (Arc::new(Feed::new(Default::default())), Acks::default());
    let builder = match setup.inside {
        Inside::Nothing => builder,
        Inside::Idle => builder.install_exex("idle", async move |mut ctx| {
            Ok(async move {
                ctx.notifications.set_without_head();
                while ctx.notifications.next().await.is_some() {}
                std::future::pending().await
            })
        }),
        Inside::Extension(told, heard) => {
            (feed, acks) = (Arc::clone(&told), heard.clone());
            builder.install_exex("bmn", async move |ctx| Ok(exex::run(ctx, told, heard)))
        }
        Inside::Resolver(extension) => {
            let inside = extension.clone();
            builder
                .install_exex("bmn", async move |ctx| Ok(inside.exex(ctx)))
                .extend_rpc_modules(move |ctx| extension.enter_rpc(ctx))
        }
        Inside::Methods(front) => {
            builder.extend_rpc_modules(move |ctx| serve(&front, ctx.modules, ctx.auth_module))
        }
    };
    let NodeHandle { node, .. } = builder
        .launch_with_fn(|builder| {
            let launcher = EngineNodeLauncher::new(
                builder.task_executor().clone(),
                builder.config().datadir(),
                tree,
            );
            builder.launch_with(launcher)
        })
        .await
        .unwrap();
    let eth = node.rpc_registry.eth_api().clone();
    let handles = &node.add_ons_handle.rpc_server_handles;
    let servers =
        Servers { public: handles.rpc.http_local_addr().unwrap(), auth: handles.auth.clone() };
    assert_eq!(handles.rpc.ws_local_addr(), Some(servers.public));
    let (provider, evm) = (node.provider.clone(), node.evm_config.clone());
    let engine = node.add_ons_handle.beacon_engine_handle.clone();
    let context = NodeTestContext::new(node, |_| unreachable!("blocks are built by request"));
    let context = Arc::new(context.await.unwrap());
    let build: Ask<_, _> = Box::new(move |request| {
        let context = Arc::clone(&context);
        Box::pin(async move {
            let envelope = context.testing_build_block_v1(request).await.unwrap();
            payload(ExecutionPayload::V3(envelope.execution_payload))
        })
    });
    let inserting = engine.clone();
    let insert: Ask<_, _> = Box::new(move |data| {
        let engine = inserting.clone();
        Box::pin(async move {
            let status = engine.new_payload(data).await.unwrap();
            assert!(status.is_valid(), "{status:?}");
        })
    });
    let choose: Ask<_, _> = Box::new(move |state| {
        let engine = engine.clone();
        Box::pin(async move {
            let updated = engine.fork_choice_updated(state, None).await.unwrap();
            assert!(updated.is_valid(), "{updated:?}");
        })
    });
    let on_disk = provider.clone();
    let written =
        Box::new(move || on_disk.database_provider_ro().unwrap().last_block_number().unwrap());
    let local = NodeChain::new(chain, eth.clone(), feed, acks);
    let ledger = NodeLedger::new(provider, evm);
    let directory = directory.to_owned();
    Box::new(Running {
        local,
        ledger,
        eth,
        build,
        insert,
        choose,
        written,
        servers,
        runtime,
        directory,
    })
}

struct NothingKnown;

impl KnownBlocks for NothingKnown {
    fn at(&self, _: u64) -> Option<BlockRef> {
        None
    }
}

/// The whole chain as history, through the source of ours: the blocks that may match.
pub(crate) async fn history(node: &dyn Node, selection: LogSelection) -> Vec<Block> {
    let local = node.local();
    let mut source = local.source(SourceConfig {
        chain: local.chain_id(),
        start_block: 0,
        finality_depth: 0,
        selection: Arc::new(selection),
        limits: SourceLimits { backfill_distance: 0, ..SourceLimits::default() },
    });
    let (mut cursor, mut blocks) = (None, vec![]);
    while let Some(event) = source.next_event(cursor, &NothingKnown, 1_000).await.unwrap() {
        let ChainEvent::Backfilled(history) = &event else { panic!("not history: {event:?}") };
        blocks.extend_from_slice(history.blocks());
        cursor = Some(history.through());
    }
    blocks
}

/// What the engine is given for a block.
pub(crate) fn payload(payload: ExecutionPayload) -> ExecutionData {
    let cancun =
        CancunPayloadFields { parent_beacon_block_root: B256::ZERO, versioned_hashes: vec![] };
    ExecutionData { payload, sidecar: ExecutionPayloadSidecar::v3(cancun) }
}
