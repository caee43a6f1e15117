//! `bmn order`.

mod explain;
mod filling;
mod new;
mod read;
mod secrets;
mod show;
mod sign;
mod submit;
mod times;

use crate::{failure::Failure, output::Output};
use clap::Subcommand;

/// Make, sign, submit, show and explain orders.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Make an unsigned order.
    New(Box<new::NewArgs>),
    /// Sign an order as its maker.
    Sign(sign::SignArgs),
    /// Hand a signed order to the node.
    Submit(submit::SubmitArgs),
    /// Show an order file, or an order the node knows.
    Show(show::ShowArgs),
    /// Say with numbers why the node took or refused an order.
    Explain(explain::ExplainArgs),
}

/// Runs the command.
pub(crate) async fn run(command: OrderCommand, output: &Output) -> Result<(), Failure> {
    match command {
        OrderCommand::New(args) => new::run(&args, output).await,
        OrderCommand::Sign(args) => sign::run(&args, output),
        OrderCommand::Submit(args) => submit::run(&args, output).await,
        OrderCommand::Show(args) => show::run(&args, output).await,
        OrderCommand::Explain(args) => explain::run(&args, output).await,
    }
}
