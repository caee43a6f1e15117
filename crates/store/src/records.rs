//! The rows that are the store's own. Orders, legs and plans are `bmn-swap`'s.

use crate::journal::Standing;
use alloy::primitives::{Address, B256, U256};
use bmn_contracts::ContractEvent;
use bmn_primitives::{BlockRef, ChainId, OrderHash, OrderId, SwapId};
use bmn_swap::{ActionKey, DestinationPlan, Evidence, Inclusion, Permission, Status};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Where the index of a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The newest block whose rows we hold; none before the first.
    pub tip: Option<BlockRef>,
    /// Base fee of that block, wei, where its header was seen.
    pub base_fee: Option<u64>,
    /// The rolling digest of the events up to that block; zero before the first event.
    pub digest: B256,
    /// The newest block the host calls final, as last told.
    pub finalized: Option<BlockRef>,
    /// The newest block we told the host it may prune (design rule I5).
    pub acknowledged: Option<BlockRef>,
    /// How the index is being written.
    pub mode: Mode,
}

impl Cursor {
    pub(crate) const fn standing(&self) -> Standing {
        Standing { tip: self.tip, base_fee: self.base_fee, digest: self.digest }
    }
}

/// How the index of a chain is being written. Nothing is decided on what a chain shows unless it is
/// [current](Self::is_current).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Mode {
    /// Block by block, as the chain goes on.
    #[default]
    Live,
    /// Far behind: final blocks are taken in bulk and no order is looked at.
    Backfilling,
    /// The chain's rows are being removed, to be written again from its start.
    Clearing(RebuildReason),
    /// They are gone, and the chain is indexed again from its start.
    Rebuilding(RebuildReason),
    /// It is indexed, and every order is derived from it again.
    Deriving(RebuildReason),
}

impl Mode {
    /// True when the index shows the chain as it is, so that orders may be derived from it.
    pub const fn is_current(self) -> bool {
        matches!(self, Self::Live | Self::Deriving(_))
    }

    /// Why the index is built again, when it is.
    pub const fn rebuild_reason(self) -> Option<RebuildReason> {
        match self {
            Self::Live | Self::Backfilling => None,
            Self::Clearing(reason) | Self::Rebuilding(reason) | Self::Deriving(reason) => {
                Some(reason)
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Backfilling => f.write_str("backfilling"),
            Self::Clearing(reason) => write!(f, "clearing for a rebuild ({reason})"),
            Self::Rebuilding(reason) => write!(f, "rebuilding ({reason})"),
            Self::Deriving(reason) => write!(f, "deriving orders again ({reason})"),
        }
    }
}

/// Why the index of a chain is built again from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RebuildReason {
    /// A reorg went deeper than what we can undo.
    DeepReorg,
    /// A row of the chain's tables is damaged or missing.
    Damaged,
    /// The file was written with an older schema.
    OlderSchema,
    /// The operator asked for it.
    Asked,
    /// It missed blocks while it was down or far behind. Its rows are kept: only orders are derived
    /// again.
    Behind,
    /// The chain specification names other factories or another start block than before.
    Specification,
}

impl fmt::Display for RebuildReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeepReorg => "a reorg went deeper than what can be undone",
            Self::Damaged => "a row of the index is damaged",
            Self::OlderSchema => "the file had an older schema",
            Self::Asked => "asked for",
            Self::Behind => "it was behind",
            Self::Specification => "the chain specification changed",
        })
    }
}

/// The rolling digest of a chain's events: two indexes of the same chain agree on it at every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RollingDigest {
    /// The newest block with events at or below the block asked for; none when there is none.
    pub block: Option<BlockRef>,
    /// The digest up to it; zero when there is none.
    pub digest: B256,
}

/// The place of an event, and how a list of events is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    /// Chain.
    pub chain: ChainId,
    /// Block number.
    pub number: u64,
    /// Index of the log in the block.
    pub log_index: u32,
}

/// An event that we believe, where it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Chain.
    pub chain: ChainId,
    /// Block, transaction and log.
    pub at: Inclusion,
    /// Index of the transaction in the block.
    pub tx_index: u32,
    /// The contract that emitted it.
    pub address: Address,
    /// The escrow it is about, where there is one: the emitter itself, or the clone a factory
    /// created.
    pub escrow: Option<Address>,
    /// What it says.
    pub event: ContractEvent,
}

impl EventRow {
    /// Its place.
    pub const fn key(&self) -> EventKey {
        EventKey { chain: self.chain, number: self.at.block.number, log_index: self.at.log_index }
    }

    /// The order hash it names, if any.
    pub const fn order_hash(&self) -> Option<OrderHash> {
        self.event.order_hash()
    }
}

/// Where an order stands: derived status and the operational facts it was derived from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// Status, derived in the same transaction as the rest.
    pub status: Status,
    /// Operational facts.
    pub evidence: Evidence,
    /// The source escrow that is bound to the order.
    pub source: Option<SwapId>,
    /// The destination escrow we mean to create or have created.
    pub plan: Option<DestinationPlan>,
    /// The maker's permission to withdraw the destination alone.
    pub permission: Option<Permission>,
}

/// One change of an order's status. A reorg that takes a status back is another change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Number, from 1 and without gaps.
    pub seq: u64,
    /// The order.
    pub order: OrderId,
    /// Status before; none when the order is new.
    pub from: Option<Status>,
    /// Status after.
    pub to: Status,
    /// The newest block of every indexed chain at that moment, by chain id.
    pub at: Vec<(ChainId, BlockRef)>,
}

/// One signed version of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentTx {
    /// Its hash.
    pub hash: B256,
    /// Maximum fee, wei per gas.
    pub max_fee: u128,
    /// Maximum priority fee, wei per gas.
    pub priority_fee: u128,
    /// Head of the acting chain when it was signed.
    pub at: BlockRef,
}

/// The bytes of a transaction. The calldata of a withdrawal carries the secret, so they are sealed
/// at rest, wiped on drop and never printed.
#[derive(Clone, PartialEq, Eq, Default, Zeroize, ZeroizeOnDrop)]
pub struct TxPayload {
    /// Calldata, from which a replacement is signed.
    pub data: Vec<u8>,
    /// The newest signed version, EIP-2718 bytes, which a crash sends again as they are.
    pub raw: Vec<u8>,
}

impl fmt::Debug for TxPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxPayload({} + {} bytes, redacted)", self.data.len(), self.raw.len())
    }
}

/// A transaction of ours from before its first send until its nonce is settled (design rule M3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// The action it is for. Its chain is the acting chain.
    pub key: ActionKey,
    /// Who signs.
    pub account: Address,
    /// Nonce; every version has the same.
    pub nonce: u64,
    /// Where the call goes.
    pub to: Address,
    /// `msg.value`, wei.
    pub value: U256,
    /// Gas limit.
    pub gas_limit: u64,
    /// Every version that was signed, oldest first. Any of them may be mined.
    pub sent: Vec<SentTx>,
    /// The newest version only consumes the nonce; the action itself was given up.
    pub filler: bool,
    /// Calldata and signed bytes.
    pub payload: TxPayload,
    /// Why it was sent, and what it may spend.
    pub notes: IntentNotes,
}

/// A block on whose evidence a transaction rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Justification {
    /// The block's chain.
    pub chain: ChainId,
    /// The block.
    pub block: BlockRef,
}

/// What a transaction may spend, counted on the day it was first signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// Day of the acting chain's time (unix time / 86 400).
    pub day: u32,
    /// Coin: its value, and its gas at the highest fee that was signed; wei.
    pub coin: U256,
    /// Token that leaves us, and how much of it.
    pub token: Option<(Address, U256)>,
}

/// What is known of an intent beside its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IntentNotes {
    /// The block that justified it; `None` for one from before this was recorded.
    pub because: Option<Justification>,
    /// Head of the acting chain when the nonce was first seen used by a transaction that is none of
    /// this intent's.
    pub foreign: Option<BlockRef>,
    /// What it counts as spent; `None` for one from before this was recorded.
    pub spending: Option<Spending>,
}

/// Balance promised to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The order.
    pub order: OrderId,
    /// Chain of the balance.
    pub chain: ChainId,
    /// Token; zero is the native coin.
    pub token: Address,
    /// Amount, smallest unit.
    pub amount: U256,
}

/// How many jobs there are, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobCounts {
    /// Waiting for a block or a time.
    pub waiting: u64,
    /// Ready to be leased.
    pub ready: u64,
    /// Leased or sent.
    pub held: u64,
    /// Dead letters.
    pub dead: u64,
}
