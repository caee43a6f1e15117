//! What is healthy, degraded and unhealthy, and what supervisors are told.

use crate::{
    fixture::{A, Fixture, block, header, order_id},
    rows,
    wire::ANY,
    world::{Acts, World, handlers, parts},
};
use bmn_operations::open;
use bmn_rpc::Acting;
use bmn_store::{LateRow, Mode, RebuildReason, Store, StoreOptions};
use bmn_swap::Action;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Status of `/health`, `/health/live` and `/health/ready`, and what the first says.
async fn looked(world: &World) -> ([u16; 3], Value) {
    let health = world.get("/health").await;
    let live = world.get("/health/live").await.status;
    let ready = world.get("/health/ready").await.status;
    ([health.status, live, ready], health.json())
}

/// The status of a part.
fn part<'a>(health: &'a Value, name: &str) -> &'a str {
    let parts = health["components"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap()["status"].as_str().unwrap()
}

#[tokio::test]
async fn a_node_that_does_all_it_should_is_healthy_and_ready() {
    let world = World::new().await;
    let (codes, health) = looked(&world).await;
    assert_eq!((codes, health["status"].as_str()), ([200; 3], Some("healthy")));
    assert_eq!((&health["version"], &health["uptime"]), (&"bmn/test".into(), &61.into()));
    let parts = health["components"].as_array().unwrap();
    let names: Vec<_> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["store", "index", "index", "acting", "queue", "deadlines"]);
    assert_eq!(
        (&parts[1]["chain"], &parts[1]["detail"]),
        (&1337.into(), &"live, at block 1".into())
    );
    assert_eq!((&parts[0]["latencyMs"], &parts[0]["critical"]), (&0.into(), &true.into()));
    let method = world.fixture.ok("bmn_health", serde_json::json!([])).await;
    assert_eq!(method, health, "the method answers the same");
}

#[tokio::test]
async fn what_the_node_is_told_not_to_do_is_no_fault_and_what_it_cannot_do_is_one() {
    for (acting, codes, status) in [
        (Acting::IndexOnly, [200, 200, 200], "healthy"),
        (Acting::Behind, [200, 200, 503], "degraded"),
        (Acting::Halted, [503, 200, 503], "unhealthy"),
    ] {
        let world = World::acting(Acts::new(acting)).await;
        let (found, health) = looked(&world).await;
        assert_eq!((found, health["status"].as_str()), (codes, Some(status)), "{acting:?}");
        assert_eq!(part(&health, "acting"), status);
    }
}

#[tokio::test]
async fn steps_given_up_and_deadlines_missed_by_open_orders_degrade_it() {
    let world = World::new().await;
    rows::bury_fill(3, &world.fixture.store);
    let (codes, health) = looked(&world).await;
    assert_eq!((codes, part(&health, "queue")), ([200; 3], "degraded"));

    let world = World::new().await;
    let missed = |n: u8, late: LateRow| {
        let mut tx = world.fixture.store.write().unwrap();
        tx.set_late(order_id(A, n), Action::WithdrawSource, late).unwrap();
        tx.commit().unwrap();
    };
    missed(2, LateRow { overdue: false, missed: Some(9) });
    assert_eq!(looked(&world).await.1["status"], "healthy", "order 2 was refused: it is over");
    missed(1, LateRow { overdue: false, missed: Some(9) });
    let health = looked(&world).await.1;
    assert_eq!((part(&health, "deadlines"), part(&health, "queue")), ("degraded", "healthy"));
    missed(1, LateRow { overdue: true, missed: None });
    let health = looked(&world).await.1;
    assert_eq!((part(&health, "deadlines"), part(&health, "queue")), ("healthy", "degraded"));
}

#[tokio::test]
async fn an_index_that_is_made_again_is_degraded_and_one_that_was_never_begun_unhealthy() {
    let world = World::new().await;
    let mut tx = world.fixture.store.write().unwrap();
    tx.set_mode(A, Mode::Rebuilding(RebuildReason::Asked)).unwrap();
    tx.commit().unwrap();
    let (codes, health) = looked(&world).await;
    assert_eq!((codes, health["status"].as_str()), ([200, 200, 503], Some("degraded")));
    assert_eq!(health["components"][1]["detail"], "rebuilding (asked for), at block 1");

    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::directory(directory.path())).unwrap();
    let rpc = handlers(&store, Acts::new(Acting::Everywhere));
    let port = open(ANY, parts(rpc)).await.unwrap();
    let world = World { fixture: Fixture::new(), port };
    let (codes, health) = looked(&world).await;
    assert_eq!((codes, health["status"].as_str()), ([503, 200, 503], Some("unhealthy")));
    assert_eq!(health["components"][1]["detail"], "not begun");
}

#[tokio::test]
async fn a_chain_without_a_block_for_two_minutes_degrades_it_until_there_is_one() {
    let view = Acts::new(Acting::Everywhere);
    let clock = Arc::clone(&view.1);
    let world = World::acting(view).await;
    assert_eq!(looked(&world).await.1["status"], "healthy");
    *clock.lock() += Duration::from_secs(120);
    let (codes, health) = looked(&world).await;
    assert_eq!((codes, part(&health, "index")), ([200; 3], "degraded"));
    let mut tx = world.fixture.store.write().unwrap();
    tx.begin_block(A, &header(block(2).number)).unwrap();
    tx.end_block().unwrap();
    tx.commit().unwrap();
    assert_eq!(part(&looked(&world).await.1, "index"), "healthy", "Chain A goes on");
}
