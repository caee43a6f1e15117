//! A resolver in a real node: what is measured, blocks that it missed, an unwound chain, pruned receipts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "common/node.rs"]
mod node;
#[path = "common/resolver.rs"]
mod resolver;

use alloy::primitives::B256;
use bmn_chain::conformance::{Emission, emissions};
use bmn_embed::measures::{COUNTERS, GAUGES, TIMES};
use bmn_host_rpc::LogSelection;
use bmn_primitives::BlockRef;
use bmn_reth::node::Extension;
use bmn_sim::accounts::DevAccount;
use node::{Inside, Node, Setup, history, launch};
use resolver::{BLOCK_TIME, FACTORY, call, chain_spec, configure, until_indexed};
use reth_node_metrics::recorder::install_prometheus_recorder;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// So many more blocks without transactions.
async fn mine(node: &dyn Node, blocks: u64) -> BlockRef {
    for _ in 0..blocks {
        let head = node.ledger().head();
        let block = node.build(head.hash, head.time + BLOCK_TIME, vec![]).await;
        let hash: B256 = block.payload.block_hash();
        node.insert(block).await;
        node.choose(hash).await;
    }
    node.ledger().head()
}

async fn start(directory: &Path, inside: Inside) -> Box<dyn Node> {
    let setup = Setup { writes_at_once: true, ..Setup::new(chain_spec(&[]), inside) };
    launch(setup, &directory.join("reth")).await
}

fn extension(directory: &Path) -> Extension {
    Extension::new(configure(directory, "index_only = true", ""))
}

async fn until_written(node: &dyn Node, number: u64) {
    for _ in 0..10_000 {
        if node.written() >= number {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("block {number} is not on disk, {} is", node.written());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_measured_is_on_the_nodes_recorder() {
    let directory = TempDir::new().unwrap();
    let extension = extension(directory.path());
    let front = extension.front();
    let node = start(directory.path(), Inside::Resolver(extension)).await;
    until_indexed(&front, 0).await;
    mine(&*node, 3).await;
    until_indexed(&front, 3).await;
    let shown = install_prometheus_recorder().handle().render();
    for (name, _) in COUNTERS.iter().chain(&GAUGES) {
        let line = format!("\nreth_{name} ");
        assert!(shown.contains(&line), "{name} is not shown: {shown}");
    }
    for (name, _) in TIMES {
        assert!(shown.contains(&format!("\nreth_{name}_count ")), "{name} is not shown: {shown}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_were_missed_are_read_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let first = extension(directory.path());
    let front = first.front();
    let node = start(directory.path(), Inside::Resolver(first)).await;
    until_indexed(&front, 0).await;
    mine(&*node, 5).await;
    until_indexed(&front, 5).await;
    until_written(&*node, 5).await;
    node.stop().await;

    let node = start(directory.path(), Inside::Nothing).await;
    assert_eq!(node.ledger().head().number, 5);
    mine(&*node, 4).await;
    until_written(&*node, 9).await;
    node.stop().await;

    let second = extension(directory.path());
    let front = second.front();
    let node = start(directory.path(), Inside::Resolver(second)).await;
    until_indexed(&front, 9).await;
    mine(&*node, 1).await;
    until_indexed(&front, 10).await;
    node.stop().await;
}

/// Takes the newest blocks away, as the pipeline does when it goes back.
fn unwind(directory: &Path, blocks: u64) {
    let genesis = directory.join("genesis.json");
    std::fs::write(&genesis, serde_json::to_string(&chain_spec(&[]).genesis).unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bmn-reth"))
        .args(["stage", "unwind", "--log.file.max-files", "0", "--chain"])
        .arg(genesis)
        .arg("--datadir")
        .arg(directory.join("reth"))
        .args(["num-blocks", &blocks.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_ahead_of_an_unwound_node_follows_what_comes_instead() {
    let directory = TempDir::new().unwrap();
    let first = extension(directory.path());
    let front = first.front();
    let node = start(directory.path(), Inside::Resolver(first)).await;
    until_indexed(&front, 0).await;
    mine(&*node, 8).await;
    until_indexed(&front, 8).await;
    until_written(&*node, 8).await;
    node.stop().await;
    unwind(directory.path(), 3);

    let second = extension(directory.path());
    let front = second.front();
    let node = start(directory.path(), Inside::Resolver(second)).await;
    let kept = node.ledger().head();
    assert_eq!(kept.number, 5);
    // Other blocks at the heights that the index knows.
    let other = BlockRef { time: kept.time + 1, ..kept };
    let block = node.build(other.hash, other.time + BLOCK_TIME, vec![]).await;
    let hash: B256 = block.payload.block_hash();
    node.insert(block).await;
    node.choose(hash).await;
    let head = mine(&*node, 1).await;
    until_indexed(&front, 7).await;
    let status = resolver::status(&front).await;
    assert_eq!(status["chains"][0]["head"]["hash"], head.hash.to_string(), "{status}");
    node.stop().await;
}

/// How many blocks were executed again since the process began.
fn executed_again() -> u64 {
    let shown = install_prometheus_recorder().handle().render();
    let of =
        |line: &str| line.strip_prefix("reth_bmn_extension_executed_again_total ")?.parse().ok();
    shown.lines().find_map(of).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_pruned_some_receipts_tells_the_same_history() {
    let directory = tempfile::tempdir().unwrap();
    let account = DevAccount::Maker.signer();
    let setup = Setup {
        writes_at_once: true,
        prunes_receipts_before: Some(30),
        ..Setup::new(chain_spec(&[account.address()]), Inside::Nothing)
    };
    let node = launch(setup, &directory.path().join("reth")).await;
    let selection = || LogSelection { addresses: vec![FACTORY], topics_anywhere: vec![] };
    let told = |blocks: &[bmn_chain::Block]| -> Vec<_> {
        let logs = blocks.iter().flat_map(|block| &block.logs);
        logs.map(|log| (log.topics[0], log.tx_hash, log.log_index)).collect()
    };
    let mut complete = None;
    // reth keeps the receipts of the newest 64 blocks, whatever it is told.
    for number in 1..=200u64 {
        let logs = [Emission {
            topics: vec![B256::with_last_byte(number as u8)],
            data: B256::ZERO.into(),
        }];
        let tx = call(&account, number - 1, FACTORY, 100_000, emissions(&logs));
        let txs = if number <= 40 { vec![tx] } else { vec![] };
        let head = node.ledger().head();
        let block = node.build(head.hash, head.time + BLOCK_TIME, txs).await;
        let hash = block.payload.block_hash();
        node.insert(block).await;
        node.choose(hash).await;
        if number == 40 {
            let found = told(&history(&*node, selection()).await);
            assert_eq!((found.len(), executed_again()), (40, 0));
            complete = Some(found);
        }
        if number > 100 {
            assert_eq!(Some(told(&history(&*node, selection()).await)), complete);
            if executed_again() > 0 {
                return node.stop().await;
            }
        }
    }
    panic!("nothing was pruned");
}
