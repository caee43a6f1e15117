//! `bmn config`: what holds and why, what is wrong, and what held before.

mod history;
mod rollback;
mod schema;
mod show;

use crate::{
    failure::Failure,
    output::Output,
    resolver::{config::ConfigArgs, live::check_schedules},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// What to do with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every key with its value, and where the value comes from.
    Show(ShowArgs),
    /// Tell every problem of a configuration at once; exit code 2 when there is one.
    Check(CheckArgs),
    /// List every key: what it takes, its unit and default, and whether it can be changed while the node runs.
    Schema,
    /// List the versions that a node has seen, and what became of them.
    History(HistoryArgs),
    /// Show which keys differ between two versions, or between a version and the file.
    Diff(DiffArgs),
    /// Write a version back into the file; a running node takes it at once.
    Rollback(RollbackArgs),
}

const SHOW: &str = "\
Examples:
  bmn config show --config bmn.toml
  bmn config show --config bmn.toml --origin --all
  bmn config show --config bmn.toml --set policy.min_profit_bps=25 --origin --json

Defaults, then the profile, then the file, then variables (BMN_CONFIG__POLICY__MIN_PROFIT_BPS=25), then flags: the
later stands above the earlier. Secrets are not shown; of a URL its host is.";

/// Which configuration to show, and how much of it.
#[derive(Debug, Args)]
#[command(after_help = SHOW)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Say where each value comes from.
    #[arg(long)]
    origin: bool,
    /// Show keys as well that are not set and have no default.
    #[arg(long)]
    all: bool,
}

const CHECK: &str = "\
Examples:
  bmn config check --config bmn.toml
  bmn config check --config bmn.toml --json

Specifications of chains are read, keys and nodes are not: `bmn doctor` asks those.";

/// Which configuration to check.
#[derive(Debug, Args)]
#[command(after_help = CHECK)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Whose history.
#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    config: ConfigArgs,
    /// The node's data directory, where --config names another one or cannot be read.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

const HISTORY: &str = "\
Examples:
  bmn config history --config bmn.toml
  bmn config history --config bmn.toml --json

A version is a file that a node found changed, running or at its start. The last 100 are kept in config-history in
the data directory, without secrets.";

/// Whose history to list.
#[derive(Debug, Args)]
#[command(after_help = HISTORY)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    place: Place,
}

const DIFF: &str = "\
Examples:
  bmn config diff 3 5 --config bmn.toml
  bmn config diff 3 --config bmn.toml        version 3 against the file";

/// What to compare.
#[derive(Debug, Args)]
#[command(after_help = DIFF)]
pub(crate) struct DiffArgs {
    /// A version of `bmn config history`.
    #[arg(value_name = "A")]
    from: u64,
    /// Another version; without it the file as it is.
    #[arg(value_name = "B")]
    to: Option<u64>,
    #[command(flatten)]
    place: Place,
}

const ROLLBACK: &str = "\
Examples:
  bmn config rollback 3 --config bmn.toml
  bmn config rollback 3 --config bmn.toml --yes

The file is replaced as a whole, and what was there stays beside it (bmn.toml.before-3). Secrets are not in the
history: they are taken from the file as it is. A node that runs takes the file within a second, as any other
change, and keeps it as a new version.";

/// What to write back.
#[derive(Debug, Args)]
#[command(after_help = ROLLBACK)]
pub(crate) struct RollbackArgs {
    /// A version of `bmn config history`.
    #[arg(value_name = "VERSION")]
    version: u64,
    #[command(flatten)]
    place: Place,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Does it.
pub(crate) fn run(command: &ConfigCommand, output: Output) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show(args) => show::run(args, output),
        ConfigCommand::Check(args) => check(args, output),
        ConfigCommand::Schema => schema::run(output),
        ConfigCommand::History(args) => history::list(&args.place, output),
        ConfigCommand::Diff(args) => history::diff(args, output),
        ConfigCommand::Rollback(args) => rollback::run(args, output),
    }
}

fn check(args: &CheckArgs, output: Output) -> Result<(), Failure> {
    let source = args.config.source(false)?;
    let config = source.read()?.loaded.config;
    bmn_launch::mode_of(&config)?;
    check_schedules(&config).map_err(Failure::Usage)?;
    let above: Vec<&str> = source.above().collect();
    let value = json!({
        "file": source.path(), "problems": 0, "profile": config.upkeep.profile.name(), "above": above,
    });
    output.result(&value, || {
        let file = source.path().display();
        let above = if above.is_empty() {
            String::new()
        } else {
            format!(", with {} above it", above.join(", "))
        };
        format!("{file}: no problem{above} (profile {})", config.upkeep.profile.name())
    })
}
