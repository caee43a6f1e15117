//! `bmn import`: state and order files of the older resolver (S0-08, S0-53..S0-57).

mod report;
mod rows;

use super::failed;
use crate::{chains::ChainArgs, failure::Failure, files, output::Output};
use alloy::primitives::{Address, address};
use bmn_contracts::{OrderDomain, order_domain};
use bmn_legacy::{Collection, LegacyError, LegacyStatus, LegacySwap, MOST_BYTES};
use bmn_primitives::{ChainId, Dialect};
use bmn_records::{Reads as _, Records, RecordsError};
use bmn_store::{Reads as _, Store, StoreOptions};
use bmn_swap::SecretKnowledge;
use clap::Args;
use report::{Counts, Report};
use rows::{IMPORTED, ImportedSwap};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  bmn import old/data old/resolver-state.json --data-dir bmn-data --dry-run
  bmn import old/data --data-dir bmn-data --orders unfilled --json

The node must be stopped. What is imported:
  every swap       as history, with the file that each value came from
  secrets          of swaps that are not over: sealed under their hashlock. One that does not open it is left out
  escrows          nothing: the node finds those of its account on the chains, and brings them to their end
  unfilled orders  nothing: with --orders they are written as files for `bmn order submit`, which judges them anew
Every file is read before anything is written; one that cannot be read stops the import. What was written is read
back and compared field by field. A second import of the same files changes nothing.";

/// Limit-order protocols that the older resolver's orders were signed for, besides those of the specifications.
const FORMER: [(u64, Address); 4] = [
    (8453, address!("e767105dcfB3034a346578afd2aFD8e583171489")),
    (10, address!("e767105dcfB3034a346578afd2aFD8e583171489")),
    (8453, address!("1c1A74b677A28ff92f4AbF874b3Aa6dE864D3f06")),
    (10, address!("44716439C19c2E8BD6E1bCB5556ed4C31dA8cDc7")),
];

/// Files of one import at most, and folders in folders.
const MOST_FILES: usize = 500_000;
const DEEPEST: usize = 16;

/// Import state and order files of the older resolver.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// Files, or directories with JSON files.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// Database directory of the node; made where there is none.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: PathBuf,

    /// Read and check everything, and write nothing.
    #[arg(long)]
    dry_run: bool,

    /// Leave files out that cannot be read, and import the others.
    #[arg(long)]
    skip_unreadable: bool,

    /// Directory for order files of orders that were never filled.
    #[arg(long, value_name = "DIRECTORY")]
    orders: Option<PathBuf>,

    /// A limit-order protocol that orders may have been signed for, on any of the chains; may be repeated.
    #[arg(long = "limit-order-protocol", value_name = "ADDRESS")]
    protocols: Vec<Address>,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Reads, writes, reads back.
pub(crate) fn run(args: &ImportArgs, output: &Output) -> Result<(), Failure> {
    let mut report = Report::default();
    let collected = args.collect(&mut report)?;
    if !report.unreadable.is_empty() && !args.skip_unreadable {
        let all: Vec<_> = report.unreadable.iter().map(ToString::to_string).collect();
        return Err(Failure::Usage(format!(
            "{}\nNothing was imported: mend these files, or leave them out with --skip-unreadable",
            all.join("\n")
        )));
    }
    let swaps: Vec<(&LegacySwap, ImportedSwap)> =
        collected.swaps().map(|swap| (swap, ImportedSwap::of(swap, &collected))).collect();
    report.describe(&collected, &swaps);
    if !args.dry_run {
        report.counts = Some(write(&args.data_dir, &swaps)?);
        report.differences = compare(&args.data_dir, &swaps)?;
        if let Some(directory) = &args.orders {
            report.orders = write_orders(directory, &swaps)?;
        }
    }
    output.result(&report.json(), || report.text())?;
    if report.differences.is_empty() {
        return Ok(());
    }
    Err(Failure::No(
        "what was read back is not what was imported; the report names each field".to_owned(),
    ))
}

impl ImportArgs {
    fn collect(&self, report: &mut Report) -> Result<Collection, Failure> {
        let mut collected = Collection::new(self.domains()?);
        let mut paths = Vec::new();
        for path in &self.paths {
            walk(path, 0, &mut paths)?;
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            let name = path.display().to_string();
            if path.extension().is_none_or(|it| it != "json" && it != "db") {
                report.skipped.push(name);
                continue;
            }
            match bytes_of(&path, &name)?.and_then(|bytes| collected.read(&name, &bytes)) {
                Ok(_) => {}
                Err(error) => report.unreadable.push(error),
            }
        }
        Ok(collected)
    }

    fn domains(&self) -> Result<Vec<OrderDomain>, Failure> {
        let chains = self.chains.load()?;
        let domain = |chain, contract| order_domain(Dialect::Bmn4, chain, contract);
        let mut domains: Vec<OrderDomain> =
            FORMER.iter().map(|(chain, contract)| domain(ChainId(*chain), *contract)).collect();
        for spec in chains.all() {
            let of_factories = spec.factories.iter().map(|it| it.limit_order_protocol);
            let contracts = of_factories.chain(self.protocols.iter().copied());
            domains.extend(contracts.map(|contract| domain(spec.chain_id, contract)));
        }
        Ok(domains)
    }
}

fn bytes_of(path: &Path, name: &str) -> Result<Result<Vec<u8>, LegacyError>, Failure> {
    let io = |error: io::Error| Failure::file(path, error);
    let length = usize::try_from(fs::metadata(path).map_err(io)?.len()).unwrap_or(usize::MAX);
    if length > MOST_BYTES && path.extension().is_some_and(|it| it == "json") {
        let (file, bytes) = (name.to_owned(), length);
        return Ok(Err(LegacyError::TooLarge { file, bytes, most: MOST_BYTES }));
    }
    if path.extension().is_some_and(|it| it == "db") {
        // Its first bytes tell what it is.
        use io::Read;
        let mut start = Vec::new();
        fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut start)).map_err(io)?;
        return Ok(Ok(start));
    }
    fs::read(path).map(Ok).map_err(io)
}

fn walk(path: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let io = |error: io::Error| Failure::file(path, error);
    if !fs::metadata(path).map_err(io)?.is_dir() {
        into.push(path.to_path_buf());
        return Ok(());
    }
    if depth == DEEPEST || into.len() > MOST_FILES {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "{path}: at most {MOST_FILES} files in {DEEPEST} folders are read; import parts of it"
        )));
    }
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        // A link may lead back.
        if !entry.file_type().map_err(io)?.is_symlink() {
            walk(&entry.path(), depth + 1, into)?;
        }
    }
    Ok(())
}

fn of_records(error: RecordsError) -> Failure {
    Failure::Run(eyre::Report::new(error))
}

/// A secret of a swap that is not over: somebody may still need it.
fn wants_secret(swap: &LegacySwap) -> bool {
    swap.status.get().is_none_or(|status| *status != LegacyStatus::Completed)
}

fn write(data_dir: &Path, swaps: &[(&LegacySwap, ImportedSwap)]) -> Result<Counts, Failure> {
    let store = Store::open(StoreOptions::directory(data_dir)).map_err(failed)?;
    let records = Records::open(data_dir).map_err(of_records)?;
    let mut counts = Counts::default();
    let (mut tx, rows) = (store.write().map_err(failed)?, records.write().map_err(of_records)?);
    for (swap, row) in swaps {
        let key = swap.hashlock.0.as_slice();
        match rows.get(&IMPORTED, key, 0).map_err(of_records)? {
            Some(before) if before == *row => counts.unchanged += 1,
            before => {
                rows.put(&IMPORTED, key, row, None).map_err(of_records)?;
                *if before.is_some() { &mut counts.changed } else { &mut counts.new } += 1;
            }
        }
        let Some(secret) = swap.secret.get().filter(|_| wants_secret(swap)) else { continue };
        if tx.secret_knowledge(swap.hashlock).map_err(failed)? == SecretKnowledge::Unknown {
            tx.seal_secret(swap.hashlock, secret).map_err(failed)?;
            counts.sealed += 1;
        }
    }
    if counts.sealed > 0 {
        tx.commit().map_err(failed)?;
    }
    if counts.new + counts.changed > 0 {
        rows.commit().map_err(of_records)?;
    }
    Ok(counts)
}

/// Opens both files again and compares every field of every swap.
fn compare(data_dir: &Path, swaps: &[(&LegacySwap, ImportedSwap)]) -> Result<Vec<String>, Failure> {
    let store = Store::open(StoreOptions::directory(data_dir)).map_err(failed)?;
    let records = Records::open(data_dir).map_err(of_records)?;
    let (read, rows) = (store.read().map_err(failed)?, records.read().map_err(of_records)?);
    let mut differences = Vec::new();
    for (swap, row) in swaps {
        let lock = swap.hashlock;
        let found = rows.get(&IMPORTED, lock.0.as_slice(), 0).map_err(of_records)?;
        let fields = row.differs_from(found.as_ref());
        differences.extend(fields.into_iter().map(|field| format!("{lock}: {field}")));
        if let Some(secret) = swap.secret.get().filter(|_| wants_secret(swap)) {
            let found = read.open_secret(lock).map_err(failed)?;
            if found.is_none_or(|found| found.expose() != secret.expose()) {
                differences.push(format!("{lock}: secret"));
            }
        }
    }
    Ok(differences)
}

/// Orders that nobody filled, in the form that `bmn order submit` takes.
fn write_orders(
    directory: &Path,
    swaps: &[(&LegacySwap, ImportedSwap)],
) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(directory).map_err(|error| Failure::file(directory, error))?;
    let mut written = Vec::new();
    for (swap, _) in swaps.iter().filter(|(swap, _)| rows::is_unfilled(swap)) {
        let Some(file) = rows::order_file(swap) else { continue };
        let path = directory.join(format!("{}.json", swap.hashlock));
        if !path.exists() {
            let text = serde_json::to_string_pretty(&file).map_err(eyre::Report::new)?;
            files::create(&path, &(text + "\n"))?;
        }
        written.push(path);
    }
    Ok(written)
}
