//! `bmn top` and `bmn doctor` over a real `bmn dev`, in a small window and in a large one.

use crate::{
    bmn::{Done, run},
    network::Network,
};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// The resolver's key in the public mnemonic, account 2.
const KEY: &str = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";

const PANELS: [&str; 7] = [
    "Swaps by state",
    "Chains",
    "Next windows",
    "Queue lanes",
    "Balances and reservations",
    "Trends",
    "Last errors and alerts",
];

/// Runs `bmn` as in a window of so many columns.
fn run_wide(directory: &Path, line: &str, columns: usize) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_bmn"))
        .current_dir(directory)
        .env_remove("BMN_RPC")
        .env_remove("BMN_JWT_SECRET")
        .env("COLUMNS", columns.to_string())
        .args(line.split_whitespace())
        .output()
        .unwrap();
    let done = Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= columns, "{columns} columns: {line}");
    }
    done
}

fn endpoints(network: &Network) -> String {
    let [a, b] = &network.chains;
    format!("--rpc {} --chain-rpc {a} --chain-rpc {b}", network.resolver)
}

#[test]
fn a_picture_of_a_running_network_has_every_panel_and_its_facts() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Network::start(None);
    network.submit_order(at);
    network.mine_until(&["bothLocked"]);
    let hash = network.swaps()[0]["orderHash"].as_str().unwrap().to_owned();
    let short = format!("{}…{}", &hash[..8], &hash[hash.len() - 4..]);
    let named = |columns| if columns < 180 { short.as_str() } else { hash.as_str() };
    let told = endpoints(&network);
    for (columns, rows) in [(80, 24), (200, 50)] {
        let line = format!("top --once --size {columns}x{rows} {told}");
        let done = run_wide(at, &line, columns);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
        let text = done.stdout;
        assert_eq!(text.lines().count(), rows, "{text}");
        for part in PANELS.iter().copied().chain([
            "healthy, acting",
            "bothLocked",
            "Chain A",
            "Chain B",
            "USDX",
            "1/1",
            named(columns),
            "in ",
            "nothing to look at",
        ]) {
            assert!(text.contains(part), "{part}:\n{text}");
        }
    }
    let first = head(&network, at);
    let model = run(&format!("top --json {told}"), "").json();
    let last = head(&network, at);
    assert_eq!(model["states"], serde_json::json!([{ "state": "bothLocked", "count": 1 }]));
    assert_eq!(
        (&model["chains"][0]["id"], &model["chains"][1]["id"]),
        (&1337.into(), &1338.into())
    );
    let shown = model["chains"][0]["head"].as_u64().unwrap();
    assert!(first <= shown && shown <= last, "{first} <= {shown} <= {last}");
    assert_eq!(model["swaps"][0]["order"], hash.as_str());
    let windows = model["swaps"][0]["windows"].as_array().unwrap();
    let opens = |what: &str| windows.iter().find(|it| it["what"] == what).unwrap()["at"].clone();
    let swap = &network.swaps()[0];
    assert_eq!(opens("dst withdraw"), swap["planned"]["windows"]["withdraw"]["start"]);
    assert_eq!(opens("src cancel"), swap["source"]["windows"]["cancel"]["start"]);
    let balances = model["balances"]["known"].as_array().unwrap();
    let locked = balances.iter().find(|it| it["chain"] == "Chain B" && it["token"] == "USDX");
    assert_eq!(locked.unwrap()["locked"], "1950", "{balances:?}");
    assert!(model["lanes"]["known"].as_array().unwrap().len() == 2, "{model}");
}

fn head(network: &Network, at: &Path) -> u64 {
    let line = format!("status --json --rpc {}", network.resolver);
    let status = crate::bmn::run_in(at, &line, "").json();
    status["chains"][0]["head"]["number"].as_u64().unwrap()
}

#[test]
fn a_healthy_network_has_no_error_and_a_lost_chain_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Network::start(None);
    network.mine();
    let line = format!("doctor {}", endpoints(&network));
    for columns in [80, 200] {
        let done = run_wide(at, &line, columns);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
        for part in ["Chain A (1337)", "Chain B (1338)", "allowances are granted", "0 errors"] {
            assert!(done.stdout.contains(part), "{part}:\n{}", done.stdout);
        }
    }
    let done = run_wide(at, &format!("{line} --json"), 10_000);
    let findings = done.json()["findings"].as_array().unwrap().clone();
    assert!(findings.iter().all(|it| it["severity"] != "error"), "{findings:?}");
    let [a, b] = &network.chains;
    configure(at, [a, b], "");
    let done = run_wide(at, "doctor", 80);
    assert_eq!(done.code, 0, "what is not begun is no error: {}", done.stdout);
    for part in [
        "bmn.toml can be read",
        "is the key of",
        "no node answers at",
        "$ bmn node --config bmn.toml",
    ] {
        assert!(done.stdout.contains(part), "{part}:\n{}", done.stdout);
    }
    for columns in [80, 200] {
        let done = run_wide(at, "config show --origin --config bmn.toml", columns);
        assert_eq!(done.code, 0, "{}", done.stderr);
        for part in ["data_dir", "bmn.toml", "key_file", a.as_str(), b.as_str()] {
            assert!(done.stdout.contains(part), "{part}:\n{}", done.stdout);
        }
    }
    configure(at, [a, a], "operations = \"192.0.2.1:1\"");
    let done = run_wide(at, "doctor", 80);
    assert_eq!(done.code, 1);
    let told = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["is chain 1337, expected chain 1338", "this machine has no address 192.0.2.1"] {
        assert!(told.contains(part), "{part}:\n{}", done.stdout);
    }
    assert!(done.stdout.starts_with("ERROR"), "the worst comes first: {}", done.stdout);
    assert!(done.stderr.contains("lines with ERROR"), "{}", done.stderr);
}

/// A configuration whose node would listen at free ports, with its key in a file.
fn configure(at: &Path, urls: [&str; 2], more: &str) {
    let text = format!(
        "data_dir = \"data\"\nrpc = \"127.0.0.1:{}\"\n{more}\nsigner.key_file = \"key\"\n\
         [[chains]]\nspec = \"dev-a\"\nendpoints = [\"{}\"]\n\
         [[chains]]\nspec = \"dev-b\"\nendpoints = [\"{}\"]\n",
        free_port(),
        urls[0],
        urls[1]
    );
    fs::write(at.join("bmn.toml"), text).unwrap();
    fs::write(at.join("key"), KEY).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(at.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn without_a_node_both_say_what_to_do() {
    let done = run("top --once --rpc http://127.0.0.1:9", "");
    assert_eq!((done.code, done.stdout.as_str()), (3, ""));
    assert!(done.stderr.contains("`bmn dev` or `bmn node` starts a resolver"), "{}", done.stderr);
    let directory = tempfile::tempdir().unwrap();
    let done = run_wide(directory.path(), "doctor --rpc http://127.0.0.1:9", 80);
    assert_eq!(done.code, 1);
    assert!(done.stdout.contains("no node answers at http://127.0.0.1:9"), "{}", done.stdout);
    assert!(done.stdout.contains("bmn dev starts one"), "{}", done.stdout);
    for (line, says) in [
        ("top --once --size 80", "as in 80x24"),
        ("top --size 80x24", "--once"),
        ("top --every 0", "1..=3600"),
        ("top --once --chain-rpc ftp://a", "http:// or https://"),
        ("doctor --rpc nowhere", "expected a URL"),
    ] {
        let done = run_wide(directory.path(), line, 10_000);
        let told = format!("{}{}", done.stdout, done.stderr);
        assert!(done.code != 0 && told.contains(says), "{line}: {told}");
    }
}

#[test]
fn no_key_in_a_url_or_a_file_is_ever_shown() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let urls = ["http://me:hunter2@127.0.0.1:9/v3/APIKEY", "http://127.0.0.1:9/?key=APIKEY"];
    configure(at, urls, "");
    for line in ["doctor", "doctor --json"] {
        let done = run_wide(at, line, 10_000);
        let told = format!("{}{}", done.stdout, done.stderr);
        for secret in ["hunter2", "APIKEY", &KEY[2..]] {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
        assert_eq!(done.code, 1, "{told}");
    }
    let value: Value = run_wide(at, "doctor --json", 10_000).json();
    let chains =
        value["findings"].as_array().unwrap().iter().filter(|it| it["severity"] == "error");
    assert!(chains.count() >= 2, "{value}");
}
