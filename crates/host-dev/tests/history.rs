//! A chain that keeps its newest blocks only.

mod common;

use alloy::primitives::{Address, Bytes};
use bmn_chain::ChainSource;
use bmn_host_dev::{
    DevChain, DevChainConfig, DevChainError, DevServer, DevServerConfig, MiningMode, Replacement,
};
use common::*;
use jsonrpsee::{core::client::ClientT, rpc_params};
use jsonrpsee_http_client::HttpClientBuilder;

const KEPT: u64 = 8;

fn forgetful() -> DevChainConfig {
    DevChainConfig { history: 4, finality_depth: 3, keep_blocks: Some(KEPT), ..config() }
}

/// A log in every block.
fn mine(chain: &DevChain, blocks: u64) {
    let logger = Address::repeat_byte(0x10);
    chain.set_code(logger, Bytes::from_static(&LOGGER)).expect("valid code");
    for _ in 0..blocks {
        let nonce = chain.nonce(account(1));
        chain.submit_raw(&call_logger(1, nonce, logger, 5)).expect("accepted");
        chain.mine(None).expect("mines");
    }
}

fn oldest(chain: &DevChain) -> u64 {
    match chain.block(1) {
        Err(DevChainError::Pruned { number: 1, oldest }) => oldest,
        other => panic!("block 1 should be gone: {other:?}"),
    }
}

#[test]
fn memory_holds_the_newest_blocks_and_the_first_one() {
    let chain = DevChain::new(forgetful());
    let genesis = chain.head();
    mine(&chain, 1);
    let first = chain.block(1).expect("readable").expect("there");
    mine(&chain, 39);
    let before = chain.footprint();
    mine(&chain, 560);
    let after = chain.footprint();
    assert_eq!((after.blocks, after.states), (before.blocks, before.states), "it does not grow");
    // A nonce or a signature may take a byte more or less.
    assert!(after.bytes.abs_diff(before.bytes) < KEPT * 16, "{before:?} {after:?}");
    assert_eq!((before.blocks, before.states), (KEPT, 5), "the newest, and what a reorg needs");
    assert_eq!(oldest(&chain), 600 - KEPT + 1);
    assert!(chain.block(oldest(&chain)).expect("readable").is_some());
    assert_eq!(chain.block(0).expect("readable").expect("kept").block_ref(), genesis);
    assert_eq!(chain.block_by_hash(first.hash()).expect("readable"), None);
    assert_eq!(chain.receipt(first.txs()[0].hash()).expect("readable"), None);
    chain.reorg(3, &Replacement::default()).expect("down to finality");
    assert_eq!(chain.head().number, 600);
    assert!(chain.reorg(4, &Replacement::default()).is_err());
    mine(&chain, 5);
    assert_eq!(chain.footprint().blocks, KEPT);
}

#[test]
fn never_fewer_are_kept_than_a_reorg_needs() {
    let config = DevChainConfig { keep_blocks: Some(0), ..forgetful() };
    let chain = DevChain::new(config);
    mine(&chain, 50);
    chain.reorg(3, &Replacement::default()).expect("down to finality");
}

#[test]
fn whoever_is_at_the_head_goes_on_and_whoever_is_too_late_is_told() {
    let chain = DevChain::new(forgetful());
    let (mut source, mut follower) = (chain.source(), Follower::default());
    for _ in 0..20 {
        mine(&chain, 3);
        follower.follow(&mut source, 50);
    }
    let (mut late, first) = (chain.source(), Follower::default());
    let genesis = ready(late.next_event(None, &first, 1)).expect("kept").expect("there");
    let genesis = genesis.committed()[0].header.block_ref();
    let told = ready(late.next_event(Some(genesis), &first, 1)).expect_err("blocks are missing");
    assert!(told.to_string().contains("block 1 is not kept any more"), "{told}");
}

#[test]
fn the_file_forgets_too_and_opens_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let chain = DevChain::open(directory.path(), forgetful()).expect("opens");
    mine(&chain, 600);
    let (head, before) = (chain.head(), oldest(&chain));
    assert!(before > 50, "{before}");
    drop(chain);
    let chain = DevChain::open(directory.path(), forgetful()).expect("opens");
    assert_eq!((chain.head(), oldest(&chain)), (head, before));
    mine(&chain, 100);
    assert!(oldest(&chain) > before);
    chain.reorg(3, &Replacement::default()).expect("down to finality");
}

#[tokio::test]
async fn who_asks_for_a_block_that_is_gone_is_told_which_is_the_oldest() {
    let chain = DevChain::new(forgetful());
    mine(&chain, 30);
    let listen = ([127, 0, 0, 1], 0).into();
    let config = DevServerConfig { listen, mining: MiningMode::Manual, clock: None };
    let server = DevServer::start(chain, config).await.expect("listens");
    let client = HttpClientBuilder::default().build(server.url()).expect("a valid URL");
    let told = "block 5 is not kept any more; the oldest one that is has number 23";
    let block: Result<serde_json::Value, _> =
        client.request("eth_getBlockByNumber", rpc_params!["0x5", false]).await;
    assert!(block.expect_err("gone").to_string().contains(told));
    let range = serde_json::json!({ "fromBlock": "0x5", "toBlock": "0x19" });
    let logs: Result<serde_json::Value, _> =
        client.request("eth_getLogs", rpc_params![range]).await;
    assert!(logs.expect_err("gone").to_string().contains(told));
    let range = serde_json::json!({ "fromBlock": "0x17", "toBlock": "latest" });
    let logs: Vec<serde_json::Value> =
        client.request("eth_getLogs", rpc_params![range]).await.expect("kept");
    assert_eq!(logs.len(), 8);
    server.stop().await;
}
