//! Writing and reading keystores, version 3.

use crate::{failure::Failure, files};
use alloy::{
    primitives::Address,
    signers::local::{LocalSignerError, PrivateKeySigner},
};
use rand_08::rngs::OsRng;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

/// The version that is written and read.
const VERSION: u64 = 3;

/// What a keystore says of itself to whoever has no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    /// The account; none where its maker left it out.
    pub(super) account: Option<Address>,
    /// How the password becomes a key: `scrypt` or `pbkdf2`.
    pub(super) kdf: String,
}

/// Encrypts a key into a new file that only its owner may read, and opens it again before it is believed.
pub(super) fn write(signer: &PrivateKeySigner, password: &str, path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::Usage(format!(
            "{}: is there already and is not overwritten; name another file",
            path.display()
        )));
    }
    let beside = private_directory_beside(path)?;
    let encrypted = encrypt(signer, password, beside.path())?;
    let text = labelled(&encrypted, signer.address())?;
    files::create_private(path, &text)?;
    let found = open(path, password)?;
    if found.address() == signer.address() {
        return Ok(());
    }
    let address = found.address();
    Err(Failure::Run(eyre::eyre!(
        "{}: opened as {address}, not as {}: do not use it",
        path.display(),
        signer.address()
    )))
}

/// The key in a keystore.
pub(super) fn open(path: &Path, password: &str) -> Result<PrivateKeySigner, Failure> {
    label(path)?;
    let refused = |error: LocalSignerError| {
        Failure::Usage(format!(
            "{}: {error}; expected an encrypted keystore, version 3, and its password",
            path.display()
        ))
    };
    PrivateKeySigner::decrypt_keystore(path, password).map_err(refused)
}

/// What a keystore says without its password.
pub(super) fn label(path: &Path) -> Result<Label, Failure> {
    let text = files::read_small(path)?;
    read_label(&text).map_err(|reason| {
        Failure::Usage(format!(
            "{}: {reason}; expected an encrypted keystore, version 3, as `bmn keys new` makes them",
            path.display()
        ))
    })
}

fn read_label(text: &str) -> Result<Label, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "it is no JSON".to_owned())?;
    match value["version"].as_u64() {
        Some(VERSION) => {}
        Some(other) => return Err(format!("`version` is {other}")),
        None => return Err("`version` is missing".to_owned()),
    }
    // Geth writes both in lower case, others the first letter as a capital.
    let crypto = value.get("crypto").or_else(|| value.get("Crypto"));
    let kdf = crypto.and_then(|crypto| crypto["kdf"].as_str());
    let kdf = kdf.ok_or_else(|| "`crypto.kdf` is missing".to_owned())?.to_owned();
    let account = match value["address"].as_str() {
        None => None,
        Some(digits) => {
            let parsed = digits.strip_prefix("0x").unwrap_or(digits).parse();
            Some(parsed.map_err(|_| "`address` is no address".to_owned())?)
        }
    };
    Ok(Label { account, kdf })
}

// The library makes files that everybody may read: only in a directory that nobody else may enter.
fn private_directory_beside(path: &Path) -> Result<TempDir, Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let made = tempfile::Builder::new().prefix(".bmn-keys-").tempdir_in(parent);
    made.map_err(|source| Failure::file(parent, source))
}

fn encrypt(signer: &PrivateKeySigner, password: &str, directory: &Path) -> Result<String, Failure> {
    const NAME: &str = "key";
    let key = signer.to_bytes();
    let made = PrivateKeySigner::encrypt_keystore(directory, &mut OsRng, key, password, Some(NAME));
    made.map_err(|error| Failure::Run(eyre::Report::new(error)))?;
    let path = directory.join(NAME);
    fs::read_to_string(&path).map_err(|source| Failure::file(path, source))
}

/// The same with its account, so that it can be listed without the password.
fn labelled(encrypted: &str, account: Address) -> Result<String, Failure> {
    let mut value: Value = serde_json::from_str(encrypted).map_err(std::io::Error::from)?;
    value["address"] = json!(format!("{account:x}"));
    Ok(serde_json::to_string_pretty(&value).map_err(std::io::Error::from)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    #[test]
    fn what_is_written_opens_with_its_password_alone_and_names_its_account() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.json");
        let signer = PrivateKeySigner::random();
        write(&signer, PASSWORD, &path).unwrap();
        assert_eq!(open(&path, PASSWORD).unwrap().address(), signer.address());
        let label = label(&path).unwrap();
        assert_eq!((label.account, label.kdf.as_str()), (Some(signer.address()), "scrypt"));
        let error = open(&path, "another").unwrap_err().to_string();
        assert!(error.contains("key.json") && !error.contains("another"), "{error}");
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it_and_it_is_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.json");
        let (first, second) = (PrivateKeySigner::random(), PrivateKeySigner::random());
        write(&first, PASSWORD, &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = write(&second, PASSWORD, &path).unwrap_err().to_string();
        assert!(refused.contains("not overwritten"), "{refused}");
        assert_eq!(open(&path, PASSWORD).unwrap().address(), first.address());
    }

    #[test]
    fn what_is_no_keystore_is_told_by_what_it_lacks() {
        for (text, says) in [
            ("key", "no JSON"),
            ("{}", "`version` is missing"),
            (r#"{"version":1}"#, "`version` is 1"),
            (r#"{"version":3}"#, "`crypto.kdf` is missing"),
            (r#"{"version":3,"crypto":{"kdf":"scrypt"},"address":"12"}"#, "`address` is no"),
        ] {
            let error = read_label(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        let geth = r#"{"version":3,"Crypto":{"kdf":"pbkdf2"}}"#;
        assert_eq!(read_label(geth).unwrap(), Label { account: None, kdf: "pbkdf2".to_owned() });
    }
}
