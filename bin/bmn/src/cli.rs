//! The command line as a whole.

use crate::{
    alerts::AlertsCommand,
    approve::ApproveArgs,
    archive::ArchiveCommand,
    bench::BenchCommand,
    config::ConfigCommand,
    decode::DecodeArgs,
    dev::args::DevArgs,
    doctor::DoctorArgs,
    jobs::JobsCommand,
    keyring::KeysCommand,
    mode::ModeCommand,
    node::NodeArgs,
    order::OrderCommand,
    queue::QueueCommand,
    repair::{backup::BackupArgs, compact::CompactArgs, import::ImportArgs, restore::RestoreArgs},
    resolver::args::RunArgs,
    secret::SecretCommand,
    swap::SwapCommand,
    top::TopArgs,
    verify::VerifyArgs,
    watch::WatchArgs,
};
use clap::{Parser, Subcommand};

const AFTER: &str = "\
Exit codes:
  0  done
  1  the answer is no: an order refused, a run that failed, input that could not all be decoded
  2  wrong arguments or files
  3  the node or chain cannot be reached
  4  the node refused the request

The result goes to stdout, everything else to stderr. BMN_LOG sets what is logged (default: warn).";

/// Cross-chain swap resolver: node, development network, orders, swaps and decoding.
#[derive(Debug, Parser)]
#[command(name = "bmn", version, after_help = AFTER)]
pub(crate) struct Cli {
    /// Write JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run two development chains with a resolver, or simulate swaps on them.
    Dev(DevArgs),
    /// Run index and resolver over chains behind URLs.
    Node(RunArgs),
    /// Show, check and roll back the configuration of a node.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show or change what the factories may take from the resolver's account.
    Approve(ApproveArgs),
    /// Back up the database and records of a node.
    Backup(BackupArgs),
    /// Make a database directory from a backup.
    Restore(RestoreArgs),
    /// Give the pages that a database does not use any more back to the disk.
    Compact(CompactArgs),
    /// Import state and order files of the older resolver.
    Import(ImportArgs),
    /// Check an index offline and name the first difference.
    Verify(VerifyArgs),
    /// Make, sign, submit, show and explain orders.
    #[command(subcommand)]
    Order(OrderCommand),
    /// Hand in secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// List, show, prove and watch swaps.
    #[command(subcommand)]
    Swap(SwapCommand),
    /// Follow what the chains show: orders, secrets, blocks.
    Watch(WatchArgs),
    /// List what the node gave up, and try it again or forget it.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// List, run and look back at what the node does by the clock: checks, reports, backups.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Show and change which new orders the node takes.
    #[command(subcommand)]
    Mode(ModeCommand),
    /// Make, import and list keys, and change the account of a node.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Show the node: chains, orders, jobs.
    Status(NodeArgs),
    /// Try who is told of what goes wrong.
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Watch the node: swaps and their windows, queue, chains, balances, errors.
    Top(TopArgs),
    /// Look for what is wrong with a resolver, and say what mends it.
    Doctor(DoctorArgs),
    /// Decode contract logs from stdin: JSON in, one JSON object a line out.
    Decode(DecodeArgs),
    /// Record, generate and check files of chain data.
    #[command(subcommand)]
    Archive(ArchiveCommand),
    /// Measure.
    #[command(subcommand)]
    Bench(BenchCommand),
}

impl Command {
    /// What is logged unless `BMN_LOG` says otherwise.
    pub(crate) const fn default_filter(&self) -> &'static str {
        match self {
            Self::Dev(args) if args.verbose => "info",
            Self::Node(args) if args.verbose => "info",
            _ => bmn_telemetry::DEFAULT_FILTER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
