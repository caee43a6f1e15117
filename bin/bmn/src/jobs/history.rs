//! `bmn jobs history`.

use super::words::{came_to, cut, moment, name, span};
use crate::{
    failure::Failure,
    operator::OperatorArgs,
    output::{Output, table},
};
use bmn_rpc_api::{Limit, OperatorApiClient, ScheduledRun};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  bmn jobs history
  bmn jobs history stateSync --limit 200 --json | jq -c '.[] | {startedMs, counters}'

Runs are kept for a day. Times are UTC. --json has every number that a run counted.";

/// Characters of what a run came to, beside a job's name and without one.
const WHAT: [usize; 2] = [24, 43];

/// List runs of the last day, newest first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// Only runs of this job, for example stateSync.
    #[arg(value_name = "JOB")]
    job: Option<String>,

    /// Most to list, 1 to 200.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,

    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) async fn run(args: &HistoryArgs, output: &Output) -> Result<(), Failure> {
    let job = args.job.as_deref().map(|job| name(job).to_owned());
    let is_one = job.is_some();
    let runs = args.operator.http()?.scheduled_runs(job, Limit::new(args.limit)).await;
    let runs = runs.map_err(|error| args.operator.failed(error))?;
    output.result(&runs, || text(&runs, is_one))
}

fn text(runs: &[ScheduledRun], is_one: bool) -> String {
    if runs.is_empty() {
        return "No runs in the last day.".to_owned();
    }
    let took = |run: &ScheduledRun| {
        run.ended_ms.map_or_else(|| "-".to_owned(), |end| span(end.saturating_sub(run.started_ms)))
    };
    if is_one {
        let row = |run: &ScheduledRun| {
            let (at, what) = (moment(run.started_ms), cut(&came_to(run), WHAT[1]));
            [at, run.result.to_string(), took(run), what]
        };
        let rows: Vec<_> = runs.iter().map(row).collect();
        return table(["START", "RESULT", "TOOK", "WHAT"], &rows);
    }
    let row = |run: &ScheduledRun| {
        let (at, what) = (moment(run.started_ms), cut(&came_to(run), WHAT[0]));
        [at, run.job.clone(), run.result.to_string(), took(run), what]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    table(["START", "JOB", "RESULT", "TOOK", "WHAT"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_rpc_api::RunResult;
    use std::collections::BTreeMap;

    #[test]
    fn both_tables_fit_a_terminal_of_80_columns() {
        let run = ScheduledRun {
            job: "metricsAggregator".to_owned(),
            slot_ms: None,
            started_ms: 1_772_323_265_999,
            ended_ms: Some(1_772_323_266_998),
            result: RunResult::Interrupted,
            attempts: 4,
            counters: BTreeMap::from([("created".to_owned(), 123_456_789); 1]),
            note: None,
            error: Some("word\u{1b}[2J ".repeat(30)),
        };
        for is_one in [true, false] {
            let text = text(std::slice::from_ref(&run), is_one);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(text.contains("03-01 00:01:05") && !text.contains('\u{1b}'), "{text}");
        }
    }
}
