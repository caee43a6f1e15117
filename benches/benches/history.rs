//! A million swaps: memory while they come, reads when they are there, the size of their file.
//!
//! `BMN_BENCH_SWAPS` says how many, `BMN_BENCH_CACHE` the page cache for the reads, MiB.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    Figures, History, Mix, indexer, is_smoke, is_wanted, memory, monotonic, per_second, spec,
    temporary,
};
use bmn_indexer::Share;
use bmn_store::{
    DATABASE_FILE, EventKey, IndexReads, LegIndex, LegState, PageBounds, ReadTx, Reads,
    SourceQuery, Store, StoreError, StoreOptions,
};
use redb::{ReadOnlyDatabase, ReadableDatabase, ReadableTableMetadata};
use std::{env, hint::black_box, path::Path};

/// Half of the swaps are withdrawn.
const MIX: Mix = Mix { sources: 50, destinations: 0, withdrawals: 25 };

/// Blocks handed over at once.
const AT_ONCE: u64 = 64;

fn main() {
    if !is_wanted("history") {
        return;
    }
    let said =
        env::var("BMN_BENCH_SWAPS").ok().map(|said| said.parse().expect("a number of swaps"));
    let swaps = said.unwrap_or(if is_smoke() { 2_000 } else { 1_000_000 });
    let reads = if is_smoke() { 50 } else { 20_000 };
    let directory = temporary();
    let options = || StoreOptions::directory(directory.path());
    let open = || Store::open(options()).expect("our store");
    let history = History::new(spec(), MIX);
    fill(&open(), &history, swaps / u64::from(MIX.sources));
    let said = env::var("BMN_BENCH_CACHE").ok().map(|said| said.parse().expect("a number of MiB"));
    let cache = said.unwrap_or(StoreOptions::DEFAULT_CACHE_BYTES >> 20);
    let store = Store::open(options().with_cache_bytes(cache << 20)).expect("our store");
    println!("reads with {swaps} swaps, {reads} of each, a page cache of {cache} MiB");
    point_reads(&store, &history, swaps, reads);
    list_reads(&store, &history, swaps, reads / 20);
    drop(store);
    sizes(directory.path(), open);
}

fn fill(store: &Store, history: &History, blocks: u64) {
    let indexer = indexer(store.clone(), [&spec()]);
    let mut backfill = indexer.backfill(spec().chain_id).expect("a chain of the rules");
    let (finalized, now, idle) = (history.at(blocks), monotonic(), memory().0);
    let per_block = u64::from(MIX.sources + MIX.withdrawals);
    let (mut figures, mut reported) = (Figures::default(), 0);
    println!("durable backfill, {per_block} events a block");
    for from in (0..blocks).step_by(AT_ONCE as usize) {
        let to = blocks.min(from + AT_ONCE);
        let event = history.committed(from..to);
        figures.time(|| backfill.push(&event, finalized, Share::Alone, &now)).expect("next blocks");
        if to * 10 / blocks > reported {
            reported = to * 10 / blocks;
            let (resident, peak) = memory();
            println!(
                "  {:>8} events  {:>4} MiB over idle, {:>4} at most  {:>7.0} events/s so far",
                to * per_block,
                resident.saturating_sub(idle) >> 20,
                peak.saturating_sub(idle) >> 20,
                per_second(to * per_block, figures.total()),
            );
        }
    }
    backfill.flush(&now).expect("the last rows");
}

/// Numbers below `below` without an order that a cache could like.
fn scattered(count: u64, below: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) % below)
}

/// Times a read of random swaps: in one snapshot, and in a snapshot of its own for each.
fn point<K>(
    (store, keys, name): (&Store, &[u64], &str),
    key: impl Fn(u64) -> K,
    get: impl Fn(&ReadTx, &K) -> Result<bool, StoreError>,
) {
    let (mut held, mut fresh) = (Figures::default(), Figures::default());
    let snapshot = store.read().expect("our store");
    for n in keys {
        let key = key(*n);
        assert!(held.time(|| get(&snapshot, &key)).expect("our store"), "{name}, swap {n}");
    }
    for n in keys {
        // Another one, since this one's pages were just read.
        let key = key(n ^ 1);
        let found = fresh.time(|| get(&store.read()?, &key));
        assert!(found.expect("our store"), "{name}, swap {n}");
    }
    println!("  {name:<20} one snapshot   {}", held.spread());
    println!("  {name:<20} one for each   {}", fresh.spread());
}

fn point_reads(store: &Store, history: &History, swaps: u64, count: u64) {
    let chain = spec().chain_id;
    let keys: Vec<u64> = scattered(count, swaps).collect();
    let of = |name| (store, keys.as_slice(), name);
    let place = |n| {
        let (number, log_index) = history.place(n);
        EventKey { chain, number, log_index }
    };
    let swap = |n| history.swap(n);
    point(of("swap by id"), swap, |read, swap| Ok(read.source_leg(*swap)?.is_some()));
    point(of("side of an escrow"), swap, |read, swap| {
        Ok(read.escrow(chain, swap.escrow)?.is_some())
    });
    point(of("event by place"), place, |read, key| Ok(read.event(*key)?.is_some()));
    let hash = |n| LegIndex::OrderHash(history.immutables(n).order_hash);
    let lock = |n| LegIndex::SourceHashlock(history.immutables(n).hashlock);
    let one = |read: &ReadTx, by: &LegIndex| Ok(read.legs_by(chain, *by, None, 1)?.len() == 1);
    point(of("swap by order hash"), hash, one);
    point(of("swap by hashlock"), lock, one);
}

fn list_reads(store: &Store, history: &History, swaps: u64, count: u64) {
    let (chain, page) = (spec().chain_id, 100);
    let read = store.read().expect("our store");
    let bounds = PageBounds { items: page, rows: 1_000 };
    let mut lists: [(&str, Figures); 5] =
        ["100 open swaps", "100 of a taker", "100 of a token", "swaps of a maker", "100 events"]
            .map(|name| (name, Figures::default()));
    for n in scattered(count, swaps) {
        let (number, log_index) = history.place(n);
        let after = Some(EventKey { chain, number, log_index });
        let immutables = history.immutables(n);
        let open = SourceQuery { states: vec![LegState::Open], ..SourceQuery::default() };
        let taker = SourceQuery { taker: Some(immutables.taker), ..open.clone() };
        let token = SourceQuery { token: Some(immutables.token), ..SourceQuery::default() };
        let maker = SourceQuery { maker: Some(immutables.maker), ..SourceQuery::default() };
        for ((_, figures), query) in lists.iter_mut().zip([open, taker, token]) {
            let find = || read.find_sources(&query, after, bounds, |_| Ok(true));
            let found: Result<_, StoreError> = figures.time(find);
            black_box(found.expect("our store"));
        }
        let find = || read.find_sources(&maker, None, bounds, |_| Ok(true));
        let found: Result<_, StoreError> = lists[3].1.time(find);
        assert!(!found.expect("our store").items.is_empty());
        let events = lists[4].1.time(|| read.events(chain, number, u64::MAX, after, page));
        black_box(events.expect("our store"));
    }
    for (name, figures) in &lists {
        println!("  {name:<20} one snapshot   {}", figures.spread());
    }
}

fn sizes(directory: &Path, open: impl Fn() -> Store) {
    let size = || std::fs::metadata(directory.join(DATABASE_FILE)).map_or(0, |file| file.len());
    let stored = stored(&directory.join(DATABASE_FILE));
    let mut store = open();
    let (before, now) = (size(), monotonic());
    store.compact().expect("nobody else uses it");
    let took = now();
    drop(store);
    println!(
        "file {before} bytes, {} after compaction in {:.1} s; keys and values {stored} bytes, ratio {:.2}",
        size(),
        took.as_secs_f64(),
        size() as f64 / stored as f64
    );
}

/// Bytes of the keys and values of every table.
fn stored(file: &Path) -> u64 {
    let database = ReadOnlyDatabase::open(file).expect("our file");
    let read = database.begin_read().expect("our file");
    let tables = read.list_tables().expect("our file");
    let bytes = tables.map(|table| {
        let table = read.open_untyped_table(table).expect("our file");
        table.stats().expect("our file").stored_bytes()
    });
    bytes.sum()
}
