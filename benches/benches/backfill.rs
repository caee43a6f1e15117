//! Final blocks in bulk, durable, beside bare redb given the same rows in the same batches. Each runs in
//! a process of its own, so that its peak memory is its own.
//!
//! `BMN_BENCH_RUNS` says how often both run, turn by turn; `BMN_BENCH_EVENTS` how many events;
//! `BMN_BENCH_CACHE` the page cache of both, MiB.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    BareRedb, Figures, History, Mix, RowFile, indexer, is_smoke, is_wanted, memory, monotonic,
    per_second, spec, temporary,
};
use bmn_chain::ChainEvent;
use bmn_indexer::Share;
use bmn_store::{MasterKey, Store, StoreOptions};
use redb::backends::InMemoryBackend;
use std::{
    env,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Events of a block, as in the shape DENSE.
const EVENTS: u64 = 50;

/// Blocks handed over at once.
const AT_ONCE: u64 = 16;

const ROWS: &str = "rows";
const TASK: &str = "BMN_BENCH_TASK";

fn main() {
    if !is_wanted("backfill") {
        return;
    }
    let blocks = number("BMN_BENCH_EVENTS", if is_smoke() { 5_000 } else { 1_000_000 }) / EVENTS;
    if let Ok(task) = env::var(TASK) {
        let directory = env::var("BMN_BENCH_AT").expect("set by the parent");
        return run(&task, Path::new(&directory), blocks);
    }
    let runs = number("BMN_BENCH_RUNS", 1);
    let directory = temporary();
    println!("durable backfill of {} events, {EVENTS} a block, {runs} runs", blocks * EVENTS);
    child("record", directory.path());
    for _ in 0..runs {
        for task in ["ours", "bare redb"] {
            let at = temporary();
            let rows = at.path().join(ROWS);
            std::fs::hard_link(directory.path().join(ROWS), rows).expect("one file system");
            child(task, at.path());
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let said = env::var(name).ok();
    said.map_or(otherwise, |said| said.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

fn cache_bytes() -> usize {
    (number("BMN_BENCH_CACHE", StoreOptions::DEFAULT_CACHE_BYTES as u64 >> 20) << 20) as usize
}

fn child(task: &str, directory: &Path) {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(env::args().skip(1)).env(TASK, task).env("BMN_BENCH_AT", directory);
    assert!(command.status().expect("this program").success(), "{task}");
}

fn run(task: &str, directory: &Path, blocks: u64) {
    match task {
        "record" => record(directory, blocks),
        "ours" => told(task, blocks, ours(directory, blocks)),
        _ => told(task, blocks, bare(directory)),
    }
}

fn told(task: &str, blocks: u64, (took, idle): (Duration, u64)) {
    let (_, peak) = memory();
    println!(
        "  {task:<10} {:>8.0} events/s  {:.3} s  {:>4} MiB peak over idle",
        per_second(blocks * EVENTS, took),
        took.as_secs_f64(),
        peak.saturating_sub(idle) >> 20,
    );
}

/// Feeds the blocks as a node that catches up, with `push` for each event.
fn feed(store: Store, blocks: u64, mut push: impl FnMut(&mut dyn FnMut())) {
    let history = History::new(spec(), Mix::created(EVENTS as u32));
    let finalized = history.at(blocks);
    let indexer = indexer(store, [&spec()]);
    let mut backfill = indexer.backfill(spec().chain_id).expect("a chain of the rules");
    let now = monotonic();
    for from in (0..blocks).step_by(AT_ONCE as usize) {
        let event: ChainEvent = history.committed(from..blocks.min(from + AT_ONCE));
        push(&mut || {
            backfill.push(&event, finalized, Share::Alone, &now).expect("the next blocks");
        });
    }
    push(&mut || {
        backfill.flush(&now).expect("the last rows");
    });
}

/// The rows that the store commits, to a file.
fn record(directory: &Path, blocks: u64) {
    let options = StoreOptions::backend(InMemoryBackend::new(), MasterKey::new([7; 32]));
    let store = Store::open(options).expect("a store in memory");
    let file = RowFile::create(&directory.join(ROWS)).expect("a new file");
    let file = Arc::new(Mutex::new(Some(file)));
    let sink = Arc::clone(&file);
    store.observe_commits(move |rows| {
        let mut file = sink.lock().expect("one writer");
        file.as_mut().expect("not finished").push(&rows).expect("room on the disk");
    });
    feed(store, blocks, |push| push());
    let file = file.lock().expect("one writer").take().expect("not finished");
    file.finish().expect("room on the disk");
}

fn ours(directory: &Path, blocks: u64) -> (Duration, u64) {
    let store = Store::open(StoreOptions::directory(directory).with_cache_bytes(cache_bytes()))
        .expect("a new store");
    let (idle, mut figures) = (memory().0, Figures::default());
    feed(store, blocks, |push| figures.time(push));
    (figures.total(), idle)
}

fn bare(directory: &Path) -> (Duration, u64) {
    let database = BareRedb::create(directory, cache_bytes());
    let mut rows = RowFile::open(&directory.join(ROWS)).expect("written before");
    let (idle, mut figures) = (memory().0, Figures::default());
    while let Some(commit) = rows.next(table).expect("written before") {
        figures.time(|| database.write(&commit));
    }
    (figures.total(), idle)
}

/// The tables that a backfill writes.
fn table(name: &[u8]) -> &'static str {
    const TABLES: [&str; 7] =
        ["blocks", "events", "legs", "index", "daily", "cursors", "public_secrets"];
    let known = TABLES.into_iter().find(|table| table.as_bytes() == name);
    known.expect("a table that a backfill writes")
}
