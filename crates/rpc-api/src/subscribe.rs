//! What is asked of a subscription.

use crate::{BlockFilter, ChangeFilter, Cursor, SecretFilter, SourceFilter};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
};
use serde_json::{Map, Value};

/// What to subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SubscriptionKind {
    /// The change log: orders this node was given or adopted, and what a reorg takes back.
    Swaps,
    /// Source escrows of everybody, as they are created and end.
    Orders,
    /// Secrets, as chains show them.
    Secrets,
    /// Blocks, as the index takes them.
    Blocks,
}

impl SubscriptionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Swaps, Self::Orders, Self::Secrets, Self::Blocks];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swaps => "swaps",
            Self::Orders => "orders",
            Self::Secrets => "secrets",
            Self::Blocks => "blocks",
        }
    }
}

impl<'de> Deserialize<'de> for SubscriptionKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let named = |kind: &Self| value.as_str() == Some(kind.name());
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            D::Error::custom("`kind`: expected \"swaps\", \"orders\", \"secrets\" or \"blocks\"")
        })
    }
}

/// Most positions in a list.
pub(crate) const MOST_POSITIONS: usize = 64;

const FORM: &str = "`from`: expected a sequence number or a block number, the `resume` of a notice, \
    or a list of these, one for each chain";

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscribeFrom {
    /// `swaps`: a number of the change log, included. The other kinds: a block of the chain that the filter
    /// names, included.
    Number(u64),
    /// `orders`, `secrets`, `blocks`: after these notices, one of each chain; a chain without one begins
    /// with what is new.
    Positions(Vec<Cursor>),
}

impl Serialize for SubscribeFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Positions(positions) => match positions.as_slice() {
                [one] => one.serialize(serializer),
                several => several.serialize(serializer),
            },
        }
    }
}

impl<'de> Deserialize<'de> for SubscribeFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || D::Error::custom(FORM);
        let position = |value: Value| serde_json::from_value(value).map_err(|_| wrong());
        match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_u64().map(Self::Number).ok_or_else(wrong),
            text @ Value::String(_) => Ok(Self::Positions(vec![position(text)?])),
            Value::Array(items) if (1..=MOST_POSITIONS).contains(&items.len()) => {
                Ok(Self::Positions(items.into_iter().map(position).collect::<Result<_, _>>()?))
            }
            _ => Err(wrong()),
        }
    }
}

/// What narrows a subscription: the filter of its kind, a [`ChangeFilter`] for `swaps`, a [`SourceFilter`]
/// for `orders`, a [`SecretFilter`] for `secrets`, a [`BlockFilter`] for `blocks`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct SubscriptionFilter(Map<String, Value>);

impl SubscriptionFilter {
    /// It as the filter of a kind.
    ///
    /// # Errors
    /// Names the field that is not one of that filter, or the form it accepts.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.0))
    }

    fn of(filter: &impl Serialize) -> Self {
        match serde_json::to_value(filter) {
            Ok(Value::Object(fields)) => Self(fields),
            _ => Self::default(),
        }
    }
}

impl<'de> Deserialize<'de> for SubscriptionFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(D::Error::custom("`filter`: expected an object, the filter of the kind")),
        }
    }
}

macro_rules! filters {
    ($($filter:ident)*) => {$(
        impl From<$filter> for SubscriptionFilter {
            fn from(filter: $filter) -> Self {
                Self::of(&filter)
            }
        }
    )*};
}

filters!(ChangeFilter SourceFilter SecretFilter BlockFilter);

#[cfg(feature = "schema")]
mod schema {
    use super::*;
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    impl JsonSchema for SubscribeFrom {
        fn schema_name() -> Cow<'static, str> {
            "SubscribeFrom".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let position = generator.subschema_for::<Cursor>();
            json_schema!({
                "description": "Where a subscription begins: a sequence number or a block number, the `resume` of a notice, or one of each chain.",
                "anyOf": [
                    { "type": "integer", "minimum": 0, "maximum": u64::MAX },
                    position,
                    { "type": "array", "items": position, "minItems": 1, "maxItems": MOST_POSITIONS },
                ],
            })
        }
    }

    impl JsonSchema for SubscriptionFilter {
        fn schema_name() -> Cow<'static, str> {
            "SubscriptionFilter".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "description": "The filter of the kind: of `swaps`, `orders`, `secrets`, `blocks`.",
                "anyOf": [
                    generator.subschema_for::<ChangeFilter>(),
                    generator.subschema_for::<SourceFilter>(),
                    generator.subschema_for::<SecretFilter>(),
                    generator.subschema_for::<BlockFilter>(),
                ],
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_beginning_is_a_number_a_position_or_several() {
        let positions = |texts: &[&str]| {
            let texts = texts.iter().map(|text| Cursor((*text).to_owned()));
            SubscribeFrom::Positions(texts.collect())
        };
        for (json, from) in [
            (json!(7), SubscribeFrom::Number(7)),
            (json!("ab"), positions(&["ab"])),
            (json!(["ab", "cd"]), positions(&["ab", "cd"])),
        ] {
            assert_eq!(serde_json::from_value::<SubscribeFrom>(json.clone()).unwrap(), from);
            assert_eq!(serde_json::to_value(&from).unwrap(), json);
        }
        let long = vec!["ab"; MOST_POSITIONS + 1];
        for bad in [json!(-1), json!(1.5), json!([]), json!(""), json!([1]), json!({}), json!(long)]
        {
            let error = serde_json::from_value::<SubscribeFrom>(bad.clone()).unwrap_err();
            assert_eq!(error.to_string(), FORM, "{bad}");
        }
    }

    #[test]
    fn a_kind_is_named_and_an_unknown_one_is_refused_with_those_there_are() {
        for kind in SubscriptionKind::ALL {
            let wire = serde_json::to_value(kind).unwrap();
            assert_eq!(wire, kind.name());
            assert_eq!(serde_json::from_value::<SubscriptionKind>(wire).unwrap(), kind);
            let error = serde_json::from_value::<SubscriptionKind>(json!("x")).unwrap_err();
            assert!(error.to_string().contains(kind.name()), "{error}");
        }
    }

    #[test]
    fn a_filter_is_that_of_its_kind() {
        let filter = ChangeFilter { chain: Some(7), ..ChangeFilter::default() };
        let wire = SubscriptionFilter::from(filter.clone());
        assert_eq!(wire.clone().read::<ChangeFilter>().unwrap(), filter);
        let error = wire.read::<BlockFilter>().unwrap_err().to_string();
        assert!(error.starts_with("unknown field"), "{error}");
        let error = serde_json::from_value::<SubscriptionFilter>(json!([1])).unwrap_err();
        assert!(error.to_string().starts_with("`filter`: expected an object"), "{error}");
    }
}
