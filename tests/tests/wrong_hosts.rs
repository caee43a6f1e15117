//! A host that is not what its specification says is refused at start, in words that say which.

use alloy::signers::local::PrivateKeySigner;
use bmn_node::{ChainHost, NodeError, Resolver, SystemClock};
use bmn_primitives::{ChainId, ErrorClass};
use bmn_sim::{Network, NetworkChain, SIMULATION_GENESIS, accounts::DevAccount};
use bmn_store::testing::CrashBackend;
use bmn_tests::{memory_store, policy};
use std::sync::Arc;

fn host(spec_of: &NetworkChain, chain_of: &NetworkChain) -> ChainHost {
    ChainHost {
        spec: spec_of.spec.clone(),
        source: Box::new(chain_of.chain.source()),
        client: chain_of.client.clone(),
    }
}

fn open(hosts: Vec<ChainHost>) -> NodeError {
    let signer: PrivateKeySigner = DevAccount::Resolver.signer();
    let store = memory_store(&CrashBackend::new());
    let clock = Arc::new(SystemClock::new());
    let error = Resolver::open(store, hosts, signer, policy(), clock).expect_err("refused");
    assert_eq!(error.class(), ErrorClass::Permanent);
    error
}

#[test]
fn a_host_of_another_chain_is_refused() {
    let network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
    let [a, b] = &network.chains;
    let error = open(vec![host(a, b)]);
    let NodeError::WrongChain { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((*expected, *found), (ChainId(1337), ChainId(1338)));
    assert!(error.to_string().contains("Chain A"), "{error}");
}

#[test]
fn two_hosts_of_one_chain_are_refused() {
    let network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
    let [a, _] = &network.chains;
    let error = open(vec![host(a, a), host(a, a)]);
    assert!(matches!(error, NodeError::DuplicateChain(ChainId(1337))), "{error}");
}
