//! Orders, legs and the evidence about them: the values the state machine folds.

use crate::{FactoryTerms, OrderTimes, Refusal};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{LimitOrder, OrderSignature};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, OrderId,
    Stage, SwapId,
};
use serde::{Deserialize, Serialize};

/// A maker's order as it was handed to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOrder {
    /// The eight words that were signed.
    pub order: LimitOrder,
    /// The extension whose hash the order's salt commits to.
    pub extension: Bytes,
    /// The maker's signature.
    pub signature: OrderSignature,
    /// Hashes of the secrets of an order that takes several fills, in the order of its parts (one more
    /// than it has parts); empty for every other order.
    pub secret_hashes: Vec<Hashlock>,
}

/// How we came to know an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Handed to `bmn_submitOrder`; we fill it.
    Submitted(Box<SignedOrder>),
    /// A source escrow somebody created naming us as taker (`createSrcEscrow`).
    DirectSource,
    /// A stranger's source escrow, which we watch to finish either leg for its safety deposit. Nothing
    /// of ours is in it, and we fund nothing for it.
    Watched,
    /// An escrow of ours that a chain shows and no stored order knew: brought to its end, never filled or
    /// funded. With the signed order where that had to be read from the fill.
    Recovered(Option<Box<SignedOrder>>),
}

impl Origin {
    /// The maker's signed order, where we have it.
    pub fn signed(&self) -> Option<&SignedOrder> {
        match self {
            Self::Submitted(signed) | Self::Recovered(Some(signed)) => Some(signed),
            _ => None,
        }
    }

    /// True for what was read back from a chain.
    pub const fn is_recovered(&self) -> bool {
        matches!(self, Self::Recovered(_))
    }
}

/// What we made of an order. Taken once, kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// We settle it.
    Accepted,
    /// We fund nothing for it; every reason found.
    Refused(Vec<Refusal>),
}

/// An order: what is to be swapped for what, until when, and what we decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// How we came to know it.
    pub origin: Origin,
    /// Dialect of the source factory.
    pub dialect: Dialect,
    /// Source factory.
    pub factory: Address,
    /// Hash of the secret.
    pub hashlock: Hashlock,
    /// Owner of the source tokens.
    pub maker: Address,
    /// Who is paid on the destination chain.
    pub beneficiary: Address,
    /// Token on the source chain.
    pub source_token: Address,
    /// Amount on the source chain, smallest unit: of this fill, where an order takes several.
    pub source_amount: U256,
    /// Safety deposit of the source escrow, wei; our fill pays it where the dialect can hold one.
    pub source_deposit: U256,
    /// Destination chain.
    pub destination_chain: ChainId,
    /// Token on the destination chain; zero is the native coin.
    pub destination_token: Address,
    /// Amount on the destination chain, smallest unit.
    pub destination_amount: U256,
    /// Safety deposit of the destination escrow, wei.
    pub destination_deposit: U256,
    /// When its windows open and close.
    pub times: OrderTimes,
    /// Source chain head when we first saw it.
    pub seen_at: BlockRef,
    /// What we decided.
    pub decision: Decision,
}

impl Order {
    /// True when we settle it.
    pub fn is_accepted(&self) -> bool {
        self.decision == Decision::Accepted
    }

    /// The reasons of a refusal; empty when accepted.
    pub fn refusals(&self) -> &[Refusal] {
        match &self.decision {
            Decision::Accepted => &[],
            Decision::Refused(reasons) => reasons,
        }
    }
}

/// Where on a chain something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// The block.
    pub block: BlockRef,
    /// The transaction.
    pub tx_hash: B256,
    /// Index of the log in the block.
    pub log_index: u32,
}

/// How an escrow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EscrowEnd {
    /// Opened with the secret, which is public from here on.
    Withdrawn {
        /// The secret.
        secret: B256,
    },
    /// Given back.
    Cancelled,
    /// Something was taken out by the taker after the rescue delay. An end only when it is the
    /// escrow's own token.
    Rescued {
        /// What was taken; zero is the native coin.
        token: Address,
    },
}

/// Proof that a source escrow came out of a fill through the limit-order protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Limit-order contract that emitted `OrderFilled` in the same transaction.
    pub contract: Address,
    /// Making amount left on the order afterwards.
    pub remaining: U256,
}

/// What the chain says of the terms of a source escrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "a leg is read, used and dropped; a box would cost an allocation each"
)]
pub enum SourceTerms {
    /// The factory stated them in full.
    Stated {
        /// What the escrow is bound to.
        immutables: Immutables,
        /// What the destination must hold.
        complement: Complement,
    },
    /// The factory only named the escrow (`bmn23`, `bmn302`): without its immutables nobody can call it,
    /// so we never act on it.
    Named(NamedTerms),
}

/// The terms that a factory names without stating the immutables. What it does not name is `None`,
/// never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NamedTerms {
    /// Order hash: of the order filled in the same transaction, or as the maker of a direct escrow
    /// stated it.
    pub order_hash: Option<OrderHash>,
    /// Hash of the secret.
    pub hashlock: Option<Hashlock>,
    /// Maker.
    pub maker: Option<AddressWord>,
    /// Taker.
    pub taker: Option<AddressWord>,
    /// Amount that was put in, smallest unit.
    pub amount: Option<U256>,
}

/// A source escrow as the chain shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLeg {
    /// Identity.
    pub swap: SwapId,
    /// Factory that created it.
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: Dialect,
    /// What the chain says of its terms.
    pub terms: SourceTerms,
    /// Where it was created.
    pub created: Inclusion,
    /// The fill it came from; none for a direct source escrow.
    pub fill: Option<Fill>,
    /// How it ended, and where.
    pub end: Option<(EscrowEnd, Inclusion)>,
}

impl SourceLeg {
    /// Its terms, where the chain states them in full.
    pub const fn stated(&self) -> Option<(&Immutables, &Complement)> {
        match &self.terms {
            SourceTerms::Stated { immutables, complement } => Some((immutables, complement)),
            SourceTerms::Named(_) => None,
        }
    }

    /// What the escrow is bound to, where the chain states it.
    pub const fn immutables(&self) -> Option<&Immutables> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables),
            SourceTerms::Named(_) => None,
        }
    }

    /// The order hash, where the chain names it.
    pub const fn order_hash(&self) -> Option<OrderHash> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables.order_hash),
            SourceTerms::Named(named) => named.order_hash,
        }
    }

    /// The hashlock, where the chain names it.
    pub const fn hashlock(&self) -> Option<Hashlock> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables.hashlock),
            SourceTerms::Named(named) => named.hashlock,
        }
    }

    /// The maker's raw address word, where the chain names it.
    pub const fn maker(&self) -> Option<AddressWord> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables.maker),
            SourceTerms::Named(named) => named.maker,
        }
    }

    /// The taker's raw address word, where the chain names it.
    pub const fn taker(&self) -> Option<AddressWord> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables.taker),
            SourceTerms::Named(named) => named.taker,
        }
    }

    /// The token's raw address word, where the chain names it.
    pub const fn token(&self) -> Option<AddressWord> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables.token),
            SourceTerms::Named(_) => None,
        }
    }

    /// The amount locked, smallest unit, where the chain names it.
    pub const fn amount(&self) -> Option<U256> {
        match &self.terms {
            SourceTerms::Stated { immutables, .. } => Some(immutables.amount),
            SourceTerms::Named(named) => named.amount,
        }
    }
}

/// A destination escrow as the chain shows it. The factory's event does not carry the immutables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationLeg {
    /// Destination chain.
    pub chain: ChainId,
    /// The clone.
    pub escrow: Address,
    /// Factory that created it.
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: Dialect,
    /// Hash of the secret, from the event.
    pub hashlock: Hashlock,
    /// Taker, from the event.
    pub taker: Address,
    /// Where it was created.
    pub created: Inclusion,
    /// How it ended, and where.
    pub end: Option<(EscrowEnd, Inclusion)>,
}

/// The destination escrow we mean to create or have created: its exact immutables, for ever.
///
/// Where the factory writes the time of the creating block into them (1inch), there is no address before
/// that block: the deployment time is then zero and the plan unbound, until an escrow appears whose
/// address these immutables give at its block's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationPlan {
    /// Destination chain.
    pub chain: ChainId,
    /// Factory it is created at.
    pub factory: Address,
    /// The source escrow it answers.
    pub source: SwapId,
    /// Exact immutables.
    pub immutables: Immutables,
    /// Address derived from them; none while the plan is unbound.
    pub escrow: Option<Address>,
}

impl DestinationPlan {
    /// When destination withdrawal ends and cancellation begins, unix seconds; none while the plan is
    /// unbound.
    pub fn dst_cancellation(&self) -> Option<u64> {
        self.escrow.map(|_| self.immutables.timelocks.at(Stage::DstCancellation))
    }

    /// The plan as the factory's creation of `leg` binds it; none when its immutables do not give that
    /// escrow at that block's time, whatever else the escrow repeats of ours.
    pub fn bound_to(&self, leg: &DestinationLeg, factory: &FactoryTerms) -> Option<Self> {
        if (leg.chain, leg.factory) != (self.chain, self.factory)
            || (factory.address, factory.dialect) != (leg.factory, leg.dialect)
        {
            return None;
        }
        let mut immutables = self.immutables.clone();
        if writes_creation_time(leg.dialect) {
            immutables.timelocks = immutables.timelocks.with_deployed_at(leg.created.block.time);
        }
        let escrow = bmn_contracts::destination_escrow(
            leg.dialect,
            factory.address,
            &factory.implementations,
            &immutables,
        );
        let bound = Self { immutables, escrow: Some(escrow), ..self.clone() };
        (escrow == leg.escrow).then_some(bound)
    }

    /// The plan without an escrow, where the dialect's factory decides the address with its block; the
    /// plan itself where it does not.
    pub fn unbound(mut self, dialect: Dialect) -> Self {
        if writes_creation_time(dialect) {
            self.immutables.timelocks = self.immutables.timelocks.with_deployed_at(0);
            self.escrow = None;
        }
        self
    }
}

/// Whether the factory of a dialect writes the creating block's time into a destination's immutables
/// (`protocol.md` 5.2): those whose orders carry offsets.
pub const fn writes_creation_time(dialect: Dialect) -> bool {
    !dialect.has_absolute_times()
}

/// What we know of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, PartialOrd, Ord)]
pub enum SecretKnowledge {
    /// Nothing.
    #[default]
    Unknown,
    /// The maker gave it to us; sealed at rest.
    Sealed,
    /// It was seen on a chain. Stays so when that block is reverted.
    Public,
}

/// Whether a transaction of ours for some action may still be mined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Attempt {
    /// None was ever sent, or every one sent is consumed without effect and another may follow.
    #[default]
    Idle,
    /// One is signed and its nonce is not consumed on the canonical chain.
    Live,
    /// None is live and none will follow: out of time, or refused for good.
    Closed,
}

/// Operational facts about an order: forward records, never undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Evidence {
    /// What we know of the secret.
    pub secret: SecretKnowledge,
    /// Our fill.
    pub fill: Attempt,
    /// Our destination funding.
    pub funding: Attempt,
    /// The cancel of a source escrow that we refused cannot succeed (deposit unpayable, token that
    /// does not move): nothing more is ours to do. Of an order that we took: the destination at our address
    /// is a stranger's and holds nothing, so that no cancel of it can succeed or is needed.
    pub cancel_impossible: bool,
}

/// Signature that lets the maker withdraw the destination alone (`publicWithdrawSigned`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The destination clone.
    pub escrow: Address,
    /// Who may call: the beneficiary.
    pub caller: Address,
    /// 65 bytes `r ++ s ++ v`.
    pub signature: Bytes,
}
