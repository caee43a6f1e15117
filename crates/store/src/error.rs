//! What can go wrong with the store.

use crate::tables::{self, Table};
use alloy::primitives::{B256, hex};
use bmn_primitives::{BlockRef, ChainId, ErrorClass, Hashlock};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Errors of [`Store`](crate::Store) and its transactions.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the file.
    #[error("another bmn is running on {}; stop it or choose another directory", path.display())]
    AlreadyOpen {
        /// The database file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error("{} has schema {found}; this build knows up to {known}: use a newer bmn", path.display())]
    NewerSchema {
        /// Version in the file.
        found: u32,
        /// Newest version this build reads.
        known: u32,
        /// The database file.
        path: PathBuf,
    },
    /// The file is not a database of ours, or is damaged.
    #[error("{} is not a usable bmn database: {reason}; restore a backup or move it away", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A file or directory could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// There is no room for a write. Nothing that was committed is lost.
    #[error("no space left for {}: free some and start again; nothing committed is lost", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// A backup is cut short, altered, or no backup.
    #[error("{} is not a whole backup: at byte {at}, {reason}; nothing was written, use another one", path.display())]
    BackupDamaged {
        /// The backup.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// What does not fit.
        reason: String,
    },
    /// Something is in the directory that a backup is to be restored into.
    #[error("{} is not empty, {found} is in it: name an empty directory, or one that does not exist yet", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// One of its entries.
        found: String,
    },
    /// A restore into the directory was cut short.
    #[error("a restore into {} was cut short: run `bmn restore` again, it begins from its start", path.display())]
    RestoreUnfinished {
        /// The directory.
        path: PathBuf,
    },
    /// The records file beside the database cannot be read or written.
    #[error("the records beside the database: {0}")]
    Beside(Box<dyn std::error::Error + Send + Sync>),
    /// The database failed while it was open; the handle must be dropped and the store reopened.
    #[error("database failed, reopen it: {0}")]
    Storage(Box<redb::Error>),
    /// There is a database but no master key, so its secrets cannot be opened.
    #[error("{} is missing although the database exists; put the key back", path.display())]
    MasterKeyMissing {
        /// Where the key is looked for.
        path: PathBuf,
    },
    /// The master key file cannot be used.
    #[error("{}: {reason}", path.display())]
    MasterKeyUnusable {
        /// The key file.
        path: PathBuf,
        /// Why, and what would be accepted. Never the key.
        reason: &'static str,
    },
    /// The master key is not the one this database was created with.
    #[error("the master key does not belong to {}", path.display())]
    MasterKeyMismatch {
        /// The database file.
        path: PathBuf,
    },
    /// A row does not decode.
    #[error("table {table}: row 0x{key} does not decode")]
    Undecodable {
        /// Table.
        table: &'static str,
        /// Key in hex.
        key: String,
    },
    /// A row cannot be encoded: a mistake in its type.
    #[error("table {table}: a row cannot be encoded: {reason}")]
    Unencodable {
        /// Table.
        table: &'static str,
        /// The encoder's words.
        reason: String,
    },
    /// An index names a row that is not there.
    #[error("table {table}: row 0x{key} is missing although an index names it")]
    Dangling {
        /// Table.
        table: &'static str,
        /// Key in hex.
        key: String,
    },
    /// A block to undo has no journal any more.
    #[error("chain {chain}: no undo journal for block {number}; rebuild the index from its start")]
    UndoMissing {
        /// Chain.
        chain: ChainId,
        /// Block number.
        number: u64,
    },
    /// What was asked about a block was taken out of the index.
    #[error(
        "chain {chain}: the index is not kept down to block {number}; ask from block {oldest} on"
    )]
    Pruned {
        /// Chain.
        chain: ChainId,
        /// Block number.
        number: u64,
        /// The lowest number that can be asked for.
        oldest: u64,
    },
    /// A block does not continue the chain we hold.
    #[error("chain {chain}: block {block} is not the child of our {cursor}")]
    NotChild {
        /// Chain.
        chain: ChainId,
        /// Our newest block.
        cursor: BlockRef,
        /// The block offered.
        block: BlockRef,
    },
    /// A block to undo is not our newest one.
    #[error("chain {chain}: block {block} cannot be undone, our newest is {cursor:?}")]
    NotNewest {
        /// Chain.
        chain: ChainId,
        /// Our newest block.
        cursor: Option<BlockRef>,
        /// The block to undo.
        block: BlockRef,
    },
    /// Blocks were staged on a cursor that another writer has moved since; stage them again.
    #[error("chain {chain}: its cursor was moved while blocks were staged; take them again")]
    CursorMoved {
        /// Chain.
        chain: ChainId,
    },
    /// A chain row was written outside its block, or a block was left open.
    #[error("{0}")]
    Misplaced(&'static str),
    /// The chain was indexed under another genesis: it was reset, or the id is reused.
    #[error("chain {chain}: genesis is {found}, the index was built on {stored}")]
    WrongGenesis {
        /// Chain.
        chain: ChainId,
        /// Genesis hash the index was built on.
        stored: B256,
        /// Genesis hash the host reports.
        found: B256,
    },
    /// The bytes do not hash to the hashlock.
    #[error("the secret does not open hashlock {hashlock}")]
    WrongSecret {
        /// Hashlock it was given for.
        hashlock: Hashlock,
    },
    /// Sealed bytes do not open: they were altered, or belong elsewhere.
    #[error("sealed {what} 0x{key} does not open: the row was altered")]
    SealBroken {
        /// What was sealed.
        what: &'static str,
        /// Key in hex.
        key: String,
    },
    /// No random bytes to be had.
    #[error("no randomness from the operating system: {0}")]
    Entropy(#[from] crate::EntropyUnavailable),
    /// A lease with a newer epoch exists: another signer took over.
    #[error("chain {chain}: the account is leased under epoch {current}, ours is {offered}")]
    Fenced {
        /// Chain.
        chain: ChainId,
        /// Epoch in the store.
        current: u64,
        /// Epoch offered.
        offered: u64,
    },
}

impl StoreError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Io { .. } | Self::DiskFull { .. } | Self::Entropy(_) | Self::Beside(_) => {
                ErrorClass::Transient
            }
            Self::Storage(error) => match **error {
                redb::Error::Io(_) | redb::Error::PreviousIo => ErrorClass::Transient,
                _ => ErrorClass::Corrupt,
            },
            Self::AlreadyOpen { .. } | Self::CursorMoved { .. } => ErrorClass::Transient,
            Self::NewerSchema { .. }
            | Self::NotEmpty { .. }
            | Self::RestoreUnfinished { .. }
            | Self::MasterKeyMissing { .. }
            | Self::MasterKeyUnusable { .. }
            | Self::MasterKeyMismatch { .. }
            | Self::Unencodable { .. }
            | Self::Misplaced(_)
            | Self::Pruned { .. }
            | Self::WrongGenesis { .. }
            | Self::WrongSecret { .. }
            | Self::Fenced { .. } => ErrorClass::Permanent,
            Self::Corrupt { .. }
            | Self::BackupDamaged { .. }
            | Self::Undecodable { .. }
            | Self::Dangling { .. }
            | Self::UndoMissing { .. }
            | Self::NotChild { .. }
            | Self::NotNewest { .. }
            | Self::SealBroken { .. } => ErrorClass::Corrupt,
        }
    }

    /// Whether the open database is of no use any more: redb refuses all that follows a failed write
    /// until it is opened again. What was committed is safe.
    pub const fn needs_reopening(&self) -> bool {
        matches!(self, Self::Storage(_) | Self::DiskFull { .. })
    }

    /// A row of `table` under `key` that does not decode.
    pub fn undecodable(table: &'static str, key: &[u8]) -> Self {
        Self::Undecodable { table, key: hex::encode(key) }
    }

    /// A row of `table` under `key` that an index names and that is not there.
    pub fn dangling(table: &'static str, key: &[u8]) -> Self {
        Self::Dangling { table, key: hex::encode(key) }
    }

    /// The chain whose tables must be written again, when that is the cure: a row of them is damaged
    /// or missing.
    pub fn damaged_chain(&self) -> Option<ChainId> {
        let (Self::Undecodable { table, key } | Self::Dangling { table, key }) = self else {
            return None;
        };
        let undo = tables::UNDO.name == *table;
        if !undo && !Table::chain_tables().any(|known| known.name == *table) {
            return None;
        }
        let chain = u64::from_str_radix(key.get(..16)?, 16).ok()?;
        Some(ChainId(chain))
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// A write that failed: a full disk is told with its cure.
    pub(crate) fn writing(path: &Path, error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_path_buf() }
            }
            _ => Self::io(path, error),
        }
    }

    pub(crate) fn backup_damaged(path: &Path, at: u64, reason: impl ToString) -> Self {
        Self::BackupDamaged { path: path.to_path_buf(), at, reason: reason.to_string() }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl ToString) -> Self {
        Self::Corrupt { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        redb::Error::from(error).into()
    }
}
