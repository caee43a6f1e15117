//! `bmn alerts`.

use crate::{failure::Failure, output::Output, resolver::config::ConfigArgs};
use bmn_alerts::{Message, Route, SendError, Settings};
use bmn_launch::alert_settings;
use bmn_scheduler::Clock;
use clap::{Args, Subcommand};
use serde_json::json;

const AFTER: &str = "\
docs/alerts.md has every alert with its threshold, its runbook and the body of a message.

Examples:
  bmn alerts test --config bmn.toml
  bmn alerts test --config bmn.toml --json";

/// Try who is told of what goes wrong.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER)]
pub(crate) enum AlertsCommand {
    /// Send a test message to every route of a configuration, and say what came back.
    Test(TestArgs),
}

/// Send a test message.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs a command.
pub(crate) async fn run(command: AlertsCommand, output: &Output) -> Result<(), Failure> {
    match command {
        AlertsCommand::Test(args) => test(&args, output).await,
    }
}

async fn test(args: &TestArgs, output: &Output) -> Result<(), Failure> {
    let config = args.config.read(true)?;
    let settings = alert_settings(&config.upkeep, "test")?;
    if settings.routes.is_empty() {
        return Err(Failure::Usage(format!(
            "{}: `alerts.webhook` is not set, so that alerts are told in the log alone; write a URL, env:NAME, \
             file:/PATH or command:PROGRAM",
            args.config.config.display()
        )));
    }
    let mut refused = None;
    for route in &settings.routes {
        let answer = told(route, &settings).await;
        let shown = match &answer {
            Ok(status) => format!("{}: took a test message, status {status}", route.name()),
            Err(error) => format!("{}: {error}", route.name()),
        };
        let value = json!({
            "route": route.name(), "arrived": answer.is_ok(), "status": answer.as_ref().ok(),
            "error": answer.as_ref().err().map(ToString::to_string),
        });
        output.result(&value, || shown.clone())?;
        refused = refused.or_else(|| answer.is_err().then_some(shown));
    }
    match refused {
        None => Ok(()),
        Some(why) => {
            Err(Failure::No(format!("{why}; mend `alerts.webhook` or its receiver, and try again")))
        }
    }
}

async fn told(route: &Route, settings: &Settings) -> Result<u16, SendError> {
    let now = bmn_scheduler::SystemClock.now_ms();
    route.send(&Message::test(now), &settings.node, now).await
}
