//! What stands above the file, what is told of every key, and what holds where nothing is written.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_config::{
    ConfigError, JOBS, KEYS, Loaded, NodeConfig, NodeOrigin, Override, Profile, SettingOrigin,
    key_of,
};
use std::{collections::BTreeSet, io, path::Path};

const FILE: &str = "data_dir = \"data\"\nindex_only = true\n\n[policy]\nmin_profit_bps = 12\n\n[[chains]]\n\
                    spec = \"dev-a\"\nendpoints = [\"https://user:hunter2@node.example/v2/hunter2?k=hunter2\"]\n";

fn read(text: &str, overrides: &[Override]) -> Result<Loaded, ConfigError> {
    let origin = NodeOrigin {
        name: "bmn.toml",
        directory: Path::new("/etc/bmn"),
        index_only: false,
        read: &|_| Err(io::ErrorKind::NotFound.into()),
    };
    NodeConfig::from_layers(text, overrides, &origin)
}

fn environment(variables: &[(&str, &str)]) -> Vec<Override> {
    let owned = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Override::from_environment(owned)
}

fn setting(loaded: &Loaded, path: &str) -> (String, SettingOrigin) {
    let found = loaded.settings.iter().find(|setting| setting.path == path).unwrap();
    (found.value.clone(), found.origin.clone())
}

#[test]
fn a_flag_stands_above_the_environment_above_the_file_above_the_default() {
    let variable = ("BMN_CONFIG__POLICY__MIN_PROFIT_BPS", "25");
    let flag = Override::from_flag("policy.min_profit_bps = 40").unwrap();
    let bps = |text: &str, above: &[Override]| {
        let loaded = read(text, above).unwrap();
        (loaded.config.policy.min_profit_bps, setting(&loaded, "policy.min_profit_bps").1)
    };
    let plain = FILE.replace("min_profit_bps = 12\n", "");
    assert_eq!(bps(&plain, &[]), (10, SettingOrigin::Default));
    assert_eq!(bps(FILE, &[]), (12, SettingOrigin::File { line: 5 }));
    let mut above = environment(&[variable]);
    let from = SettingOrigin::Above("environment BMN_CONFIG__POLICY__MIN_PROFIT_BPS".to_owned());
    assert_eq!(bps(FILE, &above), (25, from));
    above.push(flag);
    let from = SettingOrigin::Above("flag --set policy.min_profit_bps".to_owned());
    assert_eq!(bps(FILE, &above), (40, from));
}

#[test]
fn a_table_that_the_file_lacks_and_a_place_in_a_list_can_be_reached() {
    let above = environment(&[
        ("BMN_CONFIG__DATA_DIR", "123"),
        ("BMN_CONFIG__RPC_LIMITS__BURST", "7"),
        ("BMN_CONFIG__CHAINS__0__ENDPOINTS", "[\"http://a\", \"env:NODE\"]"),
        ("BMN_CONFIG__SCHEDULES__DAILY_REPORT", "0 30 6 * * *"),
        ("BMN_CONFIG__INDEX_ONLY", "true"),
        ("BMN_RPC", "not ours"),
        ("BMN_CONFIGURATION", "not ours"),
    ]);
    let config = read(FILE, &above).unwrap().config;
    assert_eq!(config.data_dir, Path::new("/etc/bmn/123"));
    assert_eq!(config.access.limits.burst, 7);
    assert_eq!(config.chains[0].endpoints.len(), 2);
    assert_eq!(config.upkeep.schedules.cron("daily_report"), Some("0 30 6 * * *"));
}

#[test]
fn mistakes_of_every_layer_are_told_at_once_and_each_names_where_it_stands() {
    let mut above = environment(&[
        ("BMN_CONFIG__POLICY__MAX_OPEN_ORDERS", "many"),
        ("BMN_CONFIG__POLICY__MIN_PROFIT_BSP", "25"),
        ("BMN_CONFIG__INDEX_ONLY", "maybe"),
        ("BMN_CONFIG__CHAINS__7__POLL_MS", "50"),
        ("BMN_CONFIG__DATA_DIR__X", "1"),
        ("BMN_CONFIG__KEEPER__ENABLED", "true\nwin_bps = 9"),
    ]);
    above.push(Override::from_flag("alerts.min_severity=loud").unwrap());
    let text = FILE.replace("min_profit_bps = 12", "min_profit_bps = \"x\"");
    let told = read(&text, &above).unwrap_err().to_string();
    for part in [
        "bmn.toml: 8 problems",
        "line 5: `policy.min_profit_bps`: expected a whole number of at most 63 bits, found \"x\"",
        "environment BMN_CONFIG__POLICY__MAX_OPEN_ORDERS: `policy.max_open_orders`: expected a whole number",
        "environment BMN_CONFIG__POLICY__MIN_PROFIT_BSP: unknown key `policy.min_profit_bsp`: did you mean `min_profit_bps`?",
        "environment BMN_CONFIG__INDEX_ONLY: `index_only`: expected true or false, found \"maybe\"",
        "environment BMN_CONFIG__CHAINS__7__POLL_MS: `chains.7.poll_ms`: `chains` is a list of 1: expected a position from 0",
        "environment BMN_CONFIG__DATA_DIR__X: `data_dir.x`: `data_dir` is no table",
        "environment BMN_CONFIG__KEEPER__ENABLED: `keeper.enabled`: expected true or false",
        "flag --set alerts.min_severity: `alerts.min_severity`: expected \"info\", \"warning\" or \"critical\", found \"loud\"",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn a_secret_comes_from_no_flag_and_is_shown_nowhere() {
    for text in [
        "signer.key=0x5de4111afa1a4b94908f83103eb1f170",
        "signer.private_key=0x5de4111afa1a4b94908f83103eb1f170",
        "chains[0].endpoints=[\"https://x/5de4111afa1a4b94908f83103eb1f170\"]",
        "chains.0.private_endpoint=https://x/5de4111afa1a4b94908f83103eb1f170",
        "alerts.webhook=https://x/5de4111afa1a4b94908f83103eb1f170",
    ] {
        let told = Override::from_flag(text).unwrap_err();
        assert!(told.contains("never comes from a flag") && !told.contains("5de4"), "{told}");
    }
    for text in ["signer.key_file=key", "signer.key_env=KEY", "alerts.webhook=env:HOOK"] {
        Override::from_flag(text).unwrap();
    }
    for text in ["policy", "=3", "policy..x=3"] {
        assert!(Override::from_flag(text).unwrap_err().contains("--set KEY=VALUE"), "{text}");
    }
    let webhook = "[alerts]\nwebhook = \"https://hooks.example/hunter2\"\nheartbeat = \"command:pass show hunter2\"\n\
                   [signer]\nkey_command = [\"pass\", \"hunter2\"]";
    let loaded = read(&format!("{FILE}{webhook}"), &[]).unwrap();
    assert!(!format!("{:?}", loaded.settings).contains("hunter2"), "{:?}", loaded.settings);
    assert!(!format!("{:?}", loaded.config).contains("hunter2"), "{:?}", loaded.config);
    assert_eq!(setting(&loaded, "chains[0].endpoints").0, "[\"https://node.example/…\"]");
    assert_eq!(setting(&loaded, "alerts.heartbeat").0, "\"command:pass …\"");
    assert_eq!(loaded.secrets.len(), 4);
    // What stands above a value does not make it less of a secret.
    let text = format!("{FILE}{webhook}");
    let above = environment(&[("BMN_CONFIG__ALERTS__WEBHOOK", "env:HOOK")]);
    let loaded = read(&text, &above).unwrap();
    let kept = bmn_config::without_secrets(&text, &loaded.secrets);
    assert!(!kept.contains("hunter2"), "{kept}");
    let wrong = FILE.replace("endpoints = [\"", "endpoints = \"").replacen("\"]", "\"", 1);
    let error = read(&wrong, &[]).unwrap_err().to_string();
    assert!(error.contains("endpoints") && !error.contains("node.example/"), "{error}");
}

/// Every table that a configuration can have, so that the reader asks for every key there is.
const WHOLE: &str = "data_dir = \"d\"\n[signer]\nkey_env = \"K\"\n[[signer.daily_caps]]\nchain = 1\nmost = 1\n\
                     [[policy.routes]]\nfrom = 1\nto = 2\nmax_value = 1\n[[balances.least]]\nchain = 1\namount = 1\n\
                     [[chains]]\nspec = \"dev-a\"\nendpoints = [\"http://a\"]\n\
                     [[chains]]\nspec = \"dev-b\"\nendpoints = [\"http://b\"]\n";

#[test]
fn the_list_of_keys_is_what_the_reader_asks_for() {
    let loaded = read(WHOLE, &[]).unwrap();
    let asked: BTreeSet<&str> = loaded
        .settings
        .iter()
        .map(|setting| {
            let key = key_of(&setting.path);
            key.unwrap_or_else(|| panic!("{} is in no list", setting.path)).path
        })
        .collect();
    let listed: BTreeSet<&str> = KEYS.iter().map(|key| key.path).collect();
    assert_eq!(asked, listed);
    assert_eq!(listed.len(), KEYS.len(), "each once");
}

#[test]
fn what_has_a_default_shows_it() {
    let loaded = read(WHOLE, &[]).unwrap();
    for setting in &loaded.settings {
        let is_unset = setting.origin == SettingOrigin::Unset;
        assert_eq!(setting.value.is_empty(), is_unset, "{setting:?}");
    }
    assert_eq!(setting(&loaded, "rpc").0, "\"127.0.0.1:8547\"");
    assert_eq!(setting(&loaded, "policy.max_order_value").0, "10000000000");
}

#[test]
fn development_chains_have_the_test_profile_and_others_that_of_mainnet() {
    let schedules = |text: &str| read(text, &[]).unwrap().config.upkeep;
    let test = schedules(FILE);
    assert_eq!((test.profile, test.schedules.cron("daily_backup")), (Profile::Test, None));
    assert_eq!(test.schedules.cron("timelock_monitor"), Some("*/10 * * * * *"));
    let public = FILE.replace("dev-a", "ethereum");
    let mainnet = schedules(&public);
    assert_eq!(mainnet.profile, Profile::Mainnet);
    assert_eq!(mainnet.schedules.cron("timelock_monitor"), Some("0 * * * * *"));
    assert_eq!(mainnet.schedules.cron("daily_report"), Some("0 0 0 * * *"));
    let stated = format!("profile = \"test\"\n{public}[schedules]\nhealth_check = \"off\"");
    let stated = schedules(&stated);
    assert_eq!((stated.profile, stated.schedules.cron("health_check")), (Profile::Test, None));
    assert_eq!(stated.schedules.0.len(), JOBS.len());
    let place =
        |job: &str| stated.schedules.0.iter().find(|it| it.job == job).unwrap().place.clone();
    assert!(place("health_check").unwrap().starts_with("line "));
    assert_eq!(place("state_sync"), None);
    let origin = setting(&read(FILE, &[]).unwrap(), "schedules.state_sync").1;
    assert_eq!(origin, SettingOrigin::Profile(Profile::Test));
}

#[test]
fn what_contradicts_itself_or_makes_no_sense_is_told() {
    for (more, told) in [
        ("[schedules]\nhealth_check = \"* * * * *\"", "cron text of six fields"),
        ("[schedules]\nhealth_chek = \"off\"", "did you mean `health_check`?"),
        ("[retention]\norders_days = 36501", "expected 0 to 36500"),
        ("[retention]\nindex_days = 36501", "`retention.index_days`: expected 0 to 36500"),
        (
            "[alerts]\nwebhook = \"wss://x\"",
            "`alerts.webhook`: expected a URL that begins with http://",
        ),
        ("[alerts]\ncapacity_percent = 101", "expected 1 to 100"),
        ("[alerts]\nrepeat_secs = 0", "a whole number from 1"),
        (
            "[[balances.least]]\nchain = 1\namount = 1\n[[balances.least]]\nchain = 1\namount = 2",
            "names the coin twice",
        ),
        ("[telemetry]\nlog_format = \"xml\"", "\"text\" or \"json\""),
        ("[backup]\nkeep = 0", "a whole number from 1"),
    ] {
        let error = read(&format!("{FILE}{more}"), &[]).unwrap_err().to_string();
        assert!(error.contains(told), "{more}\n{error}");
    }
    let error = read(&format!("profile = \"prod\"\n{FILE}"), &[]).unwrap_err().to_string();
    assert!(error.contains("`profile`: expected \"test\" or \"mainnet\""), "{error}");
    let broken = read("data_dir = \n[policy", &[]).unwrap_err().to_string();
    assert!(broken.contains("line 1: not TOML") && broken.contains("line 2: not TOML"), "{broken}");
}

const SPEC: &str = include_str!("../../../chainspecs/dev-a.toml");

fn with_spec(spec: &str, more: &str) -> Loaded {
    let origin = NodeOrigin {
        name: "bmn.toml",
        directory: Path::new("/etc/bmn"),
        index_only: false,
        read: &|_| Ok(spec.to_owned()),
    };
    let text = format!("{}{more}", FILE.replace("dev-a", "a.toml"));
    NodeConfig::from_layers(&text, &[], &origin).unwrap()
}

#[test]
fn prices_and_limits_can_change_while_the_node_runs_and_the_rest_is_named() {
    let running = with_spec(SPEC, "");
    let price = SPEC.lines().find(|line| line.starts_with("price = ")).unwrap();
    let dearer = with_spec(&SPEC.replacen(price, "price = 777", 1), "");
    assert_ne!(dearer.config.chains[0].spec, running.config.chains[0].spec);
    assert_eq!(dearer.needs_restart(&running), Vec::<String>::new());
    let more = "[schedules]\nstate_sync = \"off\"\n[alerts]\nlag_blocks = 3\n[telemetry]\nfilter = \"debug\"\n";
    let told = with_spec(SPEC, more);
    assert_eq!(told.needs_restart(&running), Vec::<String>::new());
    assert_eq!(running.config.with_live_of(&told.config), told.config);
    let live = running.config.with_live_of(&dearer.config);
    assert_eq!(live, dearer.config);
    let deeper = SPEC.lines().find(|line| line.starts_with("inclusion_blocks = ")).unwrap();
    let slower = with_spec(
        &SPEC.replacen(deeper, "inclusion_blocks = 9", 1),
        "poll_ms = 70\n[keeper]\nenabled = true\n",
    );
    let named = ["chains[0].poll_ms", "keeper.enabled", "the specification of Chain A"];
    assert_eq!(slower.needs_restart(&running), named);
    assert_eq!(running.config.with_live_of(&slower.config), running.config);
    // Taken away is changed, too.
    assert_eq!(running.needs_restart(&slower), named);
}
