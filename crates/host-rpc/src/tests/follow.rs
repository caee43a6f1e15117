//! Near the head.

use super::{
    Ours, START, config, host,
    node::{Node, failure, header_json},
};
use crate::{LogSelection, RpcConfig};
use bmn_chain::{ChainError, ChainEvent, ChainSource};
use bmn_primitives::ErrorClass;
use serde_json::json;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn every_wanted_log_is_delivered_once_and_bloom_saves_calls() {
    let node = Node::new(40);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    let asked = node.asked("eth_getLogs");
    node.mine(1, 0);
    ours.catch_up(&mut source).await;
    assert_eq!(node.head().number, 41);
    assert_eq!(node.asked("eth_getLogs"), asked, "block 41 cannot hold a log of ours");
    node.mine(1, 0);
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert!(ours.logs.contains_key(&42));
    assert_eq!(ours.step(&mut source, 5).await, Ok(None), "nothing twice");
    assert_eq!(host.calls()["eth_getLogs"], node.asked("eth_getLogs") as u64);
}

#[tokio::test(start_paused = true)]
async fn segments_are_as_small_as_asked_for() {
    let node = Node::new(25);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    let mut events = 0;
    while ours.step(&mut source, 3).await.expect("an answer").is_some() {
        events += 1;
    }
    assert_eq!(events, 6, "16 blocks in threes");
    ours.matches(&node);
}

#[tokio::test(start_paused = true)]
async fn reorgs_of_every_depth_are_followed_also_after_a_stop() {
    for depth in 1..=15 {
        let node = Node::new(30);
        let host = host(config(1), &[&node]).await;
        let mut ours = Ours::default();
        ours.catch_up(&mut host.source()).await;
        node.reorg(depth, depth as u64 + 2, 1);
        // A source of its own, as after a restart.
        let event = ours.step(&mut host.source(), 50).await.expect("an answer").expect("an event");
        let ChainEvent::Reorged { reverted, .. } = &event else { panic!("{event:?}") };
        assert_eq!(reverted.len(), depth);
        ours.matches(&node);
    }
}

#[tokio::test(start_paused = true)]
async fn what_replaces_everything_from_the_start_block_on_is_followed() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    node.reorg(25, 26, 1);
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert!(ours.held.first_key_value().expect("a block").0 == &START);
}

#[tokio::test(start_paused = true)]
async fn without_a_common_block_the_index_is_told_to_rebuild() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.held.retain(|number, _| *number > 25);
    node.reorg(15, 20, 1);
    let error = ours.step(&mut source, 50).await.expect_err("no common block");
    assert_eq!(error.class(), ErrorClass::Corrupt);
    assert!(matches!(error, ChainError::BeyondHistory { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_goes_back_is_a_lagging_node_until_it_stays() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    let full = node.set(|it| it.blocks.clone());
    node.reorg(3, 0, 0);
    assert_eq!(ours.step(&mut source, 5).await, Ok(None));
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(ours.step(&mut source, 5).await, Ok(None));
    node.set(|it| it.blocks.clone_from(&full));
    assert_eq!(ours.step(&mut source, 5).await, Ok(None), "it caught up");
    node.reorg(3, 0, 0);
    assert_eq!(ours.step(&mut source, 5).await, Ok(None), "patience starts again");
    tokio::time::advance(Duration::from_secs(12)).await;
    let event = ours.step(&mut source, 5).await.expect("an answer").expect("an event");
    assert!(matches!(&event, ChainEvent::Reverted { reverted } if reverted.len() == 3));
    assert_eq!(ours.cursor, Some(node.head()));
    node.mine(4, 2);
    ours.catch_up(&mut source).await;
    ours.matches(&node);
}

#[tokio::test(start_paused = true)]
async fn empty_logs_of_a_node_without_the_block_are_not_believed() {
    let node = Node::new(41);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    node.mine(1, 0);
    // One backend behind a load balancer has the header, another answers for the logs.
    node.hook(|request| match request.method {
        "eth_getLogs" => Some(Ok(json!([]))),
        "eth_getBlockByHash" => Some(Ok(json!(null))),
        _ => None,
    });
    let error = ours.step(&mut source, 5).await.expect_err("not yet");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("does not have it yet"), "{error}");
    let fresh = node.twin();
    node.well();
    ours.catch_up(&mut source).await;
    ours.matches(&fresh);
    assert!(ours.logs.contains_key(&42));
}

#[tokio::test(start_paused = true)]
async fn a_bloom_that_only_looks_like_ours_is_no_error() {
    let node = Node::new(30);
    node.set(|it| {
        let other = it.blocks[7].header.logs_bloom;
        it.blocks[29].header.logs_bloom |= other;
    });
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert_eq!(node.asked("eth_getBlockByHash"), 1);
}

#[tokio::test(start_paused = true)]
async fn missing_blocks_are_not_skipped() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    node.mine(5, 0);
    node.hook(|request| {
        (request.method == "eth_getBlockByNumber" && request.params[0] == "0x21")
            .then_some(Ok(json!(null)))
    });
    let event = ours.step(&mut source, 50).await.expect("an answer").expect("an event");
    assert_eq!(event.committed().len(), 2, "up to the gap");
    let error = ours.step(&mut source, 50).await.expect_err("a gap");
    assert_eq!(error.class(), ErrorClass::Transient);
    node.well();
    ours.catch_up(&mut source).await;
    ours.matches(&node);
}

#[tokio::test(start_paused = true)]
async fn contradictions_are_errors_and_change_nothing() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, Change); 6] = [
        ("not in its bloom", |log| {
            log["topics"][1] = json!(alloy::primitives::B256::repeat_byte(9));
        }),
        ("among those of", |log| {
            log["blockHash"] = json!(alloy::primitives::B256::repeat_byte(9));
        }),
        ("at most 4 exist", |log| {
            let topic = log["topics"][0].clone();
            log["topics"] = json!([topic, topic, topic, topic, topic]);
        }),
        ("was not asked for", |log| {
            log["address"] = json!(alloy::primitives::Address::repeat_byte(9));
        }),
        ("its logIndex is", |log| log["logIndex"] = json!("0xffffffffffffffff")),
        ("two logs", |log| log["logIndex"] = json!("0x2")),
    ];
    for (expected, change) in cases {
        let node = Node::new(41);
        let host = host(config(1), &[&node]).await;
        let (mut source, mut ours) = (host.source(), Ours::default());
        ours.catch_up(&mut source).await;
        node.mine(1, 0);
        let truth = node.twin();
        node.hook(move |request| {
            let of_ours =
                request.method == "eth_getLogs" && request.params[0].get("address").is_some();
            of_ours.then(|| {
                let mut logs = truth.set(|it| it.answer(request))?;
                change(&mut logs[0]);
                Ok(logs)
            })
        });
        let before = ours.cursor;
        let error = ours.step(&mut source, 5).await.expect_err(expected);
        assert!(matches!(error, ChainError::Inconsistent { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(ours.cursor, before);
        node.well();
        ours.catch_up(&mut source).await;
        ours.matches(&node);
    }
}

#[tokio::test(start_paused = true)]
async fn absurd_answers_are_transient_errors_that_name_the_endpoint() {
    for absurd in [json!(42), json!({}), json!({"number": "0x"}), json!([]), json!("0x")] {
        let node = Node::new(30);
        let host = host(config(1), &[&node]).await;
        let absurd = absurd.clone();
        node.hook(move |request| {
            (request.method == "eth_getBlockByNumber").then(|| Ok(absurd.clone()))
        });
        let error = Ours::default().step(&mut host.source(), 5).await.expect_err("absurd");
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        assert!(error.to_string().contains("http://node0.example"), "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn receipts_are_read_where_they_are_cheaper_and_must_make_up_the_bloom() {
    let node = Node::new(40);
    let mut config = config(1);
    config.limits.max_filter_items = 1;
    config.limits.max_log_filters = 3;
    config.filter.addresses.push(alloy::primitives::Address::repeat_byte(0xab));
    let host = host(config, &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert!(node.asked("eth_getBlockReceipts") > 0);
    assert_eq!(node.asked("eth_getLogs"), 0);
    node.mine(2, 0);
    node.hook(|request| {
        let partial = json!([{"logs": []}]);
        (request.method == "eth_getBlockReceipts").then_some(Ok(partial))
    });
    let error = ours.step(&mut source, 5).await.expect_err("a log is missing");
    assert!(error.to_string().contains("do not make up its bloom"), "{error}");
    node.hook(|request| {
        (request.method == "eth_getBlockReceipts").then(|| Err(failure(-32601, "no such method")))
    });
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert_eq!(host.endpoints()[0].limits.unsupported, ["eth_getBlockReceipts"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_selection_means_every_log() {
    let node = Node::new(30);
    let config = RpcConfig { filter: LogSelection::default(), ..config(1) };
    let host = host(config, &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    let all: usize = node.set(|it| it.blocks.iter().skip(10).map(|block| block.logs.len()).sum());
    assert_eq!(ours.logs.values().map(Vec::len).sum::<usize>(), all);
}

#[tokio::test(start_paused = true)]
async fn polling_tells_of_new_heads_and_of_nothing_else() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    let quiet = tokio::time::timeout(Duration::from_secs(60), source.changed()).await;
    assert!(quiet.is_err(), "nothing happened");
    node.mine(1, 0);
    let started = tokio::time::Instant::now();
    source.changed().await.expect("a new head");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(source.head().await.expect("a head"), Some(node.head()));
}

#[tokio::test(start_paused = true)]
async fn the_finalized_block_is_the_tag_or_the_depth() {
    let node = Node::new(100);
    node.set(|it| it.finalized = Some(77));
    let host = host(config(1), &[&node]).await;
    let source = host.source();
    let number = |block: Option<bmn_primitives::BlockRef>| block.map(|block| block.number);
    assert_eq!(number(source.finalized().await.expect("an answer")), Some(77));
    node.set(|it| it.finalized = None);
    assert_eq!(number(source.finalized().await.expect("an answer")), Some(80));
    assert_eq!(host.endpoints()[0].limits.finalized, Some(false));
    node.hook(|request| {
        let first = serde_json::json!("latest");
        (request.params[0] == first).then(|| {
            let block = Node::new(5);
            Ok(header_json(&block.set(|it| it.blocks[5].header.clone())))
        })
    });
    assert_eq!(number(source.finalized().await.expect("an answer")), None, "5 blocks are too few");
}
