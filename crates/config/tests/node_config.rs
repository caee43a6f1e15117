//! The configuration of `bmn node`.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_config::{
    ConfigError, DEFAULT_RPC, EndpointSource, KeySource, NodeConfig, NodeOrigin, Policy,
};
use std::{io, path::Path};

const EXAMPLE: &str = include_str!("../../../etc/bmn.example.toml");
const DEV_B: &str = include_str!("../../../chainspecs/dev-b.toml");

fn read(text: &str, index_only: bool) -> Result<NodeConfig, ConfigError> {
    let files = |path: &Path| match path.to_str() {
        Some("/etc/bmn/b.toml") => Ok(DEV_B.to_owned()),
        Some("/etc/bmn/broken.toml") => Ok("name = 7\nchainid = 1".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let directory = Path::new("/etc/bmn");
    NodeConfig::from_toml(
        text,
        &NodeOrigin { name: "bmn.toml", directory, index_only, read: &files },
    )
}

fn problems(text: &str) -> Vec<String> {
    let error = read(text, false).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

const CHAINS: &str = "
[[chains]]
spec = \"dev-a\"
endpoints = [\"http://a\"]
[[chains]]
spec = \"b.toml\"
endpoints = [\"env:B_URL\", \"wss://b/KEY\"]
";

#[test]
fn the_example_is_a_configuration_and_states_the_defaults() {
    let config = read(EXAMPLE, false).unwrap();
    assert_eq!((config.rpc, config.policy), (DEFAULT_RPC, Policy::default()));
    assert_eq!(config.signer, Some(KeySource::Env("BMN_KEY".to_owned())));
    assert_eq!(config.data_dir, Path::new("/etc/bmn/bmn-data"));
    let ids: Vec<_> = config.chains.iter().map(|chain| chain.spec.chain_id.0).collect();
    assert_eq!((ids, config.index_only), (vec![1337, 1338], false));
}

#[test]
fn paths_are_relative_to_the_file_and_specs_come_from_files() {
    let text =
        format!("data_dir = \"data\"\nsigner = {{ key_file = \"k\" }}\n{CHAINS}start_block = 9");
    let config = read(&text, false).unwrap();
    assert_eq!(config.signer, Some(KeySource::File("/etc/bmn/k".into())));
    let b = &config.chains[1];
    assert_eq!((b.spec.name.as_str(), b.spec.start_block, b.agreement), ("Chain B", 9, 1));
    assert_eq!(b.endpoints[0], EndpointSource::Env("B_URL".to_owned()));
    assert!(!format!("{config:?}").contains("KEY"), "a URL may hold a key");
}

#[test]
fn an_index_needs_no_key_and_one_chain_whoever_says_that_it_is_one() {
    let one = "data_dir = \"d\"\n[[chains]]\nspec = \"dev-a\"\nendpoints = [\"http://a\"]";
    assert!(read(one, true).unwrap().index_only);
    assert!(read(&format!("index_only = true\n{one}"), false).unwrap().index_only);
    assert_eq!(
        problems(one),
        [
            "`signer`: missing: say where the key is (key_env or key_file), or index_only = true",
            "line 2: `chains`: a swap needs two chains, found 1 [[chains]]",
        ]
    );
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let text = "datadir = \"d\"
rpc = \"8547\"
[signer]
key_env = \"0xac09\"
[policy]
min_profit = 1
[[chains]]
spec = \"mainet\"
endpoints = [\"ftp://user:hunter2@a\", \"http://b\", \"http://b\"]
agreement = 3
[[chains]]
spec = \"broken.toml\"
endpoint = [\"http://b\"]
[[chains]]
spec = \"gone.toml\"
endpoints = [\"http://b\"]
";
    let told = problems(text).join("\n");
    for expected in [
        "`data_dir` is missing",
        "line 1: unknown key `datadir`: did you mean `data_dir`?",
        "line 2: `rpc`: expected an address and a port, as in \"127.0.0.1:8547\", found \"8547\"",
        "line 4: `signer.key_env`: expected the name of an environment variable",
        "line 6: unknown key `policy.min_profit`: ",
        "line 8: `chains[0].spec`: no chain `mainet` is built in: known are ethereum, ",
        "line 9: `chains[0].endpoints`: number 1: expected a URL",
        "line 9: `chains[0].endpoints`: number 3 is there twice",
        "line 10: `chains[0].agreement`: 3 of 1 endpoints cannot agree",
        "line 12: `chains[1].spec`: /etc/bmn/broken.toml: ",
        "unknown key `chainid`: did you mean `chain_id`?",
        "line 13: unknown key `chains[1].endpoint`: did you mean `endpoints`?",
        "line 15: `chains[2].spec`: /etc/bmn/gone.toml: ",
    ] {
        assert!(told.contains(expected), "{expected}\nis not in\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    assert!(!told.contains("a swap needs two chains"), "{told}");
}

#[test]
fn a_chain_is_listed_once() {
    let text =
        format!("data_dir = \"d\"\nsigner.key_env = \"K\"\n{CHAINS}").replace("b.toml", "dev-a");
    assert!(problems(&text).join("\n").contains("chain 1337 is listed twice"));
}
