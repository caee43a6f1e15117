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
    let mut line = Vec::new();
    let mut number = 0u64;
    while line.trim_ascii().is_empty() {
        line.clear();
        number += 1;
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
    }
    let is_whole = serde_json::from_slice::<Value>(&line).is_ok();
    if !is_whole && line.trim_ascii_end().last().is_some_and(|last| b"{[,".contains(last)) {
        return document(line, reader, take);
    }
    loop {
        if !line.trim_ascii().is_empty() {
            let place = format!("line {number}");
            match parse(&line) {
                Ok(value) => spread(&place, value, take)?,
                Err(reason) => take(place, Part::Malformed(reason))?,
            }
        }
        line.clear();
        number += 1;
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 text, from its byte {}", error.valid_up_to() + 1))?;
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

// A document over several lines cannot be taken up again after a mistake in it.
fn document(
    mut text: Vec<u8>,
    reader: &mut dyn BufRead,
    take: &mut Take<'_>,
) -> Result<(), Failure> {
    reader.take(MAX_DOCUMENT).read_to_end(&mut text)?;
    match parse(&text) {
        Ok(value) => spread("input", value, take),
        Err(reason) => take("input".to_owned(), Part::Malformed(reason)),
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
