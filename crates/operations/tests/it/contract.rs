//! The port keeps what `docs/openapi.json` promises: every case here is made from that document.

use crate::{
    fixture::{A, order_id},
    wire::{Answer, send},
    world::World,
};
use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use std::{env, fs, path::Path};

const PLACE: &str = "https://example.org/openapi.json";

/// The committed document.
struct Contract {
    document: Value,
    compiler: Compiler,
    schemas: Schemas,
}

impl Contract {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let document: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let mut compiler = Compiler::new();
        compiler.add_resource(PLACE, document.clone()).unwrap();
        Self { document, compiler, schemas: Schemas::new() }
    }

    fn fits(&mut self, place: &str, value: &Value) -> Result<(), String> {
        let place = format!("{PLACE}#{place}");
        let schema = self.compiler.compile(&place, &mut self.schemas);
        let schema = schema.unwrap_or_else(|error| panic!("{place}: {error:#}"));
        self.schemas.validate(value, schema).map_err(|error| format!("{error:#}"))
    }

    /// Every operation: its path, its method, and its place in the document.
    fn operations(&self) -> Vec<(String, String, String)> {
        let paths = self.document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| {
                let place = format!("/paths/{}/{method}", path.replace('/', "~1"));
                (path.clone(), method.to_uppercase(), place)
            })
        });
        all.collect()
    }

    /// That an answer is one that the operation promises.
    fn judge(&mut self, case: &str, place: &str, answer: &Answer) {
        let found = &self.document.pointer(place).unwrap()["responses"][answer.status.to_string()];
        assert!(found.is_object(), "{case}: {} is not documented", answer.status);
        let (kind, form) = found["content"].as_object().unwrap().iter().next().unwrap();
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{case}: {answer:?}");
        if kind.contains("json") && form.get("schema").is_some() {
            let kind = kind.replace('/', "~1");
            let at = format!("{place}/responses/{}/content/{kind}/schema", answer.status);
            assert_eq!(self.fits(&at, &answer.json()), Ok(()), "{case}");
        }
        assert!(!answer.body.contains("x5e"), "{case} is repeated: {answer:?}");
    }
}

/// A path with an order that is there.
fn filled(path: &str) -> String {
    path.replace("{id}", &order_id(A, 1).to_string())
}

#[test]
fn the_committed_document_is_the_one_that_the_paths_give() {
    let made = format!("{:#}\n", bmn_operations::document());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if env::var_os("BMN_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == made,
        "docs/openapi.json is not what the port is; write it again with\n  \
         BMN_BLESS=1 cargo test -p bmn-operations --test it"
    );
}

#[tokio::test]
async fn the_document_is_served_and_its_forms_are_schemas() {
    let mut contract = Contract::read();
    let served = World::new().await.get("/openapi.json").await;
    assert_eq!((served.status, served.json()), (200, contract.document.clone()));
    assert!(contract.document["openapi"].as_str().unwrap().starts_with("3.1"));
    let names: Vec<String> =
        contract.document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    for name in names {
        // Whether it says yes or no to this is the same: it is a schema.
        let _ = contract.fits(&format!("/components/schemas/{name}"), &Value::Null);
    }
}

#[tokio::test]
async fn every_path_answers_in_its_form_and_refuses_other_methods_parameters_and_large_bodies() {
    let (world, mut contract) = (World::new().await, Contract::read());
    let address = world.port.address();
    let operations = contract.operations();
    assert_eq!(operations.len(), 9);
    for (path, method, place) in operations {
        let path = filled(&path);
        let ask = async |method: &str, path: &str, body: &str| {
            send(address, &format!("{method} {path}"), &["connection: close"], body).await
        };
        let plain = ask(&method, &path, "").await;
        assert_eq!(plain.status, if method == "POST" { 403 } else { 200 }, "{path}: {plain:?}");
        contract.judge(&path, &place, &plain);
        for other in
            ["PUT", "DELETE", "PATCH", "OPTIONS", if method == "GET" { "POST" } else { "GET" }]
        {
            let answer = ask(other, &path, "").await;
            assert_eq!(answer.status, 405, "{other} {path}");
            contract.judge(&path, &place, &answer);
        }
        let answer = ask(&method, &path, &"x".repeat(5_000)).await;
        assert_eq!(answer.status, 413, "{path}");
        contract.judge(&path, &place, &answer);
        if method == "GET" {
            for query in ["x5e=1", "x5e", "=", "&x5e"] {
                let answer = ask(&method, &format!("{path}?{query}"), "").await;
                assert_eq!(answer.status, 400, "{path}?{query}");
                contract.judge(&path, &place, &answer);
            }
        }
    }
}

/// What nobody should send.
const HOSTILE: [&str; 18] = [
    "",
    "x5e",
    "0",
    "1",
    "-1",
    "007",
    "1.0",
    "1e3",
    "99999999999999999999",
    "null",
    "true",
    "%00",
    "%FF",
    "0xx5e",
    "2026-02-30",
    "2026-01-01",
    ",",
    "0x0000000000000000000000000000000000000000",
];

#[tokio::test]
async fn every_parameter_is_read_as_it_is_described() {
    let (world, mut contract) = (World::new().await, Contract::read());
    let (mut refused, mut taken) = (0, 0);
    for (path, _, place) in contract.operations() {
        let parameters = contract.document.pointer(&place).unwrap()["parameters"].clone();
        for (number, parameter) in parameters.as_array().into_iter().flatten().enumerate() {
            let name = parameter["name"].as_str().unwrap();
            for value in HOSTILE {
                let path = if parameter["in"] == "path" {
                    if value.is_empty() {
                        continue;
                    }
                    path.replace("{id}", value)
                } else {
                    format!("{path}?{name}={value}")
                };
                let answer = world.get(&path).await;
                contract.judge(&path, &place, &answer);
                let typed = match parameter["schema"]["type"].as_str() {
                    Some("integer") => serde_json::from_str(value).unwrap_or(json!(value)),
                    _ => json!(value),
                };
                let schema = format!("{place}/parameters/{number}/schema");
                if contract.fits(&schema, &typed).is_err() {
                    assert_eq!(answer.status, 400, "{path} is not described");
                }
                if answer.status == 400 {
                    assert_eq!(answer.json()["parameter"], name, "{path}");
                    refused += 1;
                } else {
                    taken += 1;
                }
            }
        }
    }
    assert!(refused > 150 && taken > 20, "{refused} refused, {taken} taken");
}
