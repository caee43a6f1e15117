//! The forms logs come in.

use crate::failure::Failure;
use serde_json::Value;
use std::io::{BufRead, Read};

/// One thing found in the input.
pub(super) enum Part {
    /// A JSON object that may be a log.
    Log(Value),
    /// Something else, and why.
    Malformed(String),
}

type Take<'a> = dyn FnMut(String, Part) -> Result<(), Failure> + 'a;

/// Largest document that is not one log a line, bytes.
const MAX_DOCUMENT: u64 = 1 << 30;

/// Reads an array, an `eth_getLogs` answer, or one log a line, telling each entry's place. Lines
/// are read one at a time, so that a stream of any length passes through.
pub(super) fn read(reader: &mut dyn BufRead, take: &mut Take<'_>) -> Result<(), Failure> {
    let mut first = String::new();
    let mut number = 0u64;
    while first.trim().is_empty() {
        first.clear();
        number += 1;
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
    }
    let is_whole = serde_json::from_str::<Value>(&first).is_ok();
    if !is_whole && first.trim_end().ends_with(['{', '[', ',']) {
        return document(first, reader, take);
    }
    let mut line = first;
    loop {
        if !line.trim().is_empty() {
            let place = format!("line {number}");
            match serde_json::from_str(&line) {
                Ok(value) => spread(&place, value, take)?,
                Err(error) => take(place, Part::Malformed(format!("not JSON: {error}")))?,
            }
        }
        line.clear();
        number += 1;
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
}

// A document over several lines cannot be taken up again after a mistake in it.
fn document(
    mut text: String,
    reader: &mut dyn BufRead,
    take: &mut Take<'_>,
) -> Result<(), Failure> {
    reader.take(MAX_DOCUMENT).read_to_string(&mut text)?;
    match serde_json::from_str(&text) {
        Ok(value) => spread("input", value, take),
        Err(error) => take("input".to_owned(), Part::Malformed(format!("not JSON: {error}"))),
    }
}

fn spread(place: &str, value: Value, take: &mut Take<'_>) -> Result<(), Failure> {
    match value {
        Value::Array(logs) => {
            for (index, log) in logs.into_iter().enumerate() {
                entry(format!("{place}, entry {index}"), log, take)?;
            }
            Ok(())
        }
        Value::Object(mut answer) if answer.contains_key("result") => {
            let result = answer.remove("result").unwrap_or_default();
            match result {
                Value::Array(_) => spread(&format!("{place}, result"), result, take),
                _ => take(
                    place.to_owned(),
                    Part::Malformed("`result`: expected a list of logs".to_owned()),
                ),
            }
        }
        Value::Object(answer) if answer.contains_key("error") => {
            let reason = format!("the node answered with an error: {}", answer["error"]);
            take(place.to_owned(), Part::Malformed(reason))
        }
        other => entry(place.to_owned(), other, take),
    }
}

fn entry(place: String, value: Value, take: &mut Take<'_>) -> Result<(), Failure> {
    if value.is_object() {
        take(place, Part::Log(value))
    } else {
        let reason = "expected a log: an object with address, topics and data";
        take(place, Part::Malformed(reason.to_owned()))
    }
}
