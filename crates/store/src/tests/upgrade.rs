//! A file of the first schema: what is ours is kept, what chains show is read again.

use super::fixtures::*;
use super::totals::assert_counted;
use crate::testing::{CrashBackend, Side};
use crate::upgrade::{FormerOrder, FormerPlan, FormerState};
use crate::{
    ClaimReads, Cursor, MakerClaim, MasterKey, Mode, OrderState, Reads, RebuildReason, Reservation,
    Store, StoreOptions, decode, encode, tables,
};
use alloy::primitives::U256;
use bmn_primitives::OrderId;
use bmn_swap::{Decision, DestinationPlan, Order, Refusal, Status};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle};

/// The first schema had these tables where there are other ones now.
const FORMER: [&str; 12] = [
    "blocks",
    "events",
    "events_by_escrow",
    "source_legs",
    "destination_legs",
    "escrows",
    "source_by_order_hash",
    "source_by_hashlock",
    "source_by_maker",
    "source_by_taker",
    "destination_by_hashlock",
    "events_by_order_hash",
];

type Raw<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// A file as the first schema left it: orders, a secret, two chains with rows and journals.
pub(super) fn former() -> Vec<u8> {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    commit(&store, |tx| {
        tx.put_order(&order(1)).unwrap();
        let decision = Decision::Refused(vec![Refusal::DirectOff]);
        tx.put_order(&Order { decision, ..order(2) }).unwrap();
        tx.seal_secret(lock(1), &secret(1)).unwrap();
        tx.put_public_secret(lock(2), secret(2).expose().into()).unwrap();
        tx.pin_genesis(A, word(0)).unwrap();
    });
    drop(store);
    let disk = CrashBackend::from_image(disk.synced_image());
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    former_orders(&txn);
    for table in [tables::LEGS, tables::INDEX, tables::DAILY, tables::ACCEPTED_BY_HASHLOCK] {
        txn.delete_table(table.definition()).unwrap();
    }
    for name in FORMER {
        let mut rows = txn.open_table(Raw::new(name)).unwrap();
        rows.insert(&A.0.to_be_bytes()[..], &[9; 300][..]).unwrap();
    }
    for chain in [A, B] {
        let key = chain.0.to_be_bytes();
        let mut cursors = txn.open_table(tables::CURSORS.definition()).unwrap();
        cursors.insert(&key[..], &[1, 0, 0, 0][..]).unwrap();
        let mut undo = txn.open_table(tables::UNDO.definition()).unwrap();
        undo.insert(&[key, 7u64.to_be_bytes()].concat()[..], &[1, 2][..]).unwrap();
    }
    let mut meta = txn.open_table(tables::META.definition()).unwrap();
    meta.insert(&b"schema"[..], &1u32.to_be_bytes()[..]).unwrap();
    drop(meta);
    txn.commit().unwrap();
    drop(database);
    disk.synced_image()
}

/// A row in another form, by its key and its bytes.
type Rewrite = dyn Fn(&[u8], &[u8]) -> Vec<u8>;

/// Puts the rows of orders, states and plans back into the form that schemas 1 and 2 had.
fn former_orders(txn: &redb::WriteTransaction) {
    let each = |table: tables::Table, former: &Rewrite| {
        let mut rows = txn.open_table(table.definition()).unwrap();
        let all: Vec<_> = rows
            .iter()
            .unwrap()
            .map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
            .collect::<Result<_, _>>()
            .unwrap();
        for (key, value) in all {
            rows.insert(&key[..], &former(&key, &value)[..]).unwrap();
        }
    };
    let name = tables::ORDERS.name;
    each(tables::ORDERS, &|key, value| {
        let order: Order = decode(name, key, value).unwrap();
        encode(name, &FormerOrder::from(&order)).unwrap()
    });
    each(tables::ORDER_STATE, &|key, value| {
        let state: OrderState = decode(name, key, value).unwrap();
        encode(name, &FormerState::from(&state)).unwrap()
    });
    each(tables::PLANS, &|key, value| {
        let (order, plan): (OrderId, DestinationPlan) = decode(name, key, value).unwrap();
        encode(name, &(order, FormerPlan::from(&plan))).unwrap()
    });
}

/// A file of the second schema with more orders than are rewritten at once, some of them refused, some
/// with a plan, and a damaged one; and the chain rows that it shares with the present one.
pub(super) fn second() -> Vec<u8> {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    commit(&store, |tx| {
        for n in 0..600 {
            tx.put_order(&order(n)).unwrap();
        }
        let mut standing = state(Status::BothLocked);
        standing.plan = Some(plan(1));
        tx.put_order_state(order_id(1), &standing).unwrap();
        tx.put_order_state(order_id(2), &state(Status::BothLocked)).unwrap();
        tx.put_order_state(order_id(3), &state(Status::Accepted)).unwrap();
        for (n, token) in [(1, 903), (2, 903), (3, 1)] {
            let (order, amount) = (order_id(n), U256::from(n));
            tx.reserve(&Reservation { order, chain: B, token: address(token), amount }).unwrap();
        }
        tx.put(tables::ORDERS, &order_id(9_999).to_bytes(), [1, 2, 3]).unwrap();
        let block = header(None, 1);
        tx.begin_block(A, &block).unwrap();
        let leg = source_leg(A, 1, inclusion(block.block_ref(), 0));
        tx.put_source_leg(&leg).unwrap();
        tx.put_event(&event(A, leg.created, Some(1), created_event(&leg))).unwrap();
        tx.end_block().unwrap();
    });
    drop(store);
    let disk = CrashBackend::from_image(disk.synced_image());
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut orders = txn.open_table(tables::ORDERS.definition()).unwrap();
        orders.remove(&order_id(9_999).to_bytes()[..]).unwrap();
    }
    txn.delete_table(tables::TOTALS.definition()).unwrap();
    former_orders(&txn);
    {
        let mut orders = txn.open_table(tables::ORDERS.definition()).unwrap();
        orders.insert(&order_id(9_999).to_bytes()[..], &[1, 2, 3][..]).unwrap();
        let mut meta = txn.open_table(tables::META.definition()).unwrap();
        meta.insert(&b"schema"[..], &2u32.to_be_bytes()[..]).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    disk.synced_image()
}

#[test]
fn orders_of_the_second_schema_are_read_in_their_present_form_and_its_chains_are_kept() {
    let disk = CrashBackend::from_image(second());
    for _ in 0..2 {
        let store = Store::open(options(&disk)).unwrap();
        let read = store.read().unwrap();
        for n in 0..600 {
            assert_eq!(read.order(order_id(n)).unwrap(), Some(order(n)), "{n}");
        }
        let state = read.order_state(order_id(1)).unwrap().unwrap();
        assert_eq!(state.plan, Some(plan(1)));
        assert_eq!(state.status, Status::BothLocked);
        assert_eq!(read.plan(B, plan(1).escrow.unwrap()).unwrap(), Some((order_id(1), plan(1))));
        assert!(read.order(order_id(9_999)).is_err(), "whoever reads a damaged one is told");
        let cursor = read.cursor(A).unwrap();
        assert_eq!((cursor.mode, cursor.tip.is_some()), (Mode::Live, true));
        assert_eq!(read.source_legs(A, None, 9).unwrap().len(), 1);
        assert_eq!(read.orders_in(Status::BothLocked).unwrap(), 2);
        assert_eq!(read.reserved(B, address(903)).unwrap(), U256::from(3));
        assert_counted(&store);
    }
}

/// A file of the third schema, which knew no claims.
pub(super) fn third() -> Vec<u8> {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    commit(&store, |tx| {
        tx.put_order(&order(1)).unwrap();
        tx.put_order_state(order_id(1), &state(Status::Accepted)).unwrap();
    });
    drop(store);
    let disk = CrashBackend::from_image(disk.synced_image());
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.delete_table(tables::CLAIMS.definition()).unwrap();
    {
        let mut meta = txn.open_table(tables::META.definition()).unwrap();
        meta.insert(&b"schema"[..], &3u32.to_be_bytes()[..]).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    disk.synced_image()
}

#[test]
fn a_file_of_the_third_schema_keeps_its_rows_and_takes_claims() {
    let disk = CrashBackend::from_image(third());
    for before in [None, Some(U256::from(5))] {
        let store = Store::open(options(&disk)).unwrap();
        let read = store.read().unwrap();
        assert_eq!(read.order(order_id(1)).unwrap(), Some(order(1)));
        assert_eq!(read.orders_in(Status::Accepted).unwrap(), 1);
        let claim = read.claim(order_id(1)).unwrap();
        assert_eq!(claim.map(|claim| claim.amount), before);
        assert_counted(&store);
        drop(read);
        let claim = MakerClaim { maker: address(1), token: address(2), amount: U256::from(5) };
        commit(&store, |tx| tx.set_claim(order_id(1), Some(&claim)).unwrap());
    }
}

// Lengths and hashes of what a build of schema 2 wrote.
const ORDER_ROW: (usize, &str) =
    (337, "0xfc3e12c9bf894974902b6acac14afc95f96c3ddcbd0fb566c34940d907bfcd49");
const STATE_ROW: (usize, &str) =
    (339, "0x7f078c29444de0f1c38fedfb96f87c336373ad124e5c65d0736891a34ca8698b");

// The bytes of a row as schema 2 wrote it, so that a change of any type in it is noticed.
#[test]
fn the_layout_of_the_second_schema_is_what_it_was() {
    let row = encode("orders", &FormerOrder::from(&order(1))).unwrap();
    let state = {
        let mut standing = state(Status::BothLocked);
        standing.plan = Some(plan(1));
        encode("order_state", &FormerState::from(&standing)).unwrap()
    };
    let digest = |bytes: &[u8]| alloy::primitives::keccak256(bytes).to_string();
    assert_eq!((row.len(), digest(&row).as_str()), (ORDER_ROW.0, ORDER_ROW.1));
    assert_eq!((state.len(), digest(&state).as_str()), (STATE_ROW.0, STATE_ROW.1));
}

pub(super) fn assert_upgraded(store: &Store) {
    let read = store.read().unwrap();
    let mode = Mode::Rebuilding(RebuildReason::OlderSchema);
    let cursor = Cursor { mode, ..Cursor::default() };
    assert_eq!(read.cursors().unwrap(), [(A, cursor), (B, cursor)]);
    assert_eq!(read.order(order_id(1)).unwrap(), Some(order(1)));
    assert_eq!(read.accepted_by_hashlock(lock(1), 9).unwrap(), [order_id(1)]);
    assert_eq!(read.accepted_by_hashlock(lock(2), 9).unwrap(), []);
    assert_eq!(read.open_secret(lock(1)).unwrap().unwrap().expose(), secret(1).expose());
    assert!(read.public_secret(lock(2)).unwrap().is_some());
    assert_eq!(read.genesis(A).unwrap(), Some(word(0)));
    for chain in [A, B] {
        assert_eq!(crate::chain_rows(&read, chain).unwrap(), []);
        assert_eq!(read.undo_floor(chain).unwrap(), None);
    }
}

#[test]
fn an_older_file_keeps_what_is_ours_and_has_its_chains_indexed_again() {
    let disk = CrashBackend::from_image(former());
    for _ in 0..2 {
        let store = Store::open(options(&disk)).unwrap();
        assert_upgraded(&store);
        drop(store);
    }
    let image = disk.synced_image();
    let database =
        Database::builder().create_with_backend(CrashBackend::from_image(image)).unwrap();
    let txn = database.begin_read().unwrap();
    let mut names: Vec<_> =
        txn.list_tables().unwrap().map(|table| table.name().to_owned()).collect();
    let mut known: Vec<_> = tables::ALL.iter().map(|table| table.name.to_owned()).collect();
    names.sort();
    known.sort();
    assert_eq!(names, known, "nothing of the first schema is left");
}

#[test]
fn a_crash_at_any_operation_of_the_upgrade_is_made_good_by_the_next_open() {
    let image = former();
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for operation in 1.. {
            let disk = CrashBackend::from_image(image.clone());
            disk.crash_at(operation, side);
            let opened = Store::open(options(&disk)).is_ok();
            if !disk.has_crashed() {
                assert!(opened);
                break;
            }
            crashes += 1;
            let after = CrashBackend::from_image(disk.torn_image(operation));
            assert_upgraded(&Store::open(options(&after)).unwrap());
        }
    }
    assert!(crashes > 10, "{crashes}");
}

#[test]
fn an_older_file_is_left_alone_under_another_key() {
    let image = former();
    let disk = CrashBackend::from_image(image);
    assert!(Store::open(StoreOptions::backend(disk.clone(), MasterKey::new([8; 32]))).is_err());
    assert_upgraded(&Store::open(options(&CrashBackend::from_image(disk.synced_image()))).unwrap());
}

#[test]
fn compaction_needs_the_store_for_itself_and_gives_pages_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(StoreOptions::directory(directory.path())).unwrap();
    for n in 0..40 {
        commit(&store, |tx| (0..50).for_each(|m| tx.put_order(&order(n * 50 + m)).unwrap()));
    }
    let size = || std::fs::metadata(directory.path().join(crate::DATABASE_FILE)).unwrap().len();
    let before = size();
    let read = store.read().unwrap();
    assert!(store.compact().is_err(), "a snapshot is open");
    drop(read);
    let other = store.clone();
    assert!(store.compact().is_err(), "another handle is open");
    drop(other);
    assert!(store.compact().unwrap());
    assert!(size() < before, "{} of {before}", size());
    assert_eq!(store.read().unwrap().orders(None, usize::MAX).unwrap().len(), 2_000);
}
