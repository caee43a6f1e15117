//! Two development chains, a resolver over a store on disk, and makers who wait to be asked.
//!
//! Every row of an open swap is written by the engine: its order is submitted, its fill and its funding are
//! sent and mined. A maker does nothing until he is called.

use crate::Figures;
use async_trait::async_trait;
use bmn_node::{ChainHost, Resolver, policy_of};
use bmn_primitives::{ChainId, Dialect};
use bmn_sim::{
    Maker, Network, SIMULATION_GENESIS, Strangers, VirtualClock,
    accounts::DevAccount,
    rpc::{ResolverRpc, RpcFailure, read_answer, request_text},
    scenario::{Behaviour, Direction, Kind, Payout, SourceToken, SwapSpec, Timing},
};
use bmn_store::{Reads, Store};
use bmn_swap::{Policy, Status};
use jsonrpsee::RpcModule;
use parking_lot::Mutex;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Keys and secrets follow from it.
const SEED: u64 = 17;

/// Makers funded at once: the pool of a development chain is bounded.
const FUNDED_AT_ONCE: usize = 500;

/// Orders that are brought to both locked legs at once.
const OPENED_AT_ONCE: usize = 400;

/// Seconds from an order's signing to its windows: the first swap is still open when the last one is.
const TIMING: Timing = Timing { dst_withdrawal: 120, src_cancellation: 40_000 };

/// The resolver's methods, in process, with the time that orders took.
struct TimedRpc {
    module: RpcModule<()>,
    admissions: Mutex<Figures>,
}

#[async_trait]
impl ResolverRpc for TimedRpc {
    async fn request(&self, method: &'static str, params: Value) -> Result<Value, RpcFailure> {
        let request = request_text(method, &params);
        let now = crate::monotonic();
        let answer = self.module.raw_json_request(&request, 16).await;
        if method == "bmn_submitOrder" {
            self.admissions.lock().push(now());
        }
        match answer {
            Ok((answer, _)) => read_answer(answer.get()),
            Err(_) => Err(RpcFailure::Gone),
        }
    }
}

/// As many open orders as are wanted, at any profit.
pub fn engine_policy() -> Policy {
    policy_of(&bmn_config::Policy {
        min_profit_bps: -1_000_000,
        max_open_orders: 1_000_000,
        ..bmn_config::Policy::default()
    })
}

/// The market.
pub struct Market {
    /// The chains.
    pub network: Network,
    /// The resolver that is measured.
    pub resolver: Resolver,
    makers: Vec<Maker>,
    strangers: Strangers,
    rpc: TimedRpc,
    clock: VirtualClock,
}

fn swap(index: u32) -> SwapSpec {
    SwapSpec {
        index,
        direction: Direction::AToB,
        kind: Kind::LimitOrder,
        dialect: Dialect::Bmn4,
        token: SourceToken::Tka,
        payout: Payout::Token,
        behaviour: Behaviour::Honest,
        value: 20_000_000,
        margin_bps: 100,
        deposit: 100_000_000_000_000,
        start: 0,
        timing: TIMING,
        partner: None,
    }
}

impl Market {
    /// A market with so many makers, none of whom has offered anything.
    pub async fn new(makers: usize, store: Store) -> Self {
        let network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
        network.set_up().await.expect("contracts");
        let specs: Vec<SwapSpec> = (0..makers as u32).map(swap).collect();
        for specs in specs.chunks(FUNDED_AT_ONCE) {
            let funds: Result<Vec<_>, _> =
                specs.iter().map(|spec| Maker::funds(spec, SEED, &network)).collect();
            network.fund_makers(&funds.expect("amounts")).await.expect("funds");
        }
        let start = network.settle().expect("a common time");
        let mut made = Vec::new();
        for spec in specs {
            made.push(Maker::new(spec, SEED, start, &network).await.expect("a maker"));
        }
        let clock = VirtualClock::starting_at(start);
        let hosts = network.chains.iter().map(|node| ChainHost {
            spec: node.spec.clone(),
            source: Box::new(node.chain.source()),
            client: node.client.clone(),
        });
        let signer = DevAccount::Resolver.signer();
        let resolver = Resolver::open(
            store,
            hosts.collect(),
            signer,
            engine_policy(),
            Arc::new(clock.clone()),
        );
        let resolver = resolver.expect("the resolver opens");
        let rpc = TimedRpc { module: resolver.rpc_module(), admissions: Mutex::default() };
        let strangers = Strangers::new(&network).await.expect("strangers");
        Self { network, resolver, makers: made, strangers, rpc, clock }
    }

    /// The chain ids, source first.
    pub fn chains(&self) -> [ChainId; 2] {
        self.network.chains.each_ref().map(bmn_sim::NetworkChain::id)
    }

    /// Orders in a status.
    pub fn count(&self, status: Status) -> u64 {
        let read = self.resolver.store().read().expect("a snapshot");
        read.orders_in(status).expect("counts")
    }

    /// Transactions of the resolver whose nonces are not settled.
    pub fn unsettled(&self) -> usize {
        let read = self.resolver.store().read().expect("a snapshot");
        self.chains().into_iter().map(|chain| read.intents(chain).expect("intents").len()).sum()
    }

    /// The next block of a chain.
    pub fn mine(&self, side: usize) {
        let chain = &self.network.chains[side].chain;
        let time = chain.head().time + self.network.chains[side].spec.block_time_secs;
        self.clock.advance(1);
        chain.mine(Some(time)).expect("time rises");
    }

    /// The next block of both chains, and all that the engine has to do.
    pub async fn pass(&mut self) {
        self.mine(0);
        self.mine(1);
        self.resolver.run_until_idle().await.expect("the resolver works");
    }

    /// Brings the first `open` makers' swaps to both locked legs.
    pub async fn open(&mut self, open: usize) {
        self.resolver.run_until_idle().await.expect("the resolver works");
        for from in (0..open).step_by(OPENED_AT_ONCE) {
            let to = open.min(from + OPENED_AT_ONCE);
            for maker in from..to {
                self.offer(maker).await;
            }
            let mut passes = 0;
            while self.count(Status::BothLocked) < to as u64 {
                self.pass().await;
                passes += 1;
                assert!(
                    passes < 500,
                    "{:?}",
                    Status::ALL.map(|status| (status, self.count(status)))
                );
            }
        }
        // Whatever was sent is settled.
        for _ in 0..12 {
            self.pass().await;
        }
    }

    /// Has a maker hand in his order.
    pub async fn offer(&mut self, maker: usize) {
        for _ in 0..8 {
            self.call(maker).await;
            if self.makers[maker].view().is_some() {
                return;
            }
        }
        panic!("{:?} {:?}", self.makers[maker].refusals(), self.makers[maker].complaints());
    }

    /// Has a maker do what he would do now. True when he did something.
    pub async fn call(&mut self, maker: usize) -> bool {
        let Self { makers, strangers, rpc, .. } = self;
        makers[maker].act(strangers, rpc).await.expect("the maker acts")
    }

    /// How long the orders took that were submitted since this was asked last.
    pub fn admissions(&self) -> Figures {
        std::mem::take(&mut self.rpc.admissions.lock())
    }

    /// What the engine does until it is idle, in the order of [`Resolver::run_until_idle`]. Answers how
    /// long that took, and after which time each transaction had been handed to the source chain.
    pub async fn work(&mut self) -> (Duration, Vec<Duration>) {
        let chains = self.chains();
        let mut handed = Vec::new();
        let now = crate::monotonic();
        loop {
            let mut worked = false;
            for chain in chains {
                while self.resolver.follow(chain).await.expect("follows") {
                    worked = true;
                }
            }
            for chain in chains {
                let before = self.nonces(chains[0]);
                while self.resolver.act(chain).await.expect("acts") {
                    worked = true;
                    if chain == chains[0] {
                        let after = self.nonces(chain);
                        handed.extend((before..after).skip(handed.len()).map(|_| now()));
                    }
                }
            }
            if !worked {
                return (now(), handed);
            }
        }
    }

    fn nonces(&self, chain: ChainId) -> u64 {
        let read = self.resolver.store().read().expect("a snapshot");
        let us = DevAccount::Resolver.address();
        read.next_nonce(chain, us).expect("readable").unwrap_or_default()
    }
}
