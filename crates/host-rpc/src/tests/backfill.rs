//! Sparse history.

use super::{
    Ours, config, host,
    node::{Node, failure, quantity},
};
use bmn_chain::{ChainError, ChainEvent};
use bmn_primitives::ErrorClass;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;

fn span(params: &serde_json::Value) -> Option<u64> {
    let bound = |name: &str| params[0][name].as_str().and_then(quantity);
    Some(bound("toBlock")? - bound("fromBlock")? + 1)
}

#[tokio::test(start_paused = true)]
async fn history_is_read_sparsely_and_completely() {
    let node = Node::new(5_000);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    let first = ours.step(&mut source, 50).await.expect("an answer").expect("an event");
    let ChainEvent::Backfilled(history) = &first else { panic!("{first:?}") };
    assert_eq!((history.blocks().len(), history.from()), (50, 10), "as many blocks as asked for");
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    let calls = node.set(|it| it.asked.len());
    assert!(calls < 2_500, "{calls} calls for 5 000 blocks with 715 of interest");
}

#[tokio::test(start_paused = true)]
async fn limits_of_ranges_are_learnt() {
    let words: [(i64, &str, u64, bool); 6] = [
        (-32614, "eth_getLogs is limited to a 300 range", 300, true),
        (-32602, "query exceeds max block range 128", 128, true),
        (-32600, "block range is too wide", 97, false),
        (-32005, "query returned more than 10000 results", 55, false),
        (-32005, "limit exceeded", 41, false),
        (-32000, "query timeout exceeded", 33, false),
    ];
    for (code, message, most, stated) in words {
        let node = Node::new(3_000);
        node.hook(move |request| {
            let wide = request.method == "eth_getLogs"
                && span(&request.params).is_some_and(|span| span > most);
            wide.then(|| Err(failure(code, message)))
        });
        let host = host(config(1), &[&node]).await;
        let (mut source, mut ours) = (host.source(), Ours::default());
        ours.catch_up(&mut source).await;
        ours.matches(&node);
        let learnt = host.endpoints()[0].limits.stated_log_span;
        assert_eq!(learnt, stated.then_some(most), "{message}");
        assert_eq!(host.endpoints()[0].failures, 0, "a limit is no failure");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_and_oversized_answers_make_ranges_smaller() {
    use crate::fault::Fault;
    for fault in [Fault::Oversized(9), Fault::Timeout(std::time::Duration::from_secs(30))] {
        let node = Node::new(2_000);
        node.cut(move |requests| {
            let wide = requests[0].method == "eth_getLogs"
                && span(&requests[0].params).is_some_and(|span| span > 100);
            wide.then(|| fault.clone())
        });
        let host = host(config(1), &[&node]).await;
        let (mut source, mut ours) = (host.source(), Ours::default());
        ours.catch_up(&mut source).await;
        ours.matches(&node);
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_that_fails_on_one_endpoint_is_read_from_another() {
    let (first, second) = (Node::new(3_000), Node::new(3_000));
    let count = Arc::new(Mutex::new(0));
    first.hook(move |request| {
        let mut count = count.lock();
        *count += usize::from(request.method == "eth_getLogs");
        (*count > 4).then(|| Err(failure(-32603, "internal error")))
    });
    let host = host(config(2), &[&first, &second]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&second);
    assert!(second.asked("eth_getLogs") > 0);
}

#[tokio::test(start_paused = true)]
async fn pruned_history_names_the_block_and_the_cure() {
    type Answer = Result<serde_json::Value, crate::fault::RpcFailure>;
    let answers: [fn() -> Answer; 4] = [
        || Err(failure(4444, "pruned history unavailable")),
        || Err(failure(-32000, "missing trie node 0xabc")),
        || Err(failure(-32001, "resource not found")),
        || Ok(json!(null)),
    ];
    for answer in answers {
        let prune = |node: &Node| {
            node.hook(move |request| {
                let old = request.method == "eth_getBlockByNumber"
                    && request.params[0].as_str().and_then(quantity).is_some_and(|it| it < 1_500);
                old.then(answer)
            });
        };
        let (one, two) = (Node::new(3_000), Node::new(3_000));
        prune(&one);
        prune(&two);
        let host = host(config(2), &[&one, &two]).await;
        let (mut source, mut ours) = (host.source(), Ours::default());
        let error = ours.step(&mut source, 5).await.expect_err("pruned");
        assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
        assert!(matches!(error, ChainError::Pruned { block: 10..1_500, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("archive node") && text.contains("later"), "{text}");
        one.well();
        ours.catch_up(&mut source).await;
        ours.matches(&one);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_below_what_is_pruned_names_the_cure() {
    let node = Node::new(3_000);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.step(&mut source, 5).await.expect("an answer");
    let cursor = ours.cursor.expect("a cursor").number;
    // It comes back after a long time, to a node that keeps less.
    node.hook(move |request| {
        let number = request.params[0].as_str().and_then(quantity)?;
        (number <= 1_500 && request.method == "eth_getBlockByNumber").then_some(Ok(json!(null)))
    });
    let error = ours.step(&mut source, 5).await.expect_err("pruned");
    assert!(matches!(error, ChainError::Pruned { block, .. } if block == cursor), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn one_endpoint_that_was_not_heard_may_have_what_the_others_pruned() {
    let (one, two) = (Node::new(3_000), Node::new(3_000));
    one.hook(|request| {
        (request.method == "eth_getLogs").then(|| Err(failure(4444, "pruned history unavailable")))
    });
    let host = host(config(2), &[&one, &two]).await;
    two.cut(|_| Some(crate::fault::Fault::Unreachable("refused".to_owned())));
    let error = Ours::default().step(&mut host.source(), 5).await.expect_err("pruned");
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_reorg_while_history_is_read_is_noticed() {
    let node = Node::new(1_000);
    // The node knows no finalized block, and 20 blocks turn out not to be enough.
    node.set(|it| it.finalized = None);
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.step(&mut source, 5).await.expect("an answer");
    let cursor = ours.cursor.expect("a cursor");
    // Between the logs and the headers, everything from the cursor on is replaced.
    let gone = 1_000 - cursor.number + 1;
    let other = node.twin();
    other.reorg(gone as usize, gone, 3);
    let (mut logs_seen, replaced) = (false, other.clone());
    node.hook(move |request| {
        logs_seen |= request.method == "eth_getLogs";
        let header = logs_seen && request.method == "eth_getBlockByNumber";
        header.then(|| replaced.set(|it| it.answer(request)))
    });
    let mut config = config(1);
    config.limits.rounds = 1;
    let once = super::host(config, &[&node]).await;
    let error = ours.step(&mut once.source(), 5).await.expect_err("the chain moved");
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert!(error.to_string().contains("moved while it was read"), "{error}");
    assert_eq!(ours.cursor, Some(cursor));
    // What is known below the cursor is enough to go back.
    let event = ours.step(&mut source, 50).await;
    let beyond = matches!(event, Err(ChainError::BeyondHistory { .. }));
    assert!(beyond, "sparse history knows no block right below the cursor: {event:?}");
}

#[tokio::test(start_paused = true)]
async fn logs_of_another_chain_never_enter_history() {
    let node = Node::new(1_000);
    let fork = Node::new(9);
    fork.mine(992, 5);
    node.hook(move |request| {
        (request.method == "eth_getLogs").then(|| fork.set(|it| it.answer(request)))
    });
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    let error = ours.step(&mut source, 5).await.expect_err("logs of a fork");
    assert!(matches!(error, ChainError::Inconsistent { .. }), "{error}");
    assert_eq!(ours.cursor, None);
    let good = Node::new(1_000);
    node.well();
    ours.catch_up(&mut source).await;
    ours.matches(&good);
}
