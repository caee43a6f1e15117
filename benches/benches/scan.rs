//! Looking for our events where there are none: headers by their bloom, blocks by their logs.
#![allow(missing_docs, reason = "criterion makes public items")]

use alloy::primitives::{Address, B256, Bloom, BloomInput, Bytes};
use bmn_benches::{log, spec};
use bmn_chain::ChainLog;
use bmn_contracts::{Emitter, decode};
use bmn_indexer::LogFilter;
use bmn_node::route_of;
use bmn_primitives::Dialect;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const HEADERS: u64 = 1_000;
const LOGS: u64 = 500;

fn filter() -> LogFilter {
    LogFilter::new(&route_of(&spec()))
}

/// What a mainnet block is full of: tokens that move.
fn foreign(n: u64) -> ChainLog {
    let word = |tag: u8| {
        let mut bytes = [tag; 32];
        bytes[16..24].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        B256::from(bytes)
    };
    ChainLog {
        address: Address::from_word(word(1)),
        topics: vec![word(2), word(3), word(4)],
        data: Bytes::from_static(&[7; 32]),
        tx_hash: word(5),
        tx_index: 0,
        log_index: 0,
    }
}

/// The bloom of a block with 300 items.
fn bloom(n: u64) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in (0..100).map(|i| foreign(n * 100 + i)) {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
        bloom.accrue(BloomInput::Raw(log.topics[0].as_slice()));
        bloom.accrue(BloomInput::Raw(log.topics[1].as_slice()));
    }
    bloom
}

/// `of` logs, every `ours`th of them a source escrow of the factory.
fn logs(of: u64, ours: Option<u64>) -> Vec<ChainLog> {
    let factory = spec().factories[0].address;
    let is_ours = |n: u64| ours.is_some_and(|every| n.is_multiple_of(every));
    (0..of)
        .map(|n| if is_ours(n) { log(n, n as u32, 1_760_000_000, factory) } else { foreign(n) })
        .collect()
}

fn headers(c: &mut Criterion) {
    let filter = filter();
    let blooms: Vec<Bloom> = (0..HEADERS).map(bloom).collect();
    let mut group = c.benchmark_group("scan headers");
    group.throughput(Throughput::Elements(HEADERS));
    group.bench_function("by bloom", |b| {
        b.iter(|| blooms.iter().filter(|bloom| filter.may_hold(black_box(bloom))).count());
    });
    group.finish();
}

fn blocks(c: &mut Criterion) {
    let filter = filter();
    let emitter = Emitter::Factory(Dialect::Bmn4);
    let mut group = c.benchmark_group("scan a block of 500 logs, decode ours");
    group.throughput(Throughput::Elements(1));
    for (name, ours) in [("none ours", None), ("1 in 100 ours", Some(100))] {
        let logs = logs(LOGS, ours);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let wanted = logs.iter().filter(|log| filter.wants(black_box(log)));
                let typed = wanted.map(|log| decode(emitter, &log.topics, &log.data));
                typed.filter(|event| matches!(event, Ok(Some(_)))).count()
            });
        });
    }
    group.finish();
}

fn events(c: &mut Criterion) {
    let logs = logs(LOGS, Some(1));
    let emitter = Emitter::Factory(Dialect::Bmn4);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(LOGS));
    group.bench_function("500 events of ours", |b| {
        b.iter(|| {
            let typed = logs.iter().map(|log| decode(emitter, black_box(&log.topics), &log.data));
            typed.filter(|event| matches!(event, Ok(Some(_)))).count()
        });
    });
    group.finish();
}

criterion_group!(benches, headers, blocks, events);
criterion_main!(benches);
