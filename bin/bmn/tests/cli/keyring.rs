//! `bmn keys`.

use crate::{
    bmn::{run_beside, run_in},
    operator::operated_at,
};
use serde_json::Value;
use std::{fs, path::Path};

const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ACCOUNT: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const PASSWORD: &str = "a long enough password";

fn private(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_key_is_made_listed_and_told_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    private(directory.path(), "password", PASSWORD);
    let line = "keys new --out key.json --password-file password --json";
    let made = run_in(directory.path(), line, "");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let account = made.json()["account"].as_str().unwrap().to_owned();
    let listed = run_in(directory.path(), "keys list --json", "");
    let entries = listed.json();
    assert_eq!(entries.as_array().unwrap().len(), 1, "the password is no keystore: {entries}");
    assert_eq!(
        (&entries[0]["account"], &entries[0]["mode"], &entries[0]["kdf"]),
        (&Value::from(account), &Value::from("600"), &Value::from("scrypt"))
    );
    for told in [&made.stdout, &made.stderr, &listed.stdout, &listed.stderr] {
        assert!(!told.contains(PASSWORD), "{told}");
    }
    let again = run_in(directory.path(), line, "");
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("not overwritten"), "{}", again.stderr);
}

#[test]
fn an_imported_key_has_the_account_it_had() {
    let directory = tempfile::tempdir().unwrap();
    private(directory.path(), "password", PASSWORD);
    let line = "keys import --key-file - --out key.json --password-file password";
    let done = run_in(directory.path(), line, KEY);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains(ACCOUNT), "{}", done.stdout);
    let file = fs::read_to_string(directory.path().join("key.json")).unwrap();
    for told in [&done.stdout, &done.stderr, &file] {
        assert!(!told.contains(&KEY[2..]), "{told}");
    }
    let listed = run_in(directory.path(), "keys list key.json", "");
    assert!(listed.stdout.starts_with("ACCOUNT") && listed.stdout.contains(ACCOUNT));
}

#[test]
fn what_cannot_be_a_key_or_a_password_is_told_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    private(directory.path(), "password", PASSWORD);
    private(directory.path(), "short", "elevenchars");
    fs::write(directory.path().join("open"), PASSWORD).unwrap();
    for (line, stdin, says) in [
        ("--key-file - --password-file password", "0x1234", "64 hex digits"),
        ("--key-file - --password-file short", KEY, "at least 12"),
        ("--key-file - --password-file missing", KEY, "missing"),
        ("--key-file - --password-env BMN_TEST_UNSET", KEY, "BMN_TEST_UNSET is not set"),
        ("--key-file -", KEY, "--password-file FILE"),
        #[cfg(unix)]
        ("--key-file - --password-file open", KEY, "chmod 600"),
    ] {
        let done = run_in(directory.path(), &format!("keys import --out k.json {line}"), stdin);
        assert_eq!(done.code, 2, "{line}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
        assert!(!done.stderr.contains(&KEY[2..]) && !done.stderr.contains("elevenchars"));
        assert!(!directory.path().join("k.json").exists(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_rotated_while_something_is_open() {
    let next = "--account 0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    let (_busy, url) = operated_at(3).await;
    let line = format!("keys rotate {next} --once --rpc {url}");
    let done = run_beside(&std::env::temp_dir(), line, "").await;
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("3 orders open") && done.stderr.contains("Drain is on"));

    let (_idle, url) = operated_at(0).await;
    let line = format!("keys rotate {next} --rpc {url}");
    let done = run_beside(&std::env::temp_dir(), line, "").await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("bmn approve") && done.stdout.contains("0 orders open"));
    // Drain stays on.
    let line = format!("mode show --json --rpc {url}");
    let modes = run_beside(&std::env::temp_dir(), line, "").await;
    assert_eq!(modes.json()["switches"][0]["kind"], "drain");
}
