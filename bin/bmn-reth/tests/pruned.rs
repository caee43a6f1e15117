//! Receipts that are not there any more: all of a block's history, and those of a real node that prunes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "common/node.rs"]
mod node;
#[path = "common/resolver.rs"]
mod resolver;

use alloy::{
    consensus::Header,
    primitives::{B256, Bloom},
};
use bmn_chain::conformance::{Emission, emissions};
use bmn_embed::ledger::{Ledger, LedgerError, StoredHeader};
use bmn_host_rpc::LogSelection;
use bmn_primitives::ErrorClass;
use bmn_reth::{notify, provider::NodeLedger};
use bmn_sim::accounts::DevAccount;
use node::{Inside, Setup, history, launch};
use resolver::{BLOCK_TIME, FACTORY, call, chain_spec};
use reth_ethereum::{EthPrimitives, evm::EthEvmConfig, provider::test_utils::MockEthProvider};
use reth_node_metrics::recorder::install_prometheus_recorder;

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

/// How many blocks were executed again since the process began.
fn executed_again() -> u64 {
    let shown = install_prometheus_recorder().handle().render();
    let of =
        |line: &str| line.strip_prefix("reth_bmn_extension_executed_again_total ")?.parse().ok();
    shown.lines().find_map(of).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_pruned_some_receipts_tells_the_same_history() {
    let directory = tempfile::tempdir().unwrap();
    let account = DevAccount::Maker.signer();
    let setup = Setup {
        writes_at_once: true,
        prunes_receipts_before: Some(30),
        ..Setup::new(chain_spec(&[account.address()]), Inside::Nothing)
    };
    let node = launch(setup, &directory.path().join("reth")).await;
    let selection = || LogSelection { addresses: vec![FACTORY], topics_anywhere: vec![] };
    let told = |blocks: &[bmn_chain::Block]| -> Vec<_> {
        let logs = blocks.iter().flat_map(|block| &block.logs);
        logs.map(|log| (log.topics[0], log.tx_hash, log.log_index)).collect()
    };
    let mut complete = None;
    // reth keeps the receipts of the newest 64 blocks, whatever it is told.
    for number in 1..=200u64 {
        let logs = [Emission {
            topics: vec![B256::with_last_byte(number as u8)],
            data: B256::ZERO.into(),
        }];
        let tx = call(&account, number - 1, FACTORY, 100_000, emissions(&logs));
        let txs = if number <= 40 { vec![tx] } else { vec![] };
        let head = node.ledger().head();
        let block = node.build(head.hash, head.time + BLOCK_TIME, txs).await;
        let hash = block.payload.block_hash();
        node.insert(block).await;
        node.choose(hash).await;
        if number == 40 {
            let found = told(&history(&*node, selection()).await);
            assert_eq!((found.len(), executed_again()), (40, 0));
            complete = Some(found);
        }
        if number > 100 {
            assert_eq!(Some(told(&history(&*node, selection()).await)), complete);
            if executed_again() > 0 {
                return;
            }
        }
    }
    panic!("nothing was pruned");
}
