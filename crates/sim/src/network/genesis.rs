//! A genesis file of a development chain, for a node of another make that runs the same chain.

use super::{Network, SIMULATION_GENESIS, funding::fund_visitor};
use crate::SimError;
use alloy::primitives::B256;
use bmn_host_dev::{AccountState, DevChain};
use bmn_primitives::ChainId;
use serde_json::{Map, Value, json};

/// The genesis of the development chain `chain`, in the form that go-ethereum set and others read: every
/// contract deployed, the resolver and the maker funded with their allowances given. The same in every run.
///
/// # Errors
/// [`SimError`]: the chain cannot be set up, or there is none of this id.
pub async fn dev_genesis(chain: ChainId) -> Result<Value, SimError> {
    let network = Network::in_memory(SIMULATION_GENESIS)?;
    network.set_up().await?;
    let node = network.chain(chain).ok_or(SimError::Stuck("no development chain of this id"))?;
    fund_visitor(node).await?;
    Ok(json!({
        "config": config(chain),
        "nonce": "0x0",
        "timestamp": format!("{:#x}", node.chain.head().time),
        "extraData": "0x",
        "gasLimit": format!("{:#x}", node.chain.config().gas_limit),
        "difficulty": "0x0",
        "mixHash": B256::ZERO,
        "coinbase": alloy::primitives::Address::ZERO,
        "baseFeePerGas": format!("{:#x}", node.chain.config().base_fee),
        "alloc": alloc(&node.chain)?,
    }))
}

/// Every rule up to Prague from the first block on: what the development chains execute by.
fn config(chain: ChainId) -> Value {
    let mut config = json!({
        "chainId": chain.0,
        "terminalTotalDifficulty": 0,
        "terminalTotalDifficultyPassed": true,
        "shanghaiTime": 0,
        "cancunTime": 0,
        "pragueTime": 0,
    });
    let by_block = [
        "homestead",
        "eip150",
        "eip155",
        "eip158",
        "byzantium",
        "constantinople",
        "petersburg",
        "istanbul",
        "berlin",
        "london",
    ];
    for rule in by_block {
        config[format!("{rule}Block")] = json!(0);
    }
    config
}

fn alloc(chain: &DevChain) -> Result<Map<String, Value>, SimError> {
    let accounts = chain.accounts()?.into_iter();
    Ok(accounts.map(|(address, state)| (format!("{address:?}"), account(&state))).collect())
}

fn account(state: &AccountState) -> Value {
    let mut account = json!({ "balance": format!("{:#x}", state.balance) });
    if state.nonce > 0 {
        account["nonce"] = json!(format!("{:#x}", state.nonce));
    }
    if !state.code.is_empty() {
        account["code"] = json!(state.code);
    }
    if !state.storage.is_empty() {
        let slots = state.storage.iter();
        let slots = slots.map(|(slot, value)| (B256::from(*slot).to_string(), B256::from(*value)));
        account["storage"] = slots.map(|(slot, value)| (slot, json!(value))).collect();
    }
    account
}
