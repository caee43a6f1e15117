//! One log.

use alloy::primitives::{Address, B256, Bytes};
use bmn_contracts::{ContractEvent, Emitter, EmitterKind, Identified, identify};
use bmn_primitives::Dialect;
use bmn_rpc::describe_event;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

struct Log {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

fn field<T: DeserializeOwned>(value: &Value, name: &str, form: &str) -> Result<T, String> {
    let found = value.clone();
    serde_json::from_value(found).map_err(|_| format!("`{name}`: expected {form}"))
}

fn read(log: &Value) -> Result<Log, String> {
    let address = field(&log["address"], "address", "an address, 0x and 40 hex digits")?;
    let topics: Vec<Value> = field(&log["topics"], "topics", "a list of at most 4 topics")?;
    if topics.len() > 4 {
        return Err(format!(
            "`topics`: expected a list of at most 4 topics, found {}",
            topics.len()
        ));
    }
    let topics = topics
        .iter()
        .enumerate()
        .map(|(index, topic)| field(topic, &format!("topics[{index}]"), "0x and 64 hex digits"));
    Ok(Log {
        address,
        topics: topics.collect::<Result<_, _>>()?,
        data: field(&log["data"], "data", "0x and an even number of hex digits")?,
    })
}

/// Decodes one log.
///
/// # Errors
/// The field that is malformed, or what does not fit the topic.
pub(super) fn decode(log: &Value, forced: Option<Dialect>) -> Result<Value, String> {
    let parsed = read(log)?;
    let mut line = match parsed.topics.first().map(|topic| (topic, identify(*topic))) {
        Some((topic0, Some(known))) => event(&parsed, *topic0, &known, forced)?,
        Some((topic0, None)) => json!({ "event": null, "unknown": true, "topic0": topic0 }),
        None => json!({ "event": null, "unknown": true, "topic0": null }),
    };
    line["address"] = json!(parsed.address);
    for name in ["blockNumber", "transactionIndex", "logIndex"] {
        if let Some(number) = quantity(&log[name]) {
            line[name] = number;
        }
    }
    for name in ["blockHash", "transactionHash", "removed"] {
        if let Some(value) = log.get(name).filter(|value| !value.is_null()) {
            line[name] = value.clone();
        }
    }
    Ok(line)
}

fn event(
    log: &Log,
    topic0: B256,
    known: &Identified,
    forced: Option<Dialect>,
) -> Result<Value, String> {
    let dialects: Vec<Dialect> = match forced {
        None => known.dialects.to_vec(),
        // Tokens belong to no dialect, so no dialect contradicts them.
        Some(_) if known.dialects.is_empty() => vec![],
        Some(dialect) if known.dialects.contains(&dialect) => vec![dialect],
        Some(dialect) => {
            return Err(format!(
                "topic {topic0} is {} of another dialect than {dialect}",
                known.event
            ));
        }
    };
    let (dialects, decoded) = decoded(log, topic0, known, dialects)?;
    let mut line = Map::new();
    line.insert("event".to_owned(), known.event.into());
    match dialects.as_slice() {
        [] => {}
        [only] => drop(line.insert("dialect".to_owned(), json!(only))),
        several => drop(line.insert("dialects".to_owned(), json!(several))),
    }
    match decoded {
        Some(decoded) => {
            let described = describe_event(&decoded);
            line.insert("fields".to_owned(), described.fields.into());
            line.insert("units".to_owned(), described.units.into());
        }
        // Known by name alone: what it says is of no use to a swap.
        None => drop(line.insert("fields".to_owned(), Value::Null)),
    }
    Ok(Value::Object(line))
}

// Dialects that share a topic may index its members differently: those that cannot have logged it are
// left out, and the first one's reason is given when none can.
fn decoded(
    log: &Log,
    topic0: B256,
    known: &Identified,
    dialects: Vec<Dialect>,
) -> Result<(Vec<Dialect>, Option<ContractEvent>), String> {
    let decode = |dialect| match emitter(known, dialect) {
        None => Ok(None),
        Some(emitter) => match bmn_contracts::decode(emitter, &log.topics, &log.data) {
            Ok(Some(event)) => Ok(Some(event)),
            Ok(None) => Err(format!("topic {topic0} is named {} and not decoded", known.event)),
            Err(error) => Err(error.to_string()),
        },
    };
    if dialects.is_empty() {
        return Ok((dialects, decode(None)?));
    }
    let (mut possible, mut event, mut reason) = (Vec::new(), None, None);
    for dialect in dialects {
        match decode(Some(dialect)) {
            Ok(found) => {
                possible.push(dialect);
                event = event.or(found);
            }
            Err(error) => reason = reason.or(Some(error)),
        }
    }
    match reason {
        Some(reason) if possible.is_empty() => Err(reason),
        _ => Ok((possible, event)),
    }
}

fn emitter(known: &Identified, dialect: Option<Dialect>) -> Option<Emitter> {
    match known.emitter {
        _ if !known.indexed => None,
        EmitterKind::Factory => dialect.map(Emitter::Factory),
        EmitterKind::Escrow => dialect.map(Emitter::Escrow),
        EmitterKind::LimitOrderProtocol => Some(Emitter::LimitOrderProtocol),
        EmitterKind::Token => None,
    }
}

fn quantity(value: &Value) -> Option<Value> {
    let number = match value {
        Value::Number(_) => return Some(value.clone()),
        other => u64::from_str_radix(other.as_str()?.strip_prefix("0x")?, 16).ok()?,
    };
    Some(json!(number))
}
