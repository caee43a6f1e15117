//! No input makes a decoder panic, and what we encode we read back.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::{SolEvent, SolValue};
use bmn_contracts::{
    Admission, ContractEvent, DestinationFees, Emitter, Extension, ExtensionField, ExtraData,
    FeeTerms, FillFee, FillTerms, LimitOrder, MakerTraits, OrderFile, OrderSignature, Payout,
    Revert, WhitelistEntry, bindings, calldata, decode, decode_calldata, order_domain, topics,
};
use bmn_primitives::{
    AddressWord, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, Timelocks,
};
use proptest::{collection::vec, prelude::*, sample::select};

fn emitters() -> Vec<Emitter> {
    Dialect::ALL
        .into_iter()
        .flat_map(|dialect| [Emitter::Factory(dialect), Emitter::Escrow(dialect)])
        .chain([Emitter::LimitOrderProtocol])
        .collect()
}

fn word() -> impl Strategy<Value = U256> {
    any::<[u8; 32]>().prop_map(U256::from_be_bytes)
}

fn address_word() -> impl Strategy<Value = AddressWord> {
    prop_oneof![
        word().prop_map(AddressWord),
        any::<[u8; 20]>().prop_map(|bytes| AddressWord::from(Address::from(bytes))),
    ]
}

fn bytes(longest: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..longest).prop_map(Bytes::from)
}

prop_compose! {
    fn immutables()(
        hashes in any::<[[u8; 32]; 2]>(),
        parties in [address_word(), address_word(), address_word()],
        numbers in [word(), word(), word()],
        parameters in bytes(200),
    ) -> Immutables {
        Immutables {
            order_hash: OrderHash(hashes[0].into()),
            hashlock: Hashlock(hashes[1].into()),
            maker: parties[0],
            taker: parties[1],
            token: parties[2],
            amount: numbers[0],
            safety_deposit: numbers[1],
            timelocks: Timelocks(numbers[2]),
            parameters,
        }
    }
}

prop_compose! {
    fn complement()(
        parties in [address_word(), address_word()],
        numbers in [word(), word(), word()],
        parameters in bytes(200),
    ) -> Complement {
        Complement {
            maker: parties[0],
            amount: numbers[0],
            token: parties[1],
            safety_deposit: numbers[1],
            chain_id: numbers[2],
            parameters,
        }
    }
}

prop_compose! {
    fn order()(
        parties in [address_word(), address_word(), address_word(), address_word()],
        numbers in [word(), word(), word(), word()],
    ) -> LimitOrder {
        LimitOrder {
            salt: numbers[0],
            maker: parties[0],
            receiver: parties[1],
            maker_asset: parties[2],
            taker_asset: parties[3],
            making_amount: numbers[1],
            taking_amount: numbers[2],
            maker_traits: MakerTraits(numbers[3]),
        }
    }
}

fn signature() -> impl Strategy<Value = OrderSignature> {
    prop_oneof![
        any::<[[u8; 32]; 2]>()
            .prop_map(|[r, vs]| OrderSignature::Compact { r: r.into(), vs: vs.into() }),
        bytes(100).prop_map(OrderSignature::Contract),
    ]
}

fn source_created_data(immutables: &Immutables, complement: &Complement) -> Vec<u8> {
    bindings::IBmnFactory::SrcEscrowCreated {
        srcImmutables: immutables.into(),
        dstImmutablesComplement: complement.into(),
    }
    .encode_data()
}

const SOURCE_CREATED: B256 = bindings::IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH;

proptest! {
    #[test]
    fn random_logs_never_panic(
        emitter in select(emitters()),
        known in any::<prop::sample::Index>(),
        more in vec(any::<[u8; 32]>(), 0..5),
        data in vec(any::<u8>(), 0..1_000),
    ) {
        let mut log: Vec<B256> = vec![*known.get(topics(emitter))];
        log.extend(more.iter().map(B256::from));
        let _ = decode(emitter, &log, &data);
        let _ = decode(emitter, &log[1..], &data);
    }

    #[test]
    fn source_events_round_trip_with_every_bit(
        immutables in immutables(),
        complement in complement(),
    ) {
        let data = source_created_data(&immutables, &complement);
        for dialect in [Dialect::Bmn4, Dialect::OneInch2] {
            let event = decode(Emitter::Factory(dialect), &[SOURCE_CREATED], &data);
            let (immutables, complement) = (immutables.clone(), complement.clone());
            let expected = ContractEvent::SourceCreated { immutables, complement };
            prop_assert_eq!(event, Ok(Some(expected)));
        }
    }

    #[test]
    fn plain_source_events_round_trip_with_every_bit(
        mut immutables in immutables(),
        mut complement in complement(),
        escrow in any::<[u8; 20]>(),
    ) {
        immutables.parameters = Bytes::new();
        complement.parameters = Bytes::new();
        let (escrow, plain) = (Address::from(escrow), bindings::PlainImmutables::from(&immutables));
        let data = bindings::IOneInchFactory1::SrcEscrowCreated {
            srcImmutables: plain.clone(),
            dstImmutablesComplement: (&complement).into(),
        }
        .encode_data();
        let topic = bindings::IOneInchFactory1::SrcEscrowCreated::SIGNATURE_HASH;
        let expected = ContractEvent::SourceCreated {
            immutables: immutables.clone(),
            complement: complement.clone(),
        };
        for dialect in [Dialect::Bmn1, Dialect::OneInch1] {
            let event = decode(Emitter::Factory(dialect), &[topic], &data);
            prop_assert_eq!(event, Ok(Some(expected.clone())));
            let encoded = plain.abi_encode();
            prop_assert_eq!(
                bmn_contracts::immutables_hash(dialect, &immutables),
                alloy::primitives::keccak256(encoded)
            );
        }
        let named = bindings::IBmnFactory11::SrcEscrowCreated {
            escrow,
            srcImmutables: plain,
            dstImmutablesComplement: (&complement).into(),
        };
        let log = named.encode_log_data();
        let event = decode(Emitter::Factory(Dialect::Bmn11), log.topics(), &log.data);
        let expected = ContractEvent::SourceCreatedAt { escrow, immutables, complement };
        prop_assert_eq!(event, Ok(Some(expected)));
    }

    #[test]
    fn a_source_event_has_one_encoding_only(
        immutables in immutables(),
        complement in complement(),
        at in any::<prop::sample::Index>(),
        change in 1..=u8::MAX,
    ) {
        let mut data = source_created_data(&immutables, &complement);
        *at.get_mut(&mut data) ^= change;
        // Whatever still decodes must be the encoding of what it decodes to.
        let event = decode(Emitter::Factory(Dialect::Bmn4), &[SOURCE_CREATED], &data);
        if let Ok(Some(ContractEvent::SourceCreated { immutables, complement })) = event {
            prop_assert_eq!(source_created_data(&immutables, &complement), data);
        }
    }

    #[test]
    fn random_calldata_and_reverts_never_panic(data in vec(any::<u8>(), 0..600)) {
        let _ = decode_calldata(&data);
        let _ = Revert::decode(&data).to_string();
        for head in [
            calldata::cancel(Dialect::Bmn4, &empty()),
            calldata::cancel(Dialect::OneInch1, &empty()),
            calldata::create_dst_escrow(Dialect::OneInch2, &empty(), None),
        ] {
            let _ = decode_calldata(&[&head[..4], &data].concat());
        }
        let _ = Revert::decode(&[&[0x08, 0xc3, 0x79, 0xa0], &data[..]].concat());
    }

    #[test]
    fn random_extensions_never_panic_and_good_ones_cover_their_bytes(
        data in vec(any::<u8>(), 0..100),
        mut ends in prop::array::uniform8(0_u32..120),
    ) {
        let _ = Extension::parse(&data);
        ends.sort_unstable();
        let offsets: Vec<u8> = ends.iter().rev().flat_map(|end| end.to_be_bytes()).collect();
        let whole = [&offsets[..], &data].concat();
        match Extension::parse(&whole) {
            Ok(extension) => {
                let fields = ExtensionField::ALL.map(|field| extension.field(field)).concat();
                prop_assert_eq!([&fields[..], extension.custom_data()].concat(), data);
                let _ = extension.post_interaction();
            }
            Err(_) => prop_assert!(ends[7] as usize > data.len()),
        }
    }

    #[test]
    fn extra_data_round_trips(words in any::<[[u8; 32]; 5]>()) {
        let bytes = words.concat();
        for dialect in Dialect::ALL {
            prop_assert_eq!(&ExtraData::decode(dialect, &bytes).unwrap().encode()[..], &bytes[..]);
        }
    }

    #[test]
    fn fill_terms_round_trip(
        numbers in any::<(u32, Option<u32>, u16, u16)>(),
        percents in [0_u8..=100, 0_u8..=100],
        recipients in any::<[[u8; 20]; 2]>(),
        whitelist in vec(any::<([u8; 10], u16)>(), 0..31),
        more in proptest::option::of((any::<[u8; 20]>(), bytes(60))),
        taking in word(),
    ) {
        let (allowed_time, credit, integrator_fee, resolver_fee) = numbers;
        let fees = FeeTerms {
            integrator: recipients[0].into(),
            protocol: recipients[1].into(),
            integrator_fee,
            integrator_share: percents[0],
            resolver_fee,
            whitelist_discount: percents[1],
            post_interaction: more.map(|(target, data)| (target.into(), data)),
        };
        for admission in [Admission::Whitelisted, Admission::AccessToken] {
            let fees = fees.of_fill(admission, taking);
            let paid = fees.protocol_amount.checked_add(fees.integrator_amount).unwrap();
            let parameters = fees.parameters();
            let destination = Immutables { amount: taking, parameters, ..empty() };
            let payout = Payout::of(Dialect::OneInch2, &destination).unwrap();
            prop_assert_eq!(payout.maker, taking - paid);
        }
        for (dialect, fee) in [
            (Dialect::OneInch1, FillFee::Credit(credit)),
            (Dialect::OneInch2, FillFee::Destination(fees.clone())),
        ] {
            let entry = |(tail, delay): &_| WhitelistEntry { tail: *tail, delay: *delay };
            let whitelist = whitelist.iter().map(entry).collect();
            let terms = FillTerms { allowed_time, whitelist, fee };
            let header = terms.encode().unwrap();
            prop_assert_eq!(FillTerms::decode(dialect, &header), Ok(terms));
        }
    }

    #[test]
    fn whatever_is_read_as_fill_terms_is_written_the_same(
        header in bytes(120),
        last in 0_u8..16,
    ) {
        let mut header = header.to_vec();
        header.push(last << 2);
        for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
            if let Ok(terms) = FillTerms::decode(dialect, &header) {
                prop_assert_eq!(&terms.encode().unwrap()[..], &header[..]);
            }
            let _ = DestinationFees::decode(&header);
        }
    }

    #[test]
    fn orders_survive_storage_and_order_files(
        order in order(),
        signature in signature(),
        extension in bytes(300),
        chain in any::<u64>(),
    ) {
        let stored = postcard::to_stdvec(&(&order, &signature)).unwrap();
        let read: (LimitOrder, OrderSignature) = postcard::from_bytes(&stored).unwrap();
        prop_assert_eq!(&read, &(order.clone(), signature.clone()));
        let domain = order_domain(Dialect::Bmn4, ChainId(chain), Address::ZERO);
        let extra = ExtraData::decode(Dialect::Bmn4, &[7; ExtraData::LEN]).unwrap();
        let file = OrderFile::unsigned(&order, &extension, &domain, &extra).signed(&signature);
        let text = serde_json::to_string(&file).unwrap();
        prop_assert_eq!(serde_json::from_str::<OrderFile>(&text).unwrap(), file.clone());
        let read = file.read().unwrap();
        prop_assert_eq!(
            (&read.order, read.signature, &read.extension),
            (&order, Some(signature), &extension)
        );
        prop_assert_eq!(read.order_hash, Some(order.hash(&domain)));
    }

    #[test]
    fn the_bmn_immutables_hash_is_that_of_the_abi_encoding(immutables in immutables()) {
        let encoded = bindings::Immutables::from(&immutables).abi_encode();
        prop_assert_eq!(
            bmn_contracts::immutables_hash(Dialect::Bmn4, &immutables),
            alloy::primitives::keccak256(encoded)
        );
        let back: Immutables = bindings::Immutables::from(&immutables).into();
        prop_assert_eq!(back, immutables);
    }
}

fn empty() -> Immutables {
    Immutables {
        order_hash: OrderHash::default(),
        hashlock: Hashlock::default(),
        maker: AddressWord::ZERO,
        taker: AddressWord::ZERO,
        token: AddressWord::ZERO,
        amount: U256::ZERO,
        safety_deposit: U256::ZERO,
        timelocks: Timelocks::default(),
        parameters: Bytes::new(),
    }
}
