//! What was taken out of the index is refused by name, never left out in silence.

use crate::fixture::{B, DESTINATION, Fixture, block, destination_leg, event, header, inclusion};
use alloy::primitives::{Address, B256};
use bmn_contracts::ContractEvent;
use bmn_primitives::Hashlock;
use bmn_store::{PruneBudget, prune_index};
use bmn_swap::{DestinationLeg, EscrowEnd};
use serde_json::{Value, json};

const OTHER: Address = Address::repeat_byte(0xd7);

/// A stranger's escrow on chain B: created in block 3, cancelled in block 4, final with block 5.
fn with_one_over() -> Fixture {
    let fixture = Fixture::new();
    let mut tx = fixture.store.write().unwrap();
    let lock = Hashlock(B256::repeat_byte(0x70));
    let leg = DestinationLeg {
        escrow: OTHER,
        created: inclusion(3, 0),
        taker: Address::repeat_byte(0x70),
        ..destination_leg(lock)
    };
    tx.begin_block(B, &header(3)).unwrap();
    tx.put_destination_leg(&leg).unwrap();
    let taker = leg.taker.into();
    let created = ContractEvent::DestinationCreated { escrow: OTHER, hashlock: lock, taker };
    tx.put_event(&event(B, leg.created, OTHER, created)).unwrap();
    tx.end_block().unwrap();
    tx.begin_block(B, &header(4)).unwrap();
    let at = inclusion(4, 0);
    tx.put_destination_leg(&DestinationLeg { end: Some((EscrowEnd::Cancelled, at)), ..leg })
        .unwrap();
    tx.put_event(&event(B, at, OTHER, ContractEvent::Cancelled)).unwrap();
    tx.end_block().unwrap();
    tx.begin_block(B, &header(5)).unwrap();
    tx.end_block().unwrap();
    tx.set_finalized(B, block(5)).unwrap();
    tx.commit().unwrap();
    fixture
}

#[tokio::test]
async fn below_the_floor_nothing_is_answered_as_if_it_were_all() {
    let fixture = with_one_over();
    let of_b = json!({ "chain": B.0 });
    let first = fixture.ok("bmn_getEvents", json!([of_b, null, 1])).await;
    let since = json!({ "chain": B.0, "fromBlock": 1 });
    let read = fixture.ok("bmn_getEvents", json!([since])).await;
    let whole = fixture.ok("bmn_getEvents", json!([of_b])).await;
    assert_eq!(whole["items"].as_array().unwrap().len(), 4);
    let digest = fixture.ok("bmn_getDigest", json!([B.0, 4])).await;
    let kept = |status: &Value| [0, 1].map(|chain: usize| status[chain]["keptFrom"].clone());
    let status = fixture.ok("bmn_indexerStatus", json!([])).await;
    assert_eq!(kept(&status), [Value::Null, Value::Null]);

    let done = prune_index(&fixture.store, 0, &PruneBudget::default(), &|| false).unwrap();
    assert_eq!((done.escrows, done.events), (1, 2), "our own order still needs its escrow");
    let status = fixture.ok("bmn_indexerStatus", json!([])).await;
    assert_eq!(kept(&status), [Value::Null, json!(5)]);
    assert_eq!(fixture.ok("bmn_getDigest", json!([B.0, 4])).await, digest);
    for (method, params) in [
        ("bmn_getDigest", json!([B.0, 3])),
        ("bmn_getEvents", json!([{ "chain": B.0, "fromBlock": 4 }])),
        ("bmn_getEvents", json!([{ "chain": B.0, "toBlock": 4 }])),
        ("bmn_getEvents", json!([of_b, first["next"]])),
        ("bmn_getEvents", json!([{ "chain": B.0, "address": OTHER }])),
    ] {
        let (code, text) = fixture.error(method, params.clone()).await;
        assert_eq!(code, -32001, "{method} {params}: {text}");
        assert!(text.contains("is not kept down to block"), "{text}");
        assert!(text.contains("ask from block"), "{text}");
    }
    let count = async |filter: Value, from: Value| {
        let page = fixture.ok("bmn_getEvents", json!([filter, from])).await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count(of_b.clone(), Value::Null).await, 0);
    assert_eq!(count(json!({ "chain": B.0, "fromBlock": 5 }), Value::Null).await, 0);
    assert_eq!(count(of_b, whole["resume"].clone()).await, 0, "who has read all goes on");
    assert_eq!(count(since, read["resume"].clone()).await, 0, "and so does who began lower");
    let later = json!({ "chain": B.0, "address": OTHER, "fromBlock": 5 });
    assert_eq!(count(later, Value::Null).await, 0, "it logged nothing since");
    let ours = json!({ "chain": B.0, "address": DESTINATION });
    assert_eq!(count(ours, Value::Null).await, 2);
}
