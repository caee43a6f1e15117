//! The data directory: for its owner alone, and for one process at a time.

use crate::StoreError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Result};
use std::path::Path;

/// Name of the file whose lock says that a process uses the directory. It stays when the process
/// ends; only the lock matters.
pub(crate) const LOCK_FILE: &str = "bmn.lock";

/// Creates the directory where there is none.
pub(crate) fn create_private_directory(directory: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(directory)
}

/// Locks the directory until the answer is dropped. redb locks its own file too, but that lock does
/// not cover the moment in which the database and the master key are made.
pub(crate) fn lock(directory: &Path, database: &Path) -> std::result::Result<File, StoreError> {
    let path = directory.join(LOCK_FILE);
    let file = private(OpenOptions::new().create(true).truncate(false))
        .open(&path)
        .map_err(|error| StoreError::io(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::AlreadyOpen { path: database.to_path_buf() })
        }
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path, error)),
    }
}

/// Creates an empty file that only its owner may read, in place of what a crash may have left.
pub(crate) fn new_private_file(path: &Path) -> Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => private(OpenOptions::new().create_new(true)).open(path),
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.read(true).write(true)
}

/// Makes a creation or a rename in `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}
