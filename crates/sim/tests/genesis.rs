//! The genesis files in `chainspecs/` are what the development chains come to.

use bmn_chain::CallOutcome;
use bmn_config::dev_chains;
use bmn_contracts::calldata;
use bmn_host_dev::{Call, DevChain, DevChainConfig};
use bmn_sim::{accounts::DevAccount, dev_genesis};
use serde_json::Value;
use std::path::PathBuf;

#[tokio::test]
async fn the_committed_genesis_is_the_development_chain() {
    for (spec, name) in dev_chains().unwrap().into_iter().zip(["dev-a", "dev-b"]) {
        let made = dev_genesis(spec.chain_id).await.unwrap();
        let made = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../chainspecs");
        let path = root.join(format!("{name}.genesis.json"));
        if std::env::var_os("BMN_BLESS").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == made, "{name}.genesis.json is another chain; BMN_BLESS=1 rewrites it");
    }
}

/// A chain that begins with the file has the contracts, and the allowances in them.
#[tokio::test]
async fn a_chain_that_begins_with_it_is_ready() {
    let [spec, _] = dev_chains().unwrap();
    let genesis = dev_genesis(spec.chain_id).await.unwrap();
    let chain = DevChain::new(DevChainConfig { chain_id: spec.chain_id, ..Default::default() });
    for (address, account) in genesis["alloc"].as_object().unwrap() {
        let address = address.parse().unwrap();
        let number = |value: &Value| value.as_str().unwrap_or("0x0").parse().unwrap();
        chain.set_balance(address, number(&account["balance"])).unwrap();
        chain.set_nonce(address, u64::try_from(number(&account["nonce"])).unwrap()).unwrap();
        if let Some(code) = account["code"].as_str() {
            chain.set_code(address, code.parse().unwrap()).unwrap();
        }
        for (slot, value) in account["storage"].as_object().into_iter().flatten() {
            chain.set_storage(address, slot.parse().unwrap(), number(value)).unwrap();
        }
    }
    chain.mine(None).unwrap();
    for factory in &spec.factories {
        assert!(factory.check_code(&chain.code(factory.address)).is_ok(), "{}", factory.address);
    }
    let [resolver, maker] = [DevAccount::Resolver, DevAccount::Maker].map(DevAccount::address);
    let (token, factory) = (spec.token_named("TKA").unwrap().address, &spec.factories[0]);
    for (holder, spender) in [(resolver, factory.address), (maker, factory.limit_order_protocol)] {
        for data in [calldata::balance_of(holder), calldata::allowance(holder, spender)] {
            let call = Call { to: Some(token), data, ..Default::default() };
            let CallOutcome::Success(word) = chain.call(&call).unwrap().outcome else {
                panic!("{holder} {spender}")
            };
            assert!(word.iter().any(|byte| *byte != 0), "{holder} {spender}");
        }
    }
}
