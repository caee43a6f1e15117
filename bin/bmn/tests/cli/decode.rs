//! `bmn decode` as a process.

use crate::bmn::{Done, run};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../../../crates/contracts/tests/vectors/vectors.json");

fn lines(done: &Done) -> Vec<Value> {
    done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn logs(dialect: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors["logs"][dialect].as_array().unwrap().clone()
}

#[test]
fn every_log_of_the_vectors_gets_its_name_with_and_without_the_dialect() {
    for dialect in ["bmn4", "bmn302", "bmn23", "oneinch1", "oneinch2"] {
        let logs = logs(dialect);
        let input = Value::Array(logs.clone()).to_string();
        for line in ["decode", &format!("decode --dialect {dialect}")] {
            let done = run(line, &input);
            assert_eq!(done.code, 0, "{}", done.stderr);
            let decoded = lines(&done);
            assert_eq!(decoded.len(), logs.len());
            for (decoded, log) in decoded.iter().zip(&logs) {
                assert_eq!(decoded["event"], log["event"], "{log}");
            }
        }
    }
}

#[test]
fn a_source_escrow_shows_amounts_units_and_both_dialects() {
    let logs = logs("bmn4");
    let created = logs.iter().find(|log| log["event"] == "SrcEscrowCreated").unwrap();
    let [decoded] = lines(&run("decode", &created.to_string())).try_into().unwrap();
    assert_eq!(decoded["dialects"], json!(["bmn4", "oneinch2"]));
    let expected = &created["decoded"]["srcImmutables"];
    let fields = &decoded["fields"]["srcImmutables"];
    for same in ["orderHash", "hashlock", "amount", "safetyDeposit", "parameters"] {
        assert_eq!(fields[same], expected[same], "{same}");
    }
    assert_eq!(decoded["units"]["srcImmutables.safetyDeposit"], "wei");
    let forced = lines(&run("decode --dialect oneinch2", &created.to_string()));
    assert_eq!((&forced[0]["dialect"], forced[0].get("dialects")), (&json!("oneinch2"), None));
}

#[test]
fn older_dialects_show_what_they_state_and_what_they_only_name() {
    let created = |dialect: &str| {
        let logs = logs(dialect);
        let log = logs.iter().find(|log| log["event"] == "SrcEscrowCreated").unwrap().clone();
        let [decoded] = lines(&run("decode", &log.to_string())).try_into().unwrap();
        (log, decoded)
    };
    let (log, decoded) = created("bmn302");
    assert_eq!(decoded["dialects"], json!(["bmn23", "bmn302"]));
    for same in ["orderHash", "amount"] {
        assert_eq!(decoded["fields"][same], log["decoded"][same], "{same}");
    }
    let (log, decoded) = created("oneinch1");
    assert_eq!(decoded["dialects"], json!(["bmn1", "oneinch1"]));
    let expected = &log["decoded"]["srcImmutables"]["hashlock"];
    assert_eq!(&decoded["fields"]["srcImmutables"]["hashlock"], expected);
    let logs = logs("oneinch1");
    let plain = logs.iter().find(|log| log["event"] == "DstEscrowCreated").unwrap();
    let [decoded] = lines(&run("decode", &plain.to_string())).try_into().unwrap();
    assert_eq!(decoded["dialects"], json!(["bmn1", "oneinch1", "oneinch2"]));
    // The same event with indexed members is v1.1's alone.
    let data = plain["data"].as_str().unwrap();
    let mut indexed = plain.clone();
    indexed["topics"] =
        json!([plain["topics"][0], format!("0x{}", &data[2..66]), format!("0x{}", &data[66..130])]);
    indexed["data"] = json!(format!("0x{}", &data[130..]));
    let [named] = lines(&run("decode", &indexed.to_string())).try_into().unwrap();
    assert_eq!((&named["dialect"], &named["fields"]), (&json!("bmn11"), &decoded["fields"]));
}

#[test]
fn unknown_topics_are_marked_and_wrong_ones_refused() {
    let zero = format!("0x{}", "00".repeat(32));
    let unknown =
        json!({ "address": format!("0x{}", "11".repeat(20)), "topics": [zero], "data": "0x" });
    let done = run("decode", &unknown.to_string());
    let [line] = lines(&done).try_into().unwrap();
    assert_eq!((done.code, &line["event"], &line["unknown"]), (0, &Value::Null, &json!(true)));
    assert_eq!(line["topic0"], zero);
    let mut short = logs("bmn4").into_iter().find(|log| log["event"] == "OrderFilled").unwrap();
    short["data"] = json!("0x00");
    let filled = format!("{short}\n{unknown}\n");
    let done = run("decode", &filled);
    let [wrong, right] = lines(&done).try_into().unwrap();
    assert_eq!(done.code, 1);
    assert!(wrong["error"].as_str().unwrap().contains("OrderFilled"), "{wrong}");
    assert_eq!((&wrong["where"], &right["unknown"]), (&json!("line 1"), &json!(true)));
    assert!(done.stderr.contains("1 entry could not be decoded"));
    let other =
        logs("oneinch2").into_iter().find(|log| log["event"] == "DstEscrowCreated").unwrap();
    let done = run("decode --dialect bmn4", &other.to_string());
    assert!(lines(&done)[0]["error"].as_str().unwrap().contains("another dialect than bmn4"));
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_line_and_the_rest_is_decoded() {
    let log = logs("bmn4").remove(0).to_string();
    let input = [log.as_bytes(), b"\n{\xff}\n", log.as_bytes()].concat();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_bmn"))
        .arg("decode")
        .write_stdin(input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["where"], "line 2");
    assert_eq!(lines[1]["error"], "not UTF-8 text, from its byte 2");
    assert!(lines[0]["event"].is_string() && lines[0] == lines[2]);
}
