//! `bmn jobs list`.

use super::words::{cut, now_ms, span};
use crate::{
    failure::Failure,
    operator::OperatorArgs,
    output::{Output, table},
};
use bmn_rpc_api::{OperatorApiClient, ScheduledJob};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  bmn jobs list
  bmn jobs list --json | jq -r '.[] | select(.healthy | not) | .name'

Times are UTC. [schedules] in the node's configuration changes when a job runs, `off` included. These are not
the steps of swaps: `bmn swap show` has those.";

/// Width that a terminal has at least.
const COLUMNS: usize = 80;

/// List scheduled jobs: when they run, and how they do.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) async fn run(args: &ListArgs, output: &Output) -> Result<(), Failure> {
    let jobs = args.operator.http()?.schedules().await;
    let jobs = jobs.map_err(|error| args.operator.failed(error))?;
    output.result(&jobs, || text(&jobs, now_ms()))
}

fn text(jobs: &[ScheduledJob], now: u64) -> String {
    if jobs.is_empty() {
        return "This node does nothing by the clock.".to_owned();
    }
    let rows: Vec<_> = jobs.iter().map(|job| row(job, now)).collect();
    let headings = ["JOB", "SCHEDULE (UTC)", "NEXT", "LAST", "RUNS", "FAILED", "STATE"];
    let mut lines = vec![table(headings, &rows)];
    for job in jobs {
        let why = job.waits.as_deref().map(|why| format!("waits: {why}"));
        if let Some(why) = why.or_else(|| job.last_error.clone()) {
            let plain: String =
                why.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            lines.push(cut(&format!("{}: {plain}", job.name), COLUMNS));
        }
    }
    lines.join("\n")
}

fn row(job: &ScheduledJob, now: u64) -> [String; 7] {
    let none = || "-".to_owned();
    [
        job.name.clone(),
        cut(&job.schedule, 14),
        job.next_ms.map_or_else(none, |next| span(next.saturating_sub(now))),
        job.last_start_ms.map_or_else(none, |last| span(now.saturating_sub(last))),
        job.runs.to_string(),
        job.failed.to_string(),
        state(job).to_owned(),
    ]
}

const fn state(job: &ScheduledJob) -> &'static str {
    match job {
        ScheduledJob { running: true, .. } => "running",
        ScheduledJob { healthy: false, .. } => "unhealthy",
        ScheduledJob { missed: true, .. } => "missed",
        ScheduledJob { waits: Some(_), .. } => "waits",
        ScheduledJob { next_ms: None, .. } => "off",
        _ => "healthy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_rpc_api::JobPriority;

    #[test]
    fn the_table_fits_a_terminal_of_80_columns() {
        let job = ScheduledJob {
            name: "metricsAggregator".to_owned(),
            about: "a".to_owned(),
            schedule: "0 */15 8-18 * * 1-5".to_owned(),
            priority: JobPriority::Low,
            running: false,
            next_ms: Some(7_199_000),
            waits: None,
            runs: 999_999,
            succeeded: 0,
            failed: 999_999,
            consecutive_failures: 3,
            last_start_ms: Some(0),
            last_end_ms: None,
            last_success_ms: None,
            last_error: Some("no answer ".repeat(20)),
            healthy: false,
            missed: true,
        };
        let text = text(&[job], 7_100_000);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("unhealthy") && text.contains("0 */15 8-18 *…"), "{text}");
    }
}
