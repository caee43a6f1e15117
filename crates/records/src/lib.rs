#![doc = include_str!("../README.md")]

mod copy;
mod error;
mod row;
mod table;
mod transaction;

pub use copy::RowVisitor;
pub use error::RecordsError;
pub use table::Table;
pub use transaction::{Listed, Reads, Tx, View};

use redb::{Database, DatabaseError, ReadableDatabase, backends::InMemoryBackend};
use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Name of the file in the data directory.
pub const RECORDS_FILE: &str = "records.redb";

/// Page cache, bytes: rows are few and small.
const CACHE_BYTES: usize = 4 << 20;

/// The open file. Clones share it.
#[derive(Debug, Clone)]
pub struct Records(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    path: PathBuf,
}

impl Records {
    /// Opens [`RECORDS_FILE`] in a directory that exists, or creates it for its owner alone.
    ///
    /// # Errors
    /// [`RecordsError::AlreadyOpen`], [`RecordsError::Corrupt`], [`RecordsError::Storage`].
    pub fn open(directory: &Path) -> Result<Self, RecordsError> {
        let path = directory.join(RECORDS_FILE);
        let file = private(&path).map_err(|error| RecordsError::in_file(&path, error.into()))?;
        let opened = redb::Builder::new().set_cache_size(CACHE_BYTES).create_file(file);
        let database = opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => RecordsError::AlreadyOpen { path: path.clone() },
            DatabaseError::Storage(error) => RecordsError::in_file(&path, error.into()),
            other => RecordsError::Corrupt { path: path.clone(), reason: other.to_string() },
        })?;
        Ok(Self(Arc::new(Inner { database, path })))
    }

    /// Records that are gone with the process.
    ///
    /// # Errors
    /// [`RecordsError::Corrupt`], which memory does not give.
    pub fn in_memory() -> Result<Self, RecordsError> {
        let path = PathBuf::from("memory");
        let opened = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(InMemoryBackend::new());
        let database = opened.map_err(|error| RecordsError::Corrupt {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self(Arc::new(Inner { database, path })))
    }

    /// Where they are; for messages.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Everything as the newest commit left it.
    ///
    /// # Errors
    /// [`RecordsError::Storage`].
    pub fn read(&self) -> Result<View, RecordsError> {
        let tx = self.0.database.begin_read().map_err(|error| self.failed(error.into()))?;
        Ok(View::new(tx, self.0.path.clone()))
    }

    /// The one writer; waits for the one before. It blocks, so it belongs into a blocking thread where the wait
    /// could be long.
    ///
    /// # Errors
    /// [`RecordsError::Storage`].
    pub fn write(&self) -> Result<Tx, RecordsError> {
        let tx = self.0.database.begin_write().map_err(|error| self.failed(error.into()))?;
        Ok(Tx::new(tx, self.0.path.clone()))
    }

    /// One row written and on disk.
    ///
    /// # Errors
    /// As [`Tx::put`] and [`Tx::commit`].
    pub fn put<V: serde::Serialize>(
        &self,
        table: &Table<V>,
        key: &[u8],
        value: &V,
        ends_ms: Option<u64>,
    ) -> Result<(), RecordsError> {
        let tx = self.write()?;
        tx.put(table, key, value, ends_ms)?;
        tx.commit()
    }

    fn failed(&self, error: redb::Error) -> RecordsError {
        RecordsError::in_file(&self.0.path, error)
    }
}

/// The file, for its owner alone from its first moment: what it holds is his business.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests;
