//! Orders of every dialect, made here, taken and settled by a real `bmn dev`.

use crate::{
    bmn::{Done, run_in},
    network::Network,
};
use serde_json::Value;
use std::{fs, path::Path};

const MAKER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const SOMEBODY: &str = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";

fn done(directory: &Path, line: &str) -> Done {
    let done = run_in(directory, line, "");
    assert_eq!(done.code, 0, "{line}: {}{}", done.stdout, done.stderr);
    done
}

/// An order of a dialect, handed in; its hash.
fn order(network: &Network, at: &Path, dialect: &str, sold: u32, more: &str) -> String {
    let (name, source) = (format!("{dialect}-{sold}"), &network.chains[0]);
    let bought = f64::from(sold) * 1.9;
    let new = format!(
        "order new --dialect {dialect} --from-chain 1337 --to-chain 1338 --sell {sold} TKA \
         --buy {bought} USDX --maker {MAKER} --chain-rpc {source} --secret-file {name}.secret \
         -o {name}.json --json {more}"
    );
    let made = done(at, &new).json();
    assert_eq!(made["dialect"], dialect);
    done(at, &format!("order sign {name}.json --dev-account 3"));
    let submit = format!("order submit {name}.json --rpc {} --json", network.resolver);
    let taken = done(at, &submit).json();
    assert_eq!(taken["decision"], "accepted", "{taken}");
    assert_eq!(taken["orderHash"], made["orderHash"]);
    made["orderHash"].as_str().unwrap().to_owned()
}

fn has_status(swap: &Value, hash: &str, status: &str) -> bool {
    swap["orderHash"] == hash && swap["status"] == status
}

/// Gives each secret away when both escrows stand, and mines until so many orders are completed.
fn settle(network: &Network, at: &Path, hashes: &[(String, String)], count: usize) -> Vec<Value> {
    for _ in 0..400 {
        network.mine();
        let swaps = network.swaps();
        for (hash, file) in hashes {
            let is_due = |swap: &Value| has_status(swap, hash, "bothLocked");
            if swaps.iter().any(|swap| is_due(swap) && swap["secret"] == "unknown") {
                let line = format!("secret submit --secret-file {file} --rpc {}", network.resolver);
                done(at, &line);
            }
        }
        if swaps.len() == count && swaps.iter().all(|swap| swap["status"] == "completed") {
            return swaps;
        }
    }
    let swaps = network.swaps();
    let told = |swap: &Value| format!("{} {} {}", swap["dialect"], swap["status"], swap["jobs"]);
    panic!("{:#?}", swaps.iter().map(told).collect::<Vec<_>>());
}

#[test]
fn orders_of_every_dialect_are_taken_and_settled() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Network::start(None);
    network.mine();
    let mut orders = Vec::new();
    for (dialect, more) in [
        ("bmn4", "--deposit 0.001".to_owned()),
        ("bmn302", String::new()),
        ("oneinch1", "--deposit 0.001 --src-deposit 0.002 --credit-fee 1".to_owned()),
        ("oneinch2", format!("--integrator-fee 120 {SOMEBODY} --nonce 7")),
    ] {
        let hash = order(&network, at, dialect, 900, &more);
        orders.push((hash, format!("{dialect}-900.secret")));
    }
    let swaps = settle(&network, at, &orders, orders.len());
    let mut dialects: Vec<_> = swaps.iter().map(|swap| swap["dialect"].as_str().unwrap()).collect();
    dialects.sort_unstable();
    assert_eq!(dialects, ["bmn302", "bmn4", "oneinch1", "oneinch2"]);
    network.kill();
}

#[test]
fn an_order_in_parts_is_settled_secret_by_secret() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Network::start(None);
    network.mine();
    // Worth more than one order may be: it takes two fills.
    let hash = order(&network, at, "oneinch1", 6_000, "--parts 4");
    let file = "oneinch1-6000.secret".to_owned();
    let rpc = format!("--rpc {}", network.resolver);
    let early = run_in(at, &format!("secret submit --secret-file {file} {rpc}"), "");
    assert_eq!(early.code, 1, "{}{}", early.stdout, early.stderr);
    assert!(early.stderr.contains("no secret is due"), "{}", early.stderr);

    let swaps = settle(&network, at, &[(hash.clone(), file.clone())], 2);
    let ids = swaps.iter().map(|swap| swap["orderId"].as_str().unwrap());
    let leaves: Vec<_> = ids.map(|id| id.rsplit_once(':').unwrap().1.to_owned()).collect();
    assert_eq!(leaves, ["3", "4"], "five sixths of it, and the rest");

    let secrets = fs::read_to_string(at.join(&file)).unwrap();
    assert_eq!(secrets.lines().count(), 5);
    for command in ["show", "explain"] {
        let text = done(at, &format!("order {command} {hash} {rpc} --json")).stdout;
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(&format!("{hash}:3")) && text.contains(&format!("{hash}:4")));
    }
    let unused = run_in(at, &format!("secret submit --secret-file {file} --index 0 {rpc}"), "");
    assert_eq!(unused.code, 4, "no part has it: {}{}", unused.stdout, unused.stderr);
    for line in secrets.lines() {
        assert!(!format!("{}{}", unused.stdout, unused.stderr).contains(&line[2..]));
    }
    network.kill();
}
