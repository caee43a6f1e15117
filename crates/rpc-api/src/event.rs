//! Contract events as answers show them.

use crate::{Cursor, WireBlock};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One indexed contract event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainEventEntry {
    /// Chain id.
    pub chain: u64,
    /// The block.
    pub block: WireBlock,
    /// The transaction.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub tx_hash: B256,
    /// Index of the log in the block.
    pub log_index: u32,
    /// Contract that emitted it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub address: Address,
    /// Escrow it is about: the emitter itself, or the clone a factory created; `null` for events of
    /// the limit-order contract.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// Event name, for example `DstEscrowCreated`.
    pub event: String,
    /// The event's fields by their contract names: amounts as decimal strings in the smallest unit,
    /// everything else `0x` hex.
    pub fields: Map<String, Value>,
    /// Unit of each number in `fields`, by its path.
    pub units: Map<String, Value>,
}

/// A page of events, by chain, block and log index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// The events.
    pub items: Vec<ChainEventEntry>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
    /// Where to go on later, when `next` is `null` and the filter names a chain; `null` otherwise,
    /// and while there is no event to go on after. A reader that asks again with it misses no event:
    /// when a reorg replaced what it has read, the answer is the error `reorged`.
    #[serde(default)]
    pub resume: Option<Cursor>,
}
