//! A block into the index and out again: what the fold, the rows and their undo cost, with the database
//! in memory; and reorgs of a durable one.
#![allow(missing_docs, reason = "criterion makes public items")]

use bmn_benches::{Figures, History, Mix, indexer, spec, temporary};
use bmn_chain::ChainEvent;
use bmn_indexer::{Indexer, Share};
use bmn_store::{MasterKey, Store, StoreOptions};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use redb::backends::InMemoryBackend;
use std::time::Duration;

/// Blocks below the one that is measured.
const BELOW: u64 = 8;

fn in_memory() -> Store {
    let options = StoreOptions::backend(InMemoryBackend::new(), MasterKey::new([7; 32]));
    Store::open(options).expect("a store in memory")
}

/// Applies block after block and takes each away again; answers how long both took.
fn there_and_back(indexer: &Indexer, history: &History, times: u64) -> (Duration, Duration) {
    let chain = spec().chain_id;
    let (mut applied, mut undone) = (Figures::default(), Figures::default());
    let event = history.committed(BELOW..BELOW + 1);
    let away = ChainEvent::Reverted { reverted: vec![history.at(BELOW)] };
    for _ in 0..times {
        applied.time(|| indexer.apply(chain, &event, None)).expect("the next block");
        undone.time(|| indexer.apply(chain, &away, None)).expect("the newest block");
    }
    (applied.total(), undone.total())
}

fn blocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("block in memory");
    group.sample_size(10);
    for events in [0u32, 1, 100, 10_000] {
        let history = History::new(spec(), Mix::created(events));
        let indexer = indexer(in_memory(), [&spec()]);
        indexer.apply(spec().chain_id, &history.committed(0..BELOW), None).expect("first blocks");
        group.throughput(Throughput::Elements(u64::from(events.max(1))));
        group.bench_with_input(BenchmarkId::new("apply", events), &history, |b, history| {
            b.iter_custom(|times| there_and_back(&indexer, history, times).0);
        });
        group.bench_with_input(BenchmarkId::new("undo", events), &history, |b, history| {
            b.iter_custom(|times| there_and_back(&indexer, history, times).1);
        });
    }
    group.finish();
}

/// Final blocks that hold nothing, in bulk.
fn empty_blocks(c: &mut Criterion) {
    const AT_ONCE: u64 = 1_024;
    let history = History::new(spec(), Mix::created(0));
    let indexer = indexer(in_memory(), [&spec()]);
    let finalized = history.at(u64::MAX / 1_000_000_000);
    let mut backfill = indexer.backfill(spec().chain_id).expect("a chain of the rules");
    let mut next = 0;
    let mut group = c.benchmark_group("blocks that hold nothing, in bulk");
    group.throughput(Throughput::Elements(AT_ONCE));
    group.bench_function(BenchmarkId::from_parameter(AT_ONCE), |b| {
        b.iter_custom(|times| {
            let mut figures = Figures::default();
            for _ in 0..times {
                let event = history.committed(next..next + AT_ONCE);
                next += AT_ONCE;
                let push = || backfill.push(&event, finalized, Share::Alone, &|| Duration::ZERO);
                figures.time(push).expect("the next blocks");
            }
            figures.total()
        });
    });
    group.finish();
}

/// Ten events a block, on disk: as many blocks replaced in one event.
fn reorgs(c: &mut Criterion) {
    let mut group = c.benchmark_group("durable reorg, 10 events a block");
    group.sample_size(20);
    for depth in [1u64, 64] {
        let directory = temporary();
        let store = Store::open(StoreOptions::directory(directory.path())).expect("a new store");
        let history = History::new(spec(), Mix::created(10));
        let (indexer, chain) = (indexer(store, [&spec()]), spec().chain_id);
        indexer.apply(chain, &history.committed(0..BELOW + depth), None).expect("first blocks");
        let reverted = (BELOW..BELOW + depth).rev().map(|number| history.at(number)).collect();
        let ChainEvent::Committed(committed) = history.committed(BELOW..BELOW + depth) else {
            unreachable!("blocks are committed")
        };
        let event = ChainEvent::Reorged { reverted, committed };
        group.bench_function(BenchmarkId::new("depth", depth), |b| {
            b.iter(|| indexer.apply(chain, &event, None).expect("the newest blocks"));
        });
    }
    group.finish();
}

criterion_group!(benches, blocks, empty_blocks, reorgs);
criterion_main!(benches);
