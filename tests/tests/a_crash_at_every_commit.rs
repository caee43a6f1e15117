//! One honest swap, and a crash on both sides of every commit that carries it on: what a restart finds
//! is enough to end the swap as if nothing had happened, paid once.

use bmn_contracts::ContractEvent;
use bmn_sim::scenario::Behaviour;
use bmn_store::{
    Reads,
    testing::{CrashBackend, Side},
};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, same, swap};

const BLOCKS: u32 = 400;

/// Syncs of the undisturbed run at which the swap went on: a status changed or a transaction of ours
/// was recorded or settled. Blocks that carry nothing commit in the same way and are left out.
async fn commits() -> Vec<u64> {
    let disk = CrashBackend::new();
    let mut world = World::with_store(vec![swap(0, Behaviour::Honest)], memory_store(&disk)).await;
    let mut found = Vec::new();
    let mut seen = (0, 0);
    for _ in 0..BLOCKS {
        let before = disk.operations();
        world.settle().await;
        let read = world.resolver.store().read().expect("a snapshot");
        let intents: usize = world
            .network
            .chains
            .iter()
            .map(|node| read.intents(node.id()).expect("intents").len())
            .sum();
        let now = (read.last_change().expect("the log"), intents);
        if now != seen {
            found.extend(disk.syncs_after(before));
            seen = now;
        }
        if world.status() == Some(Status::Completed) && intents == 0 {
            break;
        }
        world.mine();
    }
    assert_eq!(world.status(), Some(Status::Completed));
    found
}

/// The same run, cut off at one operation.
async fn cut_off(operation: u64, side: Side) {
    let case = format!("operation {operation} {side:?}");
    let mut disk = CrashBackend::new();
    disk.crash_at(operation, side);
    let mut world = World::with_store(vec![swap(0, Behaviour::Honest)], memory_store(&disk)).await;
    let mut crashed = false;
    for _ in 0..BLOCKS {
        let settled = world.try_settle().await;
        if !crashed && disk.has_crashed() {
            disk = CrashBackend::from_image(disk.synced_image());
            world.restart(memory_store(&disk));
            crashed = true;
            world.settle().await;
        } else {
            assert!(settled, "{case}: fails without a crash");
        }
        if crashed && world.status() == Some(Status::Completed) {
            break;
        }
        world.mine();
    }
    assert!(crashed, "{case}: it crashes");
    assert_eq!(world.status(), Some(Status::Completed), "{case}");
    let complaints = world.makers[0].complaints();
    assert!(complaints.is_empty(), "{case}: {complaints:?}");
    let read = world.resolver.store().read().expect("a snapshot");
    let node = &world.network.chains[1];
    let events = read.events(node.id(), 0, u64::MAX, None, usize::MAX).expect("events");
    let funded = |event: &ContractEvent| matches!(event, ContractEvent::DestinationCreated { .. });
    let destinations = events.iter().filter(|row| funded(&row.event)).count();
    assert_eq!(destinations, 1, "{case}: the destination is funded once");
    drop(read);
    same(&world.rows(), &world.rebuilt().await, &case);
}

async fn every(side: Side) {
    let commits = commits().await;
    assert!(commits.len() > 20, "the run has commits ({})", commits.len());
    for commit in commits {
        cut_off(commit, side).await;
    }
}

#[tokio::test]
async fn before_it() {
    every(Side::Before).await;
}

#[tokio::test]
async fn after_it() {
    every(Side::After).await;
}
