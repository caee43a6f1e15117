//! A log to a typed event: what every believed log costs.
#![allow(missing_docs, reason = "criterion makes public items")]

use alloy::primitives::B256;
use bmn_benches::{log, source_created, spec};
use bmn_contracts::{Emitter, decode, immutables_hash};
use bmn_primitives::Dialect;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn decoding(c: &mut Criterion) {
    let log = log(1, 0, 1_760_000_000, spec().factories[0].address);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("SrcEscrowCreated", |b| {
        b.iter(|| {
            decode(Emitter::Factory(Dialect::Bmn4), black_box(&log.topics), black_box(&log.data))
        });
    });
    group.bench_function("foreign topic", |b| {
        let topics = [B256::repeat_byte(9)];
        b.iter(|| decode(Emitter::Factory(Dialect::Bmn4), black_box(&topics), &log.data));
    });
    let (immutables, _) = source_created(1, 1_760_000_000);
    group.bench_function("immutables hash", |b| {
        b.iter(|| immutables_hash(Dialect::Bmn4, black_box(&immutables)));
    });
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
