//! A crash at every storage operation loses nothing that was committed and keeps nothing by halves.

use super::fixtures::*;
use crate::testing::{CrashBackend, Side};
use crate::{Reads, Reservation, Row, Store, StoreError, WriteTx};
use alloy::primitives::U256;
use bmn_swap::{Action, Status};

type Step = fn(&mut WriteTx) -> Result<(), StoreError>;

/// Transactions of every kind, one after the other.
const STEPS: &[Step] = &[
    |tx| {
        tx.pin_genesis(A, word(0))?;
        tx.put_order(&order(1))?;
        tx.put_order_state(order_id(1), &state(Status::Accepted))?;
        tx.seal_secret(lock(1), &secret(1))
    },
    |tx| block(tx, 1, 1),
    |tx| block(tx, 2, 2),
    |tx| {
        let tip = tx.cursor(A)?.tip.unwrap();
        tx.revert_block(A, tip)?;
        block(tx, 3, 3)
    },
    |tx| {
        tx.put_order_state(order_id(1), &state(Status::SourceLocked))?;
        tx.reserve(&reservation())?;
        tx.set_next_nonce(B, address(900), 1)?;
        tx.put_intent(&intent(action(1, Action::FundDestination), 0, secret(1).expose()))
    },
    |tx| {
        tx.put_public_secret(lock(1), secret(1).expose().into())?;
        tx.remove_intent(&action(1, Action::FundDestination))?;
        tx.release(order_id(1))?;
        tx.trim_undo(A, 101, 10).map(drop)
    },
];

fn reservation() -> Reservation {
    Reservation { order: order_id(1), chain: B, token: address(903), amount: U256::from(9) }
}

fn block(tx: &mut WriteTx, salt: u64, escrow: u64) -> Result<(), StoreError> {
    let header = header(tx.cursor(A)?.tip, salt);
    let at = inclusion(header.block_ref(), 0);
    tx.begin_block(A, &header)?;
    let leg = source_leg(A, escrow, at);
    tx.put_source_leg(&leg)?;
    tx.put_event(&event(A, at, Some(escrow), created_event(&leg)))?;
    tx.end_block()
}

/// Opens the store and runs the steps until one fails. Answers how many commits came back, the
/// one of the opening included.
fn run(disk: &CrashBackend, mut committed: impl FnMut(&Store)) -> usize {
    let Ok(store) = Store::open(options(disk)) else { return 0 };
    committed(&store);
    for (done, step) in STEPS.iter().enumerate() {
        let attempt = || {
            let mut tx = store.write()?;
            step(&mut tx)?;
            tx.commit()
        };
        if attempt().is_err() {
            return done + 1;
        }
        committed(&store);
    }
    STEPS.len() + 1
}

fn assert_whole(
    image: Vec<u8>,
    acknowledged: usize,
    states: &[Vec<(&'static str, Row)>],
    at: &str,
) {
    let store = Store::open(options(&CrashBackend::from_image(image)))
        .unwrap_or_else(|error| panic!("{at}: does not reopen: {error}"));
    let found = everything(&store);
    // Opening writes the first state itself, so that state is there whatever was lost.
    let allowed = &states[acknowledged.max(1) - 1..states.len().min(acknowledged + 1)];
    assert!(
        allowed.contains(&found),
        "{at}: {acknowledged} commits came back, but the file holds {:?}",
        states.iter().position(|state| *state == found)
    );
}

#[test]
fn a_crash_at_any_operation_leaves_a_committed_state_and_every_commit_that_came_back() {
    let mut states = Vec::new();
    let whole = CrashBackend::new();
    let all = run(&whole, |store| states.push(everything(store)));
    assert_eq!((all, states.len()), (STEPS.len() + 1, STEPS.len() + 1));
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for operation in 1.. {
            let disk = CrashBackend::new();
            disk.crash_at(operation, side);
            let acknowledged = run(&disk, |_| {});
            if !disk.has_crashed() {
                assert_eq!(operation - 1, disk.operations(), "an operation was left out");
                break;
            }
            crashes += 1;
            let at = format!("crash {side:?} operation {operation}");
            assert_whole(disk.synced_image(), acknowledged, &states, &at);
            for seed in 0..2 {
                let at = format!("{at}, torn by {seed}");
                assert_whole(disk.torn_image(seed), acknowledged, &states, &at);
            }
        }
    }
    assert!(crashes as usize > 4 * STEPS.len(), "only {crashes} crashes were tried");
}

#[test]
fn the_same_steps_are_the_same_operations_and_the_same_bytes() {
    let (a, b) = (CrashBackend::new(), CrashBackend::new());
    run(&a, |_| {});
    run(&b, |_| {});
    assert_eq!(a.operations(), b.operations());
    assert_eq!(a.image(), b.image());
}

#[test]
fn what_is_not_synced_is_lost_and_what_is_synced_is_not() {
    use redb::StorageBackend;
    let disk = CrashBackend::new();
    disk.set_len(4).unwrap();
    disk.write(0, &[1, 2]).unwrap();
    disk.sync_data().unwrap();
    disk.write(2, &[3, 4]).unwrap();
    assert_eq!((disk.operations(), disk.synced_image()), (4, vec![1, 2, 0, 0]));
    disk.crash_at(5, Side::Before);
    assert!(disk.sync_data().is_err() && disk.has_crashed());
    assert_eq!(disk.synced_image(), [1, 2, 0, 0]);
    assert!(disk.read(0, &mut [0]).is_err() && disk.len().is_err() && disk.sync_data().is_err());
    let disk = CrashBackend::from_image(vec![0; 2]);
    disk.write(0, &[9]).unwrap();
    disk.crash_at(2, Side::After);
    assert!(disk.sync_data().is_err());
    assert_eq!(disk.synced_image(), [9, 0]);
}

#[test]
fn what_is_committed_with_the_next_is_seen_at_once_costs_no_sync_and_lasts_from_the_next_on() {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    let (first, second) = (address(900), address(901));
    let set = |account, nonce| {
        let mut tx = store.write().unwrap();
        tx.set_next_nonce(B, account, nonce).unwrap();
        tx
    };
    let found = |store: &Store| {
        let read = store.read().unwrap();
        [first, second].map(|account| read.next_nonce(B, account).unwrap())
    };
    let after_a_crash =
        || found(&Store::open(options(&CrashBackend::from_image(disk.synced_image()))).unwrap());
    let before = disk.operations();
    set(first, 7).commit_with_next().unwrap();
    assert_eq!(found(&store), [Some(7), None]);
    assert!(disk.syncs_after(before).is_empty());
    assert_eq!(after_a_crash(), [None, None]);
    set(second, 1).commit().unwrap();
    assert_eq!(after_a_crash(), [Some(7), Some(1)], "what came before goes with it");
}
