//! `bmn dev`.

pub(crate) mod args;
mod network;
mod simulate;

use crate::{failure::Failure, output::Output};
use args::DevArgs;

/// Runs the development network or a simulation.
pub(crate) async fn run(args: DevArgs, output: &Output) -> Result<(), Failure> {
    match args.swaps {
        Some(swaps) => simulate::run(swaps, &args, *output).await,
        None => network::run(&args, *output).await,
    }
}
