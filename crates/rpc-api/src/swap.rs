//! Orders and swaps as answers show them.

use crate::{
    Amount, Cursor, DestinationEscrow, JobEntry, OrderDecision, PlannedDestination, RefusalReason,
    SourceEscrow, SwapChange, SwapStatus, WireBlock, WireImmutables,
};
use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
use serde_json::value::to_raw_value;

/// How the node came to know an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum OrderOrigin {
    /// Handed to `bmn_submitOrder`.
    Submitted,
    /// A source escrow somebody created naming the resolver as taker.
    DirectSource,
    /// A stranger's source escrow, which the keeper watches.
    Watched,
    /// An escrow of the resolver's that a chain shows and no stored order knew.
    Recovered,
}

/// What the node knows of the secret behind a hashlock. The secret itself is shown only where a
/// chain showed it, in [`EscrowEndEntry`](crate::EscrowEndEntry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SecretState {
    /// Nothing.
    Unknown,
    /// The maker handed it in; it is sealed.
    Sealed,
    /// It was seen on a chain.
    Public,
}

/// What an order sells and buys, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderTerms {
    /// Source chain id.
    pub source_chain: u64,
    /// Token sold, on the source chain.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub source_token: Address,
    /// Amount sold, smallest unit.
    pub source_amount: Amount,
    /// Destination chain id.
    pub destination_chain: u64,
    /// Token bought, on the destination chain; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub destination_token: Address,
    /// Amount bought, smallest unit.
    pub destination_amount: Amount,
    /// Safety deposit of the destination escrow, wei.
    pub destination_deposit: Amount,
    /// When withdrawing the source ends and cancelling it begins, unix seconds; `null` where the order
    /// states offsets, which count from its fill.
    pub src_cancellation: Option<u64>,
    /// When withdrawing the destination begins, unix seconds, and before which a fill must be mined;
    /// `null` where the order states offsets.
    pub dst_withdrawal: Option<u64>,
}

/// Everything about one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Swap {
    /// Order id, `chain:contract:orderHash:leaf`.
    pub order_id: String,
    /// EIP-712 digest of the order.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub order_hash: B256,
    /// Swap id, `chain:escrow`; `null` while no source escrow stands.
    pub swap_id: Option<String>,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// Where it stands.
    pub status: SwapStatus,
    /// True when nothing more will be done, unless a reorg takes the end back.
    pub terminal: bool,
    /// How the node came to know it.
    pub origin: OrderOrigin,
    /// Dialect of the source factory.
    pub dialect: String,
    /// Owner of the source tokens.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub maker: Address,
    /// Who is paid on the destination chain.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub beneficiary: Address,
    /// What is swapped for what, until when.
    pub terms: OrderTerms,
    /// What the node decided.
    pub decision: OrderDecision,
    /// Every reason of a refusal; empty when accepted.
    pub refusals: Vec<RefusalReason>,
    /// Source chain head when the node first saw the order.
    pub seen_at: WireBlock,
    /// The source escrow.
    pub source: Option<SourceEscrow>,
    /// The destination escrow.
    pub destination: Option<DestinationEscrow>,
    /// The destination the resolver means to create or created.
    pub planned: Option<PlannedDestination>,
    /// What the node knows of the secret.
    pub secret: SecretState,
    /// True when `bmn_getWithdrawPermission` has an answer.
    pub permission: bool,
    /// Steps that are not done.
    pub jobs: Vec<JobEntry>,
    /// The newest changes of its status, oldest first; at most 64. A reorg that takes a status back
    /// is a change like any other.
    pub history: Vec<SwapChange>,
}

// A swap is a hundred short pieces, and a server's writer looks at its bounds at each: it is written in one go
// first, and handed on as a text.
impl Serialize for Swap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Pieces<'a>(&'a Swap);

        impl Serialize for Pieces<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Swap::serialize(self.0, serializer)
            }
        }

        to_raw_value(&Pieces(self)).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Swap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// A page of orders, by order id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SwapPage {
    /// The orders.
    pub items: Vec<Swap>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// The resolver's signature that lets the maker withdraw the destination alone
/// (`publicWithdrawSigned`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WithdrawPermission {
    /// Destination chain id.
    pub chain_id: u64,
    /// The destination escrow.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Who may call: the maker's beneficiary.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub caller: Address,
    /// Action that was signed: always `DST_PUBLIC_WITHDRAW`.
    pub action: String,
    /// 65 bytes `r ++ s ++ v`.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Bytes"))]
    pub signature: Bytes,
    /// The escrow's exact immutables, to pass along.
    pub immutables: WireImmutables,
    /// First block timestamp at which the call passes, unix seconds.
    pub valid_from: u64,
    /// First block timestamp at which it fails again, unix seconds.
    pub valid_until: u64,
}
