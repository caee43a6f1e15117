//! The `bmn` command: node, development network, orders, swaps, index, archives.

mod address;
mod alerts;
mod amount;
mod approve;
mod archive;
mod bench;
mod chain_rpc;
mod chains;
mod cli;
mod config;
mod decode;
mod dev;
mod doctor;
mod failure;
mod files;
mod hosts;
mod jobs;
mod keyring;
mod keys;
mod logging;
mod mode;
mod node;
mod onchain;
mod operator;
mod order;
mod output;
mod queue;
mod repair;
mod resolver;
mod secret;
mod signals;
mod status;
mod swap;
mod top;
mod verify;
mod watch;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use output::Output;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let outcome = start_log(&cli.command)
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

/// A node logs as its configuration says, which is not read yet.
fn start_log(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Node(_) => Ok(()),
        _ => logging::start(command.default_filter()),
    }
}

async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args, output).await,
        Command::Node(args) => resolver::run(&args, *output).await,
        Command::Config(command) => config::run(&command, *output),
        Command::Approve(args) => approve::run(&args, output).await,
        Command::Order(command) => order::run(command, output).await,
        Command::Secret(command) => secret::run(command, output).await,
        Command::Swap(command) => swap::run(command, output).await,
        Command::Watch(args) => watch::run(&args, output).await,
        Command::Queue(command) => queue::run(command, output).await,
        Command::Jobs(command) => jobs::run(command, output).await,
        Command::Keys(command) => keyring::run(command, output).await,
        Command::Mode(command) => mode::run(command, output).await,
        Command::Alerts(command) => alerts::run(command, output).await,
        Command::Status(node) => status::run(&node, output).await,
        Command::Top(args) => top::run(&args, output).await,
        Command::Doctor(args) => doctor::run(&args, output).await,
        Command::Decode(args) => decode::run(&args, output),
        Command::Backup(args) => repair::backup::run(&args, output).await,
        Command::Restore(args) => repair::restore::run(&args, output),
        Command::Import(args) => repair::import::run(&args, output),
        Command::Compact(args) => repair::compact::run(&args, output),
        Command::Verify(args) => verify::run(&args, output),
        Command::Archive(command) => archive::run(command, output).await,
        Command::Bench(command) => bench::run(command, output),
    }
}
