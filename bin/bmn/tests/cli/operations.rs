//! The operations port of `bmn dev` and of `bmn node`.

use crate::run_node::{Running, config, follows};
use bmn_rpc::JwtKey;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

/// Looks before something is called stuck.
const PATIENCE: u32 = 20_000;

/// The status and the body of an answer.
fn ask(url: &str, first: &str, token: &str, body: &str) -> (u16, String) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "{first} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub(crate) fn get(url: &str, path: &str) -> (u16, String) {
    ask(url, &format!("GET {path}"), "", "")
}

fn read((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
}

#[test]
fn a_network_and_a_node_tell_how_they_do_and_a_node_goes_into_maintenance() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Running::start(at, "dev --ports 0 --json");
    let operations = network.text("/operations");
    let (status, health) = read(get(operations, "/health"));
    assert_eq!((status, &health["status"]), (200, &json!("healthy")), "{health}");
    let urls = [network.text("/chains/0/url"), network.text("/chains/1/url")];
    follows(network.text("/resolver"), 0, urls[0]);
    let (_, metrics) = get(operations, "/metrics");
    for part in [
        "bmn_acting 1",
        "bmn_rpc_requests_total{method=\"bmn_status\",outcome=\"ok\"}",
        "bmn_http_requests_total{path=\"/health\",status=\"200\"} 1",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.contains(part), "{part}\n{metrics}");
    }
    let on = json!({ "on": true }).to_string();
    assert_eq!(ask(operations, "POST /api/v1/admin/maintenance", "x", &on).0, 403, "without a key");

    fs::write(at.join("bmn.toml"), config(urls, "index_only = true\njwt_secret = \"key\""))
        .unwrap();
    let node = Running::start(at, "node --config bmn.toml --operations-addr 127.0.0.1:0 --json");
    let operations = node.text("/operations");
    let ready = (0..PATIENCE).find(|_| get(operations, "/health/ready").0 == 200);
    assert!(ready.is_some(), "{:?}", get(operations, "/health"));
    let (_, health) = read(get(operations, "/health"));
    assert_eq!(health["status"], "healthy", "an index that is told to be one is whole: {health}");
    let key = JwtKey::from_hex(&fs::read_to_string(at.join("key")).unwrap()).unwrap();
    let token = key.token().unwrap();
    let (status, modes) = read(ask(operations, "POST /api/v1/admin/maintenance", &token, &on));
    assert_eq!((status, &modes["switches"]), (200, &json!([{ "kind": "maintenance" }])));
    let kept = fs::read_to_string(at.join("data/audit.log")).unwrap();
    assert!(kept.contains("POST /api/v1/admin/maintenance"), "{kept}");
    assert!(get(operations, "/metrics").1.contains("bmn_switches{kind=\"maintenance\"} 1"));
    assert_eq!((node.stop(), network.stop()), (0, 0));
}
