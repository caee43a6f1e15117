//! Everything that can fail, one after the other (S4-49, S4-56, S4-60): each fault in a swap under way, the mode that the
//! node says it is in, how soon it is well again once the cause is gone, and the money counted at the end.

mod bed;
mod components;
mod hosts;
mod panics;

use bed::Bed;
use bmn_swap::Status;
use hosts::{Refuses, Signs, Source};
use std::fmt::Write;

/// What befalls the node.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// The hosts of these chains answer so.
    Host(&'static [usize], Source),
    /// So many blocks of the first chain are replaced.
    Reorg(u64),
    /// The same while the process is down.
    ReorgWhileDown(u64),
    /// The disk.
    Disk(Refuses),
    /// The process ends before its next commit is on disk.
    DiesBeforeCommit,
    /// The process ends when its next commit is on disk and nobody knows.
    DiesAfterCommit,
    /// The process ends when its next transaction is out and nobody noted it.
    DiesAfterSend,
    /// A mistake of ours in the executor.
    ExecutorPanics,
    /// The signer.
    Signer(Signs),
    /// Our transaction stays in the pool for 20 blocks.
    TxStuck,
    /// Our transaction is gone from the pool.
    TxDropped,
    /// Somebody uses our nonce.
    NonceUsedElsewhere,
    /// The pool calls our next transactions too cheap.
    Underpriced,
    /// The host takes our next transactions and forgets them.
    Forgotten,
    /// Our account has no coin for gas.
    NoCoin,
    /// The clock of this machine jumps so many seconds.
    Clock(i64),
    /// A row of the index is damaged.
    RowDamaged,
    /// Something beside the resolver.
    Component(components::Broken),
}

/// What the node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing: `acting` stays healthy, the swap waits at most.
    Acts,
    /// `acting` is degraded for a reason with these words: nothing new is taken.
    Behind(&'static str),
    /// `acting` is unhealthy for a reason with these words: nothing is signed until the store is opened again.
    Halted(&'static str),
    /// There is no process.
    Gone,
    /// This component is left off or starting again, the others go on.
    Off(&'static str),
}

struct Fault {
    name: &'static str,
    cause: Cause,
    expected: Mode,
}

const fn fault(name: &'static str, cause: Cause, expected: Mode) -> Fault {
    Fault { name, cause, expected }
}

const A: &[usize] = &[0];
const B: &[usize] = &[1];
const BOTH: &[usize] = &[0, 1];

/// The list. `docs/operations.md` has it for people.
const FAULTS: [Fault; 38] = [
    fault(
        "endpoint of the source chain down",
        Cause::Host(A, Source::Silent),
        Mode::Behind("does not give its blocks"),
    ),
    fault(
        "endpoint of the destination chain down",
        Cause::Host(B, Source::Silent),
        Mode::Behind("does not give its blocks"),
    ),
    fault(
        "all endpoints down",
        Cause::Host(BOTH, Source::Silent),
        Mode::Behind("connection refused"),
    ),
    fault(
        "endpoint follows another chain",
        Cause::Host(A, Source::WrongChain),
        Mode::Behind("follows chain 1"),
    ),
    fault("endpoint lags", Cause::Host(A, Source::Lags), Mode::Acts),
    fault(
        "endpoint answers garbage",
        Cause::Host(A, Source::Garbage),
        Mode::Behind("another parent"),
    ),
    fault(
        "endpoint skips blocks",
        Cause::Host(A, Source::SkipsBlocks),
        Mode::Behind("is not the child of"),
    ),
    fault(
        "endpoint repeats blocks",
        Cause::Host(A, Source::RepeatsBlocks),
        Mode::Behind("is not the child of"),
    ),
    fault(
        "endpoint set back below our final block",
        Cause::Host(A, Source::SetBack),
        Mode::Behind("below our final block"),
    ),
    fault("reorg of one block", Cause::Reorg(1), Mode::Acts),
    fault("reorg of seven blocks", Cause::Reorg(7), Mode::Acts),
    fault("reorg up to finality", Cause::Reorg(32), Mode::Acts),
    fault("reorg while the process is down", Cause::ReorgWhileDown(5), Mode::Gone),
    fault(
        "disk gives an error",
        Cause::Disk(Refuses::Everything),
        Mode::Halted("input/output error"),
    ),
    fault("disk full, then room again", Cause::Disk(Refuses::Full), Mode::Halted("no space left")),
    fault("disk read-only", Cause::Disk(Refuses::ReadOnly), Mode::Halted("read-only")),
    fault("killed before a commit", Cause::DiesBeforeCommit, Mode::Gone),
    fault("killed after a commit", Cause::DiesAfterCommit, Mode::Gone),
    fault("killed between send and record", Cause::DiesAfterSend, Mode::Gone),
    fault("lane panics", Cause::Host(A, Source::Panics), Mode::Behind("panicked")),
    fault("executor panics", Cause::ExecutorPanics, Mode::Behind("panicked")),
    fault("signer down", Cause::Signer(Signs::Nothing), Mode::Behind("does not sign")),
    fault(
        "signer signs with another key",
        Cause::Signer(Signs::AsAStranger),
        Mode::Behind("does not sign"),
    ),
    fault("transaction stuck", Cause::TxStuck, Mode::Acts),
    fault("transaction dropped", Cause::TxDropped, Mode::Acts),
    fault("nonce used elsewhere", Cause::NonceUsedElsewhere, Mode::Acts),
    fault("transaction underpriced", Cause::Underpriced, Mode::Acts),
    fault("transaction taken and forgotten", Cause::Forgotten, Mode::Acts),
    fault("no coin for gas", Cause::NoCoin, Mode::Acts),
    fault("clock set back an hour", Cause::Clock(-3_600), Mode::Acts),
    fault("clock jumps an hour ahead", Cause::Clock(3_600), Mode::Acts),
    fault("index row damaged", Cause::RowDamaged, Mode::Acts),
    fault("webhook unreachable", Cause::Component(components::Broken::Fails), Mode::Off("webhook")),
    fault("scheduler panics", Cause::Component(components::Broken::Panics), Mode::Off("scheduler")),
    fault(
        "configuration watcher ends",
        Cause::Component(components::Broken::Ends),
        Mode::Off("configuration"),
    ),
    fault(
        "price source hangs, then fails",
        Cause::Component(components::Broken::FailsLate),
        Mode::Off("prices"),
    ),
    fault(
        "records file damaged",
        Cause::Component(components::Broken::Records),
        Mode::Off("records"),
    ),
    fault("RPC listener ends", Cause::Component(components::Broken::Listener), Mode::Off("rpc")),
];

/// Longest time from the end of a cause until the node is well again, seconds (S4-56).
const WELL_WITHIN: u64 = 30;

/// What became of a fault: what was seen, and how soon it was over.
struct Outcome {
    seen: Vec<String>,
    is_expected: bool,
    recovered_after: Option<u64>,
    /// What is wrong at the end; none when the swap is settled and every unit is where it belongs.
    wrong: Option<String>,
}

async fn run(fault: &Fault) -> Outcome {
    if let (Cause::Component(broken), Mode::Off(name)) = (fault.cause, fault.expected) {
        return components::run(name, broken).await;
    }
    let mut bed = Bed::until(Status::SourceLocked).await;
    bed.begin(fault.cause).await;
    let mut is_expected = fault.expected == Mode::Acts;
    for _ in 0..20 {
        bed.step().await;
        is_expected = match fault.expected {
            Mode::Acts => is_expected && bed.acts(),
            expected => is_expected || bed.is_in(expected),
        };
    }
    bed.end(fault.cause);
    let mut recovered_after = None;
    for seconds in 0..=2 * WELL_WITHIN {
        if bed.is_well() {
            recovered_after = Some(seconds);
            break;
        }
        bed.step().await;
    }
    let wrong = bed.finish().await.err();
    Outcome { seen: bed.seen(), is_expected, recovered_after, wrong }
}

#[tokio::test]
async fn every_fault_has_its_degraded_mode_and_is_over_within_thirty_seconds() {
    let only = std::env::var("BMN_FAULT").unwrap_or_default();
    let (mut table, mut failed) = (String::new(), Vec::new());
    for fault in FAULTS.iter().filter(|fault| fault.name.contains(&only)) {
        let outcome = run(fault).await;
        let after = outcome.recovered_after.map_or("never".to_owned(), |it| format!("{it} s"));
        let _ = writeln!(table, "| {} | {:?} | {after} |", fault.name, fault.expected);
        let in_time = outcome.recovered_after.is_some_and(|after| after < WELL_WITHIN);
        if !outcome.is_expected || !in_time || outcome.wrong.is_some() {
            failed.push(format!(
                "{}: expected {:?}, well after {after}, {:?}; seen:\n  {}",
                fault.name,
                fault.expected,
                outcome.wrong,
                outcome.seen.join("\n  "),
            ));
        }
    }
    assert!(failed.is_empty(), "{table}\n{}", failed.join("\n"));
    bed::show(&table);
}

#[tokio::test]
async fn a_lane_that_panics_leaves_the_other_one_running_and_comes_back() {
    Bed::until(Status::SourceLocked).await.on_its_own().await;
}

#[test]
fn the_list_has_every_fault_once_and_enough_of_them() {
    let names: std::collections::BTreeSet<_> = FAULTS.iter().map(|fault| fault.name).collect();
    assert!(names.len() == FAULTS.len() && names.len() >= 25);
    let text = include_str!("../../../docs/operations.md");
    for name in names {
        assert!(text.contains(&format!("| {name} |")), "docs/operations.md does not list `{name}`");
    }
}
