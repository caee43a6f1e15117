//! The key of the operator's listener, and the log of what his methods changed.

use crate::{LaunchError, files::read_private};
use bmn_config::NodeConfig;
use bmn_node::{Clock, SystemClock};
use bmn_rpc::{AUDIT_BYTES, AuditLog, JwtKey};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Name of the key's file in the data directory.
const KEY_FILE: &str = "jwt.hex";
/// Name of the log's file in the data directory.
const AUDIT_FILE: &str = "audit.log";

/// Where the key of the operator's listener is.
pub fn jwt_file(config: &NodeConfig) -> PathBuf {
    config.access.jwt_secret.clone().unwrap_or_else(|| config.data_dir.join(KEY_FILE))
}

/// The key in a file that nobody else may read.
///
/// # Errors
/// [`LaunchError::File`]; [`LaunchError::Configuration`] when others may read it, or when it holds no key.
pub fn jwt_key(path: &Path) -> Result<JwtKey, LaunchError> {
    let told = |error| LaunchError::Configuration(format!("{}: {error}", path.display()));
    JwtKey::from_hex(&read_private(path)?).map_err(told)
}

/// The same; where there is no such file it is made, with a new key and for nobody else to read.
///
/// # Errors
/// As [`jwt_key`].
pub fn jwt_key_or_new(path: &Path) -> Result<JwtKey, LaunchError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        let key = JwtKey::random();
        file.write_all(key.to_hex().as_bytes())?;
        file.sync_all()?;
        Ok(key)
    });
    match written {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => jwt_key(path),
        Err(error) => Err(LaunchError::file(path, error)),
    }
}

/// The log of the operator's methods: events, and `audit.log` in the data directory.
///
/// # Errors
/// [`LaunchError::File`].
pub fn audit_log(config: &NodeConfig) -> Result<AuditLog, LaunchError> {
    let path = config.data_dir.join(AUDIT_FILE);
    let clock = SystemClock::new();
    AuditLog::open(&path, AUDIT_BYTES, move || clock.unix_seconds())
        .map_err(|error| LaunchError::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_key_is_made_once_and_for_nobody_else() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jwt.hex");
        assert!(jwt_key(&path).is_err(), "who asks makes none");
        let key = jwt_key_or_new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((jwt_key_or_new(&path).unwrap(), jwt_key(&path).unwrap()), (key, key));
        std::fs::write(&path, "0x12").unwrap();
        let told = jwt_key_or_new(&path).unwrap_err().to_string();
        assert!(told.contains("jwt.hex: expected 64 hex digits"), "{told}");
    }
}
