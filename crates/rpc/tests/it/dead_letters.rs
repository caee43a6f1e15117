//! Steps that were given up, and what the operator does about them.

use crate::{
    fixture::{A, B, Fixture, order_id},
    rows,
};
use alloy::primitives::Address;
use bmn_store::{Mode, RebuildReason};
use bmn_swap::Action;
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn ask(module: &RpcModule<()>, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (answer, _) = module.raw_json_request(&request.to_string(), 1).await.unwrap();
    serde_json::from_str(answer.get()).unwrap()
}

#[tokio::test]
async fn a_dead_letter_says_why_when_and_what_happened_before() {
    let fixture = Fixture::new();
    let order = rows::bury_fill(3, &fixture.store);
    let page = fixture.ok("bmn_listDeadLetters", json!([])).await;
    assert_eq!(page["next"], Value::Null);
    let [letter] = &page["items"].as_array().unwrap()[..] else { panic!("{page}") };
    assert_eq!(letter["orderId"], order);
    assert_eq!((&letter["action"], &letter["chain"]), (&json!("fill"), &json!(1337)));
    assert_eq!(letter["escrow"], Value::Null);
    assert_eq!(letter["reason"], "the token does not move");
    assert_eq!((&letter["class"], &letter["attempts"]), (&json!("final"), &json!(1)));
    assert_eq!((&letter["at"]["number"], &letter["deadline"]), (&json!(1), &json!(1_000_053)));
    assert_eq!(letter["failures"][0]["error"], "the token does not move");
}

#[tokio::test]
async fn dead_letters_come_page_by_page_and_by_filter() {
    let fixture = Fixture::new();
    for n in 10..15 {
        let destination = (Action::FundDestination, B, Address::ZERO);
        rows::bury(&fixture.store, n, &[(Action::Fill, A, Address::ZERO), destination]);
    }
    let (mut cursor, mut seen) = (Value::Null, Vec::new());
    loop {
        let page = fixture.ok("bmn_listDeadLetters", json!([{ "chain": 1338 }, cursor, 2])).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.iter().all(|letter| letter["chain"] == 1338) && items.len() <= 2);
        seen.extend(items.iter().map(|letter| letter["orderId"].as_str().unwrap().to_owned()));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!((seen.len(), seen.is_sorted()), (5, true));
    let of_one = json!([{ "order": order_id(A, 12).to_string() }]);
    let page = fixture.ok("bmn_listDeadLetters", of_one).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let (code, text) = fixture.error("bmn_listDeadLetters", json!([{ "order": "x" }])).await;
    assert!(code == -32602 && text.contains("`order`"), "{text}");
    let first = fixture.ok("bmn_listDeadLetters", json!([{ "chain": 1338 }, null, 2])).await;
    let elsewhere = json!([{ "chain": 1337 }, first["next"], 2]);
    assert_eq!(fixture.error("bmn_listDeadLetters", elsewhere).await.0, -32021);
}

#[tokio::test]
async fn what_changes_the_node_is_in_no_public_module() {
    let fixture = Fixture::new();
    let admin = rows::queue(&fixture.store);
    let known: BTreeSet<_> = fixture.operated.method_names().collect();
    let private: BTreeSet<_> = admin.method_names().collect();
    assert_eq!(private, BTreeSet::from(["bmn_requeueJob", "bmn_dropJob"]));
    assert!(known.is_disjoint(&private) && known.contains("bmn_listDeadLetters"));
    let order = rows::bury_fill(3, &fixture.store);
    for method in private {
        let name = json!([{ "order": order, "action": "fill" }]);
        assert_eq!(fixture.error(method, name).await.0, -32601, "{method}");
    }
}

#[tokio::test]
async fn a_requeued_job_is_due_again_with_its_history() {
    let fixture = Fixture::new();
    let order = rows::bury_fill(3, &fixture.store);
    let name = json!([{ "order": order, "action": "fill" }]);
    let answer = ask(&rows::queue(&fixture.store), "bmn_requeueJob", name.clone()).await;
    assert_eq!(answer["result"]["state"], "ready", "{answer}");
    assert_eq!(answer["result"]["attempts"], 0);
    assert_eq!(answer["result"]["lastError"], "the token does not move");
    let page = fixture.ok("bmn_listDeadLetters", json!([])).await;
    assert_eq!(page["items"], json!([]));
    let jobs = fixture.ok("bmn_getJobs", json!([{ "order": order }])).await;
    assert_eq!(jobs["items"][0]["state"], "ready");
    let again = ask(&rows::queue(&fixture.store), "bmn_requeueJob", name).await;
    assert_eq!(again["error"]["code"], -32001, "{again}");
}

#[tokio::test]
async fn what_is_not_wanted_is_refused_by_the_plan_and_can_be_dropped() {
    let fixture = Fixture::new();
    // The order was refused when it came.
    let order = rows::bury_fill(2, &fixture.store);
    let name = json!([{ "order": order, "action": "fill" }]);
    let admin = rows::queue(&fixture.store);
    let answer = ask(&admin, "bmn_requeueJob", name.clone()).await;
    assert_eq!(answer["error"]["code"], -32027, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("refused"), "{answer}");
    let dropped = ask(&admin, "bmn_dropJob", name.clone()).await;
    assert_eq!(dropped["result"]["reason"], "the token does not move", "{dropped}");
    assert_eq!(ask(&admin, "bmn_dropJob", name).await["error"]["code"], -32001);
}

#[tokio::test]
async fn what_is_still_due_is_not_dropped() {
    let fixture = Fixture::new();
    let order = rows::bury_fill(3, &fixture.store);
    let name = json!([{ "order": order, "action": "fill" }]);
    let answer = ask(&rows::queue(&fixture.store), "bmn_dropJob", name).await;
    assert_eq!(answer["error"]["code"], -32027, "{answer}");
    let page = fixture.ok("bmn_listDeadLetters", json!([])).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_several_have_is_answered_with_all_of_them() {
    let fixture = Fixture::new();
    let escrows = [Address::repeat_byte(1), Address::repeat_byte(2)];
    rows::bury(&fixture.store, 3, &escrows.map(|escrow| (Action::CancelSource, A, escrow)));
    let order = order_id(A, 3).to_string();
    let admin = rows::queue(&fixture.store);
    let short = json!([{ "order": order, "action": "cancelSource" }]);
    let answer = ask(&admin, "bmn_dropJob", short).await;
    assert_eq!(answer["error"]["code"], -32025, "{answer}");
    assert_eq!(answer["error"]["data"][1]["escrow"], json!(escrows[1]));
    let whole = answer["error"]["data"][1].clone();
    assert_eq!(
        ask(&admin, "bmn_dropJob", json!([whole])).await["result"]["escrow"],
        json!(escrows[1])
    );
}

#[tokio::test]
async fn nothing_is_judged_while_an_index_is_not_current() {
    let fixture = Fixture::new();
    let order = rows::bury_fill(3, &fixture.store);
    let mut tx = fixture.store.write().unwrap();
    tx.set_mode(B, Mode::Rebuilding(RebuildReason::Asked)).unwrap();
    tx.commit().unwrap();
    let name = json!([{ "order": order, "action": "fill" }]);
    for method in ["bmn_requeueJob", "bmn_dropJob"] {
        let answer = ask(&rows::queue(&fixture.store), method, name.clone()).await;
        assert_eq!(answer["error"]["code"], -32002, "{answer}");
    }
}
