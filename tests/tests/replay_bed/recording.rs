//! Reading a recording. A part that is not there fails the test.

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{LimitOrder, MakerTraits, OrderSignature};
use bmn_primitives::{AddressWord, Complement, Hashlock, Immutables, OrderHash, Secret, Timelocks};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Debug, str::FromStr};

/// What the original contracts did.
#[derive(Debug)]
pub(crate) struct Recording {
    value: Value,
    /// The recorded factories that are read together. No name occurs under two of them.
    factories: &'static [&'static str],
}

/// One recorded log.
#[derive(Debug)]
pub(crate) struct RecordedLog {
    pub(crate) event: String,
    pub(crate) address: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
}

impl Recording {
    /// Parses a recording and reads `factories` of it.
    pub(crate) fn new(json: &str, factories: &'static [&'static str]) -> Self {
        Self { value: serde_json::from_str(json).unwrap(), factories }
    }

    fn entry(&self, kind: &str, name: &str) -> &Value {
        let entries = self.factories.iter().map(|factory| &self.value[kind][factory][name]);
        let mut found = entries.filter(|entry| !entry.is_null());
        let entry = found.next().unwrap_or_else(|| panic!("{kind}: no {name:?}"));
        assert!(found.next().is_none(), "{kind}: {name:?} is recorded twice");
        entry
    }

    /// Every name under `reverts`, `logs` or `facts`.
    pub(crate) fn names(&self, kind: &str) -> BTreeSet<&str> {
        let keys = |factory: &&str| self.value[kind][factory].as_object().unwrap().keys();
        let names: Vec<&str> = self.factories.iter().flat_map(keys).map(String::as_str).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(distinct.len(), names.len(), "{kind}: a name is recorded twice");
        distinct
    }

    /// Revert data of a call; `None` when it did not revert.
    pub(crate) fn revert(&self, name: &str) -> Option<Bytes> {
        match self.entry("reverts", name).as_str().unwrap() {
            "NO REVERT" => None,
            data => Some(data.parse().unwrap()),
        }
    }

    pub(crate) fn logs(&self, scenario: &str) -> Vec<RecordedLog> {
        let logs = self.entry("logs", scenario).as_array().unwrap();
        assert!(!logs.is_empty());
        let read = |log| RecordedLog {
            event: get(log, "event"),
            address: get(log, "address"),
            topics: log["topics"].as_array().unwrap().iter().map(parse).collect(),
            data: get(log, "data"),
        };
        logs.iter().map(read).collect()
    }

    /// The secret that a recorded withdrawal published.
    pub(crate) fn logged_secret(&self, scenario: &str) -> Secret {
        let logs = self.logs(scenario);
        let withdrawal = logs.iter().find(|log| log.event == "EscrowWithdrawal").unwrap();
        Secret::new(withdrawal.data[..].try_into().unwrap())
    }

    pub(crate) fn fact(&self, name: &str) -> &Value {
        self.entry("facts", name)
    }

    /// Anything else that the recording holds, by its path.
    pub(crate) fn at(&self, path: &[&str]) -> &Value {
        let value = path.iter().fold(&self.value, |value, key| &value[key]);
        assert!(!value.is_null(), "no {path:?}");
        value
    }
}

pub(crate) fn parse<T: FromStr<Err: Debug>>(value: &Value) -> T {
    match value {
        Value::String(text) => text.parse().unwrap(),
        Value::Number(number) => number.to_string().parse().unwrap(),
        other => panic!("neither text nor number: {other}"),
    }
}

pub(crate) fn get<T: FromStr<Err: Debug>>(value: &Value, key: &str) -> T {
    assert!(!value[key].is_null(), "no {key} in {value}");
    parse(&value[key])
}

fn uint(value: &Value, key: &str) -> U256 {
    get(value, key)
}

fn word(value: &Value, key: &str) -> AddressWord {
    AddressWord(uint(value, key))
}

pub(crate) fn secret(value: &Value) -> Secret {
    get(value, "secret")
}

pub(crate) fn immutables(value: &Value, key: &str) -> Immutables {
    let value = &value[key];
    Immutables {
        order_hash: OrderHash(get(value, "orderHash")),
        hashlock: Hashlock(get(value, "hashlock")),
        maker: word(value, "maker"),
        taker: word(value, "taker"),
        token: word(value, "token"),
        amount: uint(value, "amount"),
        safety_deposit: uint(value, "safetyDeposit"),
        timelocks: Timelocks(uint(value, "timelocks")),
        parameters: get(value, "parameters"),
    }
}

pub(crate) fn complement(value: &Value, key: &str) -> Complement {
    let value = &value[key];
    Complement {
        maker: word(value, "maker"),
        amount: uint(value, "amount"),
        token: word(value, "token"),
        safety_deposit: uint(value, "safetyDeposit"),
        chain_id: uint(value, "chainId"),
        parameters: get(value, "parameters"),
    }
}

pub(crate) fn order(value: &Value) -> LimitOrder {
    let value = &value["order"];
    LimitOrder {
        salt: uint(value, "salt"),
        maker: word(value, "maker"),
        receiver: word(value, "receiver"),
        maker_asset: word(value, "makerAsset"),
        taker_asset: word(value, "takerAsset"),
        making_amount: uint(value, "makingAmount"),
        taking_amount: uint(value, "takingAmount"),
        maker_traits: MakerTraits(uint(value, "makerTraits")),
    }
}

pub(crate) fn signature(value: &Value) -> OrderSignature {
    OrderSignature::Compact { r: get(value, "r"), vs: get(value, "vs") }
}
