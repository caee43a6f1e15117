//! JSON-RPC and the few fields of Ethereum's objects that we read.
//!
//! Only these fields are parsed, so unknown fields, unknown transaction types and missing optional
//! fields of other chains pass.

use crate::{
    fault::{Fault, RpcFailure},
    transport::{Answer, Request},
};
use alloy::primitives::{Address, B256, Bloom, Bytes, U64, U128};
use bmn_chain::{ChainLog, Header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

/// Most topics a log can have (`LOG4`).
const MAX_TOPICS: usize = 4;

/// The body of one call, or of a batch.
pub(crate) fn body(requests: &[Request]) -> Value {
    let one = |(id, request): (usize, &Request)| json!({"jsonrpc": "2.0", "id": id, "method": request.method, "params": request.params});
    match requests {
        [request] => one((0, request)),
        _ => requests.iter().enumerate().map(one).collect(),
    }
}

#[derive(Deserialize)]
struct WireAnswer {
    #[serde(default)]
    id: Value,
    result: Option<Box<RawValue>>,
    error: Option<Value>,
}

/// Reads the answers to `asked` calls out of a body, in the order of the calls.
pub(crate) fn answers(body: &[u8], asked: usize) -> Result<Vec<Answer>, Fault> {
    let garbled = |error: serde_json::Error| {
        let html = body.trim_ascii_start().first() == Some(&b'<');
        Fault::Garbled(if html { "an HTML page".to_owned() } else { error.to_string() })
    };
    if body.trim_ascii_start().first() != Some(&b'[') {
        let answer: WireAnswer = serde_json::from_slice(body).map_err(garbled)?;
        return match (asked, answer.read()?) {
            (1, answer) => Ok(vec![answer]),
            (_, Err(failure)) => Ok((0..asked).map(|_| Err(failure.clone())).collect()),
            (_, Ok(_)) => Err(Fault::BatchRefused),
        };
    }
    let found: Vec<WireAnswer> = serde_json::from_slice(body).map_err(garbled)?;
    let mut ordered: Vec<Option<Answer>> = (0..asked).map(|_| None).collect();
    for answer in found {
        let id = answer.id.as_u64().and_then(|id| usize::try_from(id).ok());
        let place = id.and_then(|id| ordered.get_mut(id));
        let place = place.ok_or_else(|| Fault::Garbled("an answer nobody asked for".to_owned()))?;
        *place = Some(answer.read()?);
    }
    let all: Option<Vec<Answer>> = ordered.into_iter().collect();
    all.ok_or_else(|| Fault::Garbled("an answer of the batch is missing".to_owned()))
}

impl WireAnswer {
    fn read(self) -> Result<Answer, Fault> {
        Ok(match self.error {
            None => match self.result {
                Some(result) => Ok(result),
                // An object that is no answer at all has no id either.
                None if self.id.is_null() => {
                    return Err(Fault::Garbled("neither a result nor an error".to_owned()));
                }
                None => Ok(RawValue::NULL.to_owned()),
            },
            Some(Value::Object(error)) => {
                let code = error.get("code");
                let code = code.and_then(|it| it.as_i64().or_else(|| it.as_str()?.parse().ok()));
                let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
                let data = error.get("data").cloned().filter(|data| !data.is_null());
                Err(RpcFailure { code: code.unwrap_or(0), message: message.to_owned(), data })
            }
            Some(other) => {
                let message = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
                Err(RpcFailure { code: 0, message, data: None })
            }
        })
    }
}

/// Reads a result; `null` where `T` is an option.
pub(crate) fn read<T: DeserializeOwned>(method: &str, raw: &RawValue) -> Result<T, Fault> {
    serde_json::from_str(raw.get())
        .map_err(|error| Fault::Garbled(format!("result of {method}: {error}")))
}

/// A header, of a block whose transactions are not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
    logs_bloom: Bloom,
    receipts_root: B256,
    base_fee_per_gas: Option<U64>,
}

impl From<WireHeader> for Header {
    fn from(it: WireHeader) -> Self {
        Self {
            number: it.number.to(),
            hash: it.hash,
            parent_hash: it.parent_hash,
            timestamp: it.timestamp.to(),
            logs_bloom: it.logs_bloom,
            receipts_root: it.receipts_root,
            base_fee: it.base_fee_per_gas.map(|fee| fee.to()),
        }
    }
}

/// A log of a mined block.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: U64,
    block_hash: B256,
    transaction_hash: B256,
    transaction_index: U64,
    log_index: U64,
    #[serde(default)]
    removed: bool,
}

/// A log and the block it says it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedLog {
    pub(crate) number: u64,
    pub(crate) block: B256,
    pub(crate) log: ChainLog,
}

impl TryFrom<WireLog> for PlacedLog {
    type Error = Fault;

    fn try_from(it: WireLog) -> Result<Self, Fault> {
        let wrong =
            |what: String| Fault::Inconsistent(format!("a log of {}: {what}", it.block_hash));
        if it.removed {
            return Err(Fault::NotYet("a log of a block that just left the chain".to_owned()));
        }
        if it.topics.len() > MAX_TOPICS {
            return Err(wrong(format!("it has {} topics, at most 4 exist", it.topics.len())));
        }
        let small = |name: &str, value: U64| {
            u32::try_from(value.to::<u64>()).map_err(|_| wrong(format!("its {name} is {value}")))
        };
        let log = ChainLog {
            tx_index: small("transactionIndex", it.transaction_index)?,
            log_index: small("logIndex", it.log_index)?,
            tx_hash: it.transaction_hash,
            address: it.address,
            topics: it.topics,
            data: it.data,
        };
        Ok(Self { number: it.block_number.to(), block: it.block_hash, log })
    }
}

/// A receipt of which only the logs matter.
#[derive(Debug, Deserialize)]
pub(crate) struct WireLogs {
    pub(crate) logs: Vec<WireLog>,
}

/// A receipt of which the logs do not matter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireReceipt {
    pub(crate) transaction_hash: B256,
    pub(crate) block_hash: B256,
    pub(crate) block_number: U64,
    pub(crate) status: U64,
    pub(crate) gas_used: U64,
    pub(crate) effective_gas_price: Option<U128>,
}

/// A transaction of which only the call matters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireCall {
    pub(crate) hash: B256,
    pub(crate) block_hash: Option<B256>,
    pub(crate) block_number: Option<U64>,
    pub(crate) from: Address,
    pub(crate) to: Option<Address>,
    pub(crate) input: Bytes,
}

/// `eth_feeHistory`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireFees {
    pub(crate) base_fee_per_gas: Vec<U128>,
    pub(crate) reward: Option<Vec<Vec<U128>>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn batches_are_put_in_order() {
        let body = br#"[{"id":1,"result":"0x2"},{"id":0,"error":{"code":-1,"message":"no"}}]"#;
        let found = answers(body, 2).expect("two answers");
        assert_eq!(found[0].as_ref().expect_err("an error").code, -1);
        assert_eq!(found[1].as_ref().expect("a result").get(), "\"0x2\"");
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        for body in [
            &b"<html><body>502 Bad Gateway</body></html>"[..],
            b"",
            b"{}",
            b"{\"id\":0,\"result\":\"0x",
            b"[{\"id\":0,\"result\":1}]",
            b"[{\"id\":7,\"result\":1},{\"id\":0,\"result\":1}]",
            b"{\"id\":0,\"result\":1}",
            b"42",
        ] {
            let answers = answers(body, 2);
            let garbled = matches!(answers, Err(Fault::Garbled(_) | Fault::BatchRefused));
            assert!(garbled, "{}", String::from_utf8_lossy(body));
        }
        let plain = answers(br#"{"id":0,"error":"rate limited"}"#, 1).expect("one answer");
        assert_eq!(plain[0].as_ref().expect_err("an error").message, "rate limited");
        let null = answers(br#"{"id":0,"result":null}"#, 1).expect("one answer");
        assert_eq!(null[0].as_ref().expect("a result").get(), "null");
    }

    #[test]
    fn blocks_of_other_chains_pass() {
        let zero = B256::ZERO;
        let mut block = json!({
            "number": "0x10", "hash": zero, "parentHash": zero, "timestamp": "0x5",
            "logsBloom": Bloom::ZERO, "receiptsRoot": zero,
            "transactions": [{"type": "0x7e", "sourceHash": zero, "mint": "0x0"}],
            "l1BlockNumber": "0x1", "sendRoot": zero, "totalDifficulty": null,
        });
        let read = |block: &Value| serde_json::from_value::<WireHeader>(block.clone());
        let header: Header = read(&block).expect("no base fee").into();
        assert_eq!((header.number, header.base_fee), (16, None));
        block["baseFeePerGas"] = json!("0x7");
        let header: Header = read(&block).expect("a base fee").into();
        assert_eq!(header.base_fee, Some(7));
        block["number"] = json!("0x1ffffffffffffffff");
        assert!(read(&block).is_err());
        block["number"] = json!(null);
        assert!(read(&block).is_err(), "a pending block is no block");
    }

    proptest! {
        #[test]
        fn no_body_is_too_strange(
            body in prop::collection::vec(any::<u8>(), 0..200),
            asked in 0usize..4,
        ) {
            let _ = answers(&body, asked);
        }
    }
}
