//! The document's own shape (OpenRPC 1.3.2).

use super::{codes::ErrorEntry, schemas::sorted};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Everybody whom the server lets in.
    Public,
    /// Whoever runs the node, to read.
    Operator,
    /// Whoever runs the node, to change what it does.
    Admin,
}

/// The document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Version of OpenRPC.
    pub openrpc: &'static str,
    /// What is described.
    pub info: Info,
    /// The methods, in the order of the traits.
    pub methods: Vec<Method>,
    /// What the methods refer to.
    pub components: Components,
}

/// What is described.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Its name.
    pub title: &'static str,
    /// Version of this crate.
    pub version: &'static str,
    /// What holds for all methods.
    pub description: String,
    /// Its licence.
    pub license: License,
}

/// A licence.
#[derive(Debug, Clone, Serialize)]
pub struct License {
    /// SPDX expression.
    pub name: &'static str,
}

/// A method.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// Full name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// All that its doc comment says.
    pub description: String,
    /// `either`: the server reads a list and an object. `by-position` where the server reads lists alone.
    pub param_structure: &'static str,
    /// Its parameters, in their order; those that may be left out come last.
    pub params: Vec<Content>,
    /// What it answers.
    pub result: Content,
    /// References to what it may answer instead.
    pub errors: Vec<Value>,
    /// One call.
    pub examples: Vec<Example>,
    /// Who may call it.
    #[serde(rename = "x-access")]
    pub access: Access,
    /// What a subscriber is told.
    #[serde(rename = "x-notification", skip_serializing_if = "Option::is_none")]
    pub notification: Option<Notification>,
}

/// A parameter or a result.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Its name.
    pub name: String,
    /// Whether it has to be there.
    pub required: bool,
    /// Its form.
    pub schema: Value,
    /// Its form in words.
    #[serde(rename = "x-form")]
    pub form: String,
}

/// A notification of a subscription.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// `method` of the notification.
    pub name: String,
    /// `params.result` of it; `params.subscription` is the subscription's id.
    pub result: Content,
    /// The method that ends the subscription.
    pub unsubscribe: String,
}

/// A call and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    /// Its name.
    pub name: String,
    /// The parameters.
    pub params: Vec<ExampleValue>,
    /// The answer.
    pub result: ExampleValue,
}

/// A value of an example.
#[derive(Debug, Clone, Serialize)]
pub struct ExampleValue {
    /// Name of the parameter.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl ExampleValue {
    /// A value by its name.
    pub(super) fn new(name: &str, value: Value) -> Self {
        Self { name: name.to_owned(), value: sorted(value) }
    }
}

/// What the methods refer to.
#[derive(Debug, Clone, Serialize)]
pub struct Components {
    /// Forms by name, as JSON schemas of draft 7.
    pub schemas: BTreeMap<String, Value>,
    /// Errors by name.
    pub errors: BTreeMap<String, ErrorEntry>,
}
