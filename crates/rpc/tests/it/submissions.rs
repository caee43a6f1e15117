//! Methods that hand something in.

use crate::{
    fixture::{A, B, Fixture, PUBLIC, SECRET, ScriptedIntake, View, lock, order_id},
    rows,
};
use alloy::primitives::{B256, U256, hex};
use bmn_contracts::OrderSignature;
use bmn_primitives::{ChainId, Hashlock};
use bmn_rpc::{Claims, IntakeError, RpcLimits, Submitted};
use bmn_swap::{Decision, Refusal};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

pub(crate) fn file() -> Value {
    json!({
        "version": 1, "chainId": 1337, "srcChainId": 1337, "dstChainId": 1338,
        "order": {
            "salt": "7", "maker": "0x1111111111111111111111111111111111111111",
            "receiver": "0", "makerAsset": "161", "takerAsset": "162",
            "makingAmount": "100", "takingAmount": "99", "makerTraits": "0",
        },
        "signature": { "r": B256::repeat_byte(1), "vs": B256::repeat_byte(2) },
        "extensionData": "0x0102", "orderHash": B256::repeat_byte(3),
        "hashlock": B256::repeat_byte(4), "createdAt": 5,
    })
}

#[tokio::test]
async fn an_order_reaches_the_intake_word_for_word_with_its_claims() {
    let fixture = rows::answering(Ok(rows::accepted()));
    let answer = fixture.ok("bmn_submitOrder", json!([file()])).await;
    assert_eq!(answer["orderId"], order_id(A, 8).to_string());
    assert_eq!((&answer["decision"], &answer["refusals"]), (&json!("accepted"), &json!([])));
    assert_eq!(answer["profit"], json!({ "bps": 900 }), "and none of the values behind it");
    let taken = fixture.intake.orders.lock().unwrap()[0].clone();
    assert_eq!(taken.chain, A);
    assert_eq!(taken.signed.order.making_amount, U256::from(100));
    let signature = OrderSignature::Compact { r: B256::repeat_byte(1), vs: B256::repeat_byte(2) };
    assert_eq!(taken.signed.signature, signature);
    assert_eq!(taken.claims.destination_chain, Some(1338));
    assert_eq!(taken.claims.order_hash, Some(B256::repeat_byte(3)));
}

#[tokio::test]
async fn a_refusal_is_an_answer_with_every_reason() {
    let reasons = vec![Refusal::Invalidated, Refusal::DirectOff];
    let refused =
        Submitted { decision: Decision::Refused(reasons), profit: None, ..rows::accepted() };
    let answer = rows::answering(Ok(refused)).ok("bmn_submitOrder", json!([file()])).await;
    assert_eq!(answer["decision"], "refused");
    let codes: Vec<_> =
        answer["refusals"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect();
    assert_eq!(codes, ["invalidated", "directOff"]);
    assert_eq!(answer["profit"], Value::Null);
}

#[tokio::test]
async fn a_malformed_file_is_refused_with_its_field_before_the_intake_sees_it() {
    let fixture = Fixture::new();
    for (pointer, value, field) in [
        ("/order/makingAmount", json!("1.5"), "order.makingAmount"),
        ("/extensionData", json!("0102"), "extensionData"),
        ("/signature", Value::Null, "signature"),
        ("/signature", json!("zz"), "signature"),
        ("/version", json!(3), "version"),
        ("/chainId", json!(1338), "srcChainId"),
    ] {
        let mut file = file();
        *file.pointer_mut(pointer).unwrap() = value;
        let (code, text) = fixture.error("bmn_submitOrder", json!([file])).await;
        assert_eq!(code, -32602, "{field}");
        assert!(text.contains(&format!("`{field}`: expected")), "{text}");
    }
    for shape in [json!([]), json!([5]), json!([{ "version": 1 }]), json!([[file()]])] {
        assert_eq!(fixture.error("bmn_submitOrder", shape).await.0, -32602);
    }
    assert!(fixture.intake.orders.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_order_for_a_chain_that_is_not_served_names_those_that_are() {
    let mut file = file();
    file["chainId"] = json!(1);
    file["srcChainId"] = Value::Null;
    let (code, text) = Fixture::new().error("bmn_submitOrder", json!([file])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("`chainId`: expected a chain served here: 1337, 1338"), "{text}");
}

#[tokio::test]
async fn each_way_the_intake_fails_has_its_code() {
    let claim = Claims { hashlock: Some(B256::ZERO), ..Claims::default() }
        .check(order_id(A, 1), Hashlock(B256::repeat_byte(4)), B)
        .unwrap_err();
    for (failure, code, says) in [
        (IntakeError::Unreadable(vec![Refusal::DirectOff]), -32024, "directOff"),
        (claim, -32602, "`hashlock`: expected 0x0404"),
        (IntakeError::NotActing("halted".to_owned()), -32002, "not acting: halted"),
        (IntakeError::Unavailable("/secret/path".to_owned()), -32002, "try again"),
        (IntakeError::Internal("/secret/path".to_owned()), -32603, "internal error"),
    ] {
        let (found, text) =
            rows::answering(Err(failure)).error("bmn_submitOrder", json!([file()])).await;
        assert_eq!(found, code);
        assert!(text.contains(says) && !text.contains("/secret/path"), "{text}");
    }
}

#[test]
fn a_claim_is_compared_field_by_field() {
    let (id, lock) = (order_id(A, 1), Hashlock(B256::repeat_byte(4)));
    let right = Claims {
        order_hash: Some(id.hash.0),
        hashlock: Some(lock.0),
        destination_chain: Some(1338),
    };
    assert!(right.check(id, lock, B).is_ok() && Claims::default().check(id, lock, B).is_ok());
    let field = |claims: Claims, chain| match claims.check(id, lock, chain) {
        Err(IntakeError::Claim { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(Claims { order_hash: Some(B256::ZERO), ..right }, B), "orderHash");
    assert_eq!(field(Claims { hashlock: Some(B256::ZERO), ..right }, B), "hashlock");
    assert_eq!(field(right, ChainId(5)), "dstChainId");
}

#[tokio::test]
async fn more_submissions_than_the_limit_are_turned_away_at_once() {
    let gate = Arc::new(Notify::new());
    let intake = ScriptedIntake { gate: Some(Arc::clone(&gate)), ..Default::default() };
    let limits = RpcLimits { submissions: 1, ..RpcLimits::default() };
    let fixture = Fixture::with(intake, limits, View(None));
    *fixture.intake.answer.lock().unwrap() = Some(Ok(rows::accepted()));
    let (first, second) = tokio::join!(fixture.ok("bmn_submitOrder", json!([file()])), async {
        let second = fixture.error("bmn_submitOrder", json!([file()])).await;
        gate.notify_one();
        second
    });
    assert_eq!(first["decision"], "accepted");
    assert_eq!(second.0, -32005);
    gate.notify_one();
    fixture.ok("bmn_submitOrder", json!([file()])).await;
}

#[tokio::test]
async fn a_secret_reaches_the_orders_of_its_hashlock() {
    let fixture = Fixture::new();
    let secret = hex::encode_prefixed(SECRET);
    let answer = fixture.ok("bmn_submitSecret", json!([secret])).await;
    let id = order_id(A, 3);
    assert_eq!(answer, json!({ "hashlock": lock(SECRET), "orders": [id.to_string()] }));
    assert_eq!(*fixture.intake.secrets.lock().unwrap(), [(lock(SECRET), vec![id])]);
    fixture.ok("bmn_submitSecret", json!([secret, id.to_string()])).await;
}

#[tokio::test]
async fn a_secret_that_opens_nothing_or_another_order_never_reaches_the_intake() {
    let fixture = Fixture::new();
    let (secret, wrong) = (hex::encode_prefixed(SECRET), format!("0x{}", "42".repeat(32)));
    for (params, code) in [
        (json!([wrong]), -32020),
        (json!([secret, order_id(A, 1).to_string()]), -32020),
        (json!([secret, lock(PUBLIC)]), -32020),
        (json!([secret, B256::repeat_byte(9)]), -32001),
        (json!([secret, B256::repeat_byte(3)]), -32025),
        (json!([secret[2..]]), -32602),
        (json!([format!("{secret}00")]), -32602),
        (json!([7]), -32602),
        (json!([]), -32602),
    ] {
        let (found, text) = fixture.error("bmn_submitSecret", params.clone()).await;
        assert_eq!(found, code, "{params}");
        assert!(!text.contains("5e5e5e") && !text.contains("424242"), "{text}");
    }
    assert!(fixture.intake.secrets.lock().unwrap().is_empty());
}
