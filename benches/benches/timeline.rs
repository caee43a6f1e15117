//! The timelock compiler: asked for every order, every plan and every funding.
#![allow(missing_docs, reason = "criterion makes public items")]

use bmn_primitives::Dialect;
use bmn_swap::{Basis, Pace, Progress, Times, Timetable};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn timelines(c: &mut Criterion) {
    let pace = Pace { block_time: 12, inclusion: 36, confirmations: 12, skew: 12 };
    let order = |now| Basis {
        dialect: Dialect::Bmn4,
        times: Times::Absolute { src_cancellation: 1_760_007_200, dst_withdrawal: 1_760_000_600 },
        destination: None,
        progress: Progress::Secret,
        source_timing: pace.into(),
        destination_timing: pace.into(),
        source_now: now,
        destination_now: now,
        expiration: None,
        maker_reaction: 60,
        rescue_delay: (604_800, 604_800),
        alarm_inclusions: 3,
    };
    let (early, late) = (order(1_760_000_000), order(1_760_007_000));
    assert!(Timetable::compile(&early).fits() && !Timetable::compile(&late).fits());
    c.bench_function("timeline/fits", |b| b.iter(|| Timetable::compile(black_box(&early))));
    c.bench_function("timeline/too late", |b| b.iter(|| Timetable::compile(black_box(&late))));
}

criterion_group!(benches, timelines);
criterion_main!(benches);
