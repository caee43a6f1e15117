//! `bmn backup`, `restore`, `verify --backup`, `compact`: over the directory of a real `bmn dev`, and killed without
//! warning in the middle.

use crate::{
    bmn::{Done, run_in},
    network::{Network, must},
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Attempts to kill a command in the middle of its work.
const ATTEMPTS: usize = 200;

fn json(directory: &Path, line: &str) -> Value {
    serde_json::from_str(&must(directory, &format!("{line} --json"))).unwrap()
}

fn refused(directory: &Path, line: &str, code: i32, says: &str) -> Done {
    let done = run_in(directory, line, "");
    assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{line}: {}", done.stderr);
    assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    done
}

/// Chain, block and digest of each chain, as the store or a backup tells them.
fn digests(value: &Value, number: &str) -> Vec<(u64, u64, String)> {
    let chains = value.as_array().unwrap().iter();
    let digest = |chain: &Value| {
        let text = chain["digest"].as_str().unwrap().to_owned();
        (chain["chain"].as_u64().unwrap(), chain[number].as_u64().unwrap(), text)
    };
    chains.map(digest).collect()
}

/// A directory whose resolver has a swap with its source locked; nothing runs over it.
fn with_a_swap() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::start(Some(&directory.path().join("data")));
    network.mine();
    network.submit_order(directory.path());
    network.mine_until(&["sourceLocked"]);
    network.kill();
    directory
}

#[test]
fn a_backup_restored_elsewhere_has_the_same_digests_and_each_step_says_what_it_did() {
    let place = with_a_swap();
    let at = place.path();
    let taken = json(at, "backup --data-dir data/resolver --out one.bmnbackup");
    refused(at, "backup --data-dir data/resolver --out one.bmnbackup", 2, "exists");
    assert_eq!(taken["masterKey"], "data/resolver/master.key");
    let checked = json(at, "verify --backup one.bmnbackup");
    for field in ["digest", "chains", "tables", "keyCheck"] {
        assert_eq!(checked[field], taken[field], "{field}");
    }
    let key = "--master-key data/resolver/master.key";
    refused(at, &format!("restore one.bmnbackup --data-dir data {key}"), 2, "is not empty");
    let restored = json(at, &format!("restore one.bmnbackup --data-dir copy {key}"));
    assert_eq!(restored["hasMasterKey"], true);
    let (original, copy) =
        (json(at, "verify --data-dir data/resolver"), json(at, "verify --data-dir copy"));
    assert_eq!(original, copy, "every digest");
    assert_eq!(digests(&copy, "to"), digests(&checked["chains"], "number"));

    let without = run_in(at, "restore one.bmnbackup --data-dir keyless", "");
    assert!(without.code == 0 && without.stderr.contains("without its master key"));
    refused(at, "verify --data-dir keyless", 1, "put the key back");
    fs::copy(at.join("data/resolver/master.key"), at.join("keyless/master.key")).unwrap();
    assert_eq!(json(at, "verify --data-dir keyless"), copy);

    let dated = json(at, "backup --data-dir data/resolver --dir many --keep 1");
    let again = json(at, "backup --data-dir data/resolver --dir many --keep 1");
    assert_eq!(again["deleted"], serde_json::json!([dated["file"]]));
    assert_eq!(fs::read_dir(at.join("many")).unwrap().count(), 1);
}

#[test]
fn a_backup_that_is_no_backup_is_refused_and_nothing_is_written() {
    let place = with_a_swap();
    let at = place.path();
    must(at, "backup --data-dir data/resolver --out one");
    let whole = fs::read(at.join("one")).unwrap();
    fs::write(at.join("short"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at.join("text"), "this is no backup at all").unwrap();
    for (file, says) in [("short", "nothing was written"), ("text", "it is no backup of bmn")] {
        refused(at, &format!("verify --backup {file}"), 1, says);
        refused(at, &format!("restore {file} --data-dir copy"), 1, says);
    }
    refused(at, "restore none --data-dir copy", 2, "none");
    fs::write(at.join("other.key"), [1; 32]).unwrap();
    only_ours(&at.join("other.key"));
    let wrong = "restore one --data-dir copy --master-key other.key";
    refused(at, wrong, 1, "the master key does not belong to");
    assert!(!at.join("copy").exists(), "nothing was written");
    refused(at, "backup --data-dir nowhere", 2, "nowhere");
    refused(at, "backup --dir many", 2, "--config");
    assert!(!at.join("nowhere").exists());
}

#[cfg(unix)]
fn only_ours(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_running_node_is_not_disturbed_and_the_next_step_is_named() {
    let place = tempfile::tempdir().unwrap();
    let network = Network::start(Some(&place.path().join("data")));
    refused(place.path(), "backup --data-dir data/resolver", 2, "bmn backup --rpc URL");
    refused(place.path(), "compact --data-dir data/resolver", 1, "another bmn is running");
    network.mine();
}

#[test]
fn a_running_node_makes_a_backup_when_it_is_asked_to_and_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let network = Network::start(Some(&at.join("data")));
    network.mine();
    network.submit_order(at);
    network.mine_until(&["sourceLocked"]);
    let taken = json(at, &format!("backup --rpc {}", network.resolver));
    let file = taken["file"].as_str().unwrap();
    assert_eq!(json(at, &format!("verify --backup {file}"))["digest"], taken["digest"]);
    network.mine_until(&["bothLocked"]);
    network.kill();
    must(at, &format!("restore {file} --data-dir copy --master-key data/resolver/master.key"));
    let copy = json(at, "verify --data-dir copy");
    let found = digests(&copy, "to");
    assert_eq!(found, digests(&taken["chains"], "number"));
    // The node is further on; at the blocks of the backup it tells the same.
    for (chain, number, digest) in found {
        let line = format!("verify --data-dir data/resolver --chain {chain} --to {number}");
        assert_eq!(json(at, &line)[0]["digest"], digest);
    }
}

// The backup was taken before the destination was funded. What the chain shows of our account since then is found
// again: nothing is funded twice (M8, M9).
#[test]
fn a_restored_node_that_is_behind_its_own_nonces_funds_nothing_twice() {
    let place = with_a_swap();
    let at = place.path();
    let data = at.join("data");
    must(at, "backup --data-dir data/resolver --out one");
    fs::copy(data.join("resolver/master.key"), at.join("key")).unwrap();
    let network = Network::start(Some(&data));
    network.mine_until(&["bothLocked"]);
    assert_eq!(network.destinations(), 1);
    network.kill();

    fs::remove_dir_all(data.join("resolver")).unwrap();
    must(at, "restore one --data-dir data/resolver --master-key key");
    let network = Network::start(Some(&data));
    network.mine_until(&["bothLocked"]);
    for _ in 0..6 {
        network.mine();
    }
    assert_eq!(network.destinations(), 1, "funded once");
    must(at, &format!("secret submit --secret-file secret --rpc {}", network.resolver));
    network.mine_until(&["completed"]);
    assert_eq!(network.destinations(), 1, "funded once");
}

/// Starts a command and kills it as soon as `begun`; false when it was done before.
fn killed(at: &Path, line: &str, begun: impl Fn() -> bool) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bmn"))
        .args(line.split_whitespace())
        .current_dir(at)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !begun() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_kill_in_the_middle_of_a_backup_or_a_restore_loses_nothing_and_leaves_nothing() {
    let place = with_a_swap();
    let at = place.path();
    let before = json(at, "verify --data-dir data/resolver");
    let partial = || {
        let entries = fs::read_dir(at.join("many")).into_iter().flatten().flatten();
        entries.into_iter().any(|it| it.path().extension().is_some_and(|it| it == "partial"))
    };
    let line = "backup --data-dir data/resolver --dir many --keep 3";
    let hit = (0..ATTEMPTS).any(|_| killed(at, line, partial) && partial());
    assert!(hit, "no attempt left a half written backup");
    let taken = json(at, line);
    assert!(!partial(), "the next one clears what was left");
    let file = taken["file"].as_str().unwrap();
    assert_eq!(
        digests(&json(at, &format!("verify --backup {file}"))["chains"], "number"),
        digests(&before, "to")
    );

    let line = format!("restore {file} --data-dir copy --master-key data/resolver/master.key");
    let begun = || at.join("copy/bmn.restoring").exists();
    let hit = (0..ATTEMPTS).any(|_| {
        let hit = killed(at, &line, begun) && begun();
        if !hit {
            let _ = fs::remove_dir_all(at.join("copy"));
        }
        hit
    });
    assert!(hit, "no attempt left a half made directory");
    let error = run_in(at, "compact --data-dir copy", "");
    assert!(error.code != 0 && !at.join("copy/bmn.redb").exists(), "not taken for a store");
    must(at, &line);
    assert_eq!(json(at, "verify --data-dir copy"), before);
    assert_eq!(json(at, "verify --data-dir data/resolver"), before);
}

#[test]
fn a_kill_in_the_middle_of_a_compaction_loses_nothing() {
    let place = with_a_swap();
    let at = place.path();
    let before = json(at, "verify --data-dir data/resolver");
    let database = at.join("data/resolver/bmn.redb");
    let touched = || fs::metadata(&database).and_then(|it| it.modified()).unwrap();
    let mut hits = 0;
    for attempt in 0..20 {
        let at_rest = touched();
        // Its first write is that of the epoch; a later moment each time.
        let looks = std::cell::Cell::new(0u32);
        let begun = || {
            looks.set(looks.get() + u32::from(touched() != at_rest));
            looks.get() > attempt * 50
        };
        hits += u32::from(killed(at, "compact --data-dir data/resolver", begun));
        assert_eq!(json(at, "verify --data-dir data/resolver"), before, "after kill {attempt}");
    }
    assert!(hits > 0, "no attempt was killed in time");
    let done = json(at, "compact --data-dir data/resolver");
    assert!(done["after"].as_u64() <= done["before"].as_u64(), "{done}");
    assert_eq!(json(at, "verify --data-dir data/resolver"), before);
    let network = Network::start(Some(&at.join("data")));
    network.mine_until(&["bothLocked"]);
}

/// A directory with a database of an older schema, as the store's own tests have it.
fn older(at: &Path, schema: u32) {
    let packed = match schema {
        1 => include_bytes!("../../../../crates/store/tests/fixtures/schema-1.redb.zst").as_slice(),
        _ => include_bytes!("../../../../crates/store/tests/fixtures/schema-2.redb.zst"),
    };
    let data = at.join("old");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir(&data).unwrap();
    fs::write(data.join("bmn.redb"), zstd::bulk::decompress(packed, 64 << 20).unwrap()).unwrap();
    fs::write(data.join("master.key"), [7; 32]).unwrap();
    only_ours(&data.join("master.key"));
}

/// Rows of each table of what is ours.
fn ours(at: &Path) -> Vec<Value> {
    let _ = fs::remove_file(at.join("look"));
    let value = json(at, "backup --data-dir old --out look");
    let tables = value["tables"].as_array().unwrap().iter();
    tables.filter(|it| it["table"] != "meta").cloned().collect()
}

#[test]
fn a_kill_in_the_middle_of_a_migration_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for schema in [1, 2] {
        older(at, schema);
        let migrated = ours(at);
        let mut hits = 0;
        for attempt in 0..20 {
            older(at, schema);
            let database = at.join("old/bmn.redb");
            let touched = || fs::metadata(&database).and_then(|it| it.modified()).unwrap();
            let (at_rest, looks) = (touched(), std::cell::Cell::new(0u32));
            let begun = || {
                looks.set(looks.get() + u32::from(touched() != at_rest));
                looks.get() > attempt * 20
            };
            let _ = fs::remove_file(at.join("look"));
            hits += u32::from(killed(at, "backup --data-dir old --out look", begun));
            let _ = fs::remove_file(at.join("look"));
            assert_eq!(ours(at), migrated, "schema {schema}, kill {attempt}");
        }
        assert!(hits > 0, "no attempt was killed in time");
    }
}
