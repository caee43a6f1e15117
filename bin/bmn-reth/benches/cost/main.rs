//! What the extension costs a node: on block import, until a block is durable, in memory, and what reading
//! receipts saves. `docs/reth.md` has the figures and how they are read.
//!
//! Each measurement runs in a process of its own, which this program starts: a node keeps what it allocated.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a benchmark stops where it cannot go on, tells its figures on stdout and reads the real clock"
)]

mod backfill;
mod blocks;
mod figures;
mod import;
mod memory;
#[path = "../../tests/common/node.rs"]
mod node;
mod process;
#[path = "../../tests/common/resolver.rs"]
mod resolver;

use figures::{Sample, spread};
use serde_json::Value;
use std::{env, path::Path, process::Command};

#[global_allocator]
static ALLOCATOR: reth_ethereum::cli::allocator::Allocator =
    reth_ethereum::cli::allocator::new_allocator();

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match words[..] {
            ["part", "blocks", kind, file] => blocks::write(kind, Path::new(file)).await,
            ["part", "import", with, file, chain_b] => tell(import::run(with, file, chain_b).await),
            ["part", "paced", file, chain_b] => tell(import::paced(file, chain_b).await),
            ["part", "backfill", file] => tell(backfill::run(Path::new(file)).await),
            _ => all(&words).await,
        }
    });
    // Nothing of a node need be ended in order: its directory goes with us.
    std::process::exit(0);
}

fn tell(result: Value) {
    println!("{result}");
}

/// A measurement in a process of its own, whose directories go when it has ended: its node runs to the last.
fn child(arguments: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg("part").args(arguments).env("TMPDIR", directory.path());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| {
        panic!(
            "{arguments:?}: {}\n{text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

const PARTS: [&str; 5] = ["import", "10", "500", "backfill", "memory"];

fn wanted(words: &[&str], part: &str) -> bool {
    words.is_empty() || words.contains(&part)
}

async fn all(words: &[&str]) {
    if let Some(unknown) = words.iter().find(|word| !PARTS.contains(word)) {
        panic!(
            "`{unknown}` is not measured: expected some of {PARTS:?}, or nothing for all of them"
        );
    }
    let directory = tempfile::tempdir().unwrap();
    let file = |kind: &str| {
        let path = directory.path().join(kind).to_string_lossy().into_owned();
        let made = Command::new(env::current_exe().unwrap())
            .args(["part", "blocks", kind, &path])
            .status();
        assert!(made.unwrap().success(), "blocks {kind}");
        path
    };
    let chain_b = memory::OtherChain::start().await;
    if wanted(words, "import") {
        imports(&file("busy"), &chain_b.url);
    }
    for kind in ["10", "500"] {
        if wanted(words, kind) {
            paced(kind, &file(kind), &chain_b.url);
        }
    }
    if wanted(words, "backfill") {
        for kind in ["busy", "10"] {
            backfills(kind, &file(kind));
        }
    }
    if wanted(words, "memory") {
        memory::compare(&chain_b.url);
    }
}

/// What the node has inside, and how it is told.
const INSIDE: [(&str, &str); 4] = [
    ("nothing", "plain reth"),
    ("idle", "an extension that does nothing"),
    ("index", "the index alone"),
    ("resolver", "the resolver, acting"),
];

/// Turn by turn, so that what else the machine does falls on all.
fn imports(file: &str, chain_b: &str) {
    const ROUNDS: usize = 5;
    let mut samples: [Vec<Sample>; INSIDE.len()] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..INSIDE.len() {
            let which = (round + turn) % INSIDE.len();
            samples[which].push(Sample::read(&child(&["import", INSIDE[which].0, file, chain_b])));
        }
    }
    println!("import of {} blocks, {}, {ROUNDS} rounds each", blocks::MEASURED, blocks::BUSY);
    let per_block = (ROUNDS * blocks::MEASURED) as f64;
    for ((_, name), samples) in INSIDE.iter().zip(&samples) {
        let latencies: Vec<f64> = samples.iter().flat_map(|it| it.latencies.clone()).collect();
        let sum = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>();
        let (process, ours, taking) =
            (sum(|it| it.process), sum(|it| it.ours), sum(|it| it.taking));
        println!(
            "  {name:30} block {} ms; CPU {:.2} ms a block, our threads {:.2} ms ({:.2} %), \
             taking notifications {:.3} ms ({:.2} %)",
            spread(latencies),
            process / per_block,
            ours / per_block,
            100.0 * ours / process,
            taking / per_block,
            100.0 * taking / process,
        );
    }
}

fn paced(kind: &str, file: &str, chain_b: &str) {
    let answer = child(&["paced", file, chain_b]);
    let of = |name: &str| answer[name].as_f64().unwrap();
    println!(
        "notification to durable, {kind} relevant logs a block, {} blocks: p50 {:.2} p90 {:.2} p99 {:.2} ms, \
         taken from the node's thread p99 {:.3} ms",
        of("blocks"),
        of("p50"),
        of("p90"),
        of("p99"),
        of("taking_p99")
    );
}

fn backfills(kind: &str, file: &str) {
    let answer = child(&["backfill", file]);
    let of = |name: &str| answer[name].as_f64().unwrap();
    println!(
        "backfill of {} blocks ({kind}): from receipts {:.0} blocks/s, executed again {:.0} blocks/s: {:.1} times; \
         {} matching and {} logs in all",
        of("blocks"),
        of("receipts"),
        of("executed"),
        of("receipts") / of("executed"),
        of("matching"),
        of("logs")
    );
}
