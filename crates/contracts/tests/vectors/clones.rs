use crate::json::{DIALECTS, address, bytes, cases, get, hash, immutables, section, text, uint};
use alloy::{primitives::keccak256, sol_types::SolValue};
use bmn_contracts::{
    EscrowImplementations, KNOWN_FACTORIES, KnownFactory, bindings, bmn_factory_timelocks,
    clone_address, destination_escrow, immutables_hash, known_factory, proxy_bytecode_hash,
    proxy_init_code, source_escrow,
};
use bmn_primitives::{Dialect, Secret, Stage, Timelocks};
use serde_json::Value;

#[test]
fn proxies_have_the_contracts_code_and_hash() {
    for case in cases(section("proxy")) {
        let implementation = address(case, "implementation");
        assert_eq!(proxy_init_code(implementation)[..], bytes(case, "initCode")[..]);
        assert_eq!(proxy_bytecode_hash(implementation), hash(case, "bytecodeHash"));
    }
}

#[test]
fn immutables_hash_and_escrow_addresses_are_the_factorys() {
    for dialect in DIALECTS {
        for case in cases(&section("immutables")[dialect.name()]) {
            let name = text(case, "name");
            let factory = address(case, "factory");
            let implementations = EscrowImplementations {
                source: address(case, "srcImplementation"),
                destination: address(case, "dstImplementation"),
            };
            let value = immutables(&case["immutables"]);
            assert_eq!(
                EscrowImplementations::for_factory(dialect, factory),
                implementations,
                "{name}"
            );
            let salt = immutables_hash(dialect, &value);
            assert_eq!(salt, hash(case, "hash"), "{dialect} {name}");
            let source = source_escrow(dialect, factory, &implementations, &value);
            assert_eq!(source, address(case, "srcEscrow"), "{dialect} {name}");
            assert_eq!(source, clone_address(factory, implementations.source, salt));
            let destination = destination_escrow(dialect, factory, &implementations, &value);
            assert_eq!(destination, address(case, "dstEscrow"), "{dialect} {name}");
        }
    }
}

#[test]
fn the_bmn_preimage_is_the_abi_encoding() {
    let mut preimages = 0;
    for case in cases(&section("immutables")["bmn4"]) {
        if case.get("preimage").is_some() {
            let encoded = bindings::Immutables::from(&immutables(&case["immutables"])).abi_encode();
            assert_eq!(encoded, bytes(case, "preimage").to_vec());
            assert_eq!(keccak256(encoded), hash(case, "hash"));
            preimages += 1;
        }
    }
    assert!(preimages > 0);
}

#[test]
fn the_same_immutables_hash_differently_in_each_dialect() {
    for case in cases(&section("immutables")["bmn4"]) {
        let value = immutables(&case["immutables"]);
        assert_ne!(
            immutables_hash(Dialect::Bmn4, &value),
            immutables_hash(Dialect::OneInch2, &value)
        );
    }
}

fn assert_escrow(dialect: Dialect, case: &Value, immutables_key: &str, escrow_key: &str) {
    let factory = address(&section("immutables")[dialect.name()][0], "factory");
    let implementations = EscrowImplementations::for_factory(dialect, factory);
    let value = immutables(&case[immutables_key]);
    let derived = if escrow_key == "dstEscrow" {
        destination_escrow(dialect, factory, &implementations, &value)
    } else {
        source_escrow(dialect, factory, &implementations, &value)
    };
    assert_eq!(derived, address(case, escrow_key), "{dialect} {immutables_key}");
}

#[test]
fn escrows_of_the_recorded_swaps_are_where_they_were() {
    let mut checked = 0;
    for dialect in DIALECTS {
        for case in section("samples")[dialect.name()].as_object().unwrap().values() {
            for (value, escrow) in [
                ("srcImmutables", "srcEscrow"),
                ("dstImmutables", "dstEscrow"),
                ("immutables", "escrow"),
            ] {
                if case.get(value).is_some() && case.get(escrow).is_some() {
                    assert_escrow(dialect, case, value, escrow);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 10, "{checked}");
}

#[test]
fn implementations_of_known_deployments_follow_from_the_factory_unless_they_lock_funds() {
    let known = section("knownDeployments");
    let mut factories: Vec<&Value> = cases(&known["bmn"]["versions"]).iter().collect();
    factories.extend([&known["oneinch"]["v1"], &known["oneinch"]["v2025"]]);
    for case in &factories {
        let factory = address(case, "factory");
        let entry = known_factory(factory).unwrap();
        if let Some(version) = case["version"].as_str() {
            assert_eq!(entry.release, format!("BMN {version}"));
        }
        if case.get("srcImpl").is_none() || entry.dialect_name == "oneinch1" {
            continue;
        }
        let derived = EscrowImplementations::for_factory(Dialect::Bmn4, factory);
        let real = EscrowImplementations {
            source: address(case, "srcImpl"),
            destination: address(case, "dstImpl"),
        };
        assert_eq!(derived != real, entry.locks_funds, "{}", entry.release);
    }
    assert_eq!(KNOWN_FACTORIES.len(), factories.len());
    let served: Vec<_> = KNOWN_FACTORIES.iter().filter_map(KnownFactory::dialect).collect();
    assert_eq!(served, Dialect::ALL);
}

#[test]
fn hashlocks_are_hashes_of_secrets() {
    for case in cases(section("hashlock")) {
        let secret = Secret::new(hash(case, "secret").0);
        assert_eq!(secret.hashlock().0, hash(case, "hashlock"));
    }
}

const STAGES: [&str; 7] = [
    "srcWithdrawal",
    "srcPublicWithdrawal",
    "srcCancellation",
    "srcPublicCancellation",
    "dstWithdrawal",
    "dstPublicWithdrawal",
    "dstCancellation",
];

#[test]
fn timelocks_pack_and_add_as_the_library_does() {
    for case in cases(section("timelocks")) {
        let word = Timelocks(uint(case, "word"));
        let offsets = STAGES.map(|stage| get(case, stage));
        assert_eq!(Timelocks::pack(get(case, "deployedAt"), offsets), word);
        for (stage, name) in Stage::ALL.into_iter().zip(STAGES) {
            assert_eq!(word.at(stage), get::<u64>(&case["absolute"], name), "{name}");
        }
        assert_eq!(word.rescue(7 * 86_400).start, get::<u64>(case, "rescueStart7d"));
    }
    for case in cases(section("setDeployedAt")) {
        let word = Timelocks(uint(case, "word")).with_deployed_at(get(case, "value"));
        assert_eq!(word.0, uint(case, "result"));
    }
}

#[test]
fn bmn_timelocks_are_what_the_factory_builds() {
    for case in cases(section("bmnFactoryTimelocks")) {
        let (source, destination) = (get(case, "srcCancellation"), get(case, "dstWithdrawal"));
        let built = bmn_factory_timelocks(get(case, "blockTimestamp"), source, destination);
        assert_eq!(built.unwrap().0, uint(case, "srcImmutablesTimelocks"));
        let packed = bmn_contracts::ExtraData::pack_bmn_times(source, destination);
        assert_eq!(packed, uint(case, "extraTimelocks"));
    }
    assert!(bmn_factory_timelocks(100, 100, 101).is_err());
    assert!(bmn_factory_timelocks(100, 101, 100).is_err());
    assert!(bmn_factory_timelocks(100, u64::MAX, u64::MAX).is_ok());
}
