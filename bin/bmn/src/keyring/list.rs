//! `bmn keys list`.

use super::keystore;
use crate::{
    failure::Failure,
    output::{self, Output},
};
use clap::Args;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files of one directory that are looked at.
const MOST: usize = 1_000;

/// List the keystores of directories or files, by account.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bmn keys list                   those of this directory
  bmn keys list keys/ old.json --json

No password is asked for. Of a directory only files that are keystores are listed.")]
pub(crate) struct ListArgs {
    /// Directories or files.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
}

/// One keystore.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// None where the file does not say.
    account: Option<String>,
    file: PathBuf,
    kdf: String,
    /// Permission bits, octal; none where there are none.
    mode: Option<String>,
    /// Others may read it.
    open_to_others: bool,
}

pub(super) fn run(args: &ListArgs, output: &Output) -> Result<(), Failure> {
    let mut entries = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            entries.extend(of_directory(path, output)?);
        } else {
            entries.push(entry(path)?);
        }
    }
    entries.sort();
    entries.dedup();
    output.result(&entries, || text(&entries))?;
    if entries.is_empty() {
        output.note("no keystore there; `bmn keys new --out FILE` makes one");
    }
    for entry in entries.iter().filter(|entry| entry.open_to_others) {
        let file = entry.file.display();
        output.note(&format!("{file} may be read by others: run `chmod 600 {file}`"));
    }
    Ok(())
}

fn of_directory(directory: &Path, output: &Output) -> Result<Vec<Entry>, Failure> {
    let failed = |source| Failure::file(directory, source);
    let listed = fs::read_dir(directory).map_err(failed)?;
    let mut files = Vec::new();
    for file in listed.take(MOST + 1) {
        files.push(file.map_err(failed)?.path());
    }
    if files.len() > MOST {
        output.note(&format!("{}: only {MOST} files were looked at", directory.display()));
    }
    Ok(files.iter().filter(|path| path.is_file()).filter_map(|path| entry(path).ok()).collect())
}

fn entry(path: &Path) -> Result<Entry, Failure> {
    let label = keystore::label(path)?;
    let mode = mode_of(path)?;
    Ok(Entry {
        account: label.account.map(|account| account.to_string()),
        file: path.to_owned(),
        kdf: label.kdf,
        mode: mode.map(|mode| format!("{mode:o}")),
        open_to_others: mode.is_some_and(|mode| mode & 0o077 != 0),
    })
}

#[cfg(unix)]
fn mode_of(path: &Path) -> Result<Option<u32>, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|source| Failure::file(path, source))?;
    Ok(Some(metadata.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn mode_of(_path: &Path) -> Result<Option<u32>, Failure> {
    Ok(None)
}

fn text(entries: &[Entry]) -> String {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let account = entry.account.clone().unwrap_or_else(|| "not named".to_owned());
            let mode = entry.mode.clone().unwrap_or_else(|| "-".to_owned());
            [account, mode, entry.kdf.clone(), entry.file.display().to_string()]
        })
        .collect();
    output::table(["ACCOUNT", "MODE", "KDF", "FILE"], &rows)
}
