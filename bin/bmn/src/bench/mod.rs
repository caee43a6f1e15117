//! `bmn bench`.

mod database;
mod feed;
mod replay;
mod report;

use crate::{failure::Failure, output::Output};
use clap::Subcommand;

/// Measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Index an archive into a fresh database and report how fast that was.
    Replay(replay::ReplayArgs),
}

/// Runs a subcommand.
pub(crate) fn run(command: BenchCommand, output: &Output) -> Result<(), Failure> {
    match command {
        BenchCommand::Replay(args) => replay::run(&args, *output),
    }
}
