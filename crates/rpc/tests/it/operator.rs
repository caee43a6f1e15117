//! Methods for whoever runs the node.

use crate::{
    fixture::{A, B, Fixture, block, header, inclusion, order_id, source_leg},
    rows::{self, decided, shadowed},
};
use alloy::primitives::{Address, B256, U256};
use bmn_primitives::SwapId;
use bmn_store::{DecisionReads, Store};
use bmn_swap::{EscrowEnd, Fill, Modes, Order, PriceSourceTerms, PriceTerms, Quote};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};

const TOKEN: Address = Address::repeat_byte(0xa1);

#[tokio::test]
async fn a_taken_order_is_explained_by_what_it_pays() {
    let fixture = Fixture::new();
    decided(&fixture.store, 20, |routes, policy, market| {
        let source = PriceSourceTerms { name: "feed".to_owned(), max_age: 60 };
        let terms = PriceTerms { sources: vec![source], max_spread_bps: 10 };
        routes[0].limits.prices = vec![(TOKEN, terms)];
        let quote = Quote { micros: 1_000_000, at: block(1).time - 5, source: "feed".to_owned() };
        market.quotes.put(A, TOKEN, quote);
        policy.limits.max_maker_value = Some(11_000_000);
        market.usage.maker = 1_000_000;
    });
    let id = order_id(A, 20).to_string();
    let told = fixture.ok("bmn_explainOrder", json!([id])).await;
    assert_eq!((&told["orderId"], &told["decision"]), (&json!(id), &json!("accepted")));
    assert_eq!((&told["refusals"], &told["minProfitBps"]), (&json!([]), &json!(10)));
    let source = &told["valuation"]["source"];
    assert_eq!((&source["value"], &source["price"]), (&json!("10000000"), &json!("1000000")));
    let quote = json!({ "source": "feed", "price": "1000000", "at": block(1).time - 5, "age": 5 });
    assert_eq!(source["quotes"], json!([quote]));
    let outcomes = &told["valuation"]["outcomes"];
    // Gas of 405 000 at 1 gwei and 413 000 at 2 gwei, coins worth 1.
    assert_eq!(outcomes["expected"], json!((1_000_000 - 405 - 826).to_string()));
    assert_eq!(outcomes["worstBps"], json!(998));
    assert!(outcomes["failed"].as_str().unwrap().starts_with('-'), "{outcomes}");
    let maker = told["caps"].as_array().unwrap().iter().find(|cap| cap["cap"] == "maker").unwrap();
    let expected =
        json!({ "cap": "maker", "used": "1000000", "adding": "10000000", "limit": "11000000" });
    assert_eq!(maker, &expected);
    assert_eq!((&told["openOrders"], &told["maxOpenOrders"]), (&json!(4), &json!(10)));
    assert_eq!(told["confirmations"], json!({ "source": 3, "destination": 3 }));
    assert!(told["time"]["steps"].as_array().is_some(), "{told}");
}

#[tokio::test]
async fn a_refused_order_is_explained_by_its_reasons_and_the_numbers_that_were_there() {
    let fixture = Fixture::new();
    decided(&fixture.store, 21, |_, policy, _| policy.min_profit_bps = 1_001);
    let told = fixture.ok("bmn_explainOrder", json!([order_id(A, 21).to_string()])).await;
    assert_eq!(told["decision"], "refused");
    assert_eq!(told["refusals"][0]["code"], "unprofitable");
    let message = told["refusals"][0]["message"].as_str().unwrap();
    assert!(message.contains("998 bps") && message.contains("below 1001 bps"), "{message}");
    assert_eq!(told["valuation"]["outcomes"]["worstBps"], 998);

    decided(&fixture.store, 22, |routes, _, _| routes[1].limits.op_stack = true);
    let told = fixture.ok("bmn_explainOrder", json!([order_id(A, 22).to_string()])).await;
    assert_eq!(told["refusals"][0]["code"], "dataFeeUnknown");
    assert_eq!((&told["valuation"], &told["caps"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn an_order_without_numbers_is_not_explained() {
    let fixture = Fixture::new();
    for id in [order_id(A, 2).to_string(), order_id(A, 99).to_string()] {
        assert_eq!(fixture.error("bmn_explainOrder", json!([id])).await.0, -32001);
    }
    assert_eq!(fixture.error("bmn_explainOrder", json!(["nonsense"])).await.0, -32602);
}

pub(crate) async fn ask(module: &RpcModule<()>, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (answer, _) = module.raw_json_request(&request.to_string(), 1).await.unwrap();
    serde_json::from_str(answer.get()).unwrap()
}

#[tokio::test]
async fn the_public_module_reads_the_mode_and_cannot_change_it() {
    let fixture = Fixture::new();
    let modes = fixture.ok("bmn_getMode", json!([])).await;
    assert_eq!((&modes["mode"], &modes["switches"]), (&json!("full"), &json!([])));
    assert_eq!(modes["takesOrders"], true);
    assert!(modes["openOrders"].as_u64().unwrap() > 0);
    for method in ["bmn_setMode", "bmn_pause", "bmn_resume"] {
        assert_eq!(fixture.error(method, json!(["shadow"])).await.0, -32601, "{method}");
    }
}

#[tokio::test]
async fn modes_and_switches_are_set_told_and_taken_back() {
    let fixture = Fixture::new();
    let admin = rows::modes(&fixture.store);
    let token = json!({ "kind": "token", "chainId": A.0, "token": TOKEN });
    let steps = [
        ("bmn_setMode", json!(["percent=25"]), "percent=25", 0, true),
        ("bmn_pause", json!([token]), "percent=25", 1, true),
        ("bmn_pause", json!([{ "kind": "chain", "chainId": B.0 }]), "percent=25", 2, true),
        ("bmn_pause", json!([{ "kind": "drain" }]), "percent=25", 3, false),
        ("bmn_pause", json!([{ "kind": "drain" }]), "percent=25", 3, false),
        ("bmn_resume", json!([token]), "percent=25", 2, false),
        ("bmn_setMode", json!(["full"]), "full", 2, false),
        ("bmn_resume", json!([]), "full", 0, true),
        ("bmn_setMode", json!(["shadow"]), "shadow", 0, false),
    ];
    for (method, params, mode, switches, takes) in steps {
        let answer = ask(&admin, method, params).await;
        let modes = &answer["result"];
        assert_eq!(modes["mode"], mode, "{answer}");
        assert_eq!(modes["switches"].as_array().unwrap().len(), switches, "{answer}");
        assert_eq!(modes["takesOrders"], takes, "{answer}");
        assert_eq!(fixture.ok("bmn_getMode", json!([])).await, *modes);
    }
}

#[tokio::test]
async fn what_no_mode_or_switch_is_changes_nothing() {
    let fixture = Fixture::new();
    let admin = rows::modes(&fixture.store);
    for (method, params, says) in [
        ("bmn_setMode", json!(["percent=101"]), "`mode`: expected"),
        ("bmn_setMode", json!([]), ""),
        ("bmn_pause", json!([{ "kind": "chain" }]), "`switch.chainId`"),
        ("bmn_pause", json!([{ "kind": "chain", "chainId": 5 }]), "1337, 1338"),
        ("bmn_pause", json!([{ "kind": "token", "chainId": A.0 }]), "`switch.token`"),
        ("bmn_pause", json!([{ "kind": "drain", "chainId": A.0 }]), "neither chainId nor token"),
        ("bmn_pause", json!([{ "kind": "chain", "chainId": A.0, "token": TOKEN }]), "no token"),
        ("bmn_pause", json!([{ "kind": "everything" }]), ""),
        ("bmn_resume", json!([{ "kind": "drain", "oops": 1 }]), ""),
    ] {
        let answer = ask(&admin, method, params.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{method} {params}: {answer}");
        assert!(answer["error"].to_string().contains(says), "{answer}");
    }
    assert_eq!(fixture.store.read().unwrap().modes().unwrap(), Modes::default());
}

/// A block on A with the escrow that a fill of the order made, if one did.
fn filled(
    store: &Store,
    number: u64,
    order: &Order,
    fill: bool,
    end: Option<EscrowEnd>,
) -> Address {
    let escrow = Address::repeat_byte(0x80 + number as u8);
    let mut tx = store.write().unwrap();
    tx.begin_block(A, &header(number)).unwrap();
    let mut leg = source_leg(order.id, order.hashlock);
    leg.swap = SwapId { chain: A, escrow };
    leg.created = inclusion(number, 0);
    let contract = order.id.contract;
    leg.fill = fill.then_some(Fill { contract, remaining: U256::ZERO });
    leg.end = end.map(|end| (end, inclusion(number, 1)));
    tx.put_source_leg(&leg).unwrap();
    let (immutables, complement) = leg.stated().unwrap();
    let created = bmn_contracts::ContractEvent::SourceCreated {
        immutables: immutables.clone(),
        complement: complement.clone(),
    };
    tx.put_event(&crate::fixture::event(A, leg.created, escrow, created)).unwrap();
    if let Some((EscrowEnd::Withdrawn { secret }, at)) = leg.end {
        let withdrawn = bmn_contracts::ContractEvent::Withdrawn { secret };
        tx.put_event(&crate::fixture::event(A, at, escrow, withdrawn)).unwrap();
    }
    tx.end_block().unwrap();
    tx.commit().unwrap();
    escrow
}

#[tokio::test]
async fn the_shadow_report_says_what_became_of_each_order_and_what_it_would_have_earned() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let orders: Vec<_> = (30..34).map(|n| shadowed(store, n)).collect();
    let taken = filled(store, 2, &orders[1], true, None);
    let secret = EscrowEnd::Withdrawn { secret: B256::repeat_byte(1) };
    filled(store, 3, &orders[2], true, Some(secret));
    // A stranger repeats the order's hash without a fill.
    filled(store, 4, &orders[3], false, None);
    let report = fixture.ok("bmn_shadowReport", json!([])).await;
    let items = report["items"].as_array().unwrap();
    let outcomes: Vec<_> = items.iter().map(|item| item["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["open", "filled", "completed", "open"]);
    let word: B256 = Address::repeat_byte(0x99).into_word();
    assert_eq!((&items[1]["escrow"], &items[1]["filledBy"]), (&json!(taken), &json!(word)));
    assert_eq!(items[0]["expected"], json!((1_000_000 - 405 - 826).to_string()));
    assert_eq!(items[0]["filledBy"], Value::Null);
    assert_eq!(report["next"], Value::Null);

    let first = fixture.ok("bmn_shadowReport", json!([null, 3])).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let rest = fixture.ok("bmn_shadowReport", json!([first["next"], 3])).await;
    assert_eq!(rest["items"], json!([items[3]]));
    assert_eq!(fixture.error("bmn_shadowReport", json!(["00"])).await.0, -32021);
}

#[tokio::test]
async fn a_shadowed_order_that_nobody_can_fill_any_more_has_expired() {
    let fixture = Fixture::new();
    shadowed(&fixture.store, 40);
    let mut late = header(2);
    late.timestamp = block(1).time + 10_000;
    let mut tx = fixture.store.write().unwrap();
    tx.begin_block(A, &late).unwrap();
    tx.end_block().unwrap();
    tx.commit().unwrap();
    let report = fixture.ok("bmn_shadowReport", json!([])).await;
    assert_eq!(report["items"][0]["outcome"], "expired");
}
