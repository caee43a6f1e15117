//! Reading and writing.

use crate::{RecordsError, Table, row};
use redb::{
    ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, WriteTransaction,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    ops::Bound,
    path::{Path, PathBuf},
};

/// Keys and values of a listing, in the order of the keys.
pub type Listed<V> = Vec<(Vec<u8>, V)>;

/// What can be read, in a [`View`] and in a [`Tx`].
pub trait Reads {
    /// The value of a row; none when there is none, or its end has come.
    ///
    /// # Errors
    /// [`RecordsError::Storage`], [`RecordsError::Undecodable`].
    fn get<V: DeserializeOwned>(
        &self,
        table: &Table<V>,
        key: &[u8],
        now_ms: u64,
    ) -> Result<Option<V>, RecordsError>;

    /// Up to `limit` rows whose keys begin with `prefix`, by key, or from the last one back with `newest_first`. Rows
    /// whose end has come are left out.
    ///
    /// # Errors
    /// [`RecordsError::Storage`], [`RecordsError::Undecodable`].
    fn list<V: DeserializeOwned>(
        &self,
        table: &Table<V>,
        prefix: &[u8],
        newest_first: bool,
        limit: usize,
        now_ms: u64,
    ) -> Result<Listed<V>, RecordsError>;
}

/// Everything as one commit left it.
#[derive(Debug)]
pub struct View {
    pub(crate) tx: ReadTransaction,
    path: PathBuf,
}

impl View {
    pub(crate) const fn new(tx: ReadTransaction, path: PathBuf) -> Self {
        Self { tx, path }
    }

    pub(crate) fn failed(&self, error: impl Into<redb::Error>) -> RecordsError {
        RecordsError::in_file(&self.path, error.into())
    }
}

impl Reads for View {
    fn get<V: DeserializeOwned>(
        &self,
        table: &Table<V>,
        key: &[u8],
        now_ms: u64,
    ) -> Result<Option<V>, RecordsError> {
        match self.tx.open_table(table.definition()) {
            Ok(open) => get(&open, table, key, now_ms, &self.path),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn list<V: DeserializeOwned>(
        &self,
        table: &Table<V>,
        prefix: &[u8],
        newest_first: bool,
        limit: usize,
        now_ms: u64,
    ) -> Result<Listed<V>, RecordsError> {
        let asked = Asked { prefix, newest_first, limit, now_ms };
        match self.tx.open_table(table.definition()) {
            Ok(open) => list(&open, table, &asked, &self.path),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// Writes that become one commit. Dropping it takes them back.
pub struct Tx {
    pub(crate) tx: WriteTransaction,
    path: PathBuf,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) const fn new(tx: WriteTransaction, path: PathBuf) -> Self {
        Self { tx, path }
    }

    pub(crate) fn failed(&self, error: impl Into<redb::Error>) -> RecordsError {
        RecordsError::in_file(&self.path, error.into())
    }

    /// Writes a row, in the place of one with the same key. `ends_ms`: when it becomes absent, milliseconds since 1970.
    ///
    /// # Errors
    /// [`RecordsError::Storage`], [`RecordsError::Unencodable`].
    pub fn put<V: Serialize>(
        &self,
        table: &Table<V>,
        key: &[u8],
        value: &V,
        ends_ms: Option<u64>,
    ) -> Result<(), RecordsError> {
        let bytes = row::write(table.name(), value, ends_ms)?;
        let mut open =
            self.tx.open_table(table.definition()).map_err(|error| self.failed(error))?;
        open.insert(key, bytes.as_slice()).map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Takes a row away; false when there was none.
    ///
    /// # Errors
    /// [`RecordsError::Storage`].
    pub fn remove<V>(&self, table: &Table<V>, key: &[u8]) -> Result<bool, RecordsError> {
        let mut open =
            self.tx.open_table(table.definition()).map_err(|error| self.failed(error))?;
        let removed = open.remove(key).map_err(|error| self.failed(error))?;
        Ok(removed.is_some())
    }

    /// Takes rows away whose end has come, up to `limit` of each table; how many.
    ///
    /// # Errors
    /// [`RecordsError::Storage`].
    pub fn sweep(&self, now_ms: u64, limit: usize) -> Result<usize, RecordsError> {
        let tables: Vec<String> = self
            .tx
            .list_tables()
            .map_err(|error| self.failed(error))?
            .map(|table| table.name().to_owned())
            .collect();
        let mut swept = 0;
        for name in tables {
            let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(&name);
            let mut open = self.tx.open_table(definition).map_err(|error| self.failed(error))?;
            let over = over(&open, now_ms, limit).map_err(|error| self.failed(error))?;
            for key in &over {
                open.remove(key.as_slice()).map_err(|error| self.failed(error))?;
            }
            swept += over.len();
        }
        Ok(swept)
    }

    /// Makes the writes durable.
    ///
    /// # Errors
    /// [`RecordsError::Storage`], [`RecordsError::DiskFull`]: nothing was written then.
    pub fn commit(self) -> Result<(), RecordsError> {
        let Self { tx, path } = self;
        tx.commit().map_err(|error| RecordsError::in_file(&path, error.into()))
    }
}

impl Reads for Tx {
    fn get<V: DeserializeOwned>(
        &self,
        table: &Table<V>,
        key: &[u8],
        now_ms: u64,
    ) -> Result<Option<V>, RecordsError> {
        let open = self.tx.open_table(table.definition()).map_err(|error| self.failed(error))?;
        get(&open, table, key, now_ms, &self.path)
    }

    fn list<V: DeserializeOwned>(
        &self,
        table: &Table<V>,
        prefix: &[u8],
        newest_first: bool,
        limit: usize,
        now_ms: u64,
    ) -> Result<Listed<V>, RecordsError> {
        let open = self.tx.open_table(table.definition()).map_err(|error| self.failed(error))?;
        list(&open, table, &Asked { prefix, newest_first, limit, now_ms }, &self.path)
    }
}

struct Asked<'a> {
    prefix: &'a [u8],
    newest_first: bool,
    limit: usize,
    now_ms: u64,
}

type Bytes = &'static [u8];

fn get<V: DeserializeOwned>(
    open: &impl ReadableTable<Bytes, Bytes>,
    table: &Table<V>,
    key: &[u8],
    now_ms: u64,
    path: &Path,
) -> Result<Option<V>, RecordsError> {
    let found = open.get(key).map_err(|error| RecordsError::in_file(path, error.into()))?;
    found.map_or(Ok(None), |found| row::read(table.name(), found.value(), now_ms))
}

fn list<V: DeserializeOwned>(
    open: &impl ReadableTable<Bytes, Bytes>,
    table: &Table<V>,
    asked: &Asked<'_>,
    path: &Path,
) -> Result<Listed<V>, RecordsError> {
    let failed = |error: redb::StorageError| RecordsError::in_file(path, error.into());
    let after = after(asked.prefix);
    let end = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rows = open.range::<&[u8]>((Bound::Included(asked.prefix), end)).map_err(failed)?;
    let mut listed = Vec::new();
    while listed.len() < asked.limit {
        let next = if asked.newest_first { rows.next_back() } else { rows.next() };
        let Some(next) = next else { break };
        let (key, bytes) = next.map_err(failed)?;
        if let Some(value) = row::read(table.name(), bytes.value(), asked.now_ms)? {
            listed.push((key.value().to_vec(), value));
        }
    }
    Ok(listed)
}

/// The first key after all that begin with `prefix`; none when there is no such key.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

fn over(
    open: &impl ReadableTable<Bytes, Bytes>,
    now_ms: u64,
    limit: usize,
) -> Result<Vec<Vec<u8>>, redb::StorageError> {
    let mut over = Vec::new();
    for next in open.iter()? {
        let (key, bytes) = next?;
        if row::end(bytes.value()).flatten().is_some_and(|end| end <= now_ms) {
            over.push(key.value().to_vec());
            if over.len() == limit {
                break;
            }
        }
    }
    Ok(over)
}
