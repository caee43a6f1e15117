//! `bmn swap`.

mod evidence;
mod export;
mod list;
mod proof;
mod show;
mod sides;
mod verify;
mod watch;
mod witness;

pub(crate) use show::show;

use crate::{chains::ChainArgs, failure::Failure, node::NodeArgs, output::Output};
use clap::{Args, Subcommand};

/// List, show, prove and watch swaps.
#[derive(Debug, Subcommand)]
pub(crate) enum SwapCommand {
    /// List swaps.
    List(Box<list::ListArgs>),
    /// Show everything about one swap.
    Show(ShowArgs),
    /// Get the proof of a swap: its events with headers, receipts and Merkle proofs.
    Proof(proof::ProofArgs),
    /// Check the proof of a swap without believing the node that it came from.
    Verify(verify::VerifyArgs),
    /// Write everything that is known of one swap into a file, as evidence.
    Export(export::ExportArgs),
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
        SwapCommand::Proof(args) => proof::run(&args, output).await,
        SwapCommand::Verify(args) => verify::run(&args, output).await,
        SwapCommand::Export(args) => export::run(&args, output).await,
        SwapCommand::Watch(args) => watch::run(&args, output).await,
    }
}
