//! `bmn jobs run`.

use super::words::{came_to, name, span};
use crate::{failure::Failure, operator::OperatorArgs, output::Output};
use bmn_rpc_api::{AdminApiClient, Limit, OperatorApiClient, RunResult, ScheduledRun, StartedRun};
use clap::Args;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  bmn jobs run dailyReport
  bmn jobs run daily_backup --no-wait

A job that is running is not begun a second time. Ctrl-C ends the waiting and not the run. Exit code 1 when the
run failed.";

/// Pause between two looks.
const EVERY: Duration = Duration::from_millis(250);

/// Newest runs of the job among which it is looked for.
const NEWEST: u32 = 20;

/// Run a scheduled job now.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// The job, for example dailyReport: `bmn jobs list` has their names.
    #[arg(value_name = "JOB")]
    job: String,

    /// Do not wait for its end.
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) async fn run(args: &RunArgs, output: &Output) -> Result<(), Failure> {
    let started = args.operator.http()?.run_job(name(&args.job).to_owned()).await;
    let started = started.map_err(|error| args.operator.failed(error))?;
    if args.no_wait {
        return output.result(&started, || {
            format!("{} has begun; bmn jobs history {0} tells what came of it", started.job)
        });
    }
    let run = ended(args, &started).await?;
    let took = run.ended_ms.map_or(0, |end| end.saturating_sub(run.started_ms));
    output.result(&run, || {
        format!("{} {} after {}: {}", run.job, run.result, span(took), came_to(&run))
    })?;
    match run.result {
        RunResult::Succeeded => Ok(()),
        other => Err(Failure::Run(eyre::eyre!("the run of {} {other}", run.job))),
    }
}

/// Looks until the run has ended.
async fn ended(args: &RunArgs, started: &StartedRun) -> Result<ScheduledRun, Failure> {
    loop {
        let newest = Limit::new(NEWEST);
        let runs = args.operator.http()?.scheduled_runs(Some(started.job.clone()), newest).await;
        let runs = runs.map_err(|error| args.operator.failed(error))?;
        let is_it = |run: &ScheduledRun| run.started_ms == started.started_ms;
        if let Some(run) = runs.into_iter().find(|run| is_it(run) && run.ended_ms.is_some()) {
            return Ok(run);
        }
        tokio::time::sleep(EVERY).await;
    }
}
