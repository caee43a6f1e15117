//! Keys to sign with.

use crate::{LaunchError, files, hosts, secrets};
use alloy::{
    primitives::{B256, U256},
    signers::local::PrivateKeySigner,
};
use bmn_config::{KeySource, NodeConfig, PasswordSource};
use bmn_executor::{Account, DailyCaps};
use bmn_host_rpc::RemoteSigner;
use std::{path::Path, sync::Arc};

/// The account of a configuration, with what it may spend.
///
/// # Errors
/// As [`from`]; a remote signer that cannot be asked.
pub fn account(config: &NodeConfig, source: &KeySource) -> Result<Account, LaunchError> {
    let account = match source {
        KeySource::Remote { endpoint, account } => {
            let refused =
                |reason: String| LaunchError::Configuration(format!("the remote signer: {reason}"));
            let endpoint = hosts::endpoint(endpoint).map_err(refused)?;
            let signer = RemoteSigner::new(endpoint, *account);
            Account::new(Arc::new(signer.map_err(|reason| refused(reason.to_owned()))?))
        }
        local => Account::from(from(local)?),
    };
    let caps = config.spending.daily_caps.iter().fold(DailyCaps::none(), |caps, cap| {
        caps.with(cap.chain, cap.token.unwrap_or_default(), U256::from(cap.most))
    });
    let account = account.with_caps(caps);
    Ok(match config.spending.max_gas_fee {
        Some(wei) => account.with_max_fee(wei),
        None => account,
    })
}

/// The key that is there.
///
/// # Errors
/// [`LaunchError::File`] and [`LaunchError::Configuration`]: there is none, others may read it, or its password
/// is wrong.
pub fn from(source: &KeySource) -> Result<PrivateKeySigner, LaunchError> {
    match source {
        KeySource::File(path) => {
            parse(files::read_private(path)?.trim(), &path.display().to_string())
        }
        KeySource::Env(name) => {
            let text = std::env::var(name).map_err(|_| {
                LaunchError::Configuration(format!(
                    "environment variable {name} is not set to a text"
                ))
            })?;
            parse(text.trim(), &format!("environment variable {name}"))
        }
        KeySource::Command(command) => {
            let told = |reason| LaunchError::Configuration(format!("key_command: {reason}"));
            parse(secrets::command(command).map_err(told)?.trim(), "key_command")
        }
        KeySource::Keystore { path, password } => keystore(path, &password_of(password)?),
        KeySource::Remote { .. } => Err(LaunchError::Configuration(
            "a remote signer serves `bmn node` alone; this command needs a key on this machine"
                .to_owned(),
        )),
    }
}

fn password_of(source: &PasswordSource) -> Result<String, LaunchError> {
    let text = match source {
        PasswordSource::File(path) => files::read_private(path)?,
        PasswordSource::Env(name) => std::env::var(name).map_err(|_| {
            LaunchError::Configuration(format!("environment variable {name} is not set to a text"))
        })?,
        PasswordSource::Command(command) => secrets::command(command)
            .map_err(|reason| LaunchError::Configuration(format!("password_command: {reason}")))?,
    };
    // Editors end a file with a line break; a password never does.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

// The file is encrypted, so others may read it; its password is what must be private.
fn keystore(path: &Path, password: &str) -> Result<PrivateKeySigner, LaunchError> {
    // Read first: a file that is missing or far too large is told for what it is.
    files::read_small(path)?;
    PrivateKeySigner::decrypt_keystore(path, password).map_err(|error| {
        LaunchError::Configuration(format!(
            "{}: {error}; expected an encrypted keystore, version 3, and its password",
            path.display()
        ))
    })
}

/// The key that a text is; `origin` names where it came from.
///
/// # Errors
/// [`LaunchError::Configuration`], which does not repeat the text: it may be a key with one digit too many.
pub fn parse(text: &str, origin: &str) -> Result<PrivateKeySigner, LaunchError> {
    let key: Option<B256> = text.strip_prefix("0x").and_then(|digits| digits.parse().ok());
    key.and_then(|key| PrivateKeySigner::from_bytes(&key).ok()).ok_or_else(|| {
        LaunchError::Configuration(format!(
            "{origin}: expected a private key, 0x followed by 64 hex digits"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first key of the public development mnemonic.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_malformed_key_is_not_repeated() {
        for bad in [KEY.replace("0x", ""), format!("{KEY}0")] {
            let error = parse(&bad, "key.txt").unwrap_err().to_string();
            assert!(error.starts_with("key.txt: expected") && !error.contains("ac0974"), "{error}");
        }
        assert!(parse(&format!("0x{}", "0".repeat(64)), "key.txt").is_err());
    }

    /// The PBKDF2 example of the "Web3 Secret Storage" definition.
    const KEYSTORE: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
    const KEYSTORE_KEY: B256 = alloy::primitives::b256!(
        "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    );

    fn write_private(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn a_keystore_opens_with_its_password_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.json");
        std::fs::write(&path, KEYSTORE).unwrap();
        let password = directory.path().join("password");
        write_private(&password, "testpassword\n");
        let source = |password| KeySource::Keystore { path: path.clone(), password };
        let found = from(&source(PasswordSource::File(password.clone()))).unwrap();
        let expected = PrivateKeySigner::from_bytes(&KEYSTORE_KEY).unwrap();
        assert_eq!(found.address(), expected.address());
        std::fs::write(&password, "wrong-password").unwrap();
        let error = from(&source(PasswordSource::File(password))).unwrap_err().to_string();
        assert!(error.contains("key.json") && error.contains("version 3"), "{error}");
        assert!(!error.contains("wrong-password"), "{error}");
        std::fs::write(&path, "{}").unwrap();
        let unset = PasswordSource::Env("BMN_TEST_NO_SUCH_VARIABLE".to_owned());
        let error = from(&source(unset)).unwrap_err().to_string();
        assert!(error.contains("is not set"), "{error}");
    }
}
