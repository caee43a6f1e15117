//! `bmn dev`.

pub(crate) mod args;
mod beside;
mod deploy;
mod load;
mod network;
mod simulate;
mod trouble;

use crate::{failure::Failure, output::Output};
use args::{DevArgs, DevCommand};

/// Runs the development network or a simulation, or deploys.
pub(crate) async fn run(args: DevArgs, output: &Output) -> Result<(), Failure> {
    if let Some(DevCommand::Deploy(args)) = &args.command {
        return deploy::run(args, *output).await;
    }
    if let Some(rate) = args.rate {
        return load::run(rate, &args, *output).await;
    }
    match args.swaps {
        Some(swaps) => simulate::run(swaps, &args, *output).await,
        None => network::run(&args, *output).await,
    }
}
