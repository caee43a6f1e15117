//! Who signs, and what he may spend.

use crate::{
    endpoint::{EndpointSource, SecretCommand},
    node::{AnyText, NodeOrigin, VariableName},
    section::Section,
};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use std::{collections::BTreeSet, path::PathBuf};

/// Where a private key is. Never the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In an environment variable.
    Env(String),
    /// In a file that nobody else may read.
    File(PathBuf),
    /// In the first line that a program writes.
    Command(SecretCommand),
    /// In an encrypted keystore file, version 3.
    Keystore {
        /// The file.
        path: PathBuf,
        /// Where its password is.
        password: PasswordSource,
    },
    /// With a remote signer that signs whole transactions (Web3Signer, Clef).
    Remote {
        /// Where it answers JSON-RPC.
        endpoint: EndpointSource,
        /// The account that it signs for.
        account: Address,
    },
}

/// Where the password of a keystore is. Never the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// In an environment variable.
    Env(String),
    /// In a file that nobody else may read.
    File(PathBuf),
    /// In the first line that a program writes.
    Command(SecretCommand),
}

/// What the signer may spend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpendingLimits {
    /// Most that is ever bid for gas, wei.
    pub max_gas_fee: Option<u128>,
    /// Most that is spent in a day for what takes a risk.
    pub daily_caps: Vec<DailyCap>,
}

/// Most that is spent of one token on one chain in a day of the chain's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyCap {
    /// The chain.
    pub chain: ChainId,
    /// The token; `None` is the coin, gas included.
    pub token: Option<Address>,
    /// Smallest unit.
    pub most: u128,
}

/// What `[signer]` holds.
struct Found {
    env: Option<VariableName>,
    file: Option<String>,
    command: Option<SecretCommand>,
    keystore: Option<String>,
    remote: Option<AnyText>,
    password: Option<PasswordSource>,
    account: Option<Address>,
}

/// The keys of `[signer]` of which exactly one says where the key is.
const KEY_SOURCES: [&str; 5] = ["key_env", "key_file", "key_command", "keystore", "remote"];

impl KeySource {
    pub(crate) fn read(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>) -> Option<Self> {
        let env = section.optional::<VariableName>("key_env");
        let file = section.optional::<String>("key_file");
        let command = section.optional::<SecretCommand>("key_command");
        let keystore = section.optional::<String>("keystore");
        let remote = section.optional::<AnyText>("remote");
        let password = PasswordSource::read(section, origin);
        let account = section.optional::<Address>("account");
        let (env, file, command, keystore, remote) = (env?, file?, command?, keystore?, remote?);
        let (password, account) = (password?, account?);
        let given = [
            env.is_some(),
            file.is_some(),
            command.is_some(),
            keystore.is_some(),
            remote.is_some(),
        ];
        let given: Vec<_> =
            KEY_SOURCES.iter().zip(given).filter(|(_, given)| *given).map(|(key, _)| key).collect();
        if let [first, second, ..] = given[..] {
            section.contradiction(first, format!("{second} is given too: one is enough"));
            return None;
        }
        if password.is_some() && keystore.is_none() {
            let reason = "only a keystore has a password; keystore is missing".to_owned();
            section.contradiction("password_env, password_file or password_command", reason);
            return None;
        }
        if account.is_some() && remote.is_none() {
            let reason = "only a remote signer is told its account; remote is missing".to_owned();
            section.contradiction("account", reason);
            return None;
        }
        Self::one(
            section,
            origin,
            Found { env, file, command, keystore, remote, password, account },
        )
    }

    fn one(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>, found: Found) -> Option<Self> {
        let Found { env, file, command, keystore, remote, password, account } = found;
        if let Some(VariableName(name)) = env {
            return Some(Self::Env(name));
        }
        if let Some(path) = file {
            return Some(Self::File(origin.directory.join(path)));
        }
        if let Some(command) = command {
            return Some(Self::Command(command));
        }
        if let Some(path) = keystore {
            let path = origin.directory.join(path);
            let needed = "missing: say where the password is (password_env, password_file or password_command)";
            return match password {
                Some(password) => Some(Self::Keystore { path, password }),
                None => {
                    section.contradiction("keystore", needed.to_owned());
                    None
                }
            };
        }
        match (remote, account) {
            (Some(AnyText(text)), Some(account)) => Self::remote(section, &text, account),
            (Some(_), None) => {
                let reason = "missing: the address that the remote signer signs for".to_owned();
                section.contradiction("account", reason);
                None
            }
            (None, _) => {
                let reason = format!("missing, and so are {}", KEY_SOURCES[1..].join(", "));
                section.contradiction("key_env", reason);
                None
            }
        }
    }

    fn remote(section: &mut Section<'_, '_>, text: &str, account: Address) -> Option<Self> {
        match EndpointSource::read(text) {
            // A push connection is of no use to a signer.
            Some(EndpointSource::Url(url)) if url.starts_with("ws") => {}
            Some(endpoint) => return Some(Self::Remote { endpoint, account }),
            None => {}
        }
        let reason = "expected a URL that begins with http:// or https://, or env:NAME, file:/PATH or \
                      command:PROGRAM ARGUMENTS";
        section.contradiction("remote", reason.to_owned());
        None
    }
}

impl PasswordSource {
    fn read(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>) -> Option<Option<Self>> {
        let env = section.optional::<VariableName>("password_env");
        let file = section.optional::<String>("password_file");
        let command = section.optional::<SecretCommand>("password_command");
        let (env, file, command) = (env?, file?, command?);
        let given = [env.is_some(), file.is_some(), command.is_some()];
        let names = ["password_env", "password_file", "password_command"];
        let given: Vec<_> = names.iter().zip(given).filter(|(_, given)| *given).collect();
        if let [(first, _), (second, _), ..] = given[..] {
            section.contradiction(first, format!("{second} is given too: one is enough"));
            return None;
        }
        Some(match (env, file, command) {
            (Some(VariableName(name)), ..) => Some(Self::Env(name)),
            (_, Some(path), _) => Some(Self::File(origin.directory.join(path))),
            (.., Some(command)) => Some(Self::Command(command)),
            (None, None, None) => None,
        })
    }
}

impl SpendingLimits {
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let max_gas_fee = section.optional::<u128>("max_gas_fee");
        let daily_caps = section.tables("daily_caps", DailyCap::read);
        if max_gas_fee == Some(Some(0)) {
            let reason = "0 would send nothing: expected wei per gas, from 1".to_owned();
            section.contradiction("max_gas_fee", reason);
        }
        let mut seen = BTreeSet::new();
        for cap in &daily_caps {
            if !seen.insert((cap.chain, cap.token)) {
                let token = cap.token.map_or_else(|| "the coin".to_owned(), |it| it.to_string());
                let reason = format!("chain {} caps {token} twice", cap.chain);
                section.contradiction("daily_caps", reason);
            }
        }
        Some(Self { max_gas_fee: max_gas_fee?, daily_caps })
    }
}

impl DailyCap {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let chain = section.required::<ChainId>("chain");
        let token = section.optional::<Address>("token");
        let most = section.required::<u128>("most");
        Some(Self { chain: chain?, token: token?, most: most? })
    }
}
