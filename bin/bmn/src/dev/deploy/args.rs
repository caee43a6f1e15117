//! The arguments of `bmn dev deploy`.

use crate::address;
use alloy::primitives::Address;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  anvil --chain-id 1337 --port 8545 --block-time 4 &
  bmn dev deploy --rpc http://127.0.0.1:8545
  bmn dev deploy --rpc http://127.0.0.1:8545 --key-env DEPLOYER_KEY --out specs

Deploys on chain ids 1337, 1338 and 31337 only. A second run finds what the first one deployed. With the
well-known key, on a chain where it has sent nothing before, every address is the one in the built-in
specifications dev-a (1337) and dev-b (1338).";

/// Deploy and fund the development contracts on a node of a development chain.
///
/// The result on stdout is a chain specification.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DeployArgs {
    /// JSON-RPC of the node.
    #[arg(long, value_name = "URL")]
    pub(crate) rpc: String,

    /// File with the deployer's private key, mode 0600.
    #[arg(long, value_name = "FILE", conflicts_with = "key_env")]
    pub(crate) key_file: Option<PathBuf>,

    /// Environment variable with the deployer's private key. Without either, the first account of the
    /// public development mnemonic deploys.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) key_env: Option<String>,

    /// Account to whitelist and fund as the resolver; account 2 of the public development mnemonic
    /// unless given, which also gets its allowances.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    pub(crate) resolver: Option<Address>,

    /// Seconds between blocks of this node, for the specification; 4, or 2 for chain 1338, unless given.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) block_time: Option<u64>,

    /// Also write the specification to chain-ID.toml in this directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) out: Option<PathBuf>,
}
