//! Noticing what is new.

use super::{Ours, config, host, node::Node};
use crate::{RpcConfig, fault::Fault};
use bmn_chain::ChainSource;
use std::time::Duration;
use tokio::{
    sync::broadcast,
    time::{Instant, timeout},
};

fn pushing(node: &Node) -> broadcast::Sender<()> {
    let (pushes, _) = broadcast::channel(16);
    node.set(|it| it.pushes = Some(pushes.clone()));
    pushes
}

fn socket(nodes: usize) -> RpcConfig {
    let endpoint = |at| format!("ws://node{at}.example/v1").parse().expect("a URL");
    RpcConfig { endpoints: (0..nodes).map(endpoint).collect(), ..config(nodes) }
}

#[tokio::test(start_paused = true)]
async fn a_push_wakes_at_once_and_polling_rests_meanwhile() {
    let node = Node::new(30);
    let pushes = pushing(&node);
    let host = host(socket(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    assert!(timeout(Duration::from_secs(10), source.changed()).await.is_err(), "nothing new");
    let asked = node.asked("eth_getBlockByNumber");
    assert!(timeout(Duration::from_secs(4), source.changed()).await.is_err(), "nothing new");
    assert_eq!(node.asked("eth_getBlockByNumber"), asked, "a push would tell");
    node.mine(1, 0);
    let started = Instant::now();
    pushes.send(()).expect("a subscriber");
    source.changed().await.expect("a head");
    assert!(started.elapsed() < Duration::from_millis(20));
    ours.catch_up(&mut source).await;
    ours.matches(&node);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_says_nothing_is_made_again() {
    let node = Node::new(30);
    let _silent = pushing(&node);
    let host = host(socket(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    assert!(timeout(Duration::from_secs(1), source.changed()).await.is_err(), "nothing new");
    for _ in 0..3 {
        node.mine(1, 0);
        let started = Instant::now();
        source.changed().await.expect("a head");
        assert!(started.elapsed() <= Duration::from_secs(16), "{:?}", started.elapsed());
        ours.catch_up(&mut source).await;
        let _ = timeout(Duration::from_secs(5), source.changed()).await;
    }
    assert!((2..=4).contains(&host.calls()["eth_subscribe"]), "{:?}", host.calls());
}

#[tokio::test(start_paused = true)]
async fn waits_that_are_given_up_add_up() {
    // The caller has other things to look at every second; the poll is every two.
    let (stale, fresh) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&stale, &fresh]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    stale.mine(1, 0);
    let mut waits = 0;
    while timeout(Duration::from_secs(1), source.changed()).await.is_err() {
        waits += 1;
        assert!(waits < 4, "a poll every two seconds");
    }
    ours.catch_up(&mut source).await;
    // The regular look at all endpoints gets its turn, too.
    fresh.mine(6, 0);
    let started = Instant::now();
    while host.endpoints()[1].head != Some(fresh.head()) {
        let _ = timeout(Duration::from_secs(1), source.changed()).await;
        assert!(
            started.elapsed() < Duration::from_secs(25),
            "a chain that stands still is suspect"
        );
    }
    ours.catch_up(&mut source).await;
    ours.matches(&fresh);
}

#[tokio::test(start_paused = true)]
async fn a_fast_stale_endpoint_is_left_when_the_chain_seems_to_stand_still() {
    let (stale, fresh) = (Node::new(30), Node::new(30));
    fresh.set(|it| it.takes = Duration::from_millis(300));
    let host = host(config(2), &[&stale, &fresh]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    fresh.mine(5, 0);
    let started = Instant::now();
    source.changed().await.expect("a head");
    ours.catch_up(&mut source).await;
    ours.matches(&fresh);
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_delays_neither_pushes_nor_polls() {
    let (hung, good) = (Node::new(30), Node::new(30));
    let mut config = socket(2);
    config.limits.breaker_threshold = 1_000;
    let host = host(config, &[&good, &hung]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    // Neither takes a subscription, and one takes for ever to say so.
    hung.set(|it| it.takes = Duration::from_secs(3_600));
    for _ in 0..40 {
        good.mine(1, 0);
        let started = Instant::now();
        source.changed().await.expect("a head");
        assert!(started.elapsed() < Duration::from_millis(2_100), "{:?}", started.elapsed());
        ours.catch_up(&mut source).await;
    }
    assert!(host.endpoints()[1].failures > 0, "it was asked in vain");
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_became_shorter_is_not_waited_for_in_silence() {
    let node = Node::new(30);
    let _pushes = pushing(&node);
    let host = host(socket(1), &[&node]).await;
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    assert!(timeout(Duration::from_secs(1), source.changed()).await.is_err(), "nothing new");
    node.reorg(2, 0, 0);
    assert_eq!(ours.step(&mut source, 5).await, Ok(None), "it may lag");
    let started = Instant::now();
    while ours.step(&mut source, 5).await.expect("an answer").is_none() {
        source.changed().await.expect("an answer");
    }
    let took = started.elapsed();
    assert!(took <= Duration::from_secs(15), "patience is 12 s, the poll 2 s: {took:?}");
    assert_eq!(ours.cursor, Some(node.head()));
}

#[tokio::test(start_paused = true)]
async fn attempts_to_subscribe_come_less_and_less_often() {
    let node = Node::new(30);
    let host = host(socket(1), &[&node]).await;
    let mut source = host.source();
    Ours::default().catch_up(&mut source).await;
    let _ = timeout(Duration::from_secs(600), source.changed()).await;
    let attempts = host.calls()["eth_subscribe"];
    assert!((8..30).contains(&attempts), "{attempts} in ten minutes");
    node.cut(|_| Some(Fault::Unreachable("refused".to_owned())));
    assert!(source.changed().await.is_err(), "an end of waiting, too");
}
