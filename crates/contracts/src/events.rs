//! Logs, typed.

use crate::{
    abi::{Words, clean_address},
    bindings::{
        IBmnFactory, IBmnFactory11, IBmnFactory23, IEscrow, ILimitOrderProtocol, IOneInchFactory,
        IOneInchFactory1,
    },
    error::DecodeError,
    layouts::{
        destination_created_indexed, destination_created_named, destination_created_plain,
        exact_topics, plain, plain_source_created, post_interaction, source_created,
        source_created_at, source_named,
    },
};
use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolEvent,
};
use bmn_primitives::{AddressWord, Complement, Dialect, Hashlock, Immutables, OrderHash};
use serde::{Deserialize, Serialize};

/// An event that the index keeps. Amounts are in the token's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContractEvent {
    /// `SrcEscrowCreated` (`bmn1`, `bmn4`, 1inch): a source escrow exists. It does not say where:
    /// derive the address ([`crate::source_escrow`]). In `bmn4` anybody can cause it with any content.
    SourceCreated {
        /// What the source escrow is bound to.
        immutables: Immutables,
        /// What the destination must hold.
        complement: Complement,
    },
    /// `DstEscrowCreated`: a destination escrow exists; its immutables are not in the event.
    DestinationCreated {
        /// The clone.
        escrow: Address,
        /// Hash of the secret.
        hashlock: Hashlock,
        /// Taker: masked by BMN's factories since v2.2, a raw word from the others'.
        taker: AddressWord,
    },
    /// `PostInteractionEscrowCreated` (`bmn23`, `bmn302`, `bmn4`): the source escrow came out of a
    /// fill. Before `bmn4` anybody can cause it, but then `protocol` is not a limit-order protocol.
    PostInteraction {
        /// The source escrow.
        escrow: Address,
        /// Hash of the secret.
        hashlock: Hashlock,
        /// The limit-order protocol that called the factory.
        protocol: Address,
        /// Who filled the order.
        taker: Address,
        /// Amount in the escrow.
        amount: U256,
    },
    /// `EscrowWithdrawal`, from the clone: the secret is public from here on.
    Withdrawn {
        /// The secret.
        secret: B256,
    },
    /// `EscrowCancelled`, from the clone.
    Cancelled,
    /// `FundsRescued`, from the clone.
    Rescued {
        /// Token taken out; zero is the native coin.
        token: Address,
        /// How much of it.
        amount: U256,
    },
    /// `OrderFilled`, in part or wholly.
    OrderFilled {
        /// The order.
        order_hash: OrderHash,
        /// Making amount that is left to fill.
        remaining: U256,
    },
    /// `OrderCancelled` by its maker.
    OrderCancelled {
        /// The order.
        order_hash: OrderHash,
    },
    /// `BitInvalidatorUpdated`: orders of this maker with the nonces of the set bits are dead.
    BitInvalidatorUpdated {
        /// The maker.
        maker: Address,
        /// Nonces `slot * 256` to `slot * 256 + 255`.
        slot: U256,
        /// One bit for each nonce, set when used.
        bits: U256,
    },
    /// `SrcEscrowCreated` (`bmn11`), which says where the source escrow is.
    SourceCreatedAt {
        /// The clone.
        escrow: Address,
        /// What the source escrow is bound to.
        immutables: Immutables,
        /// What the destination must hold.
        complement: Complement,
    },
    /// `SrcEscrowCreated` (`bmn23`, `bmn302`) of an escrow that anybody made without a fill. It states
    /// neither hashlock nor times, and nothing on chain ties it to what the escrow is bound to.
    SourceNamed {
        /// The clone.
        escrow: Address,
        /// The order hash that its maker chose.
        order_hash: OrderHash,
        /// The maker that the caller named.
        maker: Address,
        /// The taker, masked.
        taker: Address,
        /// Amount that was pulled.
        amount: U256,
    },
}

impl ContractEvent {
    /// The event's name in Solidity.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SourceCreated { .. }
            | Self::SourceCreatedAt { .. }
            | Self::SourceNamed { .. } => "SrcEscrowCreated",
            Self::DestinationCreated { .. } => "DstEscrowCreated",
            Self::PostInteraction { .. } => "PostInteractionEscrowCreated",
            Self::Withdrawn { .. } => "EscrowWithdrawal",
            Self::Cancelled => "EscrowCancelled",
            Self::Rescued { .. } => "FundsRescued",
            Self::OrderFilled { .. } => "OrderFilled",
            Self::OrderCancelled { .. } => "OrderCancelled",
            Self::BitInvalidatorUpdated { .. } => "BitInvalidatorUpdated",
        }
    }

    /// The order hash it states, if any.
    pub const fn order_hash(&self) -> Option<OrderHash> {
        match self {
            Self::SourceCreated { immutables, .. } | Self::SourceCreatedAt { immutables, .. } => {
                Some(immutables.order_hash)
            }
            Self::SourceNamed { order_hash, .. }
            | Self::OrderFilled { order_hash, .. }
            | Self::OrderCancelled { order_hash } => Some(*order_hash),
            Self::DestinationCreated { .. }
            | Self::PostInteraction { .. }
            | Self::Withdrawn { .. }
            | Self::Cancelled
            | Self::Rescued { .. }
            | Self::BitInvalidatorUpdated { .. } => None,
        }
    }

    /// The hashlock it states, if any.
    pub const fn hashlock(&self) -> Option<Hashlock> {
        match self {
            Self::SourceCreated { immutables, .. } | Self::SourceCreatedAt { immutables, .. } => {
                Some(immutables.hashlock)
            }
            Self::DestinationCreated { hashlock, .. } | Self::PostInteraction { hashlock, .. } => {
                Some(*hashlock)
            }
            Self::SourceNamed { .. }
            | Self::OrderFilled { .. }
            | Self::OrderCancelled { .. }
            | Self::Withdrawn { .. }
            | Self::Cancelled
            | Self::Rescued { .. }
            | Self::BitInvalidatorUpdated { .. } => None,
        }
    }
}

/// What we believe a log's address to be. The caller knows: a registered factory or limit-order
/// protocol, or an escrow whose address it derived itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Emitter {
    /// A registered factory.
    Factory(Dialect),
    /// A clone of a registered factory's escrows.
    Escrow(Dialect),
    /// A registered limit-order protocol.
    LimitOrderProtocol,
}

/// Decodes a log believed to come from `emitter`. `None` when the topic is not one of that emitter's
/// events that we index, as for administrative events.
///
/// # Errors
/// The topic is ours, but topics or data are not what Solidity's encoder produces for it.
pub fn decode(
    emitter: Emitter,
    topics: &[B256],
    data: &[u8],
) -> Result<Option<ContractEvent>, DecodeError> {
    let Some(topic0) = topics.first() else { return Ok(None) };
    match emitter {
        Emitter::Factory(dialect) => decode_factory(dialect, *topic0, topics, data),
        Emitter::Escrow(_) => decode_escrow(*topic0, topics, data),
        Emitter::LimitOrderProtocol => decode_limit_order(*topic0, topics, data),
    }
}

fn decode_factory(
    dialect: Dialect,
    topic0: B256,
    topics: &[B256],
    data: &[u8],
) -> Result<Option<ContractEvent>, DecodeError> {
    use Dialect::{Bmn1, Bmn4, Bmn11, Bmn23, Bmn302, OneInch1, OneInch2};
    let event = match (dialect, topic0) {
        (Bmn4 | OneInch2, IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH) => {
            source_created(topics, data)?
        }
        (Bmn1 | OneInch1, IOneInchFactory1::SrcEscrowCreated::SIGNATURE_HASH) => {
            plain_source_created(topics, data)?
        }
        (Bmn11, IBmnFactory11::SrcEscrowCreated::SIGNATURE_HASH) => {
            source_created_at(topics, data)?
        }
        (Bmn23 | Bmn302, IBmnFactory23::SrcEscrowCreated::SIGNATURE_HASH) => {
            source_named(topics, data)?
        }
        (Bmn23 | Bmn302 | Bmn4, IBmnFactory::DstEscrowCreated::SIGNATURE_HASH) => {
            destination_created_indexed(topics, data)?
        }
        (Bmn11, IBmnFactory11::DstEscrowCreated::SIGNATURE_HASH) => {
            destination_created_named(topics, data)?
        }
        (Bmn1 | OneInch1 | OneInch2, IOneInchFactory::DstEscrowCreated::SIGNATURE_HASH) => {
            destination_created_plain(topics, data)?
        }
        (Bmn23 | Bmn302 | Bmn4, IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH) => {
            post_interaction(topics, data)?
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}

fn decode_escrow(
    topic0: B256,
    topics: &[B256],
    data: &[u8],
) -> Result<Option<ContractEvent>, DecodeError> {
    let event = match topic0 {
        IEscrow::EscrowWithdrawal::SIGNATURE_HASH => {
            let words = plain("EscrowWithdrawal", topics, data, 1)?;
            ContractEvent::Withdrawn { secret: words.word(0, "secret")? }
        }
        IEscrow::EscrowCancelled::SIGNATURE_HASH => {
            plain("EscrowCancelled", topics, data, 0)?;
            ContractEvent::Cancelled
        }
        IEscrow::FundsRescued::SIGNATURE_HASH => {
            let words = plain("FundsRescued", topics, data, 2)?;
            ContractEvent::Rescued {
                token: words.address(0, "token")?,
                amount: words.uint(1, "amount")?,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}

fn decode_limit_order(
    topic0: B256,
    topics: &[B256],
    data: &[u8],
) -> Result<Option<ContractEvent>, DecodeError> {
    let event = match topic0 {
        ILimitOrderProtocol::OrderFilled::SIGNATURE_HASH => {
            let words = plain("OrderFilled", topics, data, 2)?;
            ContractEvent::OrderFilled {
                order_hash: OrderHash(words.word(0, "orderHash")?),
                remaining: words.uint(1, "remainingAmount")?,
            }
        }
        ILimitOrderProtocol::OrderCancelled::SIGNATURE_HASH => {
            let words = plain("OrderCancelled", topics, data, 1)?;
            ContractEvent::OrderCancelled { order_hash: OrderHash(words.word(0, "orderHash")?) }
        }
        ILimitOrderProtocol::BitInvalidatorUpdated::SIGNATURE_HASH => {
            const EVENT: &str = "BitInvalidatorUpdated";
            let [_, maker] = exact_topics(EVENT, topics)?;
            let words = Words::exactly(EVENT, data, 2)?;
            ContractEvent::BitInvalidatorUpdated {
                maker: clean_address(EVENT, *maker, "maker")?,
                slot: words.uint(0, "slotIndex")?,
                bits: words.uint(1, "slotValue")?,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}
