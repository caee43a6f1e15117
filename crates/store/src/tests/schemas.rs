//! A file of every schema there ever was opens, is brought to the present one, and has its content (G-38, G-39).
//!
//! The files are in `tests/fixtures`, compressed. Those of schemas 1 to 3 were written in the layout of their time by
//! a later build, the others by the build that had the schema. `BMN_BLESS=1` writes the one of the present schema
//! where there is none; a file that is there is never written again.

use super::fixtures::*;
use super::totals::assert_counted;
use super::upgrade::{assert_upgraded, former, second, third};
use crate::testing::{CrashBackend, Side};
use crate::{Reads, SCHEMA_VERSION, Store, StoreError, StoreOptions, Verification, tables, verify};
use alloy::primitives::U256;
use bmn_swap::{Action, Status};
use redb::{Database, ReadableDatabase};
use std::fs;
use std::path::PathBuf;

const LARGEST: usize = 64 << 20;

fn path(schema: u32) -> PathBuf {
    let name = format!("tests/fixtures/schema-{schema}.redb.zst");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What the present build writes: a row of most kinds.
fn present() -> Vec<u8> {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    for n in 1..=12u64 {
        commit(&store, |tx| {
            let parent = tx.cursor(A).unwrap().tip;
            let block = header(parent, 1);
            tx.begin_block(A, &block).unwrap();
            let leg = source_leg(A, n, inclusion(block.block_ref(), 0));
            tx.put_source_leg(&leg).unwrap();
            tx.put_event(&event(A, leg.created, Some(n), created_event(&leg))).unwrap();
            tx.end_block().unwrap();
            tx.put_order(&order(n)).unwrap();
            tx.put_order_state(order_id(n), &state(Status::Accepted)).unwrap();
            tx.seal_secret(lock(n), &secret(n)).unwrap();
            let key = action(n, Action::WithdrawDestination);
            tx.put_intent(&intent(key, n, secret(n).expose())).unwrap();
        });
    }
    commit(&store, |tx| {
        tx.put_public_secret(lock(50), secret(50).expose().into()).unwrap();
        tx.pin_genesis(A, word(0)).unwrap();
    });
    drop(store);
    disk.synced_image()
}

fn made(schema: u32) -> Vec<u8> {
    match schema {
        1 => former(),
        2 => second(),
        3 => third(),
        SCHEMA_VERSION => present(),
        other => panic!("only a build with schema {other} can write its file"),
    }
}

fn fixture(schema: u32) -> Vec<u8> {
    let path = path(schema);
    if std::env::var_os("BMN_BLESS").is_some() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, zstd::bulk::compress(&made(schema), 19).unwrap()).unwrap();
    }
    let packed = fs::read(&path).unwrap_or_else(|_| {
        panic!("{} is missing: BMN_BLESS=1 writes that of the present schema", path.display())
    });
    zstd::bulk::decompress(&packed, LARGEST).unwrap()
}

fn assert_content(schema: u32, store: &Store) {
    let read = store.read().unwrap();
    match schema {
        1 => return assert_upgraded(store),
        2 => {
            for n in 0..600 {
                assert_eq!(read.order(order_id(n)).unwrap(), Some(order(n)), "{n}");
            }
            assert_eq!(
                read.plan(B, plan(1).escrow.unwrap()).unwrap(),
                Some((order_id(1), plan(1)))
            );
            assert_eq!(read.reserved(B, address(903)).unwrap(), U256::from(3));
        }
        3 => assert_eq!(read.order(order_id(1)).unwrap(), Some(order(1))),
        _ => {
            for n in 1..=12 {
                assert_eq!(read.order(order_id(n)).unwrap(), Some(order(n)), "{n}");
                assert_eq!(
                    read.open_secret(lock(n)).unwrap().unwrap().expose(),
                    secret(n).expose()
                );
                let intent = read.intent(&action(n, Action::WithdrawDestination)).unwrap().unwrap();
                assert_eq!(
                    (intent.nonce, intent.payload.data.as_slice()),
                    (n, &secret(n).expose()[..])
                );
            }
            assert_eq!(read.orders_in(Status::Accepted).unwrap(), 12);
            assert!(read.public_secret(lock(50)).unwrap().is_some());
            assert_eq!(read.genesis(A).unwrap(), Some(word(0)));
            let tip = read.cursor(A).unwrap().tip.unwrap();
            let sound = verify(&read, A, 0..=tip.number, &mut |_| {}).unwrap();
            assert!(matches!(sound, Verification::Sound(found) if found.events == 12));
        }
    }
    drop(read);
    assert_counted(store);
}

fn schema_of(image: Vec<u8>) -> u32 {
    let database =
        Database::builder().create_with_backend(CrashBackend::from_image(image)).unwrap();
    let txn = database.begin_read().unwrap();
    let meta = txn.open_table(tables::META.definition()).unwrap();
    let row = meta.get(&b"schema"[..]).unwrap().unwrap();
    u32::from_be_bytes(row.value().try_into().unwrap())
}

#[test]
fn there_is_a_file_of_every_schema_and_each_is_brought_to_the_present_one_with_its_content() {
    for schema in 1..=SCHEMA_VERSION {
        let image = fixture(schema);
        assert_eq!(schema_of(image.clone()), schema, "what the file is called it is");
        let disk = CrashBackend::from_image(image);
        for _ in 0..2 {
            let store = Store::open(options(&disk)).unwrap();
            assert_content(schema, &store);
        }
        assert_eq!(schema_of(disk.synced_image()), SCHEMA_VERSION);
    }
}

#[test]
fn a_crash_at_any_operation_of_any_upgrade_loses_nothing() {
    for schema in 2..SCHEMA_VERSION {
        let image = fixture(schema);
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
                let store = Store::open(options(&after)).unwrap();
                let read = store.read().unwrap();
                assert_eq!(
                    read.order(order_id(1)).unwrap(),
                    Some(order(1)),
                    "{schema} {operation}"
                );
            }
        }
        assert!(crashes > 5, "{crashes}");
    }
}

#[test]
fn a_file_of_a_later_schema_is_refused_and_left_as_it_is() {
    let image = fixture(SCHEMA_VERSION);
    let disk = CrashBackend::from_image(image);
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut meta = txn.open_table(tables::META.definition()).unwrap();
        meta.insert(&b"schema"[..], &(SCHEMA_VERSION + 1).to_be_bytes()[..]).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    let later = disk.synced_image();
    let disk = CrashBackend::from_image(later.clone());
    let error = Store::open(options(&disk)).map(drop).unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found, .. } if found == SCHEMA_VERSION + 1),
        "{error}"
    );
    assert!(error.to_string().contains("use a newer bmn"), "{error}");
    assert_eq!(schema_of(disk.synced_image()), SCHEMA_VERSION + 1);
    // What a newer build wrote is there when that build comes back.
    let epoch = |image: Vec<u8>| {
        let database =
            Database::builder().create_with_backend(CrashBackend::from_image(image)).unwrap();
        let txn = database.begin_read().unwrap();
        let meta = txn.open_table(tables::META.definition()).unwrap();
        meta.get(&b"epoch"[..]).unwrap().unwrap().value().to_vec()
    };
    assert_eq!(epoch(disk.synced_image()), epoch(later));
}

#[test]
fn every_older_file_can_be_opened_from_a_directory() {
    let place = tempfile::tempdir().unwrap();
    for schema in 1..=SCHEMA_VERSION {
        let into = place.path().join(schema.to_string());
        fs::create_dir(&into).unwrap();
        fs::write(into.join(crate::DATABASE_FILE), fixture(schema)).unwrap();
        crate::master_key::write(&into, &crate::MasterKey::new(KEY)).unwrap();
        assert_content(schema, &Store::open(StoreOptions::directory(&into)).unwrap());
    }
}
