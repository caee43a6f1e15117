//! The answers to the submission of an order or a secret.

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

/// What the node made of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum OrderDecision {
    /// The resolver settles it.
    Accepted,
    /// The resolver funds nothing for it.
    Refused,
}

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RefusalReason {
    /// Stable code, for example `doesNotFit`.
    pub code: String,
    /// The reason. What would tell prices, reserves or limits of the node is left out of public answers;
    /// `bmn_explainOrder` has it.
    pub message: String,
}

/// What an order earns. The values and prices behind it are the operator's
/// (`bmn_explainOrder`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireProfit {
    /// Net profit after gas and deposit, in basis points of the source value.
    pub bps: i64,
}

/// Answer of `bmn_submitOrder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderSubmission {
    /// Order id, `chain:contract:orderHash:leaf`.
    pub order_id: String,
    /// EIP-712 digest.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub order_hash: B256,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SecretAnswer {
    /// The hashlock the secret opens.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// Ids of the orders it belongs to.
    pub orders: Vec<String>,
}
