//! The `bmn` command: development network, orders, swaps, decoding.

mod amount;
mod chains;
mod cli;
mod decode;
mod dev;
mod failure;
mod files;
mod keys;
mod node;
mod order;
mod output;
mod secret;
mod status;
mod swap;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use output::Output;
use std::process::ExitCode;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

// Below `info` these write requests to the log, and a request may carry a secret.
const QUIET: [&str; 5] = [
    "jsonrpsee-client=info",
    "jsonrpsee-http-client=info",
    "jsonrpsee-ws-client=info",
    "jsonrpsee-server=info",
    "jsonrpsee-core=info",
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    start_log(cli.command.default_level());
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Usage(format!("cannot start the async runtime: {error}")))
        .and_then(|runtime| runtime.block_on(run(cli.command, &output)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start_log(default: LevelFilter) {
    let filter = EnvFilter::builder()
        .with_default_directive(default.into())
        .with_env_var("BMN_LOG")
        .from_env_lossy();
    let quiet = QUIET.iter().filter_map(|directive| directive.parse().ok());
    let filter = quiet.fold(filter, EnvFilter::add_directive);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args, output).await,
        Command::Order(command) => order::run(command, output).await,
        Command::Secret(command) => secret::run(command, output).await,
        Command::Swap(command) => swap::run(command, output).await,
        Command::Status(node) => status::run(&node, output).await,
        Command::Decode(args) => decode::run(&args, output),
    }
}
