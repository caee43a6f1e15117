//! Chain specifications, good and bad, through the public face of the crate.

use bmn_config::{ChainSpec, ConfigError, DevContract, Located, Problem, dev_chains};
use bmn_primitives::{ChainId, Dialect, ErrorClass};

const GOOD: &str = include_str!("../../../chainspecs/dev-a.toml");

fn refused(from: &str, to: &str) -> ConfigError {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "`{from}` is not in the specification");
    ChainSpec::from_toml(&text, "a.toml").expect_err("the specification is still good")
}

fn line_of(text: &str) -> usize {
    1 + GOOD.lines().position(|line| line.contains(text)).expect("no such line")
}

fn only(error: &ConfigError) -> &Located {
    assert_eq!(error.problems.len(), 1, "{error}");
    &error.problems[0]
}

#[test]
fn both_development_chains_list_what_is_deployed_on_them() {
    let specs = dev_chains().unwrap();
    assert_eq!(specs.each_ref().map(|spec| spec.chain_id), [ChainId(1337), ChainId(1338)]);
    assert_eq!(specs.each_ref().map(|spec| spec.name.as_str()), ["Chain A", "Chain B"]);
    for spec in &specs {
        let protocol = DevContract::LimitOrderProtocol.address();
        let [plain, access] = spec.factories.as_slice() else { panic!("{:?}", spec.factories) };
        assert_eq!(plain.address, DevContract::Factory.address());
        assert_eq!(plain.access_token, None);
        assert_eq!(access.address, DevContract::AccessFactory.address());
        assert_eq!(access.access_token, Some(DevContract::AccessToken.address()));
        for factory in &spec.factories {
            assert_eq!(factory.dialect, Dialect::Bmn4);
            assert_eq!(factory.limit_order_protocol, protocol);
        }
        let token = |symbol| spec.token_named(symbol).map(|token| (token.address, token.decimals));
        assert_eq!(token("WETH"), Some((DevContract::Weth.address(), 18)));
        assert_eq!(token("TKA"), Some((DevContract::TokenA.address(), 18)));
        assert_eq!(token("USDX"), Some((DevContract::UsdX.address(), 6)));
        assert_eq!(spec.true_tokens, [DevContract::TrueToken.address()]);
    }
}

#[test]
fn the_deployment_order_is_the_nonce() {
    for (nonce, contract) in (0..).zip(DevContract::ALL) {
        assert_eq!(contract.nonce(), nonce, "{contract:?}");
    }
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let error = refused("confirmations =", "confirmation =");
    let unknown = error.problems.iter().find(|located| located.line.is_some()).unwrap();
    assert_eq!(unknown.line, Some(line_of("confirmations =")));
    assert_eq!(
        unknown.problem.to_string(),
        "unknown key `confirmation`: did you mean `confirmations`?"
    );
    let missing = error.problems.iter().find(|located| located.line.is_none()).unwrap();
    assert!(missing.to_string().starts_with("`confirmations` is missing"), "{missing}");
}

#[test]
fn an_unknown_key_far_from_all_lists_the_known_ones() {
    let error = refused("[minimums]", "[minimums]\ncolour = \"red\"");
    assert_eq!(
        only(&error).problem.to_string(),
        "unknown key `minimums.colour`: known here are native_balance, order_value"
    );
}

#[test]
fn an_unknown_dialect_names_the_field_and_what_is_accepted() {
    let error = refused("\"bmn4\"", "\"bmn9\"");
    assert_eq!(
        only(&error).to_string(),
        format!(
            "line {}: `factories[0].dialect`: expected a known dialect: \"bmn1\", \"bmn11\", \
             \"bmn23\", \"bmn302\", \"bmn4\", \"oneinch1\" or \"oneinch2\", found \"bmn9\"",
            line_of("dialect =")
        )
    );
    assert_eq!(error.class(), ErrorClass::Permanent);
}

#[test]
fn a_bad_address_is_refused_where_it_stands() {
    let factory = "address = \"0x5FC8d32690cc91D4c39d9d3abcBD16989F875707\"";
    let error = refused(factory, "address = \"0x5FC8\"");
    let located = only(&error);
    assert_eq!(located.line, Some(line_of(factory)));
    assert!(matches!(&located.problem, Problem::Unexpected { key, found, .. }
        if key == "factories[0].address" && found == "\"0x5FC8\""));
}

#[test]
fn a_private_key_in_the_wrong_line_is_not_repeated() {
    let key = format!("0x{}", "5e".repeat(32));
    let error = refused("0x5FbDB2315678afecb367f032d93F642f64180aa3", &key);
    assert!(!format!("{error} {error:?}").contains("5e5e"), "{error}");
    let error = refused("chain_id = 1337", &format!("chain_id = {key}"));
    assert!(!format!("{error} {error:?}").contains("5e5e"), "{error}");
}

#[test]
fn every_problem_is_reported_at_once_and_in_order() {
    let text = GOOD
        .replace("chain_id = 1337", "chain_id = \"1337\"")
        .replace("block_time_secs = 4", "block_time_secs = 0")
        .replace("decimals = 6", "decimals = 99")
        .replace("price = 2_000_000\n", "cost = 2\n")
        .replacen("\"bmn4\"", "4", 1);
    let error = ChainSpec::from_toml(&text, "a.toml").unwrap_err();
    let lines: Vec<_> = error.problems.iter().map(|located| located.line).collect();
    assert!(lines.is_sorted(), "{error}");
    let shown = error.to_string();
    assert!(shown.starts_with("a.toml: 6 problems\n"), "{shown}");
    for key in [
        "`chain_id`",
        "`block_time_secs`",
        "`factories[0].dialect`",
        "`tokens[1].price`",
        "`tokens[1].cost`",
        "`tokens[2].decimals`",
    ] {
        assert!(shown.contains(key), "{key} is not in {shown}");
    }
}

#[test]
fn broken_toml_is_refused_with_its_line() {
    let error = refused("chain_id = 1337", "chain_id = = 1337");
    let syntax =
        error.problems.iter().find(|located| matches!(located.problem, Problem::Syntax(_)));
    assert_eq!(syntax.and_then(|located| located.line), Some(line_of("chain_id")));
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let cases = [
        ("finality_depth = 32", "finality_depth = 2", "less than the 3 confirmations"),
        (
            "0xa513E6E4b8f2a923D98304ec87F64353C4D5C853",
            "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
            "is listed twice",
        ),
        ("symbol = \"TKA\"", "symbol = \"ETH\"", "the symbol ETH names two things"),
        (
            "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
            "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
            "TKA has a price: a fill would pay it",
        ),
    ];
    for (from, to, expected) in cases {
        let error = refused(from, to);
        assert!(only(&error).to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_chain_without_factories_is_refused() {
    let start = GOOD.find("# As on mainnet").unwrap();
    let end = GOOD.find("[[tokens]]").unwrap();
    let text = format!("{}{}", &GOOD[..start], &GOOD[end..]);
    let error = ChainSpec::from_toml(&text, "a.toml").unwrap_err();
    assert_eq!(only(&error).to_string(), "`factories`: no factory to watch");
}
