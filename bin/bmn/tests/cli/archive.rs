//! `bmn archive` and `bmn bench replay` as processes: a history that is made, recorded, cut, damaged
//! and replayed.

use crate::bmn::{Done, run_in};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/archive/tests/data/dev-swaps.bmna");
const EXPECTED: &str = include_str!("../../../../crates/archive/tests/data/dev-swaps.json");

fn ok(directory: &Path, line: &str) -> Value {
    let done = run_in(directory, line, "");
    assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    done.json()
}

fn fails(directory: &Path, line: &str, code: i32) -> Done {
    let done = run_in(directory, line, "");
    assert_eq!(done.code, code, "{line}: {}{}", done.stdout, done.stderr);
    done
}

#[test]
fn the_recorded_sample_verifies_and_replays_to_the_expected_index() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let verified = ok(directory.path(), &format!("archive verify {SAMPLE} --json"));
    for field in ["totals", "tip", "complete", "historyDigest", "fileDigest"] {
        assert_eq!(verified[field], expected["verify"][field], "{field}");
    }
    for (how, bulk_blocks, live_blocks) in [
        ("--durable --batch 1", 61, 32),
        ("--no-durable --batch 20", 60, 33),
        ("--no-durable --batch 1000", 0, 93),
        ("--durable --batch 10 --live", 0, 93),
    ] {
        let line = format!("bench replay {SAMPLE} {how} --json");
        let replayed = ok(directory.path(), &line);
        assert_eq!(
            (&replayed["bulkBlocks"], &replayed["liveBlocks"]),
            (&json!(bulk_blocks), &json!(live_blocks)),
            "{line}"
        );
        assert_eq!(replayed["events"], expected["replay"]["events"], "{line}");
        assert_eq!(replayed["index"]["logs"], expected["verify"]["totals"]["logs"]);
        assert_eq!(
            (&replayed["schema"], &replayed["digest"]),
            (&expected["replay"]["schema"], &expected["replay"]["digest"]),
            "{line}: a new schema or a new kind of row changes the digest: see README.md beside the \
             sample"
        );
    }
}

#[test]
fn a_generated_file_is_described_verified_and_replayed_with_its_reorgs() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let made = ok(here, "archive generate --shape mainnet --blocks 90 --seed 3 -o m.bmna --json");
    assert!(made["totals"]["rollbacks"].as_u64() > Some(0), "{made}");
    let again = ok(here, "archive generate --shape mainnet --blocks 90 --seed 3 -o n.bmna --json");
    assert_eq!(fs::read(here.join("m.bmna")).unwrap(), fs::read(here.join("n.bmna")).unwrap());
    assert_eq!(again["fileDigest"], made["fileDigest"]);
    let shown = ok(here, "archive info m.bmna --json");
    assert_eq!((&shown["totals"], &shown["complete"]), (&made["totals"], &json!(true)));
    assert_eq!(shown["preamble"]["chain"], 1337);
    let replayed = ok(here, "bench replay m.bmna --db kept --json");
    assert_eq!(replayed["reorgs"], made["totals"]["rollbacks"]);
    assert_eq!(replayed["index"]["blocks"], made["totals"]["blocks"]);
    assert_eq!(replayed["decodeOnly"]["logs"], made["totals"]["logs"]);
    for measured in ["events", "rows", "databaseBytes", "eventsPerSecond"] {
        assert!(replayed[measured].as_f64() > Some(0.0), "{measured}: {replayed}");
    }
    // In bulk as far as blocks are final before a reorg comes, and block by block.
    for how in ["--batch 7", "--batch 1 --live"] {
        let second = ok(here, &format!("bench replay m.bmna {how} --no-durable --json"));
        assert_eq!(second["digest"], replayed["digest"], "{how}");
        assert_eq!(second["bulkBlocks"].as_u64() > Some(0), !how.contains("--live"), "{how}");
        assert_eq!(second["durable"], false);
    }
    let error = fails(here, "bench replay m.bmna --db kept", 2).stderr;
    assert!(error.contains("fresh database"), "{error}");
    let error = fails(here, "archive generate --shape dense -o m.bmna", 2).stderr;
    assert!(error.contains("m.bmna"), "{error}");
}

#[test]
fn damage_and_cuts_end_with_1_and_say_where() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    ok(here, "archive generate --shape dense --blocks 4 -o d.bmna --json");
    let whole = fs::read(here.join("d.bmna")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(here.join("damaged.bmna"), damaged).unwrap();
    let error = fails(here, "archive verify damaged.bmna", 1).stderr;
    assert!(error.contains("frame 0 at byte") && error.contains("checksum"), "{error}");
    assert_eq!(ok(here, "archive info damaged.bmna --json")["damaged"], true);
    fs::write(here.join("cut.bmna"), &whole[..whole.len() - 1]).unwrap();
    let done = fails(here, "archive verify cut.bmna --json", 1);
    assert_eq!(done.json()["complete"], false);
    assert!(done.stderr.contains("cut off"), "{}", done.stderr);
    fs::write(here.join("other.bmna"), "something else").unwrap();
    let error = fails(here, "archive verify other.bmna", 1).stderr;
    assert!(error.contains("not an archive"), "{error}");
    fails(here, "archive verify missing.bmna", 2);
}

/// A development network in another process.
struct Network {
    child: Child,
    chain: String,
}

impl Network {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bmn"))
            .args(["dev", "--ports", "0", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let chain = said["chains"][0]["url"].as_str().unwrap().to_owned();
        Self { child, chain }
    }

    fn mine(&self, blocks: usize) {
        for _ in 0..blocks {
            let mine = json!({ "jsonrpc": "2.0", "id": 0, "method": "evm_mine", "params": [] });
            assert!(post(&self.chain, &mine).get("error").is_none());
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_chain_is_recorded_and_a_recording_goes_on_to_the_same_file() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let network = Network::start();
    network.mine(11);
    let from = format!("archive record --rpc {} --from 0", network.chain);
    let whole = ok(here, &format!("{from} --to 10 -o whole.bmna --json"));
    assert_eq!(whole["totals"]["blocks"], 11);
    let unverified = ["unverifiedHeaders", "unverifiedReceipts"];
    assert!(unverified.iter().all(|field| whole["totals"][field] == 0), "{whole}");
    assert_eq!(ok(here, "archive verify whole.bmna --json")["complete"], true);
    // Stopped in the middle: the last byte is missing, so the frame is asked for again.
    ok(here, &format!("{from} --to 6 -o parts.bmna --json"));
    let part = fs::read(here.join("parts.bmna")).unwrap();
    fs::write(here.join("parts.bmna"), &part[..part.len() - 40]).unwrap();
    let error = fails(here, &format!("{from} --to 10 -o parts.bmna"), 2).stderr;
    assert!(error.contains("--resume"), "{error}");
    let parts = ok(here, &format!("{from} --to 10 --resume --batch 2 -o parts.bmna --json"));
    assert_eq!(parts["historyDigest"], whole["historyDigest"]);
    let other = format!("archive record --rpc {} --from 1 --to 3", network.chain);
    let error = fails(here, &format!("{other} --resume -o parts.bmna"), 2).stderr;
    assert!(error.contains("from block 0"), "{error}");
    let missing = format!("{from} --to 1000000 -o far.bmna");
    let error = fails(here, &missing, 1).stderr;
    assert!(error.contains("does not have it"), "{error}");
}

/// A node that has the network's blocks but knows less: no batches, no receipts by block, and
/// headers with a field that it does not tell.
#[allow(clippy::disallowed_methods, reason = "it serves until the test's process ends")]
fn lesser_node(chain: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/secretkey", listener.local_addr().unwrap());
    let upstream = chain.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let request = read_message(&mut stream);
            let request: Value = serde_json::from_slice(&request).unwrap();
            let error = |code: i64, message: &str| json!({ "jsonrpc": "2.0", "id": 0, "error": { "code": code, "message": message } });
            let answer = if request.is_array() {
                error(-32600, "no batches here")
            } else if request["method"] == "eth_getBlockReceipts"
                || request["method"] == "debug_getRawReceipts"
            {
                error(-32601, "the method is not available")
            } else {
                let mut answer = post(&upstream, &request);
                if request["method"] == "eth_getBlockByNumber" && answer["result"].is_object() {
                    answer["result"]["extraData"] = json!("0x01");
                }
                answer
            };
            let body = answer.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

/// A JSON-RPC request and its answer.
fn post(url: &str, request: &Value) -> Value {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let body = request.to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    serde_json::from_slice(&read_message(&mut stream)).unwrap()
}

/// The body of an HTTP message with a content length.
fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}

#[test]
fn a_node_that_knows_less_is_recorded_with_what_cannot_be_checked_marked() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let network = Network::start();
    network.mine(7);
    let url = lesser_node(&network.chain);
    let line = format!("archive record --rpc {url} --from 0 --to 6 -o less.bmna --json");
    let done = run_in(here, &line, "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let recorded = done.json();
    assert_eq!(recorded["totals"]["unverifiedHeaders"], 7, "{recorded}");
    assert_eq!(recorded["totals"]["unverifiedReceipts"], 0, "{recorded}");
    assert!(recorded["totals"]["receipts"].as_u64() > Some(0), "{recorded}");
    assert!(done.stderr.contains("not verifiable"), "{}", done.stderr);
    assert_eq!(ok(here, "archive verify less.bmna --json")["complete"], true);
    let wrong = format!("archive record --rpc {url} --from 9 --to 3 -o x.bmna");
    assert!(!fails(here, &wrong, 2).stderr.contains("secretkey"));
    let gone = "archive record --rpc ftp://127.0.0.1/secretkey --from 0 --to 1 -o x.bmna";
    let error = fails(here, gone, 2).stderr;
    assert!(error.contains("http://") && !error.contains("secretkey"), "{error}");
}
