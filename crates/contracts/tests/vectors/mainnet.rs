use crate::json::{address, bytes, cases, hash, order, section, text, uint};
use bmn_contracts::{
    Call, Extension, ExtraData, OrderDomain, OrderError, OrderSignature, decode_calldata,
    known_factory, order_domain, recover_maker,
};
use bmn_primitives::{ChainId, Dialect};
use serde_json::Value;

/// Decodes the transaction and compares its parts with what the vector's own decoder found.
fn decoded(case: &Value) -> Call {
    let call = decode_calldata(&bytes(case, "data")).unwrap();
    let Call::FillOrder { order: found, signature, taker_traits, args, .. } = &call else {
        panic!("{call:?}")
    };
    assert_eq!(*found, order(&case["order"]));
    assert_eq!(taker_traits.0, uint(case, "takerTraits"));
    let whole = bytes(case, if case.get("args").is_some() { "args" } else { "extension" });
    assert_eq!(*args, whole);
    assert_eq!(call.extension(), Some(&bytes(case, "extension")[..]));
    let by_contract = matches!(signature, OrderSignature::Contract(_));
    assert_eq!(by_contract, text(case, "function") == "fillContractOrderArgs");
    call
}

/// The key's signature, whichever function it was passed to.
fn key_signature(signature: &OrderSignature) -> OrderSignature {
    match signature {
        OrderSignature::Contract(bytes) => OrderSignature::compact_from_rsv(bytes).unwrap(),
        compact @ OrderSignature::Compact { .. } => compact.clone(),
    }
}

fn signed_domain(case: &Value) -> OrderDomain {
    let named = &case["match"];
    let chain = ChainId(named[2].as_u64().unwrap());
    let domains = Dialect::ALL.map(|dialect| order_domain(dialect, chain, address(case, "to")));
    domains.into_iter().find(|domain| domain.name == named[0]).unwrap()
}

#[test]
fn real_signed_orders_recover_to_their_maker() {
    assert_eq!(cases(section("realMainnetCalldata")).len(), 16);
    for case in cases(section("realMainnetCalldata")) {
        let Call::FillOrder { order, signature, .. } = decoded(case) else { panic!() };
        let order_hash = order.hash(&signed_domain(case));
        assert_eq!(order_hash.0.to_string(), case["match"][3].as_str().unwrap());
        let signature = key_signature(&signature);
        let stated = OrderSignature::compact_from_rsv(&bytes(case, "signature65"));
        assert_eq!(stated.as_ref(), Ok(&signature));
        assert_eq!(
            recover_maker(order_hash, &signature),
            order.maker.clean().map_err(|_| panic!())
        );
    }
}

#[test]
fn real_signed_orders_name_factories_of_their_dialect() {
    let (mut named, mut malformed) = (0, 0);
    for case in cases(section("realMainnetCalldata")) {
        let call = decoded(case);
        let extension = Extension::parse(call.extension().unwrap());
        let (factory, extra) = match extension.and_then(|extension| extension.post_interaction()) {
            Ok(found) => found,
            Err(error) => {
                // One of them has its offsets word written back to front.
                assert_eq!(error, OrderError::ExtensionOffsets { field: 1, begin: 180, end: 0 });
                assert!(text(case, "decodedExtra").starts_with("parse fail"));
                malformed += 1;
                continue;
            }
        };
        let expected = &case["decodedExtra"];
        assert_eq!(factory, address(expected, "factory"));
        let extra = ExtraData::decode(Dialect::Bmn23, extra).unwrap();
        assert_eq!(extra.hashlock.0, hash(expected, "hashlock"));
        assert_eq!(extra.dst_chain_id, uint(expected, "dstChainId"));
        assert_eq!(extra.dst_token.0, uint(expected, "dstToken"));
        assert_eq!(extra.deposits, uint(expected, "deposits"));
        assert_eq!(extra.timelocks, uint(expected, "timelocks"));

        let known = known_factory(factory).unwrap();
        assert_eq!(known.dialect, Dialect::Bmn23);
        assert_eq!(known.locks_funds, known.release == "BMN v2.2.0");
        named += 1;
    }
    assert_eq!((named, malformed), (15, 1));
}

#[test]
fn real_salts_commit_to_their_extension_where_the_traits_mention_it() {
    let (mut good, mut unmentioned, mut malformed) = (0, 0, 0);
    for case in cases(section("realMainnetCalldata")) {
        let call = decoded(case);
        let Call::FillOrder { order, .. } = &call else { panic!() };
        match order.check_extension(call.extension().unwrap()) {
            Ok(extension) => {
                assert!(extension.is_post_interaction_only());
                good += 1;
            }
            Err(OrderError::ExtensionUnexpected) => unmentioned += 1,
            Err(OrderError::ExtensionOffsets { .. }) => malformed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((good, unmentioned, malformed), (9, 6, 1));
}
