//! A directory that goes away with its owner.

use crate::SimError;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Names tried before giving up.
const ATTEMPTS: u32 = 1_000;

/// A directory in the system's place for such things, removed when dropped.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// A new, empty one.
    pub(crate) fn new() -> Result<Self, SimError> {
        let base = std::env::temp_dir();
        let process = std::process::id();
        for attempt in 0..ATTEMPTS {
            let path = base.join(format!("bmn-dev-{process}-{attempt}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(SimError::Io { path, source }),
            }
        }
        Err(SimError::Io { path: base, source: ErrorKind::AlreadyExists.into() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(target: "bmn::sim", path = %self.0.display(), %error, "left behind");
        }
    }
}
