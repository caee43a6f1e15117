//! Gathers what alerts are judged by: from one snapshot of the store, the node's health, its hosts, the scheduled jobs
//! and the disk. Every read is bounded.

mod heads;
mod orders;

use crate::facts::heads::Heads;
use async_trait::async_trait;
use bmn_alerts::{
    BalanceFacts, Clock, DiskFacts, FactSource, Facts, JobFacts, Overall, PartFacts, QueueFacts,
};
use bmn_chain::ChainClient;
use bmn_queue::{Lane, QueueError, Rules};
use bmn_rpc::BmnRpc;
use bmn_rpc_api::{BmnApiServer, Health, HealthPart, HealthStatus};
use bmn_scheduler::{Priority, SchedulerHandle};
use bmn_store::{DATABASE_FILE, ReadTx, Reads, Store};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Ready jobs of one chain that are counted.
const MOST_READY: usize = 1_000;

/// What facts are gathered from.
pub struct FactParts {
    /// The store.
    pub store: Store,
    /// What orders are judged against now.
    pub rules: Box<dyn Fn() -> Arc<Rules> + Send + Sync>,
    /// The node's health.
    pub rpc: BmnRpc,
    /// How each chain is asked for its head.
    pub clients: Vec<Arc<dyn ChainClient>>,
    /// Balances, as they were read last.
    pub balances: Box<dyn Fn() -> Vec<BalanceFacts> + Send + Sync>,
    /// The scheduled jobs, where there are any.
    pub jobs: Option<SchedulerHandle>,
    /// The data directory; none for a store in memory.
    pub directory: Option<PathBuf>,
    /// Where backups go; none where none are made by themselves.
    pub backups: Option<PathBuf>,
    /// Time for people.
    pub clock: Arc<dyn Clock>,
}

/// Looks at a running node.
pub struct NodeFacts {
    parts: FactParts,
    heads: Heads,
    /// Milliseconds since 1970.
    began_ms: u64,
}

impl std::fmt::Debug for NodeFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeFacts")
            .field("directory", &self.parts.directory)
            .finish_non_exhaustive()
    }
}

impl NodeFacts {
    /// Looks at this node.
    pub fn new(parts: FactParts) -> Self {
        let began_ms = parts.clock.now_ms();
        Self { heads: Heads::new(parts.clients.clone()), parts, began_ms }
    }
}

#[async_trait]
impl FactSource for NodeFacts {
    async fn facts(&self) -> Facts {
        let at_ms = self.parts.clock.now_ms();
        self.heads.ask(at_ms).await;
        let health = BmnApiServer::health(&self.parts.rpc).await.ok();
        let (store, rules) = (self.parts.store.clone(), (self.parts.rules)());
        let (directory, backups) = (self.parts.directory.clone(), self.parts.backups.clone());
        let began_ms = self.began_ms;
        let read = tokio::task::spawn_blocking(move || {
            let mut facts = Facts { at_ms, ..Facts::default() };
            let read = stored(&store, &rules, &mut facts);
            files(directory.as_deref(), backups.as_deref(), began_ms, &mut facts);
            (facts, read)
        });
        let (mut facts, read) = match read.await {
            Ok((facts, Ok(read))) => (facts, read),
            Ok((facts, Err(error))) => {
                tracing::error!(target: "bmn::alerts", %error, "the store cannot be read for alerts");
                (facts, BTreeMap::new())
            }
            Err(error) => {
                tracing::error!(target: "bmn::alerts", %error, "a look for alerts broke off");
                (Facts { at_ms, ..Facts::default() }, BTreeMap::new())
            }
        };
        facts.chains = self.heads.facts(&read, at_ms);
        facts.balances = (self.parts.balances)();
        facts.jobs = self.parts.jobs.as_ref().map(jobs).unwrap_or_default();
        judged(health.as_ref(), &mut facts);
        facts
    }
}

/// Newest indexed block of each chain.
type Indexed = BTreeMap<u64, u64>;

/// What the store says, from one snapshot.
fn stored(store: &Store, rules: &Rules, facts: &mut Facts) -> Result<Indexed, QueueError> {
    let read = store.read()?;
    facts.open_orders = bmn_queue::open_orders(&read)?;
    facts.max_open_orders = rules.policy.max_open_orders;
    let mut indexed = Indexed::new();
    for route in &rules.routes {
        let chain = route.chain;
        facts.queue.extend(ready(&read, chain)?);
        indexed.extend(read.cursor(chain)?.tip.map(|tip| (chain.0, tip.number)));
    }
    orders::look(&read, rules, facts)?;
    Ok(indexed)
}

/// Ready jobs of a chain, a row for each lane.
fn ready(
    read: &ReadTx,
    chain: bmn_primitives::ChainId,
) -> Result<impl Iterator<Item = QueueFacts>, QueueError> {
    let row =
        |lane: Lane| QueueFacts { chain: chain.0, lane: lane.name(), ..QueueFacts::default() };
    let mut lanes = Lane::ALL.map(row);
    for key in bmn_queue::ready_keys(read, chain, MOST_READY)? {
        let Some(job) = bmn_queue::get(read, &key)? else { continue };
        let lane = &mut lanes[job.lane() as usize];
        lane.jobs += 1;
        lane.with_deadline += u64::from(job.deadline.is_some());
    }
    Ok(lanes.into_iter())
}

fn jobs(handle: &SchedulerHandle) -> Vec<JobFacts> {
    let of = |job: bmn_scheduler::JobStatus| JobFacts {
        name: job.name.to_owned(),
        critical: job.priority == Priority::Critical,
        unhealthy: !job.health.healthy,
        error: None,
        missed: job.health.missed,
    };
    handle.jobs().into_iter().map(of).collect()
}

/// What the node says of itself. One that cannot be asked is unhealthy.
fn judged(health: Option<&Health>, facts: &mut Facts) {
    let Some(health) = health else {
        facts.overall = Overall::Unhealthy;
        let detail = "it does not say how it does".to_owned();
        facts.parts.push(PartFacts { name: "node".to_owned(), detail });
        return;
    };
    facts.overall = match health.status {
        HealthStatus::Healthy => Overall::Healthy,
        HealthStatus::Degraded => Overall::Degraded,
        HealthStatus::Unhealthy => Overall::Unhealthy,
    };
    for part in health.components.iter().filter(|part| part.status != HealthStatus::Healthy) {
        let name = match part.chain {
            Some(chain) => format!("{} {chain}", part.name.name()),
            None => part.name.name().to_owned(),
        };
        if part.name == HealthPart::Acting && part.status == HealthStatus::Unhealthy {
            facts.halted = Some(part.detail.clone());
        }
        facts.parts.push(PartFacts { name, detail: part.detail.clone() });
    }
}

/// What the disk says.
fn files(directory: Option<&Path>, backups: Option<&Path>, began_ms: u64, facts: &mut Facts) {
    let Some(directory) = directory else { return };
    facts.store_bytes =
        std::fs::metadata(directory.join(DATABASE_FILE)).ok().map(|metadata| metadata.len());
    facts.disk = rustix::fs::statvfs(directory).ok().map(|disk| DiskFacts {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
    });
    // Where there should be backups and is none, one is missing since the start.
    let newest = backups.map(|directory| newest_backup_ms(directory).unwrap_or(began_ms));
    facts.backup_age = newest.map(|at| facts.at_ms.saturating_sub(at) / 1_000);
}

/// When the newest backup was written, milliseconds since 1970.
fn newest_backup_ms(directory: &Path) -> Option<u64> {
    let all = bmn_store::backup::backups(directory).ok()?;
    let written = |path: &PathBuf| {
        let modified = std::fs::metadata(path).ok()?.modified().ok()?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    };
    all.iter().filter_map(written).max()
}
