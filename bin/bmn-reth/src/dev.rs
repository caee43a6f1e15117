//! `--bmn.dev`: a development network around the node, which is its chain A.
//!
//! Chain B lives in this process and is served on a port of this machine. The resolver's configuration is written
//! beside it, so that what runs here can be looked at and copied. Then the development maker swaps once in each
//! direction, through the resolver's own methods.

use alloy::primitives::B256;
use async_trait::async_trait;
use bmn_config::ChainSpec;
use bmn_embed::front::Front;
use bmn_host_dev::DevServer;
use bmn_node::{Clock, SystemClock};
use bmn_sim::{
    Demo, DemoStep, Network,
    accounts::DevAccount,
    rpc::{ResolverRpc, RpcFailure, read_answer, request_text},
};
use eyre::WrapErr;
use jsonrpsee::RpcModule;
use serde_json::Value;
use std::{
    convert::Infallible,
    ffi::OsString,
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// The flag, as it is looked for before reth reads its own.
pub const FLAG: &str = "--bmn.dev";

/// Chain A from its first block, as `chainspecs/README.md` describes it.
const GENESIS: &str = include_str!("../../../chainspecs/dev-a.genesis.json");

/// How long before now a new chain B begins, seconds: the blocks of its set-up must not run into the future.
const SET_UP_SECONDS: u64 = 3_600;

/// Between two looks of the maker.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The node's data directory, where the command line names one.
pub fn data_dir(given: &[OsString]) -> Option<PathBuf> {
    let mut given = given.iter();
    while let Some(argument) = given.next() {
        let text = argument.to_string_lossy();
        if text == "--datadir" {
            return given.next().map(PathBuf::from);
        }
        if let Some(directory) = text.strip_prefix("--datadir=") {
            return Some(directory.into());
        }
    }
    None
}

/// What the directory of a development node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// All of it.
    pub directory: PathBuf,
}

impl Layout {
    /// The resolver's configuration.
    pub fn config(&self) -> PathBuf {
        self.directory.join("bmn.toml")
    }

    fn genesis(&self) -> PathBuf {
        self.directory.join("dev-a.genesis.json")
    }

    fn key(&self) -> PathBuf {
        self.directory.join("development-only.key")
    }

    /// The genesis that the node begins with.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn prepare(&self) -> eyre::Result<()> {
        let shown = || format!("{FLAG}: {}", self.directory.display());
        fs::create_dir_all(&self.directory).wrap_err_with(shown)?;
        fs::write(self.genesis(), GENESIS).wrap_err_with(shown)
    }

    /// The command line with what a development node needs and nobody said.
    pub fn arguments(&self, given: Vec<OsString>) -> Vec<OsString> {
        let has = |flag: &str| {
            let with_value = format!("{flag}=");
            let given = given.iter().map(|given| given.to_string_lossy());
            given.into_iter().any(|given| given == flag || given.starts_with(&with_value))
        };
        let node = self.directory.join("reth");
        let wanted: [(&str, OsString); 5] = [
            ("--chain", self.genesis().into()),
            ("--datadir", node.into()),
            ("--dev.block-time", "4s".into()),
            ("--dev.finality-depth", "32".into()),
            ("--http.api", "eth,net,web3,bmn".into()),
        ];
        let missing: Vec<_> = wanted.into_iter().filter(|(flag, _)| !has(flag)).collect();
        let missing = missing.into_iter().flat_map(|(flag, value)| [flag.into(), value]);
        given.iter().cloned().chain(missing).collect()
    }
}

/// Chain B, and who swaps.
#[derive(Debug)]
pub struct DevNetwork {
    chains: [ChainSpec; 2],
    server: DevServer,
}

impl DevNetwork {
    /// Starts chain B, which goes on where it was, and writes the resolver's configuration.
    ///
    /// # Errors
    /// The directory cannot be written, or somebody else has it.
    pub async fn start(layout: &Layout) -> eyre::Result<Self> {
        let genesis = SystemClock::new().unix_seconds() - SET_UP_SECONDS;
        let network = Network::open(&layout.directory.join("chains"), genesis)?;
        network.set_up().await?;
        network.fund_visitors().await?;
        let [_, chain_b] = &network.chains;
        let server = chain_b.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        write_private(&layout.key(), &DevAccount::Resolver.key().to_string())?;
        let shown = || format!("{FLAG}: {}", layout.config().display());
        fs::write(layout.config(), configuration(&server.url())).wrap_err_with(shown)?;
        tracing::info!(
            target: "bmn::dev", chain_b = %server.url(), config = %layout.config().display(),
            "the development network around this node"
        );
        let chains = network.chains.each_ref().map(|node| node.spec.clone());
        Ok(Self { chains, server })
    }

    /// Swaps once in each direction and then waits for ever. What goes wrong is told in the log.
    pub async fn show(self, front: Front) -> Infallible {
        let settled = async {
            let rpc = Asked(front.module().map_err(|error| eyre::eyre!("{error}"))?);
            let [a, b] = &self.chains;
            swap(&rpc, a, b).await?;
            swap(&rpc, b, a).await
        };
        match settled.await {
            Ok(()) => {
                tracing::info!(target: "bmn::dev", "settled in both directions; the node runs on");
            }
            Err(error) => {
                tracing::error!(target: "bmn::dev", %error, "the demo ended; the node runs on");
            }
        }
        let _chain_b = self.server;
        std::future::pending().await
    }
}

async fn swap(
    rpc: &impl ResolverRpc,
    source: &ChainSpec,
    destination: &ChainSpec,
) -> eyre::Result<()> {
    let (from, to) = (source.chain_id, destination.chain_id);
    wait_for(rpc, from.0).await;
    let now = SystemClock::new().unix_seconds();
    let mut demo = Demo::new(source, destination, now, B256::random().0)?;
    loop {
        match demo.step(rpc).await? {
            Some(DemoStep::Status(status)) => {
                tracing::info!(target: "bmn::dev", %from, %to, ?status, "demo swap");
                if demo.is_over() {
                    return Ok(());
                }
            }
            Some(step) => tracing::info!(target: "bmn::dev", %from, %to, ?step, "demo swap"),
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// Waits until the resolver answers and has seen a block of the chain that the node made itself: before its first
/// one a node takes itself for one that is syncing.
async fn wait_for(rpc: &impl ResolverRpc, chain: u64) {
    loop {
        let status = rpc.request("bmn_status", Value::Array(vec![])).await.unwrap_or_default();
        let chains = status["chains"].as_array().cloned().unwrap_or_default();
        let seen = |entry: &Value| {
            entry["id"] == chain && entry["head"]["number"].as_u64().is_some_and(|head| head > 0)
        };
        if chains.iter().any(seen) {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The resolver's methods without a socket.
struct Asked(RpcModule<()>);

#[async_trait]
impl ResolverRpc for Asked {
    async fn request(&self, method: &'static str, params: Value) -> Result<Value, RpcFailure> {
        match self.0.raw_json_request(&request_text(method, &params), 1).await {
            Ok((answer, _)) => read_answer(answer.get()),
            Err(_) => Err(RpcFailure::Gone),
        }
    }
}

fn configuration(chain_b: &str) -> String {
    format!(
        "# Written by `bmn-reth node --dev {FLAG}` at every start.\n\
         data_dir = \"resolver\"\n\n\
         [signer]\nkey_file = \"development-only.key\"\n\n\
         [[chains]]\nspec = \"dev-a\"\n\
         # This node's own chain: followed in process, so that the address is not used.\n\
         endpoints = [\"http://127.0.0.1:8545\"]\n\n\
         [[chains]]\nspec = \"dev-b\"\nendpoints = [\"{chain_b}\"]\n"
    )
}

fn write_private(path: &Path, text: &str) -> eyre::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.wrap_err_with(|| format!("{FLAG}: {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_found_in_both_forms() {
        let of = |given: &[&str]| data_dir(&given.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["node", "--datadir", "x"]), Some("x".into()));
        assert_eq!(of(&["node", "--datadir=y"]), Some("y".into()));
        assert_eq!(of(&["node", "--dev"]), None);
    }

    fn with(given: &[&str]) -> Vec<String> {
        let layout = Layout { directory: "d".into() };
        let given = given.iter().map(OsString::from).collect();
        layout.arguments(given).iter().map(|it| it.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_nobody_said_is_added_and_nothing_is_said_twice() {
        let plain = with(&["bmn-reth", "node", "--dev", FLAG]);
        assert!(plain.windows(2).any(|two| two == ["--datadir", "d/reth"]), "{plain:?}");
        assert!(plain.windows(2).any(|two| two == ["--chain", "d/dev-a.genesis.json"]));
        let said =
            with(&["bmn-reth", "node", "--dev", FLAG, "--datadir=x", "--dev.block-time", "1s"]);
        for flag in ["--datadir", "--dev.block-time"] {
            assert_eq!(said.iter().filter(|it| it.starts_with(flag)).count(), 1, "{said:?}");
        }
    }

    #[test]
    fn the_genesis_is_chain_a_with_its_contracts() {
        let genesis: alloy::genesis::Genesis = serde_json::from_str(GENESIS).unwrap();
        let [spec, _] = bmn_config::dev_chains().unwrap();
        assert_eq!(genesis.config.chain_id, spec.chain_id.0);
        for factory in &spec.factories {
            assert!(genesis.alloc[&factory.address].code.is_some(), "{}", factory.address);
        }
    }

    #[tokio::test]
    async fn the_configuration_that_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().to_owned() };
        layout.prepare().unwrap();
        let network = DevNetwork::start(&layout).await.unwrap();
        let config = bmn_launch::read_config(&layout.config(), false).unwrap();
        assert_eq!(config.chains.len(), 2);
        let signer = config.signer.clone().unwrap();
        let account = bmn_launch::keys::account(&config, &signer).unwrap();
        assert_eq!(account.address(), DevAccount::Resolver.address());
        network.server.stop().await;
    }
}
