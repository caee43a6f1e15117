//! The JSON-RPC host on nodes that the conformance suite commands.
#![allow(dead_code)] // Each test binary uses its own part.

pub(crate) mod anvil;
#[path = "../../../crates/host-dev/tests/common/bed.rs"]
pub(crate) mod bed;
pub(crate) mod dev;

use bmn_chain::conformance::{Ability, Case, Testbed, cases, emitter_address};
use bmn_host_rpc::{Limits, LogSelection, RpcConfig, RpcHost};
use std::time::Duration;

/// The slowest case takes a few seconds; one that hangs has failed.
const LIMIT: Duration = Duration::from_secs(120);

/// Follows `urls` with patience for tests: a node that goes back is believed at once, and history is
/// read sparsely as soon as there is some.
pub(crate) async fn connect(
    bed: &dyn Testbed,
    urls: &[String],
    agreement: usize,
    start_block: u64,
) -> RpcHost {
    let endpoints = urls.iter().map(|url| url.parse().expect("an endpoint")).collect();
    let config = RpcConfig {
        chain_id: bed.chain_id(),
        endpoints,
        private: None,
        start_block,
        finality_depth: bed.finality_depth(),
        filter: LogSelection {
            addresses: vec![emitter_address(bed.signer().address())],
            topics_anywhere: vec![],
        },
        agreement,
        limits: Limits {
            backfill_distance: 4,
            lag_patience: Duration::from_millis(40),
            // Where the test mines between two questions, hosts are of two minds for a moment.
            agreement_poll: Duration::from_millis(20),
            ..Limits::default()
        },
        poll: Duration::from_millis(20),
    };
    RpcHost::connect(config).await.expect("the node answers")
}

/// Runs every case that the node can hold on a testbed of its own, and answers the names of the
/// others.
pub(crate) async fn conform<B: Testbed>(
    abilities: &[Ability],
    new: impl AsyncFn() -> B,
) -> Vec<&'static str> {
    let able = |case: &Case| case.needs.is_none_or(|needed| abilities.contains(&needed));
    let (able, left_out): (Vec<Case>, Vec<Case>) = cases().into_iter().partition(able);
    let mut failed = Vec::new();
    for case in able {
        let mut bed = new().await;
        match tokio::time::timeout(LIMIT, case.run(&mut bed)).await {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => failed.push(format!("{}: {broken}", case.name)),
            Err(_) => failed.push(format!("{}: not done after {LIMIT:?}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
    left_out.into_iter().map(|case| case.name).collect()
}
