//! Snapshots that are shared, and states that are past.

use super::fixtures::*;
use super::reorg::{Content, apply, content};
use crate::{Reads, StoreError, digest};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_chain_as_of_a_block_has_the_rows_it_had_then(
        blocks in prop::collection::vec(content(), 1..12),
        beside in prop::collection::vec(content(), 1..4),
    ) {
        let store = memory();
        let grow = |chain, content: &Content| {
            commit(&store, |tx| { apply(tx, chain, content); });
            let read = store.read().unwrap();
            (read.cursor(chain).unwrap(), digest(&read, chain).unwrap())
        };
        let then: Vec<_> = blocks.iter().map(|content| grow(A, content)).collect();
        let beside: Vec<_> = beside.iter().map(|content| grow(B, content)).collect();
        let other = *beside.last().unwrap();
        commit(&store, |tx| tx.put_order(&order(1)).unwrap());
        for (cursor, rows) in then {
            let past = store.read_as_of(A, cursor.tip.unwrap().number).unwrap();
            prop_assert_eq!(past.cursor(A).unwrap(), cursor);
            prop_assert_eq!(digest(&past, A).unwrap(), rows);
            prop_assert_eq!((past.cursor(B).unwrap(), digest(&past, B).unwrap()), other);
            prop_assert_eq!(past.order(order_id(1)).unwrap(), Some(order(1)));
        }
    }
}

#[test]
fn what_is_final_or_forgotten_is_not_taken_back() {
    let store = memory();
    let block = |salt| {
        let mut block = None;
        let content = Content { salt, touches: Vec::new() };
        commit(&store, |tx| block = Some(apply(tx, A, &content)));
        block.unwrap()
    };
    let (first, second, third) = (block(1), block(2), block(3));
    commit(&store, |tx| tx.set_finalized(A, second).unwrap());
    let as_of = |number| store.read_as_of(A, number);
    assert_eq!(as_of(third.number + 9).unwrap().cursor(A).unwrap().tip, Some(third));
    assert_eq!(as_of(second.number).unwrap().cursor(A).unwrap().tip, Some(second));
    let refused = as_of(first.number).err().unwrap();
    assert!(matches!(refused, StoreError::UndoMissing { number, .. } if number == second.number));
    commit(&store, |tx| assert_eq!(tx.trim_undo(A, third.number + 1, 9).unwrap(), 3));
    let refused = as_of(second.number).err().unwrap();
    assert!(matches!(refused, StoreError::UndoMissing { number, .. } if number == third.number));
    assert_eq!(store.read().unwrap().cursor(A).unwrap().tip, Some(third), "nothing is written");
}

#[test]
fn a_snapshot_is_shared_until_the_next_commit_and_never_after_it() {
    let store = memory();
    let seen = || {
        let read = store.read().unwrap();
        (0..4).filter(|n| read.order(order_id(*n)).unwrap().is_some()).count()
    };
    let before = store.read().unwrap();
    assert_eq!(seen(), 0);
    commit(&store, |tx| tx.put_order(&order(0)).unwrap());
    assert_eq!(seen(), 1);
    let mut tx = store.write().unwrap();
    tx.put_order(&order(1)).unwrap();
    assert_eq!(seen(), 1, "not committed yet");
    tx.commit_with_next().unwrap();
    assert_eq!(seen(), 2);
    let mut tx = store.write().unwrap();
    tx.put_order(&order(2)).unwrap();
    drop(tx);
    assert_eq!(seen(), 2, "given up");
    assert!(before.order(order_id(0)).unwrap().is_none(), "a snapshot stays what it was");
}

#[test]
fn readers_beside_a_writer_see_what_was_committed_before_they_asked() {
    let store = memory();
    let newest = std::sync::atomic::AtomicU64::new(0);
    let load = || newest.load(std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while load() < 200 {
                    let committed = load();
                    let read = store.read().unwrap();
                    assert!(committed == 0 || read.order(order_id(committed)).unwrap().is_some());
                }
            });
        }
        for n in 1..=200 {
            commit(&store, |tx| tx.put_order(&order(n)).unwrap());
            newest.store(n, std::sync::atomic::Ordering::SeqCst);
        }
    });
}
