//! A data directory from a backup.

use super::tally::Tally;
use super::{BackupReport, Progress, RowSink};
use crate::directory::{
    self, LOCK_FILE, create_private_directory, new_private_file, sync_directory,
};
use crate::master_key::{self, MASTER_KEY_FILE};
use crate::open::{self, DATABASE_FILE, EPOCH};
use crate::tables;
use crate::{MasterKey, StoreError, StoreOptions, decode, encode};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::fs;
use std::path::Path;

/// The database while it is made. A directory that has it is not opened as a store: what was cut short must not be
/// taken for a new one.
pub(crate) const RESTORING_FILE: &str = "bmn.restoring";

/// Rows are written in commits of so many bytes.
const COMMIT_BYTES: usize = 32 << 20;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub backup: BackupReport,
    /// Whether the directory has the master key that belongs to it. Without it, it cannot be opened.
    pub has_master_key: bool,
}

type Raw<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// Makes a data directory from a backup. The backup is read to its end before the first byte is written, and what was
/// written is read back and compared. `into` is an empty directory or none yet, or one in which this was cut short; its
/// master key may be there already. `key` is put there. `beside` is given the rows of the records file, and `finish` is
/// called after the last one, before the database is there under its own name.
///
/// The next start goes on from the cursors of the backup, under a higher epoch than any that the backup knows. Never
/// run the copy beside the store it was taken from: both would sign with one key (M9).
///
/// # Errors
/// [`StoreError::BackupDamaged`], [`StoreError::NewerSchema`], [`StoreError::NotEmpty`],
/// [`StoreError::MasterKeyMismatch`], [`StoreError::AlreadyOpen`], [`StoreError::Io`], [`StoreError::DiskFull`].
pub fn restore(
    from: &Path,
    into: &Path,
    key: Option<&MasterKey>,
    beside: &mut RowSink<'_>,
    finish: &mut dyn FnMut() -> Result<(), StoreError>,
    progress: &mut Progress<'_>,
) -> Result<Restored, StoreError> {
    let backup = super::check(from, progress)?;
    refuse_occupied(into, key.is_some())?;
    let own = master_key::load(into)?;
    let check = backup.head.key_check;
    if key.into_iter().chain(&own).any(|key| key.check_value() != check) {
        return Err(StoreError::MasterKeyMismatch { path: from.to_path_buf() });
    }
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |error| StoreError::io(&path, error)
    };
    create_private_directory(into).map_err(io(into))?;
    let _lock = directory::lock(into, &into.join(DATABASE_FILE))?;
    let draft = into.join(RESTORING_FILE);
    write_draft(from, &draft, &backup, beside, progress)?;
    if own.is_none()
        && let Some(key) = key
    {
        master_key::write(into, key)?;
    }
    finish()?;
    let path = into.join(DATABASE_FILE);
    fs::rename(&draft, &path).and_then(|()| sync_directory(into)).map_err(io(&path))?;
    Ok(Restored { backup, has_master_key: own.is_some() || key.is_some() })
}

/// Only an empty directory is restored into, so that nothing is ever overwritten; the key may be there already.
fn refuse_occupied(into: &Path, brings_key: bool) -> Result<(), StoreError> {
    let entries = match fs::read_dir(into) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| StoreError::io(into, error))?,
    };
    let cut_short = into.join(RESTORING_FILE).exists() && !into.join(DATABASE_FILE).exists();
    for entry in entries {
        let name = entry.map_err(|error| StoreError::io(into, error))?.file_name();
        let ours = name == LOCK_FILE || (name == MASTER_KEY_FILE && !brings_key);
        if !ours && !cut_short {
            let found = name.to_string_lossy().into_owned();
            return Err(StoreError::NotEmpty { path: into.to_path_buf(), found });
        }
    }
    Ok(())
}

fn write_draft(
    from: &Path,
    draft: &Path,
    backup: &BackupReport,
    beside: &mut RowSink<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), StoreError> {
    let file = new_private_file(draft).map_err(|error| StoreError::io(draft, error))?;
    let database = open::builder(StoreOptions::DEFAULT_CACHE_BYTES)
        .create_file(file)
        .map_err(|error| open::open_error(draft, error))?;
    let name = |error| open::in_file(draft, error);
    fill(&database, from, backup, beside, progress).map_err(name)?;
    compare(&database, draft, backup).map_err(name)?;
    raise_epoch(&database, backup.head.epoch).map_err(name)
}

/// Rows on their way into the new database.
struct Filler<'a> {
    database: &'a Database,
    txn: Option<WriteTransaction>,
    table: String,
    page: Vec<(Vec<u8>, Vec<u8>)>,
    waiting: usize,
}

/// Rows that are gathered before their table is opened.
const PAGE: usize = 1_024;

impl Filler<'_> {
    fn take(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if table != self.table || self.page.len() >= PAGE {
            self.flush()?;
            table.clone_into(&mut self.table);
        }
        self.waiting += key.len() + value.len();
        self.page.push((key.to_vec(), value.to_vec()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.page.is_empty() {
            return Ok(());
        }
        let txn = match self.txn.take() {
            Some(txn) => txn,
            None => self.database.begin_write()?,
        };
        {
            let mut table = txn.open_table(Raw::new(&self.table))?;
            for (key, value) in self.page.drain(..) {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        self.txn = Some(txn);
        if self.waiting >= COMMIT_BYTES { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.waiting = 0;
        self.txn.take().map_or(Ok(()), |txn| Ok(txn.commit()?))
    }
}

fn fill(
    database: &Database,
    from: &Path,
    backup: &BackupReport,
    beside: &mut RowSink<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), StoreError> {
    let txn = database.begin_write()?;
    for table in &backup.head.tables {
        txn.open_table(Raw::new(&table.name))?;
    }
    let (page, table) = (Vec::with_capacity(PAGE), String::new());
    let mut filler = Filler { database, txn: Some(txn), table, page, waiting: 0 };
    let mut row = |table: &str, key: &[u8], value: &[u8]| filler.take(table, key, value);
    let again = super::visit(from, progress, &mut row, beside)?;
    filler.flush()?;
    filler.commit()?;
    if again.digest == backup.digest {
        return Ok(());
    }
    Err(StoreError::backup_damaged(from, 0, "it changed while it was read"))
}

/// Reads back what was written.
fn compare(database: &Database, draft: &Path, backup: &BackupReport) -> Result<(), StoreError> {
    let wrong = |reason: String| StoreError::corrupt(draft, reason);
    let mut tally = Tally::new(&backup.head);
    let txn = database.begin_read()?;
    for (place, facts) in backup.head.tables.iter().enumerate() {
        let table = txn.open_table(Raw::new(&facts.name))?;
        for row in table.iter()? {
            let (key, value) = row?;
            tally.add(place, key.value(), value.value()).map_err(wrong)?;
        }
    }
    let found = tally.finish(backup.beside, backup.digest);
    if found.tables == backup.tables && found.chains == backup.chains {
        return Ok(());
    }
    Err(wrong("what was written is not what the backup holds".to_owned()))
}

/// Leases and permits of the time of the backup are of an earlier epoch than any of the restored store.
fn raise_epoch(database: &Database, taken_under: u64) -> Result<(), StoreError> {
    let txn = database.begin_write()?;
    {
        let name = tables::META.name;
        let mut meta = txn.open_table(tables::META.definition())?;
        let stored = meta.get(EPOCH)?.map(|value| value.value().to_vec());
        let stored: u64 = stored.map_or(Ok(0), |row| decode(name, EPOCH, &row))?;
        let raised = encode(name, &(stored.max(taken_under) + 1))?;
        meta.insert(EPOCH, raised.as_slice())?;
    }
    Ok(txn.commit()?)
}
