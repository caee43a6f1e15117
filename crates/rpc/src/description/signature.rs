//! The parameters of a method.

use super::form;
use jsonrpsee::types::Params;
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::BTreeMap};

/// What a method is described to take.
pub(super) struct Signature {
    parameters: Vec<Parameter>,
    /// Whether an object of parameters is read, too.
    by_name: bool,
}

struct Parameter {
    name: String,
    /// As the traits have it, which the server library reads too.
    snake: String,
    required: bool,
    takes_list: bool,
    schema: Value,
    form: String,
}

/// What was sent, unread.
enum Sent<'a> {
    Listed(Vec<&'a RawValue>),
    Named(BTreeMap<Cow<'a, str>, &'a RawValue>),
}

impl Signature {
    /// The one of a method object.
    pub(super) fn of(method: &Value, document: &Value) -> Self {
        let params = method["params"].as_array().into_iter().flatten();
        let parameters = params.filter_map(|content| Parameter::of(content, document)).collect();
        Self { parameters, by_name: method["paramStructure"] != "by-position" }
    }

    /// Refuses what is missing, what is too much, and a list in the place of an object, whose fields serde would
    /// read from it in their order.
    pub(super) fn count(&self, params: &Params<'_>) -> Result<(), String> {
        let sent = Sent::read(params).ok_or("expected a list or an object of parameters")?;
        match &sent {
            Sent::Listed(values) if values.len() > self.parameters.len() => {
                return Err(format!("expected {}", self.all()));
            }
            Sent::Named(_) if !self.by_name => {
                return Err("expected a list of parameters".to_owned());
            }
            Sent::Named(values) if !values.keys().all(|name| self.has(name)) => {
                return Err(format!("expected {}", self.all()));
            }
            _ => {}
        }
        let wrong = (0..).zip(&self.parameters).find(|(place, parameter)| {
            match sent.value(*place, parameter).map_or("null", RawValue::get) {
                "null" => parameter.required,
                value => value.starts_with('[') && !parameter.takes_list,
            }
        });
        wrong.map_or(Ok(()), |(_, parameter)| Err(parameter.expected()))
    }

    /// Refuses what no value can hold (nesting without end, a number out of all bounds), and fields that no form of
    /// the parameter has.
    pub(super) fn hold(&self, params: &Params<'_>, document: &Value) -> Result<(), String> {
        let Some(sent) = Sent::read(params) else { return Ok(()) };
        let wrong = (0..).zip(&self.parameters).find_map(|(place, parameter)| {
            match serde_json::from_str(sent.value(place, parameter)?.get()) {
                Ok(value) => form::stranger(&parameter.name, &value, &parameter.schema, document),
                Err(_) => Some(parameter.expected()),
            }
        });
        wrong.map_or(Ok(()), Err)
    }

    /// What is wrong with the first parameter that has not its described form; none when all have.
    pub(super) fn fault(&self, params: &Params<'_>, document: &Value) -> Option<String> {
        let sent = Sent::read(params)?;
        (0..).zip(&self.parameters).find_map(|(place, parameter)| {
            let value = sent.value(place, parameter)?;
            match serde_json::from_str(value.get()) {
                Ok(Value::Null) if !parameter.required => None,
                Ok(value) => form::fault(&parameter.name, &value, &parameter.schema, document),
                Err(_) => Some(parameter.expected()),
            }
        })
    }

    fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name || parameter.snake == name)
    }

    /// The parameters in words, each as an error would name it.
    fn all(&self) -> String {
        let names: Vec<_> =
            self.parameters.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
        match names.as_slice() {
            [] => "no parameters".to_owned(),
            [one] => format!("one parameter, {one}"),
            several => format!("at most {} parameters, {}", several.len(), several.join(", ")),
        }
    }
}

impl Parameter {
    fn of(content: &Value, document: &Value) -> Option<Self> {
        let name = content["name"].as_str()?.to_owned();
        let snake = name.chars().fold(String::new(), |mut snake, letter| {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
            snake
        });
        Some(Self {
            name,
            snake,
            required: content["required"].as_bool().unwrap_or_default(),
            takes_list: form::takes_list(&content["schema"], document),
            schema: content["schema"].clone(),
            form: content["x-form"].as_str().unwrap_or_default().to_owned(),
        })
    }

    fn expected(&self) -> String {
        form::expected(&self.name, &self.form)
    }
}

impl<'a> Sent<'a> {
    fn read(params: &'a Params<'_>) -> Option<Self> {
        let text = params.as_str().unwrap_or("[]");
        if params.is_object() {
            serde_json::from_str(text).ok().map(Self::Named)
        } else {
            serde_json::from_str(text).ok().map(Self::Listed)
        }
    }

    fn value(&self, place: usize, parameter: &Parameter) -> Option<&'a RawValue> {
        match self {
            Self::Listed(values) => values.get(place).copied(),
            Self::Named(values) => {
                let names = [&parameter.name, &parameter.snake];
                names.into_iter().find_map(|name| values.get(name.as_str()).copied())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn count(signature: &Signature, params: Option<&str>) -> Result<(), String> {
        signature.count(&Params::new(params))
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_too_much_is_told() {
        let method = json!({ "params": [
            { "name": "theId", "required": true, "schema": {}, "x-form": "an id" },
            { "name": "limit", "required": false, "schema": {}, "x-form": "a number" },
        ]});
        let signature = Signature::of(&method, &Value::Null);
        for good in ["[1]", "[1, null]", "[1,2]", r#"{"theId":1}"#, r#"{"the_id":1,"limit":2}"#] {
            assert_eq!(count(&signature, Some(good)), Ok(()), "{good}");
        }
        for missing in [None, Some("[]"), Some("[null, 5]"), Some("{}"), Some(r#"{"limit":2}"#)] {
            let told = count(&signature, missing).unwrap_err();
            assert_eq!(told, "`theId`: expected an id", "{missing:?}");
        }
        for much in ["[1,2,3]", r#"{"theId":1,"secret":2}"#] {
            let told = count(&signature, Some(much)).unwrap_err();
            assert_eq!(told, "expected at most 2 parameters, `theId`, `limit`");
        }
        assert_eq!(count(&signature, Some("[[1]]")).unwrap_err(), "`theId`: expected an id");
        assert!(count(&signature, Some("7")).unwrap_err().starts_with("expected a list"));
        let none = Signature::of(&json!({ "params": [] }), &Value::Null);
        assert_eq!((count(&none, None), count(&none, Some("{}"))), (Ok(()), Ok(())));
        assert_eq!(count(&none, Some("[1]")).unwrap_err(), "expected no parameters");
    }
}
