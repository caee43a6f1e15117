//! Gathers what alerts are judged by: from one snapshot of the store, the node's health, its hosts, the scheduled jobs
//! and the disk. Every read is bounded.

mod heads;
mod orders;

use crate::facts::heads::Heads;
use async_trait::async_trait;
use bmn_alerts::{
    BalanceFacts, Clock, DiskFacts, FactSource, Facts, JobFacts, Kind, Overall, PartFacts,
    QueueFacts,
};
use bmn_chain::ChainClient;
use bmn_queue::{Lane, QueueError, Rules};
use bmn_rpc::BmnRpc;
use bmn_rpc_api::{BmnApiServer, Health, HealthPart, HealthStatus};
use bmn_scheduler::{Priority, SchedulerHandle};
use bmn_store::{DATABASE_FILE, ReadTx, Reads, Store};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
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
    /// Balances that are watched and were not read yet: chain and token, as balances have them.
    pub unread: Box<dyn Fn() -> Vec<(u64, String)> + Send + Sync>,
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
    /// Parts that were healthy once since.
    well: Mutex<BTreeSet<String>>,
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
        Self { heads: Heads::new(parts.clients.clone()), parts, began_ms, well: Mutex::default() }
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
                (without(facts, &OF_THE_STORE), BTreeMap::new())
            }
            Err(error) => {
                tracing::error!(target: "bmn::alerts", %error, "a look for alerts broke off");
                let facts = Facts { at_ms, ..Facts::default() };
                (without(without(facts, &OF_THE_STORE), &OF_FILES), BTreeMap::new())
            }
        };
        facts.chains = self.heads.facts(&read, at_ms);
        facts.balances = (self.parts.balances)();
        for (chain, token) in (self.parts.unread)() {
            facts.unseen.subject(Kind::LowBalance, format!("{chain}/{token}"));
        }
        facts.up_seconds = Some(at_ms.saturating_sub(began_ms) / 1_000);
        if let Some(handle) = &self.parts.jobs {
            jobs(handle, began_ms, &mut facts);
        }
        judged(health.as_ref(), &mut self.well.lock(), &mut facts);
        facts
    }
}

/// What only the store says.
const OF_THE_STORE: [Kind; 8] = [
    Kind::TimelockApproaching,
    Kind::CancelWindow,
    Kind::HighQueueDepth,
    Kind::IndexerLag,
    Kind::Capacity,
    Kind::MissedDeadline,
    Kind::DeadLetters,
    Kind::StuckMoney,
];

/// What only the disk says.
const OF_FILES: [Kind; 2] = [Kind::BackupOld, Kind::DiskLow];

/// Facts of a look that did not see these.
fn without(mut facts: Facts, kinds: &[Kind]) -> Facts {
    kinds.iter().for_each(|kind| facts.unseen.kind(*kind));
    facts
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

fn jobs(handle: &SchedulerHandle, began_ms: u64, facts: &mut Facts) {
    for job in handle.jobs() {
        // Whether it starts when it should is not known before it did once, unless nobody wants it to.
        let is_known = job.next_ms.is_none()
            || job.totals.last_start_ms.is_some_and(|started| started >= began_ms);
        for kind in [Kind::JobMissed, Kind::JobUnhealthy].into_iter().filter(|_| !is_known) {
            facts.unseen.subject(kind, job.name);
        }
        facts.jobs.push(JobFacts {
            name: job.name.to_owned(),
            critical: job.priority == Priority::Critical,
            unhealthy: !job.health.healthy,
            error: None,
            missed: job.health.missed,
        });
    }
}

/// What the node says of itself. One that cannot be asked is unhealthy.
fn judged(health: Option<&Health>, well: &mut BTreeSet<String>, facts: &mut Facts) {
    let Some(health) = health else {
        facts.overall = Overall::Unhealthy;
        let detail = "it does not say how it does".to_owned();
        facts.parts.push(PartFacts { name: "node".to_owned(), detail, was_well: true });
        facts.unseen.kind(Kind::Halted);
        return;
    };
    facts.overall = match health.status {
        HealthStatus::Healthy => Overall::Healthy,
        HealthStatus::Degraded => Overall::Degraded,
        HealthStatus::Unhealthy => Overall::Unhealthy,
    };
    for part in &health.components {
        let name = match part.chain {
            Some(chain) => format!("{} {chain}", part.name.name()),
            None => part.name.name().to_owned(),
        };
        if part.status == HealthStatus::Healthy {
            well.insert(name);
            continue;
        }
        let has_halted = part.name == HealthPart::Acting && part.status == HealthStatus::Unhealthy;
        if has_halted {
            facts.halted = Some(part.detail.clone());
        }
        // A node that halts is not one that begins.
        let was_well = has_halted || well.contains(&name);
        facts.parts.push(PartFacts { name, detail: part.detail.clone(), was_well });
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
    if facts.disk.is_none() {
        facts.unseen.kind(Kind::DiskLow);
    }
    let Some(backups) = backups else { return };
    let newest = newest_backup_ms(backups);
    // Where there should be backups and is none, one is missing since the start at least.
    if newest.is_none() {
        facts.unseen.kind(Kind::BackupOld);
    }
    facts.backup_age = Some(facts.at_ms.saturating_sub(newest.unwrap_or(began_ms)) / 1_000);
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
