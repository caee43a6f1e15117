use crate::json::{
    DIALECTS, address, bytes, cases, complement, hash, immutables, section, text, uint,
};
use alloy::primitives::{B256, Bytes};
use bmn_contracts::{
    ContractEvent, DecodeError, Emitter, decode, identify, immutables_hash, topics,
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

#[test]
fn every_recorded_log_decodes_to_what_it_was() {
    for (list, dialect) in
        [("bmn4", Dialect::Bmn4), ("bmn4access", Dialect::Bmn4), ("oneinch2", Dialect::OneInch2)]
    {
        for log in cases(&section("logs")[list]) {
            let (topics, data) = (topics_of(log), bytes(log, "data"));
            let emitter = match text(log, "emitter") {
                "factory" => Emitter::Factory(dialect),
                "escrow" => Emitter::Escrow(dialect),
                "lop" => Emitter::LimitOrderProtocol,
                "token" => {
                    assert_eq!(identify(topics[0]).unwrap().event, text(log, "event"));
                    continue;
                }
                other => panic!("emitter {other}"),
            };
            let event = decode(emitter, &topics, &data).unwrap().unwrap();
            assert_eq!(event, expected(log), "{list} {}", text(log, "scenario"));
            assert_eq!(event.name(), text(log, "event"));
        }
    }
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
    assert_eq!(identify(topics_of(log)[0]).unwrap().dialects, Dialect::ALL);
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
    for log in cases(&section("logs")["bmn4"]) {
        if text(log, "event") != "Transfer" {
            let event = expected(log);
            let stored = postcard::to_stdvec(&event).unwrap();
            assert_eq!(postcard::from_bytes::<ContractEvent>(&stored).unwrap(), event);
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
