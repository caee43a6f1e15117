//! What a client could send by mistake or out of malice.

use super::document::{Contract, Method, Parameter};
use serde_json::{Value, json};

/// A text that no answer may repeat: it might be a secret.
pub(super) const TEXT: &str = "zzz-zzz";

/// One call.
pub(super) struct Case {
    pub(super) what: &'static str,
    /// The parameters, as text.
    pub(super) params: String,
    /// Whether the document allows them.
    pub(super) allowed: bool,
    /// Of these an error must name one; any error will do for a method without parameters.
    pub(super) names: Vec<String>,
}

/// Values in every wrong way, as text: some are no value that could be held here.
fn values() -> Vec<(&'static str, String)> {
    let hex = |digits: usize| format!("\"0x{}\"", "1".repeat(digits));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    [
        ("null", "null".to_owned()),
        ("a truth", "true".to_owned()),
        ("a negative number", "-1".to_owned()),
        ("zero", "0".to_owned()),
        ("a fraction", "1.5".to_owned()),
        ("a number above 64 bits", "18446744073709551616".to_owned()),
        ("a number below 64 bits", "-9223372036854775809".to_owned()),
        ("a number without bounds", "1e999".to_owned()),
        ("an empty text", "\"\"".to_owned()),
        ("another text", format!("\"{TEXT}\"")),
        ("a long text", format!("\"{}\"", TEXT.repeat(10_000))),
        ("no hex", format!("\"0x{}\"", "g".repeat(64))),
        ("an odd number of digits", hex(39)),
        ("a digit too much", hex(41)),
        ("a byte too little", hex(62)),
        ("a byte too much", hex(66)),
        ("another script", "\"\u{1f600}\u{0}\\u0000\"".replace('\u{0}', "")),
        ("an empty list", "[]".to_owned()),
        ("a list of nothing", "[null]".to_owned()),
        ("a long list", json!(vec![0; 10_000]).to_string()),
        ("an empty object", "{}".to_owned()),
        ("an unknown field", format!("{{\"{TEXT}\":1}}")),
        ("deep nesting", deep),
    ]
    .into()
}

/// The body of this name.
pub(super) fn body(what: &str) -> String {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"bmn_getMode"}"#;
    let batch = |calls: usize| format!("[{}]", vec![one; calls].join(","));
    match what {
        "nested lists" => deep("[", "]"),
        "nested objects" => deep("{\"a\":", "}").replace(":}", ":1}"),
        "no end" => "[".repeat(10_000),
        "an empty batch" => batch(0),
        "100 calls" => batch(100),
        "101 calls" => batch(101),
        "4 000 calls" => batch(4_000),
        "10 000 calls" => batch(10_000),
        other => panic!("no body is called {other}"),
    }
}

/// Every wrong value in every place of a method.
pub(super) fn cases(method: &Method, contract: &mut Contract) -> Vec<Case> {
    let mut cases = amounts(method);
    for (place, parameter) in method.parameters.iter().enumerate() {
        for (what, value) in values() {
            let allowed = fits(contract, parameter, &value);
            let names = names(parameter);
            let mut call =
                |params| cases.push(Case { what, params, allowed, names: names.clone() });
            call(listed(method, place, &value));
            if method.by_name {
                call(named(method, place, &value));
            }
        }
        cases.extend(in_fields(method, place, contract));
    }
    cases
}

/// Too few parameters, and too many.
fn amounts(method: &Method) -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, parameter) in method.parameters.iter().enumerate() {
        let allowed = !parameter.required;
        let mut call = |what, params: Value| {
            let (params, names) = (params.to_string(), names(parameter));
            cases.push(Case { what, params, allowed, names });
        };
        call("missing in a list", json!(method.example[..place]));
        if method.by_name {
            let mut given = object(method);
            given.as_object_mut().unwrap().remove(&parameter.name);
            call("missing by name", given);
        }
    }
    if method.by_name {
        let all = method.parameters.iter().map(|parameter| parameter.name.clone());
        let all: Vec<String> = all.collect();
        let mut list = method.example.clone();
        list.push(json!(TEXT));
        let mut given = object(method);
        given[TEXT] = json!(TEXT);
        for (what, params) in [("one too much in a list", json!(list)), ("an unknown name", given)]
        {
            let (allowed, names) = (false, all.clone());
            let params = params.to_string();
            cases.push(Case { what, params, allowed, names });
        }
    }
    cases
}

/// Every wrong value in every field of an object.
fn in_fields(method: &Method, place: usize, contract: &mut Contract) -> Vec<Case> {
    let parameter = &method.parameters[place];
    let whole = match &method.example[place] {
        Value::Object(fields) => fields.clone(),
        _ => serde_json::Map::new(),
    };
    let mut cases = Vec::new();
    for field in &parameter.fields {
        let mut rest = whole.clone();
        rest.remove(field);
        let rest = Value::Object(rest).to_string();
        let rest = rest.trim_start_matches('{').trim_end_matches('}');
        let comma = if rest.is_empty() { "" } else { "," };
        for (what, value) in values() {
            let value = format!("{{\"{field}\":{value}{comma}{rest}}}");
            let allowed = fits(contract, parameter, &value);
            let params = listed(method, place, &value);
            cases.push(Case { what, params, allowed, names: names(parameter) });
        }
    }
    cases
}

/// What an error about it may be called by.
fn names(parameter: &Parameter) -> Vec<String> {
    [&parameter.name].into_iter().chain(&parameter.fields).cloned().collect()
}

fn fits(contract: &mut Contract, parameter: &Parameter, value: &str) -> bool {
    let value = serde_json::from_str::<Value>(value);
    value.is_ok_and(|value| contract.fits(&parameter.schema, &value).is_ok())
}

/// The example with one other value, by position.
fn listed(method: &Method, place: usize, value: &str) -> String {
    let mut values: Vec<_> = method.example.iter().map(Value::to_string).collect();
    value.clone_into(&mut values[place]);
    format!("[{}]", values.join(","))
}

/// The same by name.
fn named(method: &Method, place: usize, value: &str) -> String {
    let mut values: Vec<_> = method.example.iter().map(Value::to_string).collect();
    value.clone_into(&mut values[place]);
    let names = method.parameters.iter().zip(values);
    let fields: Vec<_> = names.map(|(it, value)| format!("\"{}\":{value}", it.name)).collect();
    format!("{{{}}}", fields.join(","))
}

fn object(method: &Method) -> Value {
    let names = method.parameters.iter().map(|parameter| parameter.name.clone());
    names.zip(method.example.iter().cloned()).collect()
}
