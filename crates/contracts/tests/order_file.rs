//! The order file says which field is wrong and what it may hold.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, Bytes, U256, address};
use bmn_contracts::{
    Extension, ExtraData, LimitOrder, MakerTraits, OrderDomain, OrderFile, OrderFileError,
    OrderSignature, order_domain,
};
use bmn_primitives::{AddressWord, ChainId, Dialect, Hashlock, OrderHash};
use serde_json::{Value, json};

const LOP: Address = address!("00000000000000000000000000000000000000aa");
const WORD: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

fn domain() -> OrderDomain {
    order_domain(Dialect::Bmn4, ChainId(8453), LOP)
}

fn extension() -> Bytes {
    let extra = ExtraData {
        hashlock: Hashlock(WORD.parse().unwrap()),
        dst_chain_id: U256::from(10),
        dst_token: AddressWord::ZERO,
        deposits: U256::ZERO,
        timelocks: ExtraData::pack_bmn_times(2_000, 1_000),
    };
    Extension::post_interaction_only(Address::repeat_byte(3), &extra.encode())
}

fn valid() -> Value {
    json!({
        "version": 1,
        "chainId": 8453,
        "order": {
            "salt": "123",
            "maker": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "receiver": "0",
            "makerAsset": "0xff00000000000000000000eee7f1725e7734ce288f8367e1bb143e90bb3f0512",
            "takerAsset": "1",
            "makingAmount": "1000000000000000000",
            "takingAmount": "0x10",
            "makerTraits": "0",
        },
        "signature": { "r": WORD, "vs": WORD },
        "extensionData": extension().to_string(),
        "unknown": "is ignored",
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut file = valid();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    file.pointer_mut(parent).unwrap()[key] = value;
    file
}

fn error(pointer: &str, value: Value) -> OrderFileError {
    OrderFile::from_value(&with(pointer, value)).unwrap_err()
}

#[test]
fn integers_are_decimal_or_hexadecimal_and_addresses_may_be_words() {
    let file = OrderFile::from_value(&valid()).unwrap();
    let dirty = "0xff00000000000000000000eee7f1725e7734ce288f8367e1bb143e90bb3f0512";
    let expected = LimitOrder {
        salt: U256::from(123),
        maker: address!("70997970C51812dc3A010C7d01b50e0d17dc79C8").into(),
        receiver: AddressWord::ZERO,
        maker_asset: AddressWord(dirty.parse().unwrap()),
        taker_asset: AddressWord(U256::from(1)),
        making_amount: U256::from(10).pow(U256::from(18)),
        taking_amount: U256::from(16),
        maker_traits: MakerTraits::default(),
    };
    assert_eq!(file.order, expected);
    assert_eq!(file.order_hash, None);
}

#[test]
fn contract_signatures_are_plain_bytes() {
    let file = OrderFile::from_value(&with("/signature", json!("0x0102"))).unwrap();
    assert_eq!(file.signature, OrderSignature::Contract(Bytes::from(vec![1, 2])));
}

#[test]
fn wrong_values_name_their_field_and_what_it_takes() {
    for (pointer, value, field) in [
        ("/version", json!(2), "version"),
        ("/chainId", json!(-1), "chainId"),
        ("/chainId", json!("base"), "chainId"),
        ("/order", json!([]), "order"),
        ("/order/salt", json!(5), "order.salt"),
        ("/order/salt", json!(""), "order.salt"),
        ("/order/salt", json!("0x"), "order.salt"),
        ("/order/salt", json!("1_0"), "order.salt"),
        ("/order/salt", json!("-1"), "order.salt"),
        ("/order/makingAmount", json!(format!("0x1{}", "0".repeat(64))), "order.makingAmount"),
        ("/order/maker", json!("0x7099"), "order.maker"),
        ("/order/maker", json!("alice"), "order.maker"),
        ("/signature", json!(7), "signature"),
        ("/signature", json!("0102"), "signature"),
        ("/signature/r", json!("0x00"), "signature.r"),
        ("/signature/vs", json!(1), "signature.vs"),
        ("/extensionData", json!("0x1"), "extensionData"),
        ("/orderHash", json!("0x12"), "orderHash"),
        ("/hashlock", json!(false), "hashlock"),
        ("/srcChainId", json!([]), "srcChainId"),
        ("/dstChainId", json!(1.5), "dstChainId"),
        ("/createdAt", json!("yesterday"), "createdAt"),
    ] {
        let error = error(pointer, value);
        assert!(
            matches!(&error, OrderFileError::Field { field: found, .. } if *found == field),
            "{pointer}: {error}"
        );
        assert!(error.to_string().contains("expected"), "{error}");
    }
}

#[test]
fn missing_fields_are_named() {
    for (pointer, field) in [
        ("/version", "version"),
        ("/order/takingAmount", "order.takingAmount"),
        ("/signature", "signature"),
        ("/signature/vs", "signature.vs"),
        ("/extensionData", "extensionData"),
    ] {
        let error = error(pointer, Value::Null);
        assert!(
            matches!(error, OrderFileError::Missing { field: found, .. } if found == field),
            "{error}"
        );
    }
    assert!(matches!(OrderFile::from_json("{"), Err(OrderFileError::Json(_))));
    assert!(matches!(OrderFile::from_json("[]"), Err(OrderFileError::Field { .. })));
}

#[test]
fn long_wrong_values_are_shortened() {
    let error = error("/order/salt", json!("é".repeat(10_000)));
    assert!(error.to_string().len() < 400, "{error}");
}

#[test]
fn what_repeats_the_order_must_agree_with_it() {
    let file = OrderFile::from_value(&valid()).unwrap();
    let (order_hash, extra) = file.verify(&domain(), Dialect::Bmn4).unwrap();
    assert_eq!(order_hash, file.order.hash(&domain()));

    let repeated = OrderFile {
        order_hash: Some(order_hash),
        hashlock: Some(extra.hashlock),
        src_chain_id: Some(ChainId(8453)),
        dst_chain_id: Some(ChainId(10)),
        ..file
    };
    assert!(repeated.verify(&domain(), Dialect::Bmn4).is_ok());

    type Change = fn(&mut OrderFile);
    let contradictions: [(&str, Change); 5] = [
        ("chainId", |file| file.chain_id = ChainId(1)),
        ("orderHash", |file| file.order_hash = Some(OrderHash::default())),
        ("hashlock", |file| file.hashlock = Some(Hashlock::default())),
        ("srcChainId", |file| file.src_chain_id = Some(ChainId(1))),
        ("dstChainId", |file| file.dst_chain_id = Some(ChainId(8453))),
    ];
    for (field, change) in contradictions {
        let mut changed = repeated.clone();
        change(&mut changed);
        let error = changed.verify(&domain(), Dialect::Bmn4).unwrap_err();
        assert!(
            matches!(error, OrderFileError::Contradiction { field: found, .. } if found == field),
            "{error}"
        );
    }
    let short = OrderFile { extension: Bytes::from(vec![0; 5]), ..repeated };
    let error = short.verify(&domain(), Dialect::Bmn4);
    assert!(matches!(error, Err(OrderFileError::Extension(_))));
}
