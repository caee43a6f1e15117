use crate::json::{
    DIALECTS, address, bytes, cases, complement, get, hash, immutables, order, order_file, section,
    text, uint,
};
use alloy::primitives::{Bytes, U256};
use bmn_contracts::{Call, DecodeError, OrderSignature, TakerTraits, calldata, decode_calldata};
use bmn_primitives::{Dialect, Immutables, Secret};
use serde_json::Value;

fn secret(case: &Value) -> Secret {
    Secret::new(hash(case, "secret").0)
}

/// Builds again what the vector's call was built from; what it does not say is taken from the decoded
/// call, so that decoding is checked by encoding.
fn rebuild(case: &Value, decoded: &Call) -> Bytes {
    let dialect: Dialect = get(case, "dialect");
    let stated = case.get("immutables").map(immutables);
    let found = |immutables: &Immutables| {
        assert!(stated.as_ref().is_none_or(|stated| stated == immutables));
        immutables.clone()
    };
    match (text(case, "fn"), decoded) {
        ("createDstEscrow", Call::CreateDestination { immutables, src_cancellation_timestamp }) => {
            let time = src_cancellation_timestamp.map(|time| time.to::<u64>());
            let stated = case.get("srcCancellationTimestamp").and_then(Value::as_u64);
            assert_eq!(time, stated);
            calldata::create_dst_escrow(dialect, &found(immutables), stated)
        }
        ("withdraw", Call::Withdraw { immutables, target: None, permission: None, .. }) => {
            calldata::withdraw(dialect, &secret(case), &found(immutables))
        }
        ("withdrawTo", Call::Withdraw { immutables, target: Some(target), .. }) => {
            assert_eq!(*target, address(case, "target"));
            calldata::withdraw_to(dialect, &secret(case), *target, &found(immutables))
        }
        (
            "publicWithdrawSigned",
            Call::Withdraw { immutables, permission: Some(permission), secret, .. },
        ) => {
            assert_eq!(*permission, bytes(case, "signature"));
            assert!(secret.opens(immutables.hashlock));
            calldata::public_withdraw_signed(
                dialect,
                secret,
                &found(immutables),
                permission.clone(),
            )
        }
        ("cancel", Call::Cancel { immutables, permission: None }) => {
            calldata::cancel(dialect, &found(immutables))
        }
        ("publicCancelSigned", Call::Cancel { immutables, permission: Some(permission) }) => {
            calldata::public_cancel_signed(dialect, &found(immutables), permission.clone())
        }
        ("fillOrderArgs", Call::FillOrder { .. }) => rebuild_fill(case, decoded),
        (other, call) => panic!("{other} decoded to {call:?}"),
    }
}

fn rebuild_fill(case: &Value, decoded: &Call) -> Bytes {
    let Call::FillOrder { order: found, signature, amount, taker_traits, args } = decoded else {
        panic!("{decoded:?}")
    };
    let (_, file) = order_file(&case["order"]);
    assert_eq!(*found, file.order);
    assert_eq!(Some(signature), file.signature.as_ref());
    assert_eq!(*amount, file.order.making_amount);
    assert_eq!(taker_traits.0, uint(case, "takerTraits"));
    assert_eq!(decoded.extension(), Some(&file.extension[..]));
    let stated = if case.get("args").is_some() { bytes(case, "args") } else { file.extension };
    assert_eq!(*args, stated);
    calldata::fill_order_args(found, signature, *amount, *taker_traits, stated)
}

#[test]
fn recorded_calldata_is_what_we_build_and_what_we_read() {
    for case in cases(section("calldata")) {
        let recorded = bytes(case, "calldata");
        if text(case, "fn") == "addressOfEscrow" {
            // A question, not a transaction: only built.
            let dialect: Dialect = get(case, "dialect");
            let asked = cases(section("calldata")).iter().filter_map(|case| case.get("immutables"));
            let mut built = asked.flat_map(|case| {
                let value = immutables(case);
                [true, false]
                    .map(|is_source| calldata::address_of_escrow(dialect, &value, is_source))
            });
            assert!(built.any(|built| built == recorded));
            continue;
        }
        let decoded = decode_calldata(&recorded).unwrap();
        assert_eq!(rebuild(case, &decoded), recorded, "{}", text(case, "fn"));
    }
}

#[test]
fn every_dialect_has_its_calls() {
    for dialect in DIALECTS {
        let of = |case: &&Value| text(case, "dialect") == dialect.name();
        let count = cases(section("calldata")).iter().filter(of).count();
        let expected = match dialect {
            Dialect::Bmn23 | Dialect::Bmn302 | Dialect::Bmn4 => 10,
            _ => 7,
        };
        assert_eq!(count, expected, "{dialect}");
    }
}

#[test]
fn selectors_are_those_of_the_dialect() {
    let direct = &section("samples")["bmn4"]["directSrc"];
    let value = immutables(&direct["immutables"]);
    let secret = Secret::new([7; 32]);
    for dialect in Dialect::ALL {
        let named = if dialect.has_parameters() { "oneinch2" } else { "oneinch1" };
        let escrow = &section("selectors")[named]["escrowSrc"];
        let functions = escrow.as_object().unwrap();
        for (name, built) in [
            ("withdraw(", calldata::withdraw(dialect, &secret, &value)),
            ("withdrawTo(", calldata::withdraw_to(dialect, &secret, value.token.masked(), &value)),
            ("publicWithdraw(", calldata::public_withdraw(dialect, &secret, &value)),
            ("cancel(", calldata::cancel(dialect, &value)),
            ("publicCancel(", calldata::public_cancel(dialect, &value)),
            (
                "rescueFunds(",
                calldata::rescue_funds(dialect, value.token.masked(), U256::ONE, &value),
            ),
        ] {
            let (_, selector) =
                functions.iter().find(|(signature, _)| signature.starts_with(name)).unwrap();
            assert_eq!(
                Bytes::from(built[..4].to_vec()).to_string(),
                selector.as_str().unwrap(),
                "{dialect} {name}"
            );
            assert!(decode_calldata(&built).is_ok(), "{dialect} {name}");
        }
    }
}

#[test]
fn a_source_without_a_fill_is_read_with_what_was_pulled() {
    let value = immutables(&section("samples")["bmn302"]["directSrc"]["immutables"]);
    let built = calldata::create_plain_src_escrow(&value);
    assert_eq!(built[..4], [0x79, 0x3a, 0x31, 0xa5]);
    let call = decode_calldata(&built).unwrap();
    assert!(matches!(call, Call::CreatePlainSource { immutables, maker, token, amount }
        if immutables == value && maker == value.maker.masked() && token == value.token.masked()
            && amount == value.amount));
}

#[test]
fn a_bmn_fill_is_built_from_order_and_signature_alone() {
    let case = cases(section("calldata"))
        .iter()
        .find(|case| text(case, "dialect") == "bmn4" && text(case, "fn") == "fillOrderArgs")
        .unwrap();
    let (_, file) = order_file(&case["order"]);
    let traits = TakerTraits::bmn_fill(file.extension.len(), file.order.taking_amount);
    let built = calldata::fill_order_args(
        &file.order,
        file.signature.as_ref().unwrap(),
        file.order.making_amount,
        traits,
        file.extension.clone(),
    );
    assert_eq!(built, bytes(case, "calldata"));
}

#[test]
fn contract_signatures_choose_the_contract_function() {
    let case = &section("orders")["bmn4"][0];
    let order = order(&case["order"]);
    let signature = OrderSignature::Contract(bytes(case, "signature65"));
    let extension = bytes(case, "extension");
    let traits = TakerTraits::bmn_fill(extension.len(), order.taking_amount);
    let amount = order.making_amount;
    let built = calldata::fill_order_args(&order, &signature, amount, traits, extension.clone());
    assert_eq!(built[..4], [0x56, 0xa7, 0x58, 0x68]);
    let decoded = decode_calldata(&built).unwrap();
    assert_eq!(decoded.extension(), Some(&extension[..]));
    let Call::FillOrder { order: found, signature: same, .. } = decoded else { panic!() };
    assert_eq!((found, same), (order, signature));
}

#[test]
fn calls_without_a_vector_round_trip() {
    let direct = &section("samples")["bmn4"]["directSrc"];
    let (value, other) = (immutables(&direct["immutables"]), complement(&direct["complement"]));
    let created = decode_calldata(&calldata::create_src_escrow(&value, &other)).unwrap();
    assert!(matches!(created, Call::CreateSource { immutables, complement }
        if immutables == value && complement == other));

    let secret = Secret::new([7; 32]);
    let public =
        decode_calldata(&calldata::public_withdraw(Dialect::Bmn4, &secret, &value)).unwrap();
    assert!(matches!(public, Call::Withdraw { target: None, permission: None, .. }));
    assert!(!format!("{public:?}").contains("0707"));

    let cancelled = decode_calldata(&calldata::public_cancel(Dialect::Bmn4, &value)).unwrap();
    assert!(matches!(cancelled, Call::Cancel { permission: None, .. }));

    let token = value.token.masked();
    let rescued =
        decode_calldata(&calldata::rescue_funds(Dialect::Bmn4, token, U256::from(5), &value))
            .unwrap();
    assert!(matches!(rescued, Call::Rescue { token: found, amount, .. }
        if found == token && amount == U256::from(5)));

    let traits = bmn_contracts::MakerTraits::cross_chain();
    let cancel = calldata::cancel_order(traits, value.order_hash);
    assert!(matches!(decode_calldata(&cancel).unwrap(), Call::CancelOrder { order_hash, .. }
        if order_hash == value.order_hash));
}

#[test]
fn calldata_of_nobodys_is_an_error() {
    assert!(matches!(decode_calldata(&[]), Err(DecodeError::UnknownCall(_))));
    assert!(matches!(decode_calldata(&[1, 2, 3, 4, 5]), Err(DecodeError::UnknownCall(_))));
    let cut = &bytes(&section("calldata")[0], "calldata")[..40];
    assert!(matches!(
        decode_calldata(cut),
        Err(DecodeError::Arguments { call: "createDstEscrow", .. })
    ));
}
