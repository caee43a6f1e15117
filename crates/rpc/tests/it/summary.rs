//! Short answers, and the index as it was.

use crate::fixture::{
    A, Fixture, SOURCE, block, event, header, inclusion, lock, order_id, source_leg,
};
use alloy::primitives::{Address, U256};
use bmn_chain::Header;
use bmn_contracts::ContractEvent;
use bmn_primitives::SwapId;
use bmn_store::{SCHEMA_VERSION, Staged};
use bmn_swap::{EscrowEnd, SourceLeg, SourceTerms};
use serde_json::{Value, json};

const DAY: u64 = 86_400;
const RESOLVER: Address = Address::repeat_byte(0x99);
const SECOND: Address = Address::repeat_byte(0x52);
const THIRD: Address = Address::repeat_byte(0x53);

/// A source escrow whose settlement earns so many basis points.
fn another(n: u8, escrow: Address, at: u64, bps: u64) -> SourceLeg {
    let mut leg = source_leg(order_id(A, n), lock([n; 32]));
    (leg.swap, leg.created) = (SwapId { chain: A, escrow }, inclusion(at, 0));
    if let SourceTerms::Stated { complement, .. } = &mut leg.terms {
        complement.safety_deposit = U256::from(bps);
    }
    leg
}

fn create(tx: &mut Staged, leg: &SourceLeg) {
    tx.put_source_leg(leg).unwrap();
    let (immutables, complement) = leg.stated().unwrap();
    let (immutables, complement) = (immutables.clone(), complement.clone());
    let created = ContractEvent::SourceCreated { immutables, complement };
    tx.put_event(&event(A, leg.created, leg.swap.escrow, created)).unwrap();
}

/// On A: 2 creates the second escrow, 3 cancels the first, and 4, two days later, creates the third.
fn go_on(fixture: &Fixture) {
    let mut tx = fixture.store.write().unwrap();
    tx.begin_block(A, &header(2)).unwrap();
    create(&mut tx, &another(0x21, SECOND, 2, 3));
    tx.end_block().unwrap();
    tx.begin_block(A, &header(3)).unwrap();
    let mut first = source_leg(order_id(A, 1), lock(crate::fixture::PUBLIC));
    first.end = Some((EscrowEnd::Cancelled, inclusion(3, 0)));
    tx.put_source_leg(&first).unwrap();
    tx.put_event(&event(A, inclusion(3, 0), SOURCE, ContractEvent::Cancelled)).unwrap();
    tx.end_block().unwrap();
    let later = Header { timestamp: block(4).time + 2 * DAY, ..header(4) };
    tx.begin_block(A, &later).unwrap();
    let mut third = another(0x31, THIRD, 4, 11);
    third.created.block = later.block_ref();
    create(&mut tx, &third);
    tx.end_block().unwrap();
    tx.commit().unwrap();
}

fn grown() -> Fixture {
    let fixture = Fixture::new();
    go_on(&fixture);
    fixture
}

fn of(answer: &Value, field: &str) -> Vec<Value> {
    let items = answer.get("items").unwrap_or(answer).as_array().unwrap();
    items.iter().map(|item| item.pointer(field).cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn versions_are_those_of_node_document_and_database() {
    let fixture = Fixture::new();
    let document = fixture.ok("rpc.discover", json!([])).await;
    let expected = json!({
        "version": "bmn/test", "api": document["info"]["version"], "schema": SCHEMA_VERSION
    });
    assert_eq!(fixture.ok("bmn_version", json!([])).await, expected);
}

#[tokio::test]
async fn the_last_block_is_the_cursors() {
    let fixture = grown();
    let last = fixture.ok("bmn_getLastBlock", json!([1338])).await;
    assert_eq!((&last["head"]["number"], &last["finalized"]["number"]), (&json!(2), &json!(1)));
    let last = fixture.ok("bmn_getLastBlock", json!([1337])).await;
    assert_eq!((&last["head"]["number"], &last["finalized"]), (&json!(4), &Value::Null));
    let (code, told) = fixture.error("bmn_getLastBlock", json!([5])).await;
    assert!(code == -32001 && told.contains("chain 5 is not indexed"), "{code} {told}");
}

#[tokio::test]
async fn the_indexer_tells_every_configured_chain() {
    let fixture = grown();
    let status = fixture.ok("bmn_indexerStatus", json!([])).await;
    assert_eq!(of(&status, "/chain"), [1337, 1338]);
    assert_eq!(of(&status, "/state"), ["live", "live"]);
    assert_eq!(of(&status, "/openBlocks"), [0, 1]);
    for (chain, entry) in [(1337, &status[0]), (1338, &status[1])] {
        let digest = fixture.ok("bmn_getDigest", json!([chain])).await;
        assert_eq!(entry["digest"], digest["digest"]);
    }
}

#[tokio::test]
async fn a_chains_days_add_up() {
    let fixture = grown();
    let sum = fixture.ok("bmn_getChainStatistics", json!([1337])).await;
    let expected = json!({
        "chain": 1337, "firstDay": "1970-01-12", "lastDay": "1970-01-14", "days": 2,
        "created": { "source": 3, "destination": 0 },
        "withdrawn": { "source": 0, "destination": 0 },
        "cancelled": { "source": 1, "destination": 0 },
        "rescued": { "source": 0, "destination": 0 }, "secrets": 0, "successBps": 0,
    });
    assert_eq!(sum, expected);
    let other = fixture.ok("bmn_getChainStatistics", json!([1338])).await;
    let seen = (&other["withdrawn"]["destination"], &other["secrets"], &other["successBps"]);
    assert_eq!(seen, (&json!(1), &json!(1), &Value::Null));
    assert_eq!(fixture.error("bmn_getChainStatistics", json!([5])).await.0, -32001);
}

#[tokio::test]
async fn daily_metrics_have_every_day_up_to_the_newest() {
    let fixture = grown();
    let days = fixture.ok("bmn_getDailyMetrics", json!([])).await;
    let names: Vec<_> = (8..=14).map(|day| json!(format!("1970-01-{day:02}"))).collect();
    assert_eq!(of(&days, "/day"), names);
    assert_eq!(of(&days, "/created/source"), [0, 0, 0, 0, 2, 0, 1]);
    assert_eq!(of(&days, "/created/destination"), [0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(of(&days, "/withdrawn/destination"), [0, 0, 0, 0, 1, 0, 0]);
    let locked = json!([{ "chain": 1337, "token": Address::ZERO, "amount": "198" }]);
    assert_eq!(days[4]["locked"], locked, "99 of each of two");
    let two = fixture.ok("bmn_getDailyMetrics", json!([2])).await;
    assert_eq!(of(&two, "/day"), names[5..]);
    let (code, told) = fixture.error("bmn_getDailyMetrics", json!([91])).await;
    assert!(code == -32602 && told.contains("`days`: expected a whole number, 1 to 90"), "{told}");
}

#[tokio::test]
async fn an_order_is_the_swap_without_its_escrows() {
    let fixture = Fixture::new();
    for n in [1, 2, 3] {
        let id = order_id(A, n).to_string();
        let order = fixture.ok("bmn_getOrder", json!([id])).await;
        let swap = fixture.ok("bmn_getSwap", json!([id])).await;
        let fields = order.as_object().unwrap();
        assert_eq!(fields.len(), 13);
        for (name, value) in fields {
            assert_eq!(*value, swap[name], "{name}");
        }
    }
    assert_eq!(fixture.error("bmn_getOrder", json!([order_id(A, 9).to_string()])).await.0, -32001);
}

#[tokio::test]
async fn orders_are_paged_and_filtered_as_swaps_are() {
    let fixture = Fixture::new();
    for filter in [json!({}), json!({ "status": "accepted" }), json!({ "chain": 1337 })] {
        let swaps = fixture.ok("bmn_getSwaps", json!([filter])).await;
        let (mut ids, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = fixture.ok("bmn_getOrders", json!([filter, cursor, 1])).await;
            ids.extend(of(&page, "/orderId"));
            cursor = page["next"].clone();
            if cursor.is_null() {
                break;
            }
            let params = json!([filter, cursor]);
            assert_eq!(fixture.error("bmn_getSwaps", params).await.0, -32021, "of another method");
        }
        assert_eq!(ids, of(&swaps, "/orderId"), "{filter}");
    }
}

#[tokio::test]
async fn what_earns_most_comes_first() {
    let fixture = grown();
    let ask = |params: Value| fixture.ok("bmn_getProfitableOrders", params);
    let all = ask(json!([RESOLVER])).await;
    assert_eq!(of(&all, "/profit/bps"), [11, 3], "the first one is cancelled");
    assert_eq!(all["complete"], json!(true));
    assert_eq!(of(&ask(json!([RESOLVER, 4])).await, "/source/escrow"), [json!(THIRD)]);
    assert_eq!(of(&ask(json!([RESOLVER, null, 1])).await, "/profit/bps"), [11]);
    assert_eq!(of(&ask(json!([RESOLVER, 12])).await, "/profit/bps"), [0; 0]);
    assert_eq!(of(&ask(json!([SECOND])).await, "/profit/bps"), [0; 0]);
}

#[tokio::test]
async fn queues_are_counted_by_chain() {
    let fixture = Fixture::new();
    let queues = fixture.ok("bmn_queueMetrics", json!([])).await;
    assert_eq!(of(&queues, "/chain"), [1337, 1338]);
    assert_eq!(of(&queues, "/waiting"), [1, 0], "the step acts on A");
    assert_eq!(of(&queues, "/nextHeight"), [Value::Null, json!(5)], "and waits for B");
    let performance = fixture.ok("bmn_performanceMetrics", json!([])).await;
    assert_eq!((&performance["uptime"], &performance["action"]["count"]), (&json!(61), &json!(0)));
}

#[tokio::test]
async fn the_index_is_shown_as_of_a_block() {
    let fixture = grown();
    let as_of = |number: u64| json!({ "chain": 1337, "block": number });
    let sources = |number| fixture.ok("bmn_getSources", json!([null, null, null, as_of(number)]));
    for (number, escrows, states) in [
        (1, vec![SOURCE], vec!["open"]),
        (2, vec![SOURCE, SECOND], vec!["open", "open"]),
        (3, vec![SOURCE, SECOND], vec!["cancelled", "open"]),
        (4, vec![SOURCE, SECOND, THIRD], vec!["cancelled", "open", "open"]),
    ] {
        let page = sources(number).await;
        assert_eq!(of(&page, "/escrow"), escrows.iter().map(|it| json!(it)).collect::<Vec<_>>());
        assert_eq!(of(&page, "/state"), states);
    }
    let pending = json!([RESOLVER, null, null, null, as_of(2)]);
    let pending = fixture.ok("bmn_getPendingOrders", pending).await;
    assert_eq!(of(&pending, "/source/escrow"), [json!(SOURCE), json!(SECOND)]);
    let days = json!([{ "chain": 1337 }, null, null, as_of(3)]);
    assert_eq!(of(&fixture.ok("bmn_getStatistics", days).await, "/created/source"), [2]);
    let open = json!([{ "unmatched": false }, null, null, as_of(1)]);
    let destinations = fixture.ok("bmn_getDestinations", open).await;
    assert_eq!(of(&destinations, "/state"), ["withdrawn"], "another chain is shown as it is");
    assert_eq!(of(&fixture.ok("bmn_getSources", json!([])).await, "/state").len(), 3);
}

#[tokio::test]
async fn pages_as_of_a_block_go_on_in_it_alone() {
    let fixture = grown();
    let (filter, as_of) = (json!({ "chain": 1337 }), json!({ "chain": 1337, "block": 3 }));
    let first = fixture.ok("bmn_getSources", json!([filter, null, 1, as_of])).await;
    let next = &first["next"];
    let second = fixture.ok("bmn_getSources", json!([filter, next, 1, as_of])).await;
    assert_eq!((of(&second, "/escrow"), &second["next"]), (vec![json!(SECOND)], &Value::Null));
    for other in [Value::Null, json!({ "chain": 1337, "block": 4 })] {
        assert_eq!(
            fixture.error("bmn_getSources", json!([filter, next, 1, other])).await.0,
            -32021
        );
    }
}

#[tokio::test]
async fn what_cannot_be_gone_back_to_is_told_with_what_can() {
    let fixture = grown();
    let mut tx = fixture.store.write().unwrap();
    tx.set_finalized(A, block(3)).unwrap();
    tx.commit().unwrap();
    let ask = |chain: u64, block: u64| {
        let as_of = json!({ "chain": chain, "block": block });
        fixture.error("bmn_getSources", json!([null, null, null, as_of]))
    };
    for ((chain, block), says) in [
        ((1337, 2), "as of block 3 or a later one"),
        ((1337, 5), "indexed up to block 4, not 5"),
        ((5, 1), "chain 5 is not indexed"),
    ] {
        let (code, told) = ask(chain, block).await;
        assert!(code == -32001 && told.contains(says), "{code} {told}");
    }
    let wrong = json!([null, null, null, { "chain": 1337 }]);
    let (code, told) = fixture.error("bmn_getSources", wrong).await;
    assert!(code == -32602 && told.contains("`asOf.block`: expected"), "{told}");
}
