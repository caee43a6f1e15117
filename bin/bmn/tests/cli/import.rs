//! `bmn import`: the sample files of the older resolver into a new directory, counted and compared.

use crate::{bmn::run_in, network::must};
use serde_json::{Value, json};
use std::{fs, path::Path};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/legacy/tests/samples");

/// The limit-order protocol of the test bed that signed the samples.
const PROTOCOL: &str = "--limit-order-protocol 0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9";

fn import(at: &Path, more: &str) -> Value {
    let line = format!("import {SAMPLES} --data-dir data {PROTOCOL} --json {more}");
    serde_json::from_str(&must(at, &line)).unwrap()
}

#[test]
fn sample_files_are_counted_imported_and_compared_and_a_second_time_nothing_changes() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let dry = import(at, "--dry-run");
    assert_eq!(dry["written"], Value::Null);
    assert!(!at.join("data").exists(), "nothing is written");

    let first = import(at, "--orders unfilled");
    for field in ["files", "swaps", "statuses", "secrets", "duplicates", "problems", "leftOut"] {
        assert_eq!(first[field], dry[field], "{field}");
    }
    assert_eq!(first["swaps"], 5);
    let statuses =
        json!({ "completed": 2, "created": 1, "destinationFunded": 1, "sourceFunded": 1 });
    assert_eq!(first["statuses"], statuses);
    let written = json!({ "new": 5, "changed": 0, "unchanged": 0, "secretsSealed": 2 });
    assert_eq!(first["written"], written);
    assert_eq!((&first["verified"], &first["differences"]), (&json!(true), &json!([])));
    let problems = first["problems"].to_string();
    assert!(problems.contains("does not open the hashlock"), "{problems}");
    assert!(problems.contains("`fillTxHash`: another file says something else"), "{problems}");
    let left_out = first["leftOut"].to_string();
    for reason in ["a chain shows it", "`bmn order submit`", "the node finds them on the chains"] {
        assert!(left_out.contains(reason), "{reason}: {left_out}");
    }

    let again = import(at, "--orders unfilled");
    let unchanged = json!({ "new": 0, "changed": 0, "unchanged": 5, "secretsSealed": 0 });
    assert_eq!((&again["written"], &again["verified"]), (&unchanged, &json!(true)));
}

#[test]
fn an_order_that_nobody_filled_is_written_as_a_file_that_can_be_submitted() {
    let place = tempfile::tempdir().unwrap();
    let first = import(place.path(), "--orders unfilled");
    let [path] = &first["orders"].as_array().unwrap()[..] else { panic!("{first}") };
    let text = fs::read_to_string(place.path().join(path.as_str().unwrap())).unwrap();
    let order: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&order["version"], &order["chainId"]), (&json!(1), &json!(8453)));
    assert!(order["signature"]["vs"].is_string() && order["orderHash"].is_string());
}

#[test]
fn no_secret_is_shown_or_in_a_file_in_the_clear() {
    let place = tempfile::tempdir().unwrap();
    let shown = import(place.path(), "").to_string();
    let secrets = ["a8f7723f511fffa742d6628da279b6c6", "b0d1899e6d1eb320a585897f3e64943e"];
    for secret in secrets.into_iter().chain(["7777777777777777"]) {
        assert!(!shown.contains(secret));
    }
    for entry in fs::read_dir(place.path().join("data")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for secret in secrets {
            let raw = alloy::primitives::hex::decode(secret).unwrap();
            for needle in [raw.as_slice(), secret.as_bytes()] {
                assert!(!bytes.windows(needle.len()).any(|it| it == needle), "in the clear");
            }
        }
    }
}

#[test]
fn files_that_cannot_be_read_stop_the_import_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    fs::create_dir(at.join("old")).unwrap();
    fs::write(at.join("old/a.json"), "{\"hashlock\": ").unwrap();
    fs::write(at.join("old/b.json"), "{\"hashlock\": \"0x12\", \"secret\": \"0x34\"}").unwrap();
    fs::write(at.join("old/swaps.db"), b"SQLite format 3\0").unwrap();
    fs::write(at.join("old/readme.txt"), "x").unwrap();
    let done = run_in(at, "import old --data-dir data", "");
    assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{}", done.stderr);
    for says in [
        "old/a.json: not whole JSON (line 1",
        "old/b.json: `secret`: expected 0x followed by 64 hex digits",
        "old/swaps.db: a Deno KV database cannot be read here",
        "Nothing was imported",
        "--skip-unreadable",
    ] {
        assert!(done.stderr.contains(says), "{says}\n{}", done.stderr);
    }
    assert!(!at.join("data").exists());
    let rest = must(at, "import old --data-dir data --skip-unreadable --json");
    let rest: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(rest["leftOut"].as_array().unwrap().len(), 4, "{rest}");
    let gone = run_in(at, "import nowhere --data-dir data", "");
    assert!(gone.code == 2 && gone.stderr.contains("nowhere"), "{}", gone.stderr);
}
