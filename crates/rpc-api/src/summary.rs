//! Short answers: where the index stands, sums, and orders without their escrows.

use crate::{
    Amount, Cursor, Day, OrderDecision, OrderOrigin, OrderTerms, PendingOrder, RefusalReason,
    SideCounts, SwapStatus, WireBlock,
};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Answer of `bmn_version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeVersion {
    /// Version of the node.
    pub version: String,
    /// Version of the OpenRPC document that `rpc.discover` answers with.
    pub api: String,
    /// Version of the form of the database.
    pub schema: u32,
}

/// Where a chain's index stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LastBlock {
    /// Chain id.
    pub chain: u64,
    /// Newest indexed block; `null` before the first.
    pub head: Option<WireBlock>,
    /// Newest block that cannot be reverted any more; `null` while none is known.
    pub finalized: Option<WireBlock>,
}

/// How a chain's index is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum IndexerState {
    /// Block by block, as the chain goes on.
    Live,
    /// Far behind: final blocks in bulk, and no order is looked at.
    Backfilling,
    /// All blocks are there; every order is looked at once.
    Deriving,
    /// Its rows are removed, to be written again from the chain's start.
    Clearing,
    /// They are being written again.
    Rebuilding,
}

/// The index of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainIndexer {
    /// Chain id.
    pub chain: u64,
    /// Name in the chain specification.
    pub name: String,
    /// How it is written.
    pub state: IndexerState,
    /// Newest indexed block; `null` before the first.
    pub head: Option<WireBlock>,
    /// Newest block that cannot be reverted any more; `null` while none is known.
    pub finalized: Option<WireBlock>,
    /// Newest block that the chain's host may prune; `null` while it may prune nothing.
    pub acknowledged: Option<WireBlock>,
    /// Blocks from the finalized one to the head; while they wait to be final they can be undone. 0 where either is not known.
    pub open_blocks: u64,
    /// Rolling digest of all events up to the head, as `bmn_getDigest` has it; zero before the first event.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub digest: B256,
    /// Lowest block of which every event is kept; `null` while all are. Below it is what was not over, and what an
    /// order that is still here needs.
    pub kept_from: Option<u64>,
}

/// Everything that a chain showed on all days together, strangers' swaps included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainStatistics {
    /// Chain id.
    pub chain: u64,
    /// First day on which something happened, in UTC; `null` before it.
    pub first_day: Option<Day>,
    /// Last such day.
    pub last_day: Option<Day>,
    /// Days on which something happened.
    pub days: u64,
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
    /// Withdrawn source escrows of those that ended, in basis points; `null` while none has ended.
    pub success_bps: Option<u64>,
}

/// What all indexed chains together showed on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DailyMetrics {
    /// The day of the chains' own time, in UTC.
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
    /// What the source escrows of this day locked, by chain and token.
    pub locked: Vec<ChainVolume>,
    /// True when a chain's list stops at 32 tokens while there are more: `bmn_getStatistics` has them by token.
    pub more_tokens: bool,
}

/// A sum of one token of one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChainVolume {
    /// Chain id.
    pub chain: u64,
    /// Token; zero is the native coin. Of a dirty word the low 160 bits.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub token: Address,
    /// Sum, smallest unit; it stops at the highest 256-bit number.
    pub amount: Amount,
}

/// An order of this node without its escrows, steps and history, which `bmn_getSwap` has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderEntry {
    /// Order id, `chain:contract:orderHash:leaf`.
    pub order_id: String,
    /// EIP-712 digest.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub order_hash: B256,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// Where it stands.
    pub status: SwapStatus,
    /// True when nothing is left to do.
    pub terminal: bool,
    /// How it came to the node.
    pub origin: OrderOrigin,
    /// Dialect of the source factory.
    pub dialect: String,
    /// Owner of the source tokens.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub maker: Address,
    /// Who receives the destination tokens.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub beneficiary: Address,
    /// What is exchanged.
    pub terms: OrderTerms,
    /// What was decided.
    pub decision: OrderDecision,
    /// Every reason of a refusal; empty when accepted.
    pub refusals: Vec<RefusalReason>,
    /// Newest block of the source chain when the node saw it.
    pub seen_at: WireBlock,
}

/// A page of orders, by order id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderPage {
    /// The orders.
    pub items: Vec<OrderEntry>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<Cursor>,
}

/// Orders that earn something, the best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProfitableOrders {
    /// The orders.
    pub items: Vec<PendingOrder>,
    /// False when there were more escrows of this resolver than one answer looks at, 2 000: one that was not
    /// looked at may earn more. `bmn_getPendingOrders` has them all.
    pub complete: bool,
}

/// Steps on one chain that are not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct QueueMetrics {
    /// Chain id.
    pub chain: u64,
    /// Steps that wait for a height or a time.
    pub waiting: u64,
    /// Steps that may be taken.
    pub ready: u64,
    /// Steps that are being worked on.
    pub leased: u64,
    /// Steps whose transaction is signed and not settled.
    pub sent: u64,
    /// Steps that were given up; an operator must look.
    pub dead: u64,
    /// Block number that wakes the next waiting step; `null` where none waits for one.
    pub next_height: Option<u64>,
    /// Block time that wakes the next waiting step, unix seconds; `null` where none waits for one.
    pub next_time: Option<u64>,
}

/// How long things took since the node started, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PerformanceMetrics {
    /// Seconds since the node started.
    pub uptime: u64,
    /// From the event that makes an action due to the acceptance of its transaction; of the newest 65 536.
    pub action: Spread,
}

/// A distribution of durations, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// How many were measured; the other fields are 0 while it is 0.
    pub count: u64,
    /// Half took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}
