//! The flags that the node has beside reth's own.

use bmn_embed::session::Options;
use clap::Args;
use reth_ethereum::rpc::builder::{RethRpcModule, RpcModuleSelection};
use reth_rpc_server_types::{DefaultRpcModuleValidator, RpcModuleValidator};
use std::path::PathBuf;

/// The namespace, as `--http.api` and its like name it.
pub const NAMESPACE: &str = "bmn";

/// Flags of the resolver; their ids are theirs alone, since reth has a `config` of its own. Without `--bmn.config` the node is plain reth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Bridge-Me-Not")]
pub struct BmnArgs {
    /// Run the resolver inside the node, with this configuration (that of `bmn node`; `rpc`, `admin_rpc`,
    /// `operations`, `cors`, `hosts` and `rpc_limits` in it are not used: bmn_* is served by the node's own servers where --http.api and --ws.api name `bmn`).
    #[arg(id = "bmn.config", long = "bmn.config", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Directory of the resolver's database instead of the configuration's.
    #[arg(
        id = "bmn.data-dir",
        long = "bmn.data-dir",
        value_name = "DIRECTORY",
        requires = "bmn.config"
    )]
    pub data_dir: Option<PathBuf>,

    /// Mode of a resolver that never had one: full, shadow or percent=N. Afterwards the stored one counts
    /// (bmn_setMode on the authenticated server or over IPC changes it).
    #[arg(
        id = "bmn.mode",
        long = "bmn.mode",
        value_name = "MODE",
        requires = "bmn.config",
        value_parser = mode
    )]
    pub mode: Option<String>,

    /// DEVELOPMENT ONLY: chain A of the development network in this node (`--dev` is needed), chain B in this
    /// process, a resolver with a public key, and one demo swap in each direction. What `--datadir`, `--chain`,
    /// `--dev.block-time`, `--dev.finality-depth` and `--http.api` do not say is chosen; without `--datadir`
    /// everything is forgotten at the end.
    #[arg(id = "bmn.dev", long = "bmn.dev", requires = "dev", conflicts_with = "bmn.config")]
    pub dev: bool,

    /// Follow and answer, never act: no key is read, orders and secrets are refused.
    #[arg(id = "bmn.index-only", long = "bmn.index-only", requires = "bmn.config")]
    pub index_only: bool,
}

fn mode(text: &str) -> Result<String, String> {
    match text.parse::<bmn_swap::Mode>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl BmnArgs {
    /// What the resolver is told; none where the node is plain reth.
    pub fn options(self) -> Option<Options> {
        let Self { config, data_dir, mode, index_only, dev: _ } = self;
        config.map(|config| Options { config, data_dir, mode, index_only })
    }
}

/// Accepts reth's namespaces and ours. Anything else is a mistake, as in reth itself.
#[derive(Debug, Clone, Copy)]
pub struct Namespaces;

impl RpcModuleValidator for Namespaces {
    fn parse_selection(text: &str) -> Result<RpcModuleSelection, String> {
        let selection: RpcModuleSelection =
            text.parse().map_err(|error| format!("cannot read the RPC modules: {error}"))?;
        if let RpcModuleSelection::Selection(modules) = &selection {
            for module in modules {
                match module {
                    RethRpcModule::Other(name) if name == NAMESPACE => {}
                    RethRpcModule::Other(name) => {
                        DefaultRpcModuleValidator::parse_selection(name)
                            .map_err(|error| format!("{error}; `{NAMESPACE}` is known, too"))?;
                    }
                    _ => {}
                }
            }
        }
        Ok(selection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use reth_ethereum::cli::{Cli, chainspec::EthereumChainSpecParser, interface::Commands};

    // The whole command line: an id that reth uses, too, shows here.
    fn parse(arguments: &[&str]) -> Result<BmnArgs, String> {
        type Command = Cli<EthereumChainSpecParser, BmnArgs, Namespaces>;
        let arguments = ["bmn-reth", "node"].iter().chain(arguments);
        match Command::try_parse_from(arguments).map_err(|error| error.to_string())?.command {
            Commands::Node(node) => Ok(node.ext),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn without_a_configuration_the_node_is_plain_reth() {
        assert_eq!(parse(&[]).unwrap().options(), None);
        let options =
            parse(&["--bmn.config", "a.toml", "--bmn.mode", "percent=5"]).unwrap().options();
        let options = options.unwrap();
        assert_eq!((options.mode.as_deref(), options.index_only), (Some("percent=5"), false));
    }

    #[test]
    fn a_mistyped_flag_says_what_is_wrong() {
        let alone = parse(&["--bmn.mode", "shadow"]).unwrap_err();
        assert!(alone.contains("--bmn.config"), "{alone}");
        let mode = parse(&["--bmn.config", "a.toml", "--bmn.mode", "percent=500"]).unwrap_err();
        assert!(mode.contains("--bmn.mode"), "{mode}");
        let dev = parse(&["--bmn.dev"]).unwrap_err();
        assert!(dev.contains("--dev"), "{dev}");
        assert!(parse(&["--dev", "--bmn.dev"]).unwrap().dev);
        let flag = parse(&["--bmn.confg", "a.toml"]).unwrap_err();
        assert!(flag.contains("--bmn.config"), "the nearest flag is named: {flag}");
    }

    #[test]
    fn our_namespace_is_accepted_and_a_mistyped_one_is_not() {
        assert!(Namespaces::parse_selection("eth,bmn,net").is_ok());
        assert!(Namespaces::parse_selection("all").is_ok());
        let error = Namespaces::parse_selection("eth,bnm").unwrap_err();
        assert!(error.contains("bnm") && error.contains("`bmn`"), "{error}");
    }
}
