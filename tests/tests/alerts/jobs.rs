//! Causes in scheduled jobs.

use crate::desk::{Desk, Time, of, told};
use async_trait::async_trait;
use bmn_alerts::{
    Kind,
    Severity::{Critical, Warning},
};
use bmn_records::Records;
use bmn_scheduler::{
    Job, JobContext, JobError, JobSpec, Limits, Outcome, Priority, ProcessMemory, Scheduler,
    SchedulerHandle, SchedulerParts,
};
use bmn_tests::World;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A minute of 2023, milliseconds since 1970.
const NOON: u64 = 1_700_000_040_000;

/// Never ends well.
struct Fails(&'static str, Priority);

#[async_trait]
impl Job for Fails {
    fn spec(&self) -> JobSpec {
        JobSpec {
            name: self.0,
            about: "fails",
            schedule: "0 0 * * * *".parse().unwrap(),
            priority: self.1,
            retries: Vec::new(),
            timeout: Duration::from_secs(5),
            exclusive: true,
        }
    }

    async fn run(&self, _: &JobContext) -> Result<Outcome, JobError> {
        Err(JobError::Permanent("there is no chain".to_owned()))
    }
}

fn scheduler(clock: &Arc<Time>) -> Scheduler {
    let jobs: [Arc<dyn Job>; 2] = [
        Arc::new(Fails("timelockMonitor", Priority::Critical)),
        Arc::new(Fails("dailyReport", Priority::Low)),
    ];
    Scheduler::open(SchedulerParts {
        jobs: jobs.to_vec(),
        records: Records::in_memory().unwrap(),
        clock: Arc::clone(clock) as _,
        memory: Arc::new(ProcessMemory),
        limits: Limits::default(),
        overrides: watch::channel(Default::default()).1,
    })
    .unwrap()
}

/// Has both jobs fail until they failed so often in a row.
async fn fail(handle: &SchedulerHandle, times: u32) {
    for job in handle.jobs() {
        let failed = || {
            let all = handle.jobs();
            all.into_iter().find(|it| it.name == job.name).unwrap().totals.consecutive_failures
        };
        while failed() < times {
            let before = failed();
            // The run before may still be coming to its end.
            while handle.run_now(job.name).await.is_err() {
                tokio::task::yield_now().await;
            }
            while failed() == before {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test]
async fn a_job_that_failed_three_times_is_told_and_is_critical_where_money_depends_on_it() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let clock = Arc::new(Time(NOON.into()));
    let scheduler = scheduler(&clock);
    let handle = scheduler.handle();
    let limit = bmn_tests::policy().max_open_orders;
    let mut desk = Desk::with(&world, limit, Arc::clone(&clock), Some(handle.clone())).await;
    let stop = CancellationToken::new();
    let story = async {
        fail(&handle, 2).await;
        assert_eq!(of(&desk.look(NOON / 1_000).await, Kind::JobUnhealthy), []);
        fail(&handle, 3).await;
        let told = desk.look(NOON / 1_000 + 1).await;
        let mut seen: Vec<_> = told
            .iter()
            .filter(|it| it.id.kind == Kind::JobUnhealthy)
            .map(|it| (it.id.subject.as_str(), it.alert.severity))
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [("dailyReport", Warning), ("timelockMonitor", Critical)]);
        assert_eq!(desk.active(Kind::JobUnhealthy, Critical), 1.0);
        assert_eq!(desk.received(Kind::JobUnhealthy).await.len(), 2);
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(scheduler.run(stop.clone()), story);
    ran.unwrap();
}

#[tokio::test]
async fn a_job_that_did_not_start_within_one_and_a_half_periods_is_told() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let clock = Arc::new(Time(NOON.into()));
    // Nobody runs it, as when the scheduler stands still.
    let scheduler = scheduler(&clock);
    let limit = bmn_tests::policy().max_open_orders;
    let mut desk = Desk::with(&world, limit, Arc::clone(&clock), Some(scheduler.handle())).await;
    let at = |milliseconds: u64| milliseconds.div_ceil(1_000);
    let expected = NOON.next_multiple_of(3_600_000);
    assert_eq!(of(&desk.look(at(expected + 1_800_000)).await, Kind::JobMissed), []);
    let told = desk.look(at(expected + 1_801_000)).await;
    assert_eq!(of(&told, Kind::JobMissed), [Warning, Warning]);
    assert_eq!(desk.measured("bmn_job_missed{job=\"timelockMonitor\"}"), 1.0);
    assert_eq!(desk.received(Kind::JobMissed).await.len(), 2);
    assert!(clock.0.load(Ordering::Relaxed) > expected);
}

#[tokio::test]
async fn a_job_that_was_missed_is_not_well_before_it_started_again() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let clock = Arc::new(Time(NOON.into()));
    let before = scheduler(&clock);
    let limit = bmn_tests::policy().max_open_orders;
    let mut desk = Desk::with(&world, limit, Arc::clone(&clock), Some(before.handle())).await;
    let now = (NOON.next_multiple_of(3_600_000) + 1_801_000).div_ceil(1_000);
    assert_eq!(told(&desk.look(now).await, Kind::JobMissed), ["began", "began"]);
    let after = scheduler(&clock);
    let handle = after.handle();
    let mut desk = desk.restarted(&world, now + 1, Some(handle.clone()));
    assert_eq!(told(&desk.look(now + 2).await, Kind::JobMissed), [""; 0], "nobody knows");
    let stop = CancellationToken::new();
    let story = async {
        fail(&handle, 1).await;
        assert_eq!(told(&desk.look(now + 3).await, Kind::JobMissed), ["over", "over"]);
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(after.run(stop.clone()), story);
    ran.unwrap();
}
