//! What `bmn node` is told: its chains, where it writes, who signs.

use crate::{
    access::Access,
    chain_spec::ChainSpec,
    endpoint::{ENDPOINT, EndpointSource, is_variable},
    error::ConfigError,
    keeper::Keeper,
    layers::Override,
    operations::Upkeep,
    policy::Policy,
    section::{Section, read_layers},
    settings::Setting,
    signer::{KeySource, SpendingLimits},
    values::Field,
};
use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU64,
    ops::Range,
    path::{Path, PathBuf},
};
use toml::de::DeValue;

/// Where the node answers unless it is told otherwise.
pub const DEFAULT_RPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8547);

/// The configuration of a node. No secret is in it, only where secrets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Database and master key live here.
    pub data_dir: PathBuf,
    /// Where the public methods of `bmn_*` are served, to everybody who reaches it.
    pub rpc: SocketAddr,
    /// Where health, metrics and the REST interface are served; nowhere without.
    pub operations: Option<SocketAddr>,
    /// Who may call what, and how much.
    pub access: Access,
    /// The mode of a node that never had one: `full`, `shadow` or `percent=N`. Afterwards the stored one
    /// counts.
    pub mode: Option<String>,
    /// Follow and answer, never act: no key is needed.
    pub index_only: bool,
    /// The key that signs; `None` only when nothing is signed.
    pub signer: Option<KeySource>,
    /// What it may spend.
    pub spending: SpendingLimits,
    /// The operator's limits.
    pub policy: Policy,
    /// Whether strangers' swaps are finished, and for how much.
    pub keeper: Keeper,
    /// Jobs, alerts, backups, what is kept, the log.
    pub upkeep: Upkeep,
    /// Every chain, in the order of the file.
    pub chains: Vec<NodeChain>,
}

/// A chain to follow, and who is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeChain {
    /// What we know of it, with the start block of the configuration where that names one.
    pub spec: ChainSpec,
    /// At least one.
    pub endpoints: Vec<EndpointSource>,
    /// How many endpoints must name the same block before it is believed; 1 believes any.
    pub agreement: u64,
    /// Milliseconds between looks at the head where a node does not push it; `None`: as the block
    /// time asks for.
    pub poll_ms: Option<u64>,
    /// Where transactions are sent instead of to the endpoints.
    pub private: Option<PrivateEndpoint>,
}

/// Where transactions are sent that nobody is to see before they are mined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// A node or relay of the same chain.
    pub endpoint: EndpointSource,
    /// Blocks without inclusion after which the endpoints get the transaction as well; `None`: never.
    pub fallback_after: Option<u64>,
}

/// A configuration, and where every value of it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What holds.
    pub config: NodeConfig,
    /// Every key, also those that are not set, in the order of their reading. Nothing secret.
    pub settings: Vec<Setting>,
    /// Where the file has values that must not be shown, bytes.
    pub secrets: Vec<Range<usize>>,
}

/// Where a configuration stands.
pub struct NodeOrigin<'a> {
    /// The file, for errors.
    pub name: &'a str,
    /// Relative paths of the file are relative to this.
    pub directory: &'a Path,
    /// True when the command line already says that nothing is signed.
    pub index_only: bool,
    /// Reads a chain specification.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl fmt::Debug for NodeOrigin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeOrigin").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NodeConfig {
    /// Reads a configuration and the specifications it names.
    ///
    /// # Errors
    /// Every problem of the text and of those files at once.
    pub fn from_toml(text: &str, origin: &NodeOrigin<'_>) -> Result<Self, ConfigError> {
        Self::from_layers(text, &[], origin).map(|loaded| loaded.config)
    }

    /// Reads a configuration with values that stand above those of its file, and tells where each came from.
    ///
    /// # Errors
    /// Every problem of all of them at once.
    pub fn from_layers(
        text: &str,
        overrides: &[Override],
        origin: &NodeOrigin<'_>,
    ) -> Result<Loaded, ConfigError> {
        let read = |section: &mut Section<'_, '_>| Self::read(section, origin);
        let (config, found) = read_layers(text, overrides, origin.name, read)?;
        Ok(Loaded { config, settings: found.settings, secrets: found.secrets })
    }

    fn read(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>) -> Option<Self> {
        let data_dir = section.required::<String>("data_dir");
        let rpc = section.or("rpc", DEFAULT_RPC);
        let operations = section.optional::<SocketAddr>("operations");
        let access = Access::read(section, origin);
        let mode = section.optional::<ModeName>("mode");
        let index_only = section.or("index_only", false).map(|only| only || origin.index_only);
        let mut spending = SpendingLimits::default();
        let signer = optional_table(section, "signer", |signer| {
            let limits = SpendingLimits::read(signer);
            let source = KeySource::read(signer, origin);
            spending = limits?;
            source
        });
        let policy = section.table_or_empty("policy", Policy::read);
        let keeper = section.table_or_empty("keeper", Keeper::read);
        let chains = section.tables("chains", |chain| NodeChain::read(chain, origin));
        let upkeep = Upkeep::read(section, origin, &chains);
        if index_only == Some(false) && matches!(signer, Some(None)) {
            let reason = "missing: say where the key is (key_env, key_file, keystore or remote), or \
                 index_only = true";
            section.contradiction("signer", reason.to_owned());
        }
        let index_only = index_only?;
        check_chains(section, &chains, index_only);
        Some(Self {
            data_dir: origin.directory.join(data_dir?),
            rpc: rpc?,
            operations: operations?,
            access: access?,
            mode: mode?.map(|mode| mode.0),
            index_only,
            signer: signer?,
            spending,
            policy: policy?,
            keeper: keeper?,
            upkeep: upkeep?,
            chains,
        })
    }
}

fn check_chains(section: &mut Section<'_, '_>, chains: &[NodeChain], index_only: bool) {
    let needed = if index_only { 1 } else { 2 };
    // Counted as written: one that cannot be read is told about already.
    let listed = section.optional::<ListLength>("chains").flatten().map_or(0, |length| length.0);
    if listed < needed {
        let reason = match index_only {
            true => "an index needs at least one [[chains]]".to_owned(),
            false => format!("a swap needs two chains, found {listed} [[chains]]"),
        };
        section.contradiction("chains", reason);
    }
    let mut ids = BTreeSet::new();
    for chain in chains {
        let id = chain.spec.chain_id;
        if !ids.insert(id) {
            section.contradiction("chains", format!("chain {id} is listed twice"));
        }
    }
}

impl NodeChain {
    fn read(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>) -> Option<Self> {
        let spec = section.required::<String>("spec");
        let endpoints = read_endpoints(section);
        let agreement = section.or("agreement", NonZeroU64::MIN);
        let start_block = section.optional::<u64>("start_block");
        let poll = section.optional::<NonZeroU64>("poll_ms");
        let private = PrivateEndpoint::read(section);
        let spec = spec.and_then(|name| load(section, &name, origin));
        let agreement = agreement?.get();
        if !endpoints.is_empty() && agreement > endpoints.len() as u64 {
            let reason = format!("{agreement} of {} endpoints cannot agree", endpoints.len());
            section.contradiction("agreement", reason);
        }
        let mut spec = spec?;
        spec.start_block = start_block?.unwrap_or(spec.start_block);
        Some(Self {
            spec,
            endpoints,
            agreement,
            poll_ms: poll?.map(NonZeroU64::get),
            private: private?,
        })
    }
}

impl PrivateEndpoint {
    fn read(section: &mut Section<'_, '_>) -> Option<Option<Self>> {
        let endpoint = section.optional::<AnyText>("private_endpoint");
        let fallback = section.optional::<NonZeroU64>("private_fallback_blocks");
        let (endpoint, fallback) = (endpoint?, fallback?);
        let Some(AnyText(text)) = endpoint else {
            if fallback.is_some() {
                let reason = "there is no private_endpoint to fall back from".to_owned();
                section.contradiction("private_fallback_blocks", reason);
                return None;
            }
            return Some(None);
        };
        let Some(endpoint) = EndpointSource::read(&text) else {
            section.contradiction("private_endpoint", format!("expected {ENDPOINT}"));
            return None;
        };
        Some(Some(Self { endpoint, fallback_after: fallback.map(NonZeroU64::get) }))
    }
}

/// A specification by its built-in name, or from its file.
fn load(section: &mut Section<'_, '_>, name: &str, origin: &NodeOrigin<'_>) -> Option<ChainSpec> {
    if !name.ends_with(".toml") {
        let known = ChainSpec::named(name);
        let say = |error| format!("{error}; the path of a .toml file is accepted too");
        return known.map_err(|error| section.contradiction("spec", say(error))).ok();
    }
    let path = origin.directory.join(name);
    let read = (origin.read)(&path).map_err(|error| format!("{}: {error}", path.display()));
    let spec = read.and_then(|text| {
        ChainSpec::from_toml(&text, &path.display().to_string()).map_err(|error| error.to_string())
    });
    spec.map_err(|reason| section.contradiction("spec", reason)).ok()
}

/// `Some(None)` when the table is absent, `None` when something in it is wrong.
fn optional_table<T>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
) -> Option<Option<T>> {
    match section.optional::<IsTable>(key)? {
        None => Some(None),
        Some(IsTable) => section.table(key, read).map(Some),
    }
}

struct IsTable;

impl Field for IsTable {
    const EXPECTED: &'static str = "a table";
    const STRUCTURE: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.is_table().then_some(Self)
    }
}

struct ModeName(String);

impl Field for ModeName {
    const EXPECTED: &'static str = "\"full\", \"shadow\" or \"percent=N\" with N from 0 to 100";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text: String = value.as_str()?.chars().filter(|c| !c.is_whitespace()).collect();
        let percent = |number: &str| {
            let plain = number.bytes().all(|byte| byte.is_ascii_digit());
            plain && number.parse().is_ok_and(|number: u8| number <= 100)
        };
        let known = matches!(text.as_str(), "full" | "shadow")
            || text.strip_prefix("percent=").is_some_and(percent);
        known.then_some(Self(text))
    }
}

/// Not a key that somebody pasted: variables do not begin with a digit.
pub(crate) struct VariableName(pub(crate) String);

impl Field for VariableName {
    const EXPECTED: &'static str = "the name of an environment variable, never the key itself";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|name| is_variable(name)).map(|name| Self(name.to_owned()))
    }
}

/// A list's length, whatever is in it.
pub(crate) struct ListLength(pub(crate) usize);

impl Field for ListLength {
    const EXPECTED: &'static str = "a list of tables";
    const STRUCTURE: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        // What is no list is told about where its elements are read.
        Some(Self(value.as_array().map_or(usize::MAX, |array| array.len())))
    }
}

// A wrong URL may hold an API key all the same: its place is told, never its text.
fn read_endpoints(section: &mut Section<'_, '_>) -> Vec<EndpointSource> {
    let listed = section.list::<AnyText>("endpoints");
    if listed.is_empty() {
        let reason = format!("no endpoint: expected a list, each {ENDPOINT}");
        section.contradiction("endpoints", reason);
    }
    let mut endpoints = Vec::new();
    for (number, AnyText(text)) in (1..).zip(listed) {
        match EndpointSource::read(&text) {
            None => {
                let reason = format!("number {number}: expected {ENDPOINT}");
                section.contradiction("endpoints", reason);
            }
            Some(endpoint) if endpoints.contains(&endpoint) => {
                section.contradiction("endpoints", format!("number {number} is there twice"));
            }
            Some(endpoint) => endpoints.push(endpoint),
        }
    }
    endpoints
}

pub(crate) struct AnyText(pub(crate) String);

impl Field for AnyText {
    const EXPECTED: &'static str = "a text";
    // It may hold an API key.
    const SECRET: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(|text| Self(text.to_owned()))
    }
}

impl Field for SocketAddr {
    const EXPECTED: &'static str = "an address and a port, as in \"127.0.0.1:8547\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn shown(&self) -> String {
        format!("\"{self}\"")
    }
}
