//! A network, a resolver and makers, driven step by step: the harness of the tests in `tests/`.

pub mod histories;

use async_trait::async_trait;
use bmn_executor::Account;
use bmn_indexer::Indexer;
use bmn_node::{ChainHost, Resolver, policy_of, rules_of};
use bmn_primitives::{ChainId, Dialect, OrderId};
use bmn_sim::{
    Maker, Network, SIMULATION_GENESIS, Strangers, VirtualClock,
    accounts::DevAccount,
    rpc::{ResolverRpc, RpcFailure, read_answer, request_text},
    scenario::{Behaviour, Direction, Kind, Payout, SourceToken, SwapSpec, Timing},
};
use bmn_store::{
    ChainRow, MasterKey, Reads, Store, StoreOptions, chain_rows, testing::CrashBackend,
};
use bmn_swap::{Policy, Status};
use jsonrpsee::RpcModule;
use serde_json::Value;
use std::sync::Arc;

/// Seed of every harness run: keys and secrets follow from it.
pub const SEED: u64 = 11;

/// Two chains, one resolver, some makers.
pub struct World {
    /// The chains.
    pub network: Network,
    /// The resolver.
    pub resolver: Resolver,
    /// The makers.
    pub makers: Vec<Maker>,
    /// Others.
    pub strangers: Strangers,
    /// The resolver's interface.
    pub rpc: InProcess,
    clock: VirtualClock,
    mined_at: [u64; 2],
}

/// The resolver's interface without a socket.
#[derive(Clone)]
pub struct InProcess(RpcModule<()>);

#[async_trait]
impl ResolverRpc for InProcess {
    async fn request(&self, method: &'static str, params: Value) -> Result<Value, RpcFailure> {
        let request = request_text(method, &params);
        match self.0.raw_json_request(&request, 16).await {
            Ok((answer, _)) => read_answer(answer.get()),
            Err(_) => Err(RpcFailure::Gone),
        }
    }
}

/// A swap of one token for the other, by a limit order from Chain A to Chain B.
pub fn swap(index: u32, behaviour: Behaviour) -> SwapSpec {
    SwapSpec {
        index,
        direction: Direction::AToB,
        kind: Kind::LimitOrder,
        dialect: Dialect::Bmn4,
        token: SourceToken::Tka,
        payout: Payout::Token,
        behaviour,
        value: 500_000_000,
        margin_bps: 100,
        deposit: 1_000_000_000_000_000,
        start: 0,
        timing: Timing::ROOMY,
        partner: None,
    }
}

/// The policy of the harness: direct source escrows are served.
pub fn policy() -> Policy {
    policy_of(&bmn_config::Policy { allow_direct_source: true, ..bmn_config::Policy::default() })
}

/// A store in memory.
pub fn memory_store(disk: &CrashBackend) -> Store {
    Store::open(StoreOptions::backend(disk.clone(), MasterKey::new([3; 32])))
        .expect("a store in memory opens")
}

impl World {
    /// A world over a store in memory.
    pub async fn new(specs: Vec<SwapSpec>) -> Self {
        Self::with_store(specs, memory_store(&CrashBackend::new())).await
    }

    /// A world over a given store.
    pub async fn with_store(specs: Vec<SwapSpec>, store: Store) -> Self {
        Self::with_network(specs, store, |_| {}).await
    }

    /// A world whose chain specifications are changed after the contracts are there.
    pub async fn with_network(
        specs: Vec<SwapSpec>,
        store: Store,
        change: impl FnOnce(&mut Network),
    ) -> Self {
        let mut network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
        network.set_up().await.expect("contracts");
        change(&mut network);
        let funds: Result<Vec<_>, _> =
            specs.iter().map(|spec| Maker::funds(spec, SEED, &network)).collect();
        network.fund_makers(&funds.expect("amounts")).await.expect("funds");
        let start = network.settle().expect("a common time");
        let mut makers = Vec::new();
        for spec in specs {
            makers.push(Maker::new(spec, SEED, start, &network).await.expect("a maker"));
        }
        let clock = VirtualClock::starting_at(start);
        let resolver = open_resolver(&network, store, &clock);
        Self {
            strangers: Strangers::new(&network).await.expect("strangers"),
            rpc: InProcess(resolver.every_module()),
            mined_at: [start; 2],
            network,
            resolver,
            makers,
            clock,
        }
    }

    /// The resolver's interface, borrowed.
    pub const fn rpc(&self) -> &InProcess {
        &self.rpc
    }

    /// Drops the resolver without a word and opens another over `store`.
    pub fn restart(&mut self, store: Store) {
        self.resolver = open_resolver(&self.network, store, &self.clock);
        self.rpc = InProcess(self.resolver.every_module());
    }

    /// The same over hosts that `change` has been at.
    pub fn restart_over(&mut self, store: Store, change: impl Fn(ChainHost) -> ChainHost) {
        self.restart_with(store, DevAccount::Resolver.signer().into(), change);
    }

    /// The same, and with another account.
    pub fn restart_with(
        &mut self,
        store: Store,
        account: Account,
        change: impl Fn(ChainHost) -> ChainHost,
    ) {
        let hosts = hosts(&self.network).map(change).collect();
        let clock = Arc::new(self.clock.clone());
        self.resolver =
            Resolver::open(store, hosts, account, policy(), clock).expect("the resolver opens");
        self.rpc = InProcess(self.resolver.every_module());
    }

    /// The clock of the machine.
    pub const fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// The same with other limits.
    pub fn restart_within(&mut self, store: Store, policy: Policy) {
        let (signer, hosts) = (DevAccount::Resolver.signer(), hosts(&self.network).collect());
        let clock = Arc::new(self.clock.clone());
        self.resolver =
            Resolver::open(store, hosts, signer, policy, clock).expect("the resolver opens");
        self.rpc = InProcess(self.resolver.every_module());
    }

    /// The same with another account: other caps, another way to sign.
    pub fn restart_as(&mut self, store: Store, account: Account) {
        let hosts = hosts(&self.network).collect();
        let clock = Arc::new(self.clock.clone());
        self.resolver =
            Resolver::open(store, hosts, account, policy(), clock).expect("the resolver opens");
        self.rpc = InProcess(self.resolver.every_module());
    }

    /// The same with one that only follows.
    pub fn restart_index_only(&mut self, store: Store) {
        let clock = Arc::new(self.clock.clone());
        self.resolver =
            Resolver::open_index_only(store, hosts(&self.network).collect(), policy(), clock)
                .expect("the resolver opens");
        self.rpc = InProcess(self.resolver.every_module());
    }

    /// Everybody acts until nobody has anything left to do at this moment.
    pub async fn settle(&mut self) {
        assert!(self.try_settle().await, "the resolver works");
    }

    /// The same; false when the resolver failed on the way.
    pub async fn try_settle(&mut self) -> bool {
        loop {
            let Ok(steps) = self.resolver.run_until_idle().await else { return false };
            let mut acted = steps > 0;
            for maker in &mut self.makers {
                let Ok(moved) = maker.act(&mut self.strangers, &self.rpc).await else {
                    return false;
                };
                acted |= moved;
            }
            if !acted {
                return true;
            }
        }
    }

    /// Lets the clock go on until the next block of either chain is due, and mines it.
    pub fn mine(&mut self) {
        let blocks = |world: &Self| world.network.chains.each_ref().map(|n| n.chain.head().number);
        let before = blocks(self);
        while blocks(self) == before {
            self.clock.advance(1);
            let now = bmn_node::Clock::unix_seconds(&self.clock);
            for (index, node) in self.network.chains.iter().enumerate() {
                if now >= self.mined_at[index] + node.spec.block_time_secs {
                    self.mined_at[index] = now;
                    let time = now.max(node.chain.head().time + 1);
                    node.chain.mine(Some(time)).expect("time rises");
                }
            }
        }
    }

    /// Lets so many seconds pass in which nobody does anything, and mines one block on each chain.
    pub fn sleep(&mut self, seconds: u64) {
        self.clock.advance(seconds);
        let now = bmn_node::Clock::unix_seconds(&self.clock);
        for (index, node) in self.network.chains.iter().enumerate() {
            self.mined_at[index] = now;
            let time = now.max(node.chain.head().time + 1);
            node.chain.mine(Some(time)).expect("time rises");
        }
    }

    /// Mines one block of one chain whose time lies so many seconds after its head's. Until the clock
    /// has caught up, its blocks are a second apart.
    pub fn jump(&self, chain: usize, seconds: u64) {
        let node = &self.network.chains[chain];
        node.chain.mine(Some(node.chain.head().time + seconds)).expect("time rises");
    }

    /// Mines and settles until `done`, at most `blocks` times. False when it never was.
    pub async fn run_until(&mut self, blocks: u32, done: impl Fn(&Self) -> bool) -> bool {
        self.settle().await;
        for _ in 0..blocks {
            if done(self) {
                return true;
            }
            self.mine();
            self.settle().await;
        }
        done(self)
    }

    /// Runs until every maker's swap is at an end.
    pub async fn run_to_end(&mut self) -> bool {
        self.run_until(2_000, |world| world.makers.iter().all(Maker::is_over)).await
    }

    /// Statuses of all orders, by id.
    pub fn statuses(&self) -> Vec<(OrderId, Status)> {
        let read = self.resolver.store().read().expect("a snapshot");
        let orders = read.orders(None, usize::MAX).expect("orders");
        orders
            .into_iter()
            .filter_map(|order| {
                let state = read.order_state(order.id).expect("a state")?;
                Some((order.id, state.status))
            })
            .collect()
    }

    /// Status of the only order; none while there is none.
    pub fn status(&self) -> Option<Status> {
        self.statuses().first().map(|(_, status)| *status)
    }

    /// The chain tables as indexing both chains from their first block gives them.
    pub async fn rebuilt(&self) -> Vec<Vec<ChainRow>> {
        self.rows_of(&self.reindexed().await)
    }

    /// A store that indexed the chains as they are now from their start.
    pub async fn reindexed(&self) -> Store {
        let store = memory_store(&CrashBackend::new());
        let specs = self.network.chains.iter().map(|node| &node.spec);
        let rules = rules_of(DevAccount::Resolver.address(), specs, policy());
        let indexer = Indexer::new(store.clone(), Arc::new(rules));
        for node in &self.network.chains {
            let mut source = node.chain.source();
            loop {
                let read = store.read().expect("a snapshot");
                let cursor = read.cursor(node.id()).expect("a cursor").tip;
                let known = read.known_blocks(node.id());
                let event = bmn_chain::ChainSource::next_event(&mut source, cursor, &known, 50);
                let Some(event) = event.await.expect("the chain answers") else { break };
                drop(read);
                indexer.apply(node.id(), &event, None).expect("it applies");
            }
        }
        store
    }

    /// The chain tables as they are.
    pub fn rows(&self) -> Vec<Vec<ChainRow>> {
        self.rows_of(self.resolver.store())
    }

    fn rows_of(&self, store: &Store) -> Vec<Vec<ChainRow>> {
        let read = store.read().expect("a snapshot");
        let rows = |chain: ChainId| chain_rows(&read, chain).expect("rows");
        self.network.chains.iter().map(|node| rows(node.id())).collect()
    }
}

/// Fails naming the first row that differs.
pub fn same(found: &[Vec<ChainRow>], expected: &[Vec<ChainRow>], case: &str) {
    for (chain, (found, expected)) in found.iter().zip(expected).enumerate() {
        let differs = found.iter().zip(expected).find(|(a, b)| a != b);
        if let Some((a, b)) = differs {
            panic!(
                "{case}: chain {chain}: {} {:?} against {} {:?}",
                a.table, a.key, b.table, b.key
            );
        }
        assert_eq!(found.len(), expected.len(), "{case}: chain {chain}: number of rows");
    }
}

fn hosts(network: &Network) -> impl Iterator<Item = ChainHost> {
    network.chains.iter().map(|node| ChainHost {
        spec: node.spec.clone(),
        source: Box::new(node.chain.source()),
        client: node.client.clone(),
    })
}

fn open_resolver(network: &Network, store: Store, clock: &VirtualClock) -> Resolver {
    let signer = DevAccount::Resolver.signer();
    let hosts = hosts(network).collect();
    Resolver::open(store, hosts, signer, policy(), Arc::new(clock.clone()))
        .expect("the resolver opens")
}
