//! `bmn config rollback`.

use super::RollbackArgs;
use crate::{failure::Failure, output::Output};
use bmn_config::restored;
use bmn_launch::replace;
use serde_json::json;
use std::{
    fs,
    io::{self, BufRead},
    ops::Range,
    path::{Path, PathBuf},
};

pub(super) fn run(args: &RollbackArgs, output: Output) -> Result<(), Failure> {
    let number = args.version;
    let version = args.place.version(number)?;
    let kept = version.text.ok_or_else(|| {
        Failure::No(format!(
            "version {number} was {}: its text is not kept (bmn config history)",
            version.outcome.name()
        ))
    })?;
    let source = args.place.source()?;
    let path = source.path();
    if path == Path::new("-") {
        return Err(Failure::Usage("--config names stdin: there is no file to write".to_owned()));
    }
    let current = source.text()?;
    // Where the file is broken, whatever stands behind a key may be what is missing.
    let secrets = source.load(&current).map_or_else(|_| values(&current), |it| it.secrets);
    let text = restored(&kept, &current, &secrets).map_err(|lines| {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        Failure::No(format!(
            "version {number} had another secret in line {} than {} has, and secrets are not kept: put it there first, \
             or write the change by hand (bmn config diff {number})",
            lines.join(", "),
            path.display()
        ))
    })?;
    source.load(&text)?;
    if text == current {
        return output.result(&json!({ "version": number, "changed": false }), || {
            format!("{} is version {number} already.", path.display())
        });
    }
    if !args.yes && !is_agreed(path, number, output)? {
        return Err(Failure::No("nothing was changed".to_owned()));
    }
    let before = beside(path, number);
    // A copy holds the same secrets, so that it has the same mode.
    fs::copy(path, &before).map_err(|error| Failure::file(&before, error))?;
    replace(path, text.as_bytes()).map_err(|error| Failure::file(path, error))?;
    let value = json!({ "version": number, "changed": true, "file": path, "before": before });
    output.result(&value, || {
        format!(
            "{} is version {number} again; what was there is in {}. `bmn config history` tells what a running node \
             makes of it.",
            path.display(),
            before.display()
        )
    })
}

fn is_agreed(path: &Path, number: u64, output: Output) -> Result<bool, Failure> {
    output.note(&format!("Replace {} by version {number}? Type yes:", path.display()));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn beside(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-{number}"));
    name.into()
}

/// What stands behind `=` in each line.
fn values(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split('\n') {
        if let Some((key, value)) = line.split_once('=') {
            let blank = value.len() - value.trim_start().len();
            let from = start + key.len() + 1 + blank;
            found.push(from..from + value.trim().len());
        }
        start += line.len() + 1;
    }
    found
}
