//! Backups: one file with everything of one moment, taken while the store is in use (S1-107, S1-109).
//!
//! A backup is a head, blocks of rows and a tail. The head says which schema it is, where every chain stood and how
//! many rows each table has; each block has a checksum; the tail has a digest of every table, of what every chain
//! shows ([`digest`](crate::digest)), and of the file. What is sealed in the store is sealed in the backup, under the
//! same master key, which is not in it (M5).

mod directory;
mod frames;
mod restore;
mod take;
mod tally;

pub use directory::{BACKUP_SUFFIX, backup_name, backups, keep_newest};
pub use restore::{Restored, restore};
pub use take::take;

pub(crate) use restore::RESTORING_FILE;

use crate::{Cursor, StoreError};
use alloy::primitives::{B64, B256};
use bmn_primitives::ChainId;
use frames::{Body, Frames};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tally::Tally;

/// Rows of a file beside the database: table, key, value.
pub type RowSink<'a> = dyn FnMut(&str, &[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// Gives every row of such a file to the sink.
pub type RowSource<'a> = dyn Fn(&mut RowSink<'_>) -> Result<(), StoreError> + 'a;

/// Is told how many rows are done, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// Where a chain stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupChain {
    /// Which.
    pub chain: ChainId,
    /// Its newest block, number and hash, and the rolling digest there: what `bmn verify` and `bmn_getDigest` tell of
    /// that block.
    pub cursor: Cursor,
    /// The genesis that the index was built on.
    pub genesis: Option<B256>,
}

/// A table and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTable {
    /// Its name in the file.
    pub name: String,
    /// Its number in digests.
    pub id: u8,
    /// True where its rows are what a chain shows.
    pub of_chain: bool,
    /// How many rows it has.
    pub rows: u64,
}

/// What a backup says about itself first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// Schema of its tables.
    pub schema: u32,
    /// When it was taken, milliseconds since 1970.
    pub taken_ms: u64,
    /// Under which epoch the store was open.
    pub epoch: u64,
    /// Names the master key that opens its sealed rows: [`MasterKey::check_value`](crate::MasterKey::check_value).
    pub key_check: B64,
    /// Every chain, by id.
    pub chains: Vec<BackupChain>,
    /// Every table, in the order in which they stand in the file.
    pub tables: Vec<BackupTable>,
}

/// What a backup says about itself last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// A digest of the rows of each table, in the order of the head.
    pub(crate) tables: Vec<B256>,
    /// A digest of what each chain shows.
    pub(crate) chains: Vec<(ChainId, B256)>,
    /// Rows of the file beside the database.
    pub(crate) beside: u64,
    /// A digest of all that stands before.
    pub(crate) file: B256,
}

/// A backup that was read from its first byte to its last and is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// What it says about itself.
    pub head: BackupHead,
    /// A digest of the rows of each table, in the order of the head.
    pub tables: Vec<B256>,
    /// What each chain shows, as [`digest`](crate::digest) has it.
    pub chains: Vec<(ChainId, B256)>,
    /// Rows of the records file; zero where it was left out.
    pub beside: u64,
    /// A digest of the whole file.
    pub digest: B256,
    /// Its size.
    pub bytes: u64,
}

impl BackupReport {
    /// Rows of the database.
    pub fn rows(&self) -> u64 {
        self.head.rows()
    }
}

impl BackupHead {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).fold(0, u64::saturating_add)
    }
}

/// Reads a backup from its first byte to its last; writes nothing anywhere.
///
/// # Errors
/// [`StoreError::BackupDamaged`] with the first place that is not as it was written, [`StoreError::NewerSchema`],
/// [`StoreError::Io`].
pub fn check(path: &Path, progress: &mut Progress<'_>) -> Result<BackupReport, StoreError> {
    visit(path, progress, &mut |_, _, _| Ok(()), &mut |_, _, _| Ok(()))
}

/// Reads a backup and gives its rows to the two sinks; what came before a damaged place was given already.
fn visit(
    path: &Path,
    progress: &mut Progress<'_>,
    row: &mut RowSink<'_>,
    beside: &mut RowSink<'_>,
) -> Result<BackupReport, StoreError> {
    let mut frames = Frames::open(path)?;
    let head = frames.head()?;
    let mut tally = Tally::new(&head);
    let (mut beside_rows, all) = (0, head.rows());
    loop {
        let before = frames.digest();
        let at = frames.at();
        let damaged = |reason: String| StoreError::backup_damaged(path, at, reason);
        let body = frames.next()?;
        match body {
            Body::Rows { table, rows } => {
                let name = head.tables.get(table).map(|table| table.name.as_str());
                let name = name.ok_or_else(|| damaged("rows of an unknown table".to_owned()))?;
                for (key, value) in rows.iter() {
                    tally.add(table, key, value).map_err(damaged)?;
                    row(name, key, value)?;
                }
                progress(tally.rows(), all);
            }
            Body::Beside { table, rows } => {
                for (key, value) in rows.iter() {
                    beside(&table, key, value)?;
                    beside_rows += 1;
                }
            }
            Body::Tail(tail) => {
                if let Some((table, said, found)) = tally.miscounted() {
                    return Err(damaged(format!("table {table} has {found} rows and not {said}")));
                }
                let found = tally.finish(beside_rows, before);
                found.differs_from(&head, &tail).map_or(Ok(()), |what| Err(damaged(what)))?;
                let bytes = frames.end()?;
                let Tail { tables, chains, beside, file } = tail;
                return Ok(BackupReport { head, tables, chains, beside, digest: file, bytes });
            }
        }
    }
}

impl Tail {
    /// What is not as the tail of the file says, in words.
    fn differs_from(&self, head: &BackupHead, tail: &Self) -> Option<String> {
        if self.tables.len() != tail.tables.len() {
            return Some("its tail is of another backup".to_owned());
        }
        let mut digests = head.tables.iter().zip(self.tables.iter().zip(&tail.tables));
        if let Some((table, _)) = digests.find(|(_, (found, said))| found != said) {
            return Some(format!("the rows of table {} are not those that were taken", table.name));
        }
        if let Some((chain, _)) = self.chains.iter().zip(&tail.chains).find(|(a, b)| a != b) {
            return Some(format!("what chain {} showed is not what was taken", chain.0));
        }
        (self != tail).then(|| "the digest of the file does not fit".to_owned())
    }
}

#[cfg(test)]
pub(crate) fn head_of(
    store: &crate::Store,
    read: &crate::ReadTx,
    taken_ms: u64,
) -> Result<BackupHead, StoreError> {
    take::head(store, read, taken_ms)
}

#[cfg(test)]
pub(crate) fn written<W: std::io::Write>(
    read: &crate::ReadTx,
    head: &BackupHead,
    out: W,
) -> Result<W, StoreError> {
    take::write(read, head, None, out, &mut |_, _| {})
        .map_err(|error| error.at(Path::new("a test")))
}
