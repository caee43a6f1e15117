//! Whole runs: what they end with, and that they repeat.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use bmn_sim::{
    Report, RunOptions, Simulation,
    scenario::{Behaviour, Scenario, Trap},
};

fn run_with(options: RunOptions) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(Simulation::run(options, |_| {})).unwrap();
    assert!(report.is_good(), "{report}{:?}", report.coverage);
    report
}

fn run(scenario: Scenario, swaps: u32, seed: u64) -> Report {
    run_with(RunOptions { scenario, swaps, seed, skew: 0 })
}

/// Everything but the measured times.
fn repeatable(report: &Report) -> Report {
    Report { p50_ms: None, p99_ms: None, elapsed_ms: 0.0, ..report.clone() }
}

#[test]
fn a_happy_run_completes_every_swap_and_repeats_exactly() {
    let first = run(Scenario::Happy, 6, 11);
    assert_eq!((first.completed, first.failed), (6, 0));
    assert!(first.table.iter().all(|row| row.profit_micros > 0), "{first}");
    assert_eq!(repeatable(&first), repeatable(&run(Scenario::Happy, 6, 11)));
    assert_ne!(first.final_hashes, run(Scenario::Happy, 6, 12).final_hashes);
}

#[test]
fn nobody_discloses_and_everybody_gets_his_own_back_under_skewed_clocks() {
    let options = RunOptions { scenario: Scenario::Cancel, swaps: 4, seed: 5, skew: -9 };
    assert_eq!(run_with(options).cancelled, 4);
}

#[test]
fn reorgs_reach_the_states_of_the_honest_path_at_every_depth() {
    let report = run(Scenario::Reorg, 16, 3);
    let reached = report.coverage.reorgs.unwrap();
    // An order waits one block for its fill: too short for every depth in so few swaps.
    assert!(
        reached.contains_key("accepted/source") && reached.contains_key("accepted/destination")
    );
    for state in ["sourceLocked", "bothLocked", "secretKnown", "destinationPaid", "completed"] {
        // Confirmations are 3 on Chain A and 5 on Chain B, and swaps go both ways.
        assert_eq!(reached[&format!("{state}/source")], [1, 2, 3, 4, 5], "{state}");
        assert_eq!(reached[&format!("{state}/destination")], [1, 2, 3, 4, 5], "{state}");
    }
}

#[test]
fn every_behaviour_and_every_trap_ends_as_it_must_and_repeats_exactly() {
    let count = u32::try_from(Behaviour::PLAIN.len() * 2 + Trap::ALL.len()).unwrap();
    let first = run(Scenario::Mixed, count, 21);
    assert_eq!(first.traps.len(), Trap::ALL.len());
    assert_eq!(repeatable(&first), repeatable(&run(Scenario::Mixed, count, 21)));
}

#[test]
fn crashes_on_both_sides_of_every_send_cost_nobody_anything_and_repeat_exactly() {
    let first = run(Scenario::Crash, 16, 9);
    let hits = first.coverage.crashes.clone().unwrap();
    for place in ["act/send/before", "act/send/after", "follow/commit1/before"] {
        assert!(hits[place] > 0, "{place}: {hits:?}");
    }
    assert_eq!(repeatable(&first), repeatable(&run(Scenario::Crash, 16, 9)));
}
