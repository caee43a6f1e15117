//! The forms of parameters and results.

use super::{DocumentError, source::Type, text};
use crate::{
    AsOf, BlockParam, ChainIndexer, ChainParam, ChainStatistics, Cursor, DailyMetrics, Days,
    DeadLetter, DeadLetterFilter, DeadLetterKey, DeadLetterPage, DestinationFilter,
    DestinationPage, EventFilter, EventPage, Health, IndexDigest, JobEntry, JobFilter, JobPage,
    LastBlock, Limit, MinProfit, NodeModes, NodeStatus, NodeVersion, Notice, OrderEntry,
    OrderExplanation, OrderPage, OrderSubmission, PendingFilter, PendingPage, PerformanceMetrics,
    ProfitableOrders, QueueMetrics, ResolverParam, RevealedSecret, ScheduledJob, ScheduledRun,
    SecretAnswer, SecretParam, ShadowReport, SourceFilter, SourcePage, StartedRun,
    StatisticsFilter, StatisticsPage, SubscribeFrom, SubscriptionFilter, SubscriptionKind, Swap,
    SwapChange, SwapFilter, SwapKey, SwapPage, SwapProof, WireSwitch, WithdrawPermission,
    order_schema::OrderFileForm as OrderFile,
};
use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where the document keeps schemas.
const PATH: &str = "/components/schemas";

/// Schemas as they are asked for. What is read is described apart from what is written: serde may leave out the
/// one and demand the other.
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        // OpenRPC 1.3 is written for draft 7.
        let settings = || {
            let mut settings = SchemaSettings::draft07();
            settings.definitions_path = PATH.into();
            settings.with_transform(RecursiveTransform(settle))
        };
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of a parameter; none for a type that the table does not know.
    pub(super) fn parameter(&mut self, form: &Type) -> Option<Value> {
        schema(&mut self.read, form).map(sorted)
    }

    /// The schema of a result or of a notification.
    pub(super) fn result(&mut self, form: &Type) -> Option<Value> {
        schema(&mut self.written, form).map(sorted)
    }

    /// Every schema that was referred to, by name.
    pub(super) fn finish(mut self) -> Result<BTreeMap<String, Value>, DocumentError> {
        let mut all: BTreeMap<_, _> = self.read.take_definitions(true).into_iter().collect();
        for (name, schema) in self.written.take_definitions(true) {
            if all.get(&name).is_some_and(|known| *known != schema) {
                return Err(DocumentError::TwoForms(name));
            }
            all.insert(name, schema);
        }
        Ok(all.into_iter().map(|(name, schema)| (name, sorted(schema))).collect())
    }
}

fn schema(generator: &mut SchemaGenerator, form: &Type) -> Option<Value> {
    let mut schema = match form {
        Type::Named(name) => named(generator, name, false)?,
        Type::Optional(inner) => match &**inner {
            Type::Named(name) => named(generator, name, true)?,
            _ => return None,
        },
        Type::List(inner) => {
            let items = self::schema(generator, inner)?;
            json_schema!({ "type": "array", "items": items })
        }
    };
    RecursiveTransform(settle).transform(&mut schema);
    Some(schema.to_value())
}

macro_rules! table {
    ($($name:ident)*) => {
        /// The one place where the names that the traits use become types.
        fn named(generator: &mut SchemaGenerator, name: &str, nullable: bool) -> Option<Schema> {
            match name {
                $(stringify!($name) => Some(of::<$name>(generator, nullable)),)*
                _ => None,
            }
        }
    };
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator, nullable: bool) -> Schema {
    if nullable { generator.subschema_for::<Option<T>>() } else { generator.subschema_for::<T>() }
}

table! {
    u64
    String
    AsOf
    BlockParam
    ChainIndexer
    ChainParam
    ChainStatistics
    Cursor
    DailyMetrics
    Days
    DeadLetter
    DeadLetterFilter
    DeadLetterKey
    DeadLetterPage
    DestinationFilter
    DestinationPage
    EventFilter
    EventPage
    Health
    IndexDigest
    JobEntry
    JobFilter
    JobPage
    LastBlock
    Limit
    MinProfit
    NodeModes
    NodeStatus
    NodeVersion
    Notice
    Notice
    OrderEntry
    OrderExplanation
    OrderPage
    OrderFile
    OrderSubmission
    PendingFilter
    PendingPage
    PerformanceMetrics
    ProfitableOrders
    QueueMetrics
    ResolverParam
    RevealedSecret
    ScheduledJob
    ScheduledRun
    SecretAnswer
    SecretParam
    ShadowReport
    SourceFilter
    SourcePage
    StartedRun
    StatisticsFilter
    StatisticsPage
    SubscribeFrom
    SubscriptionFilter
    SubscribeFrom
    SubscriptionFilter
    SubscriptionKind
    Swap
    SwapChange
    SwapFilter
    SwapKey
    SwapPage
    SwapProof
    WireSwitch
    WithdrawPermission
}

/// Bounds that schemars leaves to the name of a format, texts without line breaks, and no defaults of `null`: a
/// field that may be absent is not among those required.
fn settle(schema: &mut Schema) {
    if let Some((least, most)) = schema.get("format").and_then(Value::as_str).and_then(bounds) {
        schema.insert("minimum".to_owned(), least);
        schema.insert("maximum".to_owned(), most);
    }
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = text::plain(description);
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

fn bounds(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "uint8" => (u8::MIN.into(), u8::MAX.into()),
        "uint32" => (u32::MIN.into(), u32::MAX.into()),
        "uint64" => (u64::MIN.into(), u64::MAX.into()),
        "int64" => (i64::MIN.into(), i64::MAX.into()),
        _ => return None,
    })
}

/// With its keys in one order, whatever else is compiled in: serde_json may keep the order of insertion.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Type {
        Type::Named(name.to_owned())
    }

    #[test]
    fn a_type_outside_the_table_has_no_schema() {
        let mut schemas = Schemas::new();
        assert!(schemas.parameter(&named("Mystery")).is_none());
        let nested = Type::List(Box::new(Type::Optional(Box::new(named("Mystery")))));
        assert!(schemas.result(&nested).is_none());
        assert!(schemas.result(&named("Swap")).is_some());
    }

    #[test]
    fn what_may_be_null_says_so() {
        let mut schemas = Schemas::new();
        let number = schemas.parameter(&named("u64")).unwrap();
        assert_eq!(number.get("maximum"), Some(&u64::MAX.into()));
        assert_eq!(number.get("type"), Some(&"integer".into()));
        let optional = schemas.parameter(&Type::Optional(Box::new(named("Limit")))).unwrap();
        let forms = optional.get("anyOf").and_then(Value::as_array).unwrap();
        assert_eq!(forms[0]["$ref"], "#/components/schemas/Limit");
        assert_eq!(forms[1]["type"], "null");
        assert_eq!(schemas.finish().unwrap().into_keys().collect::<Vec<_>>(), ["Limit"]);
    }
}
