//! Why we do not settle an order.

use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, Dialect, Hashlock, OrderHash};
use serde::{Deserialize, Serialize};

use crate::timeline::Step;

/// One reason against an order, with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The factory in the order is not configured for its chain.
    #[error("factory {factory} is not configured on chain {chain}")]
    UnknownFactory {
        /// Source chain.
        chain: ChainId,
        /// First 20 bytes of the post-interaction field.
        factory: Address,
    },
    /// Orders of this dialect are indexed but not filled.
    #[error("orders of dialect {0} are not filled by this version")]
    DialectNotFilled(Dialect),
    /// The order does not commit to the extension, or the extension cannot be read.
    #[error("extension: {0}")]
    BadExtension(String),
    /// The extension holds a field that runs foreign code or changes amounts.
    #[error("extension field {0} is set; only the post-interaction is accepted")]
    ForeignExtensionField(u8),
    /// The extra data behind the factory address cannot be read.
    #[error("extra data: {0}")]
    BadExtraData(String),
    /// A maker trait that changes the fill in a way we do not support.
    #[error("maker trait {0} is not supported")]
    UnsupportedTrait(String),
    /// A maker trait without which no escrow would be created.
    #[error("maker trait {0} is required: without it a fill creates no escrow")]
    MissingTrait(String),
    /// The signature is not the maker's.
    #[error("signature recovers to {recovered}, the maker is {maker}")]
    BadSignature {
        /// Who signed.
        recovered: Address,
        /// Who should have.
        maker: Address,
    },
    /// The signature cannot be read, or the maker's contract refuses it.
    #[error("signature: {0}")]
    UnusableSignature(String),
    /// An address word with dirty high bits.
    #[error("{field} {word} has dirty high bits")]
    DirtyAddress {
        /// Which field.
        field: String,
        /// The word.
        word: AddressWord,
    },
    /// The order names another filler.
    #[error("the order is private: allowed sender ends in {allowed}, we are {us}")]
    PrivateOrder {
        /// Low 80 bits of the allowed sender.
        allowed: String,
        /// Our address.
        us: Address,
    },
    /// The order's own expiration has passed.
    #[error("expired at {expiration}, chain time is {now}")]
    Expired {
        /// Unix seconds.
        expiration: u64,
        /// Unix seconds.
        now: u64,
    },
    /// Filled, cancelled or invalidated on chain.
    #[error("already filled, cancelled or invalidated on chain")]
    Invalidated,
    /// A partial fill exists: on BMN the hashlock is used up.
    #[error("partially filled: {remaining} of {making} left; the hashlock is used up")]
    PartiallyFilled {
        /// Left.
        remaining: U256,
        /// Whole order.
        making: U256,
    },
    /// An amount is zero.
    #[error("{0} is zero")]
    ZeroAmount(String),
    /// The source chain would have to pay a safety deposit that nothing funds.
    #[error("source safety deposit is {0} wei; it must be 0 or the source can never be withdrawn")]
    SourceDeposit(U256),
    /// The taker asset is a real token: the resolver would pay twice.
    #[error("taker asset {0} is a real token: it would be paid on the source chain too")]
    DoublePayment(Address),
    /// The destination chain is not configured, or is the source chain.
    #[error("destination chain {0} is not served from here")]
    UnknownDestination(U256),
    /// A token that is not on the list of its chain.
    #[error("token {token} is not on the list of chain {chain}")]
    UnknownToken {
        /// Chain.
        chain: ChainId,
        /// Token.
        token: Address,
    },
    /// The maker holds less than he sells.
    #[error("maker balance {balance} is below {needed}")]
    MakerBalance {
        /// Held, smallest unit.
        balance: U256,
        /// Sold, smallest unit.
        needed: U256,
    },
    /// The maker did not approve the limit-order contract for enough.
    #[error("maker allowance {allowance} is below {needed}")]
    MakerAllowance {
        /// Approved, smallest unit.
        allowance: U256,
        /// Sold, smallest unit.
        needed: U256,
    },
    /// We cannot pay the destination out of what is not promised elsewhere.
    #[error("inventory of {token} on chain {chain}: {available} free, {needed} needed")]
    Inventory {
        /// Destination chain.
        chain: ChainId,
        /// Token; zero is the native coin.
        token: Address,
        /// Balance minus reservations.
        available: U256,
        /// Needed.
        needed: U256,
    },
    /// Not worth it.
    #[error("profit {bps} bps ({micros} micro units) is below {min_bps} bps")]
    Unprofitable {
        /// Profit in basis points of the source value.
        bps: i64,
        /// Profit in millionths of the reference currency.
        micros: i128,
        /// Required.
        min_bps: i64,
    },
    /// Worth more than the cap.
    #[error("value {micros} micro units is above the cap {cap}")]
    TooLarge {
        /// Source value in millionths of the reference currency.
        micros: u128,
        /// Cap.
        cap: u128,
    },
    /// Worth less than an order must be.
    #[error("value {micros} micro units is below the least {least}")]
    TooSmall {
        /// Source value in millionths of the reference currency.
        micros: u128,
        /// Least value.
        least: u128,
    },
    /// Too many orders are open.
    #[error("{open} orders are open, the limit is {limit}")]
    TooManyOpen {
        /// Open now.
        open: u64,
        /// Limit.
        limit: u64,
    },
    /// The steps do not fit the windows.
    #[error("does not fit: short by {seconds} s at step {step}")]
    DoesNotFit {
        /// The first step that misses its window.
        step: Step,
        /// By how much.
        seconds: u64,
    },
    /// A window is out of range or order.
    #[error("window {field} at {value} is out of range: {expected}")]
    BadWindow {
        /// Which.
        field: String,
        /// Unix seconds.
        value: u64,
        /// The accepted form.
        expected: String,
    },
    /// Another order or escrow uses the hashlock.
    #[error("hashlock {0} is already used")]
    HashlockUsed(Hashlock),
    /// The order hash is already known under another identity.
    #[error("order {0} is already known")]
    OrderKnown(OrderHash),
    /// Direct source escrows are switched off.
    #[error("direct source escrows are switched off here")]
    DirectOff,
    /// The direct source escrow's clock is not its block's.
    #[error("deployedAt {deployed_at} is not within 300 s before its block at {block_time}")]
    Backdated {
        /// Claimed, unix seconds.
        deployed_at: u64,
        /// Block timestamp, unix seconds.
        block_time: u64,
    },
    /// A source escrow differs from its order.
    #[error("{field} of the source escrow differs from the order")]
    Mismatch {
        /// Which field.
        field: String,
    },
    /// We are not the taker.
    #[error("the taker is {0}, not us")]
    NotOurs(AddressWord),
    /// The chain names the source escrow and not what it is bound to.
    #[error("the chain names source escrow {0} without its immutables, so it cannot be acted on")]
    ImmutablesUnknown(Address),
    /// The factory is followed, and no order of it is settled.
    #[error("factory {factory} on chain {chain} is indexed only: {reason}")]
    IndexOnly {
        /// Chain.
        chain: ChainId,
        /// Factory.
        factory: Address,
        /// The operator's switch, or what is known of it.
        reason: String,
    },
    /// A token, or the coin that pays for gas, has no price.
    #[error("token {token} on chain {chain} has no price")]
    NoPrice {
        /// Chain.
        chain: ChainId,
        /// Token; zero is the native coin.
        token: Address,
    },
}

impl Refusal {
    /// Stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFactory { .. } => "unknownFactory",
            Self::DialectNotFilled(_) => "dialectNotFilled",
            Self::BadExtension(_) => "badExtension",
            Self::ForeignExtensionField(_) => "foreignExtensionField",
            Self::BadExtraData(_) => "badExtraData",
            Self::UnsupportedTrait(_) => "unsupportedTrait",
            Self::MissingTrait(_) => "missingTrait",
            Self::BadSignature { .. } => "badSignature",
            Self::UnusableSignature(_) => "unusableSignature",
            Self::DirtyAddress { .. } => "dirtyAddress",
            Self::PrivateOrder { .. } => "privateOrder",
            Self::Expired { .. } => "expired",
            Self::Invalidated => "invalidated",
            Self::PartiallyFilled { .. } => "partiallyFilled",
            Self::ZeroAmount(_) => "zeroAmount",
            Self::SourceDeposit(_) => "sourceDeposit",
            Self::DoublePayment(_) => "doublePayment",
            Self::UnknownDestination(_) => "unknownDestination",
            Self::UnknownToken { .. } => "unknownToken",
            Self::MakerBalance { .. } => "makerBalance",
            Self::MakerAllowance { .. } => "makerAllowance",
            Self::Inventory { .. } => "inventory",
            Self::Unprofitable { .. } => "unprofitable",
            Self::TooLarge { .. } => "tooLarge",
            Self::TooSmall { .. } => "tooSmall",
            Self::TooManyOpen { .. } => "tooManyOpen",
            Self::DoesNotFit { .. } => "doesNotFit",
            Self::BadWindow { .. } => "badWindow",
            Self::HashlockUsed(_) => "hashlockUsed",
            Self::OrderKnown(_) => "orderKnown",
            Self::DirectOff => "directOff",
            Self::Backdated { .. } => "backdated",
            Self::Mismatch { .. } => "mismatch",
            Self::NotOurs(_) => "notOurs",
            Self::ImmutablesUnknown(_) => "immutablesUnknown",
            Self::IndexOnly { .. } => "indexOnly",
            Self::NoPrice { .. } => "noPrice",
        }
    }
}
