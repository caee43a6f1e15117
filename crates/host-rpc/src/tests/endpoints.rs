//! What becomes of endpoints over time.

use super::{
    CHAIN, Ours, config, host,
    node::{Node, failure, quantity},
};
use crate::fault::Fault;
use bmn_chain::{ChainClient, ChainError, ChainSource};
use bmn_primitives::{ChainId, ErrorClass};
use serde_json::json;
use std::time::Duration;

/// Becomes a node of another chain without ever failing.
fn moves_house(node: &Node) {
    node.set(|it| it.chain_id = 5);
    node.reorg(31, 40, 9);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_changes_its_chain_takes_nothing_back() {
    let (moved, good) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&moved, &good]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    moves_house(&moved);
    good.mine(2, 0);
    let event = ours.step(&mut source, 50).await.expect("the other answers").expect("an event");
    assert!(event.reverted().is_empty(), "{event:?}");
    ours.matches(&good);
    assert_eq!(host.endpoints()[0].wrong_chain, Some(ChainId(5)));
}

#[tokio::test(start_paused = true)]
async fn the_only_endpoint_on_another_chain_is_no_reason_to_rebuild() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    moves_house(&node);
    let error = ours.step(&mut source, 50).await.expect_err("another chain");
    assert_eq!(error, ChainError::WrongChain { expected: CHAIN, found: ChainId(5) });
    assert_eq!(ours.cursor.map(|it| it.number), Some(30));
}

#[tokio::test(start_paused = true)]
async fn the_regular_look_finds_a_changed_chain_and_one_that_came_back() {
    let (moved, good) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&moved, &good]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    let look = async |source: &mut crate::RpcSource| {
        let waited = tokio::time::timeout(Duration::from_secs(70), source.changed()).await;
        assert!(waited.is_err(), "nothing new");
    };
    moved.set(|it| it.chain_id = 5);
    look(&mut source).await;
    assert_eq!(host.endpoints()[0].wrong_chain, Some(ChainId(5)));
    let asked = moved.asked("eth_getBlockByNumber");
    good.mine(1, 0);
    ours.catch_up(&mut source).await;
    assert_eq!(moved.asked("eth_getBlockByNumber"), asked, "nothing of it is read");
    moved.set(|it| it.chain_id = CHAIN.0);
    look(&mut source).await;
    assert_eq!(host.endpoints()[0].wrong_chain, None);
}

#[tokio::test(start_paused = true)]
async fn silence_breaks_the_connection_and_asks_another_for_the_range() {
    let (slow, good) = (Node::new(3_000), Node::new(3_000));
    slow.cut(|requests| {
        (requests[0].method == "eth_getLogs").then(|| Fault::Timeout(Duration::from_secs(30)))
    });
    let mut config = config(2);
    config.limits.audit_every = 0;
    let host = host(config, &[&slow, &good]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.step(&mut source, 50).await.expect("the other one answers");
    assert_eq!(slow.asked("eth_getLogs"), 2, "one exchange, with two filters");
    assert_eq!(host.endpoints()[0].limits.log_span, 250, "an eighth");
    assert_eq!(host.endpoints()[0].failures, 1);
    assert_eq!(slow.set(|it| it.reconnects), 1);
    ours.catch_up(&mut source).await;
    ours.matches(&good);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_under_large_answers_gets_smaller_questions() {
    let node = Node::new(2_000);
    node.cut(|requests| {
        let span = |at: &str| requests[0].params[0][at].as_str().and_then(quantity);
        let wide = span("toBlock").zip(span("fromBlock")).is_some_and(|(to, from)| to - from > 50);
        wide.then(|| Fault::Unreachable("the connection was closed".to_owned()))
    });
    let mut config = config(1);
    config.limits.breaker_threshold = 100;
    let host = host(config, &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    let mut failed = 0;
    loop {
        match ours.step(&mut source, 50).await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.class(), ErrorClass::Transient, "{error}");
                failed += 1;
                assert!(failed < 5, "{error}");
            }
        }
    }
    ours.matches(&node);
}

#[tokio::test(start_paused = true)]
async fn batches_whose_answers_are_too_large_become_smaller() {
    let node = Node::new(60);
    node.cut(|requests| (requests.len() > 10).then_some(Fault::Oversized(9)));
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    let state = &host.endpoints()[0];
    assert!((5..=10).contains(&state.limits.batch), "{}", state.limits.batch);
    assert_eq!(state.failures, 0);
    node.cut(|_| Some(Fault::Oversized(9)));
    let error = host.client().head().await.expect_err("a single answer is too large");
    assert!(error.to_string().contains("larger than 9 bytes"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn logs_of_one_block_that_are_too_much_come_with_its_receipts() {
    let node = Node::new(30);
    node.hook(|request| {
        (request.method == "eth_getLogs")
            .then(|| Err(failure(-32005, "query returned more than 10000 results")))
    });
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert!(node.asked("eth_getBlockReceipts") > 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_refuses_everything_is_put_back() {
    let (first, second) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&first, &second]).await;
    first.hook(|_| Some(Err(failure(-32000, "project is not allowed to do this"))));
    let client = host.client();
    for _ in 0..10 {
        assert_eq!(client.head().await, Ok(second.head()));
    }
    assert_eq!(first.asked("eth_getBlockByNumber"), 1, "the other one is asked first from then on");
    assert_eq!(host.endpoints()[0].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_for_each_method_and_endpoint() {
    let (one, two) = (Node::new(100), Node::new(100));
    let host = host(config(2), &[&one, &two]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    host.invalidate();
    host.client().head().await.expect("an answer");
    let states = host.endpoints();
    for (node, state) in [&one, &two].into_iter().zip(&states) {
        for (method, count) in &state.calls {
            assert_eq!(*count, node.asked(method) as u64, "{method}");
        }
        assert_eq!(state.calls.values().sum::<u64>(), node.set(|it| it.asked.len()) as u64);
    }
    let both = one.asked("eth_getLogs") + two.asked("eth_getLogs");
    assert_eq!(host.calls()["eth_getLogs"], both as u64);
    assert!(host.calls()["eth_chainId"] >= 3);
}

#[tokio::test(start_paused = true)]
async fn long_words_of_nodes_are_cut() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let long = format!("\u{7}{}", "x".repeat(1 << 20));
    node.hook(move |_| Some(Ok(json!(long))));
    let error = host.client().head().await.expect_err("absurd");
    assert!(error.to_string().len() < 1_000, "{} characters", error.to_string().len());
    assert!(!error.to_string().contains('\u{7}'));
    let kept = host.endpoints()[0].last_failure.clone().expect("a failure");
    assert!(kept.len() < 1_000);
}
