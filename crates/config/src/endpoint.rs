//! Where a URL is, and where a secret is.

use crate::values::Field;
use std::{fmt, path::PathBuf};
use toml::de::DeValue;

/// Where the URL of a node or service is. A URL may hold an API key, so that it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum EndpointSource {
    /// Here.
    Url(String),
    /// In an environment variable.
    Env(String),
    /// In a file that nobody else may read.
    File(PathBuf),
    /// In the first line that a program writes.
    Command(SecretCommand),
}

impl fmt::Debug for EndpointSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url(..)"),
            Self::Env(name) => f.debug_tuple("Env").field(name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
        }
    }
}

/// A program whose first line of output is a secret. It is run without a shell. Its arguments are not shown: one of
/// them may be a secret although none should be.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretCommand {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl fmt::Debug for SecretCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCommand").field("program", &self.program).finish_non_exhaustive()
    }
}

impl SecretCommand {
    /// The program and its arguments, parted by blanks; there is no quoting.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(str::to_owned);
        Some(Self { program: words.next()?, arguments: words.collect() })
    }
}

impl Field for SecretCommand {
    const EXPECTED: &'static str =
        "a program and its arguments, as in \"pass show bmn\" or [\"pass\", \"show\", \"bmn\"]";
    const SECRET: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Self::of(text);
        }
        let words = value.as_array()?.iter().map(|word| word.get_ref().as_str());
        let words: Vec<String> =
            words.map(|word| word.map(str::to_owned)).collect::<Option<_>>()?;
        let (program, arguments) =
            words.split_first().filter(|(program, _)| !program.is_empty())?;
        Some(Self { program: program.clone(), arguments: arguments.to_vec() })
    }
}

pub(crate) const ENDPOINT: &str = "a URL that begins with http://, https://, ws:// or wss://, or env:NAME, \
                                   file:/PATH or command:PROGRAM ARGUMENTS";

/// How a source begins that is no URL.
const ENV: &str = "env:";
const FILE: &str = "file:";
const COMMAND: &str = "command:";

impl EndpointSource {
    pub(crate) fn read(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(ENV) {
            return is_variable(name).then(|| Self::Env(name.to_owned()));
        }
        if let Some(path) = text.strip_prefix(FILE) {
            let is_path = path.starts_with('/') && !path.starts_with("//");
            return is_path.then(|| Self::File(path.into()));
        }
        if let Some(command) = text.strip_prefix(COMMAND) {
            return SecretCommand::of(command).map(Self::Command);
        }
        let is_url = ["http://", "https://", "ws://", "wss://"]
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        is_url.then(|| Self::Url(text.to_owned()))
    }

    /// As it may be shown: of a URL its scheme and host, of a command its program.
    pub fn shown(&self) -> String {
        match self {
            Self::Url(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
                let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(at);
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                let more = if path.len() > 1 { "/…" } else { "" };
                format!("{scheme}://{host}{more}")
            }
            Self::Env(name) => format!("{ENV}{name}"),
            Self::File(path) => format!("{FILE}{}", path.display()),
            Self::Command(command) => {
                let more = if command.arguments.is_empty() { "" } else { " …" };
                format!("{COMMAND}{}{more}", command.program)
            }
        }
    }
}

pub(crate) fn is_variable(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
