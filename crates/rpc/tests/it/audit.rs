//! Every change of the operator's leaves one entry, whatever came of it.

use crate::{
    access::ADMIN,
    fixture::{A, Fixture, order_id},
    operator, rows,
    wire::{ANY, call, post},
};
use bmn_rpc::{
    AUDIT_BYTES, AuditEntry, AuditLog, Entrance, JwtKey, Monotonic, ServeLimits, audited,
    serve_behind,
};
use jsonrpsee::{RpcModule, core::RpcResult};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, sync::Arc};
use tokio::sync::Notify;

fn kept(path: &Path) -> Vec<AuditEntry> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Calls, what comes of them, and whether their parameters are kept.
fn calls(order: &str) -> Vec<(&'static str, Value, i32, bool)> {
    let secret = format!("0x{}", "5e".repeat(32));
    let letter = json!([{ "order": order, "action": "fill" }]);
    let unknown = json!([{ "order": order_id(A, 200).to_string(), "action": secret }]);
    let chain = json!([{ "kind": "chain", "chainId": A.0 }]);
    vec![
        ("bmn_setMode", json!(["percent=5"]), 0, true),
        ("bmn_setMode", json!([secret]), -32602, false),
        ("bmn_setMode", json!([]), -32602, false),
        ("bmn_pause", chain.clone(), 0, true),
        ("bmn_pause", json!([{ "kind": secret }]), -32602, false),
        ("bmn_resume", chain, 0, true),
        ("bmn_resume", json!([secret]), -32602, false),
        ("bmn_runJob", json!(["dailyReport"]), 0, true),
        ("bmn_runJob", json!([secret]), -32001, false),
        ("bmn_dropJob", letter.clone(), -32027, true),
        ("bmn_dropJob", unknown.clone(), -32001, false),
        ("bmn_requeueJob", letter, 0, true),
        ("bmn_requeueJob", unknown, -32001, false),
    ]
}

#[tokio::test]
async fn each_call_leaves_one_entry_and_no_secret_is_in_any() {
    let fixture = Fixture::new();
    let order = rows::bury_fill(3, &fixture.store);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let log = Arc::new(AuditLog::open(&path, AUDIT_BYTES, || 1_234).unwrap());
    let mut changes = rows::modes(&fixture.store);
    changes.merge(rows::queue(&fixture.store)).unwrap();
    let mut module = audited(changes, &log);
    module.merge(fixture.operated.clone()).unwrap();
    let key = JwtKey::random();
    let entrance = Entrance { key: Some(key), ..Entrance::default() };
    let (limits, clock) = (ServeLimits::default(), Monotonic::default());
    let (_server, address) = serve_behind(module, ANY, &limits, entrance, clock).await.unwrap();
    let token = format!("authorization: Bearer {}", key.token().unwrap());
    let calls = calls(&order);
    let called: BTreeSet<_> = calls.iter().map(|call| call.0).collect();
    assert_eq!(called, ADMIN.into_iter().collect(), "every method is called");
    for (number, (method, params, outcome, is_kept)) in calls.iter().enumerate() {
        let answer = post(address, &[&token], &call(method, params.clone())).await.json();
        let code = answer["error"]["code"].as_i64().unwrap_or_default();
        assert_eq!(code, i64::from(*outcome), "{method} {params}: {answer}");
        let entries = kept(&path);
        assert_eq!(entries.len(), number + 1, "{method} {params}: one more");
        let expected = AuditEntry {
            time: 1_234,
            caller: Some(address.ip()),
            level: "admin".to_owned(),
            method: (*method).to_owned(),
            params: is_kept.then(|| params.clone()),
            outcome: *outcome,
        };
        assert_eq!(entries[number], expected);
    }
    // Who has no token calls nothing, and reads are no changes.
    post(address, &[], &call("bmn_setMode", json!(["full"]))).await;
    post(address, &[&token], &call("bmn_getMode", json!([]))).await;
    assert_eq!(kept(&path).len(), calls.len());
    assert!(!std::fs::read_to_string(&path).unwrap().contains(&"5e".repeat(32)));
}

#[tokio::test]
async fn without_a_server_the_caller_is_not_known() {
    let fixture = Fixture::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let log = Arc::new(AuditLog::open(&path, AUDIT_BYTES, || 7).unwrap());
    let module = audited(rows::modes(&fixture.store), &log);
    operator::ask(&module, "bmn_setMode", json!(["shadow"])).await;
    let [entry] = &kept(&path)[..] else { panic!() };
    assert_eq!((entry.caller, entry.outcome, entry.time), (None, 0, 7));
}

#[tokio::test]
async fn a_call_whose_caller_hangs_up_is_done_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let log = Arc::new(AuditLog::open(&path, AUDIT_BYTES, || 7).unwrap());
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut module = RpcModule::new((Arc::clone(&begun), Arc::clone(&gate)));
    let slow = module.register_async_method("bmn_slow", |_, gates, _| async move {
        gates.0.notify_one();
        gates.1.notified().await;
        RpcResult::Ok(5)
    });
    slow.unwrap();
    let module = audited(module.remove_context(), &log);
    let request = call("bmn_slow", json!([]));
    tokio::select! {
        _ = module.raw_json_request(&request, 1) => panic!("it was let go too early"),
        () = begun.notified() => {}
    }
    assert_eq!(kept(&path), []);
    gate.notify_one();
    let written = async {
        while kept(&path).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let written = tokio::time::timeout(std::time::Duration::from_secs(20), written).await;
    written.expect("the entry of a call that was done");
    let [entry] = &kept(&path)[..] else { panic!() };
    assert_eq!((entry.method.as_str(), entry.outcome), ("bmn_slow", 0));
}
