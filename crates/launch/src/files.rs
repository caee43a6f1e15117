//! Small text files, and those that must not be read by others.

use crate::LaunchError;
use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// Largest file or stdin that is read as a configuration, an order, a key or a secret, bytes.
pub const MAX_SMALL: u64 = 1 << 20;

/// The text of a small file; `-` is stdin.
///
/// # Errors
/// [`LaunchError::File`] when it cannot be read, is no text, or is larger than [`MAX_SMALL`].
pub fn read_small(path: &Path) -> Result<String, LaunchError> {
    let read = |reader: &mut dyn Read| {
        let mut text = String::new();
        reader.take(MAX_SMALL + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_SMALL {
            return Err(io::Error::other(format!("larger than {MAX_SMALL} bytes")));
        }
        Ok(text)
    };
    let text = if path == Path::new("-") {
        read(&mut io::stdin().lock())
    } else {
        fs::File::open(path).and_then(|mut file| read(&mut file))
    };
    text.map_err(|source| LaunchError::file(path, source))
}

/// The text of a file that holds a key or a secret.
///
/// # Errors
/// As [`read_small`]; [`LaunchError::Configuration`] when others may read it.
pub fn read_private(path: &Path) -> Result<String, LaunchError> {
    #[cfg(unix)]
    if path != Path::new("-") {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(path).map_err(|source| LaunchError::file(path, source))?;
        let mode = metadata.permissions().mode() & 0o777;
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
        if mode & others(path, credentials.as_deref().map(Path::new)) != 0 {
            let path = path.display();
            return Err(LaunchError::Configuration(format!(
                "{path} may be read by others (mode {mode:o}): run `chmod 600 {path}`"
            )));
        }
    }
    read_small(path)
}

/// The permissions that nobody may have. What systemd hands to a service lets its group read in what `stat` shows, which
/// stands for an access list with the service's user alone.
#[cfg(unix)]
fn others(path: &Path, credentials: Option<&Path>) -> u32 {
    let is_credential = credentials.is_some_and(|directory| path.starts_with(directory));
    if is_credential { 0o037 } else { 0o077 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_private_file_that_is_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "text").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_private(&path).unwrap(), "text");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_private(&path).unwrap_err().to_string().contains("mode 640"));
    }

    #[cfg(unix)]
    #[test]
    fn a_credential_of_a_service_may_be_read_by_its_group() {
        let run = Some(Path::new("/run/credentials/bmn.service"));
        assert_eq!(others(Path::new("/run/credentials/bmn.service/password"), run), 0o037);
        for elsewhere in ["/etc/bmn/password", "/run/credentials/other.service/password"] {
            assert_eq!(others(Path::new(elsewhere), run), 0o077);
        }
        assert_eq!(others(Path::new("/run/credentials/bmn.service/password"), None), 0o077);
    }

    #[test]
    fn a_file_too_large_to_be_what_it_should_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        fs::write(&path, vec![b'a'; MAX_SMALL as usize + 1]).unwrap();
        assert!(read_small(&path).unwrap_err().to_string().contains("larger than"));
    }
}
