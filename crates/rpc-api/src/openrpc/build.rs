//! How the document is put together.

use super::{
    Components, Content, Document, DocumentError, Info, License, Method, Notification, codes,
    examples::Examples,
    schemas::Schemas,
    source,
    source::{Answer, Type},
    text,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ABOUT: &str = "An index of atomic swaps between chains and a resolver that settles them. Chain ids, block \
    numbers, sequence numbers and times (unix seconds) are JSON numbers; amounts are decimal strings in the \
    token's smallest unit; addresses, hashes and words are 0x hex; names are camelCase, and an absent value is \
    null. A field may be added to a result at any time. Parameters go by position or by name. A malformed one is \
    answered with -32602, and `data` names it with the accepted form. `x-access` tells on which server a method \
    is: `public`, `operator` (reads for whoever runs the node) or `admin` (changes what the node does).";

pub(super) fn document() -> Result<Document, DocumentError> {
    let mut parts = Parts { schemas: Schemas::new(), examples: Examples::read()? };
    let mut methods = Vec::new();
    for method in source::methods()? {
        methods.extend(parts.describe(&method)?);
    }
    parts.examples.finish()?;
    let schemas = parts.schemas.finish()?;
    for content in methods.iter_mut().flat_map(contents) {
        content.form = form(&content.schema, &schemas);
    }
    Ok(Document {
        openrpc: "1.3.2",
        info: Info {
            title: "bmn",
            version: env!("CARGO_PKG_VERSION"),
            description: ABOUT.to_owned(),
            license: License { name: env!("CARGO_PKG_LICENSE") },
        },
        methods,
        components: Components { schemas, errors: codes::all()? },
    })
}

fn contents(method: &mut Method) -> impl Iterator<Item = &mut Content> {
    let told = method.notification.as_mut().map(|notification| &mut notification.result);
    method.params.iter_mut().chain([&mut method.result]).chain(told)
}

struct Parts {
    schemas: Schemas,
    examples: Examples,
}

impl Parts {
    /// The method; of a subscription also the method that ends it.
    fn describe(&mut self, method: &source::Method) -> Result<Vec<Method>, DocumentError> {
        let name = &method.name;
        if method.docs.is_empty() {
            return Err(DocumentError::Silent(name.clone()));
        }
        let params = method
            .parameters
            .iter()
            .map(|parameter| {
                let required = !matches!(parameter.form, Type::Optional(_));
                let schema = self.schemas.parameter(&parameter.form);
                let schema = schema.ok_or_else(|| unknown(name, &parameter.form))?;
                Ok::<_, DocumentError>(content(&parameter.name, required, schema))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut result = |form: &Type| {
            let schema = self.schemas.result(form).ok_or_else(|| unknown(name, form))?;
            Ok::<_, DocumentError>(content("result", true, schema))
        };
        let (result, notification) = match &method.answer {
            Answer::Result(form) => (result(form)?, None),
            Answer::Subscription { notification, unsubscribe, item } => {
                let (name, unsubscribe) = (notification.clone(), unsubscribe.clone());
                let told = Notification { name, result: result(item)?, unsubscribe };
                (content("subscription", true, subscription_id()), Some(told))
            }
        };
        let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
        let described = Method {
            name: name.clone(),
            summary: text::summary(&method.docs).to_owned(),
            description: method.docs.clone(),
            param_structure: "either",
            examples: vec![self.examples.take(name, &names)?],
            params,
            result,
            errors: references(codes::named(name, &method.docs)?),
            access: method.access,
            notification,
        };
        let end = described.notification.as_ref().map(|told| told.unsubscribe.clone());
        let end = end.map(|end| self.unsubscribe(&end, &described)).transpose()?;
        Ok([described].into_iter().chain(end).collect())
    }

    /// The server library's own method.
    fn unsubscribe(&mut self, name: &str, of: &Method) -> Result<Method, DocumentError> {
        let description = format!(
            "Ends a subscription of `{}`. False when there is none of this id on the connection.",
            of.name
        );
        Ok(Method {
            name: name.to_owned(),
            summary: text::summary(&description).to_owned(),
            param_structure: "by-position",
            params: vec![content("subscription", true, subscription_id())],
            result: content("result", true, json!({ "type": "boolean" })),
            errors: references(codes::named(name, &description)?),
            examples: vec![self.examples.take(name, &["subscription"])?],
            access: of.access,
            notification: None,
            description,
        })
    }
}

fn content(name: &str, required: bool, schema: Value) -> Content {
    Content { name: name.to_owned(), required, schema, form: String::new() }
}

fn unknown(method: &str, form: &Type) -> DocumentError {
    let name = match form {
        Type::Named(name) => name.clone(),
        Type::Optional(inner) | Type::List(inner) => return unknown(method, inner),
    };
    DocumentError::UnknownType { method: method.to_owned(), name }
}

/// Servers number their subscriptions or name them by random text.
fn subscription_id() -> Value {
    json!({ "type": ["integer", "string"], "x-form": "the id that the server gave" })
}

fn references(names: Vec<&str>) -> Vec<Value> {
    let path = |name| json!({ "$ref": format!("#/components/errors/{name}") });
    names.into_iter().map(path).collect()
}

/// A form in words: those of the schema itself, or what its type tells.
fn form(schema: &Value, all: &BTreeMap<String, Value>) -> String {
    if let Some(form) = schema.get("x-form").and_then(Value::as_str) {
        return form.to_owned();
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = target.rsplit('/').next().unwrap_or_default();
        return all.get(name).map_or_else(String::new, |schema| match schema.get("type") {
            Some(kind) if kind == "object" => format!("an object, {name}"),
            _ => form(schema, all),
        });
    }
    if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)?.as_array()) {
        let mut choices: Vec<_> = choices.iter().map(|choice| form(choice, all)).collect();
        choices.dedup();
        return choices.join(" or ");
    }
    if let Some(text) = schema.get("const") {
        return text.to_string();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type") {
        Some(Value::Array(kinds)) => {
            let words = kinds.iter().map(|kind| word(kind, schema, all));
            words.collect::<Vec<_>>().join(" or ")
        }
        Some(kind) => word(kind, schema, all),
        None => "any value".to_owned(),
    }
}

fn word(kind: &Value, schema: &Value, all: &BTreeMap<String, Value>) -> String {
    match kind.as_str() {
        Some("array") => {
            let items = schema.get("items").map_or_else(String::new, |items| form(items, all));
            format!("a list of: {items}")
        }
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => "a whole number".to_owned(),
        Some("null") => "null".to_owned(),
        Some("object") => "an object".to_owned(),
        _ => "text".to_owned(),
    }
}
