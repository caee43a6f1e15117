//! Escrows as answers show them.

use crate::{Amount, WireBlock};
use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// Where on a chain something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireInclusion {
    /// The block.
    pub block: WireBlock,
    /// The transaction.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub tx_hash: B256,
    /// Index of the log in the block.
    pub log_index: u32,
}

/// How an escrow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum EndKind {
    /// Opened with the secret.
    Withdrawn,
    /// Given back.
    Cancelled,
    /// Emptied by the taker after the rescue delay.
    Rescued,
}

/// The end of an escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EscrowEndEntry {
    /// How.
    pub kind: EndKind,
    /// Where.
    pub at: WireInclusion,
    /// The secret the withdrawal made public; `null` for any other end.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub secret: Option<B256>,
    /// What a rescue took out, zero being the native coin; `null` for any other end.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub token: Option<Address>,
}

/// A window of block timestamps, unix seconds: `start <= t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireWindow {
    /// First second inside.
    pub start: u64,
    /// First second outside; `null` when it never ends.
    pub end: Option<u64>,
}

/// When an escrow can be ended, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EscrowWindows {
    /// The taker may withdraw.
    pub withdraw: WireWindow,
    /// Others, with the permission the contract asks for, may withdraw.
    pub public_withdraw: WireWindow,
    /// The taker may cancel.
    pub cancel: WireWindow,
}

/// `Immutables` of the contracts: everything an escrow is bound to, bit for bit. Words stay words,
/// so that hashing them again gives the escrow's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireImmutables {
    /// Hash of the maker's order.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub order_hash: B256,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// Maker word.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub maker: B256,
    /// Taker word.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub taker: B256,
    /// Token word; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub token: B256,
    /// Amount, smallest unit.
    pub amount: Amount,
    /// Safety deposit, wei.
    pub safety_deposit: Amount,
    /// Packed stage offsets and deployment time.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub timelocks: B256,
    /// Opaque extra bytes.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Bytes"))]
    pub parameters: Bytes,
}

/// `DstImmutablesComplement` of the contracts: what the source says the destination must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireComplement {
    /// Beneficiary word on the destination chain.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub maker: B256,
    /// Amount on the destination chain, smallest unit.
    pub amount: Amount,
    /// Token word on the destination chain; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub token: B256,
    /// Destination safety deposit, wei.
    pub safety_deposit: Amount,
    /// Destination chain id, as the contract carries it (decimal).
    pub chain_id: Amount,
    /// Opaque extra bytes.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Bytes"))]
    pub parameters: Bytes,
}

/// The source escrow of a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceEscrow {
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
    /// What the chain names of its terms.
    pub terms: SourceTermsEntry,
    /// What it is bound to; `null` where its factory does not state it (dialects `bmn23`, `bmn302`):
    /// such an escrow cannot be acted on.
    pub immutables: Option<WireImmutables>,
    /// What the destination must hold; `null` together with `immutables`.
    pub complement: Option<WireComplement>,
    /// Absolute windows; `null` together with `immutables`.
    pub windows: Option<EscrowWindows>,
    /// Where it was created.
    pub created: WireInclusion,
    /// How it ended; `null` while it stands.
    pub end: Option<EscrowEndEntry>,
}

/// The terms of a source escrow that the chain names; `null` is what it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceTermsEntry {
    /// Hash of the maker's order.
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
    /// Amount, smallest unit.
    pub amount: Option<Amount>,
}

/// The destination escrow as the chain shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DestinationEscrow {
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
    /// Taker named by the factory's event.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub taker: Address,
    /// Where it was created.
    pub created: WireInclusion,
    /// How it ended; `null` while it stands.
    pub end: Option<EscrowEndEntry>,
}

/// The destination the resolver means to create or created, with its exact immutables: what a
/// careful maker checks before he discloses the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlannedDestination {
    /// Destination chain id.
    pub chain: u64,
    /// Factory it is created at.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub factory: Address,
    /// Source escrow it answers, as a swap id.
    pub source: String,
    /// Address derived from the immutables; `null` while only the creating block will decide it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// Exact immutables; their deployment time is zero while there is no address.
    pub immutables: WireImmutables,
    /// Windows by those immutables.
    pub windows: EscrowWindows,
}
