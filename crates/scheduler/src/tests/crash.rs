use super::fixture::{Bed, Does, START, TestClock, Told, pass, spec};
use crate::{Limits, RunResult};
use bmn_records::{Records, Table};
use proptest::prelude::*;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

#[tokio::test(start_paused = true)]
async fn a_slot_that_was_missed_is_run_once_and_at_once_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let daily = Told::new(&clock, spec("daily", "0 0 * * *"), &[]);
    let often = Told::new(&clock, spec("often", "every 1h"), &[]);
    let records = Records::open(directory.path()).unwrap();
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&daily, &often]);
    pass(86_400_000).await;
    assert_eq!(daily.slots.lock().len(), 1);
    bed.end().await;
    drop(records);
    pass(3 * 86_400_000).await;
    let before = often.slots.lock().len();
    let records = Records::open(directory.path()).unwrap();
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&daily, &often]);
    pass(1_000).await;
    let slots: Vec<_> = daily.slots.lock().iter().map(|slot| slot.unwrap()).collect();
    assert_eq!(slots, [START - 500 + 86_400_000, START - 500 + 4 * 86_400_000]);
    assert_eq!(often.slots.lock().len(), before + 1);
    bed.end().await;
    drop(records);
    // And not again.
    let records = Records::open(directory.path()).unwrap();
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&daily, &often]);
    pass(1_000).await;
    assert_eq!(daily.slots.lock().len(), 2);
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ran_waits_for_its_first_slot() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let daily = Told::new(&clock, spec("daily", "0 0 * * *"), &[]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&daily]);
    pass(3_600_000).await;
    assert!(daily.slots.lock().is_empty());
    bed.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_a_crash_cut_short_is_noted_and_counts_as_failed() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let hour = Does::Takes(Duration::from_secs(3_600));
    let job = Told::new(&clock, spec("a", "every 10s"), &[hour]);
    let records = Records::open(directory.path()).unwrap();
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    pass(12_000).await;
    bed.kill().await;
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    let run = bed.runs("a").remove(0);
    assert_eq!((run.result, run.slot_ms), (RunResult::Interrupted, Some(START + 9_500)));
    let totals = bed.handle.jobs().remove(0).totals;
    assert_eq!((totals.failed, totals.consecutive_failures), (1, 1));
    pass(10_000).await;
    let slots: Vec<_> = job.slots.lock().iter().map(|slot| slot.unwrap() - START).collect();
    assert_eq!(slots, [9_500, 19_500], "the slot of the crash is not run again");
    bed.end().await;
}

// What is killed at any moment, again and again, over one file.
async fn lives(lives: &[u64], takes: &[u64]) -> (Vec<Option<u64>>, usize) {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let does: Vec<_> = takes.iter().map(|ms| Does::Takes(Duration::from_millis(*ms))).collect();
    let job = Told::new(&clock, spec("a", "every 3s"), &does);
    for (life, ms) in lives.iter().enumerate() {
        let records = Records::open(directory.path()).unwrap();
        let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
        pass(*ms).await;
        if life % 3 == 2 {
            bed.end().await;
        } else {
            bed.kill().await;
        }
        drop(records);
        reopened(directory.path()).await;
        pass(ms % 7_000).await;
    }
    let records = Records::open(directory.path()).unwrap();
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    let open = bed.runs("a").iter().filter(|run| run.result == RunResult::Running).count();
    bed.end().await;
    let slots = job.slots.lock().clone();
    (slots, open)
}

/// A thread that writes when a task is dropped holds the file a moment longer.
async fn reopened(path: &std::path::Path) {
    while Records::open(path).is_err() {
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_slot_is_run_twice_wherever_a_crash_comes(
        ends in prop::collection::vec(1u64..20_000, 1..6),
        takes in prop::collection::vec(0u64..8_000, 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (slots, open) = runtime.block_on(lives(&ends, &takes));
        let different: BTreeSet<_> = slots.iter().copied().collect();
        prop_assert_eq!(different.len(), slots.len(), "{:?}", slots);
        prop_assert!(slots.is_sorted(), "{:?}", slots);
        prop_assert_eq!(open, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn two_schedulers_over_one_file_run_a_slot_once() {
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let one = Told::new(&clock, spec("a", "every 10s"), &[]);
    let two = Told::new(&clock, spec("a", "every 10s"), &[]);
    let beds =
        [&one, &two].map(|job: &Arc<Told>| Bed::begin(&records, &clock, Limits::default(), &[job]));
    pass(105_000).await;
    let mut slots = [one.slots.lock().clone(), two.slots.lock().clone()].concat();
    slots.sort_unstable();
    let all: Vec<_> = (0..10).map(|n| Some(START + 9_500 + n * 10_000)).collect();
    assert_eq!(slots, all);
    for bed in beds {
        bed.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_claim_could_not_be_kept_was_given_to_nobody() {
    const SPOILT: Table<String> = Table::new("job_slots");
    let (records, clock) = (Records::in_memory().unwrap(), TestClock::new());
    let job = Told::new(&clock, spec("a", "every 10s"), &[]);
    let bed = Bed::begin(&records, &clock, Limits::default(), &[&job]);
    records.put(&SPOILT, b"a", &"no slot".to_owned(), None).unwrap();
    pass(10_000).await;
    assert_eq!(*job.slots.lock(), [], "it cannot be claimed");
    let tx = records.write().unwrap();
    tx.remove(&SPOILT, b"a").unwrap();
    tx.commit().unwrap();
    // The same slot comes once more.
    clock.set_by(-3_000);
    pass(4_000).await;
    assert_eq!(*job.slots.lock(), [Some(START + 9_500)]);
    clock.set_by(-3_000);
    pass(4_000).await;
    assert_eq!(job.slots.lock().len(), 1, "and what is durable is not given away again");
    bed.end().await;
}
