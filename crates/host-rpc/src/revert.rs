//! How nodes say that a call reverted.

use crate::fault::RpcFailure;
use alloy::{
    primitives::Bytes,
    sol_types::{Revert, SolError},
};
use serde_json::Value;

/// Ends of a call that have no revert data.
const HALTS: &[&str] = &[
    "out of gas",
    "outofgas",
    "invalid opcode",
    "invalidopcode",
    "bad instruction",
    "stack underflow",
    "stack limit",
    "stack overflow",
    "invalid jump",
    "bad jump",
    "write protection",
    "gas uint64 overflow",
    "execution halted",
    "evm error",
    "gas required exceeds allowance",
];
/// Codes of a reverted call: geth and its kin, and Nethermind and OpenEthereum.
const CODES: [i64; 2] = [3, -32015];

/// Revert data, where the failure is one of the call and not of the node.
pub(crate) fn revert_data(failure: &RpcFailure) -> Option<Bytes> {
    let text = failure.message.to_ascii_lowercase();
    let reverted = CODES.contains(&failure.code) || text.contains("revert");
    if !reverted && !HALTS.iter().any(|halt| text.contains(halt)) {
        return None;
    }
    let data = failure.data.as_ref().and_then(|data| in_data(data, 0));
    Some(data.unwrap_or_else(|| reason(&failure.message)))
}

/// Hex in the `data` of an error: itself (geth, reth, erigon, besu, anvil), after `Reverted`
/// (OpenEthereum, Nethermind), or in a member (Hardhat, Ganache).
fn in_data(data: &Value, depth: u32) -> Option<Bytes> {
    match data {
        Value::String(text) => {
            let text = text.trim();
            let text = text.strip_prefix("Reverted").map_or(text, str::trim);
            text.starts_with("0x").then(|| text.parse().ok())?
        }
        Value::Object(members) if depth < 3 => {
            let named = ["data", "result", "return", "output"];
            let named = named.iter().filter_map(|name| members.get(*name));
            named.chain(members.values()).find_map(|member| in_data(member, depth + 1))
        }
        _ => None,
    }
}

/// `Error(string)`, rebuilt from the words where a node gives no data.
fn reason(message: &str) -> Bytes {
    let words = message.split_once("reverted: ").or_else(|| message.split_once("revert: "));
    words.map_or_else(Bytes::new, |(_, reason)| Revert::from(reason).abi_encode().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(code: i64, message: &str, data: Value) -> Option<Bytes> {
        let data = Some(data).filter(|data| !data.is_null());
        revert_data(&RpcFailure { code, message: message.to_owned(), data })
    }

    #[test]
    fn every_shape_of_revert_data_is_read() {
        let expected = Some(Bytes::from_static(&[0xab, 0xcd]));
        let shapes = [
            (3, "execution reverted", json!("0xabcd")),
            (-32000, "Execution reverted", json!("0xabcd")),
            (-32015, "VM execution error.", json!("Reverted 0xabcd")),
            (-32603, "VM Exception: revert", json!({"message": "x", "data": "0xabcd"})),
            (
                -32000,
                "VM Exception while processing transaction: revert",
                json!({
                    "0xhash": {"error": "revert", "program_counter": 1, "return": "0xabcd"},
                    "stack": "Error", "name": "RuntimeError",
                }),
            ),
        ];
        for (code, message, data) in shapes {
            assert_eq!(of(code, message, data), expected, "{message}");
        }
    }

    #[test]
    fn what_has_no_data_is_a_revert_all_the_same() {
        assert_eq!(of(3, "execution reverted", json!(null)), Some(Bytes::new()));
        assert_eq!(of(-32000, "out of gas", json!(null)), Some(Bytes::new()));
        assert_eq!(of(-32000, "invalid opcode: INVALID", json!(null)), Some(Bytes::new()));
        let rebuilt = of(-32000, "execution reverted: no luck", json!(null)).expect("a revert");
        assert_eq!(Revert::abi_decode(&rebuilt).expect("Error(string)").reason, "no luck");
        assert_eq!(of(-32000, "insufficient funds for transfer", json!(null)), None);
        assert_eq!(of(-32603, "internal error", json!("0xabcd")), None);
    }
}
