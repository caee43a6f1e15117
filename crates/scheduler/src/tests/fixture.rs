//! Jobs that do as they are told, and a clock that is tokio's.

use crate::{
    Clock, Job, JobContext, JobError, JobSpec, Limits, Memory, Outcome, Overrides, Priority, Run,
    Schedule, Scheduler, SchedulerError, SchedulerHandle, SchedulerParts,
};
use async_trait::async_trait;
use bmn_records::Records;
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// 2026-03-01 00:00:00 UTC and a bit.
pub(crate) const START: u64 = 1_772_323_200_500;

/// The paused time of the test, with what somebody set it by.
#[derive(Debug)]
pub(crate) struct TestClock {
    begun: Instant,
    set_by: AtomicI64,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), set_by: AtomicI64::new(0) })
    }

    pub(crate) fn set_by(&self, ms: i64) {
        self.set_by.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.begun.elapsed().as_millis()).unwrap();
        (START + passed).saturating_add_signed(self.set_by.load(Ordering::SeqCst))
    }
}

/// Bytes that a test says are in use.
#[derive(Debug, Default)]
pub(crate) struct Used(pub(crate) AtomicU64);

impl Memory for Used {
    fn resident_bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst))
    }
}

/// What an attempt does.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    Well,
    Fails(JobError),
    Panics,
    /// Waits this long, deaf to the token.
    Takes(Duration),
    /// Waits for the token.
    UntilTold,
    /// Keeps a thread busy until the test lets it go.
    Blocks(Arc<Mutex<mpsc::Receiver<()>>>),
}

/// A job that does one thing after the other, then well.
pub(crate) struct Told {
    pub(crate) spec: JobSpec,
    pub(crate) does: Mutex<Vec<Does>>,
    pub(crate) begun: Mutex<Vec<u64>>,
    pub(crate) slots: Mutex<Vec<Option<u64>>>,
    pub(crate) waits: Mutex<Option<String>>,
    pub(crate) at_once: AtomicU64,
    pub(crate) most_at_once: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Told {
    pub(crate) fn new(clock: &Arc<TestClock>, spec: JobSpec, does: &[Does]) -> Arc<Self> {
        let mut does = does.to_vec();
        does.reverse();
        Arc::new(Self {
            spec,
            does: Mutex::new(does),
            begun: Mutex::default(),
            slots: Mutex::default(),
            waits: Mutex::default(),
            at_once: AtomicU64::default(),
            most_at_once: AtomicU64::default(),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
        })
    }

    /// When its attempts began, after the start of the test.
    pub(crate) fn begun(&self) -> Vec<u64> {
        self.begun.lock().iter().map(|at| at - START).collect()
    }
}

#[async_trait]
impl Job for Told {
    fn spec(&self) -> JobSpec {
        self.spec.clone()
    }

    fn waits_for(&self) -> Option<String> {
        self.waits.lock().clone()
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        self.begun.lock().push(self.clock.now_ms());
        self.slots.lock().push(ctx.slot_ms);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let _left = Left(&self.at_once);
        let does = self.does.lock().pop().unwrap_or(Does::Well);
        match does {
            Does::Well => {}
            Does::Fails(error) => return Err(error),
            Does::Panics => panic!("as it was told"),
            Does::Takes(time) => tokio::time::sleep(time).await,
            Does::UntilTold => {
                ctx.stop.cancelled().await;
                return Err(JobError::Transient("told to end".to_owned()));
            }
            Does::Blocks(held) => {
                ctx.blocking(move || {
                    let _ = held.lock().recv();
                    Ok(())
                })
                .await?;
            }
        }
        Ok(Outcome::counted([("done", 1)]).noted("done"))
    }
}

struct Left<'a>(&'a AtomicU64);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn spec(name: &'static str, schedule: &str) -> JobSpec {
    JobSpec {
        name,
        about: "a test",
        schedule: schedule.parse().unwrap(),
        priority: Priority::Medium,
        retries: Vec::new(),
        timeout: Duration::from_secs(30),
        exclusive: true,
    }
}

/// A scheduler that runs.
pub(crate) struct Bed {
    pub(crate) handle: SchedulerHandle,
    pub(crate) overrides: watch::Sender<Overrides>,
    pub(crate) used: Arc<Used>,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<Result<(), SchedulerError>>,
}

impl Bed {
    pub(crate) fn begin(
        records: &Records,
        clock: &Arc<TestClock>,
        limits: Limits,
        jobs: &[&Arc<Told>],
    ) -> Self {
        let (overrides, receiver) = watch::channel(Overrides::new());
        let used = Arc::new(Used::default());
        let scheduler = Scheduler::open(SchedulerParts {
            jobs: jobs.iter().map(|job| Arc::clone(job) as Arc<dyn Job>).collect(),
            records: records.clone(),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            memory: Arc::clone(&used) as Arc<dyn Memory>,
            limits,
            overrides: receiver,
        })
        .unwrap();
        let (handle, stop) = (scheduler.handle(), CancellationToken::new());
        #[expect(clippy::disallowed_methods, reason = "the test is the supervisor")]
        let task = tokio::spawn(scheduler.run(stop.clone()));
        Self { handle, overrides, used, stop, task }
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// As a crash ends it.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub(crate) fn runs(&self, job: &str) -> Vec<Run> {
        let mut runs = self.handle.runs(Some(job), 1_000).unwrap();
        runs.reverse();
        runs
    }

    pub(crate) fn override_with(&self, name: &str, text: &str) {
        let schedule: Schedule = text.parse().unwrap();
        self.overrides.send_modify(|all| {
            all.insert(name.to_owned(), schedule);
        });
    }
}

pub(crate) async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
