//! `bmn archive`.

mod convert;
mod generate;
mod inspect;
mod record;

use crate::{failure::Failure, output::Output};
use bmn_archive::{ArchiveError, Totals, Trailer};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Redraws a second.
const REFRESH: u8 = 5;

/// What wrote a file, for its preamble.
const WRITER: &str = concat!("bmn ", env!("CARGO_PKG_VERSION"));

/// Record, generate and check files of chain data.
#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Record headers, receipts and logs of a chain over JSON-RPC.
    Record(record::RecordArgs),
    /// Make a mainnet-like history from a seed.
    Generate(generate::GenerateArgs),
    /// Show what a file holds.
    Info(FileArgs),
    /// Check a file: checksums, header hashes, parents, receipt roots, blooms, totals. Exit code 1 and
    /// the first difference when something does not fit.
    Verify(FileArgs),
}

/// Which file.
#[derive(Debug, clap::Args)]
pub(crate) struct FileArgs {
    /// The archive.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Runs a subcommand.
pub(crate) async fn run(command: ArchiveCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ArchiveCommand::Record(args) => record::run(&args, *output).await,
        ArchiveCommand::Generate(args) => generate::run(&args, *output),
        ArchiveCommand::Info(args) => inspect::info(&args.file, *output),
        ArchiveCommand::Verify(args) => inspect::verify(&args.file, *output),
    }
}

/// A bar with rate and time left. Where stderr is no terminal, nothing is drawn.
pub(crate) fn progress_bar(length: u64, unit: &str) -> Result<ProgressBar, Failure> {
    let template = match unit {
        "bytes" => "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left  {msg}".to_owned(),
        unit => format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left  {{msg}}"),
    };
    let style = ProgressStyle::with_template(&template).map_err(eyre::Report::new)?;
    let target = ProgressDrawTarget::stderr_with_hz(REFRESH);
    Ok(ProgressBar::with_draw_target(Some(length), target).with_style(style))
}

/// What an archive's error means for the command.
pub(crate) fn failed(path: &Path, error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Io(source) => Failure::file(path, source),
        other => Failure::No(format!("{}: {other}", path.display())),
    }
}

/// A file as the commands that write one tell of it.
fn written(path: &Path, trailer: &Trailer, bytes: u64) -> Value {
    let Trailer { totals, file_digest, history_digest, tip, .. } = trailer;
    json!({
        "file": path, "bytes": bytes, "totals": totals, "tip": tip,
        "fileDigest": file_digest, "historyDigest": history_digest,
    })
}

/// The same for people.
fn written_text(path: &Path, trailer: &Trailer, bytes: u64) -> String {
    let mut rows = vec![("file", format!("{} ({bytes} bytes)", path.display()))];
    rows.extend(totals_rows(&trailer.totals));
    rows.push(("history", trailer.history_digest.to_string()));
    crate::output::fields(&rows)
}

fn totals_rows(totals: &Totals) -> Vec<(&'static str, String)> {
    let Totals { blocks, rollbacks, reverted, receipts, logs, frames, .. } = totals;
    let mut rows = vec![
        ("blocks", blocks.to_string()),
        ("rollbacks", format!("{rollbacks}, of {reverted} blocks together")),
        ("receipts", receipts.to_string()),
        ("logs", logs.to_string()),
        ("frames", frames.to_string()),
        ("contents", format!("{} bytes, {} compressed", totals.raw_bytes, totals.packed_bytes)),
    ];
    if totals.unverified_headers + totals.unverified_receipts > 0 {
        let (headers, receipts) = (totals.unverified_headers, totals.unverified_receipts);
        let text = format!("headers of {headers} blocks, receipts of {receipts}");
        rows.push(("unverifiable", text));
    }
    rows
}
