//! From a new order to its submission.

use crate::bmn::{Done, chain, node, run_beside, run_in};
use serde_json::Value;
use std::{fs, path::Path};

const MAKER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const NOW: u64 = 1_755_000_000;

async fn new_order(directory: &Path, url: &str, more: &str) -> Done {
    let line = format!(
        "order new --from-chain 1337 --to-chain 1338 --sell 1.5 TKA --buy 2.9 USDX --maker {MAKER} \
         --chain-rpc {url} --secret-file secret.txt -o order.json {more}"
    );
    run_beside(directory, line, "").await
}

fn order(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join("order.json")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_made_signed_shown_and_submitted() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    let done = new_order(at, &url, "--json").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let made = order(at);
    assert_eq!((&made["orderHash"], &made["signature"]), (&done.json()["orderHash"], &Value::Null));
    let shown = run_in(at, "order show order.json --json", "").json();
    assert_eq!(shown["dstWithdrawal"], NOW + 180);
    assert_eq!(shown["signed"], false);

    let (_node, node) = node().await;
    let unsigned = run_beside(at, format!("order submit order.json --rpc {node}"), "").await;
    assert_eq!(unsigned.code, 2);
    assert!(unsigned.stderr.contains("is not signed"), "{}", unsigned.stderr);

    let signed = run_in(at, "order sign order.json --dev-account 3", "");
    assert_eq!(signed.code, 0, "{}", signed.stderr);
    assert!(order(at)["signature"]["vs"].is_string());
    assert_eq!(run_in(at, "order show order.json --json", "").json()["signed"], true);
    let text = run_in(at, "order show order.json", "").stdout;
    assert!(text.contains("1.5 TKA on Chain A") && text.contains("2.9 USDX on Chain B"), "{text}");

    let done = run_beside(at, format!("order submit order.json --rpc {node}"), "").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("accepted"), "{}", done.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_with_its_reasons_and_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    assert_eq!(new_order(at, &url, "--sell 1 TKA --nonce 7").await.code, 2, "--sell twice");
    let line = format!(
        "order new --from-chain 1337 --to-chain 1338 --sell 1 TKA --buy 2 ETH --maker {MAKER} \
         --hashlock 0x{} --chain-rpc {url} -o order.json",
        "07".repeat(32)
    );
    assert_eq!(run_beside(at, line, "").await.code, 0);
    assert_eq!(run_in(at, "order sign order.json --dev-account 3", "").code, 0);
    let (_node, node) = node().await;
    let done = run_beside(at, format!("order submit order.json --rpc {node}"), "").await;
    assert_eq!(done.code, 1);
    assert!(done.stdout.contains("too little (unprofitable)"), "{}", done.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_only_in_its_file_which_only_its_owner_reads() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    let done = new_order(at, &url, "").await;
    let secret = fs::read_to_string(at.join("secret.txt")).unwrap();
    let digits = secret.trim().trim_start_matches("0x");
    assert_eq!(digits.len(), 64);
    for text in [&done.stdout, &done.stderr, &order(at).to_string()] {
        assert!(!text.contains(digits), "{text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(at.join("secret.txt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (_node, node) = node().await;
    let line = format!("secret submit --secret-file secret.txt --rpc {node} --json");
    let taken = run_beside(at, line, "").await;
    assert_eq!(taken.json()["hashlock"], order(at)["hashlock"]);
    assert!(!taken.stdout.contains(digits));
    let again = new_order(at, &url, "").await;
    assert_eq!(again.code, 2, "an existing secret is not overwritten");
    assert_eq!(fs::read_to_string(at.join("secret.txt")).unwrap(), secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_s_times_come_from_the_right_chain_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(5, NOW).await;
    let wrong = new_order(at, &url, "").await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("is chain 5, expected chain 1337"), "{}", wrong.stderr);
    let nobody = new_order(at, "http://127.0.0.1:9", "").await;
    assert_eq!(nobody.code, 3);
    assert!(nobody.stderr.contains("http://127.0.0.1:9 cannot be reached"), "{}", nobody.stderr);
    assert!(!at.join("secret.txt").exists() && !at.join("order.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_maker_s_own_key_signs() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    assert_eq!(new_order(at, &url, "").await.code, 0);
    let before = order(at);
    let stranger = run_in(at, "order sign order.json --dev-account 1", "");
    assert_eq!(stranger.code, 2);
    assert!(
        stranger.stderr.contains(&format!("the order's maker is {MAKER}")),
        "{}",
        stranger.stderr
    );
    fs::write(at.join("open.key"), "0x00").unwrap();
    let open = run_in(at, "order sign order.json --key-file open.key", "");
    assert!(open.code == 2 && open.stderr.contains("chmod 600"), "{}", open.stderr);
    let unset = run_in(at, "order sign order.json --key-env BMN_NO_SUCH_KEY", "");
    assert!(unset.code == 2 && unset.stderr.contains("BMN_NO_SUCH_KEY"), "{}", unset.stderr);
    let mut moved = before.clone();
    moved["order"]["makingAmount"] = "1".into();
    fs::write(at.join("moved.json"), moved.to_string()).unwrap();
    let moved = run_in(at, "order sign moved.json --dev-account 3", "");
    assert!(moved.code == 2 && moved.stderr.contains("`orderHash`"), "{}", moved.stderr);
    assert_eq!(order(at), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_address_is_refused_by_its_case() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    let wrong = MAKER.replace("0x90F7", "0x90f7");
    let line = format!(
        "order new --from-chain 1337 --to-chain 1338 --sell 1 TKA --buy 2 USDX --maker {wrong} \
         --hashlock 0x{} --chain-rpc {url}",
        "07".repeat(32)
    );
    let done = run_beside(at, line.clone(), "").await;
    assert!(done.code == 2 && done.stderr.contains("EIP-55"), "{}", done.stderr);
    let lower = line.replace(&wrong, &MAKER.to_lowercase());
    let token = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";
    let by_address = lower.replace("TKA", token);
    assert_eq!(run_beside(at, by_address.clone(), "").await.code, 0);
    let mistyped =
        by_address.replace(token, &token.replace("7725", "7726").replace("E7734", "e7734"));
    let done = run_beside(at, mistyped, "").await;
    assert!(done.code == 2 && done.stderr.contains("EIP-55"), "{}", done.stderr);
}
