//! Runs a scenario from an empty network to a report.

mod process;
mod realtime;
mod reorgs;
mod settle;

use crate::{
    Maker, Network, Report, SIMULATION_GENESIS, SimError, Strangers, VirtualClock,
    faults::Faults,
    ledger::Ledger,
    report::Facts,
    rpc::{Methods, ResolverRpc},
    scenario::{self, Scenario, Timing},
};
use bmn_rpc_api::SwapChange;
use process::Process;
pub(crate) use process::{in_process, policy};
pub(crate) use realtime::{HandlerRpc, hosts};
pub use realtime::{run_in_real_time, runs_in_real_time};
use reorgs::Reorgs;
pub(crate) use reorgs::draw_reorg;
#[cfg(test)]
pub(crate) use settle::open_ledger;
pub(crate) use settle::{parties, watched_tokens};
use std::{sync::Arc, time::Duration};

/// A run that is not over this long after the last source cancellation will never be, seconds.
const PATIENCE: u64 = 900;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Which mix.
    pub scenario: Scenario,
    /// How many swaps.
    pub swaps: u32,
    /// Decides everything random.
    pub seed: u64,
    /// Seconds by which Chain B's clock runs ahead of Chain A's; negative: behind.
    pub skew: i64,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Swaps of the run.
    pub swaps: u32,
    /// Swaps that are over.
    pub over: u32,
    /// Swaps whose maker has begun.
    pub begun: u32,
    /// Seconds of chain time since the start.
    pub elapsed: u64,
    /// Heads of Chain A and Chain B.
    pub heads: [u64; 2],
    /// Reorgs so far.
    pub reorgs: u64,
    /// Crashes so far.
    pub crashes: u64,
}

/// A run in virtual time.
pub struct Simulation {
    options: RunOptions,
    network: Network,
    clock: VirtualClock,
    process: Process,
    makers: Vec<Maker>,
    strangers: Strangers,
    reorgs: Option<Reorgs>,
    ledger: Ledger,
    /// Heads when the run began.
    floor: [u64; 2],
    /// Virtual times of the last scheduled block of each chain.
    mined_at: [u64; 2],
}

impl Simulation {
    /// Runs the whole scenario; `observe` is told how it goes, once a block.
    pub async fn run(
        options: RunOptions,
        observe: impl FnMut(&Progress),
    ) -> Result<Report, SimError> {
        Self::finished(options, observe).await?.report().await
    }

    /// The run when every swap is over.
    async fn finished(
        options: RunOptions,
        mut observe: impl FnMut(&Progress),
    ) -> Result<Self, SimError> {
        let mut run = Self::set_up(options).await?;
        run.process.start()?;
        let deadline = run.deadline();
        loop {
            run.work_until_idle().await?;
            observe(&run.progress());
            let finished = run.makers.iter().all(Maker::is_over) && run.end_is_final().await?;
            if finished || run.clock.elapsed() > deadline {
                break;
            }
            let disturbed = match &mut run.reorgs {
                Some(reorgs) => reorgs.disturb(&run.network, &run.makers, run.clock.now())?,
                None => false,
            };
            if !disturbed {
                run.mine_next()?;
            }
        }
        Ok(run)
    }

    /// The network and its makers when every swap is over.
    #[cfg(test)]
    pub(crate) async fn aftermath(options: RunOptions) -> Result<(Network, Vec<Maker>), SimError> {
        let run = Self::finished(options, |_| {}).await?;
        Ok((run.network, run.makers))
    }

    async fn set_up(options: RunOptions) -> Result<Self, SimError> {
        let mut network = Network::in_memory(SIMULATION_GENESIS)?;
        network.allow_skew(options.skew.unsigned_abs());
        network.set_up().await?;
        let RunOptions { scenario, swaps, seed, .. } = options;
        let specs = scenario::swaps(scenario, swaps, seed, Timing::ROOMY);
        let start = settle::fund(&network, &specs, seed).await?;
        let makers = settle::makers(&network, specs, seed, start).await?;
        let clock = VirtualClock::starting_at(start);
        let faults = scenario.crashes().then(|| Faults::new(seed));
        let floor = [0, 1].map(|chain| network.chains[chain].chain.head().number);
        Ok(Self {
            ledger: settle::open_ledger(&network, &makers).await?,
            process: Process::new(network.clone(), Arc::new(clock.clone()), seed, faults),
            strangers: Strangers::new(&network).await?,
            reorgs: scenario.reorgs().then(|| Reorgs::new(seed, floor)),
            mined_at: [start; 2],
            floor,
            makers,
            clock,
            network,
            options,
        })
    }

    /// Virtual seconds after which the rest has failed.
    fn deadline(&self) -> u64 {
        let last = self.makers.iter().map(|maker| {
            let spec = maker.spec();
            spec.start + spec.timing.src_cancellation
        });
        last.max().unwrap_or_default() + PATIENCE
    }

    fn progress(&self) -> Progress {
        let count = |good: &dyn Fn(&Maker) -> bool| {
            let count = self.makers.iter().filter(|maker| good(maker)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let elapsed = self.clock.elapsed();
        Progress {
            swaps: self.options.swaps,
            over: count(&Maker::is_over),
            begun: count(&|maker| maker.spec().start <= elapsed),
            elapsed,
            heads: [0, 1].map(|chain| self.network.chains[chain].chain.head().number),
            reorgs: self.reorgs.as_ref().map_or(0, Reorgs::count),
            crashes: self.process.crashes(),
        }
    }

    /// Resolver and makers in turn, until nobody has anything left to do at this moment.
    async fn work_until_idle(&mut self) -> Result<(), SimError> {
        loop {
            let mut acted = self.process.work_until_idle().await?;
            self.strangers.keep_alive().await?;
            for maker in &mut self.makers {
                let rpc = self.process.rpc();
                acted |= maker.act(&mut self.strangers, &rpc).await?;
                acted |= self.process.bury_the_dead()?;
            }
            if !acted {
                return Ok(());
            }
        }
    }

    /// The clock goes on by the shorter block time; chains whose block is due mine it.
    fn mine_next(&mut self) -> Result<(), SimError> {
        let step = self.network.chains.iter().map(|node| node.spec.block_time_secs).min();
        self.clock.advance(step.unwrap_or(1).max(1));
        let now = self.clock.now();
        for (index, node) in self.network.chains.iter().enumerate() {
            if now < self.mined_at[index] + node.spec.block_time_secs {
                continue;
            }
            self.mined_at[index] = now;
            let skew = if index == 1 { self.options.skew } else { 0 };
            let earliest = node.chain.head().time + 1;
            node.chain.mine(Some(now.saturating_add_signed(skew).max(earliest)))?;
        }
        Ok(())
    }

    /// Lets every end become final, undisturbed, and asks for every swap once more.
    async fn end_is_final(&mut self) -> Result<bool, SimError> {
        let depth = self.network.chains.iter().map(|node| node.spec.confirmations).max();
        for _ in 0..2 * depth.unwrap_or_default() + 2 {
            self.mine_next()?;
            self.work_until_idle().await?;
        }
        for maker in &mut self.makers {
            maker.review(&self.process.rpc()).await?;
        }
        Ok(self.makers.iter().all(Maker::is_over))
    }

    async fn report(mut self) -> Result<Report, SimError> {
        self.process.stop_crashing();
        self.process.work_until_idle().await?;
        for maker in &mut self.makers {
            maker.review(&self.process.rpc()).await?;
        }
        let facts = Facts {
            scenario: self.options.scenario,
            seed: self.options.seed,
            start: self.clock.now() - self.clock.elapsed(),
            floor: self.floor,
            reorgs: self.reorgs.as_ref().map(Reorgs::coverage),
            reorg_count: self.reorgs.as_ref().map_or(0, Reorgs::count),
            changes: changes(&self.process.rpc()).await?,
            nonces: self.process.next_nonces()?,
            missed: self.process.missed_deadlines()?,
            crashes: self.process.crash_coverage(),
            crash_count: self.process.crashes(),
            latencies: self.process.latencies(),
            elapsed: stopwatch(&self.clock),
        };
        Report::close(&self.network, &self.makers, self.ledger, facts).await
    }
}

/// The whole change log.
async fn changes(rpc: &dyn ResolverRpc) -> Result<Vec<SwapChange>, SimError> {
    let mut all: Vec<SwapChange> = Vec::new();
    loop {
        let next = all.last().map_or(1, |change| change.sequence + 1);
        let page = Methods(rpc).changes(next).await?.unwrap_or_default();
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn stopwatch(clock: &VirtualClock) -> Duration {
    use bmn_node::Clock;
    clock.monotonic()
}
