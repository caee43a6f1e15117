//! `bmn compact`.

use super::{failed, open};
use crate::{
    failure::Failure,
    output::{self, Output},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bmn compact --data-dir bmn-data

The node must be stopped. It takes seconds for each gigabyte; cut short, it is begun again by the next one, and nothing
is lost.";

/// Give the pages that a database does not use any more back to the disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompactArgs {
    /// Database directory of a node.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: PathBuf,
}

/// Compacts the file.
pub(crate) fn run(args: &CompactArgs, output: &Output) -> Result<(), Failure> {
    let mut store = open(&args.data_dir)?;
    let path = store.path().to_path_buf();
    let size = || {
        let facts = std::fs::metadata(&path).map_err(|error| Failure::file(&path, error));
        facts.map(|facts| facts.len())
    };
    let before = size()?;
    store.compact().map_err(failed)?;
    // Closing trims the file.
    drop(store);
    let after = size()?;
    output.result(&json!({ "file": path, "before": before, "after": after }), || {
        output::fields(&[
            ("database", path.display().to_string()),
            ("before", format!("{before} bytes")),
            ("after", format!("{after} bytes")),
        ])
    })
}
