//! The seam's conformance suite on a real node: reth with our extension, driven through its engine.
//!
//! One node for each case, in a database of its own. Blocks are built on any parent by reth's testing API and
//! made canonical by fork choice, as a consensus client would.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use alloy::{
    consensus::constants::ETH_TO_WEI,
    genesis::{Genesis, GenesisAccount},
    network::Ethereum,
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
    ledger::Ledger,
    local::LocalChain,
    read::HistoryLimits,
    source::{SourceConfig, SourceLimits},
    window::WindowLimits,
};
use bmn_host_rpc::LogSelection;
use bmn_primitives::{BlockRef, ChainId};
use bmn_reth::{chain::NodeChain, exex, provider::NodeLedger};
use reth_e2e_test_utils::node::NodeTestContext;
use reth_ethereum::{
    chainspec::{ChainSpec, ChainSpecBuilder},
    node::{
        EthereumNode,
        api::TreeConfig,
        builder::{EngineNodeLauncher, NodeBuilder, NodeConfig, NodeHandle},
        core::args::{DebugArgs, DiscoveryArgs, NetworkArgs, RpcServerArgs},
        node::EthereumAddOns,
    },
    pool::TransactionPool,
    provider::{BlockNumReader, providers::BlockchainProvider},
    rpc::{
        api::eth::{RpcNodeCore, helpers::FullEthApi},
        builder::RpcModuleSelection,
        eth::EthApiError,
        types::engine::{
            CancunPayloadFields, ExecutionData, ExecutionPayload, ExecutionPayloadSidecar,
            ForkchoiceState, PayloadAttributes, TestingBuildBlockRequestV1,
        },
    },
    tasks::Runtime,
};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

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

/// What a case does with the node, without the node's type.
#[async_trait]
trait Node: Send + Sync {
    async fn build(&self, parent: B256, time: u64, txs: Vec<Bytes>) -> B256;
    async fn choose(&self, head: B256);
    fn local(&self) -> &dyn LocalChain;
    fn ledger(&self) -> &dyn DynLedger;
    fn forget_transactions(&self);
}

/// [`Ledger`] as an object.
trait DynLedger: Send + Sync {
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

type Build = Box<
    dyn Fn(TestingBuildBlockRequestV1) -> Pin<Box<dyn Future<Output = ExecutionData> + Send>>
        + Send
        + Sync,
>;
type Apply<T> = Box<dyn Fn(T) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

struct Running<Eth: RpcNodeCore> {
    local: NodeChain<Eth>,
    ledger: NodeLedger<Eth::Provider, Eth::Evm>,
    eth: Eth,
    build: Build,
    insert: Apply<ExecutionData>,
    choose: Apply<ForkchoiceState>,
}

#[async_trait]
impl<Eth> Node for Running<Eth>
where
    Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
{
    async fn build(&self, parent: B256, time: u64, txs: Vec<Bytes>) -> B256 {
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
        let data = (self.build)(request).await;
        let hash = data.payload.block_hash();
        (self.insert)(data).await;
        hash
    }

    async fn choose(&self, head: B256) {
        // No block is named final: the source counts by depth.
        let state = ForkchoiceState {
            head_block_hash: head,
            safe_block_hash: B256::ZERO,
            finalized_block_hash: B256::ZERO,
        };
        (self.choose)(state).await;
        while self.eth.provider().chain_info().unwrap().best_hash != head {
            tokio::time::sleep(Duration::from_millis(5)).await;
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
}

async fn launch(feed: Arc<Feed>, acks: Acks) -> Box<dyn Node> {
    let runtime = Runtime::test();
    let discovery = DiscoveryArgs { disable_discovery: true, ..DiscoveryArgs::default() };
    // Nobody else is there to sync with, and some cases ask before there is a block.
    let debug = DebugArgs { startup_sync_state_idle: true, ..DebugArgs::default() };
    let config = NodeConfig::new(chain_spec())
        .with_debug(debug)
        .with_network(NetworkArgs { discovery, ..NetworkArgs::default() })
        .with_unused_ports()
        .with_rpc(
            RpcServerArgs::default()
                .with_unused_ports()
                .with_http()
                .with_http_api(RpcModuleSelection::All),
        );
    let tree = TreeConfig::default()
        .with_cross_block_cache_size(1 << 20)
        // Blocks that leave the chain without others in their place.
        .with_always_process_payload_attributes_on_canonical_head(true)
        .with_unwind_canonical_header(true);
    let (told, heard) = (Arc::clone(&feed), acks.clone());
    let NodeHandle { node, .. } = NodeBuilder::new(config)
        .testing_node(runtime)
        .with_types_and_provider::<EthereumNode, BlockchainProvider<_>>()
        .with_components(EthereumNode::components())
        .with_add_ons(EthereumAddOns::default())
        .install_exex("bmn", async move |ctx| Ok(exex::run(ctx, told, heard)))
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
    let (provider, evm) = (node.provider.clone(), node.evm_config.clone());
    let engine = node.add_ons_handle.beacon_engine_handle.clone();
    let context = NodeTestContext::new(node, |_| unreachable!("blocks are built by request"));
    let context = Arc::new(context.await.unwrap());
    let build: Build = Box::new(move |request| {
        let context = Arc::clone(&context);
        Box::pin(async move {
            let envelope = context.testing_build_block_v1(request).await.unwrap();
            let cancun = CancunPayloadFields {
                parent_beacon_block_root: B256::ZERO,
                versioned_hashes: vec![],
            };
            ExecutionData {
                payload: ExecutionPayload::V3(envelope.execution_payload),
                sidecar: ExecutionPayloadSidecar::v3(cancun),
            }
        })
    });
    let inserting = engine.clone();
    let insert: Apply<ExecutionData> = Box::new(move |data| {
        let engine = inserting.clone();
        Box::pin(async move {
            let status = engine.new_payload(data).await.unwrap();
            assert!(status.is_valid(), "{status:?}");
        })
    });
    let choose: Apply<ForkchoiceState> = Box::new(move |state| {
        let engine = engine.clone();
        Box::pin(async move {
            let updated = engine.fork_choice_updated(state, None).await.unwrap();
            assert!(updated.is_valid(), "{updated:?}");
        })
    });
    let local = NodeChain::new(CHAIN, eth.clone(), feed, acks);
    Box::new(Running { local, ledger: NodeLedger::new(provider, evm), eth, build, insert, choose })
}

struct RethBed {
    node: Box<dyn Node>,
    acks: Acks,
}

impl RethBed {
    async fn new() -> Self {
        let feed = Arc::new(Feed::new(WindowLimits { blocks: 8, bytes: 1 << 20 }));
        let acks = Acks::default();
        Self { node: launch(feed, acks.clone()).await, acks }
    }

    async fn extend(&self, parent: &BlockRef, txs: &[Bytes]) -> BlockRef {
        let hash = self.node.build(parent.hash, parent.time + BLOCK_TIME, txs.to_vec()).await;
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
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}
