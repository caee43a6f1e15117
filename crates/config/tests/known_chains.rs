//! The built-in specifications of public chains.

use alloy::primitives::{Address, B256, keccak256};
use bmn_config::{ChainSpec, CodeError, FactorySpec};
use bmn_contracts::{KNOWN_FACTORIES, known_factory};
use bmn_primitives::{ChainId, Dialect};
use std::collections::BTreeSet;

fn all() -> Vec<ChainSpec> {
    ChainSpec::known_names().map(|name| ChainSpec::named(name).expect(name)).collect()
}

fn public() -> impl Iterator<Item = ChainSpec> {
    all().into_iter().filter(|spec| ![1337, 1338].contains(&spec.chain_id.0))
}

#[test]
fn every_built_in_specification_reads_and_has_the_id_it_is_listed_under() {
    let ids: Vec<_> = all().iter().map(|spec| spec.chain_id.0).collect();
    assert_eq!(ids, [1, 10, 56, 100, 137, 1337, 1338, 8453, 42161, 42793, 43114]);
    for spec in all() {
        assert_eq!(ChainSpec::known(spec.chain_id), Ok(Some(spec.clone())));
        assert_eq!(ChainSpec::named(&spec.chain_id.to_string()), Ok(spec));
    }
    assert_eq!(ChainSpec::known(ChainId(5)), Ok(None));
    assert_eq!(ChainSpec::named("BASE").map(|spec| spec.chain_id), Ok(ChainId(8453)));
}

#[test]
fn every_file_is_built_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../chainspecs");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder of chain specifications")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    assert_eq!(files, ChainSpec::known_names().map(str::to_owned).collect());
}

#[test]
fn a_mistyped_name_gets_the_nearest_and_a_strange_one_the_list() {
    let error = ChainSpec::named("etherium").unwrap_err().to_string();
    assert_eq!(error, "no chain `etherium` is built in: did you mean `ethereum`?");
    let error = ChainSpec::named("sepolia").unwrap_err().to_string();
    assert!(error.contains("known are ethereum, optimism"), "{error}");
}

#[test]
fn every_known_deployment_is_watched_and_those_that_lock_funds_are_indexed_only() {
    let mut watched = BTreeSet::new();
    for spec in public() {
        for factory in &spec.factories {
            let known = known_factory(factory.address).expect("a known deployment");
            assert_eq!(factory.dialect, known.dialect, "{} on {}", known.release, spec.name);
            assert_eq!(factory.index_only, known.locks_funds, "{} on {}", known.release, spec.name);
            let version = factory.version.as_deref().unwrap();
            let number = known.release.rsplit(' ').next().unwrap();
            assert!(version.ends_with(number), "{version} is {}", known.release);
            watched.insert(factory.address);
        }
    }
    let known: BTreeSet<Address> = KNOWN_FACTORIES.iter().map(|known| known.address).collect();
    assert_eq!(watched, known);
}

#[test]
fn public_chains_are_indexed_and_nothing_is_settled_on_them_without_prices() {
    for spec in public() {
        assert!(spec.tokens.is_empty(), "{}", spec.name);
        assert_eq!(spec.native.price, 0);
        for factory in &spec.factories {
            assert!(factory.start_block.is_none_or(|start| start >= spec.start_block));
            assert_eq!(factory.code_hash, None);
            let known_protocol = !factory.limit_order_protocol.is_zero();
            assert!(known_protocol || factory.index_only, "{}", factory.address);
        }
    }
}

#[test]
fn the_versions_of_one_chain_are_those_that_are_on_it() {
    let on = |chain| -> Vec<(Dialect, usize)> {
        let spec = ChainSpec::known(ChainId(chain)).unwrap().unwrap();
        let count = |dialect| spec.factories.iter().filter(|f| f.dialect == dialect).count();
        Dialect::ALL
            .map(|dialect| (dialect, count(dialect)))
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect()
    };
    let bmn = [
        (Dialect::Bmn1, 1),
        (Dialect::Bmn11, 2),
        (Dialect::Bmn23, 2),
        (Dialect::Bmn302, 3),
        (Dialect::Bmn4, 1),
        (Dialect::OneInch1, 1),
    ];
    assert_eq!(on(8453), bmn);
    assert_eq!(on(10), bmn);
    assert_eq!(on(1), [(Dialect::OneInch1, 1), (Dialect::OneInch2, 1)]);
    assert_eq!(on(42793), [(Dialect::Bmn1, 1), (Dialect::Bmn11, 1)]);
    for chain in [56, 100, 137, 42161, 43114] {
        assert_eq!(on(chain), [(Dialect::OneInch1, 1)], "{chain}");
    }
}

fn read(text: &str) -> Result<ChainSpec, String> {
    ChainSpec::from_toml(text, "own.toml").map_err(|error| error.to_string())
}

fn base() -> String {
    include_str!("../../../chainspecs/base.toml").to_owned()
}

#[test]
fn tokens_need_prices_a_priced_coin_and_minimums() {
    let token = "\n[[tokens]]\nsymbol = \"T\"\naddress = \
                 \"0x0000000000000000000000000000000000000007\"\ndecimals = 18\nprice = 5\n";
    let error = read(&(base() + token)).unwrap_err();
    assert!(error.contains("2 problems"), "{error}");
    assert!(error.contains("`native`: needs a price above 0"), "{error}");
    assert!(error.contains("`minimums`: is missing"), "{error}");
    let priced = base().replace("symbol = \"ETH\"", "symbol = \"ETH\"\nprice = 9")
        + "\n[minimums]\norder_value = 0\nnative_balance = 0\n";
    assert_eq!(read(&(priced.clone() + token)).map(|spec| spec.tokens.len()), Ok(1));
    let error = read(&(priced + &token.replace("price = 5", "price = 0"))).unwrap_err();
    assert!(error.contains("the price of T is 0"), "{error}");
}

#[test]
fn a_factory_that_is_not_index_only_names_its_limit_order_protocol() {
    let error = read(&base().replace("index_only = true", "index_only = false")).unwrap_err();
    assert!(error.contains("limit_order_protocol` is missing"), "{error}");
    let error = read(&base().replacen("index_only = true", "index_onyl = true", 1)).unwrap_err();
    assert!(error.contains("did you mean `index_only`?"), "{error}");
    let error = read(&base().replace("start_block = 34_110_108", "start_block = 1")).unwrap_err();
    assert!(error.contains("starts before the chain's start_block"), "{error}");
    let short = "code_hash = \"0x1234\"\nrescue_delay_secs";
    let error = read(&base().replacen("rescue_delay_secs", short, 1)).unwrap_err();
    assert!(error.contains("expected a hash: 0x and 64 hex digits"), "{error}");
}

#[test]
fn code_is_compared_where_the_specification_states_its_hash() {
    let mut spec = ChainSpec::named("base").unwrap();
    let factory: &mut FactorySpec = &mut spec.factories[0];
    let (address, code) = (factory.address, [0x60, 0x80]);
    assert_eq!(factory.check_code(&[]), Err(CodeError::Missing { factory: address }));
    assert_eq!(factory.check_code(&code), Ok(()));
    factory.code_hash = Some(keccak256(code));
    assert_eq!(factory.check_code(&code), Ok(()));
    factory.code_hash = Some(B256::ZERO);
    let error = factory.check_code(&code).unwrap_err();
    let found = keccak256(code);
    assert_eq!(error, CodeError::Differs { factory: address, expected: B256::ZERO, found });
    for part in [address.to_string(), found.to_string(), "code_hash".to_owned()] {
        assert!(error.to_string().contains(&part), "{error}");
    }
}
