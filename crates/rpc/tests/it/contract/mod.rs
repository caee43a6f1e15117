//! The server keeps what `docs/openrpc.json` promises: every case here is made from that document.

mod check;
mod document;
mod hostile;
mod world;

use crate::{fixture::Fixture, operator, rows, wire::ANY};
use bmn_rpc::{ServeLimits, serve};
use check::{answers, ask, bodies, check};
use document::{Contract, Method};
use jsonrpsee::server::ServerHandle;
use jsonrpsee_http_client::HttpClientBuilder;
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};
use std::{collections::BTreeSet, env, fs, net::SocketAddr, path::Path};
use world::World;

/// Everything, on one server. What one client may ask a second is another test's.
async fn served(world: &World) -> (ServerHandle, SocketAddr) {
    let limits = ServeLimits { client: None, ..ServeLimits::default() };
    serve(world.everything(), ANY, &limits).await.unwrap()
}

#[test]
fn every_method_is_described_with_its_access_and_no_other_is() {
    let (world, contract) = (World::new(), Contract::read());
    let levels = [
        ("public", world.fixture.module.method_names().collect::<BTreeSet<_>>()),
        ("operator", world.fixture.operated.method_names().collect()),
        ("admin", world.admin().method_names().collect()),
    ];
    let mut lower = BTreeSet::from(["rpc.discover"]);
    assert!(levels[0].1.contains("rpc.discover"));
    for (level, names) in levels {
        let described: BTreeSet<_> =
            contract.methods.iter().filter(|method| method.access == level).collect_names();
        let own: BTreeSet<_> = names.difference(&lower).copied().collect();
        assert_eq!(own, described, "{level}");
        lower.extend(own);
    }
}

/// The names of methods.
trait Names<'a> {
    fn collect_names(self) -> BTreeSet<&'a str>;
}

impl<'a, I: Iterator<Item = &'a Method>> Names<'a> for I {
    fn collect_names(self) -> BTreeSet<&'a str> {
        self.map(|method| method.name.as_str()).collect()
    }
}

#[tokio::test]
async fn the_server_tells_its_own_description() {
    let world = World::new();
    let (_server, address) = served(&world).await;
    let client = HttpClientBuilder::default().build(format!("http://{address}")).unwrap();
    let told = ask(&client, "rpc.discover", "[]".to_owned()).await.unwrap();
    assert_eq!(told, Contract::read().document);
}

/// `BMN_BLESS=1` writes the answers into the examples; the document is then to be made again.
#[tokio::test]
async fn the_examples_are_what_the_server_answers() {
    let (world, mut contract) = (World::new(), Contract::read());
    let (_server, address) = served(&world).await;
    let client = HttpClientBuilder::default().build(format!("http://{address}")).unwrap();
    let path = "../rpc-api/src/openrpc/examples.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut examples: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let blesses = env::var_os("BMN_BLESS").is_some();
    for (method, answer) in answers(&client, &mut contract).await {
        if !blesses {
            assert_eq!(answer, method.answer, "{}: its example", method.name);
        }
        examples[&method.name]["result"] = answer;
    }
    if blesses {
        fs::write(&path, format!("{examples:#}\n")).unwrap();
    }
}

#[tokio::test]
async fn every_parameter_is_checked_over_http() {
    let world = World::new();
    let (_server, address) = served(&world).await;
    let client = HttpClientBuilder::default().build(format!("http://{address}")).unwrap();
    let mut contract = Contract::read();
    // A subscription needs a connection that stays.
    contract.methods.retain(|method| !method.is_subscription);
    check(&client, contract).await;
}

#[tokio::test]
async fn every_parameter_is_checked_over_websocket() {
    let world = World::new();
    let (_server, address) = served(&world).await;
    let client = WsClientBuilder::default().build(format!("ws://{address}")).await.unwrap();
    check(&client, Contract::read()).await;
}

#[tokio::test]
async fn unknown_methods_are_named_as_such() {
    let fixture = Fixture::new();
    for method in ["bmn_nothing", "", "BMN_status", "bmn_status ", "rpc.nothing", "eth_chainId"] {
        assert_eq!(fixture.raw(method, json!([])).await["error"]["code"], -32601, "{method:?}");
    }
}

#[tokio::test]
async fn deep_json_and_large_batches_get_an_error_each() {
    let world = World::new();
    let (_server, address) = served(&world).await;
    bodies(address, &[], &[]).await;
}

#[tokio::test]
async fn an_error_of_an_admin_method_names_its_field_too() {
    let fixture = Fixture::new();
    let admin = rows::modes(&fixture.store);
    let token = json!({ "kind": "token", "chainId": "1337" });
    for (params, says) in [
        (json!([]), "`switch`: expected an object, WireSwitch"),
        (json!([{}]), "`switch.kind`: expected \"pause\" or"),
        (json!([token]), "`switch.chainId`: expected a whole number or null"),
        (
            json!([{ "kind": "pause", "x": 1 }]),
            "`switch`: expected no fields but chainId, kind, token",
        ),
        (json!([{ "kind": "pause" }, 1]), "expected one parameter, `switch`"),
    ] {
        let answer = operator::ask(&admin, "bmn_pause", params).await;
        let data = answer["error"]["data"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(data.starts_with(says), "{data}");
    }
}
