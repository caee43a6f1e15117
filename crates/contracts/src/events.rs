//! Logs, typed.

use crate::{
    abi::{Words, clean_address},
    bindings::{IBmnFactory, IEscrow, ILimitOrderProtocol, IOneInchFactory},
    error::DecodeError,
};
use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolEvent,
};
use bmn_primitives::{
    AddressWord, Complement, Dialect, Hashlock, Immutables, OrderHash, Timelocks,
};
use serde::{Deserialize, Serialize};

/// An event that the index keeps. Amounts are in the token's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "events are decoded one at a time and folded at once; a box would cost an allocation each"
)]
pub enum ContractEvent {
    /// `SrcEscrowCreated`: a source escrow exists. It does not say where: derive the address
    /// ([`crate::source_escrow`]). In BMN anybody can cause it with any content.
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
        /// Taker: masked by `bmn4`'s factory, a raw word from `oneinch2`'s.
        taker: AddressWord,
    },
    /// `PostInteractionEscrowCreated` (`bmn4`): the source escrow came out of a fill.
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
}

impl ContractEvent {
    /// The event's name in Solidity.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SourceCreated { .. } => "SrcEscrowCreated",
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
    let event = match (dialect, topic0) {
        (_, IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH) => source_created(topics, data)?,
        (Dialect::Bmn4, IBmnFactory::DstEscrowCreated::SIGNATURE_HASH) => {
            destination_created_indexed(topics, data)?
        }
        (Dialect::Bmn4, IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH) => {
            post_interaction(topics, data)?
        }
        (Dialect::OneInch2, IOneInchFactory::DstEscrowCreated::SIGNATURE_HASH) => {
            destination_created_plain(topics, data)?
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

/// An event with nothing indexed and `count` words of data.
fn plain<'a>(
    event: &'static str,
    topics: &[B256],
    data: &'a [u8],
    count: usize,
) -> Result<Words<'a>, DecodeError> {
    let [_] = exact_topics(event, topics)?;
    Words::exactly(event, data, count)
}

fn exact_topics<'a, const N: usize>(
    event: &'static str,
    topics: &'a [B256],
) -> Result<&'a [B256; N], DecodeError> {
    topics.try_into().map_err(|_| DecodeError::TopicCount {
        event,
        expected: N,
        found: topics.len(),
    })
}

fn destination_created_indexed(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "DstEscrowCreated";
    let [_, escrow, hashlock, taker] = exact_topics(EVENT, topics)?;
    Words::exactly(EVENT, data, 0)?;
    Ok(ContractEvent::DestinationCreated {
        escrow: clean_address(EVENT, *escrow, "escrow")?,
        hashlock: Hashlock(*hashlock),
        taker: clean_address(EVENT, *taker, "taker")?.into(),
    })
}

fn destination_created_plain(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
    let words = plain("DstEscrowCreated", topics, data, 3)?;
    Ok(ContractEvent::DestinationCreated {
        escrow: words.address(0, "escrow")?,
        hashlock: Hashlock(words.word(1, "hashlock")?),
        taker: words.address_word(2, "taker")?,
    })
}

fn post_interaction(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "PostInteractionEscrowCreated";
    let [_, escrow, hashlock, protocol] = exact_topics(EVENT, topics)?;
    let words = Words::exactly(EVENT, data, 2)?;
    Ok(ContractEvent::PostInteraction {
        escrow: clean_address(EVENT, *escrow, "escrow")?,
        hashlock: Hashlock(*hashlock),
        protocol: clean_address(EVENT, *protocol, "protocol")?,
        taker: words.address(0, "taker")?,
        amount: words.uint(1, "amount")?,
    })
}

/// Two dynamic tuples one after the other: the head is their two offsets, each tuple is its words,
/// the offset of `parameters` within the tuple, and `parameters`.
fn source_created(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "SrcEscrowCreated";
    let [_] = exact_topics(EVENT, topics)?;
    let words = Words::new(EVENT, data);
    words.offset(0, 2 * 32, "srcImmutables")?;
    let (immutables, next) = immutables_at(&words, 2)?;
    words.offset(1, next * 32, "dstImmutablesComplement")?;
    let (complement, end) = complement_at(&words, next)?;
    words.end(end)?;
    Ok(ContractEvent::SourceCreated { immutables, complement })
}

fn immutables_at(words: &Words<'_>, at: usize) -> Result<(Immutables, usize), DecodeError> {
    words.offset(at + 8, 9 * 32, "srcImmutables.parameters")?;
    let (parameters, next) = words.bytes(at + 9, "srcImmutables.parameters")?;
    let immutables = Immutables {
        order_hash: OrderHash(words.word(at, "srcImmutables.orderHash")?),
        hashlock: Hashlock(words.word(at + 1, "srcImmutables.hashlock")?),
        maker: words.address_word(at + 2, "srcImmutables.maker")?,
        taker: words.address_word(at + 3, "srcImmutables.taker")?,
        token: words.address_word(at + 4, "srcImmutables.token")?,
        amount: words.uint(at + 5, "srcImmutables.amount")?,
        safety_deposit: words.uint(at + 6, "srcImmutables.safetyDeposit")?,
        timelocks: Timelocks(words.uint(at + 7, "srcImmutables.timelocks")?),
        parameters,
    };
    Ok((immutables, next))
}

fn complement_at(words: &Words<'_>, at: usize) -> Result<(Complement, usize), DecodeError> {
    words.offset(at + 5, 6 * 32, "dstImmutablesComplement.parameters")?;
    let (parameters, end) = words.bytes(at + 6, "dstImmutablesComplement.parameters")?;
    let complement = Complement {
        maker: words.address_word(at, "dstImmutablesComplement.maker")?,
        amount: words.uint(at + 1, "dstImmutablesComplement.amount")?,
        token: words.address_word(at + 2, "dstImmutablesComplement.token")?,
        safety_deposit: words.uint(at + 3, "dstImmutablesComplement.safetyDeposit")?,
        chain_id: words.uint(at + 4, "dstImmutablesComplement.chainId")?,
        parameters,
    };
    Ok((complement, end))
}
