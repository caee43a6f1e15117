use super::fixture::{Bed, Does, START, TestClock, Told, pass, spec};
use crate::{JobError, JobSpec, Limits, Priority, RunResult, SchedulerError};
use bmn_records::Records;
use parking_lot::Mutex;
use std::{
    sync::{Arc, atomic::Ordering, mpsc},
    time::Duration,
};

fn transient() -> Does {
    Does::Fails(JobError::Transient("no answer".to_owned()))
}

fn results(bed: &Bed, job: &str) -> Vec<RunResult> {
    bed.runs(job).iter().map(|run| run.result).collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_at_each_of_its_slots_and_its_runs_are_kept() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "*/10 * * * * *"), &[]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    pass(35_000).await;
    let slots: Vec<_> = job.slots.lock().iter().map(|slot| slot.unwrap() - START).collect();
    assert_eq!(slots, [9_500, 19_500, 29_500]);
    let runs = bed.runs("a");
    assert!(runs.iter().all(|run| run.result == RunResult::Succeeded && run.attempts == 1));
    assert_eq!(runs[0].counters["done"], 1);
    let [status] = bed.handle.jobs().try_into().unwrap();
    assert_eq!((status.totals.runs, status.totals.succeeded), (3, 3));
    assert_eq!(status.next_ms, Some(START + 39_500));
    assert!(status.health.healthy && !status.health.missed && !status.running);
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_tried_again_by_the_list_and_no_further() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let retries = [1_000, 5_000, 10_000].map(Duration::from_millis).to_vec();
    let listed = |name| JobSpec { retries: retries.clone(), ..spec(name, "every 1m") };
    let mends = Told::new(&clock, listed("mends"), &[transient(), transient()]);
    let never = Told::new(&clock, listed("never"), &vec![transient(); 9]);
    let useless = Told::new(
        &clock,
        listed("useless"),
        &[Does::Fails(JobError::Permanent("no such chain".to_owned()))],
    );
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&mends, &never, &useless]);
    pass(80_000).await;
    let first = mends.begun()[0];
    assert_eq!(mends.begun(), [first, first + 1_000, first + 6_000]);
    assert_eq!(never.begun(), [first, first + 1_000, first + 6_000, first + 16_000]);
    assert_eq!(useless.begun(), [first]);
    let of = |job: &str| {
        let run = bed.runs(job).remove(0);
        (run.result, run.attempts, run.error)
    };
    assert_eq!(of("mends"), (RunResult::Succeeded, 3, None));
    assert_eq!(of("never"), (RunResult::Failed, 4, Some("no answer".to_owned())));
    assert_eq!(of("useless"), (RunResult::Failed, 1, Some("no such chain".to_owned())));
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_run_and_nothing_else() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "every 10s"), &[Does::Panics]);
    let other = Told::new(&clock, spec("b", "every 10s"), &[]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job, &other]);
    pass(25_000).await;
    assert_eq!(results(&bed, "a"), [RunResult::Panicked, RunResult::Succeeded]);
    assert_eq!(bed.runs("a")[0].error.as_deref(), Some("it panicked: as it was told"));
    assert_eq!(results(&bed, "b"), [RunResult::Succeeded; 2]);
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_told_to_end_and_then_dropped() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let short = |name| JobSpec { timeout: Duration::from_secs(2), ..spec(name, "every 1m") };
    let listens = Told::new(&clock, short("listens"), &[Does::UntilTold]);
    let deaf = Told::new(&clock, short("deaf"), &[Does::Takes(Duration::from_secs(3_600))]);
    let late = Told::new(&clock, short("late"), &[Does::Takes(Duration::from_secs(4))]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&listens, &deaf, &late]);
    pass(90_000).await;
    let took = |job: &str| {
        let run = bed.runs(job).remove(0);
        (run.result, run.ended_ms.unwrap() - run.started_ms)
    };
    assert_eq!(took("listens"), (RunResult::TimedOut, 2_000));
    assert_eq!(took("deaf"), (RunResult::TimedOut, 7_000));
    assert_eq!(took("late"), (RunResult::Succeeded, 4_000));
    assert_eq!(bed.runs("deaf")[0].error.as_deref(), Some("not done after 2 s"));
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_job_never_runs_beside_itself_and_its_slots_meanwhile_are_one_run() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let takes = Does::Takes(Duration::from_secs(25));
    let job = Told::new(&clock, spec("a", "every 10s"), std::slice::from_ref(&takes));
    let free = JobSpec { exclusive: false, ..spec("b", "every 10s") };
    let free = Told::new(&clock, free, &[takes.clone(), takes]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job, &free]);
    pass(38_000).await;
    assert_eq!(job.begun(), [9_500, 34_500]);
    assert_eq!(job.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(job.slots.lock()[1], Some(START + 29_500));
    assert_eq!(free.most_at_once.load(Ordering::SeqCst), 3);
    let refused = bed.handle.run_now("c").await.unwrap_err();
    assert!(matches!(refused, SchedulerError::Unknown { .. }), "{refused}");
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_timeout_leaves_behind_in_a_thread_counts_as_running() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let (guard, held) = mpsc::channel();
    let held = Arc::new(Mutex::new(held));
    let retries = vec![Duration::from_secs(1)];
    let spec = JobSpec { timeout: Duration::from_secs(2), retries, ..spec("a", "off") };
    let job = Told::new(&clock, spec, &[Does::Blocks(Arc::clone(&held))]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    let _started = bed.handle.run_now("a").await.unwrap();
    // Time does not pass by itself while a thread is busy.
    for _ in 0..40 {
        tokio::time::advance(Duration::from_millis(500)).await;
        tokio::task::yield_now().await;
    }
    let refused = bed.handle.run_now("a").await.unwrap_err();
    assert!(matches!(refused, SchedulerError::Running(_)), "{refused}");
    assert_eq!(job.begun().len(), 1, "not tried again beside what it left behind");
    drop(guard);
    while bed.handle.run_now("a").await.is_err() {
        tokio::task::yield_now().await;
    }
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_is_run_by_hand_once_at_a_time_and_takes_no_slot() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "off"), &[Does::Takes(Duration::from_secs(5))]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    let started = bed.handle.run_now("a").await.unwrap();
    assert!(started >= START);
    let refused = bed.handle.run_now("a").await.unwrap_err();
    assert!(matches!(refused, SchedulerError::Running(_)), "{refused}");
    pass(6_000).await;
    let run = bed.runs("a").remove(0);
    assert_eq!((run.slot_ms, run.started_ms, run.result), (None, started, RunResult::Succeeded));
    let handle = bed.handle.clone();
    bed.end().await;
    let refused = handle.run_now("a").await.unwrap_err();
    assert!(matches!(refused, SchedulerError::Stopped), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn the_most_important_go_first_and_critical_ones_wait_for_nobody() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let takes = [Does::Takes(Duration::from_secs(5))];
    let of =
        |name, priority| Told::new(&clock, JobSpec { priority, ..spec(name, "every 1m") }, &takes);
    let low = of("low", Priority::Low);
    let medium = of("medium", Priority::Medium);
    let high = of("high", Priority::High);
    let critical = of("critical", Priority::Critical);
    let limits = Limits { concurrent: 1, memory_bytes: Some(100) };
    let bed = Bed::begin(&records, &clock, limits, &[&low, &medium, &high, &critical]);
    pass(80_000).await;
    let first = critical.begun()[0];
    assert_eq!(high.begun(), [first]);
    assert_eq!(medium.begun(), [first + 5_000]);
    assert_eq!(low.begun(), [first + 10_000]);
    // Above the budget of memory.
    bed.used.0.store(101, Ordering::SeqCst);
    pass(60_000).await;
    assert_eq!((critical.begun().len(), high.begun().len()), (2, 1));
    let statuses = bed.handle.jobs();
    assert_eq!(statuses[2].waits.as_deref(), Some("memory is short"));
    bed.used.0.store(100, Ordering::SeqCst);
    pass(2_000).await;
    assert_eq!(high.begun().len(), 2);
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_something_is_missed_and_then_unhealthy() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "every 10s"), &[]);
    *job.waits.lock() = Some("the index is behind".to_owned());
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    pass(16_000).await;
    let status = bed.handle.jobs().remove(0);
    assert_eq!(status.waits.as_deref(), Some("the index is behind"));
    assert!(status.health.missed && status.health.healthy);
    pass(5_000).await;
    assert!(!bed.handle.jobs()[0].health.healthy);
    *job.waits.lock() = None;
    pass(2_000).await;
    let status = bed.handle.jobs().remove(0);
    assert!(status.health.healthy && !status.health.missed && status.waits.is_none());
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_schedule_is_taken_while_it_runs() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "0 0 * * *"), &[]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    bed.override_with("a", "every 5s");
    pass(11_000).await;
    assert_eq!(job.begun(), [4_500, 9_500]);
    bed.override_with("a", "off");
    pass(60_000).await;
    assert_eq!(job.begun().len(), 2);
    assert_eq!(bed.handle.jobs()[0].schedule.to_string(), "off");
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_or_forward_stops_no_job() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "every 10s"), &[]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    pass(20_000).await;
    assert_eq!(job.begun().len(), 2);
    clock.set_by(-3_600_000);
    pass(11_000).await;
    assert_eq!(job.slots.lock().len(), 3);
    // A day of slots is one run.
    clock.set_by(86_400_000);
    pass(2_000).await;
    assert_eq!(job.slots.lock().len(), 4);
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_tells_what_runs_and_waits_for_it() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let told = Told::new(&clock, spec("told", "every 10s"), &[Does::UntilTold]);
    let hour = Does::Takes(Duration::from_secs(3_600));
    let deaf = Told::new(&clock, spec("deaf", "every 10s"), &[hour]);
    let soon = Does::Takes(Duration::from_secs(5));
    let soon = Told::new(&clock, spec("soon", "every 10s"), &[soon]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&told, &deaf, &soon]);
    pass(12_000).await;
    let handle = bed.handle.clone();
    bed.end().await;
    let result = |job| handle.runs(Some(job), 1).unwrap().remove(0).result;
    assert_eq!(result("told"), RunResult::Stopped);
    assert_eq!(result("deaf"), RunResult::Stopped);
    assert_eq!(result("soon"), RunResult::Succeeded);
    let failed: u64 = handle.jobs().iter().map(|job| job.totals.failed).sum();
    assert_eq!(failed, 0);
}
