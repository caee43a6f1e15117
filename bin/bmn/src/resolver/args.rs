//! The arguments of `bmn node`.

use super::config::ConfigArgs;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  BMN_KEY=0x… bmn node --config bmn.toml
  bmn node --config bmn.toml --set policy.min_profit_bps=25
  bmn node --config bmn.toml --index-only --data-dir index --rpc-addr 127.0.0.1:8557

etc/bmn.example.toml explains every key of the configuration. A changed file is taken while the node runs, as far
as `bmn config schema` says that it can be; `bmn config history` tells what became of it. The first Ctrl-C ends what is being done
and stops; a second one stops at once, which is harmless: everything decided is on disk. After a restart
each chain goes on where the database says.

Exit codes as in `bmn --help`; 1 also when the database cannot be opened or written (another bmn has it,
a newer version wrote it, it is damaged, the disk is full): the message names the cure.";

/// Run index and resolver over chains behind URLs, until Ctrl-C.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// Database directory instead of the configuration's.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Follow and answer, never act: no key is read, orders and secrets are refused.
    #[arg(long)]
    pub(crate) index_only: bool,

    /// Address to serve the public methods of bmn_* on instead of the configuration's; port 0 takes any.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) rpc_addr: Option<SocketAddr>,

    /// Address to serve the operator's methods on as well (bmn mode, bmn queue, bmn order explain), to those
    /// who have the key; port 0 takes any.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_rpc_addr: Option<SocketAddr>,

    /// Address to serve /health, /metrics and /api/v1 on; nowhere without; port 0 takes any.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) operations_addr: Option<SocketAddr>,

    /// File with that key, 64 hex digits; made where there is none. Without it jwt.hex in the data directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwt_secret: Option<PathBuf>,

    /// What earlier versions had in place of --admin-rpc-addr.
    #[arg(long, hide = true)]
    pub(crate) admin: bool,

    /// Log what the resolver does.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}
