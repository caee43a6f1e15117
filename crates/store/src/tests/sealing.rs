//! A secret that is not public is in no file, backup or message (design rule M5).

use super::fixtures::*;
use crate::testing::CrashBackend;
use crate::{
    DATABASE_FILE, MASTER_KEY_FILE, Reads, Store, StoreError, StoreOptions, backup, tables,
};
use alloy::primitives::hex;
use bmn_swap::{Action, SecretKnowledge};
use std::fs;

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Where `secret(n)` shows, raw or as hex.
fn shows(bytes: &[u8], n: u64) -> bool {
    let secret = secret(n);
    let text = hex::encode(secret.expose());
    holds(bytes, secret.expose()) || holds(bytes, text.as_bytes())
}

#[test]
fn the_search_finds_a_secret_that_is_there() {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    commit(&store, |tx| tx.put_public_secret(lock(1), secret(1).expose().into()).unwrap());
    assert!(shows(&disk.image(), 1));
}

#[test]
fn a_sealed_secret_is_in_no_byte_of_the_file_or_the_backup_before_and_after_wiping() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::directory(directory.path())).unwrap();
    let withdraw = action(1, Action::WithdrawDestination);
    commit(&store, |tx| {
        tx.seal_secret(lock(1), &secret(1)).unwrap();
        tx.put_intent(&intent(withdraw, 0, secret(1).expose())).unwrap();
        assert_eq!(tx.intent(&withdraw).unwrap().unwrap().payload.data, secret(1).expose());
    });
    let copies = tempfile::tempdir().unwrap();
    // What is compressed could hide it: the restored copy is searched too.
    let copy = |name: &str| {
        let backup = copies.path().join(name);
        backup::take(&store, None, 0, &backup, &mut |_, _| {}).unwrap();
        let restored = copies.path().join(format!("{name} restored"));
        backup::restore(
            &backup,
            &restored,
            None,
            &mut |_, _, _| Ok(()),
            &mut || Ok(()),
            &mut |_, _| {},
        )
        .unwrap();
        [backup, restored.join(DATABASE_FILE)]
    };
    let sealed = copy("sealed");
    commit(&store, |tx| {
        tx.wipe_secret(lock(1)).unwrap();
        tx.remove_intent(&withdraw).unwrap();
    });
    let wiped = copy("wiped");
    drop(store);
    let key = fs::read(directory.path().join(MASTER_KEY_FILE)).unwrap();
    let database = directory.path().join(DATABASE_FILE);
    for path in [[database].as_slice(), &sealed, &wiped].concat() {
        let bytes = fs::read(&path).unwrap();
        assert!(!shows(&bytes, 1), "the secret is in {}", path.display());
        assert!(!holds(&bytes, &key), "the master key is in {}", path.display());
    }
}

#[test]
fn a_wiped_secret_does_not_open_and_its_key_is_gone() {
    let store = memory();
    commit(&store, |tx| tx.seal_secret(lock(1), &secret(1)).unwrap());
    assert_eq!(store.read().unwrap().secret_knowledge(lock(1)).unwrap(), SecretKnowledge::Sealed);
    commit(&store, |tx| tx.wipe_secret(lock(1)).unwrap());
    let read = store.read().unwrap();
    assert!(read.open_secret(lock(1)).unwrap().is_none());
    assert_eq!(read.secret_knowledge(lock(1)).unwrap(), SecretKnowledge::Unknown);
    let left = everything(&store);
    assert!(left.iter().all(|(table, _)| !["secrets", "secret_keys"].contains(table)));
}

#[test]
fn bytes_that_do_not_open_the_hashlock_are_refused_and_not_repeated() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for error in [
        tx.seal_secret(lock(1), &secret(2)).unwrap_err(),
        tx.put_public_secret(lock(1), secret(2).expose().into()).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::WrongSecret { hashlock } if hashlock == lock(1)));
        assert!(!shows(format!("{error} {error:?}").as_bytes(), 2));
    }
    assert_eq!(tx.secret_knowledge(lock(1)).unwrap(), SecretKnowledge::Unknown);
}

#[test]
fn a_public_secret_outlives_its_block_and_ends_the_sealed_copy() {
    let store = memory();
    commit(&store, |tx| {
        tx.seal_secret(lock(1), &secret(1)).unwrap();
        let header = header(None, 1);
        tx.begin_block(A, &header).unwrap();
        tx.put_public_secret(lock(1), secret(1).expose().into()).unwrap();
        tx.end_block().unwrap();
        tx.revert_block(A, header.block_ref()).unwrap();
        tx.seal_secret(lock(1), &secret(1)).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.secret_knowledge(lock(1)).unwrap(), SecretKnowledge::Public);
    assert_eq!(read.open_secret(lock(1)).unwrap().unwrap().expose(), secret(1).expose());
    assert!(everything(&store).iter().all(|(table, _)| *table != "secret_keys"));
}

#[test]
fn a_sealed_row_moved_to_another_hashlock_does_not_open() {
    let store = memory();
    commit(&store, |tx| {
        tx.seal_secret(lock(1), &secret(1)).unwrap();
        for table in [tables::SECRETS, tables::SECRET_KEYS] {
            let row = crate::rows::Rows::raw_get(tx, table, lock(1).0.as_slice()).unwrap().unwrap();
            tx.put(table, lock(2).0.as_slice(), row).unwrap();
        }
    });
    let error = store.read().unwrap().open_secret(lock(2)).unwrap_err();
    assert!(matches!(error, StoreError::SealBroken { what: "secret", .. }));
}

#[test]
fn no_debug_output_shows_the_bytes_of_a_transaction() {
    let row = intent(action(1, Action::WithdrawDestination), 0, secret(1).expose());
    let text = format!("{row:?} {row:#?}");
    assert!(text.contains("redacted"));
    let bytes = format!("{:?}", secret(1).expose());
    let inner = bytes.trim_matches(['[', ']']);
    assert!(!shows(text.as_bytes(), 1) && !text.contains(inner));
}
