//! The chain specifications that are built into the program.

use crate::{ChainSpec, error::ConfigError, section::nearest_of};
use bmn_primitives::ChainId;

/// A built-in specification: the name its file has, its chain, and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Embedded {
    name: &'static str,
    chain_id: u64,
    text: &'static str,
}

macro_rules! embedded {
    ($($name:literal = $chain_id:literal),* $(,)?) => {
        &[$(Embedded {
            name: $name,
            chain_id: $chain_id,
            text: include_str!(concat!("../../../chainspecs/", $name, ".toml")),
        }),*]
    };
}

const EMBEDDED: &[Embedded] = embedded![
    "ethereum" = 1,
    "optimism" = 10,
    "bnb" = 56,
    "gnosis" = 100,
    "polygon" = 137,
    "dev-a" = 1337,
    "dev-b" = 1338,
    "base" = 8453,
    "arbitrum" = 42161,
    "etherlink" = 42793,
    "avalanche" = 43114,
];

/// No chain is built in under this name or id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no chain `{wanted}` is built in: {}", match suggestion {
    Some(near) => format!("did you mean `{near}`?"),
    None => format!("known are {}", ChainSpec::known_names().collect::<Vec<_>>().join(", ")),
})]
pub struct UnknownChain {
    /// What was asked for.
    pub wanted: String,
    /// The nearest known name, when one is near.
    pub suggestion: Option<&'static str>,
}

impl UnknownChain {
    /// It is unknown until the program changes.
    pub const fn class(&self) -> bmn_primitives::ErrorClass {
        bmn_primitives::ErrorClass::Permanent
    }
}

impl Embedded {
    fn read(&self) -> Result<ChainSpec, ConfigError> {
        ChainSpec::from_toml(self.text, &format!("chainspecs/{}.toml", self.name))
    }
}

impl ChainSpec {
    /// The built-in specification of a chain; `None` when there is none.
    ///
    /// # Errors
    /// Never, unless the program was built from a broken specification; a test reads all of them.
    pub fn known(chain: ChainId) -> Result<Option<Self>, ConfigError> {
        EMBEDDED.iter().find(|entry| entry.chain_id == chain.0).map(Embedded::read).transpose()
    }

    /// The built-in specification with a name, in any case, or with a chain id in decimal digits.
    ///
    /// # Errors
    /// [`UnknownChain`] with the nearest name. A built-in text that does not read counts as unknown; a
    /// test reads all of them.
    pub fn named(text: &str) -> Result<Self, UnknownChain> {
        let is = |entry: &&Embedded| {
            entry.name.eq_ignore_ascii_case(text) || entry.chain_id.to_string() == text
        };
        let found = EMBEDDED.iter().find(is).and_then(|entry| entry.read().ok());
        found.ok_or_else(|| UnknownChain {
            wanted: text.to_owned(),
            suggestion: nearest_of(&text.to_ascii_lowercase(), Self::known_names()),
        })
    }

    /// Names of the built-in specifications, by chain id.
    pub fn known_names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|entry| entry.name)
    }
}
