//! The change log as answers and subscriptions show it.

use crate::{SwapStatus, WireBlock};
use serde::{Deserialize, Serialize};

/// Where a chain's index stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainHead {
    /// Chain id.
    pub chain: u64,
    /// Newest indexed block.
    pub block: WireBlock,
}

/// One change of an order's status. A reorg that takes a status back is another change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SwapChange {
    /// Number in the change log, from 1 and without gaps.
    pub sequence: u64,
    /// Order id.
    pub order_id: String,
    /// Status before; `null` when the order was new.
    pub from: Option<SwapStatus>,
    /// Status after.
    pub to: SwapStatus,
    /// Newest indexed block of every chain at that moment, by chain id.
    pub heads: Vec<ChainHead>,
}

/// `data` of the error `reorged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reorged {
    /// Chain id.
    pub chain: u64,
    /// The block that the cursor stands on.
    pub number: u64,
    /// Forget what was read of this block and of those after it, and read again from it: the block
    /// after the one that was final when the cursor was made. 0, all of it, when that is not the same
    /// any more: the index was built again.
    pub resume_from: u64,
}
