//! A crash at every storage operation: a job is where a commit left it, never lost, never twice.

use super::fixtures::*;
use crate::*;
use bmn_store::testing::{CrashBackend, Side};
use bmn_store::{Store, WriteTx};
use bmn_swap::Action;

type Step = fn(&mut WriteTx, u64) -> Result<(), QueueError>;

const STEPS: &[Step] = &[
    |tx, _| {
        let due = [
            now(key(1, Action::Fill, A)),
            waiting(key(1, Action::CancelSource, A), &[time(A, 9), height(B, 3)]),
        ];
        reconcile(tx, order(1), &due).map(drop)
    },
    |tx, epoch| lease(tx, A, epoch).map(drop),
    |tx, _| sent(tx, &key(1, Action::Fill, A)),
    |tx, _| {
        finish(tx, &key(1, Action::Fill, A))?;
        promote(tx, A, 0, 9).map(drop)
    },
    |tx, epoch| lease(tx, A, epoch).map(drop),
    |tx, _| retry(tx, &key(1, Action::CancelSource, A), "x", height(A, 1), 1).map(drop),
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
            let stale = found.iter().filter(|job| job.state.kind() == StateKind::Leased).count();
            let recovered = commit(&store, |tx| recover(tx, store.epoch()).unwrap());
            assert_eq!(recovered, stale, "{side:?} {operation}");
            assert!(jobs(&store).iter().all(|job| job.state.kind() != StateKind::Leased));
        }
    }
    assert!(crashes > 4 * STEPS.len(), "only {crashes} crashes were tried");
}
