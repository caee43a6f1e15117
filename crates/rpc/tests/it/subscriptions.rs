//! The change log, followed.

use crate::{
    chain::next,
    fixture::{A, Fixture, ScriptedIntake, View, order_id, state},
};
use bmn_rpc::RpcLimits;
use bmn_rpc_api::{Notice, SubscribeFrom};
use bmn_swap::{SecretKnowledge, Status};
use serde_json::json;
use std::time::Duration;

impl Fixture {
    /// Moves order 3 on A to `status`.
    fn change(&self, status: Status) {
        let mut tx = self.store.write().unwrap();
        tx.put_order_state(order_id(A, 3), &state(status, SecretKnowledge::Unknown)).unwrap();
        tx.commit().unwrap();
        self.announce();
    }
}

fn sequence(notice: Option<Notice>) -> u64 {
    match notice {
        Some(Notice::Change(change)) => change.sequence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_subscriber_hears_of_new_changes_only() {
    let fixture = Fixture::new();
    let mut subscription = fixture.subscribe(json!(["swaps"]), 8).await;
    fixture.change(Status::SourceLocked);
    let Some(Notice::Change(change)) = next(&mut subscription).await else { panic!() };
    assert_eq!(change.sequence, 5);
    assert_eq!(change.order_id, order_id(A, 3).to_string());
    assert_eq!(change.to.to_string(), "sourceLocked");
}

#[tokio::test]
async fn a_resuming_subscriber_misses_nothing() {
    let fixture = Fixture::new();
    fixture.change(Status::SourceLocked);
    let mut subscription = fixture.subscribe(json!(["swaps", 3]), 8).await;
    for expected in [3, 4, 5] {
        assert_eq!(sequence(next(&mut subscription).await), expected);
    }
    fixture.change(Status::BothLocked);
    assert_eq!(sequence(next(&mut subscription).await), 6);
}

#[tokio::test]
async fn a_subscriber_that_does_not_drain_is_told_where_to_resume_and_let_go() {
    let limits = RpcLimits { patience: Duration::ZERO, ..RpcLimits::default() };
    let fixture = Fixture::with(ScriptedIntake::default(), limits, View(None));
    // One place in the buffer, and four changes to tell.
    let mut subscription = fixture.subscribe(json!(["swaps", 1]), 1).await;
    let mut heard = 0;
    let resume_from = loop {
        match next(&mut subscription).await {
            Some(Notice::Change(change)) => heard = change.sequence,
            Some(Notice::Lagged { resume_from }) => break resume_from,
            Some(other) => panic!("{other:?}"),
            None => panic!("ended without a word"),
        }
    };
    assert!(heard < 4, "the buffer held everything: this test tests nothing");
    assert_eq!(resume_from, Some(SubscribeFrom::Number(heard + 1)));
    assert!(next(&mut subscription).await.is_none());
}

#[tokio::test]
async fn a_subscription_ends_when_the_node_stops() {
    let fixture = Fixture::new();
    let mut subscription = fixture.subscribe(json!(["swaps"]), 8).await;
    let Fixture { committed, .. } = fixture;
    drop(committed);
    assert!(next(&mut subscription).await.is_none());
}

#[tokio::test]
async fn a_filter_narrows_by_the_order_and_by_where_it_comes_to() {
    let fixture = Fixture::new();
    let ours = order_id(A, 3).to_string();
    let mut ends = fixture.subscribe(json!(["swaps", 1, { "status": ["bothLocked"] }]), 8).await;
    let mut one = fixture.subscribe(json!(["swaps", 1, { "order": ours }]), 8).await;
    let mut token = fixture
        .subscribe(json!(["swaps", 1, { "token": format!("0x{}", "11".repeat(20)) }]), 8)
        .await;
    fixture.change(Status::SourceLocked);
    fixture.change(Status::BothLocked);
    assert_eq!(sequence(next(&mut ends).await), 6);
    assert_eq!(sequence(next(&mut one).await), 3);
    assert_eq!(sequence(next(&mut one).await), 5);
    let Fixture { committed, .. } = fixture;
    drop(committed);
    assert!(next(&mut token).await.is_none(), "no order trades it");
}

#[tokio::test]
async fn a_log_goes_on_after_a_restart() {
    let fixture = Fixture::new();
    let mut swaps = fixture.subscribe(json!(["swaps"]), 8).await;
    fixture.change(Status::SourceLocked);
    let heard = sequence(next(&mut swaps).await);
    drop(swaps);
    let fixture = fixture.restarted().await;
    fixture.change(Status::BothLocked);
    let mut swaps = fixture.subscribe(json!(["swaps", heard + 1]), 8).await;
    assert_eq!(sequence(next(&mut swaps).await), 6);
}
