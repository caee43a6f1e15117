//! What the chains show of one swap, each event with its proof.

use crate::{ChainEventEntry, EscrowSide, LogProof, WireBlock, WireImmutables};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Answer of `bmn_getSwapProof`. Whoever holds it need not believe the node it came from:
/// [`SwapProof::verify`] says what is shown, and which block hashes are to be asked for elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwapProof {
    /// Order of the answering node; `null` where the swap is none of its own.
    pub order_id: Option<String>,
    /// Hash of the secret that opens the escrows; `null` where no event names it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub hashlock: Option<B256>,
    /// The escrows, source first; at most [`MAX_ESCROWS`](Self::MAX_ESCROWS).
    pub escrows: Vec<EscrowProof>,
    /// True when there are more escrows or events than an answer holds.
    pub more: bool,
}

impl SwapProof {
    /// Most escrows of an answer. A swap has two; a stranger may repeat its hashlock.
    pub const MAX_ESCROWS: usize = 8;
    /// Most events of one escrow in an answer. It is created and ended once; only rescues may repeat.
    pub const MAX_EVENTS: usize = 8;
}

/// The events of one escrow with their proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EscrowProof {
    /// Which side of the swap.
    pub side: EscrowSide,
    /// Chain id.
    pub chain: u64,
    /// The clone.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Factory that created it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub factory: Address,
    /// Everything it is bound to, where the node knows it. Not an event, and still shown: the escrow's address
    /// is computed from it (CREATE2).
    pub immutables: Option<WireImmutables>,
    /// Newest block that the node has indexed of this chain.
    pub head: Option<WireBlock>,
    /// Newest block that is final to the node.
    pub finalized: Option<WireBlock>,
    /// The events, oldest first; at most [`SwapProof::MAX_EVENTS`].
    pub events: Vec<EventProof>,
}

/// An event and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventProof {
    /// The event as `bmn_getEvents` tells it. Its transaction's hash and its place in the block are not part of
    /// what is shown.
    pub event: ChainEventEntry,
    /// Whether its block is final to the node.
    pub is_final: bool,
    /// What shows that it is in its block.
    pub proof: LogProof,
}
