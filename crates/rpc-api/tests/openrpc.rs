//! The description of the API says what the traits say, and its examples are what it describes.
//!
//! `BMN_BLESS=1 cargo test -p bmn-rpc-api --features schema --test openrpc` writes the two files again.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_rpc_api::{
    OrderFile, OrderWords, RpcErrorCode, SwapProof, WireSignature,
    openrpc::{self, Content, Document, Method},
};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use std::{collections::BTreeSet, env, fs, path::Path};

fn document() -> Document {
    openrpc::document().unwrap_or_else(|error| panic!("{error}"))
}

/// Compares a committed file with what it is made of.
fn same(file: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    if env::var_os("BMN_BLESS").is_some() {
        fs::write(&path, made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let line = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
    let line = line.unwrap_or_else(|| committed.lines().count().min(made.lines().count())) + 1;
    assert!(
        committed == made,
        "docs/{file} is not what the API is (line {line}); write it again with\n  \
         BMN_BLESS=1 cargo test -p bmn-rpc-api --features schema --test openrpc"
    );
}

#[test]
fn the_committed_document_is_the_one_that_the_traits_give() {
    same("openrpc.json", &openrpc::json(&document()).unwrap());
}

#[test]
fn the_committed_reference_is_the_one_that_the_document_gives() {
    same("rpc.md", &openrpc::reference(&document()));
}

const PLACE: &str = "https://example.org/openrpc.json";

/// The schemas of the document, by their place in it.
struct Checker {
    schemas: Schemas,
    compiler: Compiler,
}

impl Checker {
    fn new(document: &Document) -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(boon::Draft::V7);
        compiler.enable_format_assertions();
        compiler.add_resource(PLACE, serde_json::to_value(document).unwrap()).unwrap();
        Self { schemas: Schemas::new(), compiler }
    }

    fn at(&mut self, place: &str) -> SchemaIndex {
        let place = format!("{PLACE}#{place}");
        self.compiler.compile(&place, &mut self.schemas).unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn accepts(&mut self, place: &str, value: &Value) -> Result<(), String> {
        let schema = self.at(place);
        self.schemas.validate(value, schema).map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn every_schema_is_one_and_every_example_has_its_form() {
    let document = document();
    let mut checker = Checker::new(&document);
    for name in document.components.schemas.keys() {
        checker.at(&format!("/components/schemas/{name}"));
    }
    for (index, method) in document.methods.iter().enumerate() {
        let example = method.examples.first().unwrap();
        for value in &example.params {
            let place = method.params.iter().position(|param| param.name == value.name).unwrap();
            let place = format!("/methods/{index}/params/{place}/schema");
            let fits = checker.accepts(&place, &value.value);
            assert_eq!(fits, Ok(()), "{}: {}", method.name, value.name);
        }
        let required = method.params.iter().filter(|param| param.required).count();
        assert!(example.params.len() >= required, "{}: its example lacks some", method.name);
        let fits =
            checker.accepts(&format!("/methods/{index}/result/schema"), &example.result.value);
        assert_eq!(fits, Ok(()), "{}", method.name);
    }
}

#[test]
fn every_method_is_described_whole() {
    let document = document();
    let mut names = BTreeSet::new();
    for method in &document.methods {
        let Method { name, summary, description, params, .. } = method;
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.starts_with("bmn_") && !summary.is_empty(), "{name}: {summary}");
        assert!(description.starts_with(summary.as_str()), "{name}");
        let optional_last = params.is_sorted_by_key(|param| !param.required);
        assert!(optional_last, "{name}: what may be left out comes last");
        let contents = params.iter().chain([&method.result]);
        for Content { name: content, form, .. } in contents {
            assert!(!form.is_empty(), "{name}: `{content}` has no form in words");
        }
    }
    let codes: BTreeSet<_> = document.components.errors.values().map(|entry| entry.code).collect();
    assert_eq!(codes, RpcErrorCode::ALL.map(RpcErrorCode::code).into());
}

#[test]
fn a_schema_refuses_what_serde_refuses() {
    let mut checker = Checker::new(&document());
    let long = "a".repeat(1_025);
    let table = [
        ("Limit", json!(0), json!(200)),
        ("Limit", json!(201), json!(1)),
        ("Limit", json!("5"), json!(50)),
        ("SwapKey", json!(""), json!("1:0x2")),
        ("SwapKey", json!(long), json!("0x00")),
        ("Resolver", json!("0x12"), json!(format!("0x{}", "aB".repeat(20)))),
        ("Secret", json!(format!("0x{}", "0".repeat(63))), json!(format!("0x{}", "0".repeat(64)))),
        ("Block", json!(-1), json!(u64::MAX)),
        ("Chain", json!(1.5), json!(0)),
        ("SubscriptionKind", json!("mempool"), json!("swaps")),
        ("SwapFilter", json!({"makr": null}), json!({})),
        ("SwapFilter", json!({"status": []}), json!({"status": "void"})),
        ("SwapFilter", json!({"status": "done"}), json!({"status": ["void", "lost"]})),
        ("SwapFilter", json!({"chain": "1"}), json!({"chain": null})),
        ("StatisticsFilter", json!({"fromDay": "2026-13-01"}), json!({"fromDay": "2026-12-01"})),
        ("WireSwitch", json!({}), json!({"kind": "pause"})),
        ("WireSwitch", json!({"kind": "pause", "x": 1}), json!({"kind": "chain", "chainId": 1})),
        ("DeadLetterKey", json!({"order": "x"}), json!({"order": "x", "action": "y"})),
        ("Amount", json!(5), json!("5")),
        ("Amount", json!("0x5"), json!("0")),
        ("SignedAmount", json!("+5"), json!("-5")),
    ];
    for (name, bad, good) in table {
        let place = format!("/components/schemas/{name}");
        assert!(checker.accepts(&place, &bad).is_err(), "{name} takes {bad}");
        assert_eq!(checker.accepts(&place, &good), Ok(()), "{name}");
    }
}

#[test]
fn the_order_file_has_the_fields_that_its_schema_describes() {
    let word = || "1".to_owned();
    let hash = format!("0x{}", "1".repeat(64));
    let file = OrderFile {
        version: OrderFile::VERSION,
        chain_id: 1,
        order: OrderWords {
            salt: word(),
            maker: word(),
            receiver: word(),
            maker_asset: word(),
            taker_asset: word(),
            making_amount: word(),
            taking_amount: word(),
            maker_traits: word(),
        },
        signature: Some(WireSignature::Compact { r: hash.clone(), vs: hash.clone() }),
        extension_data: "0x".to_owned(),
        order_hash: Some(hash.clone()),
        hashlock: Some(hash.clone()),
        src_chain_id: Some(1),
        dst_chain_id: Some(2),
        created_at: Some(3),
        secret_hashes: vec![hash],
    };
    let document = document();
    let mut checker = Checker::new(&document);
    let written = serde_json::to_value(&file).unwrap();
    for (name, value) in [("OrderFile", &written), ("OrderWords", &written["order"])] {
        assert_eq!(checker.accepts(&format!("/components/schemas/{name}"), value), Ok(()));
        let described = document.components.schemas[name]["properties"].as_object().unwrap();
        let described: BTreeSet<_> = described.keys().collect();
        assert_eq!(described, value.as_object().unwrap().keys().collect(), "{name}");
    }
    // What may be left out according to serde may be left out according to the schema, and nothing else.
    for field in written.as_object().unwrap().keys() {
        let mut less = written.clone();
        less.as_object_mut().unwrap().remove(field);
        let read = serde_json::from_value::<OrderFile>(less.clone()).is_ok();
        let fits = checker.accepts("/components/schemas/OrderFile", &less).is_ok();
        assert_eq!(read, fits, "{field}");
    }
}

#[test]
fn the_example_of_a_proof_holds() {
    let document = document();
    let method = document.methods.iter().find(|method| method.name == "bmn_getSwapProof").unwrap();
    let proof = method.examples[0].result.value.clone();
    let proof: SwapProof = serde_json::from_value(proof).unwrap();
    let events: Vec<_> = proof.escrows.iter().flat_map(|escrow| &escrow.events).collect();
    assert!(!events.is_empty());
    for shown in events {
        let proven = shown.proof.verify().unwrap();
        assert_eq!(proven.block.hash, shown.event.block.hash);
        assert_eq!(proven.log.address, shown.event.address);
    }
}
