//! What a server is sent, and what it may answer. Whose server it is, the caller knows.

use super::{
    document::{Contract, Method},
    hostile::{self, Case, cases},
};
use crate::wire::post;
use jsonrpsee::core::{
    client::{ClientT, Error},
    traits::ToRpcParams,
};
use serde_json::{Value, json, value::RawValue};
use std::net::SocketAddr;

/// Parameters as text.
struct Raw(String);

impl ToRpcParams for Raw {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        RawValue::from_string(self.0).map(Some)
    }
}

/// The result, or the error's code and data.
pub(super) async fn ask(
    client: &impl ClientT,
    method: &str,
    params: String,
) -> Result<Value, (i64, String)> {
    match client.request::<Value, _>(method, Raw(params)).await {
        Ok(result) => Ok(result),
        Err(Error::Call(error)) => {
            let data = error.data().map(|data| data.get().to_owned());
            Err((error.code().into(), data.unwrap_or_default()))
        }
        Err(other) => panic!("{method}: {other}"),
    }
}

/// Answers that no store of this test can give: ids of subscriptions, and a proof, which needs a chain.
const MADE: [&str; 5] = [
    "bmn_getSwapProof",
    "bmn_subscribe",
    "bmn_unsubscribe",
    "bmn_subscribeAlerts",
    "bmn_unsubscribeAlerts",
];

/// What the examples of the document are answered.
pub(super) async fn answers(
    client: &impl ClientT,
    contract: &mut Contract,
) -> Vec<(Method, Value)> {
    let mut answers = Vec::new();
    for method in std::mem::take(&mut contract.methods) {
        if MADE.contains(&method.name.as_str()) {
            continue;
        }
        let params = Value::Array(method.example.clone()).to_string();
        let answer = ask(client, &method.name, params).await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error:?}", method.name));
        assert_eq!(contract.fits(&method.result, &answer), Ok(()), "{}", method.name);
        answers.push((method, answer));
    }
    answers
}

/// Sends every wrong value in every place, and holds each answer against the document.
pub(super) async fn check(client: &impl ClientT, mut contract: Contract) {
    let mut refused = 0;
    for method in std::mem::take(&mut contract.methods) {
        for case in cases(&method, &mut contract) {
            let answer = ask(client, &method.name, case.params.clone()).await;
            refused += usize::from(answer.is_err());
            judge(&mut contract, &method, &case, &answer);
            if let (Some(end), Ok(id)) = (&method.unsubscribe, &answer) {
                ask(client, end, json!([id]).to_string()).await.unwrap();
            }
        }
    }
    assert!(refused > 500, "only {refused} cases were refused");
}

fn judge(
    contract: &mut Contract,
    method: &Method,
    case: &Case,
    answer: &Result<Value, (i64, String)>,
) {
    let sent: String = case.params.chars().take(200).collect();
    let told = format!("{} {sent} ({}): {answer:?}", method.name, case.what);
    match answer {
        Ok(result) => {
            assert!(case.allowed, "{told}");
            assert_eq!(contract.fits(&method.result, result), Ok(()), "{told}");
        }
        Err((code, data)) => {
            assert!(method.codes.contains(code) && *code != -32603, "{told}");
            if !case.allowed {
                assert_eq!(*code, -32602, "{told}");
                let named = |name: &String| data.contains(&format!("`{name}"));
                let known = case.names.is_empty() || case.names.iter().any(named);
                assert!(known, "{told} names none of {:?}", case.names);
            }
            assert!(!data.contains(hostile::TEXT), "{told} repeats what was sent");
        }
    }
}

/// How a body that is no single call is answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// With an error of one of these codes, alone or as the only one of a batch.
    Error(&'static [i64]),
    /// With so many answers, one a call.
    Answers(usize),
    /// Not by JSON-RPC at all.
    Status(u16),
}

/// What our own server does.
const OURS: [(&str, Told); 8] = [
    ("nested lists", Told::Error(&[-32600, -32700])),
    ("nested objects", Told::Error(&[-32600, -32700])),
    ("no end", Told::Error(&[-32600, -32700])),
    ("an empty batch", Told::Error(&[-32600])),
    ("100 calls", Told::Answers(100)),
    ("101 calls", Told::Error(&[-32010])),
    ("4 000 calls", Told::Error(&[-32010])),
    // More bytes than a request may have.
    ("10 000 calls", Told::Status(413)),
];

/// Posts every such body with these lines in the head. `unlike` says what this server answers otherwise than ours.
pub(super) async fn bodies(address: SocketAddr, lines: &[&str], unlike: &[(&str, Told)]) {
    let names: Vec<_> = OURS.iter().map(|(what, _)| *what).collect();
    assert!(unlike.iter().all(|(what, _)| names.contains(what)), "{unlike:?}");
    for (what, told) in OURS {
        let own = unlike.iter().find(|(name, _)| *name == what);
        let told = own.map_or(told, |(_, told)| *told);
        let answer = post(address, lines, &hostile::body(what)).await;
        let shown: String = answer.body.chars().take(500).collect();
        match told {
            Told::Status(status) => assert_eq!(answer.status, status, "{what}: {shown}"),
            Told::Answers(calls) => {
                assert_eq!(answer.json().as_array().map(Vec::len), Some(calls), "{what}: {shown}");
            }
            Told::Error(codes) => {
                let answer = answer.json();
                let first = answer.get(0).unwrap_or(&answer);
                let code = first["error"]["code"].as_i64();
                let code = code.unwrap_or_else(|| panic!("{what}: {shown}"));
                assert!(codes.contains(&code), "{what}: {shown}");
            }
        }
    }
}
