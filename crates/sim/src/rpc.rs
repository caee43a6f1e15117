//! The resolver as its makers see it: JSON-RPC and nothing else.

use crate::SimError;
use alloy::primitives::B256;
use async_trait::async_trait;
use bmn_primitives::Secret;
use bmn_rpc_api::{
    OrderFile, OrderSubmission, RefusalReason, RpcErrorCode, SecretAnswer, Swap, SwapChange,
    WithdrawPermission,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{future::Future, pin::Pin};

/// Takes one JSON-RPC request as text and answers as text.
pub type Handler =
    Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// Why a request was not answered with a result.
#[derive(Debug, Clone, PartialEq)]
pub enum RpcFailure {
    /// The resolver is gone: whether it did anything is not known.
    Gone,
    /// It refused.
    Refused {
        /// Error code, as in [`RpcErrorCode`].
        code: i32,
        /// Its words.
        message: String,
        /// Details.
        data: Value,
    },
}

impl RpcFailure {
    /// True when the refusal has this code.
    pub fn is(&self, wanted: RpcErrorCode) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted.code())
    }

    /// The refusal codes of an order that could not be read.
    pub fn order_refusals(&self) -> Vec<String> {
        match self {
            Self::Refused { code, data, .. } if *code == RpcErrorCode::UnreadableOrder.code() => {
                let reasons: Vec<RefusalReason> =
                    serde_json::from_value(data.clone()).unwrap_or_default();
                reasons.into_iter().map(|reason| reason.code).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Makes requests of the resolver.
#[async_trait]
pub trait ResolverRpc: Send + Sync {
    /// One request.
    async fn request(&self, method: &'static str, params: Value) -> Result<Value, RpcFailure>;
}

/// The text of a request.
pub fn request_text(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// The result in the text of an answer.
pub fn read_answer(text: &str) -> Result<Value, RpcFailure> {
    let unreadable = || RpcFailure::Refused {
        code: RpcErrorCode::Internal.code(),
        message: "the answer is not JSON-RPC".to_owned(),
        data: Value::Null,
    };
    let mut answer: Value = serde_json::from_str(text).map_err(|_| unreadable())?;
    if let Some(error) = answer.get("error") {
        return Err(RpcFailure::Refused {
            code: error["code"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(0),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error["data"].clone(),
        });
    }
    answer.get_mut("result").map(Value::take).ok_or_else(unreadable)
}

/// An answer, a refusal, or nothing readable.
pub(crate) type Answered<T> = Result<Result<T, RpcFailure>, SimError>;

/// The methods makers use.
#[derive(Clone, Copy)]
pub(crate) struct Methods<'a>(pub(crate) &'a dyn ResolverRpc);

impl Methods<'_> {
    async fn call<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Answered<T> {
        match self.0.request(method, params).await {
            Err(failure) => Ok(Err(failure)),
            Ok(result) => serde_json::from_value(result)
                .map(Ok)
                .map_err(|error| SimError::UnreadableAnswer { method, reason: error.to_string() }),
        }
    }

    pub(crate) async fn submit_order(&self, file: &OrderFile) -> Answered<OrderSubmission> {
        self.call("bmn_submitOrder", json!([file])).await
    }

    pub(crate) async fn submit_secret(&self, secret: &Secret, id: &str) -> Answered<SecretAnswer> {
        let text = B256::from(*secret.expose()).to_string();
        self.call("bmn_submitSecret", json!([text, id])).await
    }

    pub(crate) async fn swap(&self, id: &str) -> Answered<Swap> {
        self.call("bmn_getSwap", json!([id])).await
    }

    /// Changes from a number on, one page.
    pub(crate) async fn changes(&self, from: u64) -> Answered<Vec<SwapChange>> {
        self.call("bmn_getChanges", json!([from, 200])).await
    }

    pub(crate) async fn permission(&self, id: &str) -> Answered<WithdrawPermission> {
        self.call("bmn_getWithdrawPermission", json!([id])).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_results_or_refusals() {
        assert_eq!(read_answer(r#"{"jsonrpc":"2.0","id":1,"result":5}"#), Ok(json!(5)));
        let error = json!({
            "code": RpcErrorCode::UnreadableOrder.code(),
            "message": "no",
            "data": [{ "code": "badExtension", "message": "short" }],
        });
        let refused =
            read_answer(&json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string())
                .unwrap_err();
        assert!(refused.is(RpcErrorCode::UnreadableOrder));
        assert_eq!(refused.order_refusals(), ["badExtension"]);
        assert!(read_answer("nonsense").unwrap_err().is(RpcErrorCode::Internal));
    }
}
