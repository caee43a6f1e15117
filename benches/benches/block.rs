//! A block to a durable transaction, at 1, 10 and 50 events; beside it a bare redb transaction that
//! writes as many rows of the same size, so that the ratio holds on any machine.
#![allow(missing_docs, reason = "criterion makes public items")]

use alloy::primitives::Address;
use bmn_benches::{block, spec};
use bmn_indexer::Indexer;
use bmn_node::{policy_of, rules_of};
use bmn_store::{Store, StoreOptions};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use redb::{Database, TableDefinition};
use std::{cell::Cell, sync::Arc};

/// Rows the indexer writes for one `SrcEscrowCreated` with its indices.
const ROWS_PER_EVENT: u64 = 9;
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");

fn durable_blocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("durable block");
    group.sample_size(40);
    for events in [1u32, 10, 50] {
        group.throughput(Throughput::Elements(u64::from(events)));
        group.bench_with_input(BenchmarkId::new("bmn", events), &events, |b, events| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let store =
                Store::open(StoreOptions::directory(directory.path())).expect("a new store");
            let policy = policy_of(&bmn_config::Policy::default());
            let rules = Arc::new(rules_of(Address::ZERO, [&spec()], policy));
            let indexer = Indexer::new(store, rules);
            let number = Cell::new(0);
            b.iter(|| {
                let event = block(number.get(), *events);
                number.set(number.get() + 1);
                indexer.apply(spec().chain_id, &event, None).expect("the next block")
            });
        });
        group.bench_with_input(BenchmarkId::new("bare redb", events), &events, |b, events| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let database =
                Database::create(directory.path().join("bare.redb")).expect("a new database");
            let next = Cell::new(0u64);
            b.iter(|| {
                let tx = database.begin_write().expect("the only writer");
                {
                    let mut table = tx.open_table(ROWS).expect("the table");
                    for _ in 0..u64::from(*events) * ROWS_PER_EVENT {
                        table.insert(next.get(), [7u8; 120].as_slice()).expect("a row");
                        next.set(next.get() + 1);
                    }
                }
                tx.commit().expect("a durable commit");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, durable_blocks);
criterion_main!(benches);
