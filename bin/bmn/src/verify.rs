//! `bmn verify`: is the index what its events say?

use crate::{
    chains::ChainArgs,
    failure::Failure,
    output::{self, Output},
    repair::{self, report},
};
use alloy::primitives::hex;
use bmn_primitives::ChainId;
use bmn_store::{
    DATABASE_FILE, Mode, Reads, RebuildReason, Store, StoreOptions, Verification, Verified, backup,
    verify,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::{ops::RangeInclusive, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  bmn verify --data-dir bmn-data
  bmn verify --data-dir bmn-data --chain 1337 --from 1000 --to 2000 --json
  bmn verify --backup bmn-20260131T000500000Z.bmnbackup

The node must be stopped: a database is opened once. Two nodes that hold the same chain show the same
digest for the same block. Exit code 1 when a row is not what the events say; with --rebuild, the next
`bmn node` then indexes that chain again from its start block. Orders and secrets stay. A backup is read from its
first byte to its last; its digests are those of the database it was taken from and of the one it is restored to.";

/// Check an index offline: recompute it from its events and name the first difference.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// Database directory of a node.
    #[arg(long, value_name = "DIRECTORY", required_unless_present = "backup")]
    data_dir: Option<PathBuf>,

    /// Check this backup instead of a database.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "chain", "from", "to", "rebuild"])]
    backup: Option<PathBuf>,

    /// Only this chain, by name or id; every chain of the specifications that has been indexed unless
    /// given.
    #[arg(long)]
    chain: Option<String>,

    /// First block; the first one of the index unless given.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from: u64,

    /// Last block; the newest one of the index unless given.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,

    /// Have the next `bmn node` index a chain that differs again from its start block.
    #[arg(long)]
    rebuild: bool,

    #[command(flatten)]
    chains: ChainArgs,
}

/// One chain's range and what came of it.
struct Checked {
    chain: ChainId,
    name: String,
    range: RangeInclusive<u64>,
    verification: Verification,
}

/// Checks every chain that is asked for.
pub(crate) fn run(args: &VerifyArgs, output: &Output) -> Result<(), Failure> {
    let Some(data_dir) = &args.data_dir else { return check_backup(args, output) };
    let failed = |error| Failure::Run(eyre::Report::new(error));
    let database = data_dir.join(DATABASE_FILE);
    // Opening would create one.
    std::fs::metadata(&database).map_err(|error| Failure::file(&database, error))?;
    let store = Store::open(StoreOptions::directory(data_dir)).map_err(failed)?;
    let read = store.read().map_err(failed)?;
    let mut checked = Vec::new();
    for (chain, name) in args.wanted()? {
        let Some(tip) = read.cursor(chain).map_err(failed)?.tip else { continue };
        let range = args.range(tip.number, &name)?;
        let bar = bar(&name, &range)?;
        let verification =
            verify(&read, chain, range.clone(), &mut |number| bar.set_position(number))
                .map_err(failed)?;
        bar.finish_and_clear();
        checked.push(Checked { chain, name, range, verification });
    }
    if checked.is_empty() {
        let reason = "holds no block of the chains asked for; --chainspec names more chains";
        return Err(Failure::Usage(format!("{} {reason}", database.display())));
    }
    let value: Vec<_> = checked.iter().map(Checked::json).collect();
    output.result(&value, || checked.iter().map(Checked::text).collect::<Vec<_>>().join("\n\n"))?;
    let bad: Vec<_> = checked.iter().filter(|it| !it.is_sound()).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let mut cure = "--rebuild has them indexed again";
    if args.rebuild {
        let mut tx = store.write().map_err(failed)?;
        for it in &bad {
            tx.reset_cursor(it.chain, Mode::Clearing(RebuildReason::Asked)).map_err(failed)?;
        }
        tx.commit().map_err(failed)?;
        cure = "the next `bmn node` indexes them again";
    }
    let names: Vec<_> = bad.iter().map(|it| it.name.as_str()).collect();
    Err(Failure::No(format!("the index of {} differs; {cure}", names.join(", "))))
}

fn check_backup(args: &VerifyArgs, output: &Output) -> Result<(), Failure> {
    let none = || Failure::Usage("name a database (--data-dir) or a backup (--backup)".to_owned());
    let path = args.backup.as_ref().ok_or_else(none)?;
    let checked = backup::check(path, &mut |_, _| {}).map_err(repair::failed)?;
    output.result(&report::json(path, &checked), || {
        format!("{}\nresult      whole", report::text(path, &checked))
    })
}

impl VerifyArgs {
    fn wanted(&self) -> Result<Vec<(ChainId, String)>, Failure> {
        let chains = self.chains.load()?;
        Ok(match &self.chain {
            Some(text) => {
                let spec = chains.named(text)?;
                vec![(spec.chain_id, spec.name.clone())]
            }
            None => chains.all().map(|spec| (spec.chain_id, spec.name.clone())).collect(),
        })
    }

    fn range(&self, tip: u64, name: &str) -> Result<RangeInclusive<u64>, Failure> {
        let to = self.to.unwrap_or(tip);
        if self.from > to || to > tip {
            let from = self.from;
            return Err(Failure::Usage(format!(
                "blocks {from} to {to} of {name}: expected a range that ends at {tip} at most"
            )));
        }
        Ok(self.from..=to)
    }
}

fn bar(name: &str, range: &RangeInclusive<u64>) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{prefix}  {bar:30} block {pos} of {len}  {eta} left")
        .map_err(eyre::Report::new)?;
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(Some(*range.end()), target).with_style(style);
    Ok(bar.with_prefix(name.to_owned()))
}

impl Checked {
    const fn is_sound(&self) -> bool {
        matches!(self.verification, Verification::Sound(_))
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "chain": self.chain.0, "from": self.range.start(), "to": self.range.end(),
            "sound": self.is_sound(),
        });
        match &self.verification {
            Verification::Sound(Verified { digest, blocks, events, whole_from }) => {
                value["wholeFrom"] = json!(whole_from);
                value["digest"] = json!(digest.map(|rolling| rolling.digest));
                value["blocks"] = json!(blocks);
                value["events"] = json!(events);
            }
            Verification::Differs(found) => {
                let shown = |row: &Option<Vec<u8>>| row.as_ref().map(hex::encode_prefixed);
                value["difference"] = json!({
                    "block": found.block, "table": found.table,
                    "key": hex::encode_prefixed(&found.key),
                    "expected": shown(&found.expected), "found": shown(&found.found),
                });
            }
        }
        value
    }

    fn text(&self) -> String {
        let mut fields = vec![
            ("chain", format!("{} ({})", self.name, self.chain)),
            ("blocks", format!("{} to {}", self.range.start(), self.range.end())),
        ];
        match &self.verification {
            Verification::Sound(Verified { digest, blocks, events, whole_from }) => {
                if whole_from > self.range.start() {
                    let kept = format!("{whole_from}; below it only what is not over");
                    fields.push(("whole from", kept));
                }
                fields.push(("events", format!("{events} in {blocks} blocks")));
                let none = || "not kept down to there".to_owned();
                let digest = digest.map_or_else(none, |rolling| rolling.digest.to_string());
                fields.push(("digest", digest));
                fields.push(("result", "every row follows from the events".to_owned()));
            }
            Verification::Differs(found) => fields.push(("first difference", found.to_string())),
        }
        output::fields(&fields)
    }
}
