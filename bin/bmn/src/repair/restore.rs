//! `bmn restore`.

use super::{bar, failed, moves, report};
use crate::{failure::Failure, output::Output};
use bmn_store::{MASTER_KEY_FILE, MasterKey, Store, StoreOptions};
use bmn_upkeep::backups::restore;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bmn restore backups/bmn-20260131T000500000Z.bmnbackup --data-dir bmn-data --master-key safe/master.key
  bmn restore FILE --data-dir drill --master-key safe/master.key && bmn verify --data-dir drill

The backup is read to its end before anything is written. The next `bmn node` goes on from the blocks that the
backup stood at, and finds on the chains what happened since. Never run the copy beside the node that it was taken
from: two that sign with one key spend each other's nonces.";

/// Make a database directory from a backup.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    backup: PathBuf,

    /// Directory to make: an empty one, or none yet. It may hold the master key.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: PathBuf,

    /// The master key of the node that the backup was taken from, which is put into the directory.
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
}

/// Makes the directory and opens it once.
pub(crate) fn run(args: &RestoreArgs, output: &Output) -> Result<(), Failure> {
    let key = args.master_key.as_deref().map(MasterKey::read_file).transpose().map_err(failed)?;
    let bar = bar("restore")?;
    let restored = restore(&args.backup, &args.data_dir, key.as_ref(), &mut moves(&bar));
    bar.finish_and_clear();
    let restored = restored.map_err(failed)?;
    if restored.has_master_key {
        Store::open(StoreOptions::directory(&args.data_dir)).map_err(failed)?;
    } else {
        output.note(&format!(
            "It cannot be opened without its master key, check value {}: copy it to {} (mode 600).",
            restored.backup.head.key_check,
            args.data_dir.join(MASTER_KEY_FILE).display()
        ));
    }
    output.note("Before it signs, make sure that the node it was taken from never runs again.");
    let mut value = report::json(&args.backup, &restored.backup);
    value["dataDir"] = serde_json::json!(args.data_dir);
    value["hasMasterKey"] = serde_json::json!(restored.has_master_key);
    output.result(&value, || {
        let text = report::text(&args.backup, &restored.backup);
        format!("{text}\nrestored    {}", args.data_dir.display())
    })
}
