//! The rows that are the store's own. Orders, legs and plans are `bmn-swap`'s.

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
    /// The newest block the host calls final, as last told.
    pub finalized: Option<BlockRef>,
    /// The newest block we told the host it may prune (design rule I5).
    pub acknowledged: Option<BlockRef>,
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
