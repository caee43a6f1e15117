//! Why we do not settle an order.

use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, Dialect, Hashlock, OrderHash};
use serde::{Deserialize, Serialize};

use crate::{modes::ModeReason, policy::TokenFlag, timeline::Step, worth::CapKind};

/// One reason against an order, with the numbers behind it. Stored by its place: new ones go to the end.
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
    /// A source that a token's price must come from has stated none.
    #[error("price source {from} has stated no price of token {token} on chain {chain}")]
    NoQuote {
        /// Chain.
        chain: ChainId,
        /// Token; zero is the native coin.
        token: Address,
        /// Name of the source.
        from: String,
    },
    /// A price is older than its source may be.
    #[error(
        "the price of token {token} on chain {chain} by {from} is {age} s old, {max_age} s is the limit"
    )]
    StalePrice {
        /// Chain.
        chain: ChainId,
        /// Token; zero is the native coin.
        token: Address,
        /// Name of the source.
        from: String,
        /// Seconds.
        age: u64,
        /// Seconds.
        max_age: u64,
    },
    /// A price is stated for a time that has not come.
    #[error("the price of token {token} on chain {chain} by {from} is of a time {seconds} s ahead")]
    FuturePrice {
        /// Chain.
        chain: ChainId,
        /// Token; zero is the native coin.
        token: Address,
        /// Name of the source.
        from: String,
        /// Seconds ahead of the source chain.
        seconds: u64,
    },
    /// Two sources differ by more than they may: one of them lies.
    #[error(
        "prices of token {token} on chain {chain} disagree: {low} and {high} micro units, {spread_bps} bps \
         apart, {limit_bps} bps is the limit"
    )]
    PricesDisagree {
        /// Chain.
        chain: ChainId,
        /// Token; zero is the native coin.
        token: Address,
        /// Lowest price.
        low: u64,
        /// Highest price.
        high: u64,
        /// Difference, basis points of the lowest.
        spread_bps: u64,
        /// Largest difference.
        limit_bps: u64,
    },
    /// A rollup did not say what it takes for data.
    #[error("chain {0} did not say what it takes for the data of a transaction")]
    DataFeeUnknown(ChainId),
    /// The profit is below the least one, whatever share of the value it is.
    #[error("profit of {micros} micro units is below {least}")]
    ProfitTooSmall {
        /// Profit in millionths of the reference currency.
        micros: i128,
        /// Required.
        least: i64,
    },
    /// A swap that fails would cost more than it may.
    #[error("a failure would cost {cost} micro units, {limit} is the limit")]
    TooCostlyToFail {
        /// Cost in millionths of the reference currency.
        cost: u128,
        /// Limit.
        limit: u128,
    },
    /// Too much would be open.
    #[error(
        "{kind} cap: {used} micro units are open and {adding} would be added, {limit} is the limit"
    )]
    CapExceeded {
        /// What the cap is on.
        kind: CapKind,
        /// Open, millionths of the reference currency.
        used: u128,
        /// The order's value.
        adding: u128,
        /// Limit.
        limit: u128,
    },
    /// The maker is on the deny list, or not on the allow list.
    #[error("maker {0} is not served here")]
    MakerDenied(Address),
    /// A token is on the deny list, or not on the allow list.
    #[error("token {token} on chain {chain} is not settled here")]
    TokenDenied {
        /// Chain.
        chain: ChainId,
        /// Token.
        token: Address,
    },
    /// A token whose amounts cannot be relied on.
    #[error("token {token} on chain {chain} is marked {}: what is sent is not what arrives", flag.name())]
    IllBehavedToken {
        /// Chain.
        chain: ChainId,
        /// Token.
        token: Address,
        /// Why.
        flag: TokenFlag,
    },
    /// Too little time until the source can be cancelled.
    #[error("{left} s are left until the source can be cancelled, {least} s are asked for")]
    TooLittleTime {
        /// Seconds.
        left: u64,
        /// Seconds.
        least: u64,
    },
    /// The mode or a switch of the node takes no such order at the moment.
    #[error("not taken: {0}")]
    Mode(ModeReason),
    /// The dialect needs our contract as taker, and the chain has none configured.
    #[error(
        "orders of dialect {dialect} are taken by a contract: deploy it and set `resolver_contract` in \
         the specification of chain {chain}"
    )]
    NoTaker {
        /// Chain without the contract.
        chain: ChainId,
        /// The dialect.
        dialect: Dialect,
    },
    /// The secret hashes of an order that takes several fills are not those it commits to.
    #[error("secret hashes: {0}")]
    BadSecretHashes(String),
    /// No fill of what is left can be ours now.
    #[error(
        "no part of the {remaining} that are left, at most {most} of which we could take: {reason}"
    )]
    NoPart {
        /// Left of the making amount, smallest unit.
        remaining: U256,
        /// What inventory and limits allow, smallest unit.
        most: U256,
        /// Why none.
        reason: String,
    },
    /// The fees in a destination's parameters make it unpayable.
    #[error("fees of the destination: {0}")]
    BadFees(String),
    /// The fee and whitelist data in front of the extra data keep us from filling it.
    #[error("order header: {0}")]
    BadHeader(String),
    /// A destination escrow that names us and answers no order.
    #[error("destination escrow {0} answers no order of ours; it is cancelled in its window")]
    Orphaned(Address),
    /// Its fill opens so late that we would hold a price and a balance for it meanwhile, for nothing.
    #[error(
        "it may be filled from {opens_at}, chain time is {now}: at most {longest} s are waited"
    )]
    OpensLater {
        /// Unix seconds.
        opens_at: u64,
        /// Unix seconds.
        now: u64,
        /// Seconds.
        longest: u64,
    },
    /// What the maker has is there, and his other open orders will take too much of it.
    #[error(
        "maker {what} {has} is below {needed} beside the {claimed} that his other open orders will take"
    )]
    MakerCommitted {
        /// `balance` or `allowance`.
        what: String,
        /// Held or approved, smallest unit.
        has: U256,
        /// What his open orders of the token will take, smallest unit.
        claimed: U256,
        /// Sold, smallest unit.
        needed: U256,
    },
}

impl Refusal {
    /// True for what may be otherwise in a minute, whatever the order: it may be handed in again.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Mode(_)
                | Self::NoQuote { .. }
                | Self::StalePrice { .. }
                | Self::FuturePrice { .. }
                | Self::PricesDisagree { .. }
                | Self::DataFeeUnknown(_)
                | Self::CapExceeded { .. }
                | Self::TooManyOpen { .. }
                | Self::NoTaker { .. }
                | Self::NoPart { .. }
                | Self::MakerBalance { .. }
                | Self::MakerAllowance { .. }
                | Self::MakerCommitted { .. }
                | Self::Inventory { .. }
                | Self::Unprofitable { .. }
                | Self::ProfitTooSmall { .. }
                | Self::OpensLater { .. }
        )
    }

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
            Self::MakerCommitted { .. } => "makerCommitted",
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
            Self::NoTaker { .. } => "noTaker",
            Self::BadSecretHashes(_) => "badSecretHashes",
            Self::NoPart { .. } => "noPart",
            Self::BadFees(_) => "badFees",
            Self::BadHeader(_) => "badHeader",
            Self::Orphaned(_) => "orphaned",
            Self::OpensLater { .. } => "opensLater",
            Self::NoQuote { .. } => "noQuote",
            Self::StalePrice { .. } => "stalePrice",
            Self::FuturePrice { .. } => "futurePrice",
            Self::PricesDisagree { .. } => "pricesDisagree",
            Self::DataFeeUnknown(_) => "dataFeeUnknown",
            Self::ProfitTooSmall { .. } => "profitTooSmall",
            Self::TooCostlyToFail { .. } => "tooCostlyToFail",
            Self::CapExceeded { .. } => "capExceeded",
            Self::MakerDenied(_) => "makerDenied",
            Self::TokenDenied { .. } => "tokenDenied",
            Self::IllBehavedToken { .. } => "illBehavedToken",
            Self::TooLittleTime { .. } => "tooLittleTime",
            Self::Mode(reason) => reason.code(),
        }
    }
}
