//! The change log, followed.

use crate::fixture::{A, Fixture, ScriptedIntake, View, order_id, state};
use bmn_rpc::RpcLimits;
use bmn_rpc_api::SwapNotice;
use bmn_swap::{SecretKnowledge, Status};
use jsonrpsee::Subscription;
use serde_json::json;
use std::time::Duration;

impl Fixture {
    /// Moves order 3 on A to `status` and announces it, as the node does after a commit.
    fn change(&self, status: Status) {
        let mut tx = self.store.write().unwrap();
        let change =
            tx.put_order_state(order_id(A, 3), &state(status, SecretKnowledge::Unknown)).unwrap();
        tx.commit().unwrap();
        self.committed.send(change.unwrap().seq).unwrap();
    }

    async fn subscribe(&self, params: serde_json::Value, buffer: usize) -> Subscription {
        let params = serde_json::value::to_raw_value(&params).unwrap();
        let raw = self.module.subscribe("bmn_subscribe", Params(params), buffer).await;
        raw.unwrap()
    }
}

struct Params(Box<serde_json::value::RawValue>);

impl jsonrpsee::core::traits::ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<serde_json::value::RawValue>>, serde_json::Error> {
        Ok(Some(self.0))
    }
}

async fn next(subscription: &mut Subscription) -> Option<SwapNotice> {
    let notice = subscription.next::<SwapNotice>().await?;
    Some(notice.unwrap().0)
}

fn sequence(notice: Option<SwapNotice>) -> u64 {
    match notice {
        Some(SwapNotice::Change(change)) => change.sequence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_subscriber_hears_of_new_changes_only() {
    let fixture = Fixture::new();
    let mut subscription = fixture.subscribe(json!(["swaps"]), 8).await;
    fixture.change(Status::SourceLocked);
    let Some(SwapNotice::Change(change)) = next(&mut subscription).await else { panic!() };
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
            Some(SwapNotice::Change(change)) => heard = change.sequence,
            Some(SwapNotice::Lagged { resume_from }) => break resume_from,
            None => panic!("ended without a word"),
        }
    };
    assert!(heard < 4, "the buffer held everything: this test tests nothing");
    assert_eq!(resume_from, heard + 1);
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
async fn an_unknown_kind_is_refused_by_name() {
    let fixture = Fixture::new();
    let (code, text) = fixture.error("bmn_subscribe", json!(["blocks"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("`kind`: expected \\\"swaps\\\""), "{text}");
}
