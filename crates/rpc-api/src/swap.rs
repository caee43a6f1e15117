//! Orders and swaps as answers show them.

use crate::{Amount, OrderDecision, RefusalReason, WireBlock};
use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SwapStatus {
    /// The resolver funded nothing and never will. Terminal.
    Refused,
    /// Taken; the fill is not mined.
    Accepted,
    /// The source escrow stands; no destination yet.
    SourceLocked,
    /// Both escrows stand; the resolver does not know the secret.
    BothLocked,
    /// Both escrows stand and the resolver knows the secret.
    SecretKnown,
    /// The destination paid the maker; the source is still to be withdrawn.
    DestinationPaid,
    /// The destination came back; the source is still to be given back.
    DestinationRefunded,
    /// The source was given back while the destination still stands.
    DestinationStranded,
    /// A direct source escrow that was refused; it is to be given back.
    Refunding,
    /// A destination escrow stands without a source.
    Exposed,
    /// Both sides paid. Terminal.
    Completed,
    /// Every leg that exists was given back. Terminal.
    Cancelled,
    /// The fill never was mined, or was reorged out and cannot come back. Terminal.
    Void,
    /// The destination paid the maker and the source went back to him too. Terminal, a failure.
    Lost,
    /// The source was taken although the destination did not pay. Terminal, a failure.
    Violated,
}

impl SwapStatus {
    /// Every status.
    pub const ALL: [Self; 15] = [
        Self::Refused,
        Self::Accepted,
        Self::SourceLocked,
        Self::BothLocked,
        Self::SecretKnown,
        Self::DestinationPaid,
        Self::DestinationRefunded,
        Self::DestinationStranded,
        Self::Refunding,
        Self::Exposed,
        Self::Completed,
        Self::Cancelled,
        Self::Void,
        Self::Lost,
        Self::Violated,
    ];
}

impl fmt::Display for SwapStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for SwapStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.to_string() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(ToString::to_string).collect();
            format!("expected one of {}", known.join(", "))
        })
    }
}

/// How the node came to know an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderOrigin {
    /// Handed to `bmn_submitOrder`.
    Submitted,
    /// A source escrow somebody created naming the resolver as taker.
    DirectSource,
}

/// What the node knows of the secret behind a hashlock. The secret itself is shown only where a
/// chain showed it, in [`EscrowEndEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "camelCase")]
pub struct OrderTerms {
    /// Source chain id.
    pub source_chain: u64,
    /// Token sold, on the source chain.
    pub source_token: Address,
    /// Amount sold, smallest unit.
    pub source_amount: Amount,
    /// Destination chain id.
    pub destination_chain: u64,
    /// Token bought, on the destination chain; zero is the native coin.
    pub destination_token: Address,
    /// Amount bought, smallest unit.
    pub destination_amount: Amount,
    /// Safety deposit of the destination escrow, wei.
    pub destination_deposit: Amount,
    /// When withdrawing the source ends and cancelling it begins, unix seconds.
    pub src_cancellation: u64,
    /// When withdrawing the destination begins, unix seconds; a fill must be mined before.
    pub dst_withdrawal: u64,
}

/// Where on a chain something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireInclusion {
    /// The block.
    pub block: WireBlock,
    /// The transaction.
    pub tx_hash: B256,
    /// Index of the log in the block.
    pub log_index: u32,
}

/// How an escrow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "camelCase")]
pub struct EscrowEndEntry {
    /// How.
    pub kind: EndKind,
    /// Where.
    pub at: WireInclusion,
    /// The secret the withdrawal made public; `null` for any other end.
    pub secret: Option<B256>,
    /// What a rescue took out, zero being the native coin; `null` for any other end.
    pub token: Option<Address>,
}

/// A window of block timestamps, unix seconds: `start <= t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireWindow {
    /// First second inside.
    pub start: u64,
    /// First second outside; `null` when it never ends.
    pub end: Option<u64>,
}

/// When an escrow can be ended, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "camelCase")]
pub struct WireImmutables {
    /// Hash of the maker's order.
    pub order_hash: B256,
    /// Hash of the secret.
    pub hashlock: B256,
    /// Maker word.
    pub maker: B256,
    /// Taker word.
    pub taker: B256,
    /// Token word; zero is the native coin.
    pub token: B256,
    /// Amount, smallest unit.
    pub amount: Amount,
    /// Safety deposit, wei.
    pub safety_deposit: Amount,
    /// Packed stage offsets and deployment time.
    pub timelocks: B256,
    /// Opaque extra bytes.
    pub parameters: Bytes,
}

/// `DstImmutablesComplement` of the contracts: what the source says the destination must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireComplement {
    /// Beneficiary word on the destination chain.
    pub maker: B256,
    /// Amount on the destination chain, smallest unit.
    pub amount: Amount,
    /// Token word on the destination chain; zero is the native coin.
    pub token: B256,
    /// Destination safety deposit, wei.
    pub safety_deposit: Amount,
    /// Destination chain id, as the contract carries it (decimal).
    pub chain_id: Amount,
    /// Opaque extra bytes.
    pub parameters: Bytes,
}

/// The source escrow of a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceEscrow {
    /// Source chain id.
    pub chain: u64,
    /// The clone.
    pub escrow: Address,
    /// Factory that created it.
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: String,
    /// What it is bound to.
    pub immutables: WireImmutables,
    /// What the destination must hold.
    pub complement: WireComplement,
    /// Absolute windows.
    pub windows: EscrowWindows,
    /// Where it was created.
    pub created: WireInclusion,
    /// How it ended; `null` while it stands.
    pub end: Option<EscrowEndEntry>,
}

/// The destination escrow as the chain shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationEscrow {
    /// Destination chain id.
    pub chain: u64,
    /// The clone.
    pub escrow: Address,
    /// Factory that created it.
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: String,
    /// Taker named by the factory's event.
    pub taker: Address,
    /// Where it was created.
    pub created: WireInclusion,
    /// How it ended; `null` while it stands.
    pub end: Option<EscrowEndEntry>,
}

/// The destination the resolver means to create or created, with its exact immutables: what a
/// careful maker checks before he discloses the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDestination {
    /// Destination chain id.
    pub chain: u64,
    /// Factory it is created at.
    pub factory: Address,
    /// Source escrow it answers, as a swap id.
    pub source: String,
    /// Address derived from the immutables.
    pub escrow: Address,
    /// Exact immutables.
    pub immutables: WireImmutables,
    /// Absolute windows.
    pub windows: EscrowWindows,
}

/// What a waiting job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum WakeEntry {
    /// The chain's head has at least this number.
    Height {
        /// Chain id.
        chain: u64,
        /// Block number.
        number: u64,
    },
    /// The chain's next block can have at least this timestamp.
    Time {
        /// Chain id.
        chain: u64,
        /// Unix seconds.
        time: u64,
    },
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobState {
    /// Waits for a height or a time.
    Waiting,
    /// May be taken.
    Ready,
    /// Being worked on.
    Leased,
    /// Its transaction is signed, and the chain has not settled it yet.
    Sent,
    /// Given up; an operator must look.
    Dead,
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A step the node has to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobEntry {
    /// Order it is for.
    pub order_id: String,
    /// The step, for example `fundDestination`.
    pub action: String,
    /// Chain it happens on, by id.
    pub chain: u64,
    /// Escrow it touches; `null` for a fill or a funding.
    pub escrow: Option<Address>,
    /// Where it stands.
    pub state: JobState,
    /// What it waits for; any one of these wakes it. Empty unless it is waiting.
    pub wakes: Vec<WakeEntry>,
    /// Failed attempts.
    pub attempts: u32,
    /// Why the last attempt failed, or why it was given up.
    pub last_error: Option<String>,
}

/// A page of jobs, by order id and urgency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPage {
    /// The jobs.
    pub items: Vec<JobEntry>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<crate::Cursor>,
}

/// Everything about one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Order id, `chain:contract:orderHash:leaf`.
    pub order_id: String,
    /// EIP-712 digest of the order.
    pub order_hash: B256,
    /// Swap id, `chain:escrow`; `null` while no source escrow stands.
    pub swap_id: Option<String>,
    /// Hash of the secret.
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
    pub maker: Address,
    /// Who is paid on the destination chain.
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
}

/// A page of orders, by order id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwapPage {
    /// The orders.
    pub items: Vec<Swap>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<crate::Cursor>,
}

/// Where a chain's index stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainHead {
    /// Chain id.
    pub chain: u64,
    /// Newest indexed block.
    pub block: WireBlock,
}

/// One change of an order's status. A reorg that takes a status back is another change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum SwapNotice {
    /// An order changed.
    Change(SwapChange),
    /// The subscriber was too slow and changes are missing: subscribe again from here.
    #[serde(rename_all = "camelCase")]
    Lagged {
        /// Sequence number to resume from.
        resume_from: u64,
    },
}

/// The resolver's signature that lets the maker withdraw the destination alone
/// (`publicWithdrawSigned`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawPermission {
    /// Destination chain id.
    pub chain_id: u64,
    /// The destination escrow.
    pub escrow: Address,
    /// Who may call: the maker's beneficiary.
    pub caller: Address,
    /// Action that was signed: always `DST_PUBLIC_WITHDRAW`.
    pub action: String,
    /// 65 bytes `r ++ s ++ v`.
    pub signature: Bytes,
    /// The escrow's exact immutables, to pass along.
    pub immutables: WireImmutables,
    /// First block timestamp at which the call passes, unix seconds.
    pub valid_from: u64,
    /// First block timestamp at which it fails again, unix seconds.
    pub valid_until: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_one_name_in_json_text_and_filters() {
        for status in SwapStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert!("done".parse::<SwapStatus>().unwrap_err().contains("bothLocked"));
    }

    #[test]
    fn notices_and_wakes_say_what_they_are() {
        let lagged = serde_json::to_value(SwapNotice::Lagged { resume_from: 7 }).unwrap();
        assert_eq!(lagged, serde_json::json!({"type": "lagged", "resumeFrom": 7}));
        let wake = serde_json::to_value(WakeEntry::Time { chain: 1, time: 2 }).unwrap();
        assert_eq!(wake, serde_json::json!({"kind": "time", "chain": 1, "time": 2}));
    }
}
