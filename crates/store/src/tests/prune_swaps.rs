//! An escrow that ended tells what became of its swap: it stays as long as another escrow of the swap may need that.

use super::fixtures::*;
use super::reorg::{Content, Touch, apply};
use crate::testing::rows_read;
use crate::{
    EndedReads, EventRow, PruneBudget, PruneReads, Pruned, Reads, Staged, Store, StoreError,
    Verification, prune_index, verify,
};
use alloy::primitives::U256;
use bmn_contracts::ContractEvent;
use bmn_primitives::{ChainId, Dialect, Hashlock};
use bmn_swap::{DestinationLeg, EscrowEnd, Inclusion};

fn prune(store: &Store) -> Pruned {
    prune_index(store, 12, &PruneBudget::default(), &|| false).unwrap()
}

fn block(store: &Store, chain: ChainId, touches: Vec<Touch>) {
    commit(store, |tx| apply(tx, chain, &Content { salt: 3, touches }));
}

/// One block of `chain` with what `write` puts into it.
fn with_block<T>(
    store: &Store,
    chain: ChainId,
    write: impl FnOnce(&mut Staged, &dyn Fn(u32) -> Inclusion) -> T,
) -> T {
    commit(store, |tx| {
        let next = header(tx.cursor(chain).unwrap().tip, 3);
        tx.begin_block(chain, &next).unwrap();
        let value = write(tx, &|log| inclusion(next.block_ref(), log));
        tx.end_block().unwrap();
        value
    })
}

fn destination(n: u64, lock: Hashlock, dialect: Dialect, created: Inclusion) -> DestinationLeg {
    DestinationLeg { hashlock: lock, dialect, ..destination_leg(B, n, created) }
}

/// A destination on chain B with a hashlock of one's choice.
fn create(store: &Store, n: u64, lock: Hashlock, dialect: Dialect) {
    with_block(store, B, |tx, at| {
        let leg = destination(n, lock, dialect, at(0));
        tx.put_destination_leg(&leg).unwrap();
        tx.put_event(&event(B, at(0), Some(n), destination_event(&leg))).unwrap();
    });
}

fn end(store: &Store, n: u64) {
    with_block(store, B, |tx, at| {
        let leg = tx.destination_leg(B, address(n)).unwrap().unwrap();
        let end = Some((EscrowEnd::Cancelled, at(0)));
        tx.put_destination_leg(&DestinationLeg { end, ..leg }).unwrap();
        tx.put_event(&event(B, at(0), Some(n), ContractEvent::Cancelled)).unwrap();
    });
}

fn finalize(store: &Store, chain: ChainId) {
    commit(store, |tx| {
        let tip = tx.cursor(chain).unwrap().tip.unwrap();
        tx.set_finalized(chain, tip).unwrap();
    });
}

fn age(store: &Store, chain: ChainId) {
    for _ in 0..3 {
        block(store, chain, vec![]);
    }
    finalize(store, chain);
}

fn is_there(store: &Store, n: u64) -> bool {
    let read = store.read().unwrap();
    for chain in [A, B] {
        let found = verify(&read, chain, 0..=u64::MAX, &mut |_| {}).unwrap();
        assert!(matches!(found, Verification::Sound(_)), "{chain}: {found:?}");
    }
    let source = bmn_primitives::SwapId { chain: A, escrow: address(n) };
    read.source_leg(source).unwrap().is_some()
        || read.destination_leg(B, address(n)).unwrap().is_some()
}

#[test]
fn that_a_maker_was_paid_stays_known_until_the_source_is_over() {
    let store = memory();
    block(&store, A, vec![Touch::CreateSource(1)]);
    create(&store, 101, lock(1), Dialect::Bmn4);
    end(&store, 101);
    age(&store, A);
    age(&store, B);
    prune(&store);
    assert!(is_there(&store, 101), "a keeper would give the source back otherwise");
    block(&store, A, vec![Touch::Withdraw(1)]);
    for _ in 0..3 {
        block(&store, A, vec![]);
    }
    prune(&store);
    assert!(is_there(&store, 101) && is_there(&store, 1), "its end may still be taken back");
    finalize(&store, A);
    assert_eq!(prune(&store).escrows, 2, "both at once");
    assert!(!is_there(&store, 101) && !is_there(&store, 1));
}

#[test]
fn that_a_taker_was_paid_stays_known_until_the_destination_is_over() {
    let store = memory();
    create(&store, 101, lock(1), Dialect::Bmn4);
    block(&store, A, vec![Touch::CreateSource(1)]);
    block(&store, A, vec![Touch::Withdraw(1)]);
    age(&store, A);
    age(&store, B);
    prune(&store);
    assert!(is_there(&store, 1), "what is owed would look like an orphan otherwise");
    end(&store, 101);
    age(&store, B);
    assert_eq!(prune(&store).escrows, 2);
}

#[test]
fn a_source_that_is_gone_has_used_its_hashlock_up() {
    let store = memory();
    block(&store, A, vec![Touch::CreateSource(1), Touch::CreateSource(2)]);
    block(&store, A, vec![Touch::Cancel(1)]);
    age(&store, A);
    prune(&store);
    let read = store.read().unwrap();
    assert!(read.archived_on(lock(1)).unwrap().is_some(), "although it showed no secret");
    assert_eq!(read.archived_on(lock(2)).unwrap(), None, "it is open");
}

#[test]
fn a_destination_whose_source_may_name_no_hashlock_stays() {
    let store = memory();
    for (n, dialect) in [(101, Dialect::Bmn302), (102, Dialect::OneInch1)] {
        create(&store, n, lock(n), dialect);
        end(&store, n);
    }
    age(&store, B);
    assert_eq!(prune(&store).escrows, 1);
    assert!(is_there(&store, 101) && !is_there(&store, 102));
}

#[test]
fn a_destination_goes_whose_source_went_before() {
    let store = memory();
    block(&store, A, vec![Touch::CreateSource(1)]);
    create(&store, 101, lock(1), Dialect::Bmn302);
    end(&store, 101);
    finalize(&store, B);
    block(&store, A, vec![Touch::Withdraw(1)]);
    age(&store, A);
    assert_eq!(prune(&store).escrows, 1);
    assert!(!is_there(&store, 1) && is_there(&store, 101), "its own floor is below it");
    age(&store, B);
    assert_eq!(prune(&store).escrows, 1);
    assert!(!is_there(&store, 101));
}

#[test]
fn more_copies_of_a_hashlock_than_are_looked_at_keep_each_other() {
    let store = memory();
    for n in 101..=117 {
        create(&store, n, lock(1), Dialect::Bmn4);
    }
    for n in 101..=117 {
        end(&store, n);
    }
    age(&store, B);
    assert_eq!(prune(&store).escrows, 0);
    is_there(&store, 101);
}

#[test]
fn an_escrow_that_logs_without_end_costs_little_and_stays() {
    const RESCUES: u32 = 400;
    let store = memory();
    block(&store, A, vec![Touch::CreateSource(1)]);
    block(&store, A, vec![Touch::Cancel(1)]);
    let rescues = |store: &Store, count: u32| {
        with_block(store, A, |tx, at| {
            for log in 0..count {
                let (token, amount) = (address(901), U256::from(log));
                let rescued: EventRow =
                    event(A, at(log), Some(1), ContractEvent::Rescued { token, amount });
                tx.put_event(&rescued).unwrap();
            }
        });
    };
    rescues(&store, RESCUES);
    age(&store, A);
    rescues(&store, 1);
    let before = rows_read();
    prune(&store);
    let cost = rows_read() - before;
    assert!(cost < u64::from(20 * RESCUES), "{cost} rows for {RESCUES} events");
    assert!(is_there(&store, 1));
    age(&store, A);
    assert_eq!(prune(&store).escrows, 0, "too many to be taken out at once");
    assert!(is_there(&store, 1));
}

#[test]
fn blocks_that_were_staged_over_rows_that_went_are_not_written() {
    let store = memory();
    block(&store, A, vec![Touch::CreateSource(1)]);
    block(&store, A, vec![Touch::Withdraw(1)]);
    age(&store, A);
    let mut bulk = store.bulk(A).unwrap();
    let next = header(bulk.cursor(A).unwrap().tip, 9);
    bulk.begin_final_block(A, &next).unwrap();
    let at = inclusion(next.block_ref(), 0);
    let (token, amount) = (address(901), U256::from(1));
    let rescued = ContractEvent::Rescued { token, amount };
    bulk.put_event(&event(A, at, Some(1), rescued)).unwrap();
    bulk.end_block().unwrap();
    assert_eq!(prune(&store).escrows, 1);
    let error = bulk.flush(&|| std::time::Duration::ZERO).unwrap_err();
    assert!(matches!(error, StoreError::CursorMoved { chain: A }), "{error}");
    assert!(!is_there(&store, 1));
    assert!(store.read().unwrap().is_pruned(A, address(1)).unwrap());
}
