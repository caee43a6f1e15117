//! A block's header and receipts out of JSON, byte for byte as the block commits to them.
//!
//! Nodes show both as objects. They are encoded again, and the hash and the root say whether that came out
//! right: a chain may have fields that we do not know. Then the node is asked for the bytes themselves, which
//! fewer nodes give (`debug_getRawHeader`, `debug_getRawReceipts`).

use crate::{client::RpcClient, fault::Fault};
use alloy::{
    consensus::{Eip658Value, Header, proofs::ordered_trie_root_with_encoder},
    primitives::{B256, Bytes, Log, U8, U64, keccak256, logs_bloom},
    rlp::{BufMut, Encodable, Header as ListHeader},
};
use bmn_chain::RawReceipts;
use serde::Deserialize;
use serde_json::{Value, json};

/// A block's place, its root and its transactions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBlock {
    number: U64,
    receipts_root: B256,
    #[serde(default)]
    transactions: Vec<B256>,
}

/// All of a receipt that its encoding has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeReceipt {
    #[serde(default, rename = "type")]
    kind: U8,
    status: Option<U64>,
    /// Instead of a status, before Byzantium (EIP-658).
    root: Option<B256>,
    cumulative_gas_used: U64,
    logs: Vec<Log>,
    /// Deposits of the OP stack, from Canyon on, encode these two after the logs.
    deposit_nonce: Option<U64>,
    deposit_receipt_version: Option<U64>,
}

impl WholeReceipt {
    /// EIP-2718.
    fn encoded(&self) -> Bytes {
        let outcome = match (self.status, self.root) {
            (None, Some(root)) => Eip658Value::PostState(root),
            (status, _) => Eip658Value::Eip658(status.is_some_and(|status| !status.is_zero())),
        };
        let mut items = Vec::new();
        outcome.encode(&mut items);
        self.cumulative_gas_used.to::<u64>().encode(&mut items);
        logs_bloom(&self.logs).encode(&mut items);
        self.logs.encode(&mut items);
        if let Some(version) = self.deposit_receipt_version {
            self.deposit_nonce.unwrap_or_default().to::<u64>().encode(&mut items);
            version.to::<u64>().encode(&mut items);
        }
        let mut bytes = Vec::new();
        if !self.kind.is_zero() {
            bytes.put_u8(self.kind.to());
        }
        ListHeader { list: true, payload_length: items.len() }.encode(&mut bytes);
        bytes.extend_from_slice(&items);
        bytes.into()
    }
}

fn root_of(receipts: &[Bytes]) -> B256 {
    ordered_trie_root_with_encoder(receipts, |receipt, out| out.put_slice(receipt))
}

/// What a node says when it has no such method, or not for us.
const fn is_without(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused(_) | Fault::Unsupported(_))
}

impl RpcClient {
    /// Header and receipts of a canonical block.
    pub(crate) async fn receipts_of(
        &self,
        at: usize,
        hash: B256,
    ) -> Result<Option<RawReceipts>, Fault> {
        let found = self.pool.ask(at, "eth_getBlockByHash", json!([hash, false])).await;
        let shown: Option<Value> = match found {
            Ok(found) => found,
            Err(Fault::NotYet(_)) => None,
            Err(other) => return Err(other),
        };
        let Some(shown) = shown else { return Ok(None) };
        let garbled = |error: serde_json::Error| Fault::Garbled(format!("block {hash}: {error}"));
        let read = serde_json::from_value(shown.clone()).map_err(garbled);
        let block: WireBlock = self.pool.checked(at, read)?;
        let canonical = self.header(at, block.number.to()).await?;
        if canonical.is_none_or(|canonical| canonical.hash != hash) {
            return Ok(None);
        }
        let header = self.raw_header(at, hash, shown).await?;
        let receipts = self.raw_receipts(at, hash, &block).await?;
        Ok(Some(RawReceipts { header, receipts }))
    }

    async fn raw_header(&self, at: usize, hash: B256, shown: Value) -> Result<Bytes, Fault> {
        let encoded = serde_json::from_value::<Header>(shown)
            .map(|header| Bytes::from(alloy::rlp::encode(header)))
            .ok()
            .filter(|header| keccak256(header) == hash);
        if let Some(header) = encoded {
            return Ok(header);
        }
        match self.pool.ask::<Bytes>(at, "debug_getRawHeader", json!([hash])).await {
            Ok(raw) if keccak256(&raw) == hash => Ok(raw),
            Ok(_) => Err(self.contradiction(at, format!("the raw header of {hash} is another's"))),
            Err(fault) if is_without(&fault) => Err(Fault::Unsupported(
                "debug_getRawHeader, and its headers have fields that are unknown here",
            )),
            Err(other) => Err(other),
        }
    }

    async fn raw_receipts(
        &self,
        at: usize,
        hash: B256,
        block: &WireBlock,
    ) -> Result<Vec<Bytes>, Fault> {
        let shown = self.shown_receipts(at, hash, block).await?;
        let encoded: Vec<_> = shown.iter().map(WholeReceipt::encoded).collect();
        if root_of(&encoded) == block.receipts_root {
            return Ok(encoded);
        }
        match self.pool.ask::<Vec<Bytes>>(at, "debug_getRawReceipts", json!([hash])).await {
            Ok(raw) if root_of(&raw) == block.receipts_root => Ok(raw),
            Ok(_) => {
                let what = format!("the receipts of {hash} do not make up its root");
                Err(self.contradiction(at, what))
            }
            Err(fault) if is_without(&fault) => Err(Fault::Unsupported(
                "debug_getRawReceipts, and its receipts have fields that are unknown here",
            )),
            Err(other) => Err(other),
        }
    }

    /// The receipts as the node shows them: at once, or one by one where it has no method for that.
    async fn shown_receipts(
        &self,
        at: usize,
        hash: B256,
        block: &WireBlock,
    ) -> Result<Vec<WholeReceipt>, Fault> {
        let absent = || Fault::NotYet(format!("receipts of block {}", block.number));
        match self.pool.ask(at, "eth_getBlockReceipts", json!([hash])).await {
            Ok(found) => return Option::ok_or_else(found, absent),
            Err(fault) if is_without(&fault) => {}
            Err(other) => return Err(other),
        }
        let params = block.transactions.iter().map(|tx| json!([tx])).collect();
        let found: Vec<Option<WholeReceipt>> =
            self.pool.ask_all(at, "eth_getTransactionReceipt", params).await?;
        found.into_iter().map(|receipt| receipt.ok_or_else(absent)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::{
        consensus::{Receipt, ReceiptEnvelope, TxType},
        eips::Encodable2718,
        primitives::Address,
    };

    fn shown(value: Value) -> WholeReceipt {
        serde_json::from_value(value).expect("a receipt")
    }

    fn log(topics: u8) -> Log {
        let topics = (0..topics).map(B256::repeat_byte).collect();
        Log::new_unchecked(Address::repeat_byte(7), topics, vec![0xee; 3].into())
    }

    #[test]
    fn what_a_node_shows_is_encoded_as_the_trie_has_it() {
        for kind in [TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip4844] {
            for success in [true, false] {
                let logs = vec![log(0), log(4)];
                let receipt = Receipt { status: success.into(), cumulative_gas_used: 70_000, logs };
                let envelope = ReceiptEnvelope::from_typed(kind, receipt);
                let shows = serde_json::to_value(&envelope).expect("JSON");
                assert_eq!(shown(shows).encoded(), envelope.encoded_2718(), "{kind}");
            }
        }
    }

    #[test]
    fn receipts_from_before_byzantium_have_a_state_root() {
        let root = B256::repeat_byte(3);
        let receipt = Receipt {
            status: Eip658Value::PostState(root),
            cumulative_gas_used: 21_000,
            logs: vec![],
        };
        let expected = ReceiptEnvelope::from_typed(TxType::Legacy, receipt).encoded_2718();
        let shows = json!({"root": root, "cumulativeGasUsed": "0x5208", "logs": []});
        assert_eq!(shown(shows).encoded(), expected);
    }

    #[test]
    fn deposits_of_the_op_stack_encode_nonce_and_version() {
        let mut shows = json!({
            "type": "0x7e", "status": "0x1", "cumulativeGasUsed": "0x5208", "logs": [],
            "depositNonce": "0x2a", "l1Fee": "0x0",
        });
        let before = shown(shows.clone()).encoded();
        shows["depositReceiptVersion"] = json!("0x1");
        let after = shown(shows).encoded();
        assert_eq!((before[0], after[0]), (0x7e, 0x7e));
        assert_eq!(after.len(), before.len() + 2);
        assert_eq!(after[after.len() - 2..], [0x2a, 1]);
    }
}
