use crate::json::{
    DIALECTS, address, bytes, cases, complement, hash, immutables, section, text, uint,
};
use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::SolEvent,
};
use bmn_contracts::{
    ContractEvent, DecodeError, Emitter, bindings, decode, identify, immutables_hash, topics,
};
use bmn_primitives::{AddressWord, Dialect, Hashlock, OrderHash};
use serde_json::Value;

fn topics_of(log: &Value) -> Vec<B256> {
    cases(&log["topics"]).iter().map(|topic| topic.as_str().unwrap().parse().unwrap()).collect()
}

/// What the vector's own decoder found, in our terms.
fn expected(log: &Value) -> ContractEvent {
    let decoded = &log["decoded"];
    match text(log, "event") {
        "SrcEscrowCreated" if decoded.get("escrow").is_some() => ContractEvent::SourceNamed {
            escrow: address(decoded, "escrow"),
            order_hash: OrderHash(hash(decoded, "orderHash")),
            maker: address(decoded, "maker"),
            taker: address(decoded, "taker"),
            amount: uint(decoded, "amount"),
        },
        "SrcEscrowCreated" => ContractEvent::SourceCreated {
            immutables: immutables(&decoded["srcImmutables"]),
            complement: complement(&decoded["dstImmutablesComplement"]),
        },
        "DstEscrowCreated" => ContractEvent::DestinationCreated {
            escrow: address(decoded, "escrow"),
            hashlock: Hashlock(hash(decoded, "hashlock")),
            taker: AddressWord(uint(decoded, "taker")),
        },
        "PostInteractionEscrowCreated" => ContractEvent::PostInteraction {
            escrow: address(decoded, "escrow"),
            hashlock: Hashlock(hash(decoded, "hashlock")),
            protocol: address(decoded, "protocol"),
            taker: address(decoded, "taker"),
            amount: uint(decoded, "amount"),
        },
        "EscrowWithdrawal" => ContractEvent::Withdrawn { secret: hash(decoded, "secret") },
        "EscrowCancelled" => ContractEvent::Cancelled,
        "FundsRescued" => ContractEvent::Rescued {
            token: address(decoded, "token"),
            amount: uint(decoded, "amount"),
        },
        "OrderFilled" => ContractEvent::OrderFilled {
            order_hash: OrderHash(hash(decoded, "orderHash")),
            remaining: uint(decoded, "remainingAmount"),
        },
        other => panic!("no expectation for {other}"),
    }
}

fn emitter_of(log: &Value, dialect: Dialect) -> Option<Emitter> {
    match text(log, "emitter") {
        "factory" => Some(Emitter::Factory(dialect)),
        "escrow" => Some(Emitter::Escrow(dialect)),
        "lop" => Some(Emitter::LimitOrderProtocol),
        "token" => None,
        other => panic!("emitter {other}"),
    }
}

#[test]
fn every_recorded_log_decodes_to_what_it_was() {
    // How many logs of factories, escrows and limit-order contracts there are: none is passed over.
    for (list, dialect, expected_counts) in [
        ("bmn4", Dialect::Bmn4, [6, 8, 3]),
        ("bmn4access", Dialect::Bmn4, [0, 2, 0]),
        ("bmn302", Dialect::Bmn302, [6, 7, 3]),
        ("bmn23", Dialect::Bmn23, [6, 7, 3]),
        ("oneinch1", Dialect::OneInch1, [6, 1, 5]),
        ("oneinch2", Dialect::OneInch2, [3, 2, 6]),
        // No log of it was recorded; it logs as `oneinch1` does.
        ("oneinch1", Dialect::Bmn1, [6, 1, 5]),
    ] {
        let mut counts = [0; 3];
        for log in cases(&section("logs")[list]) {
            let (topics, data) = (topics_of(log), bytes(log, "data"));
            let Some(emitter) = emitter_of(log, dialect) else {
                assert_eq!(identify(topics[0]).unwrap().event, text(log, "event"));
                continue;
            };
            let event = decode(emitter, &topics, &data).unwrap().unwrap();
            assert_eq!(event, expected(log), "{list} {}", text(log, "scenario"));
            assert_eq!(event.name(), text(log, "event"));
            assert!(identify(topics[0]).unwrap().dialects.contains(&dialect));
            counts[match emitter {
                Emitter::Factory(_) => 0,
                Emitter::Escrow(_) => 1,
                Emitter::LimitOrderProtocol => 2,
            }] += 1;
        }
        assert_eq!(counts, expected_counts, "{list} as {dialect}");
    }
}

#[test]
fn events_that_name_the_escrow_hold_the_same_words() {
    let (mut sources, mut destinations) = (0, 0);
    let escrow = Address::repeat_byte(0x5c);
    for log in cases(&section("logs")["oneinch1"]) {
        match expected(log) {
            ContractEvent::SourceCreated { immutables, complement } => {
                let topic = bindings::IBmnFactory11::SrcEscrowCreated::SIGNATURE_HASH;
                let topics = [topic, escrow.into_word()];
                let data = bytes(log, "data");
                let event = decode(Emitter::Factory(Dialect::Bmn11), &topics, &data);
                let named = ContractEvent::SourceCreatedAt { escrow, immutables, complement };
                assert_eq!(event, Ok(Some(named)));
                for cut in 0..data.len() {
                    assert!(
                        decode(Emitter::Factory(Dialect::Bmn11), &topics, &data[..cut]).is_err()
                    );
                }
                assert!(decode(Emitter::Factory(Dialect::Bmn11), &topics[..1], &data).is_err());
                sources += 1;
            }
            event @ ContractEvent::DestinationCreated { escrow, hashlock, taker } => {
                let topics = [topics_of(log)[0], escrow.into_word(), hashlock.0];
                let data = taker.0.to_be_bytes::<32>();
                assert_eq!(
                    decode(Emitter::Factory(Dialect::Bmn11), &topics, &data),
                    Ok(Some(event))
                );
                // One topic, two ways to index: each dialect refuses the other's.
                let plain = decode(Emitter::Factory(Dialect::OneInch1), &topics, &data);
                assert!(matches!(
                    plain,
                    Err(DecodeError::TopicCount { expected: 1, found: 3, .. })
                ));
                let bmn11 = Emitter::Factory(Dialect::Bmn11);
                assert!(decode(bmn11, &topics_of(log), &bytes(log, "data")).is_err());
                destinations += 1;
            }
            _ => {}
        }
    }
    assert_eq!((sources, destinations), (5, 1));
}

#[test]
fn a_swap_that_is_only_announced_is_named_and_not_indexed() {
    let topic = bindings::IBmnFactory11::SwapInitiated::SIGNATURE_HASH;
    let identified = identify(topic).unwrap();
    assert_eq!(identified.event, "SwapInitiated");
    assert_eq!((identified.dialects, identified.indexed), (&[Dialect::Bmn11][..], false));
    assert_eq!(decode(Emitter::Factory(Dialect::Bmn11), &[topic], &[]), Ok(None));
}

#[test]
fn real_events_of_the_other_dialect_keep_their_words_and_hash() {
    for log in cases(section("realOneinch2Events")) {
        let emitter = Emitter::Factory(Dialect::OneInch2);
        let event = decode(emitter, &topics_of(log), &bytes(log, "data")).unwrap().unwrap();
        assert_eq!(event, expected(log));
        let ContractEvent::SourceCreated { immutables, .. } = event else { panic!() };
        assert_eq!(immutables_hash(Dialect::OneInch2, &immutables), hash(log, "immutablesHash"));
    }
}

#[test]
fn every_event_of_the_abi_is_identified() {
    for dialect in DIALECTS {
        for (emitter, kind) in [
            ("factory", Some(Emitter::Factory(dialect))),
            ("escrowSrc", Some(Emitter::Escrow(dialect))),
            ("escrowDst", Some(Emitter::Escrow(dialect))),
            ("lop", Some(Emitter::LimitOrderProtocol)),
        ] {
            for event in cases(&section("events")[dialect.name()][emitter]) {
                let topic = hash(event, "topic0");
                let identified = identify(topic).unwrap();
                assert_eq!(identified.event, text(event, "name"));
                assert!(identified.dialects.contains(&dialect), "{dialect} {event}");
                let indexed = kind.is_some_and(|emitter| topics(emitter).contains(&topic));
                assert_eq!(identified.indexed, indexed, "{dialect} {event}");
            }
        }
    }
    for event in cases(&section("events")["historical"]) {
        let name = text(event, "signature").split('(').next().unwrap();
        assert_eq!(identify(hash(event, "topic0")).unwrap().event, name);
    }
    assert_eq!(identify(B256::repeat_byte(1)), None);
}

#[test]
fn one_topic_is_of_two_dialects() {
    let log = &section("realOneinch2Events")[0];
    assert_eq!(identify(topics_of(log)[0]).unwrap().dialects, [Dialect::Bmn4, Dialect::OneInch2]);
}

#[test]
fn events_of_another_emitter_are_not_ours() {
    for dialect in DIALECTS {
        for log in cases(&section("logs")[dialect.name()]) {
            let (topics, data) = (topics_of(log), bytes(log, "data"));
            let none = match text(log, "emitter") {
                "factory" => decode(Emitter::Escrow(dialect), &topics, &data),
                _ => decode(Emitter::Factory(dialect), &topics, &data),
            };
            assert_eq!(none, Ok(None));
        }
    }
    assert_eq!(decode(Emitter::LimitOrderProtocol, &[], &[]), Ok(None));
}

fn source_created() -> (Vec<B256>, Vec<u8>) {
    let log = &section("realOneinch2Events")[0];
    (topics_of(log), bytes(log, "data").to_vec())
}

fn decode_source(topics: &[B256], data: &[u8]) -> Result<Option<ContractEvent>, DecodeError> {
    decode(Emitter::Factory(Dialect::Bmn4), topics, data)
}

#[test]
fn a_source_event_of_any_other_layout_is_refused() {
    let (topics, data) = source_created();
    assert!(decode_source(&topics, &data).is_ok());
    for length in 0..data.len() {
        assert!(decode_source(&topics, &data[..length]).is_err(), "cut to {length}");
    }
    let longer = [&data[..], &[0; 32]].concat();
    assert!(matches!(decode_source(&topics, &longer), Err(DecodeError::DataLength { .. })));
    let extra_topic = [topics[0], B256::ZERO];
    assert!(matches!(
        decode_source(&extra_topic, &data),
        Err(DecodeError::TopicCount { expected: 1, found: 2, .. })
    ));
    // Offsets of both tuples and of both `parameters`, and the lengths of these.
    for word in [0, 1, 10, 11, 17, 18] {
        let mut changed = data.clone();
        changed[word * 32 + 31] ^= 1;
        assert!(decode_source(&topics, &changed).is_err(), "word {word}");
        changed[word * 32] = 0xff;
        assert!(decode_source(&topics, &changed).is_err(), "word {word}");
    }
}

#[test]
fn errors_name_event_and_field() {
    let (topics, mut data) = source_created();
    data[31] = 0;
    let error = decode_source(&topics, &data).unwrap_err().to_string();
    assert!(error.contains("SrcEscrowCreated") && error.contains("srcImmutables"), "{error}");
}

#[test]
fn events_survive_storage() {
    for dialect in DIALECTS {
        for log in cases(&section("logs")[dialect.name()]) {
            if text(log, "event") != "Transfer" {
                let event = expected(log);
                let stored = postcard::to_stdvec(&event).unwrap();
                assert_eq!(postcard::from_bytes::<ContractEvent>(&stored).unwrap(), event);
            }
        }
    }
}

#[test]
fn dirty_addresses_in_an_escrow_that_is_only_named_are_refused() {
    for dialect in [Dialect::Bmn23, Dialect::Bmn302] {
        let emitter = Emitter::Factory(dialect);
        let named = |log: &&Value| text(log, "event") == "SrcEscrowCreated";
        let log = cases(&section("logs")[dialect.name()]).iter().find(named).unwrap();
        let (topics, data) = (topics_of(log), bytes(log, "data"));
        for index in [1, 3] {
            let mut dirty = topics.clone();
            dirty[index].0[0] = 1;
            assert!(matches!(decode(emitter, &dirty, &data), Err(DecodeError::Field { .. })));
        }
        let mut dirty = data.to_vec();
        dirty[0] = 1;
        assert!(matches!(decode(emitter, &topics, &dirty), Err(DecodeError::Field { .. })));
        for topics in [&topics[..3], &[&topics[..], &topics[..1]].concat()] {
            assert!(matches!(decode(emitter, topics, &data), Err(DecodeError::TopicCount { .. })));
        }
        for length in (0..data.len()).chain([data.len() + 32]) {
            let resized: Vec<u8> = data.iter().copied().chain([0; 32]).take(length).collect();
            let refused = decode(emitter, &topics, &resized);
            assert!(matches!(refused, Err(DecodeError::DataLength { .. })), "{length}");
        }
    }
}

#[test]
fn dirty_addresses_in_address_typed_fields_are_refused() {
    let log = cases(&section("logs")["bmn4"])
        .iter()
        .find(|log| text(log, "event") == "DstEscrowCreated")
        .unwrap();
    for index in [1, 3] {
        let mut topics = topics_of(log);
        topics[index].0[0] = 1;
        let found = decode(Emitter::Factory(Dialect::Bmn4), &topics, &Bytes::new());
        assert!(matches!(found, Err(DecodeError::Field { event: "DstEscrowCreated", .. })));
    }
}
