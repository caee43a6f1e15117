//! `bmn jobs`: what the node does by the clock.

mod history;
mod list;
mod run;
mod words;

use crate::{failure::Failure, output::Output};
use clap::Subcommand;

/// List, run and look back at what the node does by the clock: checks, reports, backups.
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List scheduled jobs: when they run, and how they do.
    List(list::ListArgs),
    /// Run a scheduled job now.
    Run(run::RunArgs),
    /// List runs of the last day, newest first.
    History(history::HistoryArgs),
}

/// Runs the command.
pub(crate) async fn run(command: JobsCommand, output: &Output) -> Result<(), Failure> {
    match command {
        JobsCommand::List(args) => list::run(&args, output).await,
        JobsCommand::Run(args) => run::run(&args, output).await,
        JobsCommand::History(args) => history::run(&args, output).await,
    }
}
