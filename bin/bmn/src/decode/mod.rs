//! `bmn decode`.

mod entry;
mod input;

use crate::{failure::Failure, output::Output};
use bmn_primitives::Dialect;
use clap::Args;
use input::Part;
use serde_json::{Value, json};
use std::io::{self, BufRead};

const EXAMPLES: &str = "\
Input: a JSON array of logs, the answer to eth_getLogs, or one log a line.

Output, one object a line:
  {\"event\":\"EscrowCancelled\",\"dialects\":[\"bmn1\",\"bmn11\",…],\"fields\":{},\"units\":{},…}
  {\"event\":null,\"unknown\":true,\"topic0\":\"0x…\",…}     nobody's event
  {\"error\":\"…\",\"where\":\"line 3\"}                     not a log, or not what its topic says

`dialects` lists every dialect whose contracts can have logged it: a log alone often cannot tell, the
contract that logged it can. Exit code 1 when any entry has an error; the others are decoded still.

Example:
  curl -s 127.0.0.1:8545 -H 'content-type: application/json' \\
    -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\"0x0\"}]}' | bmn decode";

/// Decode contract logs from stdin: JSON in, one JSON object a line out.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DecodeArgs {
    /// Dialect of the contracts that logged: bmn1, bmn11, bmn23, bmn302, bmn4, oneinch1 or oneinch2.
    #[arg(long)]
    dialect: Option<Dialect>,
}

/// Decodes stdin.
pub(crate) fn run(args: &DecodeArgs, output: &Output) -> Result<(), Failure> {
    decode(args.dialect, &mut io::stdin().lock(), &mut |line| output.value(line))
}

fn decode(
    dialect: Option<Dialect>,
    reader: &mut dyn BufRead,
    write: &mut dyn FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut wrong = 0u64;
    input::read(reader, &mut |place, part| {
        let decoded = match part {
            Part::Log(log) => entry::decode(&log, dialect),
            Part::Malformed(reason) => Err(reason),
        };
        let line = decoded.unwrap_or_else(|error| {
            wrong += 1;
            json!({ "error": error, "where": place })
        });
        write(&line)
    })?;
    match wrong {
        0 => Ok(()),
        1 => Err(Failure::No("1 entry could not be decoded".to_owned())),
        n => Err(Failure::No(format!("{n} entries could not be decoded"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> (Vec<Value>, Result<(), Failure>) {
        let mut lines = Vec::new();
        let outcome = decode(None, &mut text.as_bytes(), &mut |line| {
            lines.push(line.clone());
            Ok(())
        });
        (lines, outcome)
    }

    fn cancelled() -> Value {
        json!({
            "address": "0x00000000000000000000000000000000000000e5", "data": "0x",
            "topics": ["0x6e3be9294e58d10b9c8053cfd5e09871b67e442fe394d6b0870d336b9df984a9"],
            "blockNumber": "0x10", "logIndex": "0x2",
        })
    }

    #[test]
    fn the_three_forms_of_input_give_the_same() {
        let log = cancelled();
        let pretty = serde_json::to_string_pretty(&json!([log, log])).unwrap();
        for text in [
            json!([log, log]).to_string(),
            json!({ "jsonrpc": "2.0", "id": 1, "result": [log, log] }).to_string(),
            format!("{log}\n\n{log}\n"),
            pretty,
            serde_json::to_string_pretty(&json!({ "result": [log, log] })).unwrap(),
        ] {
            let (lines, outcome) = lines(&text);
            assert!(outcome.is_ok(), "{text}");
            assert_eq!(lines.len(), 2, "{text}");
            assert_eq!(lines[0]["event"], "EscrowCancelled");
            assert_eq!(lines[0]["dialects"], json!(Dialect::ALL));
            assert_eq!((&lines[0]["blockNumber"], &lines[0]["logIndex"]), (&json!(16), &json!(2)));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_the_rest_is_decoded() {
        let log = cancelled();
        let text = format!("{{nonsense\n{log}\n7\n{{\"address\":\"0x12\"}}\n{log}");
        let (lines, outcome) = lines(&text);
        let events: Vec<_> = lines.iter().map(|line| line.get("event").is_some()).collect();
        assert_eq!(events, [false, true, false, false, true]);
        assert_eq!(lines[0]["where"], "line 1");
        assert!(lines[2]["error"].as_str().unwrap().contains("expected a log"), "{}", lines[2]);
        assert!(lines[3]["error"].as_str().unwrap().contains("`address`"), "{}", lines[3]);
        assert_eq!(outcome.unwrap_err().to_string(), "3 entries could not be decoded");
    }

    #[test]
    fn a_node_s_error_and_a_broken_array_are_said_once() {
        let answer = json!({ "error": { "code": -32005, "message": "too many" } }).to_string();
        let (answers, outcome) = lines(&answer);
        assert!(answers[0]["error"].as_str().unwrap().contains("too many"));
        assert!(outcome.is_err());
        let (broken, outcome) = lines("[\n{},\n{},\n");
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(outcome.is_err());
    }

    #[test]
    fn no_input_is_no_logs() {
        let (lines, outcome) = lines(" \n");
        assert!(lines.is_empty() && outcome.is_ok());
    }
}
