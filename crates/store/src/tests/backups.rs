//! Backups: everything of one moment, taken while others write, restored elsewhere.

use super::fixtures::*;
use crate::backup::{self, BackupReport, backup_name, backups, keep_newest};
use crate::rows::Rows;
use crate::{
    DATABASE_FILE, MASTER_KEY_FILE, MasterKey, Reads, Row, Store, StoreError, StoreOptions, digest,
    tables,
};
use bmn_chain::Header;
use bmn_primitives::{BlockRef, ChainId};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

fn take(store: &Store, to: &Path) -> Result<BackupReport, StoreError> {
    backup::take(store, None, 7_000, to, &mut |_, _| {})
}

fn restore(from: &Path, into: &Path, key: Option<[u8; 32]>) -> Result<(), StoreError> {
    let key = key.map(MasterKey::new);
    backup::restore(from, into, key.as_ref(), &mut |_, _, _| Ok(()), &mut || Ok(()), &mut |_, _| {})
        .map(drop)
}

/// The next block of a chain, with an escrow in it.
fn add_block(store: &Store, chain: ChainId, n: u64) {
    commit(store, |tx| {
        let parent: Option<BlockRef> = tx.cursor(chain).unwrap().tip;
        let block: Header = header(parent, 1);
        tx.begin_block(chain, &block).unwrap();
        let leg = source_leg(chain, n, inclusion(block.block_ref(), 0));
        tx.put_source_leg(&leg).unwrap();
        tx.put_event(&event(chain, leg.created, Some(n), created_event(&leg))).unwrap();
        tx.end_block().unwrap();
        tx.put_order(&order(n)).unwrap();
        tx.seal_secret(lock(n), &secret(n)).unwrap();
    });
}

fn filled(blocks: u64) -> Store {
    let store = memory();
    (1..=blocks).for_each(|n| add_block(&store, if n % 3 == 0 { B } else { A }, n));
    store
}

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn facts(rows: Vec<(&'static str, Row)>) -> Vec<(&'static str, Row)> {
    rows.into_iter().filter(|(_, (key, _))| key != b"epoch").collect()
}

#[test]
fn what_is_restored_is_the_store_of_that_moment_row_by_row_and_needs_its_key() {
    let place = Place::new();
    let (file, into) = (place.path("backup"), place.path("data"));
    let store = filled(30);
    let before = facts(everything(&store));
    let report = take(&store, &file).unwrap();
    assert_eq!(report.rows(), before.len() as u64 + 1, "and the epoch");
    assert_eq!(report.bytes, fs::metadata(&file).unwrap().len());
    assert_eq!(backup::check(&file, &mut |_, _| {}).unwrap(), report);
    add_block(&store, A, 99);
    assert!(matches!(take(&store, &file), Err(StoreError::Io { .. })), "never over another file");

    let wrong = restore(&file, &into, Some([9; 32])).unwrap_err();
    assert!(matches!(wrong, StoreError::MasterKeyMismatch { .. }), "{wrong}");
    assert!(!into.exists(), "nothing was written");
    restore(&file, &into, None).unwrap();
    let missing = Store::open(StoreOptions::directory(&into)).map(drop).unwrap_err();
    assert!(matches!(missing, StoreError::MasterKeyMissing { .. }), "{missing}");
    let occupied = restore(&file, &into, Some(KEY)).unwrap_err();
    assert!(matches!(&occupied, StoreError::NotEmpty { .. }), "{occupied}");

    let into = place.path("again");
    restore(&file, &into, Some(KEY)).unwrap();
    let restored = Store::open(StoreOptions::directory(&into)).unwrap();
    assert_eq!(facts(everything(&restored)), before);
    assert!(restored.epoch() > store.epoch() + 1, "{} {}", restored.epoch(), store.epoch());
    let read = restored.read().unwrap();
    assert_eq!(read.open_secret(lock(1)).unwrap().unwrap().expose(), secret(1).expose());
    let mut names: Vec<_> =
        fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["bmn.lock", DATABASE_FILE, MASTER_KEY_FILE], "no leftovers");
}

#[test]
fn the_digests_of_a_backup_are_those_of_the_store_and_of_the_copy() {
    let place = Place::new();
    let store = filled(30);
    let report = take(&store, &place.path("backup")).unwrap();
    restore(&place.path("backup"), &place.path("data"), Some(KEY)).unwrap();
    let copy = Store::open(StoreOptions::directory(place.path("data"))).unwrap();
    for store in [&store, &copy] {
        let read = store.read().unwrap();
        let chains: Vec<_> =
            [A, B].into_iter().map(|chain| (chain, digest(&read, chain).unwrap())).collect();
        assert_eq!(report.chains, chains);
        for at in &report.head.chains {
            let tip = at.cursor.tip.unwrap();
            let found = read.digest_at(at.chain, tip.number).unwrap().unwrap();
            assert_eq!((found.digest, Some(tip)), (at.cursor.digest, found.block));
        }
    }
}

/// Ends the writer, whatever becomes of the test.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_under_load_is_one_moment_and_the_writer_goes_on() {
    let place = Place::new();
    let store = filled(60);
    let (done, taking) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut n = 1_000;
            while !done.load(Ordering::Relaxed) {
                if taking.load(Ordering::Relaxed) {
                    add_block(&store, A, n);
                    n += 1;
                } else {
                    std::thread::yield_now();
                }
            }
            n - 1_000
        });
        let ends = Ends(&done);
        for round in 0..3 {
            let (file, into) = (place.path(&format!("b{round}")), place.path(&format!("d{round}")));
            taking.store(true, Ordering::Relaxed);
            let report = take(&store, &file).unwrap();
            taking.store(false, Ordering::Relaxed);
            restore(&file, &into, Some(KEY)).unwrap();
            let copy = Store::open(StoreOptions::directory(&into)).unwrap();
            let read = copy.read().unwrap();
            for chain in &report.head.chains {
                let tip = chain.cursor.tip.unwrap();
                // The writer is further on: its digest at the block of the backup is the one to compare.
                let now = store.read().unwrap().digest_at(chain.chain, tip.number).unwrap();
                assert_eq!(now.unwrap().digest, chain.cursor.digest);
                assert_eq!(read.cursor(chain.chain).unwrap(), chain.cursor);
                let all = &mut |_: u64| {};
                let sound = crate::verify(&read, chain.chain, 0..=tip.number, all).unwrap();
                assert!(
                    matches!(sound, crate::Verification::Sound(it) if it.digest.is_some_and(|of| of.digest == chain.cursor.digest))
                );
            }
            // One moment: an order and its escrow were written in one commit.
            let legs = read.raw_len(tables::LEGS).unwrap();
            assert_eq!(read.raw_len(tables::ORDERS).unwrap(), legs);
            assert_eq!(read.raw_len(tables::SECRETS).unwrap(), legs);
        }
        drop(ends);
        assert!(writer.join().unwrap() > 0, "it was not held up");
    });
}

/// A small backup, its bytes, and where it was.
fn small() -> (Place, Vec<u8>) {
    let place = Place::new();
    take(&filled(2), &place.path("backup")).unwrap();
    let bytes = fs::read(place.path("backup")).unwrap();
    (place, bytes)
}

fn assert_refused(place: &Place, bytes: &[u8], case: &str) {
    let file = place.path("bad");
    fs::write(&file, bytes).unwrap();
    let error = restore(&file, &place.path("data"), Some(KEY)).unwrap_err();
    assert!(matches!(error, StoreError::BackupDamaged { .. }), "{case}: {error}");
    assert!(error.to_string().contains("use another one"), "{error}");
    assert!(!place.path("data").exists(), "{case}: something was written");
}

#[test]
fn a_backup_that_is_cut_short_anywhere_is_refused_and_nothing_is_written() {
    let (place, bytes) = small();
    for length in 0..bytes.len() {
        assert_refused(&place, &bytes[..length], &format!("{length} bytes"));
    }
    assert_refused(&place, &[&bytes[..], &[0]].concat(), "one byte more");
}

#[test]
fn a_backup_with_one_bit_changed_anywhere_is_refused() {
    let (place, bytes) = small();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert_refused(&place, &bad, &format!("byte {at}"));
    }
}

#[test]
fn blocks_of_a_backup_in_another_order_are_refused() {
    let (place, bytes) = small();
    let mut frames = Vec::new();
    let mut rest = &bytes[12..];
    while !rest.is_empty() {
        let length = 9 + u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize + 32;
        let (frame, after) = rest.split_at(length);
        frames.push(frame.to_vec());
        rest = after;
    }
    assert!(frames.len() > 5);
    for n in 0..frames.len() - 1 {
        let mut swapped = frames.clone();
        swapped.swap(n, n + 1);
        let mut without = frames.clone();
        without.remove(n);
        let mut twice = frames.clone();
        twice.insert(n, frames[n].clone());
        for (case, frames) in [("swapped", swapped), ("missing", without), ("twice", twice)] {
            let bad = [&bytes[..12], &frames.concat()].concat();
            assert_refused(&place, &bad, &format!("block {n} {case}"));
        }
    }
}

#[test]
fn a_restore_that_is_cut_short_is_not_taken_for_a_new_store_and_begins_again() {
    let (place, bytes) = small();
    let (file, into) = (place.path("backup"), place.path("data"));
    fs::create_dir(&into).unwrap();
    fs::write(into.join("bmn.restoring"), &bytes[..100]).unwrap();
    let error = Store::open(StoreOptions::directory(&into)).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::RestoreUnfinished { .. }), "{error}");
    assert!(error.to_string().contains("bmn restore"), "{error}");
    restore(&file, &into, Some(KEY)).unwrap();
    assert_eq!(
        Store::open(StoreOptions::directory(&into))
            .unwrap()
            .read()
            .unwrap()
            .orders(None, 9)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn rows_of_a_second_file_go_with_it_and_come_back() {
    let place = Place::new();
    let store = filled(1);
    let rows: Vec<(String, Vec<u8>, Vec<u8>)> = (0..5_000u32)
        .map(|n| (format!("t{}", n / 2_000), n.to_be_bytes().to_vec(), vec![n as u8; 200]))
        .collect();
    let source = |sink: &mut backup::RowSink<'_>| {
        rows.iter().try_for_each(|(table, key, value)| sink(table, key, value))
    };
    let file = place.path("backup");
    let report = backup::take(&store, Some(&source), 1, &file, &mut |_, _| {}).unwrap();
    assert_eq!(report.beside, 5_000);
    let mut back = Vec::new();
    let mut sink = |table: &str, key: &[u8], value: &[u8]| {
        back.push((table.to_owned(), key.to_vec(), value.to_vec()));
        Ok(())
    };
    backup::restore(&file, &place.path("data"), None, &mut sink, &mut || Ok(()), &mut |_, _| {})
        .unwrap();
    assert!(back == rows, "every row, in its order");
}

#[test]
fn a_newer_backup_is_refused_and_one_of_another_program_too() {
    let place = Place::new();
    let store = filled(1);
    let read = store.read().unwrap();
    let mut head = backup::head_of(&store, &read, 1).unwrap();
    head.schema += 1;
    let bytes = backup::written(&read, &head, Vec::new()).unwrap();
    fs::write(place.path("newer"), bytes).unwrap();
    let error = restore(&place.path("newer"), &place.path("data"), None).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { .. }), "{error}");
    fs::write(place.path("other"), "a text of no matter what length it may be").unwrap();
    let error = restore(&place.path("other"), &place.path("data"), None).unwrap_err();
    assert!(error.to_string().contains("it is no backup of bmn"), "{error}");
}

/// A writer with room for so many bytes.
struct Narrow(usize);

impl std::io::Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_fills_at_any_byte_is_named_with_its_cure() {
    let (_place, bytes) = small();
    let store = filled(2);
    let read = store.read().unwrap();
    let head = backup::head_of(&store, &read, 7_000).unwrap();
    for room in 0..bytes.len() {
        let error = backup::written(&read, &head, Narrow(room)).map(drop).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{room}: {error}");
    }
    assert!(backup::written(&read, &head, Narrow(bytes.len())).is_ok());
}

#[test]
fn a_backup_into_a_directory_that_is_not_there_leaves_nothing() {
    let place = Place::new();
    let error = take(&filled(1), &place.path("none/backup")).unwrap_err();
    assert!(matches!(&error, StoreError::Io { path, .. } if path.starts_with(place.path("none"))));
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 0);
}

#[test]
fn the_newest_are_kept_and_strangers_files_are_left_alone() {
    let place = Place::new();
    let store = filled(1);
    for ms in [1_000, 2_000, 3_000] {
        take(&store, &place.path(&backup_name(ms))).unwrap();
    }
    fs::write(place.path(&format!("{}.partial", backup_name(500))), "cut short").unwrap();
    let strangers = ["notes.txt", "bmn-mine.bmnbackup", "other.partial"];
    strangers.iter().for_each(|name| fs::write(place.path(name), "x").unwrap());
    assert_eq!(keep_newest(place.directory.path(), 2, None).unwrap().len(), 2);
    let kept: Vec<_> = [2_000, 3_000].map(|ms| place.path(&backup_name(ms))).into();
    assert_eq!(backups(place.directory.path()).unwrap(), kept);
    let first = place.path(&backup_name(2_000));
    keep_newest(place.directory.path(), 1, Some(&first)).unwrap();
    assert!(
        first.exists(),
        "a clock that was set back names what was just taken before the others"
    );
    keep_newest(place.directory.path(), 0, None).unwrap();
    assert_eq!(backups(place.directory.path()).unwrap(), kept[1..], "never the newest one");
    assert!(strangers.iter().all(|name| place.path(name).exists()));
}
