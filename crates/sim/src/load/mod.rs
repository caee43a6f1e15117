//! A run without an end: makers who hand in orders at a steady rate, chains that reorganise, and books that
//! are closed swap by swap, so that what the run remembers does not grow with its length.

mod books;
mod disturb;
mod expiry;
mod figures;
mod makers;
mod upkeep;

pub use figures::{LoadFigures, LoadReport};

use crate::{
    Network, SimError, Strangers,
    accounts::DevAccount,
    driver::{HandlerRpc, hosts, in_process, policy},
    report::{gaps, missed_deadlines, next_nonces},
    temporary::TemporaryDirectory,
};
use bmn_host_dev::DevServer;
use bmn_node::{Clock, Resolver, SystemClock};
use bmn_store::{Reads, Store, StoreOptions};
use disturb::Disturbance;
use figures::{chains, resident_bytes};
use makers::Makers;
use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use upkeep::Upkeep;

/// Seconds before now at which both chains begin: the set-up's blocks must not run into the future.
const SET_UP_SECONDS: u64 = 3_600;
/// How often the makers are looked after.
const TICK: Duration = Duration::from_millis(200);
/// How often figures are told.
const MINUTE: Duration = Duration::from_secs(60);
/// Minutes that a report keeps.
const MINUTES: usize = 1_000;
/// Blocks that the development chains remember: past finality, and long enough for a swap's receipts.
const KEPT_BLOCKS: u64 = 128;
/// Blocks whose state they remember: past finality.
const KEPT_STATES: u64 = 48;
/// Remarks that a report keeps.
const REMARKS: usize = 100;

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// Orders a second.
    pub rate: f64,
    /// Of a hundred blocks, how many begin a reorg.
    pub reorg_percent: f64,
    /// How long orders are handed in; without it until the run is told to stop.
    pub length: Option<Duration>,
    /// Decides everything random but the clock's share.
    pub seed: u64,
    /// Orders that ended so many seconds of chain time ago are archived and removed, and what the chains showed
    /// of what was over by then is taken out of the index; without it all is kept.
    pub keep_orders_secs: Option<u64>,
    /// Keeps the resolver's database and archive here; a directory that goes away with the run when none.
    pub data_dir: Option<PathBuf>,
    /// Where Chain A, Chain B and the resolver answer; port 0 takes any.
    pub addresses: [SocketAddr; 3],
}

/// Runs until the length is over or `stop` comes, lets every swap that is open end, and compares every
/// balance. `observe` is told where it stands, once a minute.
///
/// # Errors
/// [`SimError`]: something that keeps the run from going on. A swap that is lost is in the report instead.
pub async fn run_load(
    options: LoadOptions,
    observe: impl FnMut(&LoadFigures),
    stop: impl Future<Output = ()>,
) -> Result<LoadReport, SimError> {
    let clock = SystemClock::new();
    let genesis = clock.unix_seconds() - SET_UP_SECONDS;
    let network = Network::in_memory_keeping(genesis, KEPT_BLOCKS, KEPT_STATES)?;
    network.set_up().await?;
    let makers = Makers::open(&network, &options).await?;
    let temporary = TemporaryDirectory::new()?;
    let directory = match &options.data_dir {
        Some(directory) => directory.join("resolver"),
        None => temporary.path().to_owned(),
    };
    let store = Store::open(StoreOptions::directory(directory.clone()))?;
    let signer = DevAccount::Resolver.signer();
    let [address_a, address_b, address_rpc] = options.addresses;
    let servers =
        [network.chains[0].serve(address_a).await?, network.chains[1].serve(address_b).await?];
    let mut resolver = Resolver::open(store, hosts(&network), signer, policy(), Arc::new(clock))?;
    for chain in resolver.chains() {
        while resolver.follow(chain).await? {}
    }
    let module = match address_rpc.ip().is_loopback() {
        true => resolver.every_module(),
        false => resolver.rpc_module(),
    };
    let limits = bmn_rpc::ServeLimits { client: None, ..bmn_rpc::ServeLimits::default() };
    let (methods, _) = bmn_rpc::serve(module, address_rpc, &limits).await?;
    let rpc = HandlerRpc(in_process(&resolver));
    let store = resolver.store().clone();
    let stopping = CancellationToken::new();
    let running = resolver.run(stopping.clone());
    let heads = [0, 1].map(|chain| network.chains[chain].chain.head().number);
    let upkeep = Upkeep::open(store.clone(), &directory, options.keep_orders_secs)?;
    let mut load = Load {
        disturbance: Disturbance::new(options.seed, options.reorg_percent, heads),
        strangers: Strangers::new(&network).await?,
        minutes: Vec::new(),
        upkeep,
        network,
        makers,
        clock,
        store,
        options,
    };
    let driving = async {
        let driven = load.drive(&rpc, observe, stop).await;
        let closed = load.close(servers, &stopping).await;
        driven.and(closed)
    };
    let (ran, report) = tokio::join!(running, driving);
    let _ = methods.stop();
    methods.stopped().await;
    ran?;
    report
}

/// A run.
struct Load {
    options: LoadOptions,
    network: Network,
    makers: Makers,
    strangers: Strangers,
    disturbance: Disturbance,
    upkeep: Upkeep,
    clock: SystemClock,
    store: Store,
    minutes: Vec<LoadFigures>,
}

impl Load {
    async fn drive(
        &mut self,
        rpc: &HandlerRpc,
        mut observe: impl FnMut(&LoadFigures),
        stop: impl Future<Output = ()>,
    ) -> Result<(), SimError> {
        let begun = self.clock.monotonic();
        let mut told = Duration::ZERO;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        let mut is_told = false;
        loop {
            tokio::select! {
                () = &mut stop, if !is_told => is_told = true,
                _ = ticks.tick() => {}
            }
            let elapsed = self.clock.monotonic().saturating_sub(begun);
            let is_over = is_told || self.options.length.is_some_and(|length| elapsed >= length);
            if !is_over {
                let due = (elapsed.as_secs_f64() * self.options.rate) as u64 + 1;
                self.makers.begin(&self.network, due, elapsed).await?;
                self.disturbance.strike(&self.network, self.clock.unix_seconds())?;
            }
            self.makers.work(&self.network, &mut self.strangers, rpc, elapsed).await?;
            self.upkeep.look(elapsed).await?;
            if elapsed >= told + MINUTE {
                told += MINUTE;
                let figures = self.figures(elapsed)?;
                observe(&figures);
                self.minutes.push(figures);
                let over = self.minutes.len().saturating_sub(MINUTES);
                self.minutes.drain(..over);
            }
            if is_over && self.makers.are_done() {
                observe(&self.figures(elapsed)?);
                return Ok(());
            }
        }
    }

    fn figures(&self, elapsed: Duration) -> Result<LoadFigures, SimError> {
        let read = self.store.read()?;
        let mut orders_kept = 0;
        for status in bmn_swap::Status::ALL {
            orders_kept += read.orders_in(status)?;
        }
        let (chain_blocks, chain_bytes) = chains(&self.network);
        let file = std::fs::metadata(self.store.path());
        Ok(LoadFigures {
            elapsed_secs: elapsed.as_secs(),
            reorgs: self.disturbance.reorgs,
            reverted_blocks: self.disturbance.reverted,
            heads: [0, 1].map(|chain| self.network.chains[chain].chain.head().number),
            rss_bytes: resident_bytes(),
            database_bytes: file.map_or(0, |file| file.len()),
            archive_bytes: self.upkeep.archive_bytes(),
            orders_archived: self.upkeep.archived(),
            chain_blocks,
            chain_bytes,
            orders_kept,
            ..self.makers.figures()
        })
    }

    /// Stops chains and resolver, and compares every balance with the books.
    async fn close(
        &mut self,
        servers: [DevServer; 2],
        stopping: &CancellationToken,
    ) -> Result<LoadReport, SimError> {
        let elapsed = self.minutes.last().map_or(0, |minute| minute.elapsed_secs);
        stopping.cancel();
        for server in servers {
            server.stop().await;
        }
        let mut discrepancies = self.makers.close(&self.network).await?;
        let value_conserved = discrepancies.is_empty();
        let nonces = next_nonces(&self.store, &self.network)?;
        discrepancies.extend(gaps(&self.network, &nonces).await?);
        discrepancies.extend(self.makers.remarks().iter().cloned());
        discrepancies.truncate(REMARKS);
        let missed_deadlines = missed_deadlines(&self.store)?;
        let elapsed = Duration::from_secs(elapsed);
        let mut rows_bytes = [0; 2];
        for table in self.store.table_sizes()? {
            rows_bytes[usize::from(!table.of_chain)] += table.bytes;
        }
        Ok(LoadReport {
            seed: self.options.seed,
            rate: self.options.rate,
            reorg_percent: self.options.reorg_percent,
            figures: self.figures(elapsed)?,
            minutes: std::mem::take(&mut self.minutes),
            rows_bytes,
            value_conserved,
            missed_deadlines,
            discrepancies,
        })
    }
}
