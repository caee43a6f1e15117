//! A resolver that is driven one step at a time.

use crate::takers::check_takers;
use crate::{
    Clock, Intake, Latencies, NodeError, lane::Lane, recovery::Sweeps, rules::reading_of, rules_of,
};
use alloy::primitives::{Address, U256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainSource};
use bmn_config::ChainSpec;
use bmn_executor::{Account, Executor, Limits};
use bmn_indexer::Indexer;
use bmn_primitives::ChainId;
use bmn_queue::{LiveRules, Rules, StateKind, get, ready_keys, recover};
use bmn_rpc::{Acting, ScheduledJobs};
use bmn_store::{EventKey, Mode, Reads, RebuildReason, Store, WriteTx};
use bmn_swap::{Policy, Route};
use parking_lot::RwLock;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Why a chain is not acted on before its index has met the head of its host.
pub(crate) const CATCHING_UP: &str = "its index has not reached the head of its host yet";

/// Why a resolver without a signer never acts.
const INDEX_ONLY: &str = "index only: this node takes no orders and no secrets and sends nothing";

/// Why one whose signer is away takes nothing new. What is under way waits for it.
const UNSIGNED: &str =
    "its signer does not sign: it follows and answers, and takes nothing new until it signs again";

/// Ready jobs of one chain whose waiting time is measured.
const MOST_READY: usize = 1_024;

/// One chain as the node follows and acts on it.
pub struct ChainHost {
    /// What we know of the chain.
    pub spec: ChainSpec,
    /// Where its events come from.
    pub source: Box<dyn ChainSource>,
    /// How we act on it.
    pub client: Arc<dyn ChainClient>,
}

/// What every lane and the RPC share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) rules: LiveRules,
    pub(crate) specs: Vec<ChainSpec>,
    pub(crate) indexer: Indexer,
    /// None where we only index.
    pub(crate) executor: Option<Executor>,
    pub(crate) intake: Intake,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) latencies: Latencies,
    /// Durable commits that were announced.
    pub(crate) commits: watch::Sender<u64>,
    pub(crate) wake: BTreeMap<ChainId, Notify>,
    /// Chains whose transactions are looked after again although their head did not move: another chain
    /// took back what they rest on.
    pub(crate) unfounded: RwLock<BTreeSet<ChainId>>,
    /// The last of the open escrows of a chain that were looked at for strangers' swaps worth finishing.
    pub(crate) looked_at: RwLock<BTreeMap<ChainId, EventKey>>,
    /// Why we do not act any more, until a restart.
    pub(crate) halted: RwLock<Option<String>>,
    /// Chains whose index does not show their newest block yet, and why.
    pub(crate) behind: RwLock<BTreeMap<ChainId, String>>,
    /// Chains whose lane panicked and has not acted once from its beginning to its end since, and what it said.
    pub(crate) panicked: RwLock<BTreeMap<ChainId, String>>,
    /// How far each chain was looked through for escrows of ours that nothing stored accounts for.
    pub(crate) sweeps: Sweeps,
    /// Newest block that the index of a chain held before it was cleared.
    pub(crate) floors: RwLock<BTreeMap<ChainId, u64>>,
    /// False where the operator wants no orders and secrets from anybody.
    pub(crate) takes_submissions: AtomicBool,
    /// Where the methods find the scheduler, once there is one.
    pub(crate) scheduled: ScheduledJobs,
}

/// The resolver.
pub struct Resolver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lanes: BTreeMap<ChainId, Lane>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("chains", &self.chains()).finish_non_exhaustive()
    }
}

/// A cheap clone that takes orders and secrets and tells how the resolver is.
#[derive(Clone)]
pub struct ResolverHandle(pub(crate) Arc<Shared>);

impl std::fmt::Debug for ResolverHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResolverHandle").field("us", &self.0.rules.us).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Opens a resolver over an opened store: takes the lease of the account on every chain (M9) and
    /// makes jobs ready again that an earlier process had leased.
    ///
    /// # Errors
    /// [`NodeError::WrongChain`], [`NodeError::DuplicateChain`]; [`NodeError::Store`] when a newer
    /// instance holds the lease.
    pub fn open(
        store: Store,
        hosts: Vec<ChainHost>,
        account: impl Into<Account>,
        policy: Policy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        check_hosts(&hosts)?;
        hosts.iter().try_for_each(|host| check_known_factories(&host.spec))?;
        let account = account.into();
        let us = account.address();
        let rules = LiveRules::from(rules_of(us, hosts.iter().map(|host| &host.spec), policy));
        let clients = clients_of(&hosts);
        check_takers(&store.read()?, &rules)?;
        claim(&store, &rules, &hosts)?;
        let executor = Executor::new(
            store.clone(),
            rules.clone(),
            clients,
            account,
            store.epoch(),
            Limits::default(),
        );
        Self::over(store, hosts, rules, Some(executor), clock)
    }

    /// Opens a resolver that follows and answers and never acts: it takes no lease, sends nothing,
    /// and refuses orders and secrets. What a signer left behind in the store is kept up to date in
    /// the name of that signer and waits for its return.
    ///
    /// # Errors
    /// [`NodeError::WrongChain`], [`NodeError::DuplicateChain`], [`NodeError::Store`].
    pub fn open_index_only(
        store: Store,
        hosts: Vec<ChainHost>,
        policy: Policy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        check_hosts(&hosts)?;
        let us = store.read()?.newest_leaseholder()?.unwrap_or(Address::ZERO);
        let rules = LiveRules::from(rules_of(us, hosts.iter().map(|host| &host.spec), policy));
        let mut tx = store.write()?;
        settle_modes(&mut tx, &rules, &hosts)?;
        tx.commit()?;
        Self::over(store, hosts, rules, None, clock)
    }

    fn over(
        store: Store,
        hosts: Vec<ChainHost>,
        rules: LiveRules,
        executor: Option<Executor>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        let kept_back = hosts
            .iter()
            .map(|host| (host.spec.chain_id, U256::from(host.spec.minimums.native_balance)))
            .collect();
        let shared = Shared {
            indexer: Indexer::new(store.clone(), rules.clone()),
            intake: Intake::new(store.clone(), rules.clone(), clients_of(&hosts), kept_back),
            executor,
            rules,
            specs: hosts.iter().map(|host| host.spec.clone()).collect(),
            store,
            clock,
            latencies: Latencies::default(),
            commits: watch::Sender::default(),
            wake: hosts.iter().map(|host| (host.spec.chain_id, Notify::new())).collect(),
            unfounded: RwLock::default(),
            looked_at: RwLock::default(),
            halted: RwLock::new(None),
            behind: RwLock::new(
                hosts.iter().map(|host| (host.spec.chain_id, CATCHING_UP.to_owned())).collect(),
            ),
            floors: RwLock::default(),
            panicked: RwLock::default(),
            sweeps: Sweeps::default(),
            takes_submissions: AtomicBool::new(true),
            scheduled: ScheduledJobs::default(),
        };
        let lanes =
            hosts.into_iter().map(|host| (host.spec.chain_id, Lane::new(host.source))).collect();
        Ok(Self { shared: Arc::new(shared), lanes })
    }

    /// Asks the chains whether the escrows of every factory we settle through look for that factory.
    /// One that does not answer is left alone: it may not be deployed yet.
    ///
    /// # Errors
    /// [`NodeError::LockingFactory`]: what such an escrow holds can never be taken out again.
    pub async fn check_factories(&self) -> Result<(), NodeError> {
        self.shared.check_every_factory().await
    }

    /// The chains, by id.
    pub fn chains(&self) -> Vec<ChainId> {
        self.lanes.keys().copied().collect()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// A handle to it.
    pub fn handle(&self) -> ResolverHandle {
        ResolverHandle(Arc::clone(&self.shared))
    }

    /// From the event that made an action due to the acceptance of its transaction, oldest first.
    pub fn latencies(&self) -> Vec<Duration> {
        self.shared.latencies.samples()
    }

    /// Takes one step of following `chain`: an event, a slice of a rebuild, or a slice of the orders
    /// to be derived again. True when there was something to do.
    pub async fn follow(&mut self, chain: ChainId) -> Result<bool, NodeError> {
        let lane = self.lanes.get_mut(&chain).ok_or(NodeError::UnknownChain(chain))?;
        lane.follow(&self.shared, chain).await
    }

    /// Runs a batch of ready jobs of `chain`, and looks after live intents when its head moved.
    /// True when something was done.
    pub async fn act(&mut self, chain: ChainId) -> Result<bool, NodeError> {
        let lane = self.lanes.get_mut(&chain).ok_or(NodeError::UnknownChain(chain))?;
        lane.act(&self.shared, chain).await
    }

    /// Follows and acts on all chains, in id order, until nothing is left to do now. Returns the
    /// number of steps that did something.
    pub async fn run_until_idle(&mut self) -> Result<u64, NodeError> {
        let chains = self.chains();
        let mut steps = 0;
        loop {
            let before = steps;
            for chain in &chains {
                while self.follow(*chain).await? {
                    steps += 1;
                }
            }
            for chain in &chains {
                while self.act(*chain).await? {
                    steps += 1;
                }
            }
            if steps == before {
                return Ok(steps);
            }
        }
    }
}

fn check_hosts(hosts: &[ChainHost]) -> Result<(), NodeError> {
    let mut seen = std::collections::BTreeSet::new();
    for host in hosts {
        let expected = host.spec.chain_id;
        for found in [host.source.chain_id(), host.client.chain_id()] {
            if found != expected {
                let name = host.spec.name.clone();
                return Err(NodeError::WrongChain { name, expected, found });
            }
        }
        if !seen.insert(expected) {
            return Err(NodeError::DuplicateChain(expected));
        }
    }
    Ok(())
}

fn clients_of(hosts: &[ChainHost]) -> BTreeMap<ChainId, Arc<dyn ChainClient>> {
    hosts.iter().map(|host| (host.spec.chain_id, Arc::clone(&host.client))).collect()
}

// While we were away a chain went on, so no index shows its chain as it is. One that was written under
// another specification lacks what that did not name.
fn settle_modes(tx: &mut WriteTx, rules: &Rules, hosts: &[ChainHost]) -> Result<(), NodeError> {
    for (host, route) in hosts.iter().zip(&rules.routes) {
        let (chain, reading) = (host.spec.chain_id, reading_of(route, host.spec.start_block));
        let before = tx.reading(chain)?;
        if before != Some(reading) {
            tx.set_reading(chain, reading)?;
        }
        let cursor = tx.cursor(chain)?;
        if cursor.tip.is_none() {
            // No block of it was ever seen: what the others show cannot be judged by it either.
            if cursor.mode == Mode::Live {
                tx.set_mode(chain, Mode::Backfilling)?;
            }
            continue;
        }
        let mode = match cursor.mode {
            Mode::Live => Mode::Backfilling,
            Mode::Deriving(reason) => Mode::Rebuilding(reason),
            other => other,
        };
        if before.is_some_and(|before| before != reading) {
            tracing::warn!(
                target: "bmn::node", %chain, "the chain specification changed: indexed again"
            );
            tx.reset_cursor(chain, Mode::Clearing(RebuildReason::Specification))?;
        } else if mode != cursor.mode {
            tx.set_mode(chain, mode)?;
        }
    }
    Ok(())
}

async fn check_back_reference(
    client: &dyn ChainClient,
    factory: Address,
    implementation: Address,
) -> Result<(), NodeError> {
    let call = CallRequest {
        to: implementation,
        data: bmn_contracts::calldata::factory_of(),
        ..CallRequest::default()
    };
    let CallOutcome::Success(answer) = client.call(&call).await? else { return Ok(()) };
    if answer.len() != 32 || Address::from_slice(&answer[12..]) == factory {
        return Ok(());
    }
    let found = Address::from_slice(&answer[12..]);
    let reason = format!("its escrows look for factory {found}");
    Err(NodeError::LockingFactory { chain: client.chain_id(), factory, reason })
}

// Known by name; [`Resolver::check_factories`] asks the chain about the others. One that is only
// indexed is believed for reading.
fn check_known_factories(spec: &ChainSpec) -> Result<(), NodeError> {
    for factory in spec.factories.iter().filter(|factory| !factory.index_only) {
        let known = bmn_contracts::known_factory(factory.address);
        if let Some(known) = known.filter(|known| known.locks_funds) {
            return Err(NodeError::LockingFactory {
                chain: spec.chain_id,
                factory: factory.address,
                reason: format!("it is {}", known.release),
            });
        }
    }
    Ok(())
}

fn claim(store: &Store, rules: &Rules, hosts: &[ChainHost]) -> Result<(), NodeError> {
    let mut tx = store.write()?;
    for host in hosts {
        tx.take_lease(host.spec.chain_id, rules.us, store.epoch())?;
    }
    recover(&mut tx, store.epoch())?;
    settle_modes(&mut tx, rules, hosts)?;
    tx.commit()?;
    Ok(())
}

impl Shared {
    pub(crate) async fn check_every_factory(&self) -> Result<(), NodeError> {
        for route in &self.rules.routes {
            self.check_factories(route).await?;
        }
        Ok(())
    }

    pub(crate) async fn check_factories(&self, route: &Route) -> Result<(), NodeError> {
        let Some(executor) = &self.executor else { return Ok(()) };
        let client = executor.client(route.chain)?;
        let settling = route.factories.iter().filter(|it| it.index_only_reason().is_none());
        for factory in settling {
            let both = factory.implementations;
            for implementation in [both.source, both.destination] {
                check_back_reference(client, factory.address, implementation).await?;
            }
        }
        Ok(())
    }

    /// Whether we act.
    pub(crate) fn acting(&self) -> Acting {
        if self.halted.read().is_some() {
            Acting::Halted
        } else if self.executor.is_none() {
            Acting::IndexOnly
        } else if self.behind.read().is_empty()
            && self.panicked.read().is_empty()
            && self.signer_failure().is_none()
        {
            Acting::Everywhere
        } else {
            Acting::Behind
        }
    }

    /// Why we do not act, or not on every chain; none when we do.
    pub(crate) fn not_acting(&self) -> Option<String> {
        let halted = self.halted.read().clone();
        let index_only = || self.executor.is_none().then(|| INDEX_ONLY.to_owned());
        let first = |of: &RwLock<BTreeMap<ChainId, String>>| {
            of.read().first_key_value().map(|(chain, why)| format!("chain {chain}: {why}"))
        };
        let behind = || first(&self.panicked).or_else(|| first(&self.behind));
        let unsigned = || self.signer_failure().map(|why| format!("{UNSIGNED}: {why}"));
        halted.or_else(index_only).or_else(behind).or_else(unsigned)
    }

    fn signer_failure(&self) -> Option<String> {
        self.executor.as_ref()?.signer_failure()
    }

    /// The same for everybody: the words of a host or of the database name what is ours.
    pub(crate) fn not_acting_in_public(&self) -> Option<String> {
        if self.halted.read().is_some() {
            return Some("it has stopped acting and waits for its operator".to_owned());
        }
        if self.executor.is_none() {
            return Some(INDEX_ONLY.to_owned());
        }
        let first = |of: &RwLock<BTreeMap<ChainId, String>>| of.read().keys().next().copied();
        let panicked = first(&self.panicked).map(|chain| {
            format!("chain {chain}: its lane panicked, and has not done all that is due since")
        });
        let behind = || {
            let why = "its index does not show the newest blocks yet";
            first(&self.behind).map(|chain| format!("chain {chain}: {why}"))
        };
        panicked.or_else(behind).or_else(|| self.signer_failure().map(|_| UNSIGNED.to_owned()))
    }

    pub(crate) fn note_ready(&self, at: Duration) -> Result<(), NodeError> {
        let read = self.store.read()?;
        let mut ready = HashSet::new();
        for chain in self.wake.keys() {
            ready.extend(ready_keys(&read, *chain, MOST_READY)?);
        }
        ready.iter().for_each(|key| self.latencies.ready(*key, at));
        for key in self.latencies.waiting_beside(&ready) {
            let state = get(&read, &key)?.map(|job| job.state.kind());
            // What is not due any more and becomes due again waits from then on.
            if matches!(state, None | Some(StateKind::Waiting | StateKind::Dead)) {
                self.latencies.withdrawn(&key);
            }
        }
        Ok(())
    }

    /// Tells subscribers and the other lanes that something is durable. Never before a commit (I2).
    pub(crate) fn announce(&self) {
        self.commits.send_modify(|commits| *commits += 1);
        for wake in self.wake.values() {
            wake.notify_one();
        }
    }
}
