//! `bmn archive info` and `bmn archive verify`.

use super::{failed, progress_bar, totals_rows};
use crate::{
    failure::Failure,
    output::{Output, fields},
};
use bmn_archive::{Ending, Flags, Preamble, Report, resume_point};
use serde_json::{Value, json};
use std::{fs::File, path::Path};

fn open(path: &Path) -> Result<(File, u64), Failure> {
    let file = File::open(path).map_err(|source| Failure::file(path, source))?;
    let length = file.metadata().map_err(|source| Failure::file(path, source))?.len();
    Ok((file, length))
}

fn preamble_rows(preamble: &Preamble) -> Vec<(&'static str, String)> {
    let Flags { generated, .. } = preamble.flags;
    vec![
        ("chain", preamble.chain.to_string()),
        ("first block", preamble.first_block.to_string()),
        ("made", if generated { "from a seed" } else { "from a chain" }.to_owned()),
        ("by", preamble.writer.clone()),
    ]
}

/// Shows what a file holds; what is wrong with it is told, not a failure.
pub(super) fn info(path: &Path, output: Output) -> Result<(), Failure> {
    let (file, length) = open(path)?;
    let bar = progress_bar(length, "bytes")?;
    let point = resume_point(bar.wrap_read(file)).map_err(|error| failed(path, error))?;
    bar.finish_and_clear();
    let (trailer, whole) = (point.trailer(), point.offset());
    let state = match (point.damage(), point.is_complete()) {
        (Some(place), _) => format!("damaged in {place}; whole up to byte {whole}"),
        (None, true) => "complete".to_owned(),
        (None, false) => format!("cut off; whole up to byte {whole} of {length}"),
    };
    let value = json!({
        "file": path, "bytes": length, "preamble": point.preamble(), "totals": trailer.totals,
        "tip": trailer.tip, "complete": point.is_complete(), "damaged": point.damage().is_some(),
        "wholeBytes": whole, "fileDigest": trailer.file_digest,
        "historyDigest": trailer.history_digest,
    });
    output.result(&value, || {
        let mut rows = preamble_rows(point.preamble());
        rows.extend(totals_rows(&trailer.totals));
        if let Some(tip) = trailer.tip {
            rows.push(("newest block", tip.to_string()));
        }
        rows.push(("history", trailer.history_digest.to_string()));
        rows.push(("state", state));
        fields(&rows)
    })
}

/// Checks everything that a file alone can prove.
pub(super) fn verify(path: &Path, output: Output) -> Result<(), Failure> {
    let (file, length) = open(path)?;
    let bar = progress_bar(length, "bytes")?;
    let report = bmn_archive::verify(file, |totals, position| {
        bar.set_position(position);
        if totals.blocks.is_multiple_of(256) {
            bar.set_message(format!("{} blocks, {} logs", totals.blocks, totals.logs));
        }
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| failed(path, error))?;
    let verdict = verdict(path, &report);
    output.result(&value(path, &report), || {
        let mut rows = preamble_rows(&report.preamble);
        rows.extend(totals_rows(&report.totals));
        rows.push(("history", report.history_digest.to_string()));
        rows.push(("file", report.file_digest.to_string()));
        fields(&rows)
    })?;
    verdict.map_or(Ok(()), |reason| Err(Failure::No(reason)))
}

fn value(path: &Path, report: &Report) -> Value {
    json!({
        "file": path, "preamble": report.preamble, "totals": report.totals, "tip": report.tip,
        "complete": matches!(report.ending, Ending::Complete(_)),
        "fileDigest": report.file_digest, "historyDigest": report.history_digest,
    })
}

/// Why the file is not all that it should be.
fn verdict(path: &Path, report: &Report) -> Option<String> {
    let Ending::CutOff { offset, lost } = report.ending else { return None };
    Some(format!(
        "{}: cut off: no trailer, {lost} bytes of an unfinished frame after byte {offset}; what is \
         before is whole, and `bmn archive record --resume` goes on from there",
        path.display()
    ))
}
