//! The server keeps what `docs/openrpc.json` promises: every case here is made from that document.

mod document;
mod hostile;
mod world;

use crate::{
    fixture::Fixture,
    operator,
    wire::{ANY, post},
};
use bmn_rpc::{ServeLimits, serve};
use document::{Contract, Method};
use hostile::{Case, cases};
use jsonrpsee::{
    core::{
        client::{ClientT, Error},
        traits::ToRpcParams,
    },
    server::ServerHandle,
};
use jsonrpsee_http_client::HttpClientBuilder;
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json, value::RawValue};
use std::{collections::BTreeSet, env, fs, net::SocketAddr, path::Path};
use world::World;

/// Parameters as text.
struct Raw(String);

impl ToRpcParams for Raw {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        RawValue::from_string(self.0).map(Some)
    }
}

/// The result, or the error's code and data.
async fn ask(client: &impl ClientT, method: &str, params: String) -> Result<Value, (i64, String)> {
    match client.request::<Value, _>(method, Raw(params)).await {
        Ok(result) => Ok(result),
        Err(Error::Call(error)) => {
            let data = error.data().map(|data| data.get().to_owned());
            Err((error.code().into(), data.unwrap_or_default()))
        }
        Err(other) => panic!("{method}: {other}"),
    }
}

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

/// Answers that no store of this test can give: ids of subscriptions, and a proof, which needs a chain.
const MADE: [&str; 5] = [
    "bmn_getSwapProof",
    "bmn_subscribe",
    "bmn_unsubscribe",
    "bmn_subscribeAlerts",
    "bmn_unsubscribeAlerts",
];

/// `BMN_BLESS=1` writes the answers into the examples; the document is then to be made again.
#[tokio::test]
async fn the_examples_are_what_the_server_answers() {
    let (world, mut contract) = (World::new(), Contract::read());
    let (_server, address) = served(&world).await;
    let client = HttpClientBuilder::default().build(format!("http://{address}")).unwrap();
    let path = "../rpc-api/src/openrpc/examples.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut examples: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for method in std::mem::take(&mut contract.methods) {
        if MADE.contains(&method.name.as_str()) {
            continue;
        }
        let params = Value::Array(method.example.clone()).to_string();
        let answer = ask(&client, &method.name, params).await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error:?}", method.name));
        assert_eq!(contract.fits(&method.result, &answer), Ok(()), "{}", method.name);
        if env::var_os("BMN_BLESS").is_none() {
            assert_eq!(answer, method.answer, "{}: its example", method.name);
        }
        examples[&method.name]["result"] = answer;
    }
    if env::var_os("BMN_BLESS").is_some() {
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

async fn check(client: &impl ClientT, mut contract: Contract) {
    let mut refused = 0;
    for method in std::mem::take(&mut contract.methods) {
        for case in cases(&method, &mut contract) {
            let answer = ask(client, &method.name, case.params.clone()).await;
            refused += usize::from(answer.is_err());
            judge(&mut contract, &method, &case, &answer);
            if let (Some(end), Ok(id)) = (&method.unsubscribe, &answer) {
                ask(client, end, json!([id]).to_string()).await.unwrap();
            }
        }
    }
    assert!(refused > 500, "only {refused} cases were refused");
}

fn judge(
    contract: &mut Contract,
    method: &Method,
    case: &Case,
    answer: &Result<Value, (i64, String)>,
) {
    let sent: String = case.params.chars().take(200).collect();
    let told = format!("{} {sent} ({}): {answer:?}", method.name, case.what);
    match answer {
        Ok(result) => {
            assert!(case.allowed, "{told}");
            assert_eq!(contract.fits(&method.result, result), Ok(()), "{told}");
        }
        Err((code, data)) => {
            assert!(method.codes.contains(code) && *code != -32603, "{told}");
            if !case.allowed {
                assert_eq!(*code, -32602, "{told}");
                let named = |name: &String| data.contains(&format!("`{name}"));
                let known = case.names.is_empty() || case.names.iter().any(named);
                assert!(known, "{told} names none of {:?}", case.names);
            }
            assert!(!data.contains(hostile::TEXT), "{told} repeats what was sent");
        }
    }
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
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"bmn_getMode"}"#;
    let batch = |calls: usize| format!("[{}]", vec![one; calls].join(","));
    for (what, body, codes) in [
        ("nested lists", deep("[", "]"), [-32600, -32700]),
        ("nested objects", deep("{\"a\":", "}").replace(":}", ":1}"), [-32600, -32700]),
        ("no end", "[".repeat(10_000), [-32600, -32700]),
        ("101 calls", batch(101), [-32010, -32010]),
        ("4 000 calls", batch(4_000), [-32010, -32010]),
        ("an empty batch", "[]".to_owned(), [-32600, -32600]),
    ] {
        let answer = post(address, &[], &body).await.json();
        let first = answer.get(0).unwrap_or(&answer);
        let code = first["error"]["code"].as_i64().unwrap_or_else(|| panic!("{what}: {answer}"));
        assert!(codes.contains(&code), "{what}: {answer}");
    }
    // 10 000 calls are more bytes than a request may have.
    assert_eq!(post(address, &[], &batch(10_000)).await.status, 413);
    assert_eq!(post(address, &[], &batch(100)).await.json().as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn an_error_of_an_admin_method_names_its_field_too() {
    let fixture = Fixture::new();
    let admin = operator::admin(&fixture.store);
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
