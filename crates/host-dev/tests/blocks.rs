//! Blocks: execution, headers, fees, time.

mod common;

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256},
    rlp::{self, Encodable},
};
use alloy_trie::{HashBuilder, Nibbles};
use bmn_host_dev::{DevChain, DevChainConfig, DevChainError, MinedBlock};
use common::*;

/// The trie root of a list, from the definition: keys are RLP indices.
fn list_root(items: &[Vec<u8>]) -> B256 {
    let mut leaves: Vec<_> = (0..items.len())
        .map(|index| (Nibbles::unpack(rlp::encode(index)), items[index].clone()))
        .collect();
    leaves.sort();
    let mut builder = HashBuilder::default();
    for (key, item) in leaves {
        builder.add_leaf(key, &item);
    }
    builder.root()
}

/// EIP-2718 bytes of a receipt, written out field by field.
fn receipt_bytes(block: &MinedBlock, index: usize) -> Vec<u8> {
    let outcome = &block.outcomes()[index];
    let mut bloom = [0u8; 256];
    for log in &outcome.logs {
        for part in
            std::iter::once(log.address.to_vec()).chain(log.topics().iter().map(|t| t.to_vec()))
        {
            let hash = keccak256(part);
            for pair in [0, 2, 4] {
                let bit = (usize::from(hash[pair]) << 8 | usize::from(hash[pair + 1])) & 2047;
                bloom[255 - bit / 8] |= 1 << (bit % 8);
            }
        }
    }
    let mut payload = Vec::new();
    outcome.success.encode(&mut payload);
    outcome.cumulative_gas_used.encode(&mut payload);
    bloom.encode(&mut payload);
    outcome.logs.encode(&mut payload);
    let mut bytes = match block.txs()[index].envelope().tx_type() as u8 {
        0 => vec![],
        kind => vec![kind],
    };
    rlp::Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend(payload);
    bytes
}

fn mined(chain: &DevChain) -> std::sync::Arc<MinedBlock> {
    let head = chain.mine(None).expect("mines");
    chain.block(head.number).expect("readable").expect("there")
}

#[test]
fn a_transfer_moves_value_and_pays_fees() {
    let chain = chain();
    let to = Address::repeat_byte(0x77);
    let hash = chain.submit_raw(&tx(1, 0, |tx| tx.value = U256::from(5))).expect("accepted");
    assert_eq!(chain.balance(to), U256::ZERO, "a pooled transaction has no effect");
    let block = mined(&chain);
    let receipt = chain.receipt(hash).expect("readable").expect("mined");
    assert!(receipt.success && receipt.gas_used == 21_000 && receipt.block == block.block_ref());
    let base_fee = u128::from(block.header().base_fee_per_gas.expect("London"));
    assert_eq!(receipt.effective_gas_price, base_fee + GWEI);
    let fee = U256::from(receipt.effective_gas_price * 21_000);
    assert_eq!(chain.balance(account(1)), U256::from(100 * ETHER) - U256::from(5) - fee);
    assert_eq!(chain.balance(to), U256::from(5));
    assert_eq!(chain.balance(block.header().beneficiary), U256::from(GWEI * 21_000));
    assert_eq!(chain.nonce(account(1)), 1);
}

#[test]
fn roots_bloom_and_hash_are_those_of_the_definition() {
    let chain = chain();
    let deploy = tx(1, 0, |tx| {
        tx.to = TxKind::Create;
        tx.value = U256::ZERO;
        tx.gas_limit = 200_000;
        tx.input = init_code(&LOGGER);
    });
    let hash = chain.submit_raw(&deploy).expect("accepted");
    let block = mined(&chain);
    let logger = account(1).create(0);
    assert_eq!(block.outcomes()[0].contract, Some(logger));
    assert_eq!(chain.code(logger), Bytes::from_static(&LOGGER));
    assert!(chain.receipt(hash).expect("readable").expect("mined").success);

    chain.submit_raw(&call_logger(1, 1, logger, 7)).expect("accepted");
    chain.submit_raw(&legacy(2, 0, 5 * GWEI)).expect("accepted");
    chain.submit_raw(&tx(3, 0, |tx| tx.to = TxKind::Call(account(4)))).expect("accepted");
    let block = mined(&chain);
    assert_eq!(block.txs().len(), 3);
    assert_eq!(chain.storage(logger, U256::ZERO), U256::from(7));

    let header = block.header();
    let raw: Vec<_> = block.txs().iter().map(|tx| tx.raw().to_vec()).collect();
    assert_eq!(header.transactions_root, list_root(&raw));
    let receipts: Vec<_> = (0..3).map(|index| receipt_bytes(&block, index)).collect();
    assert_eq!(header.receipts_root, list_root(&receipts));
    assert_eq!(block.hash(), keccak256(rlp::encode(header)));
    let gas: u64 = block.outcomes().iter().map(|outcome| outcome.gas_used).sum();
    assert_eq!(header.gas_used, gas);

    let view = block.view();
    let expected = Log::new_unchecked(
        logger,
        vec![B256::from(U256::from(0x42))],
        B256::from(U256::from(7)).to_vec().into(),
    );
    assert_eq!(view.logs.len(), 1);
    assert_eq!(view.logs[0].topics, expected.topics());
    assert_eq!(view.logs[0].data, expected.data.data);
    let place = block.txs().iter().position(|tx| tx.hash() == view.logs[0].tx_hash);
    assert_eq!(place, Some(view.logs[0].tx_index as usize));
    assert!(header.logs_bloom.contains_raw_log(logger, expected.topics()));
}

#[test]
fn a_revert_costs_gas_and_leaves_no_log() {
    let chain = chain();
    let reverter = Address::repeat_byte(0xee);
    chain.set_code(reverter, Bytes::from_static(&REVERTER)).expect("valid code");
    let hash = chain.submit_raw(&call_logger(1, 0, reverter, 1)).expect("accepted");
    let block = mined(&chain);
    let receipt = chain.receipt(hash).expect("readable").expect("mined");
    assert!(!receipt.success && receipt.gas_used > 21_000);
    assert!(block.view().logs.is_empty());
    assert_eq!(chain.nonce(account(1)), 1);
}

#[test]
fn the_base_fee_follows_the_gas_used() {
    let config = DevChainConfig { gas_limit: 84_000, ..config() };
    let chain = DevChain::new(config);
    let fee = |number| {
        let block = chain.block(number).expect("readable").expect("there");
        block.header().base_fee_per_gas.expect("London")
    };
    chain.mine(None).expect("mines");
    assert_eq!(fee(1), 875_000_000, "an empty block lowers it by an eighth");
    for nonce in 0..4 {
        chain.submit_raw(&tx(1, nonce, |_| ())).expect("accepted");
    }
    chain.mine(None).expect("mines");
    chain.mine(None).expect("mines");
    assert_eq!(fee(3), fee(2) + fee(2) / 8, "a full block raises it by an eighth");
    assert_eq!(chain.fees().base, u128::from(fee(3) - fee(3) / 8));
    chain.set_next_base_fee(5).expect("kept");
    chain.mine(None).expect("mines");
    assert_eq!(fee(4), 5);
}

#[test]
fn what_does_not_fit_the_gas_limit_waits() {
    let chain = DevChain::new(DevChainConfig { gas_limit: 50_000, ..config() });
    for nonce in 0..5 {
        chain.submit_raw(&tx(1, nonce, |_| ())).expect("accepted");
    }
    let sizes: Vec<_> = (0..4).map(|_| mined(&chain).txs().len()).collect();
    assert_eq!(sizes, [2, 2, 1, 0]);
    assert!(chain.pooled().is_empty());
}

#[test]
fn a_set_time_is_a_candidate_until_its_block() {
    let chain = chain();
    let head = chain.head();
    assert_eq!(chain.pending_time(), head.time + 12);
    chain.set_next_timestamp(head.time + 1000).expect("later");
    assert_eq!(chain.pending_time(), head.time + 1000);
    assert_eq!(chain.head(), head, "not yet the time");
    assert_eq!(chain.mine(None).expect("mines").time, head.time + 1000);
    assert_eq!(chain.pending_time(), head.time + 1012);
    for time in [head.time, head.time + 1000] {
        let error = chain.mine(Some(time)).expect_err("time never stands still");
        assert!(matches!(error, DevChainError::TimeNotAfterParent { .. }));
        assert!(chain.set_next_timestamp(time).is_err());
    }
    assert_eq!(chain.head().number, 1);
}

#[test]
fn contracts_see_hashes_of_earlier_blocks() {
    let chain = chain();
    // sstore(0, blockhash(number - 1))
    let code = Bytes::from_static(&alloy::primitives::hex!("600143034060005500"));
    let contract = Address::repeat_byte(0xbb);
    chain.set_code(contract, code).expect("valid code");
    let parent = chain.mine(None).expect("mines");
    chain.submit_raw(&call_logger(1, 0, contract, 0)).expect("accepted");
    chain.mine(None).expect("mines");
    assert_eq!(B256::from(chain.storage(contract, U256::ZERO)), parent.hash);
}

#[test]
fn equal_inputs_give_equal_hashes() {
    let run = || {
        let chain = chain();
        let logger = Address::repeat_byte(0x10);
        chain.set_code(logger, Bytes::from_static(&LOGGER)).expect("valid code");
        for round in 0..5u64 {
            for from in 1..=4 {
                chain.submit_raw(&call_logger(from, round, logger, round)).expect("accepted");
            }
            chain.mine(Some(GENESIS + 10 * (round + 1))).expect("mines");
        }
        let replacement =
            bmn_host_dev::Replacement { reorder: Some(9), ..bmn_host_dev::Replacement::default() };
        chain.reorg(3, &replacement).expect("within reach");
        chain.mine(None).expect("mines").hash
    };
    assert_eq!(run(), run());
    let other = DevChain::new(DevChainConfig { chain_id: 1.into(), ..config() });
    assert_ne!(other.head().hash, chain().head().hash);
}

#[test]
fn better_tips_go_first_and_nonces_stay_in_order() {
    let chain = chain();
    let tip = |from, nonce, tip: u128| tx(from, nonce, |tx| tx.max_priority_fee_per_gas = tip);
    for raw in [tip(1, 0, 1), tip(1, 1, 9 * GWEI), tip(2, 0, 5), tip(3, 0, 5), tip(4, 0, 7)] {
        chain.submit_raw(&raw).expect("accepted");
    }
    let block = mined(&chain);
    let order: Vec<_> = block.txs().iter().map(|tx| (tx.sender(), tx.envelope().nonce())).collect();
    let expected =
        [(4, 0), (2, 0), (3, 0), (1, 0), (1, 1)].map(|(from, nonce)| (account(from), nonce));
    assert_eq!(order, expected);
}
