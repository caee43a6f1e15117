//! From a new order to its submission.

use crate::bmn::{Done, chain, node, parts_node, run_beside, run_in};
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

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_parts_keeps_its_secrets_in_one_file_and_shows_none() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    let done = new_order(at, &url, "--dialect oneinch2 --parts 3 --json").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!((&done.json()["dialect"], &done.json()["parts"]), (&"oneinch2".into(), &3.into()));
    let secrets = fs::read_to_string(at.join("secret.txt")).unwrap();
    assert_eq!(secrets.lines().count(), 4);
    assert_eq!(order(at)["secretHashes"].as_array().unwrap().len(), 4);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(at.join("secret.txt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(run_in(at, "order sign order.json --dev-account 3", "").code, 0);
    let shown = run_in(at, "order show order.json --json", "").json();
    assert_eq!((&shown["parts"], &shown["signed"]), (&3.into(), &true.into()));
    assert_eq!(shown["offsets"]["srcCancellation"], 1_800);
    assert_eq!((&shown["fillsFrom"], &shown["expiration"]), (&NOW.into(), &(NOW + 1_800).into()));
    let text = run_in(at, "order show order.json", "").stdout;
    assert!(text.contains("3, with 4 secrets") && text.contains("cancel 900"), "{text}");

    let (_node, node) = node().await;
    let taken = run_beside(at, format!("order submit order.json --rpc {node}"), "").await;
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    let submit = format!("secret submit --secret-file secret.txt --rpc {node} --json");
    let third = run_beside(at, format!("{submit} --index 2"), "").await;
    assert_eq!(third.json()["hashlock"], order(at)["secretHashes"][2]);
    let fifth = run_beside(at, format!("{submit} --index 4"), "").await;
    assert_eq!(fifth.code, 2);
    assert!(fifth.stderr.contains("has 4 secrets: expected 0 to 3"), "{}", fifth.stderr);
    for line in secrets.lines() {
        for said in [&done, &taken, &third, &fifth] {
            assert!(!format!("{}{}", said.stdout, said.stderr).contains(&line[2..]));
        }
        assert!(!order(at).to_string().contains(&line[2..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_secrets_only_those_of_parts_with_both_escrows_are_handed_in() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_chain, url) = chain(1337, NOW).await;
    assert_eq!(new_order(at, &url, "--dialect oneinch1 --parts 2").await.code, 0);
    // By the word of this node, the second part has both escrows, and the third is not filled yet.
    let hashes = order(at)["secretHashes"].as_array().unwrap().clone();
    let parts = hashes.iter().zip(["", "bothLocked", "accepted"]);
    let parts = parts.map(|(hash, status)| (hash.as_str().unwrap().to_owned(), status));
    let (_node, node) = parts_node(parts.filter(|(_, status)| !status.is_empty()).collect()).await;
    let line = format!("secret submit --secret-file secret.txt --rpc {node}");
    let done = run_beside(at, format!("{line} --json"), "").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let handed: Vec<_> =
        done.json().as_array().unwrap().iter().map(|one| one["handedIn"] == true).collect();
    assert_eq!(handed, [false, true, false]);
    let statuses: Vec<_> =
        done.json().as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [Value::Null, "bothLocked".into(), "accepted".into()]);

    let named = run_beside(at, format!("{line} 0x12"), "").await;
    assert!(named.code == 1 && named.stderr.contains("no secret is due"), "{}", named.stderr);
    let of_order =
        run_beside(at, format!("{line} {}", alloy::primitives::B256::repeat_byte(1)), "");
    assert_eq!(of_order.await.code, 0);
    let (_node, nothing) = parts_node(vec![]).await;
    let line = format!("secret submit --secret-file secret.txt --rpc {nothing}");
    let none = run_beside(at, line, "").await;
    assert!(none.code == 1 && none.stderr.contains("no secret is due"), "{}", none.stderr);
}

#[test]
fn what_a_dialect_does_not_have_is_told_before_a_chain_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    for (more, says) in [
        ("--dialect bmn5", "expected one of bmn4, bmn302, oneinch1, oneinch2"),
        ("--dialect bmn302 --parts 4", "--parts: orders of bmn302 take one fill"),
        ("--parts 300", "2..=256"),
        ("--src-deposit 1", "--src-deposit: expected 0 for bmn4"),
        ("--offset dst-withdrawal=5", "--offset: orders of bmn4 state two absolute times"),
        ("--dialect oneinch1 --offset now=5", "STAGE is one of src-withdrawal"),
        ("--dialect oneinch1 --src-cancellation-in 9", "expected --offset STAGE=SECONDS"),
        ("--dialect oneinch2 --credit-fee 1", "--credit-fee: only orders of oneinch1"),
        ("--dialect oneinch2 --parts 4 --nonce 5", "--nonce: an order in --parts"),
        (
            "--dialect oneinch1 --factory 0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
            "is bmn4 0x5fc8",
        ),
    ] {
        let line = format!(
            "order new --from-chain 1337 --to-chain 1338 --sell 1.5 TKA --buy 2.9 USDX \
             --maker {MAKER} --chain-rpc http://127.0.0.1:9 --secret-file secret.txt {more}"
        );
        let done = run_in(directory.path(), &line, "");
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{more}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{more}: {}", done.stderr);
        assert!(!directory.path().join("secret.txt").exists());
    }
    let line = format!(
        "order new --dialect bmn4 --from-chain polygon --to-chain base --sell 1 A --buy 1 B \
         --maker {MAKER} --secret-file secret.txt"
    );
    let done = run_in(directory.path(), &line, "");
    assert!(done.stderr.contains("it has oneinch1 0xa7bc"), "{}", done.stderr);
}
