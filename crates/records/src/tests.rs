use crate::{Reads, Records, RecordsError, Table};
use proptest::prelude::*;

const WORDS: Table<String> = Table::new("words");
const NUMBERS: Table<u64> = Table::new("numbers");

fn records() -> Records {
    Records::in_memory().unwrap()
}

#[test]
fn a_row_is_there_until_its_end() {
    let records = records();
    records.put(&WORDS, b"a", &"one".to_owned(), Some(100)).unwrap();
    records.put(&WORDS, b"b", &"two".to_owned(), None).unwrap();
    let read = records.read().unwrap();
    assert_eq!(read.get(&WORDS, b"a", 99).unwrap().as_deref(), Some("one"));
    assert_eq!(read.get(&WORDS, b"a", 100).unwrap(), None);
    assert_eq!(read.get(&WORDS, b"b", u64::MAX).unwrap().as_deref(), Some("two"));
    assert_eq!(read.get(&NUMBERS, b"a", 0).unwrap(), None);
}

#[test]
fn a_sweep_takes_away_what_has_ended_and_nothing_else() {
    let records = records();
    for (key, end) in [(b"a", Some(10)), (b"b", Some(11)), (b"c", None)] {
        records.put(&NUMBERS, key, &1, end).unwrap();
    }
    let tx = records.write().unwrap();
    assert_eq!(tx.sweep(10, 100).unwrap(), 1);
    tx.commit().unwrap();
    let left = records.read().unwrap().list(&NUMBERS, b"", false, 10, 0).unwrap();
    assert_eq!(left, [(b"b".to_vec(), 1), (b"c".to_vec(), 1)]);
    let tx = records.write().unwrap();
    assert_eq!(tx.sweep(u64::MAX, 1).unwrap(), 1);
}

#[test]
fn what_was_not_committed_did_not_happen() {
    let records = records();
    let tx = records.write().unwrap();
    tx.put(&NUMBERS, b"a", &1, None).unwrap();
    assert_eq!(tx.get(&NUMBERS, b"a", 0).unwrap(), Some(1));
    drop(tx);
    assert_eq!(records.read().unwrap().get(&NUMBERS, b"a", 0).unwrap(), None);
}

#[test]
fn a_row_of_another_type_is_an_error_and_no_value() {
    let records = records();
    records.put(&WORDS, b"a", &"long enough".to_owned(), None).unwrap();
    let same: Table<(u64, u64, u64)> = Table::new("words");
    let read = records.read().unwrap().get(&same, b"a", 0);
    assert!(matches!(read, Err(RecordsError::Undecodable { table: "words" })), "{read:?}");
}

#[test]
fn rows_outlive_the_process_and_a_second_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let records = Records::open(directory.path()).unwrap();
    records.put(&NUMBERS, b"a", &7, None).unwrap();
    let second = Records::open(directory.path()).unwrap_err();
    assert!(matches!(second, RecordsError::AlreadyOpen { .. }), "{second}");
    drop(records);
    let again = Records::open(directory.path()).unwrap();
    assert_eq!(again.read().unwrap().get(&NUMBERS, b"a", 0).unwrap(), Some(7));
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let records = Records::open(directory.path()).unwrap();
    let mode = std::fs::metadata(records.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap().path().join("gone");
    let error = Records::open(&directory).unwrap_err();
    assert!(matches!(error, RecordsError::Storage { .. }), "{error:?}");
    assert!(error.to_string().contains("gone"), "{error}");
}

#[test]
fn a_file_of_something_else_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(crate::RECORDS_FILE), vec![7; 4_096]).unwrap();
    let error = Records::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains(crate::RECORDS_FILE), "{error}");
}

proptest! {
    #[test]
    fn a_listing_has_the_keys_of_its_prefix_in_order(
        keys in proptest::collection::btree_set(proptest::collection::vec(0u8..=255, 0..4), 0..40),
        prefix in proptest::collection::vec(prop_oneof![Just(0u8), Just(255u8), any::<u8>()], 0..3),
        newest_first in any::<bool>(),
        limit in 0usize..50,
    ) {
        let records = records();
        let tx = records.write().unwrap();
        for key in &keys {
            tx.put(&NUMBERS, key, &(key.len() as u64), None).unwrap();
        }
        tx.commit().unwrap();
        let listed = records.read().unwrap().list(&NUMBERS, &prefix, newest_first, limit, 0).unwrap();
        let mut expected: Vec<_> = keys.iter().filter(|key| key.starts_with(&prefix)).cloned().collect();
        if newest_first {
            expected.reverse();
        }
        expected.truncate(limit);
        prop_assert_eq!(listed.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    }
}
