//! Methods that read.

use crate::fixture::{A, B, DESTINATION, Fixture, PUBLIC, SECRET, SOURCE, View, lock, order_id};
use alloy::primitives::{B256, U256, hex};
use bmn_rpc_api::Swap;
use serde_json::{Value, json};

#[tokio::test]
async fn the_status_counts_orders_and_jobs_and_shows_each_chain() {
    let status = Fixture::new().ok("bmn_status", json!([])).await;
    assert_eq!(status["version"], "bmn/test");
    assert_eq!((&status["uptime"], &status["acting"]), (&json!(61), &json!(true)));
    assert_eq!(status["orders"], json!({ "destinationPaid": 1, "refused": 1, "accepted": 2 }));
    assert_eq!(status["jobs"], json!({ "waiting": 1 }));
    assert_eq!(status["sequence"], 4);
    let [a, b] = status["chains"].as_array().unwrap().as_slice() else { panic!("{status}") };
    assert_eq!((&a["head"]["number"], &a["finalized"]), (&json!(1), &Value::Null));
    assert_eq!((&b["head"]["number"], &b["finalized"]["number"]), (&json!(2), &json!(1)));
    assert_eq!(b["factories"][0]["dialect"], "bmn4");
}

#[tokio::test]
async fn a_halted_node_says_why() {
    let halted = View(Some("index of chain 1337 is damaged".to_owned()));
    let fixture = Fixture::with(Default::default(), Default::default(), halted);
    let status = fixture.ok("bmn_status", json!([])).await;
    assert_eq!(status["acting"], false);
    assert_eq!(status["notActingBecause"], "index of chain 1337 is damaged");
}

#[tokio::test]
async fn every_form_of_id_names_the_same_order() {
    let fixture = Fixture::new();
    let id = order_id(A, 1).to_string();
    for key in [
        id.clone(),
        format!("{A}:{SOURCE}"),
        format!("{B}:{DESTINATION}"),
        SOURCE.to_string(),
        DESTINATION.to_string(),
        B256::repeat_byte(1).to_string(),
        lock(PUBLIC).to_string(),
    ] {
        let swap = fixture.ok("bmn_getSwap", json!([key])).await;
        assert_eq!(swap["orderId"], id, "{key}");
    }
}

#[tokio::test]
async fn a_swap_shows_both_legs_the_plan_and_the_public_secret() {
    let fixture = Fixture::new();
    let json = fixture.ok("bmn_getSwap", json!({ "id": SOURCE })).await;
    let swap: Swap = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&swap).unwrap(), json, "the client's types lose nothing");
    assert_eq!(json["status"], "destinationPaid");
    assert_eq!(json["terminal"], false);
    assert_eq!(json["terms"]["sourceAmount"], U256::MAX.to_string());
    assert_eq!(
        json["source"]["windows"]["withdraw"],
        json!({ "start": 1_000_000, "end": 1_000_600 })
    );
    assert_eq!(json["source"]["windows"]["cancel"], json!({ "start": 1_000_600, "end": null }));
    assert_eq!(json["destination"]["end"]["kind"], "withdrawn");
    assert_eq!(json["destination"]["end"]["secret"], hex::encode_prefixed(PUBLIC));
    assert_eq!(
        json["planned"]["immutables"]["taker"],
        format!("0x{}{}", "00".repeat(12), "99".repeat(20))
    );
    assert_eq!(json["secret"], "public");
    assert_eq!(json["jobs"][0]["action"], "withdrawSource");
    assert_eq!(json["jobs"][0]["wakes"], json!([{ "kind": "height", "chain": 1338, "number": 5 }]));
    let refused = fixture.ok("bmn_getSwap", json!([B256::repeat_byte(2)])).await;
    assert_eq!((&refused["decision"], &refused["terminal"]), (&json!("refused"), &json!(true)));
    assert_eq!(
        refused["refusals"][1],
        json!({ "code": "zeroAmount", "message": "takingAmount is zero" })
    );
}

#[tokio::test]
async fn unknown_ambiguous_and_malformed_ids_have_their_own_codes() {
    let fixture = Fixture::new();
    for unknown in [B256::repeat_byte(9).to_string(), order_id(A, 9).to_string()] {
        assert_eq!(fixture.error("bmn_getSwap", json!([unknown])).await.0, -32001);
    }
    let (code, text) = fixture.error("bmn_getSwap", json!([B256::repeat_byte(3)])).await;
    assert_eq!(code, -32025);
    let [on_a, on_b] = [A, B].map(|chain| order_id(chain, 3).to_string());
    assert!(text.contains(&on_a) && text.contains(&on_b), "{text}");
    for malformed in [json!(["12"]), json!(["0x12"]), json!(["1:2:3"]), json!([5]), json!([])] {
        let (code, text) = fixture.error("bmn_getSwap", malformed.clone()).await;
        assert_eq!(code, -32602, "{malformed}");
        assert!(malformed == json!([]) || text.contains("`id`: expected an order id"), "{text}");
    }
}

async fn listed(fixture: &Fixture, filter: Value) -> Vec<String> {
    let page = fixture.ok("bmn_getSwaps", json!([filter])).await;
    assert_eq!(page["next"], Value::Null);
    let items = page["items"].as_array().unwrap();
    items.iter().map(|swap| swap["orderId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_narrow_alone_and_together() {
    let fixture = Fixture::new();
    let ids = |orders: &[(_, u8)]| -> Vec<String> {
        orders.iter().map(|(chain, n)| order_id(*chain, *n).to_string()).collect()
    };
    assert_eq!(listed(&fixture, Value::Null).await, ids(&[(A, 1), (A, 2), (A, 3), (B, 3)]));
    assert_eq!(listed(&fixture, json!({ "status": "accepted" })).await, ids(&[(A, 3), (B, 3)]));
    let maker = "0x1111111111111111111111111111111111111111";
    let refused = json!({ "maker": maker, "status": "refused" });
    assert_eq!(listed(&fixture, refused).await, ids(&[(A, 2)]));
    assert_eq!(listed(&fixture, json!({ "hashlock": lock(SECRET) })).await, ids(&[(A, 3)]));
    let same = json!({ "orderHash": B256::repeat_byte(3) });
    assert_eq!(listed(&fixture, same).await, ids(&[(A, 3), (B, 3)]));
    assert_eq!(listed(&fixture, json!({ "chain": 5 })).await, ids(&[]));
    let (code, text) = fixture.error("bmn_getSwaps", json!([{ "maker": "0x1" }])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("`maker`: expected an address"), "{text}");
    let (_, text) = fixture.error("bmn_getSwaps", json!([{ "makr": 1 }])).await;
    assert!(text.contains("`filter`: expected no fields but chain, escrow"), "{text}");
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap_and_end_with_null() {
    let fixture = Fixture::new();
    for (method, total) in [("bmn_getSwaps", 4), ("bmn_getEvents", 3), ("bmn_getJobs", 1)] {
        let whole = fixture.ok(method, json!([{}, null, 200])).await;
        assert_eq!(whole["items"].as_array().unwrap().len(), total, "{method}");
        let (mut cursor, mut joined) = (Value::Null, Vec::new());
        for _ in 0..total + 1 {
            let page = fixture.ok(method, json!([{}, cursor, 1])).await;
            joined.extend(page["items"].as_array().unwrap().clone());
            cursor = page["next"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert!(cursor.is_null(), "{method} never ends");
        assert_eq!(Value::Array(joined), whole["items"], "{method}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_method_filter_or_maker_is_refused() {
    let fixture = Fixture::new();
    let page = fixture.ok("bmn_getSwaps", json!([{}, null, 1])).await;
    let good = page["next"].as_str().unwrap().to_owned();
    let mut altered = good.clone();
    altered.replace_range(..1, if good.starts_with('0') { "1" } else { "0" });
    for (method, filter, cursor) in [
        ("bmn_getSwaps", json!({ "status": "refused" }), good.as_str()),
        ("bmn_getEvents", json!({}), good.as_str()),
        ("bmn_getJobs", json!({}), good.as_str()),
        ("bmn_getSwaps", json!({}), altered.as_str()),
        ("bmn_getSwaps", json!({}), "nonsense"),
    ] {
        assert_eq!(fixture.error(method, json!([filter, cursor])).await.0, -32021, "{method}");
    }
}

#[tokio::test]
async fn limits_outside_their_range_are_refused() {
    let fixture = Fixture::new();
    for method in ["bmn_getSwaps", "bmn_getEvents", "bmn_getJobs"] {
        for limit in [json!(0), json!(201), json!(-1), json!("5"), json!(1e300)] {
            let (code, text) = fixture.error(method, json!([{}, null, limit])).await;
            assert_eq!(code, -32602);
            assert!(text.contains("`limit`: expected a whole number, 1 to 200"), "{text}");
        }
    }
}

#[tokio::test]
async fn events_are_filtered_by_chain_block_escrow_and_name() {
    let fixture = Fixture::new();
    let mut counts = Vec::new();
    for filter in [
        json!({ "chain": 1337 }),
        json!({ "chain": 1338, "fromBlock": 2 }),
        json!({ "toBlock": 1 }),
        json!({ "address": DESTINATION }),
        json!({ "event": "EscrowWithdrawal" }),
        json!({ "address": SOURCE, "event": "EscrowWithdrawal" }),
        json!({ "address": "0x4242424242424242424242424242424242424242" }),
    ] {
        let page = fixture.ok("bmn_getEvents", json!([filter])).await;
        counts.push(page["items"].as_array().unwrap().len());
    }
    assert_eq!(counts, [1, 1, 2, 2, 1, 0, 0]);
    let created = fixture.ok("bmn_getEvents", json!([{ "chain": 1337 }])).await;
    let created = &created["items"][0];
    assert_eq!(created["event"], "SrcEscrowCreated");
    assert_eq!(created["fields"]["srcImmutables"]["amount"], "99");
    assert_eq!(created["units"]["srcImmutables.safetyDeposit"], "wei");
    let backwards = json!([{ "fromBlock": 2, "toBlock": 1 }]);
    let (code, text) = fixture.error("bmn_getEvents", backwards).await;
    assert_eq!(code, -32602);
    assert!(text.contains("`toBlock`"), "{text}");
}

#[tokio::test]
async fn the_permission_comes_with_everything_the_maker_needs() {
    let fixture = Fixture::new();
    let permission = fixture.ok("bmn_getWithdrawPermission", json!([DESTINATION])).await;
    assert_eq!(permission["action"], "DST_PUBLIC_WITHDRAW");
    assert_eq!(permission["chainId"], 1338);
    assert_eq!(permission["signature"], format!("0x{}", "1b".repeat(65)));
    assert_eq!(permission["validFrom"], 1_000_120);
    assert_eq!(permission["validUntil"], 1_000_500);
    assert_eq!(permission["immutables"]["amount"], "99");
    let not_yet = json!([order_id(A, 3).to_string()]);
    assert_eq!(fixture.error("bmn_getWithdrawPermission", not_yet).await.0, -32022);
    let never = json!([B256::repeat_byte(2)]);
    assert_eq!(fixture.error("bmn_getWithdrawPermission", never).await.0, -32023);
}

#[tokio::test]
async fn jobs_are_filtered_by_state_chain_and_order() {
    let fixture = Fixture::new();
    for (filter, found) in [
        (json!({ "state": "waiting" }), 1),
        (json!({ "state": "dead" }), 0),
        (json!({ "chain": 1337, "order": order_id(A, 1).to_string() }), 1),
        (json!({ "order": order_id(A, 2).to_string() }), 0),
    ] {
        let page = fixture.ok("bmn_getJobs", json!([filter])).await;
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{filter}");
    }
    let (code, text) = fixture.error("bmn_getJobs", json!([{ "order": "12" }])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("`order`: expected an order id"), "{text}");
}

#[tokio::test]
async fn changes_are_numbered_from_one() {
    let fixture = Fixture::new();
    let changes = fixture.ok("bmn_getChanges", json!([2, 2])).await;
    let numbers: Vec<_> = changes.as_array().unwrap().iter().map(|c| &c["sequence"]).collect();
    assert_eq!(numbers, [2, 3]);
    assert_eq!(changes[0]["from"], Value::Null);
    assert_eq!(
        (&changes[0]["to"], &changes[0]["heads"][1]["chain"]),
        (&json!("refused"), &json!(1338))
    );
    assert_eq!(fixture.ok("bmn_getChanges", json!([99])).await, json!([]));
    assert_eq!(fixture.error("bmn_getChanges", json!([-1])).await.0, -32602);
}

#[tokio::test]
async fn no_answer_holds_a_sealed_secret() {
    let fixture = Fixture::new();
    let sealed = hex::encode(SECRET);
    let ids = [order_id(A, 3).to_string(), lock(SECRET).to_string()];
    let mut answers = Vec::new();
    for method in ["bmn_status", "bmn_getSwaps", "bmn_getEvents", "bmn_getJobs"] {
        answers.push(fixture.raw(method, json!([])).await);
    }
    answers.push(fixture.raw("bmn_getChanges", json!([0])).await);
    for id in ids {
        answers.push(fixture.raw("bmn_getSwap", json!([id])).await);
        answers.push(fixture.raw("bmn_getWithdrawPermission", json!([id])).await);
    }
    answers.push(fixture.raw("bmn_submitSecret", json!([format!("0x{sealed}")])).await);
    answers.push(fixture.raw("bmn_submitSecret", json!([format!("0x{sealed}00")])).await);
    answers.push(fixture.raw("bmn_getSwap", json!([format!("0x{sealed}")])).await);
    for answer in &answers {
        assert!(!answer.to_string().contains(&sealed), "{answer}");
    }
    assert!(answers.iter().any(|answer| answer.to_string().contains(&hex::encode(PUBLIC))));
}
