//! The answers to the submission of an order or a secret.

use crate::Amount;
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

/// What the node made of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderDecision {
    /// The resolver settles it.
    Accepted,
    /// The resolver funds nothing for it.
    Refused,
}

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalReason {
    /// Stable code, for example `doesNotFit`.
    pub code: String,
    /// The reason with its numbers.
    pub message: String,
}

/// What an order earns, in millionths of the reference currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireProfit {
    /// Value received on the source chain.
    pub source_value: Amount,
    /// Value paid on the destination chain.
    pub destination_value: Amount,
    /// Expected gas on both chains.
    pub gas: Amount,
    /// The destination's safety deposit, which the maker may keep by withdrawing alone.
    pub deposit: Amount,
    /// Net profit after gas and deposit, in basis points of the source value.
    pub bps: i64,
}

/// Answer of `bmn_submitOrder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderSubmission {
    /// Order id, `chain:contract:orderHash:leaf`.
    pub order_id: String,
    /// EIP-712 digest.
    pub order_hash: B256,
    /// Hash of the secret.
    pub hashlock: B256,
    /// What was decided.
    pub decision: OrderDecision,
    /// Every reason of a refusal; empty when accepted.
    pub refusals: Vec<RefusalReason>,
    /// What it earns; `null` where it could not be valued.
    pub profit: Option<WireProfit>,
}

/// Answer of `bmn_submitSecret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretAnswer {
    /// The hashlock the secret opens.
    pub hashlock: B256,
    /// Ids of the orders it belongs to.
    pub orders: Vec<String>,
}
