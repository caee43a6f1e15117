//! The scheduler with its jobs, as a part of a node.

use crate::{Ground, jobs, schedules::overrides};
use bmn_config::Schedules;
use bmn_scheduler::{
    Clock, Limits, Memory, Overrides, Scheduler, SchedulerError, SchedulerHandle, SchedulerParts,
};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What is done beside the swaps. Clones are the same.
#[derive(Debug, Clone)]
pub struct Upkeep {
    scheduler: Scheduler,
    schedules: Arc<watch::Sender<Overrides>>,
}

/// What upkeep asks of the machine.
#[derive(Clone)]
pub struct Machine {
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Memory of the process.
    pub memory: Arc<dyn Memory>,
    /// What jobs may use.
    pub limits: Limits,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Upkeep {
    /// Makes the jobs, and has the resolver's methods tell of them. Blocks while the records are written.
    ///
    /// # Errors
    /// See [`SchedulerError`].
    pub fn new(ground: &Ground, machine: Machine) -> Result<Self, SchedulerError> {
        let (configured, refused) = overrides(&ground.config.schedules);
        told(&refused);
        let (schedules, receiver) = watch::channel(configured);
        let scheduler = Scheduler::open(SchedulerParts {
            jobs: jobs::jobs(ground),
            records: ground.records.clone(),
            clock: machine.clock,
            memory: machine.memory,
            limits: machine.limits,
            overrides: receiver,
        })?;
        ground.resolver.scheduled_jobs().set(scheduler.handle());
        Ok(Self { scheduler, schedules: Arc::new(schedules) })
    }

    /// Tells of the jobs and has them run.
    pub fn handle(&self) -> SchedulerHandle {
        self.scheduler.handle()
    }

    /// Other schedules, from now on: live within a second. What is no schedule is answered, and leaves the job as its
    /// profile has it.
    pub fn reschedule(&self, schedules: &Schedules) -> Vec<String> {
        let (configured, refused) = overrides(schedules);
        told(&refused);
        self.schedules.send_replace(configured);
        refused
    }

    /// Runs the jobs until `stop`, then waits some seconds for those that run. No job's failure ends it. Once it has
    /// ended it can be run again.
    ///
    /// # Errors
    /// See [`Scheduler::run`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), SchedulerError> {
        self.scheduler.run(stop).await
    }
}

fn told(refused: &[String]) {
    for refused in refused {
        tracing::warn!(target: "bmn::upkeep", refused, "the profile's schedule holds");
    }
}
