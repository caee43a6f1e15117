//! Answers of a chain's JSON-RPC.

use crate::{
    chain_rpc::{Node, Refusal},
    failure::Failure,
};
use serde_json::{Value, json};

/// The answers of a batch.
pub(super) type Answers = Vec<Result<Value, Refusal>>;

/// A block, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Its number.
    pub(super) number: u64,
    /// Unix seconds.
    pub(super) time: u64,
    /// Its hash, as it was written.
    pub(super) hash: String,
}

fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// The number that an answer is.
pub(super) fn read_number(answers: &Answers, at: usize) -> Option<u64> {
    quantity(answers.get(at)?.as_ref().ok()?)
}

/// The block that an answer is; `None` when the node has none.
pub(super) fn read_block(answers: &Answers, at: usize) -> Option<Block> {
    let block = answers.get(at)?.as_ref().ok()?;
    let (number, time) = (quantity(&block["number"])?, quantity(&block["timestamp"])?);
    Some(Block { number, time, hash: block["hash"].as_str().unwrap_or_default().to_owned() })
}

/// The chain behind a node, asked once.
///
/// # Errors
/// It does not answer, or not as an Ethereum node does.
pub(super) async fn chain_id(node: &Node) -> Result<u64, Failure> {
    let answers = node.at_once(&[("eth_chainId", json!([]))]).await?;
    let strange =
        || node.unreachable("eth_chainId was not answered as an Ethereum node does".to_owned());
    read_number(&answers, 0).ok_or_else(strange)
}
