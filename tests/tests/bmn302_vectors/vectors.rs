//! The recording of `bmn302`, by the names of its parts.

pub(crate) use crate::replay_bed::recording::*;
use alloy::primitives::Address;
use bmn_primitives::Secret;
use serde_json::Value;
use std::{collections::BTreeSet, sync::LazyLock};

const FACTORIES: [&str; 1] = ["bmn302"];

pub(crate) static RECORDING: LazyLock<Recording> =
    LazyLock::new(|| Recording::new(include_str!("../../data/bmn302_replay.json"), &FACTORIES));

/// Every name under `reverts`, `logs` or `facts`.
pub(crate) fn names(kind: &str) -> BTreeSet<&'static str> {
    RECORDING.names(kind)
}

pub(crate) fn logs(scenario: &str) -> Vec<RecordedLog> {
    RECORDING.logs(scenario)
}

/// The secret that a recorded withdrawal published.
pub(crate) fn logged_secret(scenario: &str) -> Secret {
    RECORDING.logged_secret(scenario)
}

pub(crate) fn fact(name: &str) -> &'static Value {
    RECORDING.fact(name)
}

pub(crate) fn sample(name: &str) -> &'static Value {
    RECORDING.at(&["samples", name])
}

/// An address of a deployed contract; `side` is `src` or `dst`.
pub(crate) fn deployed(side: &str, contract: &str) -> Address {
    get(RECORDING.at(&["deployments", FACTORIES[0], side]), contract)
}

/// A list of cases that are not of the factory's: `immutables` or `calldata`.
pub(crate) fn cases(kind: &str) -> &'static [Value] {
    let cases = RECORDING.at(&[kind]).as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}
