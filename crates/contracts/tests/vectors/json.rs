//! Reading the vectors. A case that is not there fails the test.

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{LimitOrder, MakerTraits, OrderFile, ReadOrder};
use bmn_primitives::{
    AddressWord, Complement, Dialect, Hashlock, Immutables, OrderHash, Timelocks,
};
use serde_json::Value;
use std::{fmt::Debug, str::FromStr, sync::LazyLock};

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("vectors.json")).unwrap());

/// The dialects that were run.
pub(crate) const DIALECTS: [Dialect; 5] =
    [Dialect::Bmn23, Dialect::Bmn302, Dialect::Bmn4, Dialect::OneInch1, Dialect::OneInch2];

/// Those whose orders were recorded.
pub(crate) const BMN: [Dialect; 3] = [Dialect::Bmn23, Dialect::Bmn302, Dialect::Bmn4];

pub(crate) fn section(key: &str) -> &'static Value {
    let section = &VECTORS[key];
    assert!(!section.is_null(), "no section {key}");
    section
}

/// The cases of a list, of which there must be at least one.
pub(crate) fn cases(list: &Value) -> &[Value] {
    let cases = list.as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{key} of {case}"))
}

/// A string or an integer, parsed.
pub(crate) fn get<T: FromStr<Err: Debug>>(case: &Value, key: &str) -> T {
    match &case[key] {
        Value::String(text) => text.parse().unwrap(),
        Value::Number(number) => number.to_string().parse().unwrap(),
        other => panic!("{key}: {other} in {case}"),
    }
}

pub(crate) fn uint(case: &Value, key: &str) -> U256 {
    get(case, key)
}

pub(crate) fn hash(case: &Value, key: &str) -> B256 {
    get(case, key)
}

pub(crate) fn address(case: &Value, key: &str) -> Address {
    get(case, key)
}

pub(crate) fn bytes(case: &Value, key: &str) -> Bytes {
    get(case, key)
}

/// Empty where the dialect has none.
fn parameters(case: &Value) -> Bytes {
    if case.get("parameters").is_some() { bytes(case, "parameters") } else { Bytes::new() }
}

fn word(case: &Value, key: &str) -> AddressWord {
    AddressWord(uint(case, key))
}

/// A recorded order file, and what it says.
pub(crate) fn order_file(value: &Value) -> (OrderFile, ReadOrder) {
    let file: OrderFile = serde_json::from_value(value.clone()).unwrap();
    let read = file.read().unwrap();
    (file, read)
}

pub(crate) fn immutables(case: &Value) -> Immutables {
    Immutables {
        order_hash: OrderHash(hash(case, "orderHash")),
        hashlock: Hashlock(hash(case, "hashlock")),
        maker: word(case, "maker"),
        taker: word(case, "taker"),
        token: word(case, "token"),
        amount: uint(case, "amount"),
        safety_deposit: uint(case, "safetyDeposit"),
        timelocks: Timelocks(uint(case, "timelocks")),
        parameters: parameters(case),
    }
}

pub(crate) fn complement(case: &Value) -> Complement {
    Complement {
        maker: word(case, "maker"),
        amount: uint(case, "amount"),
        token: word(case, "token"),
        safety_deposit: uint(case, "safetyDeposit"),
        chain_id: uint(case, "chainId"),
        parameters: parameters(case),
    }
}

pub(crate) fn order(case: &Value) -> LimitOrder {
    LimitOrder {
        salt: uint(case, "salt"),
        maker: word(case, "maker"),
        receiver: word(case, "receiver"),
        maker_asset: word(case, "makerAsset"),
        taker_asset: word(case, "takerAsset"),
        making_amount: uint(case, "makingAmount"),
        taking_amount: uint(case, "takingAmount"),
        maker_traits: MakerTraits(uint(case, "makerTraits")),
    }
}
