//! `bmn node`, `bmn approve` and `bmn dev deploy`: what they refuse, and a node over a running network.

use crate::bmn::{Done, chain, run, run_beside, run_in};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

const KEY: &str = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
/// Looks before something is called stuck.
const PATIENCE: u32 = 20_000;

pub(crate) fn config(urls: [&str; 2], more: &str) -> String {
    format!(
        "data_dir = \"data\"\nrpc = \"127.0.0.1:0\"\nrpc_limits.requests_per_second = 0\n{more}\n\
         [[chains]]\nspec = \"dev-a\"\nendpoints = [\"{}\"]\npoll_ms = 50\n\
         [[chains]]\nspec = \"dev-b\"\nendpoints = [\"{}\"]\npoll_ms = 50\n",
        urls[0], urls[1]
    )
}

fn with_config(text: &str, line: &str) -> Done {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bmn.toml"), text).unwrap();
    run_in(directory.path(), line, "")
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let text = config(["http://a", "htp://user:hunter2@b"], "indexonly = true\n[policy]\nmin = 1");
    let done = with_config(&text, "node --config bmn.toml");
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    for part in [
        "bmn.toml: 4 problems",
        "line 4: unknown key `indexonly`: did you mean `index_only`?",
        "line 6: unknown key `policy.min`",
        "`signer`: missing",
        "`chains[1].endpoints`: number 1: expected a URL",
    ] {
        assert!(done.stderr.contains(part), "{part}\n{}", done.stderr);
    }
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    let gone = run("node --config /nowhere/bmn.toml", "");
    assert!(gone.code == 2 && gone.stderr.contains("/nowhere/bmn.toml"), "{}", gone.stderr);
}

#[test]
fn a_key_is_asked_for_where_it_is_and_never_shown() {
    let text = config(["http://127.0.0.1:9", "http://127.0.0.1:9"], "signer.key_env = \"NOBODY\"");
    for command in ["node", "approve"] {
        let done = with_config(&text, &format!("{command} --config bmn.toml"));
        assert_eq!(done.code, 2);
        assert!(done.stderr.contains("environment variable NOBODY is not set"), "{}", done.stderr);
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("bmn.toml"), text.replace("key_env = \"NOBODY\"", "key_file = \"key\""))
        .unwrap();
    fs::write(at.join("key"), KEY).unwrap();
    make_readable(&at.join("key"));
    let done = run_in(at, "node --config bmn.toml", "");
    assert!(done.code == 2 && done.stderr.contains("chmod 600"), "{}", done.stderr);
    assert!(!done.stderr.contains(&KEY[2..]), "{}", done.stderr);
}

#[cfg(unix)]
fn make_readable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn chains_that_do_not_answer_have_exit_code_3() {
    let text = config(["http://127.0.0.1:9", "http://127.0.0.1:9"], "index_only = true");
    let done = with_config(&text, "node --config bmn.toml");
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stderr.contains("Chain A (1337) cannot be reached"), "{}", done.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_for_development_are_deployed_on_development_chains_only() {
    let (_chain, url) = chain(8453, 1_000).await;
    let line = format!("dev deploy --rpc {url}");
    let done = run_beside(&std::env::temp_dir(), line, "").await;
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    let says =
        "is chain 8453: development contracts and public keys belong on chains 1337, 1338, 31337";
    assert!(done.stderr.contains(says), "{}", done.stderr);
    let gone = run("dev deploy --rpc http://127.0.0.1:9", "");
    assert_eq!(gone.code, 3, "{}", gone.stderr);
}

/// A `bmn` that runs until it is told to stop, and what it announced.
pub(crate) struct Running {
    child: Child,
    pub(crate) said: Value,
    // Kept open: a process whose output nobody reads would end.
    _ends: (Option<ChildStdin>, BufReader<ChildStdout>),
}

impl Running {
    pub(crate) fn start(directory: &Path, line: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bmn"))
            .args(line.split_whitespace())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("announced {line:?}"));
        let stdin = child.stdin.take();
        Self { child, said, _ends: (stdin, stdout) }
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.said.pointer(pointer).and_then(Value::as_str).unwrap()
    }

    /// SIGTERM; the exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One JSON-RPC call over a fresh connection: the whole answer.
fn call(url: &str, method: &str, params: Value) -> Value {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (start, end) = (answer.find('{').unwrap(), answer.rfind('}').unwrap());
    serde_json::from_str(&answer[start..=end]).unwrap()
}

/// Waits until the node has the head that `url` had when this was called. Answers the node's.
pub(crate) fn follows(node: &str, index: usize, url: &str) -> Value {
    let head = call(url, "eth_getBlockByNumber", json!(["latest", false]));
    let number = head["result"]["number"].as_str().unwrap().trim_start_matches("0x");
    let number = u64::from_str_radix(number, 16).unwrap();
    for _ in 0..PATIENCE {
        let head = call(node, "bmn_status", json!([]))["result"]["chains"][index]["head"].clone();
        if head["number"].as_u64() >= Some(number) {
            return head;
        }
    }
    panic!("the node does not follow {url}");
}

/// The operator's listener takes his key alone, which the node made, and keeps what it was told to change.
fn operates(at: &Path, rpc: &str) {
    let set = format!("mode set percent=5 --json --rpc {rpc}");
    let refused = run_in(at, &set, "");
    assert!(refused.code == 2 && refused.stderr.contains("--jwt-secret"), "{}", refused.stderr);
    let done = run_in(at, &format!("{set} --jwt-secret data/jwt.hex"), "");
    assert_eq!((done.code, &done.json()["mode"]), (0, &json!("percent=5")), "{}", done.stderr);
    let kept = fs::read_to_string(at.join("data/audit.log")).unwrap();
    let entry: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((&entry["method"], &entry["outcome"]), (&json!("bmn_setMode"), &json!(0)));
    assert_eq!((&entry["caller"], &entry["params"]), (&json!("127.0.0.1"), &json!(["percent=5"])));
}

#[test]
fn what_replaced_the_flag_and_the_key_of_earlier_versions_is_named() {
    let text = config(["http://127.0.0.1:9", "http://127.0.0.1:9"], "index_only = true");
    let done = with_config(&text, "node --config bmn.toml --admin");
    assert!(
        done.code == 2 && done.stderr.contains("--admin-rpc-addr 127.0.0.1:8548"),
        "{}",
        done.stderr
    );
    let done = with_config(
        &text.replace("index_only", "admin = true\nindex_only"),
        "node --config bmn.toml",
    );
    assert!(
        done.code == 2 && done.stderr.contains("admin_rpc = \"127.0.0.1:8548\""),
        "{}",
        done.stderr
    );
}

#[test]
fn an_index_follows_a_network_takes_nothing_and_resumes() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Running::start(at, "dev --ports 0 --json");
    let urls = [network.text("/chains/0/url"), network.text("/chains/1/url")];

    let again = run_in(at, &format!("dev deploy --rpc {} --out specs --json", urls[0]), "");
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!((&again.json()["deployed"], &again.json()["builtIn"]), (&json!(0), &json!("dev-a")));
    assert!(at.join("specs/chain-1337.toml").exists());

    // One specification is built in, the other one is the file that was just written.
    let text = config([urls[0], urls[1]], "index_only = true")
        .replace("\"dev-a\"", "\"specs/chain-1337.toml\"");
    fs::write(at.join("bmn.toml"), text).unwrap();
    let node = Running::start(at, "node --config bmn.toml --admin-rpc-addr 127.0.0.1:0 --json");
    assert_eq!(node.said["indexOnly"], true);
    assert_eq!(node.said["chains"][0]["resumesAfter"], Value::Null);
    let rpc = node.text("/rpc").to_owned();
    let heads = [follows(&rpc, 0, urls[0]), follows(&rpc, 1, urls[1])];
    operates(at, node.text("/adminRpc"));
    let refused = call(&rpc, "bmn_submitSecret", json!([KEY]));
    assert!(refused["error"]["message"].as_str().unwrap().contains("index only"), "{refused}");
    let second = run_in(at, "node --config bmn.toml", "");
    assert!(second.code == 1 && second.stderr.contains("another bmn"), "{}", second.stderr);
    assert_eq!(node.stop(), 0);

    let node = Running::start(at, "node --config bmn.toml --json");
    for (index, head) in heads.iter().enumerate() {
        let resumes = &node.said["chains"][index]["resumesAfter"];
        assert!(resumes["number"].as_u64() >= head["number"].as_u64(), "{resumes} {head}");
    }
    assert_eq!(node.stop(), 0);
    assert_eq!(network.stop(), 0);

    let sound = run_in(at, "verify --data-dir data --json", "");
    assert_eq!(sound.code, 0, "{}", sound.stderr);
    let sound = sound.json();
    assert_eq!(sound.as_array().unwrap().len(), 2);
    assert!(sound.as_array().unwrap().iter().all(|chain| chain["sound"] == true), "{sound}");
    let beyond = run_in(at, "verify --data-dir data --chain 1337 --to 999999999", "");
    assert!(beyond.code == 2 && beyond.stderr.contains("ends at"), "{}", beyond.stderr);
    let nowhere = run_in(at, "verify --data-dir nowhere", "");
    assert!(nowhere.code == 2 && !at.join("nowhere").exists(), "{}", nowhere.stderr);
}
