//! The key that wraps all others, and its file.

use crate::directory::{new_private_file, sync_directory};
use crate::{Entropy, StoreError};
use alloy::primitives::{B64, keccak256};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Name of the key file in the data directory.
pub const MASTER_KEY_FILE: &str = "master.key";

/// 32 bytes that open every sealed row. Wiped on drop; has no `Debug`, so that nothing holding it
/// can print it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Wraps raw bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a key from a file of 32 raw bytes that only its owner may read.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::MasterKeyUnusable`].
    pub fn read_file(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| StoreError::io(path, error))?;
        read(file, path.to_path_buf())
    }

    /// Names the key without telling it: backups and people compare it.
    pub fn check_value(&self) -> B64 {
        let mut named =
            Zeroizing::new(*b"bmn master key: its check value\0................................");
        named[32..].copy_from_slice(&self.0);
        B64::from_slice(&keccak256(named.as_slice())[..8])
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Reads the key of `directory`; creates it while there is no database. Called with the
/// directory locked, so that two processes cannot each create one.
pub(crate) fn load_or_create(
    directory: &Path,
    database_is_new: bool,
    entropy: &dyn Entropy,
) -> Result<MasterKey, StoreError> {
    let path = directory.join(MASTER_KEY_FILE);
    match File::open(&path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io(&path, error)),
        Err(_) if database_is_new => create(directory, &path, entropy),
        Err(_) => Err(StoreError::MasterKeyMissing { path }),
    }
}

/// The key of `directory`, where there is one.
pub(crate) fn load(directory: &Path) -> Result<Option<MasterKey>, StoreError> {
    match MasterKey::read_file(&directory.join(MASTER_KEY_FILE)) {
        Ok(key) => Ok(Some(key)),
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(file: File, path: PathBuf) -> Result<MasterKey, StoreError> {
    if is_open_to_others(&file).map_err(|error| StoreError::io(&path, error))? {
        let reason = "others may read the master key; run chmod 600 on it";
        return Err(StoreError::MasterKeyUnusable { path, reason });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    file.take(64).read_to_end(&mut bytes).map_err(|error| StoreError::io(&path, error))?;
    <[u8; 32]>::try_from(bytes.as_slice()).map(MasterKey).map_err(|_| {
        StoreError::MasterKeyUnusable { path, reason: "a master key is exactly 32 raw bytes" }
    })
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

fn create(directory: &Path, path: &Path, entropy: &dyn Entropy) -> Result<MasterKey, StoreError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    entropy.fill(bytes.as_mut())?;
    let key = MasterKey(*bytes);
    write_file(directory, path, &key)?;
    Ok(key)
}

/// Writes a key into a directory that has none.
pub(crate) fn write(directory: &Path, key: &MasterKey) -> Result<(), StoreError> {
    write_file(directory, &directory.join(MASTER_KEY_FILE), key)
}

// The key must be whole and on disk before the first secret is sealed with it: it is written
// elsewhere, synced and then renamed, and the directory is synced too.
fn write_file(directory: &Path, path: &Path, key: &MasterKey) -> Result<(), StoreError> {
    let draft = path.with_extension("new");
    let io = |error| StoreError::io(path, error);
    let mut file = new_private_file(&draft).map_err(io)?;
    file.write_all(key.expose()).and_then(|()| file.sync_all()).map_err(io)?;
    std::fs::rename(&draft, path).map_err(io)?;
    sync_directory(directory).map_err(io)
}
