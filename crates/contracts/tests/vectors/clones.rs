use crate::json::{
    BMN, DIALECTS, address, bytes, cases, get, hash, immutables, section, text, uint,
};
use alloy::{
    primitives::{U256, keccak256},
    sol_types::SolValue,
};
use bmn_contracts::{
    EscrowImplementations, ExtraData, KNOWN_FACTORIES, bindings, bmn_factory_timelocks,
    bmn23_factory_timelocks, clone_address, destination_escrow, immutables_hash, known_factory,
    proxy_bytecode_hash, proxy_init_code, source_escrow,
};
use bmn_primitives::{AddressWord, Dialect, Hashlock, Secret, Stage, Timelocks};
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
        if case.get("srcImpl").is_none() {
            continue;
        }
        let derived = EscrowImplementations::for_factory(entry.dialect, factory);
        let real = EscrowImplementations {
            source: address(case, "srcImpl"),
            destination: address(case, "dstImpl"),
        };
        assert_eq!(derived != real, entry.locks_funds, "{}", entry.release);
    }
    assert_eq!(KNOWN_FACTORIES.len(), factories.len());
    for dialect in Dialect::ALL {
        assert!(KNOWN_FACTORIES.iter().any(|known| known.dialect == dialect), "{dialect}");
        let unlocked =
            KNOWN_FACTORIES.iter().any(|known| known.dialect == dialect && !known.locks_funds);
        assert_eq!(unlocked, DIALECTS.contains(&dialect), "{dialect}");
    }
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
    let mut built = [0; 3];
    for case in cases(section("bmnFactoryTimelocks")) {
        let dialect: Dialect = get(case, "dialect");
        let (source, destination) = (get(case, "srcCancellation"), get(case, "dstWithdrawal"));
        let packed = ExtraData::pack_bmn_times(source, destination);
        assert_eq!(packed, uint(case, "extraTimelocks"));
        let extra = ExtraData {
            hashlock: Hashlock::default(),
            dst_chain_id: U256::ZERO,
            dst_token: AddressWord::ZERO,
            deposits: U256::ZERO,
            timelocks: packed,
        };
        let timelocks = extra.source_timelocks(dialect, get(case, "blockTimestamp")).unwrap();
        assert_eq!(timelocks.0, uint(case, "srcImmutablesTimelocks"), "{dialect}");
        built[BMN.iter().position(|known| *known == dialect).unwrap()] += 1;
    }
    assert_eq!(built, [2, 1, 5]);
    assert!(bmn_factory_timelocks(100, 100, 101).is_err());
    assert!(bmn_factory_timelocks(100, 101, 100).is_err());
    assert!(bmn_factory_timelocks(100, u64::MAX, u64::MAX).is_ok());
    // Version 2.3 subtracts without a check of its own: the same second passes, an earlier one panics.
    assert!(bmn23_factory_timelocks(100, 100, 100).is_ok());
    assert!(bmn23_factory_timelocks(100, 99, 100).is_err());
    assert!(bmn23_factory_timelocks(100, 100, 99).is_err());
}
