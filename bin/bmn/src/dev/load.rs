//! `bmn dev --rate R`: orders at a steady rate, until it is told to stop.

use super::{args::DevArgs, trouble};
use crate::{failure::Failure, output::Output, signals};
use bmn_sim::{LoadFigures, LoadOptions, LoadReport, run_load};

/// Runs under load and reports; succeeds only when no swap was lost and every balance adds up.
pub(super) async fn run(rate: f64, args: &DevArgs, output: Output) -> Result<(), Failure> {
    if args.skew != 0 {
        return Err(Failure::Usage("--skew needs virtual time, so not --rate".to_owned()));
    }
    let options = LoadOptions {
        rate,
        reorg_percent: args.reorgs.unwrap_or_default(),
        length: args.length,
        seed: args.seed,
        keep_orders_secs: args.keep_orders.map(|keep| keep.as_secs()),
        data_dir: args.data_dir.clone(),
        addresses: args.addresses(),
    };
    let observe = |figures: &LoadFigures| output.note(&figures.to_string());
    output.note("Funding the makers.");
    let ran = run_load(options, observe, signals::stop()).await;
    let report = ran.map_err(|error| trouble::failure(error, args))?;
    write(&report, output)?;
    if report.is_good() { Ok(()) } else { Err(Failure::No(verdict(&report))) }
}

fn write(report: &LoadReport, output: Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.value(report);
    }
    for minute in &report.minutes {
        output.line(&minute.to_string())?;
    }
    output.line(&report.figures.to_string())?;
    for wrong in &report.discrepancies {
        output.line(wrong)?;
    }
    let [of_chains, own] = report.rows_bytes;
    output.line(&format!(
        "the database holds {of_chains} bytes of chain rows and {own} of our own"
    ))?;
    let LoadReport { value_conserved, missed_deadlines, figures, .. } = report;
    let conserved = if *value_conserved { "conserved" } else { "NOT conserved" };
    output.line(&format!(
        "value {conserved}, {} lost, {} ended otherwise than their maker meant, {missed_deadlines} deadlines missed",
        figures.lost, figures.otherwise
    ))
}

fn verdict(report: &LoadReport) -> String {
    let mut reasons = Vec::new();
    if report.figures.lost > 0 {
        reasons
            .push(format!("{} of {} swaps were lost", report.figures.lost, report.figures.begun));
    }
    if !report.value_conserved {
        reasons.push("value was not conserved".to_owned());
    }
    if report.missed_deadlines > 0 {
        reasons.push(format!("{} deadlines were missed", report.missed_deadlines));
    }
    reasons.join("; ")
}
