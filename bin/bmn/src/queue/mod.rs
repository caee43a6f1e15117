//! `bmn queue`: what the node gave up, and what to do about it.

mod change;
mod list;

use crate::{failure::Failure, output::Output};
use clap::Subcommand;

/// List what the node gave up, and try it again or forget it.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List dead letters: steps that were given up.
    List(list::ListArgs),
    /// Try a dead letter again, if its order still wants it.
    Requeue(change::ChangeArgs),
    /// Forget a dead letter whose step nothing wants any more.
    Drop(change::ChangeArgs),
}

/// Runs the command.
pub(crate) async fn run(command: QueueCommand, output: &Output) -> Result<(), Failure> {
    match command {
        QueueCommand::List(args) => list::run(&args, output).await,
        QueueCommand::Requeue(args) => change::requeue(&args, output).await,
        QueueCommand::Drop(args) => change::drop_letter(&args, output).await,
    }
}
