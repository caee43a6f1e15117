//! The document, as the cases need it.

use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};

const TEXT: &str = include_str!("../../../../../docs/openrpc.json");
const PLACE: &str = "https://example.org/openrpc.json";

/// A parameter.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) required: bool,
    /// Where its schema is in the document.
    pub(super) schema: String,
    /// The fields of its form, if that is an object.
    pub(super) fields: Vec<String>,
}

/// A method.
#[derive(Debug, Clone)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) access: String,
    pub(super) parameters: Vec<Parameter>,
    /// Whether the server also reads them by name.
    pub(super) by_name: bool,
    /// Where the schema of its result is.
    pub(super) result: String,
    pub(super) codes: Vec<i64>,
    /// The parameters of its example, those that are left out as `null`.
    pub(super) example: Vec<Value>,
    pub(super) answer: Value,
    /// The method that ends what it begins.
    pub(super) unsubscribe: Option<String>,
    pub(super) is_subscription: bool,
}

/// The document with its schemas.
pub(super) struct Contract {
    pub(super) document: Value,
    pub(super) methods: Vec<Method>,
    compiler: Compiler,
    schemas: Schemas,
}

impl Contract {
    pub(super) fn read() -> Self {
        let document: Value = serde_json::from_str(TEXT).unwrap();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler.add_resource(PLACE, document.clone()).unwrap();
        let methods = document["methods"].as_array().unwrap().iter().enumerate();
        let methods = methods.map(|(place, method)| read(&document, place, method)).collect();
        Self { document, methods, compiler, schemas: Schemas::new() }
    }

    /// Whether a value has the form at this place.
    pub(super) fn fits(&mut self, place: &str, value: &Value) -> Result<(), String> {
        let schema = self.compiler.compile(&format!("{PLACE}#{place}"), &mut self.schemas).unwrap();
        self.schemas.validate(value, schema).map_err(|error| format!("{error:#}"))
    }
}

fn read(document: &Value, place: usize, method: &Value) -> Method {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let example = &method["examples"][0];
    let given = |name: &str| {
        let given = example["params"].as_array().unwrap();
        let value = given.iter().find(|param| param["name"] == name);
        value.map_or(Value::Null, |param| param["value"].clone())
    };
    let parameters: Vec<Parameter> = method["params"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, param)| Parameter {
            name: text(&param["name"]),
            required: param["required"] == true,
            schema: format!("/methods/{place}/params/{number}/schema"),
            fields: fields(document, &param["schema"]),
        })
        .collect();
    let codes = method["errors"].as_array().unwrap().iter().map(|error| {
        let entry = document.pointer(&text(&error["$ref"])[1..]).unwrap();
        entry["code"].as_i64().unwrap()
    });
    let unsubscribe = method["x-notification"]["unsubscribe"].as_str().map(str::to_owned);
    let name = text(&method["name"]);
    Method {
        access: text(&method["x-access"]),
        by_name: method["paramStructure"] == "either",
        result: format!("/methods/{place}/result/schema"),
        codes: codes.collect(),
        example: parameters.iter().map(|parameter| given(&parameter.name)).collect(),
        answer: example["result"]["value"].clone(),
        is_subscription: name.contains("ubscribe"),
        unsubscribe,
        parameters,
        name,
    }
}

/// The fields of an object, also of one that may be `null` or one of several.
fn fields(document: &Value, schema: &Value) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return fields(document, document.pointer(&target[1..]).unwrap());
    }
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let none = json!([]);
    let choices = schema["anyOf"].as_array().or(none.as_array()).unwrap();
    own.chain(choices.iter().flat_map(|choice| fields(document, choice))).collect()
}
