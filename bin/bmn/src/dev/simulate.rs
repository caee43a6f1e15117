//! `bmn dev --swaps N`: a run from an empty network to a report.

use super::args::{DevArgs, Scenario};
use crate::{failure::Failure, output::Output};
use bmn_sim::{
    Progress, Report, RunOptions, Simulation, run_in_real_time, runs_in_real_time, scenario,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Redraws a second.
const REFRESH: u8 = 10;

impl From<Scenario> for scenario::Scenario {
    fn from(scenario: Scenario) -> Self {
        match scenario {
            Scenario::Happy => Self::Happy,
            Scenario::Mixed => Self::Mixed,
            Scenario::Cancel => Self::Cancel,
            Scenario::Reorg => Self::Reorg,
            Scenario::Crash => Self::Crash,
        }
    }
}

/// Runs and reports; succeeds only when everything ended as it had to.
pub(super) async fn run(swaps: u32, args: &DevArgs, output: Output) -> Result<(), Failure> {
    let options =
        RunOptions { scenario: args.scenario.into(), swaps, seed: args.seed, skew: args.skew };
    check(args, &options)?;
    let bar = progress_bar(swaps)?;
    let observe = |progress: &Progress| show(&bar, progress);
    let run = if args.realtime {
        run_in_real_time(options, observe).await
    } else {
        Simulation::run(options, observe).await
    };
    bar.finish_and_clear();
    let report = run.map_err(eyre::Report::new)?;
    write(&report, output)?;
    if report.is_good() { Ok(()) } else { Err(Failure::No(verdict(&report))) }
}

fn check(args: &DevArgs, options: &RunOptions) -> Result<(), Failure> {
    if args.realtime && !runs_in_real_time(options.scenario) {
        return Err(Failure::Usage(format!(
            "--realtime runs the scenarios happy and cancel: the reorgs and crashes of {} need \
             virtual time",
            options.scenario
        )));
    }
    if args.realtime && args.skew != 0 {
        return Err(Failure::Usage("--skew needs virtual time, so not --realtime".to_owned()));
    }
    if args.data_dir.is_some() {
        let reason =
            "--data-dir keeps the network of a plain `bmn dev`; --swaps always starts afresh";
        return Err(Failure::Usage(reason.to_owned()));
    }
    Ok(())
}

fn progress_bar(swaps: u32) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} swaps over  {msg}")
        .map_err(eyre::Report::new)?;
    // Where stderr is no terminal, nothing is drawn.
    let target = ProgressDrawTarget::stderr_with_hz(REFRESH);
    Ok(ProgressBar::with_draw_target(Some(u64::from(swaps)), target).with_style(style))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    let Progress { begun, elapsed, heads: [a, b], reorgs, crashes, .. } = progress;
    bar.set_position(u64::from(progress.over));
    bar.set_message(format!(
        "{begun} begun, {elapsed} s of chain time, blocks {a} and {b}, {reorgs} reorgs, \
         {crashes} crashes"
    ));
}

/// For people the table is the result; for programs it is a remark.
fn write(report: &Report, output: Output) -> Result<(), Failure> {
    let table = report.to_string();
    if output.is_json() {
        output.note(table.trim_end());
        output.value(report)
    } else {
        output.line(table.trim_end())
    }
}

fn verdict(report: &Report) -> String {
    let Report { failed, swaps, .. } = report;
    let mut reasons = Vec::new();
    if *failed > 0 {
        reasons.push(format!("{failed} of {swaps} swaps did not end as they had to"));
    }
    if !report.value_conserved {
        reasons.push("value was not conserved".to_owned());
    }
    if !report.nonces_dense {
        reasons.push("nonces have gaps".to_owned());
    }
    if report.missed_deadlines > 0 {
        reasons.push(format!("{} deadlines were missed", report.missed_deadlines));
    }
    let missed = &report.coverage.not_crashed;
    if !missed.is_empty() {
        reasons.push(format!("no crash was tried at {}", missed.join(", ")));
    }
    reasons.join("; ")
}
