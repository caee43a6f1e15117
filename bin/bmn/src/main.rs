//! The `bmn` command: node, development network, orders, swaps, index, archives.

mod address;
mod amount;
mod approve;
mod archive;
mod bench;
mod chain_rpc;
mod chains;
mod cli;
mod decode;
mod dev;
mod failure;
mod files;
mod hosts;
mod keys;
mod mode;
mod node;
mod onchain;
mod operator;
mod order;
mod output;
mod queue;
mod resolver;
mod secret;
mod signals;
mod status;
mod swap;
mod verify;
mod watch;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let outcome = start_log(cli.command.default_filter())
        .and_then(|()| {
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::Usage(format!("cannot start the async runtime: {error}")))
        })
        .and_then(|runtime| runtime.block_on(run(cli.command, &output)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start_log(default: &str) -> Result<(), Failure> {
    let filter = std::env::var("BMN_LOG").unwrap_or_else(|_| default.to_owned());
    let usage = |error: String| Failure::Usage(format!("BMN_LOG: {error}"));
    let subscriber = bmn_telemetry::subscriber(&filter, std::io::stderr)
        .map_err(|error| usage(error.to_string()))?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| usage(error.to_string()))
}

async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args, output).await,
        Command::Node(args) => resolver::run(&args, *output).await,
        Command::Approve(args) => approve::run(&args, output).await,
        Command::Order(command) => order::run(command, output).await,
        Command::Secret(command) => secret::run(command, output).await,
        Command::Swap(command) => swap::run(command, output).await,
        Command::Watch(args) => watch::run(&args, output).await,
        Command::Queue(command) => queue::run(command, output).await,
        Command::Mode(command) => mode::run(command, output).await,
        Command::Status(node) => status::run(&node, output).await,
        Command::Decode(args) => decode::run(&args, output),
        Command::Verify(args) => verify::run(&args, output),
        Command::Archive(command) => archive::run(command, output).await,
        Command::Bench(command) => bench::run(command, output),
    }
}
