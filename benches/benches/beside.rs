//! Chain B's live blocks while chain A is far behind and written in bulk: how long the single writer is
//! held from them.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    Figures, History, Mix, indexer, is_smoke, is_wanted, monotonic, per_second, spec, spec_b,
    temporary,
};
use bmn_indexer::{Indexer, Share};
use bmn_store::{Store, StoreOptions};
use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Events of a block of either chain.
const EVENTS: u32 = 10;

/// Time between chain B's blocks.
const EVERY: Duration = Duration::from_millis(10);

fn main() {
    if !is_wanted("beside") {
        return;
    }
    let blocks: u64 = if is_smoke() { 5 } else { 1_000 };
    let directory = temporary();
    let store = Store::open(StoreOptions::directory(directory.path())).expect("a new store");
    let indexer = indexer(store, [&spec(), &spec_b()]);
    let alone = live(&indexer, 0..blocks);
    let stop = AtomicBool::new(false);
    let (held, events, took, beside) = std::thread::scope(|scope| {
        let backfill = scope.spawn(|| backfill(&indexer, &stop));
        let beside = live(&indexer, blocks..2 * blocks);
        stop.store(true, Ordering::Relaxed);
        let (held, events, took) = backfill.join().expect("the backfill goes on");
        (held, events, took, beside)
    });
    println!("chain B, {blocks} live blocks of {EVENTS} events, one each {EVERY:?}");
    println!("  alone                      {}", alone.spread());
    println!("  while chain A backfills    {}", beside.spread());
    println!("chain A, {events} events in bulk, {:.0} events/s", per_second(events, took));
    println!("  writer held, {} flushes  {}", held.len(), held.spread());
}

/// Live blocks of chain B, each until it is durable.
fn live(indexer: &Indexer, numbers: std::ops::Range<u64>) -> Figures {
    let history = History::new(spec_b(), Mix::created(EVENTS));
    let mut figures = Figures::default();
    for number in numbers {
        let event = history.committed(number..number + 1);
        let finalized = number.checked_sub(32).map(|last| history.at(last));
        figures
            .time(|| indexer.apply(spec_b().chain_id, &event, finalized))
            .expect("the next block");
        std::thread::sleep(EVERY);
    }
    figures
}

/// Final blocks of chain A until told to stop: how long each flush held the writer, how many events,
/// how long in all.
fn backfill(indexer: &Indexer, stop: &AtomicBool) -> (Figures, u64, Duration) {
    let history = History::new(spec(), Mix::created(EVENTS));
    let finalized = history.at(u64::MAX / 1_000_000_000);
    let mut backfill = indexer.backfill(spec().chain_id).expect("a chain of the rules");
    let clock = monotonic();
    // A flush reads the clock when it has the writer and when it has given it back.
    let read: RefCell<Vec<Duration>> = RefCell::new(Vec::new());
    let now = || {
        let at = clock();
        read.borrow_mut().push(at);
        at
    };
    let mut from = 0;
    while !stop.load(Ordering::Relaxed) {
        let event = history.committed(from..from + 64);
        backfill.push(&event, finalized, Share::Beside, &now).expect("the next blocks");
        from += 64;
    }
    let took = clock();
    backfill.flush(&now).expect("the last rows");
    let mut held = Figures::default();
    for pair in read.borrow().chunks_exact(2) {
        held.push(pair[1] - pair[0]);
    }
    (held, from * u64::from(EVENTS), took)
}
