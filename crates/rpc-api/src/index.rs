//! The index of all swaps as answers show it, strangers' included.

use crate::{
    Amount, Cursor, Day, EscrowEndEntry, EscrowWindows, OneOrMany, WireBlock, WireComplement,
    WireImmutables, WireInclusion, WireProfit,
};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// How an escrow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum EscrowState {
    /// It holds what was locked.
    Open,
    /// Opened with the secret.
    Withdrawn,
    /// Given back.
    Cancelled,
    /// Something was taken out by the taker after the rescue delay, and nothing else ended it.
    Rescued,
}

/// One state or several, as filters take them.
pub type EscrowStates = OneOrMany<EscrowState>;

/// Which side of a swap an escrow is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum EscrowSide {
    /// Holds what the maker sells.
    Source,
    /// Holds what the maker buys.
    Destination,
}

/// A source escrow that a believed factory created, whoever it is for. What an old factory does not
/// put on chain is `null`. Maker, taker and token are raw words: one with dirty high bits is no
/// address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IndexedSource {
    /// Swap id, `chain:escrow`.
    pub swap_id: String,
    /// Source chain id.
    pub chain: u64,
    /// The clone.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Factory that created it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: String,
    /// How it stands.
    pub state: EscrowState,
    /// Order of this node that it is bound to; `null` for a stranger's.
    pub order_id: Option<String>,
    /// Order hash it names.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub order_hash: Option<B256>,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub hashlock: Option<B256>,
    /// Maker word.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub maker: Option<B256>,
    /// Taker word.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub taker: Option<B256>,
    /// Token word; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub token: Option<B256>,
    /// Amount locked, smallest unit.
    pub amount: Option<Amount>,
    /// Everything it is bound to, bit for bit.
    pub immutables: Option<WireImmutables>,
    /// What the destination must hold.
    pub complement: Option<WireComplement>,
    /// Absolute windows.
    pub windows: Option<EscrowWindows>,
    /// Where it was created.
    pub created: WireInclusion,
    /// How it ended; `null` while it stands.
    pub end: Option<EscrowEndEntry>,
}

/// A page of source escrows, by chain, block and log index of their creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourcePage {
    /// The escrows.
    pub items: Vec<IndexedSource>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// A destination escrow that a believed factory created, whoever it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IndexedDestination {
    /// Destination chain id.
    pub chain: u64,
    /// The clone.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Factory that created it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: String,
    /// How it stands.
    pub state: EscrowState,
    /// Order of this node that planned it; `null` for a stranger's.
    pub order_id: Option<String>,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// Taker named by the factory's event.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub taker: Address,
    /// True while no source escrow on any indexed chain has this hashlock.
    pub unmatched: bool,
    /// Where it was created.
    pub created: WireInclusion,
    /// How it ended; `null` while it stands.
    pub end: Option<EscrowEndEntry>,
}

/// A page of destination escrows, by chain, block and log index of their creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DestinationPage {
    /// The escrows.
    pub items: Vec<IndexedDestination>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// A source escrow that stands and names the resolver as its taker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PendingOrder {
    /// The escrow with its windows.
    pub source: IndexedSource,
    /// What settling it earns, at the configured prices and the base fees of the newest indexed
    /// blocks; `null` where a token, a chain or the terms are not known.
    pub profit: Option<WireProfit>,
}

/// A page of pending orders, by chain, block and log index of their creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PendingPage {
    /// The orders.
    pub items: Vec<PendingOrder>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// A withdrawal that showed a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SecretReveal {
    /// Chain id.
    pub chain: u64,
    /// Which side the escrow is on.
    pub side: EscrowSide,
    /// The escrow that was opened.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Where.
    pub at: WireInclusion,
}

/// A hashlock and its secret, once a chain has shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RevealedSecret {
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// The secret; `null` until a chain has shown it. It stays known when its block is reverted.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub secret: Option<B256>,
    /// Canonical withdrawals that showed it, at most 16; none when a reorg took them back.
    pub reveals: Vec<SecretReveal>,
}

/// A count for each side of swaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SideCounts {
    /// Of source escrows.
    pub source: u64,
    /// Of destination escrows.
    pub destination: u64,
}

/// A sum of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenVolume {
    /// Token; zero is the native coin. Of a dirty word the low 160 bits.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub token: Address,
    /// Sum, smallest unit; it stops at the highest 256-bit number.
    pub amount: Amount,
}

/// What a chain showed on one day of its own time, strangers' swaps included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DailyStatistics {
    /// Chain id.
    pub chain: u64,
    /// The day, in UTC.
    pub day: Day,
    /// Escrows created.
    pub created: SideCounts,
    /// Escrows withdrawn.
    pub withdrawn: SideCounts,
    /// Escrows cancelled.
    pub cancelled: SideCounts,
    /// Rescues; an escrow may see several.
    pub rescued: SideCounts,
    /// Withdrawals that showed the secret behind their escrow's hashlock.
    pub secrets: u64,
    /// What source escrows of this day locked, by token.
    pub locked: Vec<TokenVolume>,
    /// What they say their destinations must hold, wherever that is, by token.
    pub promised: Vec<TokenVolume>,
    /// True when either list stops at 32 tokens while there are more: ask with `token`.
    pub more_tokens: bool,
}

/// A page of statistics, by chain and day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatisticsPage {
    /// The days on which something happened.
    pub items: Vec<DailyStatistics>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// The state of a chain's index at a block, in one value: two nodes that follow the same chain with
/// the same factories from the same start have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IndexDigest {
    /// Chain id.
    pub chain: u64,
    /// The block that was asked for.
    pub number: u64,
    /// The newest block up to there that holds an indexed event; `null` when there is none.
    pub block: Option<WireBlock>,
    /// Rolling hash over every indexed event up to and with that block; zero when there is none.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub digest: B256,
}
