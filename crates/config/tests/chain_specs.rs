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
        let [plain, access, others @ ..] = spec.factories.as_slice() else {
            panic!("{:?}", spec.factories)
        };
        assert_eq!(plain.address, DevContract::Factory.address());
        assert_eq!(plain.access_token, None);
        assert_eq!(access.address, DevContract::AccessFactory.address());
        assert_eq!(access.access_token, Some(DevContract::AccessToken.address()));
        for factory in [plain, access] {
            assert_eq!(factory.dialect, Dialect::Bmn4);
            assert_eq!(factory.limit_order_protocol, protocol);
        }
        let one_inch = DevContract::OneInchLimitOrderProtocol.address();
        let expected = [
            (Dialect::Bmn302, DevContract::Bmn302Factory, protocol, false),
            (Dialect::OneInch1, DevContract::OneInch1Factory, one_inch, true),
            (Dialect::OneInch2, DevContract::OneInch2Factory, one_inch, true),
        ];
        assert_eq!(others.len(), expected.len());
        for (factory, (dialect, contract, protocol, access)) in others.iter().zip(expected) {
            assert_eq!((factory.dialect, factory.address), (dialect, contract.address()));
            assert_eq!(factory.limit_order_protocol, protocol);
            assert_eq!(factory.access_token.is_some(), access);
        }
        assert_eq!(spec.resolver_contract, Some(DevContract::ResolverContract.address()));
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

const SOURCES: &str = r#"
[[tokens]]
symbol = "FED"
address = "0x1111111111111111111111111111111111111111"
decimals = 18
price = 2_000_000
flags = ["blocklist", "pausable"]
max_open_value = 5_000_000
[tokens.prices]
max_spread_bps = 50
[[tokens.prices.sources]]
name = "feed"
kind = "feed"
max_age_secs = 3600
contract = "0x2222222222222222222222222222222222222222"
[[tokens.prices.sources]]
name = "pool"
kind = "pool"
max_age_secs = 60
contract = "0x3333333333333333333333333333333333333333"
token = "0x1111111111111111111111111111111111111111"
other_decimals = 6
other_price = 1_000_000
[[tokens.prices.sources]]
name = "web"
kind = "http"
max_age_secs = 120
url = "https://prices.example/KEY"
pointer = "/data/price"
time_pointer = "/data/time"

[[confirmation_steps]]
from_value = 1_000_000_000
confirmations = 12
"#;

fn with_sources(from: &str, to: &str) -> Result<ChainSpec, ConfigError> {
    let text = format!("op_stack = true\n{GOOD}{SOURCES}").replacen(from, to, 1);
    ChainSpec::from_toml(&text, "a.toml")
}

#[test]
fn a_specification_says_where_prices_come_from_and_what_large_orders_ask_for() {
    let spec = with_sources("", "").unwrap();
    assert!(spec.op_stack);
    let [step] = spec.confirmation_steps.as_slice() else {
        panic!("{:?}", spec.confirmation_steps)
    };
    assert_eq!((step.from_value, step.confirmations), (1_000_000_000, 12));
    let token = spec.token_named("FED").unwrap();
    assert_eq!(token.flags, ["blocklist", "pausable"]);
    assert_eq!(token.max_open_value, Some(5_000_000));
    let prices = token.prices.as_ref().unwrap();
    let names: Vec<_> = prices.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!((prices.max_spread_bps, names), (50, vec!["feed", "pool", "web"]));
    assert!(!format!("{prices:?}").contains("KEY"), "a URL may hold a key: {prices:?}");
}

#[test]
fn a_wrong_price_source_is_named_with_what_is_accepted_and_its_url_is_not_shown() {
    for (from, to, says) in [
        ("kind = \"feed\"", "kind = \"oracle\"", "\"feed\", \"pool\" or \"http\""),
        ("name = \"pool\"", "name = \"feed\"", "the name \"feed\" is there twice"),
        ("max_age_secs = 3600", "max_age_secs = 0", "a whole number from 1"),
        ("https://prices.example/KEY", "ftp://KEY", "http:// or https://, or env:NAME"),
        ("\"/data/price\"", "\"data.price\"", "a JSON pointer"),
        ("\"blocklist\"", "\"blocklisted\"", "fee_on_transfer"),
        ("other_price = 1_000_000", "other_price = 0", "a whole number from 1"),
        ("max_spread_bps = 50", "max_spread = 50", "did you mean `max_spread_bps`?"),
        ("confirmations = 12", "confirmations = 1", "more confirmations than the one before it"),
        ("confirmations = 12", "confirmations = 100000", "more than finality_depth"),
        ("op_stack = true", "op_stack = 1", "true or false"),
    ] {
        let error = with_sources(from, to).expect_err(to).to_string();
        assert!(error.contains(says) && !error.contains("KEY"), "{to}: {error}");
    }
}
