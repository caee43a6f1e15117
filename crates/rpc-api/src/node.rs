//! The node as a whole.

use crate::{JobState, SwapStatus};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A block of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireBlock {
    /// Block number.
    pub number: u64,
    /// Block hash.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hash: B256,
    /// Block timestamp, unix seconds.
    pub time: u64,
}

/// A factory the node believes, and what a maker needs to sign an order for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FactoryEntry {
    /// Factory contract.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub address: Address,
    /// Dialect it speaks, for example `bmn4`.
    pub dialect: String,
    /// Limit-order contract whose fills it takes: the EIP-712 `verifyingContract`.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub limit_order_protocol: Address,
}

/// One chain as the node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainStatus {
    /// EIP-155 chain id.
    pub id: u64,
    /// Name in the chain specification.
    pub name: String,
    /// Newest indexed block; `null` before the first.
    pub head: Option<WireBlock>,
    /// Newest block that cannot be reverted any more; `null` when the host has named none.
    pub finalized: Option<WireBlock>,
    /// Blocks that must be built on top of a block before money follows it.
    pub confirmations: u64,
    /// Our account on this chain.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub account: Address,
    /// Nonce of our next transaction, counting those that are signed and not mined.
    pub next_nonce: u64,
    /// Transactions of ours that are signed and not settled.
    pub live_transactions: u64,
    /// Factories the node believes.
    pub factories: Vec<FactoryEntry>,
}

/// Answer of `bmn_status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Version of the node.
    pub version: String,
    /// Seconds since the node started.
    pub uptime: u64,
    /// True while the node acts on every chain and takes new orders. Swaps between chains that have been
    /// caught up with go on while another one alone is behind.
    pub acting: bool,
    /// Why it does not.
    pub not_acting_because: Option<String>,
    /// Newest number of the change log ([`SwapChange`](crate::SwapChange)); 0 when it is empty.
    pub sequence: u64,
    /// Every configured chain, by id.
    pub chains: Vec<ChainStatus>,
    /// Orders by status; a status without orders is absent. Counting stops at 10 000: that number
    /// means so many or more.
    pub orders: BTreeMap<SwapStatus, u64>,
    /// Steps that are not done, by state; a state without any is absent. Counting stops at 10 000.
    pub jobs: BTreeMap<JobState, u64>,
    /// Actions that are due and whose latest safe time is near or over; counted with the next among 10 000.
    #[serde(default)]
    pub overdue: u64,
    /// Withdrawals and permissions of ours that were not sent by their latest safe time, ever. Anything but 0
    /// is for a person to look at.
    #[serde(default)]
    pub missed_deadlines: u64,
}
