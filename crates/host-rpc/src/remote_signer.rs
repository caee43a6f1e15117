//! A signer behind JSON-RPC that signs whole transactions.

use crate::{
    Endpoint, Limits,
    fault::Fault,
    http::HttpTransport,
    transport::{Request, Transport},
    wire,
};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{Address, Bytes, Signature, TxKind, U256},
    signers::Error,
};
use async_trait::async_trait;
use bmn_chain::{AccountSigner, TypedData};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// Signs through `eth_signTransaction` and `eth_signTypedData_v4`, as Web3Signer, Clef (behind a node)
/// and nodes with unlocked accounts offer them. None of them signs a bare digest, and that is right:
/// what sees the transaction can refuse it by rules of its own.
///
/// What comes back is believed only when it is the very transaction that was asked for, signed by the
/// account.
pub struct RemoteSigner {
    endpoint: Endpoint,
    transport: Box<dyn Transport>,
    account: Address,
    patience: Duration,
}

/// A transaction's bytes alone (Web3Signer), or beside its fields (geth, Clef).
#[derive(Deserialize)]
#[serde(untagged)]
enum Signed {
    Raw(Bytes),
    Beside { raw: Bytes },
}

impl std::fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("RemoteSigner");
        shown.field("endpoint", &self.endpoint).field("account", &self.account).finish()
    }
}

impl RemoteSigner {
    /// A signer for `account` at an http or https address.
    ///
    /// # Errors
    /// The endpoint is a WebSocket; the text says so.
    pub fn new(endpoint: Endpoint, account: Address) -> Result<Self, &'static str> {
        if endpoint.is_websocket() {
            return Err("a remote signer is asked over http:// or https://");
        }
        let limits = Limits { max_response_bytes: 1 << 20, ..Limits::default() };
        let transport = Box::new(HttpTransport::new(endpoint.clone(), &limits));
        Ok(Self { endpoint, transport, account, patience: limits.log_timeout })
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, Error> {
        let request = [Request::new(method, params)];
        let asked = timeout(self.patience, self.transport.send(&request)).await;
        let answers = asked.map_err(|_| self.failed(method, "no answer in time"))?;
        let answers = answers.map_err(|fault| self.failed(method, &fault.to_string()))?;
        let answer = answers.into_iter().next();
        match answer {
            Some(Ok(result)) => wire::read(method, &result)
                .map_err(|fault: Fault| self.failed(method, &fault.to_string())),
            Some(Err(failure)) => Err(self.failed(method, &failure.message)),
            None => Err(self.failed(method, "no answer")),
        }
    }

    // Its words, without what may be a key of its address.
    fn failed(&self, method: &str, words: &str) -> Error {
        const MOST: usize = 300;
        let words: String = self.endpoint.redact(words).chars().take(MOST).collect();
        Error::other(format!("{method} at {}: {words}", self.endpoint))
    }
}

fn quantity(value: U256) -> String {
    format!("{value:#x}")
}

#[async_trait]
impl AccountSigner for RemoteSigner {
    fn account(&self) -> Address {
        self.account
    }

    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, Error> {
        const METHOD: &str = "eth_signTransaction";
        let to = match tx.to {
            TxKind::Call(to) => json!(to),
            TxKind::Create => Value::Null,
        };
        let asked = json!([{
            "type": "0x2",
            "from": self.account,
            "to": to,
            "chainId": quantity(U256::from(tx.chain_id)),
            "nonce": quantity(U256::from(tx.nonce)),
            "gas": quantity(U256::from(tx.gas_limit)),
            "maxFeePerGas": quantity(U256::from(tx.max_fee_per_gas)),
            "maxPriorityFeePerGas": quantity(U256::from(tx.max_priority_fee_per_gas)),
            "value": quantity(tx.value),
            "data": tx.input,
        }]);
        let raw = match self.ask::<Signed>(METHOD, asked).await? {
            Signed::Raw(raw) | Signed::Beside { raw } => raw,
        };
        let envelope = TxEnvelope::decode_2718(&mut raw.as_ref());
        let Ok(TxEnvelope::Eip1559(signed)) = envelope else {
            return Err(self.failed(METHOD, "what it signed is no transaction of type 2"));
        };
        if signed.tx() != tx {
            return Err(self.failed(METHOD, "it signed another transaction than it was asked to"));
        }
        let by = signed.signature().recover_address_from_prehash(&tx.signature_hash());
        if by.ok() != Some(self.account) {
            return Err(self.failed(METHOD, "it signed with another account's key"));
        }
        Ok(*signed.signature())
    }

    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, Error> {
        const METHOD: &str = "eth_signTypedData_v4";
        const OLDER: &str = "eth_signTypedData";
        let document: Value = serde_json::from_str(&data.document)
            .map_err(|error| self.failed(METHOD, &error.to_string()))?;
        // Web3Signer knows the older name, and wants the document as a text.
        let text = Value::String(data.document.clone());
        let bytes: Bytes = match self.ask(METHOD, json!([self.account, document])).await {
            Ok(bytes) => bytes,
            Err(first) => match self.ask(OLDER, json!([self.account, text])).await {
                Ok(bytes) => bytes,
                Err(_) => return Err(first),
            },
        };
        let signature = Signature::from_raw(&bytes)
            .map_err(|_| self.failed(METHOD, "what it signed is no signature of 65 bytes"))?;
        let by = signature.recover_address_from_prehash(&data.digest);
        if by.ok() != Some(self.account) {
            return Err(self.failed(METHOD, "it signed something else, or with another key"));
        }
        Ok(signature)
    }
}
