//! A swap under way over hosts, a disk and a signer that can fail, driven second by second as the node drives itself.

use crate::{
    Cause, Mode,
    hosts::{Disk, FaultyClient, FaultySource, Refuses, RemoteSigner, Signs, Source, Switch},
};
use alloy::primitives::{Address, U256};
use bmn_config::DevContract;
use bmn_executor::Account;
use bmn_host_dev::Replacement;
use bmn_node::ChainHost;
use bmn_sim::{Payload, Wallet, accounts::DevAccount, rpc::ResolverRpc, scenario::Behaviour};
use bmn_store::{
    MasterKey, Reads, Store, StoreOptions,
    testing::{CrashBackend, Side, damage_leg},
};
use bmn_swap::Status;
use bmn_tests::{World, swap};
use serde_json::json;
use std::{io::Write, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Longest swap, seconds.
const PATIENCE: u64 = 3_000;

pub(crate) struct Bed {
    world: World,
    switches: [Switch; 2],
    signer: RemoteSigner,
    disk: Disk,
    seconds: u64,
    next_block: [u64; 2],
    next_turn: [u64; 2],
    /// When a process that is gone, or has lost its store, is tried again; none while it runs.
    down_until: Option<u64>,
    tries: u32,
    /// Who reads a damaged row before the node has met it is told of an internal error.
    makers_wait: bool,
    held: Vec<(Address, u64, U256)>,
    coin: U256,
    now: (String, Option<String>),
    seen: Vec<String>,
}

fn store(disk: &Disk) -> Option<Store> {
    let options = StoreOptions::backend(disk.clone(), MasterKey::new([3; 32]));
    Store::open(options).ok()
}

impl Bed {
    /// A world whose only swap has this status.
    pub(crate) async fn until(status: Status) -> Self {
        let disk = Disk::over(CrashBackend::new(), Refuses::Nothing);
        let opened = store(&disk).expect("a store in memory opens");
        let world = World::with_store(vec![swap(0, Behaviour::Honest)], opened).await;
        let mut bed = Self {
            world,
            switches: Default::default(),
            signer: RemoteSigner::default(),
            disk,
            seconds: 0,
            next_block: [4, 2],
            next_turn: [0; 2],
            down_until: None,
            tries: 0,
            makers_wait: false,
            held: vec![],
            coin: U256::ZERO,
            now: Default::default(),
            seen: vec![],
        };
        bed.held = bed.balances().await;
        let store = bed.world.resolver.store().clone();
        bed.start(store);
        // Blocks enough for the deepest reorg, then the swap as far as it is to go.
        for _ in 0..140 {
            bed.advance();
            bed.turns().await;
        }
        while bed.world.status() != Some(status) {
            bed.step().await;
            assert!(bed.seconds < PATIENCE, "it never gets to {status:?}");
        }
        bed.seen.clear();
        bed
    }

    fn start(&mut self, store: Store) {
        let (switches, network) = (&self.switches, &self.world.network.chains);
        let chains = network.each_ref().map(|node| (node.id(), node.chain.clone()));
        let wrap = |host: ChainHost| {
            let side = usize::from(chains[1].0 == host.spec.chain_id);
            let (chain, switch) = (chains[side].1.clone(), switches[side].clone());
            let source = FaultySource { inner: chain.source(), chain, switch: switch.clone() };
            let client = FaultyClient { inner: host.client.clone(), switch };
            ChainHost { source: Box::new(source), client: Arc::new(client), ..host }
        };
        let account = Account::new(Arc::new(self.signer.clone()));
        self.world.restart_with(store, account, wrap);
        self.down_until = None;
        self.next_turn = [self.seconds; 2];
    }

    /// A second goes by.
    pub(crate) async fn step(&mut self) {
        self.advance();
        match self.down_until {
            Some(until) if until <= self.seconds => self.try_again(),
            Some(_) => {}
            None => {
                self.turns().await;
                if self.acts() && !self.makers_wait {
                    let rpc = self.world.rpc.clone();
                    for maker in &mut self.world.makers {
                        let _ = maker.act(&mut self.world.strangers, &rpc).await;
                    }
                    self.turns().await;
                }
            }
        }
        self.look().await;
    }

    fn advance(&mut self) {
        self.seconds += 1;
        self.world.clock().advance(1);
        for (side, node) in self.world.network.chains.iter().enumerate() {
            if self.seconds >= self.next_block[side] {
                self.next_block[side] += node.spec.block_time_secs;
                let time = node.chain.head().time + node.spec.block_time_secs;
                node.chain.mine(Some(time)).expect("time rises");
            }
        }
    }

    async fn turns(&mut self) {
        // What one chain shows may be something to do on the other.
        for side in [0, 1, 0, 1] {
            if self.down_until.is_some() || self.seconds < self.next_turn[side] {
                continue;
            }
            let chain = self.world.network.chains[side].id();
            match self.world.resolver.keep_up(chain).await {
                Ok(None) => {}
                Ok(Some(pause)) => self.next_turn[side] = self.seconds + pause.as_secs().max(1),
                Err(_) => {
                    self.tries = 0;
                    self.down_until = Some(self.seconds + 1);
                }
            }
        }
    }

    /// Opens what is on disk, as a new process does, or this one again.
    fn try_again(&mut self) {
        let left = CrashBackend::from_image(self.disk.inner.synced_image());
        let disk = Disk::over(left, self.disk.refuses());
        match store(&disk) {
            Some(store) => {
                self.disk = disk;
                self.start(store);
            }
            None => {
                self.tries += 1;
                self.down_until = Some(self.seconds + (1 << self.tries.min(3)));
            }
        }
    }

    /// Asks the node how it is, as anybody may.
    async fn look(&mut self) {
        let health = self.world.rpc().request("bmn_health", json!([])).await;
        let status = health.ok().and_then(|health| {
            let parts = health["components"].as_array()?.clone();
            let acting = parts.into_iter().find(|part| part["name"] == "acting")?;
            acting["status"].as_str().map(str::to_owned)
        });
        let why = self.world.resolver.handle().not_acting();
        self.now = (status.unwrap_or_default(), why);
        let told = format!("{}: {}", self.now.0, self.now.1.clone().unwrap_or_default());
        if self.seen.last().is_none_or(|last| !last.ends_with(&told)) {
            self.seen.push(format!("{} s {told}", self.seconds));
        }
    }

    pub(crate) fn acts(&self) -> bool {
        self.down_until.is_none() && matches!(self.now.0.as_str(), "healthy" | "")
    }

    pub(crate) fn is_in(&self, mode: Mode) -> bool {
        let says = |words: &str| self.now.1.as_ref().is_some_and(|why| why.contains(words));
        match mode {
            Mode::Acts => self.acts(),
            Mode::Behind(words) => self.now.0 == "degraded" && says(words),
            Mode::Halted(words) => self.now.0 == "unhealthy" && says(words),
            Mode::Gone => self.down_until.is_some(),
            Mode::Off(_) => false,
        }
    }

    /// It acts, and its index shows the newest blocks.
    pub(crate) fn is_well(&self) -> bool {
        let Ok(read) = self.world.resolver.store().read() else { return false };
        let shows = |(side, node): (usize, &bmn_sim::NetworkChain)| {
            let tip = read.cursor(node.id()).ok().and_then(|cursor| cursor.tip);
            let head = node.chain.head();
            // One block may have come after the last turn.
            tip.is_some_and(|tip| tip.number + 1 >= head.number) || self.next_turn[side] == 0
        };
        self.acts() && self.world.network.chains.iter().enumerate().all(shows)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.clone()
    }

    pub(crate) async fn begin(&mut self, cause: Cause) {
        match cause {
            Cause::Host(sides, source) => {
                match source {
                    Source::SetBack => self.call_final(),
                    // Something to skip.
                    Source::SkipsBlocks => (0..3).for_each(|_| self.mine_once()),
                    _ => {}
                }
                sides.iter().for_each(|side| self.switches[*side].lines().source = source);
            }
            Cause::Reorg(depth) => self.reorg(depth),
            Cause::ReorgWhileDown(depth) => {
                self.down_until = Some(self.seconds + 10);
                self.reorg(depth);
            }
            Cause::Disk(refuses) => self.disk.refuse(refuses),
            Cause::DiesBeforeCommit | Cause::DiesAfterCommit => {
                let next = self.disk.inner.operations() + 1;
                let before = matches!(cause, Cause::DiesBeforeCommit);
                let side = if before { Side::Before } else { Side::After };
                self.disk.inner.crash_at(next, side);
            }
            Cause::DiesAfterSend => {
                for switch in &self.switches {
                    switch.lines().dies_after_send = Some(self.disk.inner.clone());
                }
            }
            Cause::ExecutorPanics => {
                self.switches.iter().for_each(|switch| switch.lines().client_panics = true);
            }
            Cause::Signer(signs) => *self.signer.0.lock().expect("nobody panics") = signs,
            Cause::TxStuck | Cause::TxDropped | Cause::NonceUsedElsewhere => {
                self.in_pool(cause).await;
            }
            Cause::Underpriced => {
                self.switches.iter().for_each(|switch| switch.lines().refuses = 3);
            }
            Cause::Forgotten => {
                self.switches.iter().for_each(|switch| switch.lines().forgets = 3);
            }
            Cause::NoCoin => {
                let chain = &self.world.network.chains[1].chain;
                self.coin = chain.balance(us());
                chain.set_balance(us(), U256::from(1)).expect("set");
            }
            Cause::Clock(seconds) => self.world.clock().shift(seconds),
            Cause::RowDamaged => {
                self.makers_wait = true;
                self.damage();
            }
            Cause::Component(_) => unreachable!("not of this bed"),
        }
    }

    pub(crate) fn end(&mut self, cause: Cause) {
        self.makers_wait = false;
        for switch in &self.switches {
            let mut lines = switch.lines();
            lines.source = Source::Truth;
            lines.client_panics = false;
        }
        self.disk.refuse(Refuses::Nothing);
        *self.signer.0.lock().expect("nobody panics") = Signs::Well;
        if matches!(cause, Cause::NoCoin) {
            self.world.network.chains[1].chain.set_balance(us(), self.coin).expect("set");
        }
    }

    /// Lets the node run on its own threads: while the first chain's lane panics the second goes on, and the first comes
    /// back when it does not any more.
    pub(crate) async fn on_its_own(self) {
        let Self { world, switches, .. } = self;
        let [first, second] = &world.network.chains;
        let (store, handle, stop) =
            (world.resolver.store().clone(), world.resolver.handle(), CancellationToken::new());
        let shows = |node: &bmn_sim::NetworkChain| {
            let read = store.read().expect("a snapshot");
            read.cursor(node.id()).expect("a cursor").tip == Some(node.chain.head())
        };
        switches[0].lines().source = Source::Panics;
        for node in [first, second] {
            node.chain.mine(Some(node.chain.head().time + 1)).expect("time rises");
        }
        let panicked = || handle.not_acting().is_some_and(|why| why.contains("panicked"));
        let watching = async {
            until(|| panicked() && shows(second)).await;
            assert!(!shows(first), "it does not follow");
            switches[0].lines().source = Source::Truth;
            until(|| handle.not_acting().is_none() && shows(first)).await;
            stop.cancel();
        };
        let (ran, ()) = tokio::join!(world.resolver.run(stop.clone()), watching);
        ran.expect("it stops as asked");
    }

    fn mine_once(&self) {
        let chain = &self.world.network.chains[0].chain;
        chain.mine(Some(chain.head().time + 1)).expect("time rises");
    }

    fn reorg(&self, depth: u64) {
        let chain = &self.world.network.chains[0].chain;
        let deepest =
            chain.head().number - chain.finalized().expect("read").map_or(0, |it| it.number);
        let depth = depth.min(deepest);
        chain.reorg(depth, &Replacement::default()).expect("above finality");
    }

    fn call_final(&self) {
        let node = &self.world.network.chains[0];
        let mut tx = self.world.resolver.store().write().expect("the writer");
        tx.set_finalized(node.id(), node.chain.head()).expect("staged");
        tx.commit().expect("committed");
    }

    /// Something happens to the next transaction of ours that is in a pool.
    async fn in_pool(&mut self, cause: Cause) {
        for _ in 0..200 {
            for side in [0, 1] {
                let chain = self.world.network.chains[side].chain.clone();
                let ours = chain.pooled().into_iter().find(|it| it.tx.sender() == us());
                let Some(hash) = ours.map(|it| it.tx.hash()) else { continue };
                match cause {
                    Cause::TxStuck => {
                        chain.pool_hold(hash, chain.head().number + 20).expect("pooled");
                    }
                    _ => chain.pool_drop(hash).expect("pooled"),
                }
                if matches!(cause, Cause::NonceUsedElsewhere) {
                    let client = self.world.network.chains[side].client.clone();
                    let key = DevAccount::Resolver.signer();
                    let mut other = Wallet::open(key, client).await.expect("a wallet");
                    other.send(Payload::pay(us(), U256::ZERO)).await.expect("behind our back");
                }
                return;
            }
            self.step().await;
        }
        panic!("nothing of ours is ever in a pool");
    }

    fn damage(&self) {
        let store = self.world.resolver.store();
        let (order, _) = self.world.statuses()[0];
        let read = store.read().expect("a snapshot");
        let source = read.order_state(order).expect("a state").and_then(|state| state.source);
        drop(read);
        let chain = self.world.network.chains[0].id();
        damage_leg(store, chain, source.expect("a source").escrow).expect("damaged");
    }

    /// Runs the swap to its end and counts.
    pub(crate) async fn finish(&mut self) -> Result<(), String> {
        let until = self.seconds + PATIENCE;
        let is_over = |bed: &Self| {
            bed.down_until.is_none() && bed.world.makers.iter().all(bmn_sim::Maker::is_over)
        };
        while !is_over(self) || self.is_something_live() {
            self.step().await;
            if self.seconds > until {
                return Err(format!("it never ends: {:?}", self.world.status()));
            }
        }
        let complaints = self.world.makers[0].complaints();
        if !complaints.is_empty() {
            return Err(format!("{complaints:?}"));
        }
        if self.world.status() != Some(Status::Completed) {
            return Err(format!("it ends {:?}", self.world.status()));
        }
        let after = self.balances().await;
        if let Some(at) = (0..after.len()).find(|at| after[*at] != self.held[*at]) {
            return Err(format!(
                "tokens are missing: {:?} before, {:?} now",
                self.held[at], after[at]
            ));
        }
        self.nonces_are_dense()
    }

    fn is_something_live(&self) -> bool {
        let Ok(read) = self.world.resolver.store().read() else { return true };
        let live = |node: &bmn_sim::NetworkChain| read.intents(node.id()).map_or(1, |it| it.len());
        self.world.network.chains.iter().any(|node| live(node) > 0)
    }

    fn nonces_are_dense(&self) -> Result<(), String> {
        for node in &self.world.network.chains {
            let used = node.chain.nonce(us());
            let ours = (0..=node.chain.head().number)
                .filter_map(|at| node.chain.block(at).expect("stored"))
                .flat_map(|block| block.txs().to_vec())
                .filter(|tx| tx.sender() == us());
            let nonces: Vec<u64> = ours.map(|tx| tx.nonce()).collect();
            if !nonces.iter().copied().eq(0..used) {
                return Err(format!("nonces {nonces:?}"));
            }
        }
        Ok(())
    }

    /// What the maker and we hold together of each token on each chain: nothing of it may stay in an escrow, and no
    /// swap changes it.
    async fn balances(&self) -> Vec<(Address, u64, U256)> {
        let mut held = Vec::new();
        for node in &self.world.network.chains {
            for token in [DevContract::TokenA, DevContract::UsdX].map(DevContract::address) {
                let mut sum = U256::ZERO;
                let ours = [us(), DevContract::ResolverContract.address()];
                let theirs = self.world.makers.iter().map(bmn_sim::Maker::address);
                for account in ours.into_iter().chain(theirs) {
                    sum += node.balance_of(token, account).await.expect("a balance");
                }
                held.push((token, node.id().0, sum));
            }
        }
        held
    }
}

/// Waits for what other threads do.
async fn until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.expect("in time");
}

fn us() -> Address {
    DevAccount::Resolver.address()
}

/// For whoever runs it with `--nocapture`.
pub(crate) fn show(table: &str) {
    let _ = std::io::stderr().write_all(table.as_bytes());
}
