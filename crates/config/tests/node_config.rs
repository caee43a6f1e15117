//! The configuration of `bmn node`.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::address;
use bmn_config::{
    Access, ConfigError, DEFAULT_RPC, DailyCap, EndpointSource, KeySource, NodeConfig, NodeOrigin,
    PasswordSource, Policy, PrivateEndpoint, SpendingLimits,
};
use bmn_primitives::ChainId;
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
fn the_mode_and_the_admin_methods_are_off_the_beaten_path_unless_asked_for() {
    let config = read(EXAMPLE, false).unwrap();
    assert_eq!((config.mode, config.access), (None, Access::default()));
    let with = |line: &str| {
        read(
            &EXAMPLE.replacen("index_only = false", &format!("index_only = false\n{line}"), 1),
            false,
        )
    };
    let config = with("mode = \"percent = 5\"\nadmin_rpc = \"127.0.0.1:1\"").unwrap();
    assert_eq!(config.mode.as_deref(), Some("percent=5"));
    assert_eq!(config.access.admin_rpc, Some(([127, 0, 0, 1], 1).into()));
    assert_eq!(config.operations, None);
    let config = with("operations = \"127.0.0.1:9547\"").unwrap();
    assert_eq!(config.operations, Some(([127, 0, 0, 1], 9547).into()));
    let moved = with("admin = true").unwrap_err().to_string();
    assert!(moved.contains("`admin`: there is no such key any more"), "{moved}");
    for wrong in ["mode = \"half\"", "mode = \"percent=101\"", "mode = 5"] {
        let error = with(wrong).unwrap_err().to_string();
        assert!(error.contains("\"shadow\" or \"percent=N\""), "{error}");
    }
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
            "`signer`: missing: say where the key is (key_env, key_file, keystore or remote), or \
             index_only = true",
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

fn with_signer(signer: &str) -> String {
    format!("data_dir = \"d\"\n[signer]\n{signer}\n{CHAINS}")
}

#[test]
fn a_keystore_names_its_password_and_a_remote_signer_its_account() {
    let signer = |text: &str| read(&with_signer(text), false).unwrap().signer.unwrap();
    let keystore = |password| KeySource::Keystore { path: "/etc/bmn/k.json".into(), password };
    assert_eq!(
        signer("keystore = \"k.json\"\npassword_file = \"p\""),
        keystore(PasswordSource::File("/etc/bmn/p".into()))
    );
    assert_eq!(
        signer("keystore = \"k.json\"\npassword_env = \"WORD\""),
        keystore(PasswordSource::Env("WORD".to_owned()))
    );
    let account = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    let remote =
        |endpoint: &str| signer(&format!("remote = \"{endpoint}\"\naccount = \"{account}\""));
    let endpoint = EndpointSource::Env("SIGNER".to_owned());
    assert_eq!(remote("env:SIGNER"), KeySource::Remote { endpoint, account });
    let shown = format!("{:?}", remote("https://signer/s3cr3t"));
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a_signer_is_named_once_and_with_all_it_needs() {
    let account = "account = \"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"";
    for (signer, expected) in [
        (
            "".to_owned(),
            "`signer.key_env`: missing, and so are key_file, key_command, keystore, remote",
        ),
        ("key_env = \"K\"\nkeystore = \"k\"".to_owned(), "`signer.key_env`: keystore is given too"),
        ("keystore = \"k\"".to_owned(), "`signer.keystore`: missing: say where the password is"),
        ("key_env = \"K\"\npassword_env = \"P\"".to_owned(), "only a keystore has a password"),
        (
            "keystore = \"k\"\npassword_env = \"P\"\npassword_file = \"p\"".to_owned(),
            "`signer.password_env`: password_file is given too",
        ),
        ("remote = \"http://s\"".to_owned(), "`signer.account`: missing"),
        (format!("key_env = \"K\"\n{account}"), "only a remote signer is told its account"),
        (format!("remote = \"ws://u:hunter2@s\"\n{account}"), "`signer.remote`: expected a URL"),
    ] {
        let told = problems(&with_signer(&signer)).join("\n");
        assert!(told.contains(expected), "{expected}\nis not in\n{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn caps_are_by_chain_and_token_and_named_once() {
    let caps = "key_env = \"K\"
max_gas_fee = 100_000_000_000
daily_caps = [
  { chain = 1337, most = 1_000_000_000_000_000_000 },
  { chain = 1338, token = \"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\", most = 5 },
]";
    let found = read(&with_signer(caps), false).unwrap().spending;
    let token = Some(address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
    let expected = SpendingLimits {
        max_gas_fee: Some(100_000_000_000),
        daily_caps: vec![
            DailyCap { chain: ChainId(1337), token: None, most: 10u128.pow(18) },
            DailyCap { chain: ChainId(1338), token, most: 5 },
        ],
    };
    assert_eq!(found, expected);
    let none = read(&with_signer("key_env = \"K\""), false).unwrap().spending;
    assert_eq!(none, SpendingLimits::default());
    for (wrong, told) in [
        (
            caps.replace("1338", "1337")
                .replace("token = \"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\", ", ""),
            "chain 1337 caps the coin twice",
        ),
        (caps.replace("100_000_000_000", "0"), "0 would send nothing"),
        (caps.replace("most = 5", "least = 5"), "most"),
    ] {
        let found = problems(&with_signer(&wrong)).join("\n");
        assert!(found.contains(told), "{told}\nis not in\n{found}");
    }
}

#[test]
fn a_private_endpoint_is_an_endpoint_and_falls_back_only_when_told() {
    let private = |more: &str| {
        let text = format!("data_dir = \"d\"\nsigner.key_env = \"K\"\n{CHAINS}{more}");
        read(&text, false).unwrap().chains[1].private.clone()
    };
    assert_eq!(private(""), None);
    let endpoint = EndpointSource::Env("RELAY".to_owned());
    let never = PrivateEndpoint { endpoint, fallback_after: None };
    let written = "private_endpoint = \"env:RELAY\"\n";
    assert_eq!(private(written), Some(never.clone()));
    let after = format!("{written}private_fallback_blocks = 3");
    assert_eq!(private(&after), Some(PrivateEndpoint { fallback_after: Some(3), ..never }));
    for (more, expected) in [
        ("private_fallback_blocks = 3", "no private_endpoint to fall back from"),
        ("private_endpoint = \"ftp://u:hunter2@r\"", "private_endpoint`: expected a URL"),
        ("private_endpoint = \"https://r\"\nprivate_fallback_blocks = 0", "from 1"),
    ] {
        let text = format!("data_dir = \"d\"\nsigner.key_env = \"K\"\n{CHAINS}{more}");
        let told = problems(&text).join("\n");
        assert!(told.contains(expected) && !told.contains("hunter2"), "{told}");
    }
}
