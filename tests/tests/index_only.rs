//! A node without a signer follows and answers and does nothing else, and leaves everything as the
//! signer's return needs it. One whose database failed ends.

use bmn_node::NodeError;
use bmn_primitives::ErrorClass;
use bmn_sim::{
    accounts::DevAccount,
    rpc::{ResolverRpc, RpcFailure},
    scenario::Behaviour,
};
use bmn_store::{Reads, StoreError, testing::CrashBackend};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, swap};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// The node cannot take this now.
const UNAVAILABLE: i32 = -32002;

async fn with_both_locked(disk: &CrashBackend) -> World {
    let mut world = World::with_store(vec![swap(0, Behaviour::Honest)], memory_store(disk)).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    world
}

fn nonces(world: &World) -> Vec<u64> {
    let us = DevAccount::Resolver.address();
    world.network.chains.iter().map(|node| node.chain.nonce(us)).collect()
}

fn pooled(world: &World) -> usize {
    world.network.chains.iter().map(|node| node.chain.pooled().len()).sum()
}

#[tokio::test]
async fn an_index_sends_nothing_and_the_signer_goes_on_where_it_was() {
    let mut world = with_both_locked(&CrashBackend::new()).await;
    let store = world.resolver.store().clone();
    world.mine();
    let (jobs, sent) = (store.read().unwrap().job_counts().unwrap(), nonces(&world));
    let us = DevAccount::Resolver.address();
    let leases = |world: &World| {
        let read = store.read().unwrap();
        world.network.chains.each_ref().map(|node| read.lease(node.id(), us).unwrap())
    };
    let held = leases(&world);
    assert!(jobs.ready + jobs.waiting > 0, "nothing would be due: {jobs:?}");

    world.restart_index_only(store.clone());
    for _ in 0..5 {
        world.resolver.run_until_idle().await.unwrap();
        world.mine();
    }
    world.resolver.run_until_idle().await.unwrap();
    assert_eq!((nonces(&world), pooled(&world), leases(&world)), (sent, 0, held));
    assert_eq!(world.status(), Some(Status::BothLocked));
    bmn_tests::same(&world.rows(), &world.rebuilt().await, "an index is an index");
    let why = world.resolver.handle().not_acting().unwrap();
    assert!(why.contains("index only"), "{why}");

    world.restart(store);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn an_index_refuses_orders_and_secrets_and_says_why() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let store = world.resolver.store().clone();
    world.restart_index_only(store);
    world.resolver.run_until_idle().await.unwrap();
    let secret = format!("0x{}", "5a".repeat(32));
    let refused = world.rpc().request("bmn_submitSecret", json!([secret])).await;
    let Err(RpcFailure::Refused { code, message, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(code, UNAVAILABLE);
    assert!(message.contains("index only"), "{message}");
    let status = world.rpc().request("bmn_status", json!([])).await.unwrap();
    assert_eq!(status["acting"], false);
}

#[tokio::test]
async fn a_node_whose_database_failed_ends_and_says_so() {
    let disk = CrashBackend::new();
    let world = with_both_locked(&disk).await;
    world.network.chains[0].chain.mine(None).unwrap();
    disk.crash_now();
    let error = world.resolver.run(CancellationToken::new()).await.unwrap_err();
    assert!(error.store().is_some_and(StoreError::needs_reopening), "{error}");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(!matches!(error, NodeError::Worker { .. }), "{error}");
}
