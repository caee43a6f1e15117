//! Design rules I1 to I4 over random histories: two chains commit, reorganise and revert by turns, the
//! disk fails at random operations, and whatever came of it is compared with a rebuild.
//!
//! A failing history prints its seed and the steps it needs to fail. One seed is replayed alone with
//! `BMN_SEED=17 cargo test -p bmn-tests --test random_histories`.

use bmn_tests::histories::{Broken, EXERCISED, Seeded, Step, Tally, draw_history, run, shrink};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Histories in a usual run.
const HISTORIES: u64 = 10_000;
/// Every so many of them, one is long.
const LONG_EVERY: u64 = 50;
/// Whatever histories are to exercise happens at least so often in a usual run.
const AT_LEAST: u64 = 20;
/// Runs spent on making a failing history shorter.
const SHRINKING: u32 = 400;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{text}`")))
}

fn history(seed: u64) -> Vec<Step> {
    let choices = &mut Seeded::new(seed);
    let extra = bmn_tests::histories::Choices::below(choices, 16) as usize;
    let length = if seed.is_multiple_of(LONG_EVERY) { 40 + 2 * extra } else { 5 + extra };
    draw_history(choices, length)
}

fn report(seed: u64, broken: &Broken) -> String {
    let steps = shrink(&history(seed), SHRINKING);
    let again = run(&steps).err().unwrap_or_else(|| broken.clone());
    let list: Vec<String> =
        steps.iter().enumerate().map(|(at, step)| format!("{at:3} {step:?}")).collect();
    format!(
        "seed {seed}, step {}: {}\nshrunk to {} steps, fails at {}: {}\n{}\n\
         replay with BMN_SEED={seed} cargo test -p bmn-tests --test random_histories",
        broken.step,
        broken.what,
        steps.len(),
        again.step,
        again.what,
        list.join("\n"),
    )
}

/// Runs the histories of `seeds` until one fails.
fn run_all(first: u64, count: u64) -> Tally {
    let next = AtomicU64::new(first);
    let worker = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return Ok(tally);
            }
            match run(&history(seed)) {
                Ok(done) => tally.add(&done),
                Err(broken) => {
                    next.store(first + count, Ordering::Relaxed);
                    return Err((seed, broken));
                }
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        started.into_iter().map(|handle| handle.join().expect("panics are caught")).collect()
    });
    let mut tally = Tally::default();
    for result in results {
        match result {
            Ok(done) => tally.add(&done),
            Err((seed, broken)) => panic!("{}", report(seed, &broken)),
        }
    }
    tally
}

#[test]
fn whatever_happened_the_index_equals_a_rebuild() {
    if let Some(seed) = number("BMN_SEED") {
        run_all(seed, 1);
        return;
    }
    let tally = run_all(0, HISTORIES);
    let missing: Vec<_> = EXERCISED.iter().filter(|what| tally.of(what) < AT_LEAST).collect();
    assert!(missing.is_empty(), "hardly ever happened: {missing:?} in {tally:?}");
}
