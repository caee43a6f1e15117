//! Nothing private leaves by a public method: what must not is planted, and every public method is asked.

use crate::{
    access::PUBLIC,
    fixture::{A, B, DESTINATION, Fixture, SOURCE, order, order_id, state},
    rows,
};
use alloy::primitives::{Address, B256, U256};
use bmn_primitives::Hashlock;
use bmn_queue::FailureClass;
use bmn_rpc::{IntakeError, Submitted};
use bmn_store::{Mode, Reservation};
use bmn_swap::{
    Action, ActionKey, CapKind, Decision, Due, Profit, Quote, Quotes, Refusal, SecretKnowledge,
    Status, When,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An amount, price or limit that nothing public has.
const NUMBER: u64 = 86_753_098_675_309;
/// What a host's words name.
const HOST: &str = "https://user:word@relay-8675309.example/KEY";
/// What a price source is called.
const FEED: &str = "feed-8675309";

const PATIENT: bmn_queue::RetryPolicy =
    bmn_queue::RetryPolicy { first: 10, multiplier: 2, ceiling: 100, attempts: None };

/// How each of them could look in an answer.
fn marks() -> Vec<String> {
    vec![
        // The sealed secret of order 3, alone or in other bytes.
        "5e".repeat(16),
        NUMBER.to_string(),
        format!("{NUMBER:x}"),
        "8675309".to_owned(),
        "node.example".to_owned(),
    ]
}

fn private_reasons() -> Vec<Refusal> {
    let (chain, token, from) = (B, Address::ZERO, FEED.to_owned());
    let (number, wide) = (NUMBER, u128::from(NUMBER));
    vec![
        Refusal::Inventory { chain, token, available: U256::from(number), needed: U256::from(99) },
        Refusal::Unprofitable { bps: 1, micros: i128::from(number), min_bps: 8_675_309 },
        Refusal::TooLarge { micros: wide, cap: wide },
        Refusal::TooManyOpen { open: number, limit: number },
        Refusal::StalePrice { chain, token, from, age: 1, max_age: number },
        Refusal::PricesDisagree {
            chain,
            token,
            low: number,
            high: number,
            spread_bps: 1,
            limit_bps: 1,
        },
        Refusal::CapExceeded { kind: CapKind::Maker, used: wide, adding: 1, limit: wide },
        Refusal::NoPart { remaining: U256::ONE, most: U256::from(number), reason: FEED.to_owned() },
        Refusal::TooLittleTime { left: 1, least: number },
        Refusal::OpensLater { opens_at: 1, now: 1, longest: number },
        Refusal::IndexOnly { chain, factory: token, reason: FEED.to_owned() },
    ]
}

/// Order 50 was refused for what is ours; order 3 has a reservation, a job that failed and one given up, both
/// in the words of a host; order 20 has an assessment; prices were stated.
fn plant(fixture: &Fixture) {
    rows::decided(&fixture.store, 20, |routes, policy, _| {
        policy.max_order_value = u128::from(NUMBER);
        routes[0].min_order_value = 1;
    });
    let mut tx = fixture.store.write().unwrap();
    for chain in [A, B] {
        tx.set_mode(chain, Mode::Live).unwrap();
    }
    let refused = order_id(A, 50);
    let decision = Decision::Refused(private_reasons());
    tx.put_order(&order(refused, Hashlock(B256::repeat_byte(50)), decision)).unwrap();
    tx.put_order_state(refused, &state(Status::Refused, SecretKnowledge::Unknown)).unwrap();
    let (order, token) = (order_id(A, 3), Address::ZERO);
    tx.reserve(&Reservation { order, chain: B, token, amount: U256::from(NUMBER) }).unwrap();
    let quote = Quote { micros: NUMBER, at: 1, source: FEED.to_owned() };
    let prices = [((B, token), vec![quote])].into();
    tx.set_quotes(&Quotes { prices, ..Quotes::default() }).unwrap();
    let key = |action, chain| ActionKey { order, action, chain, escrow: Address::ZERO };
    let keys = [key(Action::Fill, A), key(Action::FundDestination, B)];
    let due: Vec<_> = keys.iter().map(|key| Due { key: *key, when: When::Now }).collect();
    bmn_queue::reconcile(&mut tx, order, &due, |_| None).unwrap();
    let words = format!("{HOST} says no: {NUMBER} free");
    let failed = bmn_queue::lease(&mut tx, A, 1, 0).unwrap().unwrap().claim();
    bmn_queue::retry(&mut tx, &failed, FailureClass::Host, &words, PATIENT).unwrap();
    let given_up = bmn_queue::lease(&mut tx, B, 1, 0).unwrap().unwrap().claim();
    bmn_queue::bury(&mut tx, &given_up, FailureClass::Final, &words).unwrap();
    tx.commit().unwrap();
}

fn submitted(decision: Decision) -> Submitted {
    let value = u128::from(NUMBER);
    let profit = Profit {
        source_value: value,
        destination_value: value,
        gas: value,
        deposit: value,
        net: i128::from(NUMBER),
        bps: 5,
    };
    let hashlock = Hashlock(B256::repeat_byte(8));
    Submitted { order: order_id(A, 8), hashlock, decision, profit: Some(profit) }
}

/// Calls of every public method, with every id that means something.
fn calls() -> Vec<(&'static str, Value)> {
    let orders = [order_id(A, 1), order_id(A, 2), order_id(A, 3), order_id(A, 20), order_id(A, 50)];
    let ids: Vec<_> = orders.iter().map(ToString::to_string).collect();
    let mut calls = Vec::new();
    for method in [
        "bmn_getSwap",
        "bmn_getWithdrawPermission",
        "bmn_getRevealedSecret",
        "bmn_getSwapProof",
        "bmn_getOrder",
    ] {
        calls.extend(ids.iter().map(|id| (method, json!([id]))));
        calls.extend([SOURCE, DESTINATION].map(|escrow| (method, json!([escrow]))));
    }
    let lists =
        ["bmn_getSwaps", "bmn_getOrders", "bmn_getEvents", "bmn_getSources", "bmn_getDestinations"];
    for method in lists {
        calls.extend(
            [json!([]), json!([{ "chain": A.0 }]), json!([{ "x": 1 }])].map(|it| (method, it)),
        );
    }
    for taker in [Address::repeat_byte(0x99), Address::ZERO] {
        calls.push(("bmn_getPendingOrders", json!([taker])));
        calls.push(("bmn_getProfitableOrders", json!([taker])));
    }
    calls.extend([
        ("rpc.discover", json!([])),
        ("bmn_status", json!([])),
        ("bmn_health", json!([])),
        ("bmn_getSwaps", json!([{ "minProfitBps": 0 }])),
        ("bmn_getChanges", json!([0, 200])),
        ("bmn_getStatistics", json!([])),
        ("bmn_getDigest", json!([A.0])),
        ("bmn_getDigest", json!([77])),
        ("bmn_version", json!([])),
        ("bmn_getLastBlock", json!([A.0])),
        ("bmn_indexerStatus", json!([])),
        ("bmn_getChainStatistics", json!([B.0])),
        ("bmn_getDailyMetrics", json!([])),
        ("bmn_submitSecret", json!([format!("0x{}", "5e".repeat(32))])),
        ("bmn_submitSecret", json!([format!("0x{}", "5e".repeat(31))])),
        ("bmn_submitOrder", json!([{ "order": "0x" }])),
        ("bmn_subscribe", json!(["swaps", 0])),
        ("bmn_subscribe", json!(["blocks", 1, { "chain": B.0 }])),
        ("bmn_subscribe", json!(["secrets", 1, { "chain": B.0 }])),
        ("bmn_subscribe", json!(["orders", 0, { "chain": A.0 }])),
        ("bmn_unsubscribe", json!(["x"])),
    ]);
    calls
}

fn check(method: &str, answer: &str) {
    for mark in marks() {
        assert!(!answer.to_lowercase().contains(&mark), "{method} tells {mark}: {answer}");
    }
}

/// What a public server answers, and what it tells afterwards where that is a subscription.
async fn ask(fixture: &Fixture, method: &str, params: &Value) -> String {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (answer, mut told) =
        fixture.module.raw_json_request(&request.to_string(), 64).await.unwrap();
    let mut text = answer.get().to_owned();
    if method == "bmn_subscribe" {
        assert!(text.contains("result"), "{params}: {text}");
        let notices = if params[0] == "swaps" { 4 } else { 1 };
        for _ in 0..notices {
            text.push_str(told.recv().await.unwrap().get());
        }
    }
    text
}

#[tokio::test]
async fn no_public_method_tells_what_is_private() {
    let fixture = Fixture::new();
    plant(&fixture);
    let mut asked = BTreeSet::new();
    for (method, params) in calls() {
        let answer = ask(&fixture, method, &params).await;
        check(method, &answer);
        asked.insert(method);
    }
    let scripts = [
        Ok(submitted(Decision::Accepted)),
        Ok(submitted(Decision::Refused(private_reasons()))),
        Err(IntakeError::Unreadable(private_reasons())),
        Err(IntakeError::Unavailable(format!("{HOST} {NUMBER}"))),
        Err(IntakeError::Internal(format!("{HOST} {NUMBER}"))),
    ];
    for script in scripts {
        *fixture.intake.answer.lock().unwrap() = Some(script);
        for (method, params) in [
            ("bmn_submitOrder", json!([crate::submissions::file()])),
            ("bmn_submitSecret", json!([format!("0x{}", "5e".repeat(32))])),
        ] {
            check(method, &ask(&fixture, method, &params).await);
            asked.insert(method);
        }
    }
    let public: BTreeSet<_> = fixture.module.method_names().collect();
    assert_eq!(asked, public, "each public method is asked");
    assert_eq!(public, PUBLIC.into_iter().collect());
}

#[tokio::test]
async fn what_was_planted_is_there_for_the_operator() {
    let fixture = Fixture::new();
    plant(&fixture);
    let mut told = String::new();
    for (method, params) in [
        ("bmn_getJobs", json!([])),
        ("bmn_listDeadLetters", json!([])),
        ("bmn_explainOrder", json!([order_id(A, 20).to_string()])),
    ] {
        let answer = fixture.ok(method, params).await.to_string();
        assert!(answer.contains("8675309"), "{method}: {answer}");
        told.push_str(&answer);
    }
    assert!(told.contains(HOST), "{told}");
}
