//! The built contracts belong to the sources beside them and to our bindings.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, Bytes, keccak256};
use alloy::sol_types::{SolCall, SolInterface};
use bmn_contracts::artifacts::{self, DevContract, TokenKind};
use bmn_contracts::bindings::{
    IBmnFactory::IBmnFactoryCalls, IBmnFactory23, IErc20::IErc20Calls, IEscrow::IEscrowCalls,
    IFeeBank::IFeeBankCalls, ILimitOrderProtocol::ILimitOrderProtocolCalls,
    IOneInchFactory::IOneInchFactoryCalls, IOneInchFactory1::IOneInchFactory1Calls,
    IPlainEscrow::IPlainEscrowCalls, IResolver::IResolverCalls,
};
use bmn_contracts::{EmitterKind, identify};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, path::PathBuf};

fn solidity() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("solidity")
}

fn sha256(data: &[u8]) -> String {
    alloy::primitives::hex::encode(Sha256::digest(data))
}

/// SHA-256 of each source, by file name.
fn source_hashes() -> BTreeMap<String, String> {
    let mut hashes = BTreeMap::new();
    for entry in fs::read_dir(solidity().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sol") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            hashes.insert(name, sha256(&fs::read(path).unwrap()));
        }
    }
    hashes
}

const REBUILD: &str = "run `npm ci && npm run build` in crates/contracts/solidity";

#[test]
fn artifacts_were_built_from_the_sources_beside_them() {
    let manifest = fs::read_to_string(solidity().join("artifacts/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let built: BTreeMap<String, String> =
        serde_json::from_value(manifest["sources"].clone()).unwrap();
    let sources = source_hashes();
    assert!(!sources.is_empty());
    assert_eq!(sources, built, "{REBUILD}");

    let lines: String = sources.iter().map(|(name, hash)| format!("{name}\0{hash}\n")).collect();
    let whole = sha256(lines.as_bytes());
    assert_eq!(manifest["sourceHash"], whole, "{REBUILD}");
    for contract in DevContract::ALL {
        let artifact = contract.artifact();
        assert_eq!(artifact.source_hash, whole, "{}: {REBUILD}", contract.name());
        assert_eq!(artifact.compiler, manifest["compiler"]);
    }
}

#[test]
fn every_artifact_is_one_of_ours_and_has_code() {
    for contract in DevContract::ALL {
        let artifact = artifacts::artifact(contract.name()).unwrap();
        assert_eq!(artifact.contract_name, contract.name());
        assert!(!artifact.bytecode.is_empty(), "{}", contract.name());
        assert!(artifact.bytecode.len() <= 49_152 && artifact.deployed_bytecode.len() <= 24_576);
    }
    assert_eq!(artifacts::artifact("Nothing"), None);
    let mut files = 0;
    for entry in fs::read_dir(solidity().join("artifacts")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files += usize::from(name.ends_with(".json") && name != "manifest.json");
    }
    assert_eq!(files, DevContract::ALL.len());
}

/// The ABI's type of a parameter, tuples written out.
fn type_of(parameter: &Value) -> String {
    let kind = parameter["type"].as_str().unwrap();
    match kind.strip_prefix("tuple") {
        Some(suffix) => format!("({}){suffix}", types_of(&parameter["components"])),
        None => kind.to_owned(),
    }
}

fn types_of(parameters: &Value) -> String {
    parameters.as_array().unwrap().iter().map(type_of).collect::<Vec<_>>().join(",")
}

/// `name(types)` of every ABI entry of a kind.
fn signatures(contract: DevContract, kind: &str) -> Vec<String> {
    let entries = contract.artifact().abi.as_array().unwrap().iter();
    entries
        .filter(|entry| entry["type"] == kind)
        .map(|entry| {
            format!("{}({})", entry["name"].as_str().unwrap_or(""), types_of(&entry["inputs"]))
        })
        .collect()
}

#[test]
fn constructors_take_what_we_encode() {
    let token = "(string,string,uint8)";
    for (contract, expected) in [
        (DevContract::BmnFactory, "(address,address,uint32,address,address)"),
        (DevContract::Bmn302Factory, "(address,address,uint32)"),
        (DevContract::OneInch1Factory, "(address,address,address,address,uint32,uint32)"),
        (DevContract::OneInch2Factory, "(address,address,address,uint32,uint32)"),
        (DevContract::OneInchLimitOrderProtocol, "(address)"),
        (DevContract::Resolver, "(address)"),
        (DevContract::LimitOrderProtocol, "(address)"),
        (DevContract::DevToken, token),
        (DevContract::ReturnsFalseToken, token),
        (DevContract::RevertingToken, token),
        (DevContract::FeeOnTransferToken, "(string,string,uint8,uint256)"),
        (DevContract::ForceSend, "(address)"),
        (DevContract::Erc1271Wallet, "(address)"),
    ] {
        assert_eq!(signatures(contract, "constructor"), [expected], "{}", contract.name());
    }
    for contract in [
        DevContract::DevWeth,
        DevContract::TrueToken,
        DevContract::NoReceiveTaker,
        DevContract::NoReturnToken,
    ] {
        let arguments = signatures(contract, "constructor");
        assert!(arguments.is_empty() || arguments == ["()"], "{}", contract.name());
    }
}

#[test]
fn creation_code_is_the_bytecode_and_whole_words_of_arguments() {
    let zero = Address::ZERO;
    let created: [(DevContract, Bytes, usize); 15] = [
        (DevContract::BmnFactory, artifacts::bmn_factory(zero, zero, 604_800, zero, zero), 5),
        (DevContract::Bmn302Factory, artifacts::bmn302_factory(zero, zero, 604_800), 3),
        (
            DevContract::OneInch1Factory,
            artifacts::oneinch1_factory(zero, zero, zero, zero, 604_800),
            6,
        ),
        (DevContract::OneInch2Factory, artifacts::oneinch2_factory(zero, zero, zero, 604_800), 5),
        (DevContract::OneInchLimitOrderProtocol, artifacts::oneinch_limit_order_protocol(zero), 1),
        (DevContract::Resolver, artifacts::resolver(zero), 1),
        (DevContract::NoReturnToken, artifacts::no_return_token(), 0),
        (DevContract::LimitOrderProtocol, artifacts::limit_order_protocol(zero), 1),
        (DevContract::DevToken, artifacts::token(TokenKind::Plain, "A", "B", 18), 7),
        (
            DevContract::FeeOnTransferToken,
            artifacts::token(TokenKind::FeeOnTransfer(100), "A", "B", 18),
            8,
        ),
        (DevContract::DevWeth, artifacts::weth(), 0),
        (DevContract::TrueToken, artifacts::true_token(), 0),
        (DevContract::ForceSend, artifacts::force_send(zero), 1),
        (DevContract::NoReceiveTaker, artifacts::no_receive_taker(), 0),
        (DevContract::Erc1271Wallet, artifacts::erc1271_wallet(zero), 1),
    ];
    for (contract, code, words) in created {
        let bytecode = &contract.artifact().bytecode;
        assert!(code.starts_with(bytecode), "{}", contract.name());
        assert_eq!(code.len() - bytecode.len(), words * 32, "{}", contract.name());
    }
}

#[test]
fn our_contracts_have_the_functions_that_we_call() {
    let selectors = |contract: DevContract| {
        let functions = signatures(contract, "function");
        functions
            .iter()
            .map(|signature| keccak256(signature)[..4].try_into().unwrap())
            .collect::<Vec<[u8; 4]>>()
    };
    // Left out on purpose, as the sources' README says.
    let absent = |contract: DevContract, bound: &[&[u8; 4]]| {
        let present = selectors(contract);
        bound.iter().filter(|selector| !present.contains(selector)).count()
    };
    let factory: Vec<_> = IBmnFactoryCalls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::BmnFactory, &factory), 2);
    let escrow: Vec<_> = IEscrowCalls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::BmnEscrowSrc, &escrow), 0);
    assert_eq!(absent(DevContract::BmnEscrowDst, &escrow), 2);
    let resolver: Vec<_> = IResolverCalls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::Resolver, &resolver), 0);
    assert_eq!(selectors(DevContract::Resolver).len(), resolver.len());
    let older = [
        IBmnFactory23::addressOfEscrowCall::SELECTOR,
        IBmnFactory23::createSrcEscrowCall::SELECTOR,
        IBmnFactory23::createDstEscrowCall::SELECTOR,
    ];
    assert_eq!(absent(DevContract::Bmn302Factory, &older.each_ref()), 0);
    let plain: Vec<_> = IPlainEscrowCalls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::Bmn302EscrowSrc, &plain), 0);
    assert_eq!(absent(DevContract::Bmn302EscrowDst, &plain), 2);
    // Neither amount getters nor a pre-interaction, and no permissions in escrows.
    let factory: Vec<_> = IOneInchFactory1Calls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::OneInch1Factory, &factory), 1);
    let factory: Vec<_> = IOneInchFactoryCalls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::OneInch2Factory, &factory), 0);
    assert_eq!(absent(DevContract::OneInch1EscrowSrc, &plain), 2);
    assert_eq!(absent(DevContract::OneInch1EscrowDst, &plain), 4);
    assert_eq!(absent(DevContract::OneInch2EscrowSrc, &escrow), 4);
    assert_eq!(absent(DevContract::OneInch2EscrowDst, &escrow), 6);
    let bank: Vec<_> = IFeeBankCalls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::FeeBank, &bank), 0);
    let orders = selectors(DevContract::LimitOrderProtocol);
    assert_eq!(selectors(DevContract::OneInchLimitOrderProtocol), orders);
    let token: Vec<_> = IErc20Calls::SELECTORS.iter().collect();
    assert_eq!(absent(DevContract::DevToken, &token), 0);
    for selector in selectors(DevContract::LimitOrderProtocol) {
        assert!(ILimitOrderProtocolCalls::valid_selector(selector));
    }
}

#[test]
fn our_contracts_log_events_that_we_know() {
    for (contract, kind) in [
        (DevContract::BmnFactory, EmitterKind::Factory),
        (DevContract::BmnEscrowSrc, EmitterKind::Escrow),
        (DevContract::BmnEscrowDst, EmitterKind::Escrow),
        (DevContract::Bmn302Factory, EmitterKind::Factory),
        (DevContract::Bmn302EscrowSrc, EmitterKind::Escrow),
        (DevContract::Bmn302EscrowDst, EmitterKind::Escrow),
        (DevContract::OneInch1Factory, EmitterKind::Factory),
        (DevContract::OneInch1EscrowSrc, EmitterKind::Escrow),
        (DevContract::OneInch1EscrowDst, EmitterKind::Escrow),
        (DevContract::OneInch2Factory, EmitterKind::Factory),
        (DevContract::OneInch2EscrowSrc, EmitterKind::Escrow),
        (DevContract::OneInch2EscrowDst, EmitterKind::Escrow),
        (DevContract::OneInchLimitOrderProtocol, EmitterKind::LimitOrderProtocol),
        (DevContract::LimitOrderProtocol, EmitterKind::LimitOrderProtocol),
        (DevContract::DevToken, EmitterKind::Token),
    ] {
        let events = signatures(contract, "event");
        assert!(!events.is_empty());
        for signature in events {
            let identified = identify(keccak256(&signature));
            assert_eq!(identified.map(|it| it.emitter), Some(kind), "{signature}");
        }
    }
}
