//! How each event lays out its members in topics and data.

use crate::{
    abi::{Words, clean_address},
    error::DecodeError,
    events::ContractEvent,
};
use alloy::primitives::{B256, Bytes};
use bmn_primitives::{Complement, Hashlock, Immutables, OrderHash, Timelocks};

/// An event with nothing indexed and `count` words of data.
pub(crate) fn plain<'a>(
    event: &'static str,
    topics: &[B256],
    data: &'a [u8],
    count: usize,
) -> Result<Words<'a>, DecodeError> {
    let [_] = exact_topics(event, topics)?;
    Words::exactly(event, data, count)
}

pub(crate) fn exact_topics<'a, const N: usize>(
    event: &'static str,
    topics: &'a [B256],
) -> Result<&'a [B256; N], DecodeError> {
    topics.try_into().map_err(|_| DecodeError::TopicCount {
        event,
        expected: N,
        found: topics.len(),
    })
}

pub(crate) fn destination_created_indexed(
    topics: &[B256],
    data: &[u8],
) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "DstEscrowCreated";
    let [_, escrow, hashlock, taker] = exact_topics(EVENT, topics)?;
    Words::exactly(EVENT, data, 0)?;
    Ok(ContractEvent::DestinationCreated {
        escrow: clean_address(EVENT, *escrow, "escrow")?,
        hashlock: Hashlock(*hashlock),
        taker: clean_address(EVENT, *taker, "taker")?.into(),
    })
}

pub(crate) fn destination_created_plain(
    topics: &[B256],
    data: &[u8],
) -> Result<ContractEvent, DecodeError> {
    let words = plain("DstEscrowCreated", topics, data, 3)?;
    Ok(ContractEvent::DestinationCreated {
        escrow: words.address(0, "escrow")?,
        hashlock: Hashlock(words.word(1, "hashlock")?),
        taker: words.address_word(2, "taker")?,
    })
}

pub(crate) fn post_interaction(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
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
pub(crate) fn source_created(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
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

/// The eight words of immutables and the five of the complement, nothing dynamic.
pub(crate) fn plain_source_created(
    topics: &[B256],
    data: &[u8],
) -> Result<ContractEvent, DecodeError> {
    let words = plain("SrcEscrowCreated", topics, data, 8 + 5)?;
    Ok(ContractEvent::SourceCreated {
        immutables: immutables_words(&words, 0, Bytes::new())?,
        complement: complement_words(&words, 8, Bytes::new())?,
    })
}

pub(crate) fn source_created_at(
    topics: &[B256],
    data: &[u8],
) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "SrcEscrowCreated";
    let [_, escrow] = exact_topics(EVENT, topics)?;
    let words = Words::exactly(EVENT, data, 8 + 5)?;
    Ok(ContractEvent::SourceCreatedAt {
        escrow: clean_address(EVENT, *escrow, "escrow")?,
        immutables: immutables_words(&words, 0, Bytes::new())?,
        complement: complement_words(&words, 8, Bytes::new())?,
    })
}

pub(crate) fn source_named(topics: &[B256], data: &[u8]) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "SrcEscrowCreated";
    let [_, escrow, order_hash, maker] = exact_topics(EVENT, topics)?;
    let words = Words::exactly(EVENT, data, 2)?;
    Ok(ContractEvent::SourceNamed {
        escrow: clean_address(EVENT, *escrow, "escrow")?,
        order_hash: OrderHash(*order_hash),
        maker: clean_address(EVENT, *maker, "maker")?,
        taker: words.address(0, "taker")?,
        amount: words.uint(1, "amount")?,
    })
}

pub(crate) fn destination_created_named(
    topics: &[B256],
    data: &[u8],
) -> Result<ContractEvent, DecodeError> {
    const EVENT: &str = "DstEscrowCreated";
    let [_, escrow, hashlock] = exact_topics(EVENT, topics)?;
    let words = Words::exactly(EVENT, data, 1)?;
    Ok(ContractEvent::DestinationCreated {
        escrow: clean_address(EVENT, *escrow, "escrow")?,
        hashlock: Hashlock(*hashlock),
        taker: words.address_word(0, "taker")?,
    })
}

fn immutables_at(words: &Words<'_>, at: usize) -> Result<(Immutables, usize), DecodeError> {
    words.offset(at + 8, 9 * 32, "srcImmutables.parameters")?;
    let (parameters, next) = words.bytes(at + 9, "srcImmutables.parameters")?;
    Ok((immutables_words(words, at, parameters)?, next))
}

fn immutables_words(
    words: &Words<'_>,
    at: usize,
    parameters: Bytes,
) -> Result<Immutables, DecodeError> {
    Ok(Immutables {
        order_hash: OrderHash(words.word(at, "srcImmutables.orderHash")?),
        hashlock: Hashlock(words.word(at + 1, "srcImmutables.hashlock")?),
        maker: words.address_word(at + 2, "srcImmutables.maker")?,
        taker: words.address_word(at + 3, "srcImmutables.taker")?,
        token: words.address_word(at + 4, "srcImmutables.token")?,
        amount: words.uint(at + 5, "srcImmutables.amount")?,
        safety_deposit: words.uint(at + 6, "srcImmutables.safetyDeposit")?,
        timelocks: Timelocks(words.uint(at + 7, "srcImmutables.timelocks")?),
        parameters,
    })
}

fn complement_at(words: &Words<'_>, at: usize) -> Result<(Complement, usize), DecodeError> {
    words.offset(at + 5, 6 * 32, "dstImmutablesComplement.parameters")?;
    let (parameters, end) = words.bytes(at + 6, "dstImmutablesComplement.parameters")?;
    Ok((complement_words(words, at, parameters)?, end))
}

fn complement_words(
    words: &Words<'_>,
    at: usize,
    parameters: Bytes,
) -> Result<Complement, DecodeError> {
    Ok(Complement {
        maker: words.address_word(at, "dstImmutablesComplement.maker")?,
        amount: words.uint(at + 1, "dstImmutablesComplement.amount")?,
        token: words.address_word(at + 2, "dstImmutablesComplement.token")?,
        safety_deposit: words.uint(at + 3, "dstImmutablesComplement.safetyDeposit")?,
        chain_id: words.uint(at + 4, "dstImmutablesComplement.chainId")?,
        parameters,
    })
}
