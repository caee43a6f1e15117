//! Who may open what, and what is said when they may not.

use super::fixtures::*;
use crate::testing::CrashBackend;
use crate::{
    DATABASE_FILE, MASTER_KEY_FILE, MasterKey, Reads, SCHEMA_VERSION, Store, StoreError,
    StoreOptions, tables,
};
use bmn_primitives::ErrorClass;
use redb::{Database, TableDefinition};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn open(directory: &Path) -> Result<Store, StoreError> {
    Store::open(StoreOptions::directory(directory))
}

fn fail(directory: &Path) -> StoreError {
    open(directory).map(drop).unwrap_err()
}

/// A directory with a store in it that holds an order and a sealed secret.
fn filled() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    commit(&store, |tx| {
        tx.put_order(&order(1)).unwrap();
        tx.seal_secret(lock(1), &secret(1)).unwrap();
    });
    directory
}

#[test]
fn what_was_committed_is_there_after_reopening_under_a_higher_epoch() {
    let directory = filled();
    let store = open(directory.path()).unwrap();
    assert_eq!(store.epoch(), 2);
    let read = store.read().unwrap();
    assert_eq!(read.order(order_id(1)).unwrap(), Some(order(1)));
    let opened = read.open_secret(lock(1)).unwrap().unwrap();
    assert_eq!(opened.expose(), secret(1).expose());
}

#[test]
fn a_second_open_names_the_directory_and_does_not_disturb_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    let error = fail(directory.path());
    assert!(matches!(error, StoreError::AlreadyOpen { .. }));
    assert!(error.to_string().starts_with("another bmn is running on"), "{error}");
    assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
    commit(&first, |tx| tx.put_order(&order(1)).unwrap());
    drop(first);
    assert!(open(directory.path()).is_ok());
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let directory = filled();
    let path = directory.path().join(DATABASE_FILE);
    let newer = SCHEMA_VERSION + 1;
    {
        let database = Database::create(&path).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(tables::META.definition())
            .unwrap()
            .insert(&b"schema"[..], &newer.to_be_bytes()[..])
            .unwrap();
        txn.commit().unwrap();
    }
    for _ in 0..2 {
        let error = fail(directory.path());
        assert!(matches!(
            &error,
            StoreError::NewerSchema { found, known: SCHEMA_VERSION, path: p } if *found == newer && *p == path
        ));
        assert_eq!(error.class(), ErrorClass::Permanent);
    }
}

#[test]
fn a_file_that_is_not_a_database_is_called_corrupt_by_its_path() {
    let noise: Vec<u8> = (0..64u64).flat_map(|n| word(n).0).collect();
    let text = b"this is not a database\n".to_vec();
    for bytes in [text, noise, vec![0; 100_000], vec![0xff; 5], vec![1], vec![]] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DATABASE_FILE);
        fs::write(&path, &bytes).unwrap();
        let error = fail(directory.path());
        assert!(matches!(&error, StoreError::Corrupt { path: p, .. } if *p == path), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Corrupt);
        assert_eq!(fs::read(&path).unwrap(), bytes, "a refused file is not touched");
        assert!(!directory.path().join(MASTER_KEY_FILE).exists());
    }
}

#[test]
fn a_database_of_another_program_is_called_corrupt() {
    let directory = tempfile::tempdir().unwrap();
    {
        let database = Database::create(directory.path().join(DATABASE_FILE)).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap().insert(1, 1).unwrap();
        txn.commit().unwrap();
    }
    assert!(matches!(fail(directory.path()), StoreError::Corrupt { .. }));
}

#[test]
fn a_damaged_or_shortened_file_is_refused_or_read_but_never_panics() {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    commit(&store, |tx| tx.put_order(&order(1)).unwrap());
    drop(store);
    let image = disk.synced_image();
    let mut refused = 0;
    let mut reopen = |image: Vec<u8>| {
        if let Err(error) = Store::open(options(&CrashBackend::from_image(image))) {
            let known = matches!(
                error,
                StoreError::Corrupt { .. }
                    | StoreError::Undecodable { .. }
                    | StoreError::Storage(_)
            );
            assert!(known, "{error:?}");
            refused += 1;
        }
    };
    for len in (1..image.len()).step_by(image.len() / 50) {
        reopen(image[..len].to_vec());
    }
    for at in (0..320).chain((320..image.len()).step_by(4096)) {
        let mut damaged = image.clone();
        damaged[at] ^= 0xff;
        reopen(damaged);
    }
    assert!(refused > 20, "only {refused} damages were noticed");
}

#[test]
fn a_lost_key_is_missed_and_another_key_is_not_taken_for_it() {
    let directory = filled();
    let path = directory.path().join(MASTER_KEY_FILE);
    let key = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let error = fail(directory.path());
    assert!(matches!(&error, StoreError::MasterKeyMissing { path: p } if *p == path));
    assert!(!path.exists(), "a new key would hide that the old one is lost");

    let disk = CrashBackend::new();
    drop(Store::open(options(&disk)).unwrap());
    let other = StoreOptions::backend(disk.clone(), MasterKey::new([8; 32]));
    assert!(matches!(Store::open(other).map(drop), Err(StoreError::MasterKeyMismatch { .. })));

    fs::write(&path, &key[..31]).unwrap();
    private(&path);
    assert!(matches!(fail(directory.path()), StoreError::MasterKeyUnusable { .. }));
    fs::write(&path, &key).unwrap();
    assert!(open(directory.path()).is_ok());
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(unix)]
#[test]
fn key_and_database_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = filled();
    let mode = |name: &str| {
        fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(MASTER_KEY_FILE), mode(DATABASE_FILE)), (0o600, 0o600));
    let path = directory.path().join(MASTER_KEY_FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = fail(directory.path());
    assert!(matches!(error, StoreError::MasterKeyUnusable { .. }));
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_creation_that_a_crash_cut_short_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bmn.new"), vec![0; 9_999]).unwrap();
    fs::write(directory.path().join("master.new"), [1; 3]).unwrap();
    let store = open(directory.path()).unwrap();
    assert_eq!(store.epoch(), 1);
    assert!(!directory.path().join("bmn.new").exists());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let below = file.join("data");
    assert!(matches!(fail(&below), StoreError::Io { path, .. } if path == below));
}

#[test]
fn a_dropped_transaction_changes_nothing_and_a_snapshot_does_not_move() {
    let store = memory();
    let snapshot = store.read().unwrap();
    let mut dropped = store.write().unwrap();
    dropped.put_order(&order(1)).unwrap();
    assert!(dropped.order(order_id(1)).unwrap().is_some(), "a transaction sees its own writes");
    drop(dropped);
    assert_eq!(store.read().unwrap().order(order_id(1)).unwrap(), None);
    commit(&store, |tx| tx.put_order(&order(1)).unwrap());
    assert_eq!(snapshot.order(order_id(1)).unwrap(), None);
    assert!(store.read().unwrap().order(order_id(1)).unwrap().is_some());
}

#[test]
fn a_row_that_does_not_decode_names_its_table_and_key() {
    let store = memory();
    let key = order_id(1).to_bytes();
    commit(&store, |tx| tx.put(tables::ORDERS, &key, [1, 2, 3]).unwrap());
    let error = store.read().unwrap().order(order_id(1)).unwrap_err();
    assert!(matches!(&error, StoreError::Undecodable { table: "orders", .. }));
    assert_eq!(error.class(), ErrorClass::Corrupt);
}

#[test]
fn readers_and_the_store_may_go_to_other_threads() {
    fn movable<T: Send>() {}
    movable::<crate::ReadTx>();
    movable::<Store>();
}

#[test]
fn the_page_cache_grows_with_the_file_within_bounds() {
    const MIB: u64 = 1 << 20;
    for (file, cache) in
        [(0, 16), (256 * MIB, 16), (1_024 * MIB, 64), (4_096 * MIB, 256), (u64::MAX, 256)]
    {
        assert_eq!(StoreOptions::cache_for(file) as u64, cache * MIB, "{file}");
    }
}
