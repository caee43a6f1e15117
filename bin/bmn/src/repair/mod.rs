//! `bmn backup`, `bmn restore`, `bmn compact`, `bmn import`: the data directory of a node that is stopped.

pub(crate) mod backup;
pub(crate) mod compact;
pub(crate) mod import;
pub(crate) mod report;
pub(crate) mod restore;

use crate::failure::Failure;
use bmn_store::{DATABASE_FILE, Store, StoreError, StoreOptions};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::Path;

/// Opens the database of a directory; one that is not there is not made.
fn open(data_dir: &Path) -> Result<Store, Failure> {
    let database = data_dir.join(DATABASE_FILE);
    std::fs::metadata(&database).map_err(|error| Failure::file(&database, error))?;
    Store::open(StoreOptions::directory(data_dir)).map_err(failed)
}

/// What a failure of the store means for a command.
pub(crate) fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::Io { path, source } => Failure::File { path, source },
        StoreError::BackupDamaged { .. } => Failure::No(error.to_string()),
        StoreError::NotEmpty { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::MasterKeyMissing { .. }
        | StoreError::MasterKeyUnusable { .. }
        | StoreError::RestoreUnfinished { .. } => Failure::Usage(error.to_string()),
        error => Failure::Run(eyre::Report::new(error)),
    }
}

/// A bar of rows on stderr.
fn bar(what: &'static str) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{prefix}  {bar:30} row {pos} of {len}  {eta} left")
        .map_err(eyre::Report::new)?;
    let target = ProgressDrawTarget::stderr_with_hz(10);
    Ok(ProgressBar::with_draw_target(None, target).with_style(style).with_prefix(what))
}

/// Moves a bar.
fn moves(bar: &ProgressBar) -> impl FnMut(u64, u64) {
    |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    use bmn_scheduler::{Clock, SystemClock};
    SystemClock.now_ms()
}
