//! One call of each method, with its answer. The reads are what the server answers over the rows of its own tests,
//! which compare them.

use super::{DocumentError, Example, ExampleValue};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const TEXT: &str = include_str!("examples.json");

#[derive(Deserialize)]
struct Call {
    params: BTreeMap<String, Value>,
    result: Value,
}

/// Examples by method; each is taken once.
pub(super) struct Examples(BTreeMap<String, Call>);

impl Examples {
    pub(super) fn read() -> Result<Self, DocumentError> {
        Ok(Self(serde_json::from_str(TEXT)?))
    }

    /// The example of a method, its parameters in the method's order.
    pub(super) fn take(&mut self, method: &str, names: &[&str]) -> Result<Example, DocumentError> {
        let none = || DocumentError::Example(method.to_owned());
        let mut call = self.0.remove(method).ok_or_else(none)?;
        let params = names
            .iter()
            .filter_map(|name| Some(ExampleValue::new(name, call.params.remove(*name)?)))
            .collect();
        if !call.params.is_empty() {
            return Err(none());
        }
        let result = ExampleValue::new("result", call.result);
        Ok(Example { name: method.to_owned(), params, result })
    }

    /// That nothing is left over.
    pub(super) fn finish(self) -> Result<(), DocumentError> {
        self.0.into_keys().next().map_or(Ok(()), |method| Err(DocumentError::Example(method)))
    }
}
