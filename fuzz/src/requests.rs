//! Requests made of bytes, and what every answer must keep to.

use crate::fixture::{Fixture, PUBLIC, SECRET};
use alloy::primitives::hex;
use bmn_rpc_api::RpcErrorCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The deepest parameters that are built. Deeper text comes as it is.
const DEEPEST: usize = 6;

/// JSON-RPC's own codes: the request cannot be read, is none, or names no method.
const OF_THE_PROTOCOL: [i32; 3] = [-32700, -32600, -32601];

/// Bytes, read as choices; when they are used up, every choice is the first one.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// A script of these bytes.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn of<'b, T>(&mut self, choices: &'b [T]) -> &'b T {
        &choices[usize::from(self.byte()) % choices.len()]
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        let mut word = [0; 8];
        let taken = self.take(8);
        word[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(word)
    }
}

/// The methods over a store with a few orders.
pub struct Requests {
    fixture: Fixture,
    runtime: tokio::runtime::Runtime,
    methods: Vec<String>,
    /// Texts and numbers that mean something there.
    known: Vec<Value>,
    /// What no answer may say.
    private: Vec<String>,
}

impl Requests {
    /// Over a new store.
    ///
    /// # Panics
    /// When the store or the runtime cannot be made.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let fixture = Fixture::new();
        let methods: BTreeSet<_> = fixture
            .operated
            .method_names()
            // The description is one text, whatever is asked, and its examples are of this store.
            .filter(|name| !name.contains("ubscribe") && *name != "rpc.discover")
            .collect();
        let methods = methods.into_iter().map(str::to_owned).collect();
        let known = runtime.block_on(known(&fixture));
        let private = vec![hex::encode(SECRET)];
        Self { fixture, runtime, methods, known, private }
    }

    /// The next request of a script, as text; none when it is at its end.
    pub fn next(&self, script: &mut Script<'_>) -> Option<String> {
        if script.0.is_empty() {
            return None;
        }
        // Now and then the text itself is the bytes'.
        if script.byte() == 0xff {
            return Some(String::from_utf8_lossy(script.take(256)).into_owned());
        }
        let method = script.of(&self.methods).clone();
        let params = self.params(script);
        Some(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
    }

    fn params(&self, script: &mut Script<'_>) -> Value {
        let count = usize::from(script.byte() % 5);
        match script.byte() % 8 {
            0 => self.value(script, 0),
            1 => {
                let names =
                    ["id", "filter", "cursor", "limit", "order", "secret", "chain", "block"];
                let entry = |script: &mut Script<'_>| {
                    ((*script.of(&names)).to_owned(), self.value(script, 1))
                };
                Value::Object((0..count).map(|_| entry(script)).collect())
            }
            _ => (0..count).map(|_| self.value(script, 1)).collect(),
        }
    }

    fn value(&self, script: &mut Script<'_>, depth: usize) -> Value {
        let deeper = if depth < DEEPEST { 11 } else { 9 };
        match script.byte() % deeper {
            0..=3 => script.of(&self.known).clone(),
            4 => Value::Null,
            5 => json!(script.number()),
            6 => json!(-i64::from(script.byte())),
            7 => Value::String(String::from_utf8_lossy(script.take(40)).into_owned()),
            8 => {
                let length = *script.of(&[20, 32, 31, 33, 65, 0]);
                json!(hex::encode_prefixed(script.take(length)))
            }
            9 => {
                let count = script.byte() % 5;
                (0..count).map(|_| self.value(script, depth + 1)).collect()
            }
            _ => self.object(script, depth + 1),
        }
    }

    fn object(&self, script: &mut Script<'_>, depth: usize) -> Value {
        const FIELDS: [&str; 22] = [
            "chain",
            "escrow",
            "status",
            "state",
            "maker",
            "taker",
            "token",
            "hashlock",
            "orderHash",
            "fromBlock",
            "toBlock",
            "openFor",
            "minProfitBps",
            "address",
            "event",
            "unmatched",
            "order",
            "signature",
            "extension",
            "chainId",
            "from",
            "to",
        ];
        let count = script.byte() % 4;
        let mut fields = Map::new();
        for _ in 0..count {
            let name = (*script.of(&FIELDS)).to_owned();
            fields.insert(name, self.value(script, depth));
        }
        Value::Object(fields)
    }

    /// Asks, and looks at the answer.
    ///
    /// # Panics
    /// That is a finding.
    pub fn check(&self, request: &str) {
        let asked = self.runtime.block_on(self.fixture.operated.raw_json_request(request, 1));
        // A request that cannot be read is refused before any method is reached.
        let Ok((answer, _)) = asked else { return };
        let text = answer.get();
        let answer: Value = serde_json::from_str(text).expect("an answer is JSON");
        if let Some(error) = answer.get("error") {
            let code = error["code"].as_i64().and_then(|code| i32::try_from(code).ok());
            let code = code.expect("an error has a code");
            let known = RpcErrorCode::from_code(code);
            assert!(known.is_some() || OF_THE_PROTOCOL.contains(&code), "{request}: {text}");
            assert_ne!(known, Some(RpcErrorCode::Internal), "{request}: {text}");
        }
        for word in &self.private {
            assert!(!text.contains(word) || request.contains(word), "{request}: {text}");
        }
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything that stands in the answers to the plain reads, and cursors of small pages.
async fn known(fixture: &Fixture) -> Vec<Value> {
    let mut known: Vec<Value> = vec![
        json!("0x"),
        json!("latest"),
        json!("swaps"),
        json!("open"),
        json!("completed"),
        json!("source"),
        json!(true),
        json!(0),
        json!(1),
        json!(200),
        json!(u64::MAX),
        json!(1337),
        json!(1338),
        json!(0.5),
        json!(hex::encode_prefixed(PUBLIC)),
    ];
    for method in ["getSwaps", "getEvents", "getSources", "getDestinations", "getStatistics"] {
        let page = fixture.raw(&format!("bmn_{method}"), json!([null, null, 1])).await;
        leaves(&page["result"], &mut known);
    }
    let mut seen = BTreeSet::new();
    known.retain(|value| seen.insert(value.to_string()));
    known
}

fn leaves(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
        Value::Null | Value::Bool(_) => {}
        leaf => found.push(leaf.clone()),
    }
}
