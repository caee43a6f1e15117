//! The node's own servers keep what `docs/openrpc.json` promises: the cases that our own server is held against
//! (`crates/rpc/tests/it/contract`), over reth's HTTP, WebSocket and authenticated server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../../../crates/rpc/tests/it/contract/check.rs"]
mod check;
#[path = "../../../crates/rpc/tests/it/contract/document.rs"]
mod document;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../crates/rpc/tests/it/fixture.rs"]
mod fixture;
#[path = "../../../crates/rpc/tests/it/contract/hostile.rs"]
mod hostile;
#[path = "common/node.rs"]
mod node;
#[path = "common/resolver.rs"]
mod resolver;
#[path = "../../../crates/rpc/tests/it/rows.rs"]
mod rows;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../crates/rpc/tests/it/wire.rs"]
mod wire;
#[path = "../../../crates/rpc/tests/it/contract/world.rs"]
mod world;

use bmn_embed::front::Front;
use bmn_reth::node::Extension;
use check::{Told, answers, ask, bodies, check};
use document::Contract;
use jsonrpsee::{
    core::client::ClientT,
    http_client::{HttpClient, HttpClientBuilder},
    ws_client::{WsClient, WsClientBuilder},
};
use node::{Inside, Node, Servers, Setup, launch};
use resolver::{chain_spec, configure, until_indexed};
use reth_ethereum::rpc::types::engine::Claims;
use serde_json::json;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use wire::{Answer, call, post, read, send};
use world::World;

/// What reth's servers answer otherwise than ours. They set no bound to the calls of a batch, and take larger requests:
/// 15 MiB, and 128 MiB on the authenticated server (`--rpc.max-request-size`).
const UNLIKE: [(&str, Told); 3] = [
    ("101 calls", Told::Answers(101)),
    ("4 000 calls", Told::Answers(4_000)),
    ("10 000 calls", Told::Answers(10_000)),
];

/// A node that answers out of a store in which every method finds something.
struct Served {
    node: Box<dyn Node>,
    _world: World,
    _directory: TempDir,
}

async fn serve() -> Served {
    let (world, front) = (World::new(), Front::new("nobody"));
    front.enter(world.fixture.module.clone(), world.everything());
    let directory = TempDir::new().unwrap();
    let setup = Setup::new(chain_spec(&[]), Inside::Methods(front));
    let node = launch(setup, &directory.path().join("reth")).await;
    Served { node, _world: world, _directory: directory }
}

fn http(servers: &Servers) -> HttpClient {
    HttpClientBuilder::default().build(format!("http://{}", servers.public)).unwrap()
}

async fn websocket(servers: &Servers) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", servers.public)).await.unwrap()
}

/// The line of a request's head that lets it in.
fn token(servers: &Servers) -> String {
    let token = servers.auth.jwt_secret().encode(&Claims::with_current_timestamp()).unwrap();
    format!("authorization: Bearer {token}")
}

/// The document with the methods that a server has.
fn contract(everything: bool, subscriptions: bool) -> Contract {
    let mut contract = Contract::read();
    contract.methods.retain(|method| {
        (everything || method.access == "public") && (subscriptions || !method.is_subscription)
    });
    contract
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_is_checked_over_http() {
    let served = serve().await;
    check(&http(served.node.servers()), contract(false, false)).await;
    check(&served.node.servers().auth.http_client(), contract(true, false)).await;
    served.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_is_checked_over_websocket() {
    let served = serve().await;
    check(&websocket(served.node.servers()).await, contract(false, true)).await;
    check(&served.node.servers().auth.ws_client().await, contract(true, true)).await;
    served.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_are_what_the_node_answers() {
    let served = serve().await;
    let client = served.node.servers().auth.http_client();
    let told = ask(&client, "rpc.discover", "[]".to_owned()).await.unwrap();
    assert_eq!(told, Contract::read().document);
    for (method, answer) in answers(&client, &mut Contract::read()).await {
        assert_eq!(answer, method.answer, "{}: its example", method.name);
    }
    served.node.stop().await;
}

/// Methods of the operator's are unknown to this client.
async fn knows_public_methods_alone(client: &impl ClientT) {
    for method in Contract::read().methods {
        let params = json!(method.example).to_string();
        let unknown = matches!(ask(client, &method.name, params).await, Err((-32601, _)));
        assert_eq!(unknown, method.access != "public", "{}", method.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_knows_the_public_methods_alone() {
    let served = serve().await;
    knows_public_methods_alone(&http(served.node.servers())).await;
    knows_public_methods_alone(&websocket(served.node.servers()).await).await;
    served.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_has_a_text_for_an_id_and_ends_once() {
    let served = serve().await;
    let client = websocket(served.node.servers()).await;
    let id = ask(&client, "bmn_subscribe", r#"["swaps"]"#.to_owned()).await.unwrap();
    assert!(id.is_string(), "{id}");
    for ends in [true, false] {
        let ended = ask(&client, "bmn_unsubscribe", json!([id]).to_string()).await;
        assert_eq!(ended, Ok(json!(ends)));
    }
    served.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_over_http_is_refused() {
    let served = serve().await;
    let servers = served.node.servers();
    for (method, params) in [("bmn_subscribe", r#"["swaps"]"#), ("bmn_subscribeAlerts", "[]")] {
        let answer = ask(&servers.auth.http_client(), method, params.to_owned()).await;
        assert_eq!(answer.map_err(|(code, _)| code), Err(-32603), "{method}");
    }
    served.node.stop().await;
}

/// What a body of so many bytes is answered when its head has come.
async fn announced(address: SocketAddr, bytes: usize) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    read(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_json_and_bodies_that_are_no_call_get_an_error_each() {
    let served = serve().await;
    let servers = served.node.servers();
    bodies(servers.public, &[], &UNLIKE).await;
    bodies(servers.auth.local_addr(), &[&token(servers)], &UNLIKE).await;
    let large = format!("{}{}", call("bmn_getMode", json!([])), " ".repeat(15 << 20));
    assert_eq!(announced(servers.public, large.len()).await.status, 413);
    let answer = post(servers.auth.local_addr(), &[&token(servers)], &large).await;
    assert!(answer.json()["result"].is_object(), "{answer:?}");
    served.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_rpc_and_who_has_no_token_gets_a_status() {
    let served = serve().await;
    let servers = served.node.servers();
    let (body, plain) = (call("bmn_status", json!([])), "content-type: text/plain");
    let json = "content-type: application/json";
    let (public, auth) = (servers.public, servers.auth.local_addr());
    for (address, first, line, status) in [
        (public, "POST /", json, 200),
        (public, "POST /", plain, 415),
        (public, "PUT /", json, 405),
        (auth, "POST /", json, 401),
    ] {
        let answer = send(address, first, &[line], &body).await;
        assert_eq!(answer.status, status, "{first} {line}: {answer:?}");
    }
    served.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_that_follows_the_node_keeps_the_same_contract() {
    let directory = TempDir::new().unwrap();
    let extension = Extension::new(configure(directory.path(), "index_only = true", ""));
    let front = extension.front();
    let setup = Setup::new(chain_spec(&[]), Inside::Resolver(extension));
    let node = launch(setup, &directory.path().join("reth")).await;
    until_indexed(&front, 0).await;
    check(&http(node.servers()), contract(false, false)).await;
    check(&node.servers().auth.ws_client().await, contract(true, true)).await;
    node.stop().await;
}
