//! The same run by the wall clock: real threads, a real database file, real latencies.

use super::{
    Progress, RunOptions, changes,
    process::{in_process, policy},
    settle,
};
use crate::{
    Maker, Network, Report, SimError, Strangers,
    accounts::DevAccount,
    ledger::Ledger,
    report::{Facts, missed_deadlines, next_nonces},
    rpc::{Handler, ResolverRpc, RpcFailure, read_answer, request_text},
    scenario::{self, Scenario, Timing},
    temporary::TemporaryDirectory,
};
use async_trait::async_trait;
use bmn_node::{ChainHost, Clock, Resolver, SystemClock};
use bmn_store::{Store, StoreOptions};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Seconds before now at which both chains begin: the set-up's blocks must not run into the future.
const SET_UP_SECONDS: u64 = 3_600;
/// How often makers look.
const POLL: Duration = Duration::from_millis(100);
/// A run that is not over this long after the last source cancellation will never be, seconds.
const PATIENCE: u64 = 120;

/// A resolver in its own threads.
pub(crate) struct HandlerRpc(pub(crate) Handler);

#[async_trait]
impl ResolverRpc for HandlerRpc {
    async fn request(&self, method: &'static str, params: Value) -> Result<Value, RpcFailure> {
        read_answer(&(self.0)(request_text(method, &params)).await)
    }
}

/// The hosts of a resolver on these chains.
pub(crate) fn hosts(network: &Network) -> Vec<ChainHost> {
    network
        .chains
        .iter()
        .map(|node| ChainHost {
            spec: node.spec.clone(),
            source: Box::new(node.chain.source()),
            client: node.client.clone(),
        })
        .collect()
}

/// Runs a scenario by the wall clock. Reorgs and crashes belong to virtual time and do not happen.
pub async fn run_in_real_time(
    options: RunOptions,
    observe: impl FnMut(&Progress),
) -> Result<Report, SimError> {
    let clock = SystemClock::new();
    let network = Network::in_memory(clock.unix_seconds() - SET_UP_SECONDS)?;
    network.set_up().await?;
    let RunOptions { scenario, swaps, seed, .. } = options;
    let specs = scenario::swaps(scenario, swaps, seed, Timing::TIGHT);
    settle::fund(&network, &specs, seed).await?;
    let start = clock.unix_seconds();
    for node in &network.chains {
        node.chain.mine(Some(start))?;
    }
    let makers = settle::makers(&network, specs, seed, start).await?;
    let directory = TemporaryDirectory::new()?;
    let store = Store::open(StoreOptions::directory(directory.path()))?;
    let signer = DevAccount::Resolver.signer();
    let resolver = Resolver::open(store, hosts(&network), signer, policy(), Arc::new(clock))?;
    let rpc = HandlerRpc(in_process(&resolver));
    let handle = resolver.handle();
    let store = resolver.store().clone();
    let stop = Default::default();
    let running = resolver.run(Clone::clone(&stop));
    let mut market = Market {
        ledger: settle::open_ledger(&network, &makers).await?,
        strangers: Strangers::new(&network).await?,
        floor: [0, 1].map(|chain| network.chains[chain].chain.head().number),
        network,
        makers,
        clock,
        start,
    };
    let driving = async {
        let driven = market.trade(&rpc, observe).await;
        let changes = changes(&rpc).await;
        stop.cancel();
        driven.and(changes)
    };
    let (ran, driven) = tokio::join!(running, driving);
    ran?;
    let facts = Facts {
        scenario,
        seed,
        start,
        floor: market.floor,
        reorgs: None,
        reorg_count: 0,
        crashes: None,
        crash_count: 0,
        latencies: handle.latencies(),
        elapsed: clock.monotonic(),
        changes: driven?,
        nonces: next_nonces(&store, &market.network)?,
        missed: missed_deadlines(&store)?,
    };
    Report::close(&market.network, &market.makers, market.ledger, facts).await
}

/// Chains and makers of a run by the wall clock.
struct Market {
    network: Network,
    makers: Vec<Maker>,
    strangers: Strangers,
    ledger: Ledger,
    floor: [u64; 2],
    clock: SystemClock,
    start: u64,
}

impl Market {
    async fn trade(
        &mut self,
        rpc: &dyn ResolverRpc,
        mut observe: impl FnMut(&Progress),
    ) -> Result<(), SimError> {
        let last = self.makers.iter().map(|maker| {
            let spec = maker.spec();
            spec.start + spec.timing.src_cancellation
        });
        let deadline = self.start + last.max().unwrap_or_default() + PATIENCE;
        let confirmations = self.network.chains.iter().map(|node| node.spec.confirmations).max();
        let mut mined_at = [self.start; 2];
        let mut quiet_blocks = 0;
        let mut ticks = tokio::time::interval(POLL);
        while quiet_blocks <= 2 * confirmations.unwrap_or_default() {
            ticks.tick().await;
            let now = self.clock.unix_seconds();
            if now > deadline {
                break;
            }
            if self.mine_due(now, &mut mined_at)? {
                observe(&self.progress(now));
                let over = self.makers.iter().all(Maker::is_over);
                quiet_blocks = if over { quiet_blocks + 1 } else { 0 };
            }
            self.strangers.keep_alive().await?;
            for maker in &mut self.makers {
                maker.act(&mut self.strangers, rpc).await?;
            }
        }
        for maker in &mut self.makers {
            maker.review(rpc).await?;
        }
        Ok(())
    }

    fn mine_due(&self, now: u64, mined_at: &mut [u64; 2]) -> Result<bool, SimError> {
        let mut mined = false;
        for (node, last) in self.network.chains.iter().zip(mined_at) {
            if now >= *last + node.spec.block_time_secs {
                *last = now;
                node.chain.mine(Some(now.max(node.chain.head().time + 1)))?;
                mined = true;
            }
        }
        Ok(mined)
    }

    fn progress(&self, now: u64) -> Progress {
        let count = |good: &dyn Fn(&Maker) -> bool| {
            let count = self.makers.iter().filter(|maker| good(maker)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let elapsed = now - self.start;
        Progress {
            swaps: count(&|_| true),
            over: count(&Maker::is_over),
            begun: count(&|maker| maker.spec().start <= elapsed),
            elapsed,
            heads: [0, 1].map(|chain| self.network.chains[chain].chain.head().number),
            reorgs: 0,
            crashes: 0,
        }
    }
}

/// Whether a scenario can run by the wall clock.
pub const fn runs_in_real_time(scenario: Scenario) -> bool {
    !scenario.reorgs() && !scenario.crashes()
}
