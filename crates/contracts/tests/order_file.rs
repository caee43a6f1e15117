//! The order file says which field is wrong and what it may hold.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, Bytes, U256, address};
use bmn_contracts::{
    Extension, ExtraData, FieldError, LimitOrder, MakerTraits, OrderDomain, OrderFile,
    OrderFileError, OrderSignature, OrderWords, ReadOrder, order_domain,
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
        "secretHashes": [WORD],
        "unknown": "is ignored",
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut file = valid();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    file.pointer_mut(parent).unwrap()[key] = value;
    file
}

fn read(json: Value) -> Result<ReadOrder, FieldError> {
    serde_json::from_value::<OrderFile>(json).unwrap().read()
}

#[test]
fn integers_are_decimal_or_hexadecimal_and_addresses_may_be_words() {
    let file = read(valid()).unwrap();
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
    assert_eq!((file.order_hash, file.secret_hashes.len()), (None, 1));
    let written = OrderWords::write(&expected.words());
    assert_eq!((written.maker_asset.as_str(), written.taking_amount.as_str()), (dirty, "16"));
    assert_eq!(written.maker, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
}

#[test]
fn signatures_are_halves_or_bytes_or_missing() {
    let of = |value| read(with("/signature", value)).unwrap().signature;
    assert_eq!(of(json!("0x0102")), Some(OrderSignature::Contract(Bytes::from(vec![1, 2]))));
    let word = WORD.parse().unwrap();
    let halves = json!({ "r": WORD, "vs": WORD });
    assert_eq!(of(halves), Some(OrderSignature::Compact { r: word, vs: word }));
    assert_eq!(of(Value::Null), None);
}

#[test]
fn wrong_values_name_their_field_and_what_it_takes() {
    for (pointer, value, field) in [
        ("/version", json!(2), "version"),
        ("/srcChainId", json!(1), "srcChainId"),
        ("/order/salt", json!("12a"), "order.salt"),
        ("/order/salt", json!(""), "order.salt"),
        ("/order/salt", json!("0x"), "order.salt"),
        ("/order/salt", json!("1_0"), "order.salt"),
        ("/order/salt", json!("-1"), "order.salt"),
        ("/order/makingAmount", json!(format!("0x1{}", "0".repeat(64))), "order.makingAmount"),
        ("/order/maker", json!(""), "order.maker"),
        ("/order/maker", json!("0x7099"), "order.maker"),
        ("/order/maker", json!("alice"), "order.maker"),
        ("/signature", json!("0102"), "signature"),
        ("/signature/r", json!("0x00"), "signature.r"),
        ("/signature/vs", json!("0x"), "signature.vs"),
        ("/extensionData", json!("0x1"), "extensionData"),
        ("/orderHash", json!("0x12"), "orderHash"),
        ("/hashlock", json!("44".repeat(32)), "hashlock"),
        ("/secretHashes/0", json!("0x1"), "secretHashes[0]"),
        ("/secretHashes", json!(vec![WORD; OrderFile::MOST_SECRETS + 1]), "secretHashes"),
    ] {
        let mut file = valid();
        match file.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => file = with(pointer, value),
        }
        let error = read(file).unwrap_err();
        assert_eq!(error.field, field, "{pointer}");
        assert!(error.to_string().starts_with(&format!("`{field}`: expected ")), "{error}");
    }
}

#[test]
fn missing_fields_are_named() {
    for (pointer, field) in [
        ("/version", "version"),
        ("/order/takingAmount", "takingAmount"),
        ("/extensionData", "extensionData"),
    ] {
        let mut file = valid();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        file.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        let error = serde_json::from_value::<OrderFile>(file).unwrap_err().to_string();
        assert!(error.contains(&format!("missing field `{field}`")), "{error}");
    }
}

#[test]
fn what_repeats_the_order_must_agree_with_it() {
    let file = read(valid()).unwrap();
    let (order_hash, extra) = file.verify(&domain(), Dialect::Bmn4).unwrap();
    assert_eq!(order_hash, file.order.hash(&domain()));

    let made = OrderFile::unsigned(&file.order, &file.extension, &domain(), &extra);
    let repeated = made.read().unwrap();
    assert_eq!(repeated.order_hash, Some(order_hash));
    assert_eq!((repeated.hashlock, repeated.dst_chain_id), (Some(extra.hashlock), Some(10)));
    assert!(repeated.verify(&domain(), Dialect::Bmn4).is_ok());

    type Change = fn(&mut ReadOrder);
    let contradictions: [(&str, Change); 4] = [
        ("chainId", |file| file.chain_id = ChainId(1)),
        ("orderHash", |file| file.order_hash = Some(OrderHash::default())),
        ("hashlock", |file| file.hashlock = Some(Hashlock::default())),
        ("dstChainId", |file| file.dst_chain_id = Some(8453)),
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
    let short = ReadOrder { extension: Bytes::from(vec![0; 5]), ..repeated };
    let error = short.verify(&domain(), Dialect::Bmn4);
    assert!(matches!(error, Err(OrderFileError::Extension(_))));
}
