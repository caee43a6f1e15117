//! A live block until it is durable, beside bare redb writing the same rows, turn by turn.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    BareRedb, Figures, History, Mix, indexer, is_smoke, is_wanted, rows_of_blocks, spec, temporary,
};
use bmn_store::{Store, StoreOptions};

/// Blocks before those that are measured: the trimming of undo rows has begun by then.
const WARM: u64 = 40;

/// Depth at which blocks are final.
const FINAL_AFTER: u64 = 32;

fn main() {
    if !is_wanted("live") {
        return;
    }
    let blocks = if is_smoke() { 3 } else { 400 };
    println!(
        "live block to durable, turn by turn with bare redb and the same rows, {blocks} blocks"
    );
    for events in [1, 10, 50] {
        measure(events, blocks);
    }
}

fn measure(events: u32, blocks: u64) {
    let history = History::new(spec(), Mix::created(events));
    let commits = rows_of_blocks(&history, WARM + blocks, FINAL_AFTER);
    let rows = commits.last().map_or(0, Vec::len);
    let (ours_at, bare_at) = (temporary(), temporary());
    let store = Store::open(StoreOptions::directory(ours_at.path())).expect("a new store");
    let (indexer, chain) = (indexer(store, [&spec()]), spec().chain_id);
    let bare = BareRedb::create(bare_at.path(), StoreOptions::DEFAULT_CACHE_BYTES);
    let (mut ours, mut rival) = (Figures::default(), Figures::default());
    for (number, commit) in (0..).zip(&commits) {
        let event = history.committed(number..number + 1);
        let finalized = number.checked_sub(FINAL_AFTER).map(|last| history.at(last));
        let apply = || indexer.apply(chain, &event, finalized).expect("the next block");
        if number < WARM {
            apply();
            bare.write(commit);
        } else if number % 2 == 0 {
            ours.time(apply);
            rival.time(|| bare.write(commit));
        } else {
            rival.time(|| bare.write(commit));
            ours.time(apply);
        }
    }
    let (ours, rival) = (ours.spread(), rival.spread());
    let ratio = |a: std::time::Duration, b: std::time::Duration| {
        a.as_secs_f64() / b.as_secs_f64().max(1e-9)
    };
    println!("{events} events, {rows} rows");
    println!("  ours       {ours}");
    println!("  bare redb  {rival}");
    println!(
        "  ratio      p50 {:.2}  mean {:.2}",
        ratio(ours.p50, rival.p50),
        ratio(ours.mean, rival.mean)
    );
}
