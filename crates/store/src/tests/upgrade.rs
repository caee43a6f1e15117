//! A file of the first schema: what is ours is kept, what chains show is read again.

use super::fixtures::*;
use crate::testing::{CrashBackend, Side};
use crate::{Cursor, MasterKey, Mode, Reads, RebuildReason, Store, StoreOptions, tables};
use bmn_swap::{Decision, Order, Refusal};
use redb::{Database, ReadableDatabase, TableDefinition, TableHandle};

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
fn former() -> Vec<u8> {
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

fn assert_upgraded(store: &Store) {
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
