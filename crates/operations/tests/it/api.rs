//! Orders and statistics are those of the methods, and what is wrong is told as a problem.

use crate::{
    fixture::{A, B, PUBLIC, View, lock, order_id},
    wire::{Answer, send},
    world::{Acts, World},
};
use bmn_operations::{Limits, Parts};
use bmn_rpc::{Acting, NodeView, ServedChain, Trade};
use bmn_swap::Profit;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    sync::mpsc::{Receiver, channel},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn problem(answer: &Answer) -> (u16, Value) {
    assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(
        (&problem["status"], &problem["type"]),
        (&answer.status.into(), &"about:blank".into())
    );
    (answer.status, problem)
}

#[tokio::test]
async fn orders_and_statistics_are_what_the_methods_answer() {
    let world = World::new().await;
    for (path, method, params) in [
        ("/api/v1/orders".to_owned(), "bmn_getSwaps", json!([])),
        (
            "/api/v1/orders?status=accepted,refused&chain=1337&limit=1".to_owned(),
            "bmn_getSwaps",
            json!([{ "status": ["accepted", "refused"], "chain": 1337 }, null, 1]),
        ),
        (
            "/api/v1/orders?openFor=0x9999999999999999999999999999999999999999".to_owned(),
            "bmn_getSwaps",
            json!([{ "openFor": "0x9999999999999999999999999999999999999999" }]),
        ),
        (
            format!("/api/v1/orders/{}", order_id(A, 1)),
            "bmn_getSwap",
            json!([order_id(A, 1).to_string()]),
        ),
        (
            format!("/api/v1/orders/{}", lock(PUBLIC)),
            "bmn_getSwap",
            json!([lock(PUBLIC).to_string()]),
        ),
        (
            "/api/v1/statistics?chain=1338".to_owned(),
            "bmn_getStatistics",
            json!([{ "chain": 1338 }]),
        ),
        (
            "/api/v1/statistics?fromDay=1970-01-12&toDay=1970-01-12".to_owned(),
            "bmn_getStatistics",
            json!([{ "fromDay": "1970-01-12", "toDay": "1970-01-12" }]),
        ),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.json(), world.fixture.ok(method, params).await, "{path}");
        assert!(answer.head.contains("cache-control: no-store"), "{answer:?}");
    }
}

#[tokio::test]
async fn pages_are_gone_through_to_their_end() {
    let world = World::new().await;
    let (mut found, mut path) = (Vec::new(), "/api/v1/orders?limit=1".to_owned());
    loop {
        let page = world.get(&path).await.json();
        found.extend(page["items"].as_array().unwrap().iter().map(|it| it["orderId"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/orders?limit=1&cursor={next}");
    }
    let all = [order_id(A, 1), order_id(A, 2), order_id(A, 3), order_id(B, 3)];
    assert_eq!(found, all.map(|id| json!(id.to_string())));
    let (status, problem) = problem(&world.get(&path.replace("limit", "chain")).await);
    assert_eq!((status, &problem["parameter"]), (400, &"cursor".into()), "of another filter");
}

#[tokio::test]
async fn what_there_is_not_is_a_problem_that_says_so() {
    let world = World::new().await;
    let (status, told) = problem(&world.get("/api/v1/nothing").await);
    assert_eq!((status, &told["title"]), (404, &"Not Found".into()));
    let unknown = format!("/api/v1/orders/{}", order_id(A, 9));
    let (status, told) = problem(&world.get(&unknown).await);
    assert_eq!((status, &told["code"]), (404, &"notFound".into()));
    let several = format!("/api/v1/orders/{}", order_id(A, 3).hash);
    let (status, told) = problem(&world.get(&several).await);
    let both = json!([order_id(A, 3).to_string(), order_id(B, 3).to_string()]);
    assert_eq!((status, &told["data"]), (409, &both));
    let (status, told) = problem(&world.get("/api/v1/orders/x5e%FF").await);
    assert_eq!((status, &told["parameter"]), (400, &"id".into()));
    let address = world.port.address();
    let answer = send(address, "DELETE /api/v1/orders", &[], "").await;
    assert_eq!(problem(&answer).0, 405);
    assert!(answer.head.contains("allow: get,head"), "{answer:?}");
}

#[tokio::test]
async fn a_page_of_a_stranger_does_not_come_in_by_its_name_and_a_plain_monitor_does() {
    let world = World::with(Acts::new(Acting::Everywhere), |parts, _| Parts {
        hosts: vec!["node.example".to_owned()],
        ..parts
    })
    .await;
    let address = world.port.address();
    for (host, status) in [("evil.example", 403), ("node.example:1", 200), ("localhost", 200)] {
        let answer = send(address, "GET /health", &[&format!("host: {host}")], "").await;
        assert_eq!(answer.status, status, "{host}");
    }
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(crate::wire::read(&mut plain).await.status, 200);
}

#[tokio::test]
async fn a_flood_is_refused_and_supervisors_are_answered_all_the_same() {
    let busy = Limits { concurrent: 0, ..Limits::default() };
    let world =
        World::with(Acts::new(Acting::Everywhere), |parts, _| Parts { limits: busy, ..parts })
            .await;
    assert_eq!(problem(&world.get("/api/v1/orders").await).0, 503);
    assert_eq!(world.get("/health/live").await.status, 200);
    assert_eq!(world.get("/health/ready").await.status, 200);
}

/// A node that tells its chains when it may.
struct Hesitates(Mutex<Receiver<()>>);

impl NodeView for Hesitates {
    fn version(&self) -> String {
        View(None).version()
    }

    fn uptime(&self) -> Duration {
        View(None).uptime()
    }

    fn not_acting(&self) -> Option<String> {
        None
    }

    fn chains(&self) -> Vec<ServedChain> {
        // Nobody holds it back any more when the test is over.
        let _ = self.0.lock().recv();
        View(None).chains()
    }

    fn profit(&self, trade: &Trade, base_fees: (u128, u128)) -> Option<Profit> {
        View(None).profit(trade, base_fees)
    }
}

#[tokio::test]
async fn what_takes_too_long_is_ended() {
    let (goes_on, held) = channel();
    let slow = Limits { request_time: Duration::from_millis(20), ..Limits::default() };
    let view = Hesitates(Mutex::new(held));
    let world = World::with(view, |parts, _| Parts { limits: slow, ..parts }).await;
    let path = format!("/api/v1/orders?openFor=0x{}", "99".repeat(20));
    let (status, told) = problem(&world.get(&path).await);
    assert_eq!((status, &told["detail"]), (503, &"not answered within 0 s".into()));
    drop(goes_on);
}

#[tokio::test]
async fn who_sends_no_request_or_keeps_his_connection_too_long_is_let_go() {
    let brief = Duration::from_millis(20);
    for limits in [
        Limits { arrival_time: brief, ..Limits::default() },
        Limits { connection_time: brief, ..Limits::default() },
    ] {
        let parts = |parts, _: &_| Parts { limits, ..parts };
        let world = World::with(Acts::new(Acting::Everywhere), parts).await;
        let mut silent = TcpStream::connect(world.port.address()).await.unwrap();
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "{limits:?}");
    }
}

#[tokio::test]
async fn connections_above_their_number_are_closed() {
    let few = Limits { connections: 1, ..Limits::default() };
    let parts = |parts, _: &_| Parts { limits: few, ..parts };
    let world = World::with(Acts::new(Acting::Everywhere), parts).await;
    let address = world.port.address();
    let mut first = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    first.write_all(ask).await.unwrap();
    assert_eq!(crate::wire::read(&mut first).await.status, 200);
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap(), 0, "there is no place");
    first.write_all(ask).await.unwrap();
    assert_eq!(crate::wire::read(&mut first).await.status, 200);
    drop(first);
}

#[tokio::test]
async fn a_port_that_is_stopped_has_answered_and_is_free_again() {
    let world = World::new().await;
    let address = world.port.address();
    assert_eq!(world.get("/health").await.status, 200);
    world.port.stop().await;
    let again = bmn_operations::open(
        address,
        crate::world::parts(crate::world::handlers(
            &world.fixture.store,
            Acts::new(Acting::Everywhere),
        )),
    )
    .await
    .unwrap();
    let taken = bmn_operations::open(
        address,
        crate::world::parts(crate::world::handlers(
            &world.fixture.store,
            Acts::new(Acting::Everywhere),
        )),
    )
    .await
    .unwrap_err();
    assert!(taken.to_string().contains("is in use"), "{taken}");
    drop(again);
}
