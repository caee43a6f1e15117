//! `bmn swap`.

mod list;
mod show;
mod watch;

pub(crate) use show::show;

use crate::{chains::ChainArgs, failure::Failure, node::NodeArgs, output::Output};
use clap::{Args, Subcommand};

/// List, show and watch swaps.
#[derive(Debug, Subcommand)]
pub(crate) enum SwapCommand {
    /// List swaps.
    List(Box<list::ListArgs>),
    /// Show everything about one swap.
    Show(ShowArgs),
    /// Follow changes as they happen.
    Watch(watch::WatchArgs),
}

/// Show everything about one swap.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bmn swap show 0x5FC8…   order hash, hashlock, order id, swap id or escrow"
)]
pub(crate) struct ShowArgs {
    /// Order id, swap id, order hash, hashlock, or address of either escrow.
    id: String,

    #[command(flatten)]
    node: NodeArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Runs the command.
pub(crate) async fn run(command: SwapCommand, output: &Output) -> Result<(), Failure> {
    match command {
        SwapCommand::List(args) => list::run(&args, output).await,
        SwapCommand::Show(args) => show(&args.id, &args.node, &args.chains.load()?, output).await,
        SwapCommand::Watch(args) => watch::run(&args, output).await,
    }
}
