//! `bmn queue` against a scripted node.

use crate::bmn::{ORDER, admin, node, run_beside};
use serde_json::Value;
use std::env::temp_dir;

#[tokio::test]
async fn dead_letters_are_a_table_for_people_and_lines_for_programs() {
    let (_admin, url) = admin().await;
    let done = run_beside(&temp_dir(), format!("queue list --rpc {url}"), "").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.starts_with("ORDER"), "{}", done.stdout);
    for word in [ORDER, "fill", "host", "failed 4 times", "nobody home"] {
        assert!(done.stdout.contains(word), "{word}: {}", done.stdout);
    }
    assert!(!done.stdout.contains('\u{1b}'), "a token's words steer no terminal");
    assert!(done.stderr.contains("--cursor more"), "{}", done.stderr);

    let done = run_beside(&temp_dir(), format!("queue list --all --json --rpc {url}"), "").await;
    let lines: Vec<Value> =
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", done.stdout);
    assert!(lines.iter().all(|letter| letter["orderId"] == ORDER && letter["attempts"] == 4));
}

#[tokio::test]
async fn a_dead_letter_is_requeued_or_dropped_by_order_and_action() {
    let (_admin, url) = admin().await;
    let line = format!("queue requeue {ORDER} fill --chain 1337 --rpc {url}");
    let done = run_beside(&temp_dir(), line, "").await;
    assert_eq!((done.code, done.stdout.trim()), (0, "fill on chain 1337 is waiting"));
    let line = format!("queue drop {ORDER} fill --json --rpc {url}");
    let done = run_beside(&temp_dir(), line, "").await;
    assert_eq!((done.code, &done.json()["class"]), (0, &Value::from("host")));
}

#[tokio::test]
async fn a_refusal_and_a_node_without_admin_methods_are_told_apart() {
    let (_admin, url) = admin().await;
    let line = format!("queue requeue {ORDER} fundDestination --rpc {url}");
    let done = run_beside(&temp_dir(), line, "").await;
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("the order is void (notWanted"), "{}", done.stderr);

    let (_node, public) = node().await;
    let line = format!("queue drop {ORDER} fill --rpc {public}");
    let done = run_beside(&temp_dir(), line, "").await;
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("at its admin_rpc"), "{}", done.stderr);
}
