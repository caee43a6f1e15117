//! Many subscribers, slow ones among them.

use crate::{
    chain::{Does, next, resume, summary, word},
    fixture::{A, Fixture, ScriptedIntake, View, header},
};
use bmn_rpc::RpcLimits;
use bmn_rpc_api::Notice;
use jsonrpsee::Subscription;
use serde_json::{Value, json};
use std::time::Duration;

fn impatient() -> Fixture {
    let limits = RpcLimits { patience: Duration::ZERO, ..RpcLimits::default() };
    Fixture::with(ScriptedIntake::default(), limits, View(None))
}

/// Eight blocks with a new order each, the last of them block 9.
fn grow(fixture: &Fixture) {
    for number in 2..10 {
        let n = u8::try_from(number).unwrap();
        fixture.extend(&header(number), &[Does::Creates(n)]);
    }
}

/// What is told until the subscriber is let go, and where it is to go on.
async fn until_lagged(subscription: &mut Subscription) -> (Vec<String>, Value) {
    let mut told = Vec::new();
    loop {
        match next(subscription).await.expect("ended without a word") {
            Notice::Lagged { resume_from } => return (told, json!(resume_from.unwrap())),
            notice => told.push(summary(&notice)),
        }
    }
}

#[tokio::test]
async fn whoever_comes_back_after_a_lag_misses_nothing_and_hears_nothing_twice() {
    let fixture = impatient();
    grow(&fixture);
    let every = (2..10).map(|number| format!("open {number} in {number}"));
    let every: Vec<_> = std::iter::once("open 81 in 1".to_owned()).chain(every).collect();
    let (mut told, mut from, mut lags) = (Vec::new(), json!(0), 0);
    while told.len() < every.len() {
        // One place in the buffer, at times taken by the answer to the subscription itself.
        let mut orders = fixture.subscribe(json!(["orders", from, { "chain": A.0 }]), 1).await;
        while told.len() < every.len() {
            match next(&mut orders).await.expect("ended without a word") {
                Notice::Lagged { resume_from } => {
                    from = json!(resume_from.unwrap());
                    lags += 1;
                    assert!(next(&mut orders).await.is_none(), "it was let go");
                    break;
                }
                notice => told.push(summary(&notice)),
            }
        }
    }
    assert_eq!(told, every);
    assert!(lags > 1, "the buffer held everything: this test tests nothing");
}

#[tokio::test]
async fn a_lag_over_several_chains_leaves_a_position_of_each() {
    let fixture = impatient();
    let mut blocks = fixture.subscribe(json!(["blocks"]), 1).await;
    let mut tx = fixture.store.write().unwrap();
    for number in 2..6 {
        tx.begin_block(A, &header(number)).unwrap();
        tx.end_block().unwrap();
    }
    tx.commit().unwrap();
    fixture.announce();
    let (told, from) = until_lagged(&mut blocks).await;
    assert_eq!(from.as_array().map(Vec::len), Some(2));
    let mut blocks = fixture.subscribe(json!(["blocks", from]), 8).await;
    let first = next(&mut blocks).await.unwrap();
    let expected = told.len() + 2;
    assert_eq!(summary(&first), format!("block {expected}..{expected} with 0"));
}

#[tokio::test]
async fn a_thousand_subscribers_are_told_the_same_in_order_and_one_that_never_reads_holds_up_none()
{
    let fixture = impatient();
    let mut stuck = fixture.subscribe(json!(["orders", 0, { "chain": A.0 }]), 1).await;
    let mut crowd = Vec::new();
    for _ in 0..1_000 {
        crowd.push(fixture.subscribe(json!(["orders"]), 16).await);
    }
    grow(&fixture);
    for subscription in &mut crowd {
        for number in 2..10 {
            assert_eq!(word(subscription).await, format!("open {number} in {number}"));
        }
    }
    let (told, _) = until_lagged(&mut stuck).await;
    assert!(told.len() < 9, "{told:?}");
}

#[tokio::test]
async fn subscribers_at_different_places_are_each_told_what_follows_theirs() {
    let fixture = Fixture::new();
    let mut all = fixture.subscribe(json!(["orders", 0, { "chain": A.0 }]), 16).await;
    grow(&fixture);
    let mut resumes = Vec::new();
    for _ in 0..9 {
        resumes.push(resume(&next(&mut all).await.unwrap()));
    }
    for (told, from) in resumes.into_iter().enumerate() {
        let mut one = fixture.subscribe(json!(["orders", from]), 16).await;
        for number in told + 2..10 {
            assert_eq!(word(&mut one).await, format!("open {number} in {number}"));
        }
        fixture.announce();
    }
}
