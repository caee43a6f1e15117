//! Who may call what, from where, and with which token.

use crate::{
    fixture::{Fixture, ScriptedIntake, View},
    rows,
    wire::{ANY, call, post, send, upgrade},
};
use alloy_rpc_types_engine::{Claims, JwtSecret};
use bmn_rpc::{
    ClientLimits, Entrance, JwtKey, Monotonic, Origins, RpcLimits, ServeError, ServeLimits, serve,
    serve_behind,
};
use jsonrpsee::server::ServerHandle;
use serde_json::json;
use std::{collections::BTreeSet, net::SocketAddr, num::NonZeroU32, time::Duration};

/// Methods for everybody.
pub(crate) const PUBLIC: [&str; 27] = [
    "rpc.discover",
    "bmn_status",
    "bmn_health",
    "bmn_submitOrder",
    "bmn_submitSecret",
    "bmn_getSwap",
    "bmn_getSwaps",
    "bmn_getEvents",
    "bmn_getWithdrawPermission",
    "bmn_getSwapProof",
    "bmn_getChanges",
    "bmn_subscribe",
    "bmn_unsubscribe",
    "bmn_getSources",
    "bmn_getDestinations",
    "bmn_getPendingOrders",
    "bmn_getRevealedSecret",
    "bmn_getStatistics",
    "bmn_getDigest",
    "bmn_version",
    "bmn_getLastBlock",
    "bmn_indexerStatus",
    "bmn_getChainStatistics",
    "bmn_getDailyMetrics",
    "bmn_getOrder",
    "bmn_getOrders",
    "bmn_getProfitableOrders",
];

/// Reads of the operator.
const OPERATOR: [&str; 11] = [
    "bmn_explainOrder",
    "bmn_getMode",
    "bmn_shadowReport",
    "bmn_getJobs",
    "bmn_listDeadLetters",
    "bmn_queueMetrics",
    "bmn_performanceMetrics",
    "bmn_schedules",
    "bmn_scheduledRuns",
    "bmn_subscribeAlerts",
    "bmn_unsubscribeAlerts",
];

/// What changes how the node works.
pub(crate) const ADMIN: [&str; 6] =
    ["bmn_setMode", "bmn_pause", "bmn_resume", "bmn_runJob", "bmn_requeueJob", "bmn_dropJob"];

#[tokio::test]
async fn each_method_has_its_level_and_the_public_module_has_no_other() {
    let fixture = Fixture::new();
    let public: BTreeSet<_> = fixture.module.method_names().collect();
    assert_eq!(public, PUBLIC.into_iter().collect());
    let reads: BTreeSet<_> = fixture.operated.method_names().collect();
    assert_eq!(reads, PUBLIC.into_iter().chain(OPERATOR).collect());
    let (modes, queue) = (rows::modes(&fixture.store), rows::queue(&fixture.store));
    let changes: BTreeSet<_> = modes.method_names().chain(queue.method_names()).collect();
    assert_eq!(changes, ADMIN.into_iter().collect());
    let (_server, address) =
        serve(fixture.module.clone(), ANY, &ServeLimits::default()).await.unwrap();
    for method in OPERATOR.into_iter().chain(ADMIN) {
        let answer = post(address, &[], &call(method, json!([]))).await.json();
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
}

#[tokio::test]
async fn where_submissions_are_off_nothing_reaches_the_intake() {
    let limits = RpcLimits { takes_submissions: false, ..RpcLimits::default() };
    let fixture = Fixture::with(ScriptedIntake::default(), limits, View(None));
    for (method, params) in [
        ("bmn_submitOrder", json!([crate::submissions::file()])),
        ("bmn_submitSecret", json!([format!("0x{}", "5e".repeat(32))])),
    ] {
        let (code, text) = fixture.error(method, params).await;
        assert!(code == -32004 && text.contains("takes no orders and no secrets"), "{text}");
    }
    assert!(fixture.intake.orders.lock().unwrap().is_empty());
    assert!(fixture.intake.secrets.lock().unwrap().is_empty());
    assert_eq!(fixture.ok("bmn_status", json!([])).await["version"], "bmn/test");
}

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"bmn_status"}"#;

async fn behind(entrance: Entrance) -> (ServerHandle, SocketAddr) {
    let (limits, clock) = (ServeLimits::default(), Monotonic::default());
    let module = Fixture::new().module;
    serve_behind(module, ANY, &limits, entrance, clock).await.unwrap()
}

fn issued(key: &JwtSecret, offset: i64) -> String {
    let iat = Claims::default().iat.saturating_add_signed(offset);
    key.encode(&Claims { iat, exp: None }).unwrap()
}

/// The token with another header, its signature as it was.
fn headed(token: &str, header: &str) -> String {
    format!("{header}.{}", token.split_once('.').unwrap().1)
}

// {"alg":"none","typ":"JWT"} and {"alg":"HS512","typ":"JWT"}
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
const HS512: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9";

#[tokio::test]
async fn only_a_fresh_token_of_the_key_opens_the_operators_listener() {
    let secret = JwtSecret::random();
    let key = JwtKey::from_hex(&alloy::hex::encode(secret.as_bytes())).unwrap();
    let (_server, address) = behind(Entrance { key: Some(key), ..Entrance::default() }).await;
    let good = issued(&secret, 0);
    let unsigned = format!("{}.", headed(&good, NONE).rsplit_once('.').unwrap().0);
    let claimless = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
    for (authorization, says) in [
        (None, "no Authorization header"),
        (Some(format!("Basic {good}")), "is not `Bearer`"),
        (Some(good.clone()), "is not `Bearer`"),
        (Some("Bearer".to_owned()), "is not `Bearer`"),
        (Some(format!("Bearer {}", issued(&JwtSecret::random(), 0))), "not signed with the key"),
        (Some(format!("Bearer {}", issued(&secret, -75))), "more than 60 s"),
        (Some(format!("Bearer {}", issued(&secret, 75))), "more than 60 s"),
        (Some(format!("Bearer {unsigned}")), "cannot be read"),
        (Some(format!("Bearer {}", headed(&good, NONE))), "cannot be read"),
        (Some(format!("Bearer {}", headed(&good, HS512))), "not signed with HS256"),
        (Some(format!("Bearer {claimless}")), "not signed with the key"),
        (Some("Bearer nonsense".to_owned()), "cannot be read"),
    ] {
        let line = authorization.as_ref().map(|value| format!("authorization: {value}"));
        let lines: Vec<&str> = line.iter().map(String::as_str).collect();
        for answer in [post(address, &lines, STATUS).await, upgrade(address, &lines).await] {
            assert_eq!(answer.status, 401, "{authorization:?}: {answer:?}");
            assert!(answer.body.contains(says), "{authorization:?}: {answer:?}");
            let token = authorization.as_deref().and_then(|value| value.split('.').next_back());
            assert!(token.is_none_or(|token| token.len() < 9 || !answer.body.contains(token)));
        }
    }
    for token in [good, issued(&secret, -45), issued(&secret, 45), key.token().unwrap()] {
        let line = format!("authorization: Bearer {token}");
        let answer = post(address, &[&line], STATUS).await;
        assert_eq!(answer.json()["result"]["version"], "bmn/test", "{answer:?}");
        assert_eq!(upgrade(address, &[&line]).await.status, 101);
    }
}

#[tokio::test]
async fn who_is_turned_away_too_often_is_told_to_come_later_and_whoever_has_the_key_comes_in() {
    let few = |number| NonZeroU32::new(number).unwrap();
    let limited = ClientLimits { per_second: few(1), burst: few(3), ..ClientLimits::default() };
    let clock = || Monotonic::new(|| Duration::ZERO);
    let key = JwtKey::random();
    let (module, entrance) =
        (Fixture::new().module, Entrance { key: Some(key), ..Entrance::default() });
    // Behind the key nobody is counted, and before it everybody.
    let limits = ServeLimits { client: None, ..ServeLimits::default() };
    let (_server, address) = serve_behind(module, ANY, &limits, entrance, clock()).await.unwrap();
    let burst = ClientLimits::default().burst.get();
    for _ in 0..burst {
        assert_eq!(post(address, &[], STATUS).await.status, 401);
    }
    let answer = post(address, &[], STATUS).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    let line = format!("authorization: Bearer {}", key.token().unwrap());
    assert_eq!(post(address, &[&line], STATUS).await.status, 200);

    // What is turned away, by us or by the server library, is counted with what is asked.
    let limits = ServeLimits { client: Some(limited), ..ServeLimits::default() };
    let module = Fixture::new().module;
    let (_server, address) =
        serve_behind(module, ANY, &limits, Entrance::default(), clock()).await.unwrap();
    assert_eq!(post(address, &["host: evil.example"], STATUS).await.status, 403);
    assert_eq!(send(address, "DELETE /", &[], "").await.status, 405);
    assert_eq!(post(address, &[], STATUS).await.status, 200);
    assert_eq!(post(address, &["host: evil.example"], STATUS).await.status, 429);
    assert_eq!(send(address, "DELETE /", &[], "").await.status, 429);
    assert_eq!(post(address, &[], STATUS).await.json()["error"]["code"], -32005);
}

#[tokio::test]
async fn names_that_somebody_pointed_here_are_not_answered_for() {
    let entrance = Entrance { hosts: vec!["node.example".to_owned()], ..Entrance::default() };
    let (_server, address) = behind(entrance).await;
    for (host, status) in [
        ("host: localhost:8547", 200),
        ("host: 127.0.0.1", 200),
        ("host: NODE.example:80", 200),
        ("host: evil.example", 403),
        ("host: localhost.evil.example", 403),
        ("host:", 403),
    ] {
        let answer = post(address, &[host], STATUS).await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
        let socket = upgrade(address, &[host]).await;
        assert_eq!(socket.status == 101, status == 200, "{host}: {socket:?}");
    }
}

#[tokio::test]
async fn web_pages_read_answers_and_open_sockets_only_where_they_are_listed() {
    let listed = Origins::Listed(vec!["https://app.example".to_owned()]);
    let asks =
        ["access-control-request-method: POST", "access-control-request-headers: content-type"];
    for (origins, origin, allowed) in [
        (Origins::Own, "https://app.example", None),
        (listed.clone(), "https://app.example", Some("https://app.example")),
        (listed, "https://evil.example", None),
        (Origins::Any, "https://evil.example", Some("*")),
    ] {
        let (_server, address) = behind(Entrance { origins, ..Entrance::default() }).await;
        let line = format!("origin: {origin}");
        let preflight = send(address, "OPTIONS /", &[&line, asks[0], asks[1]], "").await;
        let answer = post(address, &[&line], STATUS).await;
        for answer in [&preflight, &answer] {
            let told =
                answer.head.lines().find_map(|it| it.strip_prefix("access-control-allow-origin: "));
            assert_eq!(told, allowed, "{origin}: {answer:?}");
        }
        let socket = upgrade(address, &[&line]).await.status;
        assert_eq!(socket, if allowed.is_some() { 101 } else { 403 }, "{origin}");
    }
}

#[tokio::test]
async fn an_origin_that_no_header_can_hold_is_told() {
    let origins = Origins::Listed(vec!["https://app.example\n".to_owned()]);
    let entrance = Entrance { origins, ..Entrance::default() };
    let (limits, clock) = (ServeLimits::default(), Monotonic::default());
    let served = serve_behind(Fixture::new().module, ANY, &limits, entrance, clock).await;
    assert!(matches!(served, Err(ServeError::Origin(_))));
}
