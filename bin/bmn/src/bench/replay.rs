//! `bmn bench replay`.

use super::{
    database::FreshDatabase,
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
use bmn_chain::ChainEvent;
use bmn_config::ChainSpec;
use bmn_indexer::Indexer;
use bmn_node::{policy_of, rules_of};
use bmn_primitives::BlockRef;
use bmn_store::{SCHEMA_VERSION, Store, StoreOptions, digest};
use clap::Args;
use std::{
    collections::VecDeque,
    fs::File,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

const EXAMPLES: &str = "\
Three passes over the file: reading alone, reading and decoding, and indexing. Events are what the
chain's registered factories and their escrows logged.

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

    /// Blocks that become durable together.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,

    /// Page cache of the database, MiB.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    cache: Option<u32>,

    #[command(flatten)]
    chains: ChainArgs,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is of the real clock; nothing is decided by it"
)]
fn now() -> Instant {
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
    let (index, reorgs) = fill(&archive, spec, &store, args.batch as usize)?;
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
        blocks_per_transaction: args.batch as usize,
        cache_bytes,
        read_only,
        decode_only,
        index,
        reorgs,
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
    batch: usize,
) -> Result<(Phase, u64), Failure> {
    let bar = progress_bar(archive.bytes, "bytes")?;
    let policy = policy_of(&bmn_config::Policy::default());
    // Nobody's resolver: no escrow of the history names it.
    let us = Address::repeat_byte(0xb5);
    let indexer = Indexer::new(store.clone(), Arc::new(rules_of(us, [spec], policy)));
    let mut events = Events::new(archive.reader()?, batch);
    let mut finality = Finality::new(spec.finality_depth);
    let (mut blocks, mut logs, mut reorgs) = (0, 0, 0);
    let began = now();
    while let Some(event) = events.next() {
        let event = event.map_err(|error| failed(archive.path, error))?;
        let finalized = finality.take(&event);
        feed(&indexer, spec, &event, finalized)?;
        blocks += event.committed().len() as u64;
        logs += event.committed().iter().map(|block| block.logs.len() as u64).sum::<u64>();
        reorgs += u64::from(!event.reverted().is_empty());
        bar.set_position(events.reader().position());
        bar.set_message(format!("indexing, {blocks} blocks"));
    }
    let took = began.elapsed();
    bar.finish_and_clear();
    Ok((Phase::new(took, events.reader().position(), blocks, logs), reorgs))
}

/// The only place where a replay meets the index.
fn feed(
    indexer: &Indexer,
    spec: &ChainSpec,
    event: &ChainEvent,
    finalized: Option<BlockRef>,
) -> Result<(), Failure> {
    indexer.apply(spec.chain_id, event, finalized).map_err(eyre::Report::new)?;
    Ok(())
}

/// Which block is final, by depth.
struct Finality {
    depth: usize,
    newest: VecDeque<BlockRef>,
}

impl Finality {
    fn new(depth: u64) -> Self {
        Self { depth: usize::try_from(depth).unwrap_or(usize::MAX), newest: VecDeque::new() }
    }

    fn take(&mut self, event: &ChainEvent) -> Option<BlockRef> {
        for _ in event.reverted() {
            self.newest.pop_back();
        }
        self.newest.extend(event.committed().iter().map(|block| block.header.block_ref()));
        // One more than the depth: the oldest that is kept is final.
        let spare = self.newest.len().saturating_sub(self.depth.saturating_add(1));
        self.newest.drain(..spare);
        let is_final = self.newest.len() > self.depth;
        self.newest.front().copied().filter(|_| is_final)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_chain::{Block, Header, Segment};

    fn committed(numbers: std::ops::Range<u64>) -> ChainEvent {
        let hash = |number: u64| B256::from(alloy::primitives::U256::from(number));
        let block = |number| Block {
            header: Header {
                number,
                hash: hash(number),
                parent_hash: hash(number - 1),
                timestamp: number,
                logs_bloom: Default::default(),
                receipts_root: B256::ZERO,
                base_fee: None,
            },
            logs: vec![],
        };
        ChainEvent::Committed(Segment::new(numbers.map(block).collect()).unwrap())
    }

    #[test]
    fn a_block_is_final_when_so_many_are_on_top() {
        let mut finality = Finality::new(3);
        let number = |block: Option<BlockRef>| block.map(|block| block.number);
        assert_eq!(number(finality.take(&committed(1..4))), None);
        assert_eq!(number(finality.take(&committed(4..5))), Some(1));
        assert_eq!(number(finality.take(&committed(5..40))), Some(36));
        let tip = *finality.newest.back().unwrap();
        let reverted = vec![tip];
        // Not known from here any more, and never taken back by a reorg within the depth.
        assert_eq!(number(finality.take(&ChainEvent::Reverted { reverted })), None);
    }
}
