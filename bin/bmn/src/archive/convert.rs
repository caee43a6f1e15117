//! A node's JSON to the bytes that its chain hashes.

use alloy::{
    primitives::{Address, B256, Bloom, Bytes, U64, keccak256},
    rlp::{Encodable, Header as RlpHeader},
    rpc::types::Header,
};
use bmn_archive::{ArchivedBlock, ArchivedReceipt, Trust, receipts_root};
use serde::Deserialize;
use serde_json::Value;

/// The part of `eth_getBlockByNumber` that is kept.
#[derive(Debug, Clone)]
pub(super) struct RecordedHeader {
    pub(super) hash: B256,
    pub(super) number: u64,
    pub(super) receipts_root: B256,
    pub(super) transactions: Vec<B256>,
    bytes: Bytes,
}

/// A receipt as nodes tell it. What is not here is not hashed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedReceipt {
    transaction_hash: B256,
    block_hash: B256,
    #[serde(rename = "type", default)]
    kind: U64,
    status: Option<U64>,
    /// Before Byzantium, instead of a status.
    root: Option<B256>,
    cumulative_gas_used: U64,
    logs_bloom: Bloom,
    logs: Vec<RecordedLog>,
    deposit_nonce: Option<U64>,
    deposit_receipt_version: Option<U64>,
}

#[derive(Debug, Deserialize)]
struct RecordedLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

/// Reads a block without its transactions' bodies.
pub(super) fn read_header(mut block: Value) -> Result<RecordedHeader, String> {
    let hashes = block["transactions"].take();
    let transactions = serde_json::from_value(hashes)
        .map_err(|error| format!("`transactions`: expected a list of hashes: {error}"))?;
    let header: Header = serde_json::from_value(block).map_err(|error| error.to_string())?;
    Ok(RecordedHeader {
        hash: header.hash,
        number: header.inner.number,
        receipts_root: header.inner.receipts_root,
        transactions,
        bytes: alloy::rlp::encode(&header.inner).into(),
    })
}

/// Reads the receipts of a block, which must be those of its transactions, in their order.
pub(super) fn read_receipts(
    header: &RecordedHeader,
    receipts: Vec<Value>,
) -> Result<Vec<ArchivedReceipt>, String> {
    if receipts.len() != header.transactions.len() {
        let (found, expected) = (receipts.len(), header.transactions.len());
        return Err(format!("{found} receipts for {expected} transactions"));
    }
    let mut read = Vec::with_capacity(receipts.len());
    for (index, (value, expected)) in receipts.into_iter().zip(&header.transactions).enumerate() {
        let receipt: RecordedReceipt =
            serde_json::from_value(value).map_err(|error| format!("receipt {index}: {error}"))?;
        if receipt.transaction_hash != *expected {
            return Err(format!("receipt {index} is not that of transaction {expected}"));
        }
        if receipt.block_hash != header.hash {
            return Err(format!("receipt {index} is of another block: the chain moved meanwhile"));
        }
        read.push(ArchivedReceipt { tx_hash: *expected, receipt: encode(&receipt)? });
    }
    Ok(read)
}

/// The EIP-2718 bytes of a receipt of any type.
fn encode(receipt: &RecordedReceipt) -> Result<Bytes, String> {
    let mut fields = Vec::new();
    match (receipt.status, receipt.root) {
        (Some(status), _) => (status == U64::from(1)).encode(&mut fields),
        (None, Some(root)) => root.encode(&mut fields),
        (None, None) => return Err("a receipt without `status` and `root`".to_owned()),
    }
    receipt.cumulative_gas_used.to::<u64>().encode(&mut fields);
    receipt.logs_bloom.encode(&mut fields);
    let mut logs = Vec::new();
    for log in &receipt.logs {
        let mut log_fields = Vec::new();
        log.address.encode(&mut log_fields);
        log.topics.encode(&mut log_fields);
        log.data.encode(&mut log_fields);
        put_list(&log_fields, &mut logs);
    }
    put_list(&logs, &mut fields);
    // An OP-stack deposit has two fields more since Canyon, which is when it has a version.
    if let (Some(nonce), Some(version)) = (receipt.deposit_nonce, receipt.deposit_receipt_version) {
        nonce.to::<u64>().encode(&mut fields);
        version.to::<u64>().encode(&mut fields);
    }
    let mut bytes = Vec::new();
    match u8::try_from(receipt.kind.to::<u64>()) {
        Ok(0) => {}
        Ok(kind @ 1..=0x7f) => bytes.push(kind),
        _ => return Err(format!("a receipt of type {}: expected 0 to 127", receipt.kind)),
    }
    put_list(&fields, &mut bytes);
    Ok(bytes.into())
}

fn put_list(payload: &[u8], out: &mut Vec<u8>) {
    RlpHeader { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

/// True when the receipts give the header's root.
pub(super) fn gives_root(header: &RecordedHeader, receipts: &[ArchivedReceipt]) -> bool {
    receipts_root(receipts) == header.receipts_root
}

/// The block, marked where its bytes do not give its hashes.
pub(super) fn archived(header: &RecordedHeader, receipts: Vec<ArchivedReceipt>) -> ArchivedBlock {
    let trust = Trust {
        header_unverified: keccak256(&header.bytes) != header.hash,
        receipts_unverified: !gives_root(header, &receipts),
    };
    ArchivedBlock { hash: header.hash, header: header.bytes.clone(), receipts, trust }
}
