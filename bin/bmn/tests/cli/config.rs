//! `bmn config`, and a configuration that is changed while a real node runs.

use crate::{
    bmn::{Done, run, run_in},
    network::must,
    run_node::{Running, config, follows},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Looks before something is called stuck.
const PATIENCE: u32 = 2_000;
/// An account of the public mnemonic that nothing else uses.
const KEY: &str = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const MAKER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

fn with(text: &str, line: &str, variables: &[(&str, &str)]) -> Done {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bmn.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bmn"));
    let command = command.current_dir(directory.path()).args(line.split_whitespace());
    let output = command.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn plain(more: &str) -> String {
    let more = format!("index_only = true\n{more}");
    config(["http://127.0.0.1:9/v2/hunter2", "http://127.0.0.1:9"], &more)
}

#[test]
fn every_value_is_shown_with_its_origin_and_no_secret() {
    let line = "config show --config bmn.toml --origin --set alerts.queue_depth=7";
    let variables = [("BMN_CONFIG__POLICY__MIN_PROFIT_BPS", "25")];
    let shown = with(&plain("[policy]\nslippage_bps = 9"), line, &variables);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    for part in [
        "[policy]\nmin_profit_bps            25\n",
        "environment BMN_CONFIG__POLICY__MIN_PROFIT_BPS",
        "slippage_bps              9                    file bmn.toml:6\n",
        "max_open_orders           1000                 default\n",
        "queue_depth               7                    flag --set alerts.queue_depth\n",
        "state_sync                \"*/30 * * * * *\"     profile test\n",
        "http://127.0.0.1:9/…",
    ] {
        assert!(shown.stdout.contains(part), "{part}\n{}", shown.stdout);
    }
    assert!(!shown.stdout.contains("hunter2"), "{}", shown.stdout);
    let widest = shown.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}");
    let json = with(&plain(""), "config show --config bmn.toml --origin --all --json", &variables);
    let all = json.json();
    let of =
        |key: &str| all.as_array().unwrap().iter().find(|it| it["key"] == key).unwrap().clone();
    assert_eq!(of("mode"), json!({ "key": "mode", "value": null, "origin": "not set" }));
    assert_eq!(of("policy.min_profit_bps")["value"], "25");
}

#[test]
fn a_check_tells_everything_that_is_wrong_in_every_layer() {
    let good = with(&plain(""), "config check --config bmn.toml --json", &[]);
    assert_eq!((good.code, &good.json()["problems"]), (0, &json!(0)), "{}", good.stderr);
    let variables = [("BMN_CONFIG__POLICY__MAX_OPEN_ORDERS", "many")];
    let bad = plain("[policy]\nmin = 1\n[retention]\norders_days = 40000");
    let done = with(&bad, "config check --config bmn.toml --set rpc_limits.burst=0", &variables);
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    for part in [
        "bmn.toml: 4 problems",
        "line 6: unknown key `policy.min`",
        "line 8: `retention.orders_days`: expected 0 to 36500",
        "flag --set rpc_limits.burst: `rpc_limits.burst`: expected a whole number from 1",
        "environment BMN_CONFIG__POLICY__MAX_OPEN_ORDERS: `policy.max_open_orders`: expected a whole number",
    ] {
        assert!(done.stderr.contains(part), "{part}\n{}", done.stderr);
    }
    let time = plain("[schedules]\nhealth_check = \"0 61 * * * *\"");
    let done = with(&time, "config check --config bmn.toml", &[]);
    assert_eq!(done.code, 2, "{}", done.stdout);
    assert!(done.stderr.contains("line 6: `schedules.health_check`"), "{}", done.stderr);
    let flag = format!("config check --config bmn.toml --set signer.key={KEY}");
    let done = with(&plain(""), &flag, &[]);
    assert!(done.code == 2 && done.stderr.contains("never comes from a flag"), "{}", done.stderr);
    assert!(!done.stderr.contains(&KEY[2..]), "{}", done.stderr);
}

#[test]
fn the_schema_names_types_units_and_defaults() {
    let keys = run("config schema --json", "").json();
    let keys = keys.as_array().unwrap();
    let of = |key: &str| keys.iter().find(|it| it["key"] == key).unwrap();
    let profit = of("policy.min_profit_bps");
    let expected = json!({
        "key": "policy.min_profit_bps", "type": "number", "unit": "bps", "default": "10",
        "live": true, "secret": false, "description": "least profit after gas",
    });
    assert_eq!(*profit, expected);
    assert_eq!(
        (&of("chains[].endpoints")["secret"], &of("rpc")["live"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(of("schedules.daily_report")["default"], "\"0 0 0 * * *\"");
    let text = run("config schema", "").stdout;
    assert!(
        text.contains("rpc\n    where the public methods are served\n    text; address; default")
    );
}

fn history(at: &Path) -> Vec<Value> {
    let done = run_in(at, "config history --config bmn.toml --json", "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    done.json().as_array().unwrap().clone()
}

/// Waits until the newest version is settled and there are `count`; answers it.
fn settled(at: &Path, count: usize) -> Value {
    for _ in 0..PATIENCE {
        let versions = history(at);
        if let Some(last) = versions.get(count - 1).filter(|last| last["outcome"] != "pending") {
            return last.clone();
        }
    }
    panic!("version {count} is not settled: {:?}", history(at));
}

/// What the node says of a new order.
fn submitted(at: &Path, network: &Running, rpc: &str) -> String {
    let source = network.text("/chains/0/url");
    must(
        at,
        &format!(
            "order new --from-chain 1337 --to-chain 1338 --sell 1000 TKA --buy 1950 USDX \
             --maker {MAKER} --chain-rpc {source} --secret-file secret -o order.json"
        ),
    );
    must(at, "order sign order.json --dev-account 3");
    let done = run_in(at, &format!("order submit order.json --json --rpc {rpc}"), "");
    fs::remove_file(at.join("secret")).unwrap();
    fs::remove_file(at.join("order.json")).unwrap();
    format!("{}{}", done.stdout, done.stderr)
}

#[test]
fn a_limit_that_is_written_decides_the_next_order_and_a_kill_loses_no_version() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Running::start(at, "dev --ports 0 --json");
    let urls = [network.text("/chains/0/url"), network.text("/chains/1/url")];
    fs::write(at.join("key"), KEY).unwrap();
    let mode = Command::new("chmod").args(["600", "key"]).current_dir(at).status();
    assert!(mode.unwrap().success());
    let text = |most: &str| {
        config(urls, &format!("[signer]\nkey_file = \"key\"\n[policy]\nmax_order_value = {most}"))
    };
    let write = |most: &str| {
        // As an editor does: never half a file.
        fs::write(at.join("bmn.toml.tmp"), text(most)).unwrap();
        fs::rename(at.join("bmn.toml.tmp"), at.join("bmn.toml")).unwrap();
    };
    write("1");
    let node = Running::start(at, "node --config bmn.toml --json");
    let rpc = node.text("/rpc").to_owned();
    follows(&rpc, 0, urls[0]);
    follows(&rpc, 1, urls[1]);
    let told = submitted(at, &network, &rpc);
    assert!(told.contains("tooLarge"), "{told}");
    write("10_000_000_000");
    let applied = settled(at, 2);
    assert_eq!(applied["outcome"], "applied");
    let took = applied["settledMs"].as_u64().unwrap() - applied["timeMs"].as_u64().unwrap();
    assert!(took < 1_000, "{took} ms");
    let told = submitted(at, &network, &rpc);
    assert!(!told.contains("tooLarge"), "{told}");
    write("\"much\"");
    let refused = settled(at, 3);
    assert_eq!((&refused["outcome"], &refused["text"]), (&json!("refused"), &Value::Null));

    let diff = run_in(at, "config diff 1 2 --config bmn.toml --json", "").json();
    assert_eq!(
        diff,
        json!([{ "key": "policy.max_order_value", "before": "1", "after": "10000000000" }])
    );
    // The file is broken now: it is put back, and the node takes it.
    let asked = run_in(at, "config rollback 1 --config bmn.toml", "no\n");
    assert!(asked.code == 1 && asked.stderr.contains("nothing was changed"), "{}", asked.stderr);
    must(at, "config rollback 1 --config bmn.toml --yes");
    assert_eq!(fs::read_to_string(at.join("bmn.toml")).unwrap(), text("1"));
    assert_eq!(fs::read_to_string(at.join("bmn.toml.before-1")).unwrap(), text("\"much\""));
    assert_eq!(settled(at, 4)["outcome"], "applied");
    killed_while_it_changes(at, node, &write);
    assert_eq!(network.stop(), 0);
}

/// A node that dies while it takes a change has the old configuration or the new one, and its history is whole.
fn killed_while_it_changes(at: &Path, mut node: Running, write: &dyn Fn(&str)) {
    for round in 0..4usize {
        let before = history(at).len();
        write(&format!("{}", 100 + round));
        // The moment that the version is there, applied or not.
        for _ in 0..PATIENCE {
            if fs::read_dir(at.join("data/config-history")).unwrap().count() > before {
                break;
            }
        }
        drop(node);
        node = Running::start(at, "node --config bmn.toml --json");
        let versions = history(at);
        assert!(versions.iter().all(|version| version["outcome"] != "pending"), "{versions:?}");
        let last = versions.iter().rev().find(|it| it["outcome"] == "applied").unwrap();
        let value = format!("max_order_value = {}", 100 + round);
        assert!(last["text"].as_str().unwrap().contains(&value), "{last}");
        let numbers: Vec<u64> =
            versions.iter().map(|version| version["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
    assert_eq!(node.stop(), 0);
}

#[test]
fn what_there_is_not_is_said() {
    let none = with(&plain(""), "config history --config bmn.toml", &[]);
    assert!(
        none.code == 0 && none.stdout.contains("a node writes the first one"),
        "{}",
        none.stderr
    );
    for line in ["config diff 3", "config rollback 3"] {
        let done = with(&plain(""), &format!("{line} --config bmn.toml"), &[]);
        assert!(
            done.code == 2 && done.stderr.contains("no version 3: there is none"),
            "{}",
            done.stderr
        );
    }
    let broken = with("[", "config history --config bmn.toml", &[]);
    assert!(broken.code == 2 && broken.stderr.contains("--data-dir"), "{}", broken.stderr);
}
