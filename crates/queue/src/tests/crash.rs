//! A crash at every storage operation: a job is where a commit left it, never lost, never twice.

use super::fixtures::{A, B, claim, commit, height, key, now, open, order, time, waiting};
use crate::*;
use bmn_store::testing::{CrashBackend, Side};
use bmn_store::{Store, WriteTx};
use bmn_swap::{Action, ActionKey, When};

type Step = fn(&mut WriteTx, u64) -> Result<(), QueueError>;

const FILL: fn() -> ActionKey = || key(1, Action::Fill, A);
const CANCEL: fn() -> ActionKey = || key(1, Action::CancelSource, A);
const OTHER: fn() -> ActionKey = || key(2, Action::Fill, A);

// Every kind of commit that a job goes through.
const STEPS: &[Step] = &[
    |tx, _| {
        let due = [now(FILL()), waiting(CANCEL(), &[time(A, 9), height(B, 3)])];
        reconcile(tx, order(1), &due, |_| Some(77)).map(drop)
    },
    |tx, epoch| lease(tx, A, epoch, 5).map(drop),
    |tx, _| renew(tx, &claim(tx, &FILL()), 50),
    |tx, _| sent(tx, &claim(tx, &FILL())),
    |tx, _| {
        finish(tx, &claim(tx, &FILL()))?;
        promote(tx, A, 0, 9).map(drop)
    },
    |tx, epoch| lease(tx, A, epoch, 60).map(drop),
    // Its reason is reorged away while it is leased; another order appears.
    |tx, _| {
        reconcile(tx, order(1), &[], |_| None)?;
        reconcile(tx, order(2), &[now(OTHER())], |_| None).map(drop)
    },
    |tx, _| expire(tx, A, 60 + LEASE_SECONDS).map(drop),
    |tx, epoch| lease(tx, A, epoch, 400).map(drop),
    |tx, _| {
        let policy = RetryPolicy { first: 1, multiplier: 1, ceiling: 1, attempts: Some(1) };
        retry(tx, &claim(tx, &OTHER()), FailureClass::Host, "x", policy).map(drop)
    },
    |tx, _| promote(tx, A, 0, 2).map(drop),
    |tx, epoch| lease(tx, A, epoch, 500).map(drop),
    |tx, _| park(tx, &claim(tx, &OTHER()), &When::Now),
    |tx, epoch| lease(tx, A, epoch, 510).map(drop),
    |tx, _| bury(tx, &claim(tx, &OTHER()), FailureClass::Final, "x"),
];

fn jobs(store: &Store) -> Vec<JobRow> {
    list(&store.read().unwrap(), &JobFilter::default(), None, 10).unwrap()
}

/// Runs the steps until one fails; answers how many commits came back.
fn run(disk: &CrashBackend, mut committed: impl FnMut(&Store)) -> usize {
    let Ok(store) = open(disk) else { return 0 };
    committed(&store);
    for (done, step) in STEPS.iter().enumerate() {
        let attempt = || -> Result<(), QueueError> {
            let mut tx = store.write()?;
            step(&mut tx, store.epoch())?;
            Ok(tx.commit()?)
        };
        if attempt().is_err() {
            return done;
        }
        committed(&store);
    }
    STEPS.len()
}

#[test]
fn a_crash_at_any_operation_leaves_the_jobs_of_a_commit_and_stale_leases_come_back() {
    let mut states = Vec::new();
    assert_eq!(run(&CrashBackend::new(), |store| states.push(jobs(store))), STEPS.len());
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for operation in 1.. {
            let disk = CrashBackend::new();
            disk.crash_at(operation, side);
            let acknowledged = run(&disk, |_| {});
            if !disk.has_crashed() {
                break;
            }
            crashes += 1;
            let store = open(&CrashBackend::from_image(disk.synced_image())).unwrap();
            let found = jobs(&store);
            let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
            assert!(allowed.contains(&found), "{side:?} {operation}: {found:?}");
            // Whatever a lease of before the crash was about to write is refused, or it still holds.
            let held: Vec<_> = found.iter().filter(|job| job.token > 0).cloned().collect();
            let stale = found.iter().filter(|job| job.state.kind() == StateKind::Leased).count();
            let recovered = commit(&store, |tx| recover(tx, store.epoch()).unwrap());
            assert_eq!(recovered, stale, "{side:?} {operation}");
            assert!(jobs(&store).iter().all(|job| job.state.kind() != StateKind::Leased));
            let mut tx = store.write().unwrap();
            for job in held.iter().filter(|job| job.state.kind() != StateKind::Sent) {
                let late = finish(&mut tx, &job.claim());
                assert!(matches!(late, Err(QueueError::Overtaken { .. })), "{side:?} {operation}");
            }
            let newest = held.iter().map(|job| job.token).max().unwrap_or_default();
            if let Some(job) = lease(&mut tx, A, store.epoch(), 0).unwrap() {
                assert!(job.token > newest, "{side:?} {operation}");
            }
        }
    }
    assert!(crashes > 4 * STEPS.len(), "only {crashes} crashes were tried");
}
