//! Query parameters, and how they become the parameters of a method.

use crate::problem::Problem;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How the text of a parameter becomes JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Text,
    /// A whole number.
    Number,
    /// Words between commas.
    List,
}

/// A query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
}

const fn text(name: &'static str) -> Parameter {
    Parameter { name, form: Form::Text }
}

const fn number(name: &'static str) -> Parameter {
    Parameter { name, form: Form::Number }
}

/// Where a page begins, and how long it is.
const CURSOR: Parameter = text("cursor");
const LIMIT: Parameter = number("limit");

/// Of `/api/v1/orders`: the fields of [`SwapFilter`](bmn_rpc_api::SwapFilter), and the page.
pub(crate) const ORDERS: [Parameter; 14] = [
    Parameter { name: "status", form: Form::List },
    number("chain"),
    text("maker"),
    text("taker"),
    text("token"),
    text("hashlock"),
    text("orderHash"),
    text("escrow"),
    number("fromBlock"),
    number("toBlock"),
    text("openFor"),
    number("minProfitBps"),
    CURSOR,
    LIMIT,
];

/// Of `/api/v1/statistics`: the fields of [`StatisticsFilter`](bmn_rpc_api::StatisticsFilter), and the page.
pub(crate) const STATISTICS: [Parameter; 6] =
    [number("chain"), text("fromDay"), text("toDay"), text("token"), CURSOR, LIMIT];

/// Longest text of a query, bytes.
const LONGEST: usize = 8 * 1024;

/// What was asked for, by name, as the methods read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked(Map<String, Value>);

impl Asked {
    /// Reads a query. Parameters that are not in the table, and those that are there twice, are errors.
    pub(crate) fn read(query: Option<&str>, table: &[Parameter]) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        if query.len() > LONGEST {
            let detail = format!("the query is longer than {LONGEST} bytes");
            return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
        }
        let (mut asked, mut seen) = (Map::new(), BTreeSet::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(parameter) = table.iter().find(|known| known.name == name) else {
                return Err(unknown(table));
            };
            if !seen.insert(parameter.name) {
                return Err(Problem::parameter(parameter.name, "it once"));
            }
            asked.insert(parameter.name.to_owned(), parameter.json(&value));
        }
        Ok(Self(asked))
    }

    /// Takes a parameter out; none when it was not there.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        self.0.remove(name).map(read).transpose()
    }

    /// What is left, as a filter.
    pub(crate) fn filter<T: DeserializeOwned>(self) -> Result<T, Problem> {
        read(Value::Object(self.0))
    }
}

/// Refuses every parameter.
pub(crate) fn none(query: Option<&str>) -> Result<(), Problem> {
    Asked::read(query, &[]).map(|_| ())
}

fn unknown(table: &[Parameter]) -> Problem {
    let names: Vec<_> = table.iter().map(|known| known.name).collect();
    let detail = match names.as_slice() {
        [] => "a query parameter where none is taken".to_owned(),
        names => format!("an unknown query parameter; known are {}", names.join(", ")),
    };
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| Problem::form(&error.to_string()))
}

impl Parameter {
    /// What is not a number stays a text: the method then says what it expected.
    fn json(self, value: &str) -> Value {
        match self.form {
            Form::Text => value.into(),
            Form::Number => whole(value).unwrap_or_else(|| value.into()),
            Form::List if value.contains(',') => value.split(',').map(Value::from).collect(),
            Form::List => value.into(),
        }
    }
}

/// A whole number as it is written: no sign before what is positive, no leading zero.
fn whole(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
        && text != "-0";
    let positive = || text.parse::<u64>().ok().map(Value::from);
    let any = || text.parse::<i64>().ok().map(Value::from);
    is_plain.then(|| positive().or_else(any)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_rpc_api::{Limit, StatisticsFilter, SwapFilter};
    use serde_json::json;

    fn told(query: &str) -> Value {
        let read = || Asked::read(Some(query), &ORDERS)?.filter::<SwapFilter>();
        serde_json::to_value(read().unwrap_err()).unwrap()
    }

    #[test]
    fn every_field_of_the_filters_is_a_parameter_and_nothing_else_is() {
        let fields = |filter: Value| -> BTreeSet<String> {
            filter.as_object().unwrap().keys().cloned().collect()
        };
        let names = |table: &[Parameter]| -> BTreeSet<String> {
            let page = ["cursor", "limit"];
            let names = table.iter().map(|it| it.name.to_owned());
            names.filter(|name| !page.contains(&name.as_str())).collect()
        };
        assert_eq!(names(&ORDERS), fields(json!(SwapFilter::default())));
        assert_eq!(names(&STATISTICS), fields(json!(StatisticsFilter::default())));
    }

    #[test]
    fn numbers_lists_and_texts_become_what_the_method_reads() {
        let query = "status=accepted,bothLocked&chain=1337&minProfitBps=-5&limit=7";
        let mut asked = Asked::read(Some(query), &ORDERS).unwrap();
        assert_eq!(asked.take::<Limit>("limit"), Ok(Limit::new(7)));
        assert_eq!(asked.take::<Limit>("limit"), Ok(None));
        let filter: SwapFilter = asked.filter().unwrap();
        assert_eq!((filter.chain, filter.min_profit_bps), (Some(1337), Some(-5)));
        assert_eq!(filter.status.unwrap().as_slice().len(), 2);
        for wrong in ["+1", "01", "-01", "-0", "1.0", "", "-", "0x1", "1 "] {
            assert_eq!(whole(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        assert_eq!(told("chain=x5e")["parameter"], "chain");
        assert_eq!(told("chain=1&chain=1")["detail"], "`chain`: expected it once");
        for query in ["x5e=1", "x5e", "chain=x5e", "status=x5e", "maker=x5e", "maker=%FFx5e"] {
            let told = told(query);
            assert_eq!(told["status"], 400);
            assert!(!told.to_string().contains("x5e"), "{told}");
        }
        let long = format!("maker={}", "a".repeat(LONGEST));
        assert_eq!(told(&long)["status"], 414);
        assert!(none(None).is_ok() && none(Some("")).is_ok() && none(Some("a")).is_err());
    }
}
