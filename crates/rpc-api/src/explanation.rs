//! Why an order was taken or refused, in numbers.

use crate::{Amount, OrderDecision, RefusalReason, SignedAmount, WireBlock};
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

/// What one price source said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireQuote {
    /// Name of the source.
    pub source: String,
    /// Millionths of the reference currency for one whole token.
    pub price: Amount,
    /// Unix second of the price, by the source's own word.
    pub at: u64,
    /// Its age at the decision, seconds.
    pub age: u64,
}

/// An amount and what it was worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireValued {
    /// Chain id.
    pub chain_id: u64,
    /// Token; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub token: Address,
    /// Amount, smallest unit.
    pub amount: Amount,
    /// Digits after the point of one whole token.
    pub decimals: u8,
    /// Price that was used, millionths of the reference currency for one whole token: the lowest quote
    /// for what is received, the highest for what is given.
    pub price: Amount,
    /// Every quote; empty where the chain specification states the price, which then has no age.
    pub quotes: Vec<WireQuote>,
    /// Value, millionths of the reference currency.
    pub value: Amount,
}

/// What one transaction would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireGasStep {
    /// `fill`, `create`, `withdrawDestination`, `withdrawSource`, `cancelDestination`, `cancelSource`,
    /// `rescueDestination` or `rescueSource`.
    pub step: String,
    /// Chain id.
    pub chain_id: u64,
    /// Gas.
    pub gas: u64,
    /// Wei per gas.
    pub gas_price: Amount,
    /// Bytes of the signed transaction.
    pub bytes: u64,
    /// Fee for its data, wei; zero but on rollups.
    pub data_fee: Amount,
    /// All of it, millionths of the reference currency.
    pub cost: Amount,
}

/// What each path ends with, millionths of the reference currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireOutcomes {
    /// Completed at the fees of the moment, by the better of two ways.
    pub best: SignedAmount,
    /// Completed at the fees of the moment, the deposit back.
    pub expected: SignedAmount,
    /// Completed at the fees that the policy fears, after slippage, the deposits gone.
    pub worst: SignedAmount,
    /// Funded and taken back by cancelling both legs.
    pub failed: SignedAmount,
    /// Funded and taken back by rescuing both legs.
    pub rescued: SignedAmount,
    /// `worst` in basis points of the source value.
    pub worst_bps: i64,
    /// `worst` in the source token's smallest unit.
    pub worst_in_source: SignedAmount,
}

/// A cap and what stood against it, millionths of the reference currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireCap {
    /// `order`, `token`, `sourceToken`, `maker`, `route` or `factory`.
    pub cap: String,
    /// Open already.
    pub used: Amount,
    /// What the order adds.
    pub adding: Amount,
    /// The limit; `null` where there is none.
    pub limit: Option<Amount>,
}

/// A step with the time it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireSlack {
    /// `lockSource`, `fundDestination`, `disclose`, `makerWithdraw`, `withdrawDestination` or
    /// `withdrawSource`.
    pub step: String,
    /// Latest safe unix second to send it.
    pub latest: u64,
    /// Seconds to spare when everything before it is slow.
    pub seconds: u64,
}

/// Whether every step fits its window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireTime {
    /// Each step's time; empty when one does not fit.
    pub steps: Vec<WireSlack>,
    /// The step that does not fit.
    pub short_step: Option<String>,
    /// Seconds it misses its window by.
    pub short_seconds: Option<u64>,
    /// What is wrong with the times themselves, whatever the speed.
    #[serde(default)]
    pub malformed: Option<String>,
}

/// A pair of numbers, one for each chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(rename = "BothChains"))]
pub struct BothChains<T> {
    /// On the source chain.
    pub source: T,
    /// On the destination chain.
    pub destination: T,
}

/// Something known about a token of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireTokenFlag {
    /// Chain id.
    pub chain_id: u64,
    /// Token.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub token: Address,
    /// Its name in the chain specification, for example `blocklist`.
    pub flag: String,
}

/// The money side of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WireValuation {
    /// What is received.
    pub source: WireValued,
    /// What is given.
    pub destination: WireValued,
    /// The source escrow's safety deposit, at the price that gas was counted with.
    pub source_deposit: WireValued,
    /// The destination escrow's safety deposit, likewise: at risk until the escrow is withdrawn or
    /// cancelled by us.
    pub destination_deposit: WireValued,
    /// Every transaction a path may need.
    pub steps: Vec<WireGasStep>,
    /// What the paths end with.
    pub outcomes: WireOutcomes,
}

/// Answer of `bmn_explainOrder`: what the decision was made of, when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderExplanation {
    /// Order id.
    pub order_id: String,
    /// What was decided.
    pub decision: OrderDecision,
    /// Every reason of a refusal, with its numbers; empty when accepted.
    pub refusals: Vec<RefusalReason>,
    /// Head of the source chain at the decision.
    pub decided_at: WireBlock,
    /// The money; `null` where a price, a fee, a token or a chain was not known.
    pub valuation: Option<WireValuation>,
    /// Least worst-case profit that was asked for, basis points of the source value.
    pub min_profit_bps: i64,
    /// Every cap.
    pub caps: Vec<WireCap>,
    /// Orders that were open.
    pub open_orders: u64,
    /// Most that may be.
    pub max_open_orders: u64,
    /// The time; `null` where a chain is not served.
    pub time: Option<WireTime>,
    /// Blocks that must be built on top of a block before money follows it.
    pub confirmations: BothChains<u64>,
    /// What is known of its tokens.
    pub token_flags: Vec<WireTokenFlag>,
}
