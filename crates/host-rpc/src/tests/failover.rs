//! Several endpoints.

use super::{
    CHAIN, Ours, config, host,
    node::{Node, failure},
    try_host,
};
use crate::{BreakerState, RpcConfig, RpcError, fault::Fault};
use bmn_chain::{ChainClient, ChainError, ChainSource};
use bmn_primitives::{ChainId, ErrorClass};
use std::time::Duration;

fn dead(node: &Node) {
    node.cut(|_| Some(Fault::Unreachable("connection refused".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_node_of_another_chain_is_refused_at_the_start_and_later() {
    let (good, wrong) = (Node::new(30), Node::new(30));
    wrong.set(|it| it.chain_id = 1);
    let error = try_host(config(2), &[&good, &wrong]).await.expect_err("wrong chain");
    assert_eq!(error.class(), ErrorClass::Permanent);
    let expected = RpcError::WrongChain {
        endpoint: "http://node1.example".into(),
        expected: CHAIN,
        found: ChainId(1),
    };
    assert_eq!(error, expected);
    assert!(error.to_string().contains("chain 1") && error.to_string().contains("31337"));

    dead(&wrong);
    let host = host(config(2), &[&good, &wrong]).await;
    wrong.well();
    let (mut source, mut ours) = (host.source(), Ours::default());
    dead(&good);
    let error = ours.step(&mut source, 5).await.expect_err("no node of this chain");
    assert_eq!(error.class(), ErrorClass::Transient, "the good one may come back: {error}");
    assert_eq!(host.endpoints()[1].wrong_chain, Some(ChainId(1)));
    assert_eq!(wrong.asked("eth_getBlockByNumber"), 0, "nothing of it is read");
    good.well();
    tokio::time::advance(Duration::from_secs(20)).await;
    ours.catch_up(&mut source).await;
    ours.matches(&good);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_as_another_chain_is_a_permanent_error() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    node.set(|it| it.chain_id = 5);
    host.invalidate();
    let error = Ours::default().step(&mut host.source(), 5).await.expect_err("wrong chain");
    assert_eq!(error, ChainError::WrongChain { expected: CHAIN, found: ChainId(5) });
}

#[tokio::test(start_paused = true)]
async fn bad_configurations_say_what_is_accepted() {
    for (config, words) in [
        (config(0), "`endpoints` is empty"),
        (RpcConfig { agreement: 2, ..config(1) }, "`agreement` is 2"),
        (RpcConfig { poll: Duration::ZERO, ..config(1) }, "`poll` is 0"),
    ] {
        let error = try_host(config, &[&Node::new(1)]).await.expect_err(words);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.class(), ErrorClass::Permanent);
    }
    let node = Node::new(1);
    dead(&node);
    let error = try_host(config(1), &[&node]).await.expect_err("nobody answers");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("http://node0.example: unreachable"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_probes_once_and_closes() {
    let (one, two) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&one, &two]).await;
    dead(&one);
    let client = host.client();
    let state = |host: &crate::RpcHost| host.endpoints()[0].state;
    // The other one is asked first after the first failure, so it has to fail, too.
    dead(&two);
    for _ in 0..2 {
        assert_eq!(client.head().await.expect_err("all dead").class(), ErrorClass::Transient);
    }
    assert_eq!(state(&host), BreakerState::Open);
    let asked = one.set(|it| it.batches.len());
    assert!(client.head().await.is_err());
    assert_eq!(one.set(|it| it.batches.len()), asked, "an open breaker lets nothing through");
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(state(&host), BreakerState::HalfOpen);
    one.set(|it| it.takes = Duration::from_secs(1));
    let (a, b, c) = tokio::join!(client.head(), client.head(), client.head());
    assert!(a.is_err() && b.is_err() && c.is_err());
    assert!(one.set(|it| it.batches.len()) <= asked + 1, "one probe for all of them");
    one.well();
    tokio::time::advance(Duration::from_secs(16)).await;
    assert_eq!(client.head().await, Ok(one.head()));
    assert_eq!(state(&host), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_does_not_lock_the_endpoint_out() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let client = host.client();
    dead(&node);
    for _ in 0..3 {
        assert!(client.head().await.is_err());
    }
    node.well();
    node.set(|it| it.takes = Duration::from_secs(5));
    tokio::time::advance(Duration::from_secs(15)).await;
    let dropped = tokio::time::timeout(Duration::from_secs(1), client.head()).await;
    assert!(dropped.is_err());
    assert_eq!(client.head().await, Ok(node.head()));
}

#[tokio::test(start_paused = true)]
async fn rate_limits_rest_an_endpoint_for_as_long_as_it_asks() {
    let (one, two) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&one, &two]).await;
    let client = host.client();
    one.cut(|_| Some(Fault::RateLimited(Some(Duration::from_secs(30)))));
    assert_eq!(client.head().await, Ok(two.head()));
    let asked = one.set(|it| it.batches.len());
    assert_eq!(
        host.endpoints()[0].resting,
        Some(Duration::from_secs(30)).map(|it| it - Duration::from_millis(10))
    );
    one.well();
    for _ in 0..5 {
        client.head().await.expect("the other one answers");
    }
    assert_eq!(one.set(|it| it.batches.len()), asked, "it is left alone");
    assert_eq!(host.endpoints()[0].failures, 0, "a limit is no failure");
    // JSON-RPC errors with HTTP status 200 say the same.
    two.hook(|_| Some(Err(failure(-32005, "daily request count exceeded, request rate limited"))));
    tokio::time::advance(Duration::from_secs(31)).await;
    for _ in 0..3 {
        assert_eq!(client.head().await, Ok(one.head()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_limited_endpoint_is_waited_for_within_bounds() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let mut left = 2;
    node.cut(move |_| {
        left -= 1;
        (left >= 0).then_some(Fault::RateLimited(None))
    });
    assert_eq!(host.client().head().await, Ok(node.head()), "rests of seconds are waited for");
    node.cut(|_| Some(Fault::RateLimited(Some(Duration::from_secs(50)))));
    let started = tokio::time::Instant::now();
    assert_eq!(
        host.client().head().await.expect_err("50 s are too long").class(),
        ErrorClass::Transient
    );
    assert!(started.elapsed() < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn timeouts_pass_the_question_on() {
    let (slow, good) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&slow, &good]).await;
    slow.set(|it| it.takes = Duration::from_secs(3_600));
    let started = tokio::time::Instant::now();
    assert_eq!(host.client().head().await, Ok(good.head()));
    assert!(started.elapsed() < Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn the_stale_endpoint_is_left_for_the_fresh_one() {
    let (stale, fresh) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&stale, &fresh]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    fresh.mine(12, 0);
    // The regular look at every endpoint finds out.
    tokio::time::advance(Duration::from_secs(61)).await;
    source.changed().await.expect("a new head");
    ours.catch_up(&mut source).await;
    ours.matches(&fresh);
    let more = ours.step(&mut source, 5).await;
    assert_eq!(more, Ok(None), "the stale one's view takes nothing back");
}

#[tokio::test(start_paused = true)]
async fn refused_batches_become_single_calls() {
    let node = Node::new(60);
    node.cut(|requests| (requests.len() > 1).then_some(Fault::BatchRefused));
    let host = host(config(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert_eq!(host.endpoints()[0].limits.batch, 1);
    assert_eq!(node.set(|it| it.batches.iter().filter(|size| **size > 1).count()), 1);
}

#[tokio::test(start_paused = true)]
async fn agreement_waits_for_laggards_and_outvotes_a_fork() {
    let (one, two, three) = (Node::new(30), Node::new(30), Node::new(30));
    let config = RpcConfig { agreement: 2, ..config(3) };
    let host = host(config.clone(), &[&one, &two, &three]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&one);
    // Only the first one has the block: nobody agrees in time.
    one.mine(1, 0);
    let error = ours.step(&mut source, 5).await.expect_err("nobody agrees");
    assert_eq!(error.class(), ErrorClass::Transient);
    let text = error.to_string();
    assert!(text.contains("1 of 2") && text.contains("node1.example: does not have it"), "{text}");
    assert_eq!(ours.step(&mut source, 5).await, Ok(None), "alone with its block, it is put back");
    // A laggard gets it while the others wait; a fork is outvoted.
    let mut source = super::host(config, &[&one, &two, &three]).await.source();
    three.mine(1, 9);
    let late = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        two.mine(1, 0);
    };
    let (event, ()) = tokio::join!(ours.step(&mut source, 5), late);
    event.expect("two agree").expect("an event");
    ours.matches(&one);
}

#[tokio::test(start_paused = true)]
async fn conflicting_hashes_are_not_delivered() {
    let (one, two) = (Node::new(30), Node::new(30));
    let config = RpcConfig { agreement: 2, ..config(2) };
    let host = host(config, &[&one, &two]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    let before = ours.cursor;
    one.mine(1, 1);
    two.mine(1, 2);
    let error = ours.step(&mut source, 5).await.expect_err("a conflict");
    assert_eq!(error.class(), ErrorClass::Transient);
    for said in [one.head().hash, two.head().hash] {
        assert!(error.to_string().contains(&said.to_string()), "{error}");
    }
    assert_eq!(ours.cursor, before);
    two.reorg(1, 1, 1);
    ours.catch_up(&mut source).await;
    ours.matches(&one);
}

#[tokio::test(start_paused = true)]
async fn a_forked_endpoint_does_not_make_the_index_rebuild() {
    let (forked, good) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&forked, &good]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.held.retain(|number, _| *number > 25);
    ours.logs.clear();
    forked.reorg(15, 20, 1);
    good.mine(1, 0);
    let event = ours.step(&mut source, 5).await.expect("the good one knows").expect("an event");
    assert_eq!(event.tip(), Some(good.head()));
    assert!(event.reverted().is_empty());
}

#[tokio::test(start_paused = true)]
async fn invalidating_forgets_grudges() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    dead(&node);
    for _ in 0..3 {
        assert!(host.client().head().await.is_err());
    }
    node.well();
    assert_eq!(host.endpoints()[0].state, BreakerState::Open);
    host.invalidate();
    assert_eq!(host.endpoints()[0].state, BreakerState::Closed);
    assert_eq!(host.client().head().await, Ok(node.head()));
    assert_eq!(node.asked("eth_chainId"), 2, "the chain is checked again");
    let source = host.source();
    assert_eq!(source.head().await, Ok(Some(node.head())));
}
