//! Readers that come back: they miss nothing and are told about reorgs.

use crate::fixture::{A, B, Fixture, block, event, header, inclusion, order_id, state};
use alloy::primitives::{Address, B256};
use bmn_chain::Header;
use bmn_contracts::ContractEvent;
use bmn_primitives::BlockRef;
use bmn_swap::{Inclusion, SecretKnowledge, Status};
use serde_json::{Value, json};

/// Another block at the same height.
fn fork(number: u64) -> Header {
    let hash = |number| B256::repeat_byte(0xf0 + u8::try_from(number).unwrap());
    let parent_hash = if number == 2 { header(2).parent_hash } else { hash(number - 1) };
    Header { hash: hash(number), parent_hash, ..header(number) }
}

/// A block of A with so many cancellations of orders.
fn extend(fixture: &Fixture, header: &Header, cancelled: &[u8]) -> BlockRef {
    let at = header.block_ref();
    let mut tx = fixture.store.write().unwrap();
    tx.begin_block(A, header).unwrap();
    for (log, n) in cancelled.iter().enumerate() {
        let order_hash = order_id(A, *n).hash;
        let at = Inclusion { block: at, ..inclusion(1, u32::try_from(log).unwrap()) };
        let mut row = event(A, at, Address::ZERO, ContractEvent::OrderCancelled { order_hash });
        row.escrow = None;
        tx.put_event(&row).unwrap();
    }
    tx.end_block().unwrap();
    tx.commit().unwrap();
    at
}

fn revert(fixture: &Fixture, blocks: &[BlockRef]) {
    let mut tx = fixture.store.write().unwrap();
    for block in blocks {
        tx.revert_block(A, *block).unwrap();
    }
    tx.commit().unwrap();
}

fn orders(page: &Value) -> Vec<u8> {
    let hash = |item: &Value| {
        let hash: B256 = serde_json::from_value(item["fields"]["orderHash"].clone()).ok()?;
        Some(hash[0])
    };
    page["items"].as_array().unwrap().iter().filter_map(hash).collect()
}

#[tokio::test]
async fn a_reader_of_events_goes_on_where_it_stopped_whatever_came_since() {
    let fixture = Fixture::new();
    let filter = json!({ "chain": 1337, "event": "OrderCancelled" });
    let mut page = fixture.ok("bmn_getEvents", json!([filter])).await;
    assert_eq!((orders(&page), &page["next"]), (vec![], &Value::Null));
    let mut seen = Vec::new();
    for (number, cancelled) in [(2, vec![1, 2, 3]), (3, vec![]), (4, vec![4])] {
        extend(&fixture, &header(number), &cancelled);
        // Two at a time: `next` leads to the end, `resume` beyond it.
        loop {
            let from = if page["next"].is_null() { &page["resume"] } else { &page["next"] };
            page = fixture.ok("bmn_getEvents", json!([filter, from, 2])).await;
            seen.extend(orders(&page));
            if page["next"].is_null() {
                break;
            }
        }
    }
    assert_eq!(seen, [1, 2, 3, 4]);
    let every_chain = fixture.ok("bmn_getEvents", json!([{}])).await;
    assert_eq!(every_chain["resume"], Value::Null, "places of several chains have no one end");
    let other = json!([{ "chain": 1337 }, page["resume"]]);
    assert_eq!(fixture.error("bmn_getEvents", other).await.0, -32021);
}

#[tokio::test]
async fn a_reader_whose_block_was_replaced_is_told_how_far_to_go_back() {
    let fixture = Fixture::new();
    let mut tx = fixture.store.write().unwrap();
    tx.set_finalized(A, block(1)).unwrap();
    tx.commit().unwrap();
    let filter = json!({ "chain": 1337, "event": "OrderCancelled" });
    let two = extend(&fixture, &header(2), &[2]);
    let three = extend(&fixture, &header(3), &[3]);
    let page = fixture.ok("bmn_getEvents", json!([filter])).await;
    assert_eq!(orders(&page), [2, 3]);
    let resume = page["resume"].clone();

    // Gone without a substitute, replaced by a block with an event, by one without.
    revert(&fixture, &[three]);
    let told = async || {
        let answer = fixture.raw("bmn_getEvents", json!([filter, resume])).await;
        assert_eq!(answer["error"]["code"], -32026, "{answer}");
        assert_eq!(answer["error"]["data"], json!({ "chain": 1337, "number": 3, "resumeFrom": 2 }));
    };
    told().await;
    revert(&fixture, &[two]);
    let other_two = extend(&fixture, &fork(2), &[5]);
    let other_three = extend(&fixture, &fork(3), &[6]);
    told().await;
    // What has become final since then changes nothing: the reader had not read that chain.
    let mut tx = fixture.store.write().unwrap();
    tx.set_finalized(A, other_two).unwrap();
    tx.commit().unwrap();
    told().await;

    let again = json!({ "chain": 1337, "event": "OrderCancelled", "fromBlock": 2 });
    let page = fixture.ok("bmn_getEvents", json!([again])).await;
    assert_eq!(orders(&page), [5, 6]);
    revert(&fixture, &[other_three]);
    extend(&fixture, &Header { hash: B256::repeat_byte(9), ..fork(3) }, &[]);
    told().await;
    let answer = fixture.raw("bmn_getEvents", json!([again, page["resume"]])).await;
    assert_eq!(answer["error"]["data"]["resumeFrom"], 3, "block 2 was final when it was read");
}

#[tokio::test]
async fn a_reorg_above_the_place_of_a_reader_is_none_of_its_business() {
    let fixture = Fixture::new();
    let filter = json!({ "chain": 1337, "event": "OrderCancelled" });
    extend(&fixture, &header(2), &[2]);
    let empty = extend(&fixture, &header(3), &[]);
    let page = fixture.ok("bmn_getEvents", json!([filter])).await;
    revert(&fixture, &[empty]);
    let parent_hash = header(3).parent_hash;
    extend(&fixture, &Header { parent_hash, ..fork(3) }, &[7]);
    let page = fixture.ok("bmn_getEvents", json!([filter, page["resume"]])).await;
    assert_eq!(orders(&page), [7]);
}

#[tokio::test]
async fn a_page_of_escrows_is_not_continued_across_a_reorg() {
    let fixture = Fixture::new();
    let page = fixture.ok("bmn_getDestinations", json!([{}, null, 1])).await;
    assert_eq!(page["next"], Value::Null);
    let page = fixture.ok("bmn_getEvents", json!([{}, null, 1])).await;
    let next = page["next"].clone();
    revert(&fixture, &[block(1)]);
    let answer = fixture.raw("bmn_getEvents", json!([{}, next])).await;
    assert_eq!(answer["error"]["code"], -32026, "{answer}");
    assert_eq!(answer["error"]["data"], json!({ "chain": 1337, "number": 1, "resumeFrom": 0 }));
}

#[tokio::test]
async fn the_change_log_has_no_gap_and_a_reorg_is_a_line_of_its_own() {
    let fixture = Fixture::new();
    let id = order_id(B, 3);
    let read = async |from: u64| fixture.ok("bmn_getChanges", json!([from, 2])).await;
    let mut seen: Vec<(u64, String)> = Vec::new();
    let mut next = 5;
    for status in [Status::SourceLocked, Status::Accepted, Status::SourceLocked, Status::BothLocked]
    {
        let mut tx = fixture.store.write().unwrap();
        tx.put_order_state(id, &state(status, SecretKnowledge::Unknown)).unwrap();
        tx.commit().unwrap();
        // A reader that comes by only now and then.
        if status == Status::Accepted {
            continue;
        }
        loop {
            let lines = read(next).await;
            let lines = lines.as_array().unwrap().clone();
            let Some(last) = lines.last() else { break };
            next = last["sequence"].as_u64().unwrap() + 1;
            for line in &lines {
                let (from, to) = (line["from"].as_str().unwrap(), line["to"].as_str().unwrap());
                seen.push((line["sequence"].as_u64().unwrap(), format!("{from}>{to}")));
            }
        }
    }
    let lines = [
        "accepted>sourceLocked",
        "sourceLocked>accepted",
        "accepted>sourceLocked",
        "sourceLocked>bothLocked",
    ];
    let expected: Vec<_> =
        (5..).zip(lines).map(|(number, line)| (number, line.to_owned())).collect();
    assert_eq!(seen, expected);
}
