//! Exhaustive check of the engine's decisions: every interleaving of two chains, the engine, the maker and
//! strangers, with reorgs, late events, crashes and lost transactions, over the real `derive_status` and
//! `plan`. Each property is also checked to bite: a planner that is wrong on purpose must break it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod model;
mod mutants;
mod properties;
mod setting;

use bmn_primitives::Dialect;
use std::{path::Path, sync::Mutex, time::Instant};

/// Reorgs, crashes and spoiled transactions on one path.
pub(crate) const FAULTS: u8 = 1;
/// The last block of each chain. The rescue delay is over in block 15.
pub(crate) const LAST_BLOCK: u8 = 17;

/// The figures are in `docs/states.md`; `BMN_BLESS=1` writes them there.
static PAGE: Mutex<()> = Mutex::new(());

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "seconds and figures are for whoever looks; nothing depends on them"
)]
fn explored(dialect: Dialect, orders: &str) {
    let begun = Instant::now();
    let size = properties::explore(dialect, bmn_swap::plan);
    println!("{orders}: {size:?} in {:.1?}", begun.elapsed());
    let properties::Size { states, steps, depth, views, properties } = size;
    let row = format!("| {orders} | {states} | {steps} | {depth} | {views} | {properties} |");
    let _one_at_a_time = PAGE.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/states.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let start = format!("| {orders} |");
    let found = page.lines().find(|line| line.starts_with(&start)).expect("a row of these orders");
    if std::env::var_os("BMN_BLESS").is_some() {
        std::fs::write(&path, page.replace(found, &row)).unwrap();
        return;
    }
    assert_eq!(found, row, "docs/states.md has other figures; BMN_BLESS=1 writes these");
}

#[test]
fn every_path_of_an_order_with_absolute_times_is_safe_and_ends() {
    explored(Dialect::Bmn4, "absolute times");
}

#[test]
fn every_path_of_an_order_with_offsets_is_safe_and_ends() {
    explored(Dialect::OneInch1, "offsets");
}
