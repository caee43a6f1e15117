//! The timelock compiler: asked for every order, every plan and every funding.
#![allow(missing_docs, reason = "criterion makes public items")]

use bmn_swap::{Pace, Windows, compile};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn timelines(c: &mut Criterion) {
    let pace = Pace { block_time: 12, inclusion: 36, confirmations: 12, skew: 12 };
    let windows = Windows {
        src_cancellation: 1_760_007_200,
        dst_withdrawal: 1_760_000_600,
        dst_public_withdrawal: 1_760_000_660,
        maker_reaction: 60,
        to_be_filled: true,
    };
    c.bench_function("timeline/fits", |b| {
        b.iter(|| compile(black_box(windows), pace, pace, black_box(1_760_000_000)));
    });
    c.bench_function("timeline/too late", |b| {
        b.iter(|| compile(black_box(windows), pace, pace, black_box(1_760_007_000)));
    });
}

criterion_group!(benches, timelines);
criterion_main!(benches);
