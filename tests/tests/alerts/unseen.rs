//! What could not be looked at, after a restart above all: what stands of it is neither over nor new.

use crate::desk::{Desk, Time, told};
use alloy::primitives::U256;
use bmn_alerts::{BalanceFacts, Kind};
use bmn_sim::scenario::Behaviour;
use bmn_store::{Mode, RebuildReason};
use bmn_swap::Status;
use bmn_tests::{World, policy, swap};
use std::sync::{Arc, atomic::Ordering};

const NONE: [&str; 0] = [];

fn head(world: &World, chain: usize) -> u64 {
    world.network.chains[chain].chain.head().time
}

async fn quiet() -> (World, Desk, u64) {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let (desk, now) = (Desk::over(&world).await, head(&world, 0));
    (world, desk, now)
}

#[tokio::test]
async fn a_balance_that_was_not_read_yet_keeps_its_alert_over_a_restart() {
    let (world, mut desk, now) = quiet().await;
    let chain = world.network.chains[0].id().0;
    let of = |balance: u64| {
        let (balance, threshold) = (U256::from(balance), U256::from(1_000));
        vec![BalanceFacts { chain, token: "ETH".to_owned(), balance, threshold }]
    };
    *desk.balances.lock().unwrap() = of(9);
    assert_eq!(told(&desk.look(now).await, Kind::LowBalance), ["began"]);
    let mut desk = desk.restarted(&world, now + 1, None);
    *desk.unread.lock().unwrap() = vec![(chain, "ETH".to_owned())];
    for second in 2..10 {
        assert_eq!(told(&desk.look(now + second).await, Kind::LowBalance), NONE);
    }
    assert_eq!(desk.active(Kind::LowBalance, bmn_alerts::Severity::Warning), 1.0, "it stands");
    desk.unread.lock().unwrap().clear();
    *desk.balances.lock().unwrap() = of(8);
    assert_eq!(told(&desk.look(now + 10).await, Kind::LowBalance), NONE, "no new one");
    *desk.balances.lock().unwrap() = of(1_000);
    assert_eq!(told(&desk.look(now + 11).await, Kind::LowBalance), ["over"]);
}

#[tokio::test]
async fn a_host_that_stands_still_over_a_restart_is_not_well_before_it_shows_a_block() {
    let (world, mut desk, now) = quiet().await;
    desk.look(now).await;
    assert_eq!(told(&desk.look(now + 120).await, Kind::RemoteLag), ["began", "began"]);
    let mut desk = desk.restarted(&world, now + 121, None);
    for second in [121, 150, 200, 240, 241, 250] {
        assert_eq!(told(&desk.look(now + second).await, Kind::RemoteLag), NONE, "{second}");
    }
    world.jump(0, 2);
    assert_eq!(told(&desk.look(now + 290).await, Kind::RemoteLag), ["over"]);
}

#[tokio::test]
async fn a_stage_that_an_index_does_not_show_stays_near() {
    let mut world = World::new(vec![swap(0, Behaviour::Silent)]).await;
    let mut desk = Desk::over(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::BothLocked)).await);
    while told(&desk.look(head(&world, 1)).await, Kind::TimelockApproaching).is_empty() {
        world.mine();
        world.settle().await;
    }
    let now = head(&world, 1);
    let store = world.resolver.store().clone();
    let mut tx = store.write().unwrap();
    // As after every start: the chain went on while nobody looked.
    tx.set_mode(world.network.chains[0].id(), Mode::Backfilling).unwrap();
    tx.commit().unwrap();
    let mut desk = desk.restarted(&world, now, None);
    for second in 1..5 {
        let seen = desk.look(now + second).await;
        assert_eq!(told(&seen, Kind::TimelockApproaching), NONE, "{seen:?}");
    }
    let mut tx = store.write().unwrap();
    tx.set_mode(world.network.chains[0].id(), Mode::Live).unwrap();
    tx.commit().unwrap();
    assert_eq!(told(&desk.look(now + 6).await, Kind::TimelockApproaching), NONE, "no new one");
}

#[tokio::test]
async fn a_node_that_begins_is_unhealthy_only_when_its_time_is_over() {
    let world = World::new(vec![]).await;
    let now = head(&world, 0);
    let clock = Arc::new(Time::default());
    clock.0.store(now * 1_000, Ordering::Relaxed);
    let mut desk = Desk::with(&world, policy().max_open_orders, clock, None).await;
    assert_eq!(told(&desk.look(now).await, Kind::OverallHealth), NONE, "no index is begun");
    assert_eq!(told(&desk.look(now + 119).await, Kind::OverallHealth), NONE);
    assert_eq!(told(&desk.look(now + 120).await, Kind::OverallHealth), ["began"]);
}

#[tokio::test]
async fn a_part_that_was_well_once_is_told_of_at_once() {
    let mut world = World::new(vec![]).await;
    let now = head(&world, 0);
    let clock = Arc::new(Time::default());
    clock.0.store(now * 1_000, Ordering::Relaxed);
    let mut desk = Desk::with(&world, policy().max_open_orders, clock, None).await;
    assert_eq!(told(&desk.look(now).await, Kind::OverallHealth), NONE);
    world.settle().await;
    assert_eq!(told(&desk.look(now + 1).await, Kind::OverallHealth), NONE);
    let mut tx = world.resolver.store().write().unwrap();
    tx.set_mode(world.network.chains[0].id(), Mode::Clearing(RebuildReason::Damaged)).unwrap();
    tx.commit().unwrap();
    assert_eq!(told(&desk.look(now + 2).await, Kind::OverallHealth), ["began"]);
}
