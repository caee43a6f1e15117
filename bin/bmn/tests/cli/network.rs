//! A real `bmn dev` that a test starts, mines and asks.

use crate::bmn::run_in;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Looks at the resolver before it is called stuck.
const PATIENCE: u32 = 20_000;

/// The maker's account in the public mnemonic.
const MAKER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/// A command that has to succeed; what it wrote.
pub(crate) fn must(directory: &Path, line: &str) -> String {
    let done = run_in(directory, line, "");
    assert_eq!(done.code, 0, "{line}: {}{}", done.stdout, done.stderr);
    done.stdout
}

/// A running network.
pub(crate) struct Network {
    child: Child,
    pub(crate) chains: [String; 2],
    pub(crate) resolver: String,
}

impl Network {
    /// In memory, or on the disk.
    pub(crate) fn start(directory: Option<&Path>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bmn"))
            .args(["dev", "--ports", "0", "--json"])
            .args(directory.into_iter().flat_map(|at| [Path::new("--data-dir"), at]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            child,
            chains: [url(&said["chains"][0]["url"]), url(&said["chains"][1]["url"])],
            resolver: url(&said["resolver"]),
        }
    }

    /// SIGKILL: no code of ours runs any more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// One block on each chain, seen by the resolver.
    pub(crate) fn mine(&self) {
        for url in &self.chains {
            call(url, "evm_mine", json!([]));
        }
        for _ in 0..PATIENCE {
            let status = call(&self.resolver, "bmn_status", json!([]));
            let behind = self.chains.iter().zip(0..).any(|(url, index)| {
                let head = call(url, "eth_blockNumber", json!([]));
                let head = head.as_str().unwrap().trim_start_matches("0x").to_owned();
                let head = u64::from_str_radix(&head, 16).unwrap();
                status["chains"][index as usize]["head"]["number"].as_u64() < Some(head)
            });
            if !behind {
                return;
            }
        }
        panic!("the resolver does not follow its chains");
    }

    /// A maker of a new order from chain A to chain B, whose secret is in the file `secret`.
    pub(crate) fn submit_order(&self, directory: &Path) {
        let [source, _] = &self.chains;
        must(
            directory,
            &format!(
                "order new --from-chain 1337 --to-chain 1338 --sell 1000 TKA --buy 1950 USDX \
                 --maker {MAKER} --chain-rpc {source} --secret-file secret -o order.json"
            ),
        );
        must(directory, "order sign order.json --dev-account 3");
        must(directory, &format!("order submit order.json --rpc {}", self.resolver));
    }

    /// Every order.
    pub(crate) fn swaps(&self) -> Vec<Value> {
        call(&self.resolver, "bmn_getSwaps", json!([{}]))["items"].as_array().unwrap().clone()
    }

    /// Status of the only order; empty while there is none.
    pub(crate) fn status(&self) -> String {
        let first = self.swaps().into_iter().next();
        first.map(|swap| swap["status"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub(crate) fn mine_until(&self, wanted: &[&str]) -> String {
        for _ in 0..400 {
            let status = self.status();
            if wanted.contains(&status.as_str()) {
                return status;
            }
            self.mine();
        }
        panic!("still {}, expected {wanted:?}", self.status());
    }

    /// Destination escrows that chain B's factory created.
    pub(crate) fn destinations(&self) -> usize {
        let filter = json!({ "chain": 1338, "event": "DstEscrowCreated" });
        let page = call(&self.resolver, "bmn_getEvents", json!([filter]));
        page["items"].as_array().unwrap().len()
    }
}

/// One JSON-RPC call over a fresh connection.
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
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let start = body.find('{').unwrap();
    let end = body.rfind('}').unwrap();
    let answer: Value = serde_json::from_str(&body[start..=end]).unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
