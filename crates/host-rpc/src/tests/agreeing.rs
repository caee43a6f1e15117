//! One liar among hosts that must agree, and one endpoint that leaves logs out.

use super::{
    CHAIN, OURS, Ours, config, host,
    node::{Node, header_json, quantity},
    try_host,
};
use crate::RpcConfig;
use alloy::primitives::{B256, Bloom};
use bmn_chain::{ChainEvent, ChainSource};
use bmn_primitives::ErrorClass;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

type Lie = fn(&Node);

/// Names every hash rightly and invents what a log says.
fn invents_data(liar: &Node) {
    let truth = liar.twin();
    liar.hook(move |request| {
        (request.method == "eth_getLogs").then(|| {
            let mut logs = truth.set(|it| it.answer(request))?;
            for log in logs.as_array_mut().expect("logs") {
                log["data"] = json!("0xbad0");
            }
            Ok(logs)
        })
    });
}

/// Names every hash rightly and says that no block holds anything.
fn hides_by_bloom(liar: &Node) {
    let truth = liar.twin();
    liar.hook(move |request| {
        request.method.starts_with("eth_getBlockBy").then(|| {
            let mut header = truth.set(|it| it.answer(request))?;
            if !header.is_null() {
                header["logsBloom"] = json!(Bloom::ZERO);
            }
            Ok(header)
        })
    });
}

/// Names every hash rightly and lies about the time.
fn moves_time(liar: &Node) {
    let truth = liar.twin();
    liar.hook(move |request| {
        request.method.starts_with("eth_getBlockBy").then(|| {
            let mut header = truth.set(|it| it.answer(request))?;
            if !header.is_null() {
                header["timestamp"] = json!("0x7fffffff");
            }
            Ok(header)
        })
    });
}

/// Leaves our logs out of every range.
fn omits(liar: &Node) {
    let truth = liar.twin();
    liar.hook(move |request| {
        let ranged =
            request.method == "eth_getLogs" && request.params[0].get("fromBlock").is_some();
        ranged.then(|| {
            let mut logs = truth.set(|it| it.answer(request))?;
            logs.as_array_mut().expect("logs").retain(|log| log["address"] != json!(OURS));
            Ok(logs)
        })
    });
}

const LIVE: [Lie; 3] = [invents_data, hides_by_bloom, moves_time];
const OLD: [Lie; 3] = [invents_data, moves_time, omits];

#[tokio::test(start_paused = true)]
async fn a_liar_with_the_right_hashes_is_not_believed_against_one() {
    for (head, lies) in [(40, LIVE), (2_000, OLD)] {
        for lie in lies {
            let (liar, good) = (Node::new(head), Node::new(head));
            lie(&liar);
            let config = RpcConfig { agreement: 2, ..config(2) };
            let host = host(config, &[&liar, &good]).await;
            let (mut source, mut ours) = (host.source(), Ours::default());
            let error = ours.step(&mut source, 50).await.expect_err("one against one");
            assert_eq!(error.class(), ErrorClass::Transient, "{error}");
            assert!(error.to_string().contains("1 of 2 hosts"), "{error}");
            assert_eq!(ours.cursor, None);
            liar.well();
            ours.catch_up(&mut source).await;
            ours.matches(&good);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_liar_with_the_right_hashes_is_outvoted_by_two() {
    for (head, lies) in [(40, LIVE), (2_000, OLD)] {
        for lie in lies {
            let (liar, one, two) = (Node::new(head), Node::new(head), Node::new(head));
            lie(&liar);
            let config = RpcConfig { agreement: 2, ..config(3) };
            let host = host(config, &[&liar, &one, &two]).await;
            let (mut source, mut ours) = (host.source(), Ours::default());
            ours.catch_up(&mut source).await;
            ours.matches(&one);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn history_is_final_when_enough_hosts_say_so() {
    let (eager, one, two) = (Node::new(1_000), Node::new(1_000), Node::new(1_000));
    eager.set(|it| it.finalized = Some(1_000));
    let config = RpcConfig { agreement: 2, ..config(3) };
    let host = host(config, &[&eager, &one, &two]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    let number = |block: Option<bmn_primitives::BlockRef>| block.map(|block| block.number);
    assert_eq!(number(source.finalized().await.expect("an answer")), Some(980));
    while let Some(event) = ours.step(&mut source, 50).await.expect("an answer") {
        if let ChainEvent::Backfilled(history) = event {
            assert!(history.through().number <= 980, "{:?}", history.through());
        }
    }
    ours.matches(&one);
}

#[tokio::test(start_paused = true)]
async fn two_addresses_of_one_host_are_one_opinion() {
    let same = |path: &str| format!("{path}.example/v1").parse().expect("a URL");
    let endpoints = vec![same("http://node"), same("ws://node"), same("http://other")];
    let (http, ws, other) = (Node::new(40), Node::new(40), Node::new(40));
    let three = RpcConfig { agreement: 3, endpoints: endpoints.clone(), ..config(3) };
    let error = try_host(three, &[&http, &ws, &other]).await.expect_err("two hosts");
    assert!(error.to_string().contains("at most 2, the number of hosts"), "{error}");

    invents_data(&http);
    invents_data(&ws);
    let two = RpcConfig { agreement: 2, endpoints, ..config(3) };
    let host = host(two, &[&http, &ws, &other]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    let error = ours.step(&mut source, 50).await.expect_err("one host against another");
    assert!(error.to_string().contains("1 of 2 hosts"), "{error}");
    assert_eq!(ours.cursor, None);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_nobody_else_has_delays_nothing_for_long() {
    let (liar, one, two) = (Node::new(40), Node::new(40), Node::new(40));
    liar.mine(100, 7);
    let config = RpcConfig { agreement: 2, ..config(3) };
    let host = host(config, &[&liar, &one, &two]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&one);
    let started = Instant::now();
    for _ in 0..10 {
        one.mine(1, 0);
        two.mine(1, 0);
        ours.catch_up(&mut source).await;
        ours.matches(&one);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "the liar is asked last: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_does_not_hold_two_up() {
    let (one, two, hung) = (Node::new(40), Node::new(40), Node::new(40));
    let config = RpcConfig { agreement: 2, ..config(3) };
    let host = host(config, &[&one, &two, &hung]).await;
    hung.set(|it| it.takes = Duration::from_secs(3_600));
    let started = Instant::now();
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&one);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn blocks_are_taken_back_when_enough_hosts_lack_them() {
    let (one, two) = (Node::new(40), Node::new(40));
    let config = RpcConfig { agreement: 2, ..config(2) };
    let host = host(config, &[&one, &two]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    // One goes back and the other cannot be reached: no reason to take anything back.
    one.reorg(3, 0, 0);
    two.cut(|_| Some(crate::fault::Fault::Unreachable("refused".to_owned())));
    for _ in 0..3 {
        ours.step(&mut source, 5).await.expect_err("one host is not enough");
        tokio::time::advance(Duration::from_secs(16)).await;
    }
    assert_eq!(ours.cursor.map(|it| it.number), Some(40));
    two.well();
    two.reorg(3, 0, 0);
    tokio::time::advance(Duration::from_secs(16)).await;
    assert_eq!(ours.step(&mut source, 5).await, Ok(None), "they may lag");
    tokio::time::advance(Duration::from_secs(12)).await;
    let event = ours.step(&mut source, 5).await.expect("an answer").expect("an event");
    assert_eq!(event.reverted().len(), 3);
    assert_eq!(ours.cursor, Some(one.head()));
}

#[tokio::test(start_paused = true)]
async fn blocks_that_are_still_there_are_not_taken_back() {
    for agreement in [1, 2] {
        let (liar, good) = (Node::new(40), Node::new(40));
        let config = RpcConfig { agreement, ..config(2) };
        let host = host(config, &[&liar, &good]).await;
        let (mut source, mut ours) = (host.source(), Ours::default());
        ours.catch_up(&mut source).await;
        // While it is asked where the chains part, it names other blocks; then the same as before.
        let fork = liar.twin();
        fork.reorg(10, 10, 5);
        let mut lies: Vec<u64> = (31..=40).chain([40]).collect();
        liar.hook(move |request| {
            let number = request.params[0].as_str().and_then(quantity);
            let at = lies.iter().position(|lie| Some(*lie) == number)?;
            lies.remove(at);
            Some(fork.set(|it| it.answer(request)))
        });
        liar.mine(2, 0);
        good.mine(2, 0);
        let event = ours.step(&mut source, 50).await.expect("the other answers").expect("blocks");
        assert!(event.reverted().is_empty(), "{:?}", event.reverted());
        ours.matches(&good);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_leaves_logs_out_of_history_is_found_out_by_another() {
    let (liar, good) = (Node::new(2_000), Node::new(2_000));
    omits(&liar);
    let host = host(config(2), &[&liar, &good]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&good);
    let states = host.endpoints();
    let failure = states[0].last_failure.clone().expect("it is blamed");
    assert!(failure.contains("leaves out log") && failure.contains("node1.example"), "{failure}");
    assert_eq!(states[1].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_begins_to_leave_logs_out_later_is_found_out_before_long() {
    let (liar, good) = (Node::new(20_000), Node::new(20_000));
    let mut config = config(2);
    config.limits.max_log_range = 200;
    let host = host(config, &[&liar, &good]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.step(&mut source, 1_000).await.expect("an answer");
    omits(&liar);
    ours.catch_up(&mut source).await;
    assert_eq!(ours.cursor, Some(good.head()));
    let found = ours.logs.len() as f64 / good.wanted_logs().len() as f64;
    assert!(host.endpoints()[0].failures > 0, "100 ranges, one in 16 compared");
    assert!(found > 0.5, "the rest came from the other: {found}");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_blamed_for_logs_that_are_in_no_block() {
    let (good, liar) = (Node::new(500), Node::new(500));
    let truth = liar.twin();
    liar.hook(move |request| {
        (request.method == "eth_getLogs").then(|| {
            let mut logs = truth.set(|it| it.answer(request))?;
            let number = quantity("0x15").expect("a number");
            let block = truth.set(|it| it.blocks[number as usize].header.clone());
            let invented = json!({
                "address": OURS, "topics": [B256::repeat_byte(0x55)], "data": "0x",
                "blockNumber": "0x15", "blockHash": block.hash, "logIndex": "0x70",
                "transactionHash": B256::ZERO, "transactionIndex": "0x0",
            });
            if request.params[0].get("address").is_some() {
                logs.as_array_mut().expect("logs").push(invented);
            }
            Ok(logs)
        })
    });
    let host = host(config(2), &[&good, &liar]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&good);
    assert_eq!(host.endpoints()[0].failures, 0);
    assert!(liar.asked("eth_getLogs") > 0, "it was asked");
}

#[tokio::test(start_paused = true)]
async fn comparing_is_off_where_it_is_not_wanted() {
    let (one, two) = (Node::new(2_000), Node::new(2_000));
    let mut config = config(2);
    config.limits.audit_every = 0;
    let host = host(config, &[&one, &two]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&one);
    assert_eq!(two.asked("eth_getLogs"), 0);
    assert_eq!(source.chain_id(), CHAIN);
}

#[tokio::test(start_paused = true)]
async fn absurd_numbers_break_nothing() {
    let most = "0xffffffffffffffff";
    for field in ["number", "timestamp"] {
        let node = Node::new(40);
        let header = node.set(|it| it.blocks[40].header.clone());
        node.hook(move |request| {
            let latest = request.params[0] == json!("latest");
            let tagged = request.params[0] == json!("finalized");
            (latest || tagged).then(|| {
                let mut absurd: Value = header_json(&header);
                absurd[field] = json!(most);
                Ok(absurd)
            })
        });
        let mut config = config(1);
        config.start_block = 0;
        config.limits.backfill_distance = 0;
        let host = host(config, &[&node]).await;
        let (mut source, ours) = (host.source(), Ours::default());
        // Whatever it answers, it answers.
        for _ in 0..3 {
            let _ = source.next_event(None, &ours, 5).await;
        }
        let _ = source.finalized().await;
        use bmn_chain::{CallRequest, ChainClient};
        let _ = host.client().call(&CallRequest::default()).await;
        let _ = host.client().head().await;
    }
}
