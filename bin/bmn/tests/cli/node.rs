//! Commands that ask a node.

use crate::bmn::{ORDER, node, run_beside};
use serde_json::{Value, json};

async fn ask(line: &str, stdin: &'static str) -> crate::bmn::Done {
    let (_node, url) = node().await;
    run_beside(&std::env::temp_dir(), format!("{line} --rpc {url}"), stdin).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_a_table_or_json() {
    let text = ask("status", "").await;
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("no: no disk") && text.stdout.contains("Chain A (1337)  7"));
    let json = ask("status --json", "").await.json();
    assert_eq!((&json["version"], &json["orders"]["accepted"]), (&json!("bmn/test"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_are_listed_a_page_or_all() {
    let page = ask("swap list", "").await;
    assert!(page.stdout.contains("1.5 TKA") && page.stdout.contains("Chain A -> Chain B"));
    assert!(page.stderr.contains("--cursor more"), "{}", page.stderr);
    let lines = |done: crate::bmn::Done| -> Vec<Value> {
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let one = lines(ask("swap list --json", "").await);
    assert_eq!((&one[0]["orderId"], &one[1]), (&json!(ORDER), &json!({ "next": "more" })));
    assert_eq!(lines(ask("swap list --json --all", "").await).len(), 2);
    assert_eq!(lines(ask("swap list --json --status refused", "").await).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_shown_with_what_it_waits_for() {
    let text = ask(&format!("swap show {ORDER}"), "").await.stdout;
    assert!(text.contains("fill on chain 1337, waiting for block 9 of chain 1337"), "{text}");
    assert!(text.contains("accepted at chain 1337 #7"), "{text}");
    assert_eq!(ask(&format!("order show {ORDER} --json"), "").await.json()["orderId"], ORDER);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_node_refuses_has_exit_code_4_and_a_reason_for_programs() {
    let unknown = ask("swap show 0x12", "").await;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (4, ""));
    assert!(unknown.stderr.contains("no such order (notFound, code -32001)"), "{}", unknown.stderr);
    let json = ask("swap show 0x12 --json", "").await.stderr;
    let error: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&error["error"]["name"], &error["error"]["exitCode"]),
        (&json!("notFound"), &json!(4))
    );
}

const SECRET: &str = "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_comes_from_stdin_and_is_never_repeated() {
    let taken = ask("secret submit --json", SECRET).await;
    assert_eq!(taken.json()["orders"], json!([ORDER]));
    let wrong = ask("secret submit 0x12", SECRET).await;
    assert_eq!(wrong.code, 4);
    let long = ask("secret submit", "0x5e5e5e").await;
    assert_eq!(long.code, 2);
    for done in [taken, wrong, long] {
        assert!(!format!("{}{}", done.stdout, done.stderr).contains("5e5e5e"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_a_swap_resumes_after_a_lag_and_ends_with_the_swap() {
    let done = ask(&format!("swap watch {ORDER}"), "").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let numbers: Vec<_> = done.stdout.lines().map(|line| &line[..2]).collect();
    assert_eq!(numbers, ["#5", "#6"]);
    assert!(done.stdout.ends_with("-> completed\n"), "{}", done.stdout);
    assert!(done.stderr.contains("resuming from 6"), "{}", done.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_blocks_goes_on_after_a_lag_and_ends_with_the_node() {
    let done = ask("watch blocks --chain 1337 --from 7", "").await;
    let told: Vec<_> = done.stdout.lines().collect();
    assert_eq!(told.len(), 2, "{}", done.stdout);
    assert!(told[0].starts_with("1337  7  0x") && told[0].ends_with("  2 events"), "{}", told[0]);
    assert_eq!(told[1], "1337  void from block 7 on");
    assert!(done.stderr.contains("fell behind"), "{}", done.stderr);
    assert_eq!(done.code, 3, "{}", done.stderr);
    let done = ask("watch blocks --chain 1337 --from 7 --json", "").await;
    let first: serde_json::Value =
        serde_json::from_str(done.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&first["type"], &first["from"]), (&json!("block"), &json!(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_resolver_is_named_as_such() {
    let (_chain, url) = crate::bmn::chain(1337, 1_000).await;
    let line = format!("status --rpc {url}");
    let done = run_beside(&std::env::temp_dir(), line, "").await;
    assert_eq!(done.code, 3, "{}", done.stderr);
    for part in ["is no resolver", "`bmn dev` or `bmn node` starts a resolver", "BMN_RPC"] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_there_has_exit_code_3() {
    for line in ["status", "swap watch"] {
        let line = format!("{line} --rpc http://127.0.0.1:9");
        let done = run_beside(&std::env::temp_dir(), line, "").await;
        assert_eq!(done.code, 3);
        assert!(done.stderr.contains("cannot be reached"), "{}", done.stderr);
        assert!(done.stderr.contains("--rpc or BMN_RPC says where it is"), "{}", done.stderr);
    }
}
