//! Methods over the whole index.

use crate::fixture::{
    A, B, DESTINATION, Fixture, PUBLIC, SECRET, SOURCE, View, destination_leg, event, header,
    inclusion, lock, order_id, source_leg,
};
use alloy::primitives::{Address, B256, U256, hex};
use bmn_contracts::ContractEvent;
use bmn_primitives::{Hashlock, SwapId};
use bmn_rpc_api::{IndexDigest, IndexedDestination, IndexedSource, PendingOrder};
use bmn_swap::SourceTerms;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const STRANGER: Address = Address::repeat_byte(0x52);
const UNMATCHED: Address = Address::repeat_byte(0xd2);
const TAKER: Address = Address::repeat_byte(0x99);

/// Two more blocks on A: a stranger's source escrow of a token nobody knows, and a destination
/// escrow that no source escrow answers to.
fn strangers(fixture: &Fixture) {
    let mut tx = fixture.store.write().unwrap();
    tx.begin_block(A, &header(2)).unwrap();
    let mut leg = source_leg(order_id(A, 7), Hashlock(B256::repeat_byte(0x70)));
    leg.swap = SwapId { chain: A, escrow: STRANGER };
    leg.created = inclusion(2, 0);
    let SourceTerms::Stated { mut immutables, complement } = leg.terms else { panic!() };
    immutables.token = Address::repeat_byte(0xbb).into();
    immutables.amount = U256::from(500);
    let terms = (immutables.clone(), complement.clone());
    leg.terms = SourceTerms::Stated { immutables: terms.0, complement: terms.1 };
    tx.put_source_leg(&leg).unwrap();
    let created = ContractEvent::SourceCreated { immutables, complement };
    tx.put_event(&event(A, leg.created, STRANGER, created)).unwrap();
    tx.end_block().unwrap();
    tx.begin_block(A, &header(3)).unwrap();
    let mut leg = destination_leg(Hashlock(B256::repeat_byte(0x71)));
    (leg.chain, leg.escrow, leg.created) = (A, UNMATCHED, inclusion(3, 4));
    tx.put_destination_leg(&leg).unwrap();
    let (escrow, hashlock, taker) = (leg.escrow, leg.hashlock, leg.taker.into());
    let created = ContractEvent::DestinationCreated { escrow, hashlock, taker };
    tx.put_event(&event(A, leg.created, UNMATCHED, created)).unwrap();
    tx.end_block().unwrap();
    tx.commit().unwrap();
}

fn with_strangers() -> Fixture {
    let fixture = Fixture::new();
    strangers(&fixture);
    fixture
}

async fn escrows(fixture: &Fixture, method: &str, params: Value) -> Vec<Address> {
    let page = fixture.ok(method, params).await;
    assert_eq!(page["next"], Value::Null);
    let items = page["items"].as_array().unwrap();
    let escrow = |item: &Value| {
        let found = item.get("escrow").unwrap_or(&item["source"]["escrow"]);
        serde_json::from_value(found.clone()).unwrap()
    };
    items.iter().map(escrow).collect()
}

fn survives<T: Serialize + DeserializeOwned>(json: &Value) -> T {
    let typed: T = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), *json, "the client's types lose nothing");
    typed
}

#[tokio::test]
async fn source_escrows_are_found_by_each_field_strangers_included() {
    let fixture = with_strangers();
    let maker = Address::repeat_byte(0x12);
    for (filter, found) in [
        (json!({}), vec![SOURCE, STRANGER]),
        (json!({ "chain": 1337 }), vec![SOURCE, STRANGER]),
        (json!({ "chain": 1338 }), vec![]),
        (json!({ "escrow": STRANGER }), vec![STRANGER]),
        (json!({ "escrow": UNMATCHED }), vec![]),
        (json!({ "orderHash": B256::repeat_byte(1) }), vec![SOURCE]),
        (json!({ "hashlock": B256::repeat_byte(0x70) }), vec![STRANGER]),
        (json!({ "maker": maker }), vec![SOURCE, STRANGER]),
        (json!({ "maker": maker, "token": Address::ZERO }), vec![SOURCE]),
        (json!({ "taker": TAKER, "state": "open" }), vec![SOURCE, STRANGER]),
        (json!({ "taker": TAKER, "state": ["withdrawn", "rescued"] }), vec![]),
        (json!({ "token": Address::repeat_byte(0xbb) }), vec![STRANGER]),
        (json!({ "fromBlock": 2 }), vec![STRANGER]),
        (json!({ "fromBlock": 1, "toBlock": 1 }), vec![SOURCE]),
    ] {
        assert_eq!(escrows(&fixture, "bmn_getSources", json!([filter])).await, found, "{filter}");
    }
    let page = fixture.ok("bmn_getSources", json!([])).await;
    let ours: IndexedSource = survives(&page["items"][0]);
    assert_eq!(ours.order_id, Some(order_id(A, 1).to_string()));
    assert_eq!(ours.swap_id, format!("{A}:{SOURCE:#x}"));
    let theirs: IndexedSource = survives(&page["items"][1]);
    assert_eq!((theirs.order_id, theirs.amount.unwrap().0), (None, U256::from(500)));
    assert_eq!(theirs.windows.unwrap().withdraw.start, 1_000_000);
}

#[tokio::test]
async fn destination_escrows_tell_whether_a_source_answers() {
    let fixture = with_strangers();
    for (filter, found) in [
        (json!({}), vec![UNMATCHED, DESTINATION]),
        (json!({ "unmatched": true }), vec![UNMATCHED]),
        (json!({ "unmatched": false }), vec![DESTINATION]),
        (json!({ "hashlock": lock(PUBLIC) }), vec![DESTINATION]),
        (json!({ "taker": TAKER, "state": "withdrawn" }), vec![DESTINATION]),
        (json!({ "taker": SOURCE }), vec![]),
        (json!({ "escrow": UNMATCHED, "chain": 1338 }), vec![]),
    ] {
        let escrows = escrows(&fixture, "bmn_getDestinations", json!([filter])).await;
        assert_eq!(escrows, found, "{filter}");
    }
    let page = fixture.ok("bmn_getDestinations", json!([])).await;
    let theirs: IndexedDestination = survives(&page["items"][0]);
    assert!(theirs.unmatched && theirs.order_id.is_none());
    let ours: IndexedDestination = survives(&page["items"][1]);
    assert_eq!(ours.order_id, Some(order_id(A, 1).to_string()));
    assert_eq!(ours.end.unwrap().secret, Some(PUBLIC.into()));
}

#[tokio::test]
async fn pending_orders_of_a_resolver_come_with_what_they_earn() {
    let fixture = with_strangers();
    let method = "bmn_getPendingOrders";
    assert_eq!(escrows(&fixture, method, json!([TAKER])).await, [SOURCE, STRANGER]);
    assert_eq!(escrows(&fixture, method, json!([SOURCE])).await, Vec::<Address>::new());
    let earning = |bps: i64| json!([TAKER, { "minProfitBps": bps }]);
    assert_eq!(escrows(&fixture, method, earning(7)).await, [SOURCE]);
    assert_eq!(escrows(&fixture, method, earning(8)).await, Vec::<Address>::new());
    let other = json!([TAKER, { "chain": 1338 }]);
    assert_eq!(escrows(&fixture, method, other).await, Vec::<Address>::new());
    let page = fixture.ok(method, json!([TAKER])).await;
    let ours: PendingOrder = survives(&page["items"][0]);
    assert_eq!((ours.profit.unwrap().bps, ours.source.windows.unwrap().cancel.end), (7, None));
    let theirs: PendingOrder = survives(&page["items"][1]);
    assert_eq!(theirs.profit, None);
    let first = fixture.ok(method, json!([TAKER, {}, null, 1])).await;
    let other = json!([SOURCE, {}, first["next"]]);
    assert_eq!(fixture.error(method, other).await.0, -32021, "the resolver is part of the filter");
    let (code, text) = fixture.error(method, json!(["0x12"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("`resolver`: expected an address"), "{text}");
}

#[tokio::test]
async fn a_revealed_secret_is_found_by_every_id_and_a_sealed_one_never() {
    let fixture = with_strangers();
    for id in [
        lock(PUBLIC).to_string(),
        B256::repeat_byte(1).to_string(),
        order_id(A, 1).to_string(),
        format!("{A}:{SOURCE}"),
        format!("{B}:{DESTINATION}"),
        SOURCE.to_string(),
        DESTINATION.to_string(),
    ] {
        let found = fixture.ok("bmn_getRevealedSecret", json!([id])).await;
        assert_eq!(found.as_array().unwrap().len(), 1, "{id}");
        assert_eq!(found[0]["secret"], hex::encode_prefixed(PUBLIC), "{id}");
        let reveals = found[0]["reveals"].as_array().unwrap();
        assert_eq!(reveals.len(), 1);
        assert_eq!(reveals[0]["side"], "destination");
        assert_eq!(
            (&reveals[0]["chain"], &reveals[0]["at"]["logIndex"]),
            (&json!(1338), &json!(1))
        );
    }
    for id in [lock(SECRET).to_string(), order_id(A, 3).to_string(), STRANGER.to_string()] {
        let found = fixture.ok("bmn_getRevealedSecret", json!([id])).await;
        assert_eq!((&found[0]["secret"], &found[0]["reveals"]), (&Value::Null, &json!([])), "{id}");
    }
    // The same order hash on both chains, with a hashlock each.
    let both = fixture.ok("bmn_getRevealedSecret", json!([B256::repeat_byte(3)])).await;
    let locks: Vec<_> = both.as_array().unwrap().iter().map(|entry| &entry["hashlock"]).collect();
    assert_eq!(locks, [&json!(lock(SECRET)), &json!(B256::repeat_byte(4))]);
    let unknown = json!([B256::repeat_byte(0x55)]);
    assert_eq!(fixture.error("bmn_getRevealedSecret", unknown).await.0, -32001);
    let (code, text) = fixture.error("bmn_getRevealedSecret", json!(["abc"])).await;
    assert!(code == -32602 && text.contains("`id`: expected"), "{text}");
}

#[tokio::test]
async fn statistics_are_kept_by_chain_and_day() {
    let fixture = with_strangers();
    let page = fixture.ok("bmn_getStatistics", json!([])).await;
    let [a, b] = page["items"].as_array().unwrap().as_slice() else { panic!("{page}") };
    assert_eq!((&a["chain"], &a["day"]), (&json!(1337), &json!("1970-01-12")));
    assert_eq!(a["created"], json!({ "source": 2, "destination": 1 }));
    let native = json!({ "token": Address::ZERO, "amount": "99" });
    let unknown = json!({ "token": Address::repeat_byte(0xbb), "amount": "500" });
    assert_eq!(a["locked"], json!([native, unknown]));
    assert_eq!(a["promised"], json!([{ "token": Address::ZERO, "amount": "198" }]));
    assert_eq!(
        (&b["withdrawn"], &b["secrets"]),
        (&json!({ "source": 0, "destination": 1 }), &json!(1))
    );
    assert_eq!(b["moreTokens"], false);

    let first = fixture.ok("bmn_getStatistics", json!([{}, null, 1])).await;
    assert_eq!(first["items"], json!([a]));
    let second = fixture.ok("bmn_getStatistics", json!([{}, first["next"], 1])).await;
    assert_eq!((&second["items"], &second["next"]), (&json!([b]), &Value::Null));

    let of = json!([{ "chain": 1337, "token": Address::repeat_byte(0xbb) }]);
    let of_token = fixture.ok("bmn_getStatistics", of).await;
    assert_eq!(of_token["items"][0]["locked"], json!([unknown]));
    assert_eq!(of_token["items"][0]["promised"], json!([]));
    for (filter, days) in [
        (json!({ "fromDay": "1970-01-12", "toDay": "1970-01-12" }), 2),
        (json!({ "fromDay": "1970-01-13" }), 0),
        (json!({ "toDay": "1970-01-11" }), 0),
        (json!({ "chain": 5 }), 0),
    ] {
        let page = fixture.ok("bmn_getStatistics", json!([filter])).await;
        assert_eq!(page["items"].as_array().unwrap().len(), days, "{filter}");
    }
    for (filter, says) in [
        (json!({ "fromDay": "12.1.1970" }), "`fromDay`: expected a day, YYYY-MM-DD"),
        (
            json!({ "fromDay": "2026-01-02", "toDay": "2026-01-01" }),
            "`toDay`: expected a day not before",
        ),
    ] {
        let (code, text) = fixture.error("bmn_getStatistics", json!([filter])).await;
        assert!(code == -32602 && text.contains(says), "{text}");
    }
}

#[tokio::test]
async fn two_nodes_have_the_same_digest_at_each_block_until_their_chains_differ() {
    let (one, two) = (with_strangers(), Fixture::new());
    let digest = async |fixture: &Fixture, params: Value| -> IndexDigest {
        survives(&fixture.ok("bmn_getDigest", params).await)
    };
    let tip = digest(&one, json!([1337])).await;
    assert_eq!((tip.number, tip.block.unwrap().number), (3, 3));
    let first = digest(&one, json!([1337, 1])).await;
    assert_eq!(first, digest(&two, json!([1337])).await);
    assert_ne!(first.digest, tip.digest);
    assert_eq!(digest(&one, json!([1337, 0])).await.digest, B256::ZERO);
    strangers(&two);
    assert_eq!(digest(&two, json!([1337, 3])).await, tip);
    for (params, says) in [
        (json!([1337, 4]), "chain 1337 is indexed up to block 3, not 4"),
        (json!([5]), "chain 5 is not indexed"),
    ] {
        let (code, text) = one.error("bmn_getDigest", params).await;
        assert!(code == -32001 && text.contains(says), "{text}");
    }
    let (code, text) = one.error("bmn_getDigest", json!(["0x1"])).await;
    assert!(code == -32602 && text.contains("`chain`: expected a chain id"), "{text}");
}

#[tokio::test]
async fn pages_join_and_their_cursors_belong_to_them() {
    let fixture = with_strangers();
    for method in ["bmn_getSources", "bmn_getDestinations"] {
        let whole = fixture.ok(method, json!([])).await;
        let first = fixture.ok(method, json!([{}, null, 1])).await;
        let (mut joined, mut next) = (first["items"].as_array().unwrap().clone(), &first["next"]);
        let mut page;
        while !next.is_null() {
            page = fixture.ok(method, json!([{}, next, 1])).await;
            assert!(page["items"].as_array().unwrap().len() <= 1);
            joined.extend(page["items"].as_array().unwrap().clone());
            assert!(joined.len() <= 2, "{method} never ends");
            next = &page["next"];
        }
        assert_eq!(Value::Array(joined), whole["items"]);
        let (code, _) = fixture.error(method, json!([{ "taker": TAKER }, first["next"]])).await;
        assert_eq!(code, -32021, "another filter");
        let other =
            if method.ends_with("Sources") { "bmn_getDestinations" } else { "bmn_getSources" };
        assert_eq!(fixture.error(other, json!([{}, first["next"]])).await.0, -32021);
        for (filter, says) in [
            (json!({ "fromBlock": 5, "toBlock": 4 }), "`toBlock`: expected"),
            (json!({ "state": "gone" }), "`state`: expected one of open"),
            (json!({ "takr": TAKER }), "`filter`: expected no fields but chain, escrow"),
        ] {
            let (code, text) = fixture.error(method, json!([filter])).await;
            assert!(code == -32602 && text.contains(says), "{text}");
        }
        let (code, text) = fixture.error(method, json!([{}, null, 201])).await;
        assert!(code == -32602 && text.contains("`limit`: expected"), "{text}");
    }
}

#[tokio::test]
async fn orders_are_found_by_taker_token_escrow_block_and_resolver() {
    let fixture = with_strangers();
    let first = order_id(A, 1).to_string();
    let [on_a, on_b] = [A, B].map(|chain| order_id(chain, 3).to_string());
    let both = [on_a.clone(), on_b.clone()];
    for (filter, found) in [
        (json!({ "taker": TAKER }), vec![first.clone()]),
        (json!({ "taker": SOURCE }), vec![]),
        (json!({ "escrow": SOURCE }), vec![first.clone()]),
        (json!({ "escrow": DESTINATION, "status": "destinationPaid" }), vec![first.clone()]),
        (json!({ "escrow": STRANGER }), vec![]),
        (json!({ "token": Address::repeat_byte(0xbb) }), vec![]),
        (json!({ "fromBlock": 1, "toBlock": 1 }), vec![first.clone()]),
        (json!({ "fromBlock": 2 }), vec![]),
        (json!({ "status": ["accepted", "completed"] }), both.to_vec()),
        (
            json!({ "status": ["accepted", "destinationPaid"], "chain": 1338, "hashlock": lock(SECRET) }),
            vec![on_a.clone()],
        ),
        (json!({ "openFor": TAKER }), vec![first.clone(), on_a.clone(), on_b.clone()]),
        (json!({ "openFor": TAKER, "status": ["accepted", "refused"] }), both.to_vec()),
        (json!({ "openFor": SOURCE }), vec![]),
        (json!({ "openFor": TAKER, "minProfitBps": 7 }), vec![first.clone(), on_a, on_b]),
        (json!({ "minProfitBps": 8 }), vec![]),
    ] {
        let page = fixture.ok("bmn_getSwaps", json!([filter])).await;
        assert_eq!(page["next"], Value::Null);
        let items = page["items"].as_array().unwrap();
        let ids: Vec<_> = items.iter().map(|swap| swap["orderId"].as_str().unwrap()).collect();
        assert_eq!(ids, found, "{filter}");
    }
    let token = json!({ "token": Address::repeat_byte(0xa1) });
    let page = fixture.ok("bmn_getSwaps", json!([token, null, 3])).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let (code, text) =
        fixture.error("bmn_getSwaps", json!([{ "toBlock": 1, "fromBlock": 2 }])).await;
    assert!(code == -32602 && text.contains("`toBlock`: expected"), "{text}");
}

#[tokio::test]
async fn no_answer_over_the_index_holds_a_sealed_secret() {
    let fixture = Fixture::with(Default::default(), Default::default(), View(None));
    let sealed = hex::encode(SECRET);
    let mut answers = Vec::new();
    for (method, params) in [
        ("bmn_getSources", json!([])),
        ("bmn_getDestinations", json!([])),
        ("bmn_getPendingOrders", json!([TAKER])),
        ("bmn_getRevealedSecret", json!([lock(SECRET)])),
        ("bmn_getRevealedSecret", json!([order_id(A, 3).to_string()])),
        ("bmn_getRevealedSecret", json!([format!("0x{sealed}")])),
        ("bmn_getSources", json!([{ "hashlock": sealed }])),
        ("bmn_getStatistics", json!([])),
        ("bmn_getDigest", json!([1337])),
    ] {
        answers.push(fixture.raw(method, params).await);
    }
    for answer in &answers {
        assert!(!answer.to_string().contains(&sealed), "{answer}");
    }
}
