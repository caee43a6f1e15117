use crate::json::{
    BMN, DIALECTS, address, bytes, cases, get, hash, immutables, order, order_file, section, text,
    uint,
};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use bmn_contracts::{
    Extension, ExtensionField, ExtraData, OrderDomain, OrderError, OrderFile, OrderSignature,
    order_domain, recover_maker, sign_order,
};
use bmn_primitives::{ChainId, Dialect, Immutables, OrderHash};
use serde_json::Value;

/// The domain of a vector, which must be the one of one of our dialects.
fn domain(case: &Value) -> OrderDomain {
    let (chain, contract) = (ChainId(get(case, "chainId")), address(case, "verifyingContract"));
    let domains = Dialect::ALL.map(|dialect| order_domain(dialect, chain, contract));
    let named = domains.into_iter().find(|domain| domain.name == text(case, "name")).unwrap();
    assert_eq!(named.version, text(case, "version"));
    named
}

fn compact(case: &Value) -> OrderSignature {
    OrderSignature::Compact { r: hash(case, "r"), vs: hash(case, "vs") }
}

#[test]
fn domain_separators_are_the_contracts() {
    for case in cases(section("domains")) {
        assert_eq!(domain(&case["domain"]).separator(), hash(case, "domainSeparator"));
    }
}

#[test]
fn orders_hash_and_recover_as_on_chain() {
    for case in BMN.into_iter().flat_map(|dialect| cases(&section("orders")[dialect.name()])) {
        let name = text(case, "name");
        let (order, domain) = (order(&case["order"]), domain(&case["domain"]));
        let order_hash = order.hash(&domain);
        assert_eq!(order_hash.0, hash(case, "orderHash"), "{name}");
        assert_eq!(order.maker_traits.0, uint(case, "makerTraitsHex"));
        assert_eq!(recover_maker(order_hash, &compact(case)), Ok(address(case, "signer")));
        let long = OrderSignature::compact_from_rsv(&bytes(case, "signature65")).unwrap();
        assert_eq!(long, compact(case), "{name}");
        if order.receiver.is_zero() {
            assert_eq!(order.beneficiary(), order.maker);
        }
    }
}

#[test]
fn order_extensions_hold_the_factory_and_its_extra_data() {
    for (dialect, case) in BMN.into_iter().flat_map(|dialect| {
        cases(&section("orders")[dialect.name()]).iter().map(move |case| (dialect, case))
    }) {
        let order = order(&case["order"]);
        let bytes_in = bytes(case, "extension");
        assert_eq!(keccak256(&bytes_in), hash(case, "extensionKeccak"));
        let extension = order.check_extension(&bytes_in).unwrap();
        assert!(extension.is_post_interaction_only());
        let post = extension.field(ExtensionField::PostInteractionData);
        assert_eq!(*post, *bytes(case, "postInteraction"));

        let (factory, extra_bytes) = extension.post_interaction().unwrap();
        let decoded = &case["decodedExtra"];
        assert_eq!(factory, address(decoded, "factory"));
        assert_eq!(*extra_bytes, *bytes(case, "extraData"));
        let extra = ExtraData::decode(dialect, extra_bytes).unwrap();
        assert_eq!(extra.hashlock.0, hash(decoded, "hashlock"));
        assert_eq!(extra.dst_chain_id, uint(decoded, "dstChainId"));
        assert_eq!(extra.dst_token.0, uint(decoded, "dstToken"));
        assert_eq!(extra.deposits, uint(decoded, "deposits"));
        assert_eq!(extra.timelocks, uint(decoded, "timelocks"));
        assert_eq!(extra.src_deposit(dialect), uint(decoded, "srcDeposit"));
        assert_eq!(extra.dst_deposit(dialect), uint(decoded, "dstDeposit"));
        assert_eq!(extra.src_cancellation(), get::<u64>(decoded, "srcCancellation"));
        assert_eq!(extra.dst_withdrawal(), get::<u64>(decoded, "dstWithdrawal"));
        assert_eq!(extra.encode(), bytes(case, "extraData"));
        assert_eq!(Extension::post_interaction_only(factory, &extra.encode()), bytes_in);
    }
}

#[test]
fn salts_commit_to_the_extension() {
    let case = &section("orders")["bmn4"][0];
    let mut order = order(&case["order"]);
    let extension = bytes(case, "extension");
    order.salt = bmn_contracts::LimitOrder::salt_for(&extension, U256::MAX);
    assert!(order.check_extension(&extension).is_ok());
    assert_eq!(order.salt >> 160, U256::MAX >> 160);

    let longer = [&extension[..], &[0]].concat();
    assert!(matches!(order.check_extension(&longer), Err(OrderError::ExtensionHash { .. })));
    assert_eq!(order.check_extension(&[]), Err(OrderError::ExtensionMissing));
    order.maker_traits = bmn_contracts::MakerTraits::default();
    assert_eq!(order.check_extension(&extension), Err(OrderError::ExtensionUnexpected));
    assert!(order.check_extension(&[]).is_ok());
}

#[test]
fn extensions_parse_into_their_fields() {
    for case in cases(section("extensions")) {
        let raw = bytes(case, "extension");
        let extension = Extension::parse(&raw).unwrap();
        let fields = cases(&case["fields"]);
        for (field, value) in ExtensionField::ALL.into_iter().zip(fields) {
            let value: Bytes = value.as_str().unwrap().parse().unwrap();
            assert_eq!(*extension.field(field), *value, "{} {field:?}", text(case, "name"));
        }
        assert_eq!(*extension.custom_data(), *bytes(case, "custom"));
        assert_eq!(keccak256(&raw), hash(case, "keccak"));
        let commitment = bmn_contracts::LimitOrder::salt_for(&raw, U256::ZERO);
        assert_eq!(commitment, uint(case, "saltLow160"));
        let inspected = &case["onChainInspector"];
        if !inspected.is_null() && address(inspected, "target") != Address::ZERO {
            let (target, extra) = extension.post_interaction().unwrap();
            assert_eq!(target, address(inspected, "target"));
            assert_eq!(keccak256(extra), hash(inspected, "postDataHash"));
        } else {
            assert_eq!(extension.post_interaction(), Err(OrderError::PostInteractionTooShort(0)));
        }
        let only_post = text(case, "name") == "only postInteraction (BMN)";
        assert_eq!(extension.is_post_interaction_only(), only_post);
    }
}

#[test]
fn extensions_with_impossible_offsets_are_refused() {
    assert_eq!(Extension::parse(&[0; 31]), Err(OrderError::ExtensionTooShort(31)));
    let mut outside = [0; 33];
    outside[3] = 2;
    let bounds = OrderError::ExtensionBounds { field: 7, end: 2, available: 1 };
    assert_eq!(Extension::parse(&outside), Err(bounds));
    let mut decreasing = [0; 33];
    decreasing[31] = 1;
    let offsets = OrderError::ExtensionOffsets { field: 1, begin: 1, end: 0 };
    assert_eq!(Extension::parse(&decreasing), Err(offsets));
}

#[test]
fn extra_data_is_the_head_in_bmn_and_the_tail_in_oneinch() {
    let case = &section("orders")["bmn4"][0];
    let head = bytes(case, "extraData");
    let padded = [&head[..], &[7; 5]].concat();
    let behind = [&[7; 5], &head[..]].concat();
    let extra = ExtraData::decode(Dialect::Bmn4, &head).unwrap();
    for dialect in Dialect::ALL {
        let first = matches!(dialect, Dialect::Bmn23 | Dialect::Bmn302 | Dialect::Bmn4);
        assert_eq!(ExtraData::decode(dialect, &padded) == Ok(extra), first, "{dialect}");
        assert_eq!(ExtraData::decode(dialect, &behind) == Ok(extra), !first, "{dialect}");
        let short = ExtraData::decode(dialect, &head[..159]);
        assert_eq!(short, Err(OrderError::ExtraDataTooShort(159)));
    }
}

/// Orders of the recorded swaps, as order files.
fn sample_files() -> impl Iterator<Item = (Dialect, &'static Value)> {
    DIALECTS.into_iter().flat_map(|dialect| {
        let samples = section("samples")[dialect.name()].as_object().unwrap().values();
        samples.filter_map(move |sample| {
            let file = sample.get("order").filter(|order| order.get("version").is_some());
            file.map(|file| (dialect, file))
        })
    })
}

#[test]
fn order_files_of_the_recorded_swaps_are_read_verified_and_written_back() {
    let lop = address(&section("orders")["bmn4"][0], "verifyingContract");
    let mut read = 0;
    for (dialect, value) in sample_files() {
        let (written, file) = order_file(value);
        assert_eq!(file.order, order(&value["order"]));
        let domain = order_domain(dialect, file.chain_id, lop);
        let (order_hash, extra) = file.verify(&domain, dialect).unwrap();
        assert_eq!(order_hash.0, hash(value, "orderHash"));
        assert_eq!(extra.dst_deposit(dialect), uint(&value["_"], "dstDeposit"));
        assert_eq!(extra.src_deposit(dialect), uint(&value["_"], "srcDeposit"));
        let signature = file.signature.as_ref().unwrap();
        let maker = recover_maker(order_hash, signature);
        assert_eq!(maker, Ok(file.order.maker.clean().unwrap()));
        file.order.check_extension(&file.extension).unwrap();
        let again = OrderFile::unsigned(&file.order, &file.extension, &domain, &extra);
        let again = OrderFile { created_at: written.created_at, ..again }.signed(signature);
        assert_eq!(again.read().as_ref(), Ok(&file));
        assert_eq!(again.order, written.order);
        read += 1;
    }
    assert_eq!(read, 13);
}

#[test]
fn source_immutables_follow_from_the_order_and_the_fills_block_time() {
    let mut rebuilt = 0;
    for (dialect, sample) in DIALECTS.into_iter().flat_map(|dialect| {
        let samples = section("samples")[dialect.name()].as_object().unwrap().values();
        samples.map(move |sample| (dialect, sample))
    }) {
        let (Some(file), Some(recorded)) = (sample.get("order"), sample.get("srcImmutables"))
        else {
            continue;
        };
        if file.get("version").is_none() {
            continue;
        }
        let (_, file) = order_file(file);
        let recorded = immutables(recorded);
        let extension = Extension::parse(&file.extension).unwrap();
        let (_, extra) = extension.post_interaction().unwrap();
        let extra = ExtraData::decode(dialect, extra).unwrap();
        let timelocks = extra.source_timelocks(dialect, recorded.timelocks.deployed_at());
        let expected = Immutables {
            order_hash: file.order_hash.unwrap(),
            hashlock: extra.hashlock,
            maker: file.order.maker,
            taker: recorded.taker,
            token: file.order.maker_asset,
            amount: file.order.making_amount,
            safety_deposit: extra.src_deposit(dialect),
            timelocks: timelocks.unwrap(),
            parameters: Bytes::new(),
        };
        assert_eq!(recorded, expected, "{dialect}");
        rebuilt += 1;
    }
    assert_eq!(rebuilt, 11);
}

#[test]
fn the_recorded_dirty_order_hashes_with_its_dirty_word() {
    let sample = &section("samples")["bmn4"]["dirty"];
    let lop = address(&section("orders")["bmn4"][0], "verifyingContract");
    let order = order(&sample["order"]);
    assert!(order.maker_asset.is_dirty());
    let domain = order_domain(Dialect::Bmn4, ChainId(8453), lop);
    assert_eq!(order.hash(&domain).0, hash(sample, "orderHash"));
}

#[test]
fn makers_sign_what_recovers_to_them() {
    let signer: PrivateKeySigner =
        "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d".parse().unwrap();
    for byte in 0..8 {
        let order_hash = OrderHash(B256::repeat_byte(byte));
        let signature = sign_order(&signer, order_hash).unwrap();
        assert_eq!(recover_maker(order_hash, &signature), Ok(signer.address()));
    }
    for case in cases(&section("orders")["bmn4"]) {
        if address(case, "signer") == signer.address() {
            let order_hash = OrderHash(hash(case, "orderHash"));
            assert_eq!(sign_order(&signer, order_hash), Ok(compact(case)));
        }
    }
}

#[test]
fn signatures_the_contract_refuses_do_not_recover() {
    let case = &section("orders")["bmn4"][0];
    let order_hash = OrderHash(hash(case, "orderHash"));
    let contract = OrderSignature::Contract(Bytes::new());
    assert_eq!(recover_maker(order_hash, &contract), Err(OrderError::ContractSignature));
    let high = OrderSignature::Compact { r: hash(case, "r"), vs: B256::repeat_byte(0xff) };
    assert!(matches!(recover_maker(order_hash, &high), Err(OrderError::SignatureMalleable(_))));
    let zero = OrderSignature::Compact { r: B256::ZERO, vs: B256::ZERO };
    assert!(matches!(recover_maker(order_hash, &zero), Err(OrderError::SignatureUnrecoverable(_))));
    for bad in [&[][..], &[0; 64], &[0; 65], &[1; 66]] {
        assert_eq!(OrderSignature::compact_from_rsv(bad), Err(OrderError::SignatureFormat));
    }
}
