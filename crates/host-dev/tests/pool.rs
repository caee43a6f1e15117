//! The pool's rules.

mod common;

use alloy::primitives::{Bytes, TxKind, U256};
use bmn_chain::{ChainClient, ChainError, SendRejection};
use bmn_host_dev::{DevChain, DevChainConfig, DevChainError};
use common::*;

fn rejection(chain: &DevChain, raw: &Bytes) -> SendRejection {
    match ready(chain.client().send_raw(raw)).expect_err("refused") {
        ChainError::Rejected { rejection, .. } => rejection,
        other => panic!("another error: {other}"),
    }
}

#[test]
fn a_gap_waits_until_it_closes() {
    let chain = chain();
    chain.submit_raw(&tx(1, 1, |_| ())).expect("a later nonce may come first");
    chain.mine(None).expect("mines");
    assert_eq!(chain.nonce(account(1)), 0);
    assert!(!chain.pooled()[0].executable);
    chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    assert!(chain.pooled().iter().all(|pooled| pooled.executable));
    chain.mine(None).expect("mines");
    assert_eq!(chain.nonce(account(1)), 2);
}

#[test]
fn used_nonces_and_known_transactions_are_refused() {
    let chain = chain();
    let raw = tx(1, 0, |_| ());
    chain.submit_raw(&raw).expect("accepted");
    assert_eq!(rejection(&chain, &raw), SendRejection::AlreadyKnown);
    chain.mine(None).expect("mines");
    assert_eq!(rejection(&chain, &raw), SendRejection::NonceTooLow);
    assert_eq!(rejection(&chain, &tx(1, 0, |tx| tx.gas_limit += 1)), SendRejection::NonceTooLow);
}

#[test]
fn a_replacement_pays_a_tenth_more() {
    let chain = chain();
    chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    let bid = |fee: u128, tip: u128| {
        tx(1, 0, |tx| {
            tx.max_fee_per_gas = fee * GWEI / 10;
            tx.max_priority_fee_per_gas = tip * GWEI / 10;
        })
    };
    for (fee, tip) in [(109, 11), (110, 10), (100, 11), (100, 10)] {
        let refused = rejection(&chain, &bid(fee, tip));
        let known = (fee, tip) == (100, 10);
        let expected =
            if known { SendRejection::AlreadyKnown } else { SendRejection::ReplacementUnderpriced };
        assert_eq!(refused, expected);
    }
    let winner = chain.submit_raw(&bid(110, 11)).expect("a tenth more");
    assert_eq!(chain.pooled().len(), 1);
    let head = chain.mine(None).expect("mines");
    assert_eq!(chain.receipt(winner).expect("readable").expect("mined").block, head);
}

#[test]
fn too_poor_is_refused_and_too_cheap_waits() {
    let chain = DevChain::new(DevChainConfig { min_fee: 10, ..config() });
    let rich = tx(1, 0, |tx| tx.value = U256::from(100 * ETHER));
    assert_eq!(rejection(&chain, &rich), SendRejection::InsufficientFunds);
    let cheap = |fee| {
        tx(1, 0, |tx| {
            tx.max_fee_per_gas = fee;
            tx.max_priority_fee_per_gas = 0;
        })
    };
    assert_eq!(rejection(&chain, &cheap(9)), SendRejection::Underpriced);
    let hash = chain.submit_raw(&cheap(GWEI / 2)).expect("below the base fee, so it waits");
    chain.mine(None).expect("mines");
    assert!(chain.receipt(hash).expect("readable").is_none());
    chain.set_next_base_fee(1).expect("kept");
    chain.mine(None).expect("mines");
    assert!(chain.receipt(hash).expect("readable").is_some());
}

#[test]
fn what_can_never_run_says_why() {
    let chain = chain();
    let cases: [(Bytes, &str); 6] = [
        (tx(1, 0, |tx| tx.chain_id = 5), "signed for chain 5, this is chain 31337"),
        (tx(1, 0, |tx| tx.gas_limit = 30_000_001), "exceeds the block gas limit"),
        (tx(1, 0, |tx| tx.gas_limit = 20_999), "intrinsic gas too low"),
        (tx(1, 0, |tx| tx.max_priority_fee_per_gas = 11 * GWEI), "above the maximum fee"),
        (Bytes::from_static(&[2, 0xc0]), "not a signed EIP-2718 transaction"),
        (
            tx(1, 0, |tx| {
                tx.to = TxKind::Create;
                tx.gas_limit = 10_000_000;
                tx.input = vec![0; 49_153].into();
            }),
            "init code is longer",
        ),
    ];
    for (raw, words) in cases {
        match rejection(&chain, &raw) {
            SendRejection::Other(reason) => assert!(reason.contains(words), "{reason}"),
            SendRejection::GasLimit(reason) => {
                assert!(words.contains("gas") && reason.contains(words), "{reason}");
            }
            other => panic!("{other:?} instead of {words}"),
        }
    }
    assert!(chain.pooled().is_empty());
}

#[test]
fn held_transactions_wait_and_dropped_ones_are_gone() {
    let chain = chain();
    let first = chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    let second = chain.submit_raw(&tx(1, 1, |_| ())).expect("accepted");
    let other = chain.submit_raw(&tx(2, 0, |_| ())).expect("accepted");
    chain.pool_hold(first, 3).expect("pooled");
    chain.pool_drop(other).expect("pooled");
    assert!(matches!(chain.pool_drop(other), Err(DevChainError::NotPooled(hash)) if hash == other));
    for mined in [0, 0, 2] {
        let head = chain.mine(None).expect("mines");
        let block = chain.block(head.number).expect("readable").expect("there");
        assert_eq!(block.txs().len(), mined);
    }
    let receipt = chain.receipt(second).expect("readable").expect("mined");
    assert_eq!(receipt.block.number, 3);
    assert_eq!(chain.nonce(account(2)), 0);
}

#[test]
fn the_pool_is_bounded() {
    let chain = DevChain::new(DevChainConfig { pool_limit: 2, ..config() });
    chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    chain.submit_raw(&tx(2, 0, |_| ())).expect("accepted");
    let SendRejection::Other(reason) = rejection(&chain, &tx(3, 0, |_| ())) else {
        panic!("another reason")
    };
    assert!(reason.contains("full"), "{reason}");
    let raise = tx(1, 0, |tx| {
        tx.max_fee_per_gas *= 2;
        tx.max_priority_fee_per_gas *= 2;
    });
    chain.submit_raw(&raise).expect("a replacement needs no room");
}
