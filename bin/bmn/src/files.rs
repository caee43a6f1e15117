//! Files that must not be read by others or overwritten.

use crate::failure::Failure;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

pub(crate) use bmn_launch::files::{read_private, read_small};

/// Writes a new file that only its owner may read.
pub(crate) fn create_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    write_new(&options, path, text)
}

/// Writes a new file; an existing one is never overwritten.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), Failure> {
    write_new(OpenOptions::new().write(true).create_new(true), path, text)
}

fn write_new(options: &OpenOptions, path: &Path, text: &str) -> Result<(), Failure> {
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| Failure::file(path, source))
}

/// Replaces a file, all of it or nothing.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    create(beside, text)?;
    fs::rename(beside, path).map_err(|source| Failure::file(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn private_files_are_created_closed_and_refused_open() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        create_private(&path, "text").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_private(&path).unwrap(), "text");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_private(&path).unwrap_err().to_string().contains("mode 640"));
    }

    #[test]
    fn nothing_is_overwritten_by_creating() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("order.json");
        create(&path, "first").unwrap();
        assert_eq!(create(&path, "second").unwrap_err().exit_code(), 2);
        assert_eq!(read_small(&path).unwrap(), "first");
        replace(&path, "third").unwrap();
        assert_eq!(read_small(&path).unwrap(), "third");
    }
}
