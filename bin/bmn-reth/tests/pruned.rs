//! Receipts that are not there any more, and the state neither. (`resolver.rs` has a real node that prunes.)

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use alloy::{
    consensus::Header,
    primitives::{B256, Bloom},
};
use bmn_embed::ledger::{Ledger, LedgerError, StoredHeader};
use bmn_host_rpc::LogSelection;
use bmn_primitives::ErrorClass;
use bmn_reth::{notify, provider::NodeLedger};
use reth_ethereum::{EthPrimitives, evm::EthEvmConfig, provider::test_utils::MockEthProvider};

/// A node that has the headers of these blocks and nothing else of them.
fn bare(
    gas: &[u64],
) -> (NodeLedger<MockEthProvider<EthPrimitives>, EthEvmConfig>, Vec<StoredHeader>) {
    let provider = MockEthProvider::<EthPrimitives>::new();
    let (mut parent_hash, mut blocks) = (B256::ZERO, vec![]);
    for (number, gas_used) in (0..).zip(gas) {
        let logs_bloom = Bloom::repeat_byte(0xff);
        let header =
            Header { number, parent_hash, gas_used: *gas_used, logs_bloom, ..Header::default() };
        let hash = header.hash_slow();
        provider.add_header(hash, header.clone());
        blocks.push(StoredHeader { header: notify::header(&header, hash), gas_used: *gas_used });
        parent_hash = hash;
    }
    (NodeLedger::new(provider, EthEvmConfig::mainnet()), blocks)
}

fn is_told(error: &LedgerError, number: u64) {
    assert!(matches!(error, LedgerError::Pruned { number: at, .. } if *at == number), "{error:?}");
    assert_eq!(error.class(), ErrorClass::Permanent);
    let text = error.to_string();
    for word in [&format!("block {number}"), "pruned", "--prune.receipts", "start block"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_block_whose_receipts_and_state_are_pruned_is_an_error_that_names_the_settings() {
    let (ledger, blocks) = bare(&[0, 21_000]);
    let error = ledger.logs(&blocks[1], &LogSelection::default()).unwrap_err();
    is_told(&error, 1);
}

#[test]
fn so_is_a_run_and_no_block_of_it_is_told() {
    let (ledger, blocks) = bare(&[0, 21_000, 21_000]);
    let error = ledger.logs_of_run(&blocks[1..], &LogSelection::default()).unwrap_err();
    is_told(&error, 1);
}

#[test]
fn a_block_of_another_chain_is_not_taken_for_one_that_is_pruned() {
    let (ledger, _) = bare(&[0, 21_000]);
    let (_, others) = bare(&[0, 42_000]);
    let error = ledger.logs(&others[1], &LogSelection::default()).unwrap_err();
    assert_eq!(error, LedgerError::Moved { number: 1 });
}
