//! What can go wrong with the records.

use bmn_primitives::ErrorClass;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Errors of [`Records`](crate::Records) and its transactions.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Another process holds the file.
    #[error("another bmn is running on {}; stop it or choose another directory", path.display())]
    AlreadyOpen {
        /// The file.
        path: PathBuf,
    },
    /// The file is not one of ours, or is damaged. It holds history alone.
    #[error("{} is not usable: {reason}; move it away, and a new one is begun", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// There is no room for a write.
    #[error("no space left for {}: free some", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// The database's words.
        source: Box<redb::Error>,
    },
    /// A value that postcard cannot write: a mistake in its type.
    #[error("a row of `{table}` cannot be written: {reason}")]
    Unencodable {
        /// The table.
        table: &'static str,
        /// Why.
        reason: String,
    },
    /// A row that this version does not understand.
    #[error("a row of `{table}` cannot be read: it is damaged, or of a later version")]
    Undecodable {
        /// The table.
        table: &'static str,
    },
}

impl RecordsError {
    pub(crate) fn in_file(path: &Path, error: redb::Error) -> Self {
        let path = path.to_owned();
        match error {
            redb::Error::Io(io) if io.kind() == ErrorKind::StorageFull => Self::DiskFull { path },
            redb::Error::Corrupted(reason) => Self::Corrupt { path, reason },
            other => Self::Storage { path, source: Box::new(other) },
        }
    }

    /// Whether trying again may help.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::AlreadyOpen { .. } | Self::Unencodable { .. } => ErrorClass::Permanent,
            Self::Corrupt { .. } | Self::Undecodable { .. } => ErrorClass::Corrupt,
            Self::DiskFull { .. } | Self::Storage { .. } => ErrorClass::Transient,
        }
    }
}
