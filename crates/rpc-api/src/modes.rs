//! The mode of a node, its switches, and what shadow mode missed.

use crate::{Cursor, SignedAmount, WireBlock};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// What a switch stops new orders of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SwitchKind {
    /// All.
    Pause,
    /// All, until nothing is open any more.
    Drain,
    /// All, while somebody works on the node.
    Maintenance,
    /// Those from or to `chainId`.
    Chain,
    /// Those in `token` on `chainId`.
    Token,
}

/// A switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WireSwitch {
    /// What it stops.
    pub kind: SwitchKind,
    /// For `chain` and `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<u64>,
    /// For `token`; zero is the native coin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub token: Option<Address>,
}

/// Which new orders a node takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeModes {
    /// `full`, `shadow` or `percent=N`.
    pub mode: String,
    /// The switches that are on.
    pub switches: Vec<WireSwitch>,
    /// True while it may take some new order.
    pub takes_orders: bool,
    /// Orders that were taken and are not at an end. They are brought there whatever the mode.
    pub open_orders: u64,
}

/// What became of an order that shadow mode would have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ShadowOutcome {
    /// Nobody filled it, and it can still be.
    Open,
    /// Nobody filled it, and nobody can any more.
    Expired,
    /// Somebody filled it; its source escrow stands.
    Filled,
    /// Somebody filled it and withdrew the source.
    Completed,
    /// Somebody filled it, and the source went back.
    Cancelled,
}

/// One order that shadow mode would have taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ShadowEntry {
    /// Order id.
    pub order_id: String,
    /// Head of the source chain at the decision.
    pub decided_at: WireBlock,
    /// What became of it.
    pub outcome: ShadowOutcome,
    /// The taker of its source escrow, a raw address word; `null` where nobody filled it or the chain
    /// does not name him.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub filled_by: Option<B256>,
    /// Its source escrow.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// What it would have earned as expected, millionths of the reference currency.
    pub expected: SignedAmount,
    /// What it would have earned at worst.
    pub worst: SignedAmount,
}

/// A page of `bmn_shadowReport`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ShadowReport {
    /// Orders by id.
    pub items: Vec<ShadowEntry>,
    /// Where to go on; `null` at the end.
    pub next: Option<Cursor>,
}
