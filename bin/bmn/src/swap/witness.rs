//! A chain's node of the verifier's own choice: what alone is believed besides mathematics.

use crate::{chain_rpc::Node, failure::Failure};
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use bmn_contracts::calldata;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A node and where its chain stands.
pub(super) struct Witness {
    node: Node,
    /// Chain id.
    pub(super) chain: u64,
    /// Number of its newest block.
    pub(super) head: u64,
    /// Its time, unix seconds.
    pub(super) head_time: u64,
    /// Number of its newest final block; `None` where it names none.
    pub(super) finalized: Option<u64>,
}

/// What an escrow has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holdings {
    /// Of its token, smallest unit; its coins where the token is the native one.
    pub(super) token: U256,
    /// Coins, wei.
    pub(super) coins: U256,
}

impl Witness {
    /// Asks the node behind a URL for its chain.
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let node = Node::new("--chain-rpc", url)?;
        let chain: U64 = ask(&node, "eth_chainId", json!([])).await?;
        let head = block(&node, "latest").await?;
        let none = || node.unreachable("it has no block".to_owned());
        let Seen { number: head, time: head_time, .. } = head.ok_or_else(none)?;
        let tag = [("eth_getBlockByNumber", json!(["finalized", false]))];
        // Not every node knows the tag.
        let finalized = match node.batch(&tag).await?.pop() {
            Some(Ok(found)) => number_of(&found),
            _ => None,
        };
        Ok(Self { node, chain: chain.to(), head, head_time, finalized })
    }

    /// Its URL without anything secret.
    pub(super) fn shown(&self) -> &str {
        self.node.shown()
    }

    /// Hash of its block at a number; `None` where it has none.
    pub(super) async fn hash_at(&self, number: u64) -> Result<Option<B256>, Failure> {
        let found = block(&self.node, &format!("{number:#x}")).await?;
        Ok(found.filter(|found| found.number == number).map(|found| found.hash))
    }

    /// What an escrow has at the newest block.
    pub(super) async fn holdings(
        &self,
        escrow: Address,
        token: Address,
    ) -> Result<Holdings, Failure> {
        let coins: U256 = ask(&self.node, "eth_getBalance", json!([escrow, "latest"])).await?;
        if token.is_zero() {
            return Ok(Holdings { token: coins, coins });
        }
        let call = json!([{ "to": token, "data": calldata::balance_of(escrow) }, "latest"]);
        let word: Bytes = ask(&self.node, "eth_call", call).await?;
        let token = U256::try_from_be_slice(&word).filter(|_| word.len() == 32);
        let none = || self.node.unreachable(format!("{escrow:#x} has no token balance to read"));
        Ok(Holdings { token: token.ok_or_else(none)?, coins })
    }
}

async fn ask<T: DeserializeOwned>(
    node: &Node,
    method: &'static str,
    params: Value,
) -> Result<T, Failure> {
    let answer = node.call(method, params).await?;
    let strange = |_| node.unreachable(format!("{method} was not answered as a node does"));
    serde_json::from_value(answer).map_err(strange)
}

/// A block as a node tells it.
struct Seen {
    number: u64,
    hash: B256,
    time: u64,
}

async fn block(node: &Node, at: &str) -> Result<Option<Seen>, Failure> {
    let found: Value = ask(node, "eth_getBlockByNumber", json!([at, false])).await?;
    let hash = serde_json::from_value(found["hash"].clone()).ok();
    let told = number_of(&found).zip(quantity(&found["timestamp"])).zip(hash);
    Ok(told.map(|((number, time), hash)| Seen { number, hash, time }))
}

fn number_of(block: &Value) -> Option<u64> {
    quantity(&block["number"])
}

fn quantity(value: &Value) -> Option<u64> {
    serde_json::from_value::<U64>(value.clone()).ok().map(|number| number.to())
}
