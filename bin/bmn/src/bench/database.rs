//! The database that a replay fills.

use crate::failure::Failure;
use bmn_store::{DATABASE_FILE, MasterKey, Store, StoreOptions};
use redb::{
    ReadOnlyDatabase, ReadableDatabase, ReadableTableMetadata, StorageBackend, TableHandle,
    backends::FileBackend,
};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// A directory for one replay; removed at the end unless the user named it.
#[derive(Debug)]
pub(super) struct FreshDatabase {
    directory: PathBuf,
    kept: bool,
}

/// A file whose writes are never waited for: what the disk adds to a durable replay is the
/// difference.
#[derive(Debug)]
struct Unsynced(FileBackend);

impl StorageBackend for Unsynced {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

impl FreshDatabase {
    /// An empty directory: the one that is named, which must hold no database, or a new one.
    pub(super) fn new(named: Option<&Path>) -> Result<Self, Failure> {
        let directory = match named {
            Some(directory) => directory.to_owned(),
            None => std::env::temp_dir().join(format!("bmn-replay-{}", std::process::id())),
        };
        let io = |source| Failure::file(&directory, source);
        fs::create_dir_all(&directory).map_err(io)?;
        let database = Self { directory: directory.clone(), kept: named.is_some() };
        if database.file().try_exists().map_err(io)? {
            return Err(Failure::Usage(format!(
                "{} exists: a replay fills a fresh database, choose another --db",
                database.file().display()
            )));
        }
        Ok(database)
    }

    fn file(&self) -> PathBuf {
        self.directory.join(DATABASE_FILE)
    }

    /// Opens the store in it.
    pub(super) fn open(&self, durable: bool, cache_bytes: usize) -> Result<Store, Failure> {
        let options = if durable {
            StoreOptions::directory(&self.directory)
        } else {
            let io = |source| Failure::file(self.file(), source);
            let mut create = OpenOptions::new();
            let file = create.read(true).write(true).create_new(true).open(self.file());
            let backend = FileBackend::new(file.map_err(io)?).map_err(eyre::Report::new)?;
            // No secret is ever sealed in it.
            StoreOptions::backend(Unsynced(backend), MasterKey::new([0; 32]))
        };
        let opened = Store::open(options.with_cache_bytes(cache_bytes));
        Ok(opened.map_err(eyre::Report::new)?)
    }

    /// Size of the closed file, and rows of each table that has any.
    pub(super) fn measure(&self) -> Result<(u64, BTreeMap<String, u64>), Failure> {
        let io = |source| Failure::file(self.file(), source);
        let bytes = fs::metadata(self.file()).map_err(io)?.len();
        Ok((bytes, rows(&self.file()).map_err(eyre::Report::new)?))
    }
}

fn rows(path: &Path) -> Result<BTreeMap<String, u64>, redb::Error> {
    let database = ReadOnlyDatabase::open(path)?;
    let read = database.begin_read()?;
    let mut rows = BTreeMap::new();
    for table in read.list_tables()? {
        let name = table.name().to_owned();
        let count = read.open_untyped_table(table)?.len()?;
        if count > 0 {
            rows.insert(name, count);
        }
    }
    Ok(rows)
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing depends on it; a leftover in the temporary directory is the system's to clean.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
