//! Backups of a data directory: the database and the records beside it, verified, and the oldest deleted (S1-107,
//! S1-108).

use bmn_records::{RECORDS_FILE, Records, RecordsError};
use bmn_store::{
    MasterKey, Store, StoreError,
    backup::{self, BackupReport, Progress, Restored, RowSink},
};
use std::{
    cell::RefCell,
    fs,
    io::ErrorKind,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// A backup that was taken and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub report: BackupReport,
    /// Older ones that were deleted.
    pub deleted: Vec<PathBuf>,
}

/// Takes a backup into a directory, which is made where there is none, and reads it back. Only when it is whole are
/// older ones deleted, down to `keep` in all; without it none is. Blocks for as long as the disk takes.
///
/// # Errors
/// As [`backup::take`] and [`backup::keep_newest`]. A backup that was taken stays.
pub fn back_up(
    store: &Store,
    records: Option<&Records>,
    directory: &Path,
    keep: Option<usize>,
    now_ms: u64,
    progress: &mut Progress<'_>,
) -> Result<BackedUp, StoreError> {
    let io = |source| StoreError::Io { path: directory.to_path_buf(), source };
    fs::create_dir_all(directory).map_err(io)?;
    let path = directory.join(backup::backup_name(now_ms));
    let report = back_up_to(store, records, &path, now_ms, progress)?;
    let deleted =
        keep.map_or(Ok(Vec::new()), |keep| backup::keep_newest(directory, keep, Some(&path)))?;
    Ok(BackedUp { path, report, deleted })
}

/// The same into one new file.
///
/// # Errors
/// As [`backup::take`].
pub fn back_up_to(
    store: &Store,
    records: Option<&Records>,
    path: &Path,
    now_ms: u64,
    progress: &mut Progress<'_>,
) -> Result<BackupReport, StoreError> {
    let Some(records) = records else {
        return backup::take(store, None, now_ms, path, progress);
    };
    let rows = |sink: &mut RowSink<'_>| {
        let mut given = Ok(());
        let read = records.read().map_err(beside)?;
        read.each_row(&mut |table, key, row| {
            given = sink(table, key, row);
            if given.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(beside)?;
        given
    };
    backup::take(store, Some(&rows), now_ms, path, progress)
}

/// Rows of the records that are written in one commit.
const COMMIT_ROWS: usize = 4_096;

/// Makes a data directory from a backup, with the records that are in it.
///
/// # Errors
/// As [`backup::restore`].
pub fn restore(
    from: &Path,
    into: &Path,
    key: Option<&MasterKey>,
    progress: &mut Progress<'_>,
) -> Result<Restored, StoreError> {
    let waiting = RefCell::new(Waiting { into, records: None, rows: Vec::new() });
    let mut take = |table: &str, key: &[u8], row: &[u8]| {
        let mut waiting = waiting.borrow_mut();
        waiting.rows.push((table.to_owned(), key.to_vec(), row.to_vec()));
        if waiting.rows.len() < COMMIT_ROWS { Ok(()) } else { waiting.commit() }
    };
    let mut finish = || waiting.borrow_mut().commit();
    backup::restore(from, into, key, &mut take, &mut finish, progress)
}

/// Rows of the records on their way into their file.
struct Waiting<'a> {
    into: &'a Path,
    records: Option<Records>,
    rows: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl Waiting<'_> {
    fn commit(&mut self) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let records = match self.records.take() {
            Some(records) => records,
            None => self.begin()?,
        };
        let tx = records.write().map_err(beside)?;
        for (table, key, row) in self.rows.drain(..) {
            tx.put_row(&table, &key, &row).map_err(beside)?;
        }
        tx.commit().map_err(beside)?;
        self.records = Some(records);
        Ok(())
    }

    /// A file that an earlier attempt left half full is begun again.
    fn begin(&self) -> Result<Records, StoreError> {
        let path = self.into.join(RECORDS_FILE);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(StoreError::Io { path, source })
            }
            _ => Records::open(self.into).map_err(beside),
        }
    }
}

fn beside(error: RecordsError) -> StoreError {
    StoreError::Beside(Box::new(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use bmn_records::{Reads, Table};
    use bmn_store::{MASTER_KEY_FILE, StoreOptions};

    const RUNS: Table<u64> = Table::new("runs");

    #[test]
    fn records_go_with_the_database_and_the_oldest_backups_go_when_the_newest_is_whole() {
        let place = tempfile::tempdir().unwrap();
        let (data, to) = (place.path().join("data"), place.path().join("backups"));
        let store = Store::open(StoreOptions::directory(&data)).unwrap();
        let records = Records::open(&data).unwrap();
        let tx = records.write().unwrap();
        for n in 0..10_000u64 {
            tx.put(&RUNS, &n.to_be_bytes(), &n, None).unwrap();
        }
        tx.commit().unwrap();
        let take = |ms, keep| {
            back_up(&store, Some(&records), &to, Some(keep), ms, &mut |_, _| {}).unwrap()
        };
        let first = take(1, 2);
        assert_eq!((first.report.beside, first.deleted.len()), (10_000, 0));
        take(2, 2);
        assert_eq!(take(3, 2).deleted, [first.path]);

        let newest = backup::backups(&to).unwrap().pop().unwrap();
        let key = MasterKey::read_file(&data.join(MASTER_KEY_FILE)).unwrap();
        let into = place.path().join("restored");
        assert!(restore(&newest, &into, Some(&key), &mut |_, _| {}).unwrap().has_master_key);
        Store::open(StoreOptions::directory(&into)).unwrap();
        let read = Records::open(&into).unwrap().read().unwrap();
        let rows = read.list(&RUNS, &[], false, usize::MAX, 0).unwrap();
        assert!(rows.into_iter().map(|(_, n)| n).eq(0..10_000));
    }

    #[test]
    fn a_backup_that_fails_deletes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("backups");
        let store = Store::open(StoreOptions::directory(place.path().join("data"))).unwrap();
        back_up(&store, None, &to, None, 1, &mut |_, _| {}).unwrap();
        let again = back_up(&store, None, &to, Some(1), 1, &mut |_, _| {}).unwrap_err();
        assert!(matches!(again, StoreError::Io { .. }), "{again}");
        assert_eq!(backup::backups(&to).unwrap().len(), 1);
    }
}
