//! The resolver as a process that can die and be started again.

use crate::{
    Network, NetworkChain, SimError,
    accounts::{DevAccount, derive},
    faults::{Context, Coverage, Faults, FaultyClient, FaultySource},
    report::{NextNonces, missed_deadlines, next_nonces},
    rpc::{Handler, ResolverRpc, RpcFailure, read_answer, request_text},
};
use async_trait::async_trait;
use bmn_chain::{ChainClient, ChainSource};
use bmn_node::{ChainHost, Clock, NodeError, Resolver, policy_of};
use bmn_primitives::ChainId;
use bmn_store::{
    Entropy, EntropyUnavailable, MasterKey, Store, StoreOptions, testing::CrashBackend,
};
use bmn_swap::Policy;
use parking_lot::Mutex;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::Value;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

/// More pieces of work than this at one moment mean that the resolver runs in circles.
const MOST_WORK: u32 = 20_000;

/// Limits of the resolver in simulations: those of an operator who serves direct escrows.
pub(crate) fn policy() -> Policy {
    // A run puts months of strangers into a day.
    let limits = bmn_config::PolicyLimits {
        refunds_per_day: 10_000,
        refund_gas_per_day_wei: 1_000_000_000_000_000_000,
        ..bmn_config::PolicyLimits::default()
    };
    let policy = bmn_config::Policy::default();
    policy_of(&bmn_config::Policy { allow_direct_source: true, limits, ..policy })
}

/// Randomness that repeats: different for every start of the process, never for every run.
struct SeededEntropy(Mutex<ChaCha20Rng>);

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyUnavailable> {
        self.0.lock().fill_bytes(out);
        Ok(())
    }
}

struct Living {
    resolver: Resolver,
    handler: Handler,
}

/// The process.
pub(crate) struct Process {
    network: Network,
    clock: Arc<dyn Clock>,
    seed: u64,
    faults: Option<Faults>,
    disk: CrashBackend,
    living: Option<Living>,
    starts: u32,
    crashes: u64,
    latencies: Vec<Duration>,
}

impl Process {
    /// A process that was never started.
    pub(crate) fn new(
        network: Network,
        clock: Arc<dyn Clock>,
        seed: u64,
        faults: Option<Faults>,
    ) -> Self {
        let disk = faults.as_ref().map_or_else(CrashBackend::new, Faults::disk);
        Self {
            network,
            clock,
            seed,
            faults,
            disk,
            living: None,
            starts: 0,
            crashes: 0,
            latencies: Vec::new(),
        }
    }

    /// Crashes so far.
    pub(crate) const fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Where it crashed, and where it could have.
    pub(crate) fn crash_coverage(&self) -> Option<Coverage> {
        self.faults.as_ref().map(Faults::coverage)
    }

    /// No more crashes.
    pub(crate) fn stop_crashing(&self) {
        if let Some(faults) = &self.faults {
            faults.stop();
        }
    }

    /// From due to accepted, of every process so far.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let living = self.living.as_ref().map(|living| living.resolver.latencies());
        self.latencies.iter().copied().chain(living.unwrap_or_default()).collect()
    }

    /// What the lanes stand at; a dead process remembers none.
    pub(crate) fn next_nonces(&self) -> Result<NextNonces, SimError> {
        let living = self.living.as_ref();
        living.map_or(Ok([None; 2]), |it| next_nonces(it.resolver.store(), &self.network))
    }

    /// Deadlines that were missed; a dead process remembers none.
    pub(crate) fn missed_deadlines(&self) -> Result<u64, SimError> {
        let living = self.living.as_ref();
        living.map_or(Ok(0), |it| missed_deadlines(it.resolver.store()))
    }

    /// Opens store and resolver on what is on the disk, as often as it takes.
    pub(crate) fn start(&mut self) -> Result<(), SimError> {
        while self.living.is_none() {
            self.begin(Context::Open);
            self.starts += 1;
            let opened = self.open();
            self.living = self.conclude(Some(opened))?;
        }
        Ok(())
    }

    fn open(&self) -> Result<Living, NodeError> {
        let key = MasterKey::new(derive("bmn dev master key", self.seed, 0).0);
        let noise = derive("bmn dev entropy", self.seed, self.starts);
        let entropy = SeededEntropy(Mutex::new(ChaCha20Rng::from_seed(noise.0)));
        let options = StoreOptions::backend(self.disk.clone(), key).with_entropy(entropy);
        let store = Store::open(options)?;
        let hosts = self.network.chains.iter().map(|node| {
            let source = node.chain.source();
            let (source, client): (Box<dyn ChainSource>, Arc<dyn ChainClient>) = match &self.faults
            {
                None => (Box::new(source), node.client.clone()),
                Some(faults) => (
                    Box::new(FaultySource::new(source, faults.clone())),
                    Arc::new(FaultyClient::new(node.client.clone(), faults.clone())),
                ),
            };
            ChainHost { spec: node.spec.clone(), source, client }
        });
        let resolver = Resolver::open(
            store,
            hosts.collect(),
            DevAccount::Resolver.signer(),
            policy(),
            self.clock.clone(),
        )?;
        let handler = in_process(&resolver);
        Ok(Living { resolver, handler })
    }

    fn begin(&self, context: Context) {
        if let Some(faults) = &self.faults {
            faults.begin(context);
        }
    }

    /// Takes the outcome of a piece of work, or buries who died of it.
    fn conclude<T>(
        &mut self,
        outcome: Option<Result<T, NodeError>>,
    ) -> Result<Option<T>, SimError> {
        if self.faults.as_ref().is_some_and(Faults::end) {
            self.bury();
            return Ok(None);
        }
        match outcome {
            Some(result) => Ok(Some(result?)),
            None => Err(SimError::Stuck("it waits for something that never comes")),
        }
    }

    fn bury(&mut self) {
        if let Some(living) = &self.living {
            self.latencies.extend(living.resolver.latencies());
        }
        // NB: what the process had open goes before its disk is read.
        self.living = None;
        self.crashes += 1;
        if let Some(faults) = &self.faults {
            self.disk = faults.restart();
        }
        tracing::debug!(target: "bmn::sim", crashes = self.crashes, "the resolver crashed");
    }

    /// Starts it again when it died while it served a maker. True when it did.
    pub(crate) fn bury_the_dead(&mut self) -> Result<bool, SimError> {
        if !self.faults.as_ref().is_some_and(Faults::is_dead) {
            return Ok(false);
        }
        self.bury();
        self.start()?;
        Ok(true)
    }

    /// Follows and acts on every chain until nothing is left to do. True when anything was done.
    pub(crate) async fn work_until_idle(&mut self) -> Result<bool, SimError> {
        let chains: Vec<ChainId> = self.network.chains.iter().map(NetworkChain::id).collect();
        let mut total = 0;
        loop {
            let mut worked = false;
            for chain in &chains {
                while self.piece(Context::Follow, *chain).await? {
                    worked = true;
                }
            }
            for chain in &chains {
                while self.piece(Context::Act, *chain).await? {
                    worked = true;
                    total += 1;
                    if total > MOST_WORK {
                        return Err(SimError::Stuck("it never becomes idle"));
                    }
                }
            }
            if !worked {
                return Ok(total > 0);
            }
            total += 1;
        }
    }

    /// One piece of work. True when there is more; a crash always leaves more.
    async fn piece(&mut self, context: Context, chain: ChainId) -> Result<bool, SimError> {
        self.start()?;
        self.begin(context);
        let Some(living) = &mut self.living else { return Ok(false) };
        let faults = self.faults.as_ref();
        let outcome = match context {
            Context::Follow => unless_dead(living.resolver.follow(chain), faults).await,
            _ => unless_dead(living.resolver.act(chain), faults).await,
        };
        let concluded = self.conclude(outcome)?;
        self.start()?;
        Ok(concluded.unwrap_or(true))
    }

    /// The interface makers use.
    pub(crate) fn rpc(&self) -> ProcessRpc<'_> {
        ProcessRpc {
            handler: self.living.as_ref().map(|living| &living.handler),
            faults: self.faults.as_ref(),
        }
    }
}

/// Calls the module without a socket.
pub(crate) fn in_process(resolver: &Resolver) -> Handler {
    let module = resolver.rpc_module();
    Box::new(move |request| {
        let module = module.clone();
        Box::pin(async move {
            match module.raw_json_request(&request, 1).await {
                Ok((answer, _)) => answer.get().to_owned(),
                Err(error) => error.to_string(),
            }
        })
    })
}

/// Waits for work, as long as the one who does it lives.
async fn unless_dead<T>(work: impl Future<Output = T>, faults: Option<&Faults>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if faults.is_some_and(Faults::is_dead) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Requests to the living process, if there is one.
pub(crate) struct ProcessRpc<'a> {
    handler: Option<&'a Handler>,
    faults: Option<&'a Faults>,
}

#[async_trait]
impl ResolverRpc for ProcessRpc<'_> {
    async fn request(&self, method: &'static str, params: Value) -> Result<Value, RpcFailure> {
        let handler = self.handler.ok_or(RpcFailure::Gone)?;
        if self.faults.is_some_and(Faults::is_dead) {
            return Err(RpcFailure::Gone);
        }
        let context = match method {
            "bmn_submitOrder" => Some(Context::SubmitOrder),
            "bmn_submitSecret" => Some(Context::SubmitSecret),
            _ => None,
        };
        let watched = self.faults.zip(context);
        if let Some((faults, context)) = watched {
            faults.begin(context);
        }
        let answer = unless_dead(handler(request_text(method, &params)), self.faults).await;
        if watched.is_some_and(|(faults, _)| faults.end()) {
            return Err(RpcFailure::Gone);
        }
        read_answer(&answer.ok_or(RpcFailure::Gone)?)
    }
}
