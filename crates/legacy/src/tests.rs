//! The formats of the older resolver, from sample files in which every hash fits unless it is meant not to.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use crate::{Collection, Kind, LegacyError, LegacyStatus, LegacySwap, MOST_BYTES};
use alloy::primitives::{Address, B256, U256, address, b256};
use bmn_contracts::{OrderDomain, order_domain};
use bmn_primitives::{ChainId, Dialect, Hashlock};
use proptest::prelude::*;
use std::{collections::BTreeMap, fs, path::Path};

/// A live swap in the present form of files, one to be filled, one that is over.
const LIVE: B256 = b256!("0277b22e08247e8cd4608743d5204839e3e082c5cf6dab3a0ca856335c94dd7e");
const OVER: B256 = b256!("224bcb933cf3982777c96adbb6b617aecf102fc098a3a97ae50d2f935c9961d1");

/// The limit-order protocols of the samples: two of a test bed, and the one on Base.
fn domains() -> Vec<OrderDomain> {
    [
        address!("Dc64a140Aa3E981100a9becA4E685f962f0cF6C9"),
        address!("e767105dcfB3034a346578afd2aFD8e583171489"),
    ]
    .map(|lop| order_domain(Dialect::Bmn4, ChainId(8453), lop))
    .to_vec()
}

fn samples() -> Vec<(String, Vec<u8>)> {
    fn walk(directory: &Path, into: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else {
                into.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples")), &mut found);
    found.sort();
    found
}

fn collected() -> Collection {
    let mut all = Collection::new(domains());
    for (name, bytes) in samples() {
        all.read(&name, &bytes).unwrap();
    }
    all
}

fn sample(part: &str) -> (String, serde_json::Value) {
    let (name, bytes) = samples().into_iter().find(|(name, _)| name.contains(part)).unwrap();
    (name, serde_json::from_slice(&bytes).unwrap())
}

fn of(all: &Collection, lock: B256) -> &LegacySwap {
    all.swaps().find(|swap| swap.hashlock == Hashlock(lock)).unwrap()
}

#[test]
fn every_format_is_recognised_and_becomes_one_record_a_hashlock() {
    let all = collected();
    let kinds: BTreeMap<_, _> = all.kinds().iter().map(|(kind, n)| (kind.name(), *n)).collect();
    let expected = [
        ("calldata", 1),
        ("destination", 2),
        ("fill", 3),
        ("order", 4),
        ("secret", 2),
        ("state", 2),
        ("status", 2),
        ("withdrawal", 2),
    ];
    assert_eq!(kinds, expected.into());
    let statuses: Vec<_> =
        all.swaps().map(|swap| swap.status.get().map(|status| status.name())).collect();
    assert_eq!(statuses.len(), 5);
    assert_eq!(statuses.iter().filter(|it| **it == Some("completed")).count(), 2);
}

#[test]
fn a_swap_of_the_present_form_has_every_value_and_the_file_it_came_from() {
    let all = collected();
    let live = of(&all, LIVE);
    assert_eq!(live.status.get(), Some(&LegacyStatus::DestinationFunded));
    assert_eq!((live.source_chain.get(), live.destination_chain.get()), (Some(&8453), Some(&10)));
    assert_eq!(
        live.order_hash.get().unwrap().0,
        b256!("7bb2d3b742129832301ba2ad3ecae3444478733ec99adf1dca99406988a7fa51")
    );
    assert!(live.secret.get().unwrap().opens(Hashlock(LIVE)));
    assert_eq!(
        live.source_escrow.get(),
        Some(&address!("BB63Cda16F12C75c1AA0b1819140FA1eB5917017"))
    );
    let terms = live.destination_terms.get().unwrap();
    assert_eq!(terms.amount, U256::from(2_000_000_000_000_000_000_u64));
    assert_eq!(live.problems, [], "the same order in two places is no contradiction");
    assert!(live.duplicates > 3, "{}", live.duplicates);
    for (file, part) in [
        (live.secret.file(), "/secrets/"),
        (live.fill_tx.file(), "/fills/"),
        (live.destination_escrow.file(), "/escrows/dst/"),
        (live.order.file(), "/old/"),
    ] {
        assert!(all.file(file.unwrap()).contains(part), "{}", all.file(file.unwrap()));
    }
}

#[test]
fn the_three_forms_of_orders_are_hashed_again_and_their_signatures_are_the_makers() {
    let all = collected();
    let orders: Vec<_> = all.swaps().filter_map(|swap| swap.order.get()).collect();
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|order| order.contract.is_some()), "each in a domain of its own");
    // The first form has no header of offsets, and no order hash.
    let over = of(&all, OVER);
    assert_eq!(over.order.get().unwrap().extension.len(), 212);
    assert_eq!(
        over.order_hash.get().unwrap().0,
        b256!("9dba1be249eba25080ae360d5b5960e527507d2af7f31b8533b6be71ab6e10c1")
    );
    assert_eq!(over.status.get(), Some(&LegacyStatus::Completed));
}

#[test]
fn a_secret_that_does_not_open_and_a_contradiction_are_named_with_their_files() {
    let all = collected();
    let found: Vec<_> = all
        .swaps()
        .flat_map(|swap| &swap.problems)
        .map(|it| (it.field, it.other.is_none_or(|other| all.file(other).contains("fills-old"))))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&("secret", true)) && found.contains(&("fillTxHash", true)));
    let swap =
        all.swaps().find(|swap| swap.problems.iter().any(|it| it.field == "secret")).unwrap();
    assert!(swap.secret.get().is_none(), "it is not used");
    let told = format!("{:?}", swap.problems);
    assert!(!told.contains(&"77".repeat(8)), "and not shown: {told}");
}

#[test]
fn secrets_of_a_state_file_find_their_orders() {
    let all = collected();
    let of_state: Vec<_> = all.swaps().filter(|it| it.source_chain.get() == Some(&1337)).collect();
    assert_eq!(of_state.len(), 2);
    assert!(of_state.iter().all(|swap| swap.secret.get().is_some()));
    let over =
        of_state.iter().find(|it| it.status.get() == Some(&LegacyStatus::Completed)).unwrap();
    let actual = Address::left_padding_from(&[0xe3]);
    assert_eq!(over.destination_escrow.get(), Some(&actual), "what was created counts");
}

#[test]
fn reading_the_same_files_twice_changes_no_value() {
    let mut twice = collected();
    for (name, bytes) in samples() {
        twice.read(&name, &bytes).unwrap();
    }
    for (a, b) in collected().swaps().zip(twice.swaps()) {
        assert_eq!(a.order.get(), b.order.get());
        assert_eq!((a.status.get(), a.fill_tx.get()), (b.status.get(), b.fill_tx.get()));
        assert_eq!((&a.order_hash, &a.destination_terms), (&b.order_hash, &b.destination_terms));
    }
}

/// What is said when one field of a sample is changed.
fn error_of(part: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let (name, mut value) = sample(part);
    change(&mut value);
    let bytes = serde_json::to_vec(&value).unwrap();
    let error = Collection::new(domains()).read(&name, &bytes).unwrap_err().to_string();
    assert!(error.contains(&name), "{error}");
    error
}

#[test]
fn an_error_names_the_file_the_field_and_the_accepted_form() {
    let set = |at: &'static str, to: serde_json::Value| {
        move |value: &mut serde_json::Value| *value.pointer_mut(at).unwrap() = to
    };
    for (part, at, to, says) in [
        ("orders/pending", "/order/salt", "x1".into(), "`order.salt`"),
        ("orders/pending", "/signature", 7.into(), "`signature`: expected {r, vs}"),
        ("orders/pending", "/extensionData", "0x12".into(), "`extensionData`"),
        ("orders/pending", "/chainId", "base".into(), "`chainId`: expected a number"),
        ("fills/0x02", "/hashlock", "0x1234".into(), "`hashlock`: expected 0x followed by 64"),
        ("escrows/dst/0x02", "/immutables/amount", (-1).into(), "`immutables.amount`"),
        ("status.json", "/state", "DONE".into(), "`state`: expected ORDER_CREATED"),
        ("resolver-state", "/orders/1/1/status", "GONE".into(), "`orders[1].status`"),
        ("resolver-state", "/orders/0", 5.into(), "`orders[0]`: expected [id, value]"),
        ("alice-state", "/secrets/0/1", "0xabcd".into(), "`secrets[0]`"),
        ("secrets/0x02", "/secret", "0xabcdef".into(), "`secret`: expected 0x followed by 64"),
    ] {
        let error = error_of(part, set(at, to));
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("abcd"), "the text of a secret is not shown: {error}");
    }
}

#[test]
fn databases_and_other_files_are_refused_with_what_to_do() {
    let mut all = Collection::new(domains());
    let mut refused = |bytes: &[u8]| all.read("data/kv/swaps.db", bytes).unwrap_err();
    let kv = refused(b"SQLite format 3\0....");
    assert!(kv.to_string().contains("JSON file of its own"), "{kv}");
    assert!(matches!(refused(b"{\"orders\": [["), LegacyError::Json { .. }));
    assert!(matches!(refused(b"{\"a\": 1}"), LegacyError::Unknown { .. }));
    assert!(matches!(refused(b"[]"), LegacyError::Unknown { .. }));
    assert!(matches!(refused(&vec![b' '; MOST_BYTES + 1]), LegacyError::TooLarge { .. }));
}

#[test]
fn an_order_whose_extension_has_another_hashlock_is_left_out() {
    let (name, mut value) = sample("orders/pending");
    value["hashlock"] = serde_json::json!(B256::repeat_byte(1));
    let mut all = Collection::new(domains());
    assert_eq!(all.read(&name, &serde_json::to_vec(&value).unwrap()), Ok(Kind::Order));
    let swap = all.swaps().next().unwrap();
    assert!(swap.order.get().is_none() && swap.order_hash.get().is_none());
    assert_eq!(swap.problems[0].field, "hashlock");
}

#[test]
fn a_signature_of_somebody_else_is_named() {
    let (name, mut value) = sample("orders/pending");
    value["order"]["makingAmount"] = "5".into();
    let mut all = Collection::new(domains());
    all.read(&name, &serde_json::to_vec(&value).unwrap()).unwrap();
    assert_eq!(all.swaps().next().unwrap().problems[0].field, "orderHash");
    value["orderHash"] = serde_json::Value::Null;
    let mut all = Collection::new(domains());
    all.read(&name, &serde_json::to_vec(&value).unwrap()).unwrap();
    assert_eq!(all.swaps().next().unwrap().problems[0].field, "signature");
}

proptest! {
    /// Cut short or changed anywhere, a file is read or refused, never more.
    #[test]
    fn a_damaged_file_never_panics(which in 0..18usize, at in 0..4_000usize, byte: u8, cut: bool) {
        let (name, mut bytes) = samples().swap_remove(which);
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let read = Collection::new(domains()).read(&name, &bytes);
        prop_assert!(!cut || at + 1 >= bytes.len() || read.is_err());
    }
}
