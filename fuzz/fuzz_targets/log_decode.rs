//! Bytes are a log of some emitter: decoding never panics, and what decodes encodes to the same log.
#![no_main]

use alloy::{
    primitives::{B256, Bytes, LogData, U256},
    sol_types::SolEvent,
};
use bmn_contracts::{
    ContractEvent, Emitter,
    bindings::{
        IBmnFactory, IBmnFactory11, IBmnFactory23, IEscrow, ILimitOrderProtocol, IOneInchFactory,
        IOneInchFactory1,
    },
    decode, identify, topics,
};
use bmn_primitives::{
    AddressWord, Complement, Dialect, Hashlock, Immutables, OrderHash, Timelocks,
};
use libfuzzer_sys::fuzz_target;

const fn dialect_of(emitter: Emitter) -> Dialect {
    match emitter {
        Emitter::Factory(dialect) | Emitter::Escrow(dialect) => dialect,
        Emitter::LimitOrderProtocol => Dialect::Bmn4,
    }
}

/// What Solidity's encoder makes of an event of this emitter.
fn encode(emitter: Emitter, event: &ContractEvent) -> LogData {
    let dialect = dialect_of(emitter);
    match event {
        ContractEvent::SourceCreated { immutables, complement } => match dialect {
            Dialect::Bmn1 | Dialect::OneInch1 => IOneInchFactory1::SrcEscrowCreated {
                srcImmutables: immutables.into(),
                dstImmutablesComplement: complement.into(),
            }
            .encode_log_data(),
            _ => IBmnFactory::SrcEscrowCreated {
                srcImmutables: immutables.into(),
                dstImmutablesComplement: complement.into(),
            }
            .encode_log_data(),
        },
        ContractEvent::SourceCreatedAt { escrow, immutables, complement } => {
            IBmnFactory11::SrcEscrowCreated {
                escrow: *escrow,
                srcImmutables: immutables.into(),
                dstImmutablesComplement: complement.into(),
            }
            .encode_log_data()
        }
        ContractEvent::SourceNamed { escrow, order_hash, maker, taker, amount } => {
            IBmnFactory23::SrcEscrowCreated {
                escrow: *escrow,
                orderHash: order_hash.0,
                maker: *maker,
                taker: *taker,
                amount: *amount,
            }
            .encode_log_data()
        }
        ContractEvent::DestinationCreated { escrow, hashlock, taker } => {
            let (escrow, hashlock) = (*escrow, hashlock.0);
            match dialect {
                Dialect::Bmn1 | Dialect::OneInch1 | Dialect::OneInch2 => {
                    IOneInchFactory::DstEscrowCreated { escrow, hashlock, taker: taker.0 }
                        .encode_log_data()
                }
                Dialect::Bmn11 => {
                    IBmnFactory11::DstEscrowCreated { escrow, hashlock, taker: taker.0 }
                        .encode_log_data()
                }
                _ => IBmnFactory::DstEscrowCreated { escrow, hashlock, taker: taker.masked() }
                    .encode_log_data(),
            }
        }
        ContractEvent::PostInteraction { escrow, hashlock, protocol, taker, amount } => {
            IBmnFactory::PostInteractionEscrowCreated {
                escrow: *escrow,
                hashlock: hashlock.0,
                protocol: *protocol,
                taker: *taker,
                amount: *amount,
            }
            .encode_log_data()
        }
        ContractEvent::Withdrawn { secret } => {
            IEscrow::EscrowWithdrawal { secret: *secret }.encode_log_data()
        }
        ContractEvent::Cancelled => IEscrow::EscrowCancelled {}.encode_log_data(),
        ContractEvent::Rescued { token, amount } => {
            IEscrow::FundsRescued { token: *token, amount: *amount }.encode_log_data()
        }
        ContractEvent::OrderFilled { order_hash, remaining } => ILimitOrderProtocol::OrderFilled {
            orderHash: order_hash.0,
            remainingAmount: *remaining,
        }
        .encode_log_data(),
        ContractEvent::OrderCancelled { order_hash } => {
            ILimitOrderProtocol::OrderCancelled { orderHash: order_hash.0 }.encode_log_data()
        }
        ContractEvent::BitInvalidatorUpdated { maker, slot, bits } => {
            ILimitOrderProtocol::BitInvalidatorUpdated {
                maker: *maker,
                slotIndex: *slot,
                slotValue: *bits,
            }
            .encode_log_data()
        }
    }
}

fn emitters() -> Vec<Emitter> {
    let of = |dialect| [Emitter::Factory(dialect), Emitter::Escrow(dialect)];
    let limit_order = std::iter::once(Emitter::LimitOrderProtocol);
    Dialect::ALL.into_iter().flat_map(of).chain(limit_order).collect()
}

/// Emitter, which of its topics, number of topics, topics, data.
fn read(data: &[u8]) -> Option<(Emitter, Vec<B256>, &[u8])> {
    let ([emitter, first, count], mut rest) = data.split_first_chunk::<3>()?;
    let emitters = emitters();
    let emitter = emitters[usize::from(*emitter) % emitters.len()];
    let known = topics(emitter);
    let mut words = Vec::new();
    if let Some(topic) = known.get(usize::from(*first) % (known.len() + 1)) {
        words.push(*topic);
    }
    for _ in 0..count % 5 {
        let (word, after) = rest.split_first_chunk::<32>()?;
        words.push(B256::from(word));
        rest = after;
    }
    Some((emitter, words, rest))
}

/// A creation of a source escrow as the encoder of each dialect writes it, with some bytes of it
/// changed: what chance alone would hardly find.
fn damaged_creation(data: &[u8]) -> Option<(Dialect, Vec<B256>, Vec<u8>)> {
    let ([dialect, lengths @ .., patches], rest) = data.split_first_chunk::<4>()?;
    let (words, mut rest) = rest.split_first_chunk::<{ 13 * 32 }>()?;
    let dialect = Dialect::ALL[usize::from(*dialect) % Dialect::ALL.len()];
    let word = |index: usize| U256::from_be_slice(&words[index * 32..][..32]);
    let mut parameters = lengths.map(|length| {
        let (taken, after) = rest.split_at(usize::from(length % 70).min(rest.len()));
        rest = after;
        Bytes::copy_from_slice(taken)
    });
    let immutables = Immutables {
        order_hash: OrderHash(word(0).into()),
        hashlock: Hashlock(word(1).into()),
        maker: AddressWord(word(2)),
        taker: AddressWord(word(3)),
        token: AddressWord(word(4)),
        amount: word(5),
        safety_deposit: word(6),
        timelocks: Timelocks(word(7)),
        parameters: std::mem::take(&mut parameters[0]),
    };
    let complement = Complement {
        maker: AddressWord(word(8)),
        amount: word(9),
        token: AddressWord(word(10)),
        safety_deposit: word(11),
        chain_id: word(12),
        parameters: std::mem::take(&mut parameters[1]),
    };
    let (escrow, maker) = (AddressWord(word(12)).masked(), immutables.maker.masked());
    let event = match dialect {
        Dialect::Bmn11 => ContractEvent::SourceCreatedAt { escrow, immutables, complement },
        Dialect::Bmn23 | Dialect::Bmn302 => ContractEvent::SourceNamed {
            escrow,
            order_hash: immutables.order_hash,
            maker,
            taker: immutables.taker.masked(),
            amount: immutables.amount,
        },
        _ => ContractEvent::SourceCreated { immutables, complement },
    };
    let (topics, log) = encode(Emitter::Factory(dialect), &event).split();
    let mut log = log.to_vec();
    for patch in rest.chunks_exact(3).take(usize::from(patches % 4)) {
        let at = usize::from(u16::from_be_bytes([patch[0], patch[1]])) % log.len();
        log[at] = patch[2];
    }
    Some((dialect, topics, log))
}

fuzz_target!(|data: &[u8]| {
    if let Some((of, topics, log)) = damaged_creation(data) {
        for dialect in Dialect::ALL {
            check(Emitter::Factory(dialect), &topics, &log);
        }
        // Words alone are always well formed: only offsets, lengths and paddings can be damaged.
        let untouched = data.get(3).is_some_and(|patches| patches % 4 == 0);
        if untouched {
            let decoded = decode(Emitter::Factory(of), &topics, &log);
            assert!(matches!(decoded, Ok(Some(_))), "{of}: {decoded:?}");
        }
    }
    if let Some((emitter, topics, log)) = read(data) {
        check(emitter, &topics, log);
    }
});

fn check(emitter: Emitter, topics_of_log: &[B256], data: &[u8]) {
    let first = topics_of_log.first().copied();
    let decoded = decode(emitter, topics_of_log, data);
    let Ok(Some(event)) = decoded else {
        let ours = first.is_some_and(|topic| topics(emitter).contains(&topic));
        assert_eq!(decoded.is_err(), ours, "a topic of the emitter decodes or is an error");
        return;
    };
    let again = encode(emitter, &event);
    assert_eq!((again.topics(), &again.data[..]), (topics_of_log, data), "{event:?}");
    let named = first.and_then(identify);
    assert!(named.is_some_and(|named| named.indexed && named.event == event.name()), "{event:?}");
}
