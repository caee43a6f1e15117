//! The OpenAPI document: the paths as they are routed, with the forms that the methods of `bmn_*` have.

use crate::{
    query::{Form, ORDERS, Parameter, STATISTICS},
    routes,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What is served; a test compares it with what is made.
pub(crate) const COMMITTED: &str = include_str!("../../../docs/openapi.json");

/// The description of the methods, which has the forms.
const METHODS: &str = include_str!("../../../docs/openrpc.json");

const ABOUT: &str = "Health, metrics and a small REST interface of a resolver node, for monitors and scripts. Answers \
    are those of the bmn_* JSON-RPC (docs/openrpc.json), each from one snapshot of the database. Errors are problem \
    details (RFC 9457); one about a parameter names it. What is not described is refused.";

/// Which of the methods' forms has the fields of a path's query.
const QUERIES: [(&str, &str, &[Parameter]); 2] = [
    ("/api/v1/orders", "SwapFilter", &ORDERS),
    ("/api/v1/statistics", "StatisticsFilter", &STATISTICS),
];

/// What every path may answer.
const REFUSALS: [(&str, &str); 6] = [
    ("400", "A parameter that there is not, or of another form"),
    ("403", "The Host header names another server, or what is asked for is switched off"),
    ("405", "Another method"),
    ("413", "The body is too large"),
    ("500", "The node failed; its log says why"),
    ("503", "Too much at once, too slow, or not available now"),
];

/// The document, with its keys in one order.
pub fn document() -> Value {
    let methods: Value = serde_json::from_str(METHODS).unwrap_or_default();
    let forms = &methods["components"]["schemas"];
    let (_, api) = routes::routes().split_for_parts();
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    document["info"] = json!({
        "title": "bmn operations",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
    });
    document["components"]["schemas"]["Problem"] = problem();
    document["components"]["schemas"]["Maintenance"] = maintenance();
    document["components"]["securitySchemes"] = json!({
        "operator": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
    });
    for (path, filter, parameters) in QUERIES {
        let described: Vec<Value> =
            parameters.iter().map(|parameter| described(parameter, filter, forms)).collect();
        document["paths"][path]["get"]["parameters"] = described.into();
    }
    for path in objects(&mut document["paths"]) {
        objects(path).for_each(refusals);
    }
    take_forms(&mut document, forms);
    sorted(document)
}

fn schema_of<T: utoipa::PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

fn problem() -> Value {
    schema_of::<crate::problem::Problem>()
}

fn maintenance() -> Value {
    schema_of::<crate::maintenance::Maintenance>()
}

fn objects(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(|map| map.values_mut())
}

fn described(parameter: &Parameter, filter: &str, forms: &Value) -> Value {
    let (form, words) = match parameter.name {
        "cursor" => {
            (forms["Cursor"].clone(), "Where the page begins: the `next` of the page before")
        }
        "limit" => (forms["Limit"].clone(), "Items on the page"),
        name => (forms[filter]["properties"][name].clone(), ""),
    };
    let told = form["description"].as_str().filter(|_| words.is_empty()).unwrap_or(words);
    let mut described = json!({
        "name": parameter.name, "in": "query", "required": false, "description": told,
        "schema": given(form.clone()),
    });
    if parameter.form == Form::List {
        described["description"] =
            format!("{told} In a query a list is written with commas.").into();
        described["schema"] = json!({ "type": "string" });
    }
    described
}

/// A form without `null`: what is not given is left out of a query.
fn given(mut form: Value) -> Value {
    if let Some(form) = form.as_object_mut() {
        form.remove("description");
        if let Some(Value::Array(kinds)) = form.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [one] = kinds.as_slice() {
                let one = one.clone();
                form.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(forms)) = form.get("anyOf") {
            let only = forms.iter().find(|form| form["type"] != "null").cloned();
            return only.unwrap_or_default();
        }
    }
    form
}

fn refusals(operation: &mut Value) {
    for (status, words) in REFUSALS {
        let answers = &mut operation["responses"];
        if answers.get(status).is_none() {
            answers[status] = json!({
                "description": words,
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                } },
            });
        }
    }
}

/// Brings every form that the document refers to, and those that they refer to.
fn take_forms(document: &mut Value, forms: &Value) {
    let mut wanted = BTreeSet::new();
    references(document, &mut wanted);
    let mut taken = Map::new();
    while let Some(name) = wanted.pop_first() {
        let known = &document["components"]["schemas"];
        if known.get(&name).is_some() || taken.contains_key(&name) {
            continue;
        }
        let form = forms[&name].clone();
        references(&form, &mut wanted);
        taken.insert(name, form);
    }
    for (name, form) in taken {
        document["components"]["schemas"][&name] = form;
    }
}

fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let named = map.get("$ref").and_then(Value::as_str);
            into.extend(
                named.and_then(|it| it.strip_prefix("#/components/schemas/")).map(str::to_owned),
            );
            map.values().for_each(|value| references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

/// With its keys in one order, whatever else is compiled in: serde_json may keep the order of insertion.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}
