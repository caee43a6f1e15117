//! What is wrong with a value, by its schema: as much of JSON Schema as the document uses.

use serde_json::Value;
use std::collections::BTreeSet;

/// Names a value and its form.
pub(super) fn expected(name: &str, form: &str) -> String {
    format!("`{name}`: expected {form}")
}

/// The first part of a value that has not its form, by the path that an error gives it.
pub(super) fn fault(name: &str, value: &Value, schema: &Value, document: &Value) -> Option<String> {
    let wrong = || expected(name, &words(schema, document));
    let inner = |schema: &Value| fault(name, value, schema, document);
    if let Some(target) = target(schema, document) {
        return inner(target);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(inner);
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let faults: Vec<_> = choices.iter().map(inner).collect();
        // Of several forms the one that could have been meant tells more than all of them.
        let meant =
            choices.iter().zip(&faults).find(|(choice, _)| is_kind(value, choice, document));
        let deeper = meant.and_then(|(_, fault)| fault.clone()).filter(|_| !value.is_string());
        return faults.iter().all(Option::is_some).then(|| deeper.unwrap_or_else(wrong));
    }
    if !is_kind(value, schema, document) || !is_among(value, schema) || !is_within(value, schema) {
        return Some(wrong());
    }
    match value {
        Value::Object(_) => in_object(name, value, schema, document),
        Value::Array(items) => {
            items.iter().find_map(|item| fault(name, item, &schema["items"], document))
        }
        _ => None,
    }
}

/// Whether a list is one of the forms.
pub(super) fn takes_list(schema: &Value, document: &Value) -> bool {
    if let Some(target) = target(schema, document) {
        return takes_list(target, document);
    }
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    schema["type"] == "array" || choices.into_iter().any(|choice| takes_list(choice, document))
}

/// The schema that a reference names.
fn target<'a>(schema: &Value, document: &'a Value) -> Option<&'a Value> {
    document.pointer(schema["$ref"].as_str()?.strip_prefix('#')?)
}

fn in_object(name: &str, value: &Value, schema: &Value, document: &Value) -> Option<String> {
    let (fields, known) = (value.as_object()?, schema["properties"].as_object()?);
    let path = |field: &str| format!("{name}.{field}");
    if schema["additionalProperties"] == false && !fields.keys().all(|it| known.contains_key(it)) {
        return Some(only(name, known.keys().map(String::as_str)));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing = required.into_iter().find(|field| !fields.contains_key(*field));
    if let Some(field) = missing {
        let form = known.get(field).map_or_else(String::new, |schema| words(schema, document));
        return Some(expected(&path(field), &form));
    }
    known
        .iter()
        .find_map(|(field, schema)| fault(&path(field), fields.get(field)?, schema, document))
}

/// A field that none of an object's forms has.
pub(super) fn stranger(
    name: &str,
    value: &Value,
    schema: &Value,
    document: &Value,
) -> Option<String> {
    let known = fields(schema, document);
    let strange = |field: &String| !known.contains(&field.as_str());
    let found = !known.is_empty() && value.as_object()?.keys().any(strange);
    found.then(|| only(name, known))
}

fn fields<'a>(schema: &'a Value, document: &'a Value) -> BTreeSet<&'a str> {
    if let Some(target) = target(schema, document) {
        return fields(target, document);
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    let inner = choices.flat_map(|choice| fields(choice, document));
    own.map(|(name, _)| name.as_str()).chain(inner).collect()
}

fn only<'a>(name: &str, fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<_> = fields.into_iter().collect();
    expected(name, &format!("no fields but {}", fields.join(", ")))
}

fn is_kind(value: &Value, schema: &Value, document: &Value) -> bool {
    let schema = target(schema, document).unwrap_or(schema);
    let is = |kind: &Value| match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    }
}

fn is_among(value: &Value, schema: &Value) -> bool {
    let among = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    among && schema.get("const").is_none_or(|only| only == value)
}

/// Bounds of numbers, lengths of texts and lists.
fn is_within(value: &Value, schema: &Value) -> bool {
    let count = |key: &str| schema[key].as_u64();
    match value {
        Value::String(text) => {
            let length = text.chars().count() as u64;
            count("minLength").is_none_or(|least| length >= least)
                && count("maxLength").is_none_or(|most| length <= most)
                && schema["pattern"].as_str().and_then(digits).is_none_or(|most| is_hex(text, most))
        }
        Value::Array(items) => {
            let length = items.len() as u64;
            count("minItems").is_none_or(|least| length >= least)
                && count("maxItems").is_none_or(|most| length <= most)
        }
        Value::Number(number) => match (number.as_u64(), schema["minimum"].as_i64()) {
            (Some(number), least) => {
                least.is_none_or(|least| u64::try_from(least).map_or(true, |it| number >= it))
                    && count("maximum").is_none_or(|most| number <= most)
            }
            (None, least) => number.as_i64() >= least,
        },
        _ => true,
    }
}

/// The digits that a pattern of plain hex asks for.
fn digits(pattern: &str) -> Option<usize> {
    pattern.strip_prefix("^0x[0-9a-fA-F]{")?.strip_suffix("}$")?.parse().ok()
}

fn is_hex(text: &str, digits: usize) -> bool {
    let found = text.strip_prefix("0x").unwrap_or_default();
    found.len() == digits && found.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A form in words, as the document has it.
fn words(schema: &Value, document: &Value) -> String {
    if let Some(target) = target(schema, document) {
        return words(target, document);
    }
    if let Some(form) = schema["x-form"].as_str() {
        return form.to_owned();
    }
    let joined = |parts: &[Value], each: &dyn Fn(&Value) -> String| {
        let mut parts: Vec<_> = parts.iter().map(each).collect();
        parts.dedup();
        parts.join(" or ")
    };
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(parts) = schema[key].as_array() {
            return joined(parts, &|part| words(part, document));
        }
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return joined(values, &Value::to_string);
    }
    match &schema["type"] {
        Value::Array(kinds) => joined(kinds, &kind),
        one => kind(one),
    }
}

fn kind(name: &Value) -> String {
    let words = match name.as_str() {
        Some("object") => "an object",
        Some("array") => "a list",
        Some("integer") => "a whole number",
        Some("boolean") => "true or false",
        Some("null") => "null",
        _ => "text",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_is_named_by_its_path_with_its_form_and_without_the_value() {
        let document = json!({ "components": { "schemas": {
            "Kind": { "oneOf": [{ "type": "string", "enum": ["a", "b"] }, { "const": "c" }] },
            "Address": { "type": "string", "pattern": "^0x[0-9a-fA-F]{4}$", "x-form": "an address" },
        }}});
        let schema = json!({
            "type": "object", "required": ["kind"], "additionalProperties": false,
            "properties": {
                "kind": { "$ref": "#/components/schemas/Kind" },
                "at": { "anyOf": [{ "$ref": "#/components/schemas/Address" }, { "type": "null" }] },
                "many": { "type": ["array", "null"], "maxItems": 2, "items": { "type": "integer", "minimum": 0 } },
                "size": { "type": "integer", "minimum": 1, "maximum": 9 },
            },
        });
        let told = |value| fault("it", &value, &schema, &document);
        for good in [
            json!({ "kind": "a" }),
            json!({ "kind": "c", "at": null, "many": [1, 2], "size": 9 }),
            json!({ "kind": "b", "at": "0xabCD", "many": null }),
        ] {
            assert_eq!(told(good.clone()), None, "{good}");
        }
        for (bad, says) in [
            (json!(5), "`it`: expected an object"),
            (json!({}), "`it.kind`: expected \"a\" or \"b\" or \"c\""),
            (json!({ "kind": "zz" }), "`it.kind`: expected \"a\" or \"b\" or \"c\""),
            (json!({ "kind": "a", "zz": 1 }), "`it`: expected no fields but at, kind, many, size"),
            (json!({ "kind": "a", "at": "0xzz" }), "`it.at`: expected an address or null"),
            (json!({ "kind": "a", "many": [1, -1] }), "`it.many`: expected a whole number"),
            (json!({ "kind": "a", "many": [1, 2, 3] }), "`it.many`: expected a list or null"),
            (json!({ "kind": "a", "size": 0 }), "`it.size`: expected a whole number"),
            (json!({ "kind": "a", "size": 10 }), "`it.size`: expected a whole number"),
            (json!({ "kind": "a", "size": 1.5 }), "`it.size`: expected a whole number"),
        ] {
            assert_eq!(told(bad.clone()).as_deref(), Some(says), "{bad}");
        }
    }
}
