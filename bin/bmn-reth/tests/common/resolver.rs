//! A real node with a resolver inside, on the development chain A of `chainspecs`.

#![allow(dead_code, reason = "each test uses a part of it")]

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::Encodable2718,
    genesis::{Genesis, GenesisAccount},
    network::TxSignerSync,
    primitives::{Address, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use bmn_chain::conformance::EMITTER;
use bmn_embed::{front::Front, session::Options};
use reth_ethereum::chainspec::ChainSpec;
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc, time::Duration};

pub(crate) const CHAIN: u64 = 1337;

/// A contract that logs what it is told, at an address that a specification may call a factory.
pub(crate) const FACTORY: Address = Address::repeat_byte(0xfa);

const GENESIS: &str = include_str!("../../../../chainspecs/dev-a.genesis.json");
const SPEC: &str = include_str!("../../../../chainspecs/dev-a.toml");

/// The first block's time, and the seconds between two.
pub(crate) const START: u64 = 1_760_000_000;
pub(crate) const BLOCK_TIME: u64 = 12;

/// The limit of a block.
const GAS: u64 = 200_000_000;

/// Chain A with the logging contract and these accounts, each with ether.
pub(crate) fn chain_spec(accounts: &[Address]) -> Arc<ChainSpec> {
    let mut genesis: Genesis = serde_json::from_str(GENESIS).unwrap();
    genesis.timestamp = START;
    genesis.gas_limit = GAS;
    // Payloads are those of Cancun.
    genesis.config.prague_time = None;
    let code = Some(Bytes::from_static(EMITTER));
    genesis.alloc.insert(FACTORY, GenesisAccount { code, ..GenesisAccount::default() });
    for account in accounts {
        let balance = U256::from(10).pow(U256::from(24));
        genesis.alloc.insert(*account, GenesisAccount { balance, ..GenesisAccount::default() });
    }
    Arc::new(genesis.into())
}

/// A signed call of the logging contract.
pub(crate) fn call(
    signer: &PrivateKeySigner,
    nonce: u64,
    to: Address,
    gas_limit: u64,
    input: Bytes,
) -> Bytes {
    let mut tx = TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        input,
        ..TxEip1559::default()
    };
    let signature = signer.sign_transaction_sync(&mut tx).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

/// Writes the configuration of an index of this chain that believes the logging contract, too; `more` is put
/// before the chains, `chains` after them.
pub(crate) fn configure(directory: &Path, more: &str, chains: &str) -> Options {
    let factory = format!(
        "\n[[factories]]\ndialect = \"bmn4\"\naddress = \"{FACTORY}\"\nindex_only = true\nrescue_delay_secs = 604_800\n"
    );
    let (head, tail) = SPEC.split_once("[[tokens]]").unwrap();
    fs::write(directory.join("chain.toml"), format!("{head}{factory}\n[[tokens]]{tail}")).unwrap();
    let text = format!(
        "data_dir = \"data\"\n{more}\n[[chains]]\nspec = \"chain.toml\"\nendpoints = [\"http://127.0.0.1:1\"]\n{chains}"
    );
    let config = directory.join("bmn.toml");
    fs::write(&config, text).unwrap();
    Options { config, data_dir: None, mode: None, index_only: false }
}

/// What `bmn_status` says; the reason where nothing runs.
pub(crate) async fn status(front: &Front) -> Value {
    let module = front.module().unwrap();
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"bmn_status","params":[]}"#;
    let (answer, _) = module.raw_json_request(request, 1).await.unwrap();
    let answer: Value = serde_json::from_str(answer.get()).unwrap();
    answer.get("result").cloned().unwrap_or_else(|| json!({ "error": answer["error"] }))
}

/// The index's head of the node's chain.
pub(crate) async fn indexed(front: &Front) -> Option<u64> {
    let status = status(front).await;
    let chain = status["chains"].as_array()?.iter().find(|it| it["id"] == CHAIN)?.clone();
    chain["head"]["number"].as_u64()
}

/// Waits until the index has this block.
pub(crate) async fn until_indexed(front: &Front, number: u64) {
    for _ in 0..60_000 {
        if indexed(front).await == Some(number) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("block {number} is not indexed: {}", status(front).await);
}
