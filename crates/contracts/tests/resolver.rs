//! What our resolver contract is told, both ways.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall;
use bmn_contracts::{
    Call, DecodeError, InnerCall, LimitOrder, MAX_INNER_CALLS, MakerTraits, OrderSignature,
    ResolverFill, TakerTraits, bindings::IResolver, calldata, decode_calldata,
};
use bmn_primitives::{Dialect, Hashlock, Immutables, OrderHash, Secret, Timelocks};

fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn immutables() -> Immutables {
    Immutables {
        order_hash: OrderHash(B256::repeat_byte(1)),
        hashlock: Hashlock(B256::repeat_byte(2)),
        maker: address(3).into(),
        taker: address(4).into(),
        token: address(5).into(),
        amount: U256::from(6),
        safety_deposit: U256::from(7),
        timelocks: Timelocks(U256::from(8)),
        parameters: Bytes::new(),
    }
}

fn fill(signature: OrderSignature) -> ResolverFill {
    ResolverFill {
        immutables: immutables(),
        factory: address(11),
        limit_order_protocol: address(12),
        order: LimitOrder {
            salt: U256::from(13),
            maker: address(3).into(),
            receiver: address(14).into(),
            maker_asset: address(5).into(),
            taker_asset: address(15).into(),
            making_amount: U256::from(6),
            taking_amount: U256::from(16),
            maker_traits: MakerTraits::cross_chain(),
        },
        signature,
        amount: U256::from(6),
        taker_traits: TakerTraits::bmn_fill(4, U256::from(16)),
        args: vec![1, 2, 3, 4].into(),
    }
}

#[test]
fn a_run_decodes_to_its_inner_calls_and_each_of_these_to_its_own_call() {
    let calls = [
        InnerCall::new(address(1), calldata::transfer_from(address(2), address(3), U256::from(4))),
        InnerCall::new(address(1), calldata::approve(address(5), U256::from(4))),
        InnerCall::new(address(1), calldata::transfer(address(6), U256::from(7))),
        InnerCall::new(
            address(5),
            calldata::create_dst_escrow(Dialect::Bmn302, &immutables(), None),
        )
        .paying(U256::from(8)),
    ];
    let sweep = [address(1), Address::ZERO];
    let run = calldata::resolver_run(&calls, &sweep);
    let Call::ResolverRun { calls: found, sweep: swept } = decode_calldata(&run).unwrap() else {
        panic!("a run")
    };
    assert_eq!((found.as_slice(), swept.as_slice()), (&calls[..], &sweep[..]));
    let inner: Vec<Call> = found.iter().map(|it| decode_calldata(&it.data).unwrap()).collect();
    assert!(matches!(inner[0], Call::TransferFrom { from, to, amount }
        if (from, to, amount) == (address(2), address(3), U256::from(4))));
    assert!(matches!(inner[1], Call::Approve { spender, amount }
        if (spender, amount) == (address(5), U256::from(4))));
    assert!(matches!(inner[2], Call::Transfer { to, amount }
        if (to, amount) == (address(6), U256::from(7))));
    assert!(matches!(&inner[3], Call::CreateDestination { immutables: found, .. }
        if *found == immutables()));
}

#[test]
fn an_empty_run_decodes() {
    let run = decode_calldata(&calldata::resolver_run(&[], &[])).unwrap();
    assert!(
        matches!(run, Call::ResolverRun { calls, sweep } if calls.is_empty() && sweep.is_empty())
    );
}

#[test]
fn a_fill_of_either_form_decodes_to_what_was_encoded() {
    let compact = OrderSignature::Compact { r: B256::repeat_byte(9), vs: B256::repeat_byte(10) };
    // As long as the compact form, and none all the same.
    let contract = OrderSignature::Contract(vec![9; 64].into());
    for signature in [compact, contract] {
        let plain = fill(signature);
        let full = ResolverFill {
            immutables: Immutables { parameters: vec![5; 128].into(), ..immutables() },
            ..plain.clone()
        };
        for (dialect, fill) in [(Dialect::OneInch1, plain), (Dialect::OneInch2, full)] {
            let data = calldata::resolver_fill(dialect, &fill);
            let Call::ResolverFill(found) = decode_calldata(&data).unwrap() else {
                panic!("a fill")
            };
            assert_eq!(*found, fill, "{dialect}");
        }
    }
}

#[test]
fn a_key_s_signature_of_another_length_is_refused_by_name() {
    let compact = OrderSignature::Compact { r: B256::ZERO, vs: B256::ZERO };
    let good = fill(compact);
    for length in [0, 31, 63, 65] {
        let call = IResolver::fill8Call {
            immutables: (&good.immutables).into(),
            fill: IResolver::Fill { signature: vec![0; length].into(), ..(&good).into() },
        };
        let error = decode_calldata(&call.abi_encode()).unwrap_err();
        assert!(error.to_string().contains("signature"), "{error}");
    }
}

#[test]
fn more_inner_calls_than_we_would_ever_sign_are_refused_before_they_are_copied() {
    let many = |count| vec![InnerCall::new(address(1), Bytes::new()); count];
    let most = calldata::resolver_run(&many(MAX_INNER_CALLS), &[]);
    assert!(decode_calldata(&most).is_ok());
    let more = calldata::resolver_run(&many(MAX_INNER_CALLS + 1), &[]);
    let error = decode_calldata(&more).unwrap_err();
    assert!(matches!(error, DecodeError::Arguments { call: "run", .. }), "{error}");
    // A count without calls, and an offset without a count.
    let selector = &more[..4];
    let word = |value: U256| value.to_be_bytes::<32>();
    for words in [
        vec![word(U256::from(64)), word(U256::from(96)), word(U256::MAX), word(U256::ZERO)],
        vec![word(U256::MAX), word(U256::from(64))],
        vec![],
    ] {
        let data = [selector, &words.concat()].concat();
        assert!(decode_calldata(&data).is_err());
    }
}

#[test]
fn the_secret_of_an_inner_withdrawal_is_not_in_the_debug_text() {
    let secret = Secret::new([0xab; 32]);
    let data = calldata::withdraw(Dialect::Bmn302, &secret, &immutables());
    let run = calldata::resolver_run(&[InnerCall::new(address(1), data)], &[]);
    let text = format!("{:?}", decode_calldata(&run).unwrap());
    assert!(!text.contains("abababab") && text.contains("0x23305703"), "{text}");
}
