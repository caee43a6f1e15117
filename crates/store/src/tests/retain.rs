//! Orders that are over go into the archive and out of the tables, each once, and none that is not over.

use super::fixtures::*;
use super::reorg::{Content, Touch, apply};
use crate::testing::{CrashBackend, Side};
use crate::{
    ArchivedOrder, EndedReads, LateReads, LateRow, MakerClaim, Mode, OrderState, QueueTable, Reads,
    RebuildReason, Reservation, Retained, Retention, RetentionBudget, RetentionPolicy, Store,
    StoreError, WriteTx, digest, tables,
};
use alloy::primitives::U256;
use bmn_primitives::ChainId;
use bmn_swap::{Action, DestinationLeg, EscrowEnd, Status};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

const KEEP: RetentionPolicy = RetentionPolicy { orders_secs: Some(100) };
/// Blocks that pass until orders are old enough, with 12 s to a block.
const LATER: u64 = 12;

fn budget(slice: usize) -> RetentionBudget {
    RetentionBudget { slice, ..RetentionBudget::default() }
}

fn block(tx: &mut WriteTx, chain: ChainId, touches: Vec<Touch>) {
    apply(tx, chain, &Content { salt: 0, touches });
}

fn end_destination(tx: &mut WriteTx, n: u64) {
    let tip = tx.cursor(B).unwrap().tip;
    let next = header(tip, 0);
    tx.begin_block(B, &next).unwrap();
    let at = inclusion(next.block_ref(), 0);
    let leg = tx.destination_leg(B, address(n + 10_000)).unwrap().unwrap();
    tx.put_destination_leg(&DestinationLeg { end: Some((EscrowEnd::Cancelled, at)), ..leg })
        .unwrap();
    let cancelled = bmn_contracts::ContractEvent::Cancelled;
    tx.put_event(&event(B, at, Some(n + 10_000), cancelled)).unwrap();
    tx.end_block().unwrap();
}

fn ended_state(n: u64) -> OrderState {
    OrderState { source: Some(plan(n).source), plan: Some(plan(n)), ..state(Status::Completed) }
}

/// Takes an order and has both its escrows made.
fn begin(tx: &mut WriteTx, n: u64) {
    block(tx, A, vec![Touch::CreateSource(n)]);
    block(tx, B, vec![Touch::CreateDestination(n + 10_000)]);
    tx.put_order(&order(n)).unwrap();
    tx.seal_secret(lock(n), &secret(n)).unwrap();
    tx.put_order_state(order_id(n), &OrderState { status: Status::BothLocked, ..ended_state(n) })
        .unwrap();
}

/// Ends both escrows, and the order with them.
fn end(tx: &mut WriteTx, n: u64) {
    block(tx, A, vec![Touch::Withdraw(n)]);
    end_destination(tx, n);
    tx.put_public_secret(lock(n), secret(n).expose().into()).unwrap();
    tx.put_order_state(order_id(n), &ended_state(n)).unwrap();
}

fn pass(tx: &mut WriteTx, blocks: u64) {
    for chain in [A, B] {
        for _ in 0..blocks {
            block(tx, chain, vec![]);
        }
    }
}

fn finalize(tx: &mut WriteTx) {
    for chain in [A, B] {
        let tip = tx.cursor(chain).unwrap().tip.unwrap();
        tx.set_finalized(chain, tip).unwrap();
    }
}

fn with_ended(disk: &CrashBackend, orders: u64) -> Store {
    let store = Store::open(options(disk)).unwrap();
    commit(&store, |tx| {
        for n in 1..=orders {
            begin(tx, n);
            end(tx, n);
        }
        pass(tx, LATER);
        finalize(tx);
    });
    store
}

fn retain(store: &Store, directory: &Path, slice: usize) -> Result<Retained, StoreError> {
    Retention::open(directory)?.retain(store, &KEEP, &budget(slice))
}

/// The lines of every file of an archive.
fn lines(directory: &Path) -> Vec<ArchivedOrder> {
    let mut lines = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "zst"));
    for file in files {
        let text = zstd::decode_all(std::fs::File::open(file).unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
    }
    lines
}

/// Names of archived orders; fails when one is there twice.
fn archived(directory: &Path) -> BTreeSet<String> {
    let lines = lines(directory);
    let names: BTreeSet<_> = lines.iter().map(|line| line.order_id.clone()).collect();
    assert_eq!(names.len(), lines.len(), "an order is in the archive twice");
    names
}

fn names(orders: impl IntoIterator<Item = u64>) -> BTreeSet<String> {
    orders.into_iter().map(|n| order_id(n).to_string()).collect()
}

#[test]
fn an_order_that_is_over_leaves_its_name_in_the_archive_and_its_hashlock_used() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_ended(&CrashBackend::new(), 3);
    commit(&store, |tx| begin(tx, 4));
    let (before, last) = {
        let read = store.read().unwrap();
        ([A, B].map(|chain| digest(&read, chain).unwrap()), read.last_change().unwrap())
    };
    let done = retain(&store, directory.path(), 2).unwrap();
    assert_eq!((done.archived, done.removed, done.is_behind), (3, 3, false));
    assert_eq!(archived(directory.path()), names(1..=3));
    let read = store.read().unwrap();
    assert_eq!(
        [A, B].map(|chain| digest(&read, chain).unwrap()),
        before,
        "chain rows are not ours"
    );
    let kept: Vec<_> = read.orders(None, 9).unwrap().iter().map(|order| order.id).collect();
    assert_eq!(kept, [order_id(4)]);
    assert_eq!(read.orders_in(Status::Completed).unwrap(), 0);
    for n in 1..=3 {
        assert!(read.archived_on(lock(n)).unwrap().is_some());
        assert!(read.public_secret(lock(n)).unwrap().is_none());
        assert!(read.orders_by_hashlock(lock(n)).unwrap().is_empty());
        assert!(read.plans_of(order_id(n)).unwrap().is_empty());
    }
    assert_eq!(read.archived_on(lock(4)).unwrap(), None);
    assert_eq!(read.changes_from().unwrap(), last, "the newest is of the one that is open");
    assert_eq!(read.changes(1, 9).unwrap().len(), 1);
    let of_gone = |table: &str| {
        let rows = everything(&store);
        rows.iter().filter(|(name, _)| *name == table).count()
    };
    let one = [tables::ORDERS, tables::ORDER_STATE, tables::ORDERS_BY_MAKER, tables::PLANS];
    for table in one.iter().chain(&[tables::ORDER_BY_SOURCE, tables::SEQUENCE_BY_ORDER]) {
        assert_eq!(of_gone(table.name), 1, "{}", table.name);
    }
    drop(read);
    commit(&store, |tx| end(tx, 4));
    let read = store.read().unwrap();
    assert_eq!(read.last_change().unwrap(), last + 1, "no number is given twice");
}

#[test]
fn numbers_go_on_when_every_change_is_archived() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_ended(&CrashBackend::new(), 1);
    let last = store.read().unwrap().last_change().unwrap();
    retain(&store, directory.path(), 2).unwrap();
    assert_eq!(store.read().unwrap().last_change().unwrap(), last);
    commit(&store, |tx| begin(tx, 2));
    assert_eq!(store.read().unwrap().last_change().unwrap(), last + 1);
}

#[test]
fn an_order_that_was_forgotten_and_comes_again_has_its_new_changes_alone() {
    let refuse = |tx: &mut WriteTx| {
        tx.put_order(&super::forget::refused(9)).unwrap();
        tx.put_order_state(order_id(9), &state(Status::Refused)).unwrap();
    };
    let directory = tempfile::tempdir().unwrap();
    let store = with_ended(&CrashBackend::new(), 1);
    commit(&store, |tx| {
        refuse(tx);
        assert!(tx.forget_refused(order_id(9)).unwrap());
        pass(tx, LATER);
        finalize(tx);
    });
    assert_eq!(retain(&store, directory.path(), 2).unwrap().changes, 1);
    commit(&store, refuse);
    assert_eq!(store.read().unwrap().changes_of(order_id(9), 9).unwrap().len(), 1);
    retain(&store, directory.path(), 2).unwrap();
}

#[test]
fn nothing_goes_that_is_not_over() {
    type Hold = fn(&mut WriteTx);
    let holds: [(&str, Hold); 10] = [
        ("it is open", |tx| {
            let open = OrderState { status: Status::DestinationPaid, ..ended_state(1) };
            tx.put_order_state(order_id(1), &open).map(drop).unwrap();
        }),
        ("its source stands", |tx| {
            block(tx, A, vec![Touch::CreateSource(77)]);
            let mut other = ended_state(1);
            other.source = Some(plan(77).source);
            tx.put_order_state(order_id(1), &other).map(drop).unwrap();
        }),
        ("its source is not there", |tx| {
            let mut other = ended_state(1);
            other.source = Some(plan(78).source);
            tx.put_order_state(order_id(1), &other).map(drop).unwrap();
        }),
        ("a destination of before stands", |tx| {
            block(tx, B, vec![Touch::CreateDestination(10_079)]);
            let mut other = ended_state(1);
            other.plan = Some(plan(79));
            tx.put_order_state(order_id(1), &other).map(drop).unwrap();
            tx.put_order_state(order_id(1), &ended_state(1)).map(drop).unwrap();
        }),
        ("an intent", |tx| tx.put_intent(&intent(action(1, Action::Fill), 3, &[1])).unwrap()),
        ("a job", |tx| {
            let key = action(1, Action::CancelSource).to_bytes();
            tx.queue_put(QueueTable::Jobs, &key, &[1]).unwrap();
        }),
        ("a promise", |tx| {
            let (order, token, amount) = (order_id(1), address(903), U256::ONE);
            tx.reserve(&Reservation { order, chain: B, token, amount }).unwrap();
        }),
        ("a claim", |tx| {
            let claim = MakerClaim { maker: address(1), token: address(2), amount: U256::ONE };
            tx.set_claim(order_id(1), Some(&claim)).unwrap();
        }),
        ("its status is new", |tx| {
            let open = OrderState { status: Status::DestinationPaid, ..ended_state(1) };
            pass(tx, 1);
            tx.put_order_state(order_id(1), &open).map(drop).unwrap();
            tx.put_order_state(order_id(1), &ended_state(1)).map(drop).unwrap();
        }),
        ("an index is being built", |tx| {
            tx.set_mode(B, Mode::Rebuilding(RebuildReason::Asked)).unwrap();
        }),
    ];
    for (what, hold) in holds {
        let directory = tempfile::tempdir().unwrap();
        let store = with_ended(&CrashBackend::new(), 1);
        commit(&store, hold);
        let before = everything(&store);
        let done = retain(&store, directory.path(), 2).unwrap();
        assert_eq!((done.archived, done.removed), (0, 0), "{what}");
        assert_eq!(everything(&store), before, "{what}");
    }
}

#[test]
fn an_end_that_is_not_final_or_not_old_on_either_chain_holds_the_order() {
    for behind in [A, B] {
        let store = Store::open(options(&CrashBackend::new())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        commit(&store, |tx| {
            begin(tx, 1);
            end(tx, 1);
            let ended = tx.cursor(behind).unwrap().tip.unwrap();
            pass(tx, LATER);
            finalize(tx);
            tx.set_finalized(behind, ended).unwrap();
        });
        assert_eq!(retain(&store, directory.path(), 2).unwrap().removed, 0);
        commit(&store, finalize);
        assert_eq!(retain(&store, directory.path(), 2).unwrap().removed, 1);
    }
}

#[test]
fn what_was_late_stays_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_ended(&CrashBackend::new(), 1);
    let late = LateRow { overdue: true, missed: Some(9) };
    commit(&store, |tx| tx.set_late(order_id(1), Action::WithdrawSource, late).unwrap());
    assert_eq!(retain(&store, directory.path(), 2).unwrap().removed, 1);
    assert_eq!(store.read().unwrap().count_late(9).unwrap(), (1, 1));
}

#[test]
fn a_crash_at_any_storage_operation_loses_nothing_and_archives_nothing_twice() {
    let whole = CrashBackend::new();
    drop(with_ended(&whole, 5));
    let image = whole.synced_image();
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for operation in 1.. {
            let directory = tempfile::tempdir().unwrap();
            let disk = CrashBackend::from_image(image.clone());
            disk.crash_at(operation, side);
            let _ =
                Store::open(options(&disk)).and_then(|store| retain(&store, directory.path(), 2));
            if !disk.has_crashed() {
                break;
            }
            crashes += 1;
            for left in [disk.synced_image(), disk.torn_image(operation)] {
                let store = Store::open(options(&CrashBackend::from_image(left))).unwrap();
                let read = store.read().unwrap();
                let kept: BTreeSet<_> =
                    read.orders(None, 9).unwrap().iter().map(|it| it.id.to_string()).collect();
                let both: BTreeSet<_> = archived(directory.path()).union(&kept).cloned().collect();
                assert_eq!(both, names(1..=5), "{side:?} {operation}: an order is lost");
                drop(read);
                let again = tempfile::tempdir().unwrap();
                copy(directory.path(), again.path());
                retain(&store, again.path(), 2).unwrap();
                assert_eq!(archived(again.path()), names(1..=5), "{side:?} {operation}");
                assert!(store.read().unwrap().orders(None, 9).unwrap().is_empty());
            }
        }
    }
    assert!(crashes > 20, "only {crashes} crashes were tried");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn an_archive_that_was_cut_short_anywhere_in_its_last_frame_is_whole_again() {
    let before = CrashBackend::new();
    let store = with_ended(&before, 4);
    let directory = tempfile::tempdir().unwrap();
    let one = RetentionBudget { orders: 2, slice: 2, ..RetentionBudget::default() };
    Retention::open(directory.path()).unwrap().retain(&store, &KEEP, &one).unwrap();
    let image = before.synced_image();
    let file = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let first = std::fs::read(&file).unwrap();
    retain(&store, directory.path(), 2).unwrap();
    let both = std::fs::read(&file).unwrap();
    assert!(both.starts_with(&first) && both.len() > first.len());
    for len in first.len()..=both.len() {
        std::fs::write(&file, &both[..len]).unwrap();
        let store = Store::open(options(&CrashBackend::from_image(image.clone()))).unwrap();
        retain(&store, directory.path(), 2).unwrap();
        assert_eq!(archived(directory.path()), names(1..=4), "cut at {len}");
    }
}

#[test]
fn who_stops_it_waits_for_one_slice_and_the_next_call_goes_on() {
    let disk = CrashBackend::new();
    let store = with_ended(&disk, 6);
    let directory = tempfile::tempdir().unwrap();
    let mut retention = Retention::open(directory.path()).unwrap();
    let asked = std::cell::Cell::new(0);
    let stop_at = |slices: u32| {
        asked.set(0);
        let asked = &asked;
        move || {
            asked.set(asked.get() + 1);
            asked.get() > slices
        }
    };
    let mut retain = |is_over: &dyn Fn() -> bool| {
        retention.retain_until(&store, &KEEP, &budget(2), is_over).unwrap()
    };
    assert_eq!(retain(&stop_at(0)), Retained { is_behind: true, ..Retained::default() });
    let first = retain(&stop_at(1));
    assert_eq!((first.archived, first.removed, first.is_behind), (2, 2, true));
    let rest = retain(&stop_at(u32::MAX));
    assert_eq!((rest.archived, rest.removed, rest.is_behind), (4, 4, false));
    assert_eq!(archived(directory.path()), names(1..=6));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_orders_did_only_those_that_are_over_go(
        fates in prop::collection::vec((0u8..4, 0u64..10), 1..12),
        slice in 1usize..5,
    ) {
        let store = memory();
        let directory = tempfile::tempdir().unwrap();
        // Until when an order's last change must have come.
        let mut over = BTreeSet::new();
        commit(&store, |tx| {
            for (n, (fate, pause)) in (1u64..).zip(&fates) {
                begin(tx, n);
                match fate {
                    0 => {}
                    1 => block(tx, A, vec![Touch::Withdraw(n)]),
                    _ => end(tx, n),
                }
                pass(tx, *pause);
            }
            finalize(tx);
        });
        let read = store.read().unwrap();
        let now = [A, B].map(|chain| read.cursor(chain).unwrap().finalized.unwrap().time);
        for (n, (fate, _)) in (1u64..).zip(&fates) {
            let last = read.changes_of(order_id(n), 1).unwrap().pop().unwrap();
            let is_old = [A, B].iter().zip(now).all(|(chain, now)| {
                last.at.iter().any(|(at, block)| at == chain && block.time + 100 <= now)
            });
            if *fate >= 2 && is_old {
                over.insert(n);
            }
        }
        let open: Vec<_> = (1..=fates.len() as u64).filter(|n| !over.contains(n)).collect();
        let states: Vec<_> = open.iter().map(|n| read.order_state(order_id(*n)).unwrap()).collect();
        drop(read);
        retain(&store, directory.path(), slice).unwrap();
        prop_assert_eq!(archived(directory.path()), names(over.iter().copied()));
        let read = store.read().unwrap();
        for (n, state) in open.iter().zip(states) {
            prop_assert_eq!(read.order_state(order_id(*n)).unwrap(), state);
            prop_assert!(!read.changes_of(order_id(*n), 9).unwrap().is_empty());
        }
        prop_assert_eq!(read.orders(None, 99).unwrap().len(), open.len());
    }
}
