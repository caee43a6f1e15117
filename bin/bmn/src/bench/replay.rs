//! `bmn bench replay`.

use super::{
    database::FreshDatabase,
    feed::{Fed, Feed},
    report::{Phase, ReplayReport, peak_memory},
};
use crate::{
    archive::{failed, progress_bar},
    chains::ChainArgs,
    failure::Failure,
    output::Output,
};
use alloy::primitives::{Address, B256};
use bmn_archive::{Ending, Events, Reader, Record};
use bmn_config::ChainSpec;
use bmn_indexer::Indexer;
use bmn_node::{policy_of, rules_of};
use bmn_store::{SCHEMA_VERSION, Store, StoreOptions, digest};
use clap::Args;
use std::{
    fs::File,
    hint::black_box,
    path::{Path, PathBuf},
    sync::{Arc, mpsc::sync_channel},
    time::Instant,
};

const EXAMPLES: &str = "\
Three passes over the file: reading alone, reading and decoding, and indexing. Events are what the
chain's registered factories and their escrows logged. Final blocks are indexed in bulk, as by a node
that catches up; the last ones, and those that a reorg takes away, with what undoing them needs.

Example:
  bmn archive generate --shape dense -o dense.bmna && bmn bench replay dense.bmna --json";

/// Index an archive into a fresh database and report how fast that was.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArgs {
    /// The archive.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Wait for the disk with every transaction; the default.
    #[arg(long, overrides_with = "no_durable")]
    durable: bool,

    /// Never wait for the disk.
    #[arg(long)]
    no_durable: bool,

    /// Directory for the database, kept afterwards; without it one in the temporary directory is made
    /// and removed.
    #[arg(long, value_name = "DIRECTORY")]
    db: Option<PathBuf>,

    /// Index every block as at the head of the chain, none in bulk: one transaction for --batch blocks.
    #[arg(long)]
    live: bool,

    /// Blocks read together; with --live they become durable together.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,

    /// Page cache of the database, MiB.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    cache: Option<u32>,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Events read ahead of the index.
const AHEAD: usize = 2;

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is of the real clock; nothing is decided by it"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// An archive that is read again for every pass.
struct Archive<'a> {
    path: &'a Path,
    bytes: u64,
}

impl Archive<'_> {
    fn reader(&self) -> Result<Reader<File>, Failure> {
        let file = File::open(self.path).map_err(|source| Failure::file(self.path, source))?;
        Reader::new(file).map_err(|error| failed(self.path, error))
    }

    /// Reads all of it, handing each record to `take`, which says how many logs it saw.
    fn pass(
        &self,
        name: &'static str,
        mut take: impl FnMut(&Record) -> Result<u64, alloy::rlp::Error>,
    ) -> Result<(Phase, Option<Ending>), Failure> {
        let bar = progress_bar(self.bytes, "bytes")?;
        bar.set_message(name);
        let mut reader = self.reader()?;
        let began = now();
        let (mut blocks, mut logs) = (0, 0);
        while let Some(record) = reader.next_record().map_err(|error| failed(self.path, error))? {
            blocks += u64::from(matches!(record, Record::Block(_)));
            logs += take(&record).map_err(|error| {
                let (path, place) = (self.path.display(), reader.place());
                Failure::No(format!("{path}: {place}: {error}; `bmn archive verify` says more"))
            })?;
            bar.set_position(reader.position());
        }
        let took = began.elapsed();
        bar.finish_and_clear();
        Ok((Phase::new(took, reader.position(), blocks, logs), reader.ending().cloned()))
    }
}

/// Replays and reports.
pub(super) fn run(args: &ReplayArgs, output: Output) -> Result<(), Failure> {
    let path = &args.file;
    let bytes = std::fs::metadata(path).map_err(|source| Failure::file(path, source))?.len();
    let archive = Archive { path, bytes };
    let chain = archive.reader()?.preamble().chain;
    let chains = args.chains.load()?;
    let spec = chains.by_id(chain.0).ok_or_else(|| {
        Failure::Usage(format!(
            "{} is of chain {chain}: --chainspec says which factories are ours there",
            path.display()
        ))
    })?;
    let database = FreshDatabase::new(args.db.as_deref())?;
    let durable = !args.no_durable;
    let cache_bytes =
        args.cache.map_or(StoreOptions::DEFAULT_CACHE_BYTES, |mib| (mib as usize) << 20);

    let (mut read_only, ending) = archive.pass("reading", |_| Ok(0))?;
    let (decode_only, _) = archive.pass("decoding", |record| match record {
        Record::Block(block) => Ok(black_box(block.block()?).logs.len() as u64),
        Record::Rollback(_) => Ok(0),
    })?;
    read_only = Phase::new(
        std::time::Duration::from_secs_f64(read_only.seconds),
        read_only.bytes_read,
        read_only.blocks,
        decode_only.logs,
    );
    let peak_memory_before = peak_memory();
    let store = database.open(durable, cache_bytes)?;
    let (index, fed) = fill(&archive, spec, &store, args)?;
    let peak_memory = peak_memory();
    let digest = chain_digest(&store, spec)?;
    drop(store);
    let (database_bytes, rows_by_table) = database.measure()?;
    let events = rows_by_table.get("events").copied().unwrap_or_default();
    let report = ReplayReport {
        file: path.clone(),
        file_bytes: bytes,
        chain: chain.0,
        history_digest: match ending {
            Some(Ending::Complete(trailer)) => Some(trailer.history_digest),
            _ => None,
        },
        durable,
        blocks_per_event: args.batch as usize,
        bulk_blocks: fed.bulk_blocks,
        live_blocks: fed.live_blocks,
        cache_bytes,
        read_only,
        decode_only,
        index,
        reorgs: fed.reorgs,
        events,
        events_per_second: if index.seconds > 0.0 { events as f64 / index.seconds } else { 0.0 },
        rows: rows_by_table.values().sum(),
        rows_by_table,
        database_bytes,
        peak_memory_before,
        peak_memory,
        digest,
        schema: SCHEMA_VERSION,
    };
    output.result(&report, || report.for_people())
}

fn chain_digest(store: &Store, spec: &ChainSpec) -> Result<B256, Failure> {
    let read = store.read().map_err(eyre::Report::new)?;
    Ok(digest(&read, spec.chain_id).map_err(eyre::Report::new)?)
}

/// The pass that indexes.
fn fill(
    archive: &Archive<'_>,
    spec: &ChainSpec,
    store: &Store,
    args: &ReplayArgs,
) -> Result<(Phase, Fed), Failure> {
    let bar = progress_bar(archive.bytes, "bytes")?;
    let policy = policy_of(&bmn_config::Policy::default());
    // Nobody's resolver: no escrow of the history names it.
    let us = Address::repeat_byte(0xb5);
    let indexer = Indexer::new(store.clone(), Arc::new(rules_of(us, [spec], policy)));
    let mut feed = Feed::new(indexer, spec.chain_id, spec.finality_depth, args.live);
    let mut events = Events::new(archive.reader()?, args.batch as usize);
    let (mut blocks, mut logs, mut position) = (0, 0, 0);
    let began = now();
    // A host reads its chain while the index writes.
    std::thread::scope(|scope| {
        let (sender, read) = sync_channel(AHEAD);
        scope.spawn(move || {
            while let Some(event) = events.next() {
                if sender.send((event, events.reader().position())).is_err() {
                    break;
                }
            }
        });
        for (event, at) in read {
            let event = event.map_err(|error| failed(archive.path, error))?;
            blocks += event.committed().len() as u64;
            logs += event.committed().iter().map(|block| block.logs.len() as u64).sum::<u64>();
            feed.take(event)?;
            position = at;
            bar.set_position(position);
            bar.set_message(format!("indexing, {blocks} blocks"));
        }
        Ok::<_, Failure>(())
    })?;
    let fed = feed.finish()?;
    let took = began.elapsed();
    bar.finish_and_clear();
    Ok((Phase::new(took, position, blocks, logs), fed))
}
