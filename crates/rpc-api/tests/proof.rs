//! Proofs that a log is in a block: true ones are accepted, whatever is altered is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use alloy::{
    consensus::{Header, proofs::ordered_trie_root_with_encoder},
    primitives::{Address, B256, Bloom, Bytes, Log, LogData, keccak256},
};
use bmn_rpc_api::{BlockReceipts, LogProof, ProofError};
use proptest::prelude::*;

/// Every type of Ethereum's, one of the OP stack's, and one that nobody knows.
const TYPES: [u8; 7] = [0, 1, 2, 3, 4, 0x7e, 0x6f];

fn log(transaction: u64, index: u64) -> Log {
    let topics = (0..index % 5).map(|topic| B256::with_last_byte(topic as u8)).collect();
    let data = Bytes::from(vec![transaction as u8; (index * 40) as usize]);
    Log {
        address: Address::with_last_byte(index as u8),
        data: LogData::new_unchecked(topics, data),
    }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut encoded = Vec::new();
    alloy::rlp::Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
    [encoded, payload].concat()
}

fn receipt(transaction: u64, logs: u64) -> Bytes {
    let kind = TYPES[(transaction % 7) as usize];
    let logs: Vec<_> = (0..logs).map(|index| log(transaction, index)).collect();
    let mut items = vec![
        alloy::rlp::encode(true),
        alloy::rlp::encode((transaction + 1) * 21_000),
        alloy::rlp::encode(Bloom::ZERO),
        alloy::rlp::encode(&logs),
    ];
    if kind == 0x7e {
        // A deposit's nonce and the version of its receipt.
        items.extend([alloy::rlp::encode(transaction), alloy::rlp::encode(1u64)]);
    }
    let typed = if kind == 0 { vec![] } else { vec![kind] };
    [typed, list(&items)].concat().into()
}

fn block(transactions: u64, logs: u64) -> BlockReceipts {
    let receipts: Vec<_> = (0..transactions).map(|index| receipt(index, logs)).collect();
    let receipts_root =
        ordered_trie_root_with_encoder(&receipts, |receipt, out| out.extend_from_slice(receipt));
    let header =
        Header { receipts_root, number: 77, timestamp: 1_760_000_000, ..Header::default() };
    BlockReceipts { chain: 1337, header: alloy::rlp::encode(header).into(), receipts }
}

fn proof() -> LogProof {
    block(200, 3).prove(150, 1).unwrap()
}

#[test]
fn a_true_proof_shows_the_log_and_its_block() {
    let proven = proof().verify().unwrap();
    assert_eq!(proven.log, log(150, 1));
    assert_eq!((proven.block.number, proven.block.time), (77, 1_760_000_000));
    assert_eq!(proven.block.hash, keccak256(block(200, 3).header));
}

#[test]
fn an_altered_log_is_refused() {
    let mut proof = proof();
    let altered = Bytes::from(
        proof.receipt.iter().map(|byte| if *byte == 150 { 151 } else { *byte }).collect::<Vec<_>>(),
    );
    assert_ne!(altered, proof.receipt);
    proof.receipt = altered;
    assert!(matches!(proof.verify(), Err(ProofError::NotInBlock { index: 150, .. })));
}

#[test]
fn the_receipt_of_another_transaction_is_refused() {
    let mut other = proof();
    other.transaction_index = 151;
    assert!(matches!(other.verify(), Err(ProofError::NotInBlock { index: 151, .. })));
    let mut other = proof();
    other.receipt = receipt(151, 3);
    assert!(matches!(other.verify(), Err(ProofError::NotInBlock { .. })));
}

#[test]
fn another_root_is_refused() {
    let mut other = proof();
    other.header = block(199, 3).header;
    assert!(matches!(other.verify(), Err(ProofError::OtherHeader { .. })));
    other.block_hash = keccak256(&other.header);
    assert!(matches!(other.verify(), Err(ProofError::NotInBlock { .. })));
}

#[test]
fn a_log_that_the_receipt_does_not_have_is_refused() {
    let error = block(3, 2).prove(1, 2).unwrap_err();
    assert_eq!(error, ProofError::NoSuchLog { index: 2, logs: 2 });
    assert!(matches!(block(3, 2).prove(3, 0), Err(ProofError::NotInBlock { index: 3, .. })));
}

#[test]
fn receipts_that_are_not_all_of_the_blocks_make_no_proof() {
    let mut block = block(9, 1);
    block.receipts.pop();
    assert!(matches!(block.prove(0, 0), Err(ProofError::OtherReceipts { .. })));
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut other = proof();
    other.header = Bytes::from_static(b"no header");
    other.block_hash = keccak256(&other.header);
    let error = other.verify().unwrap_err().to_string();
    assert!(error.contains("`header`") && error.contains("RLP"), "{error}");
}

#[test]
fn a_proof_is_the_same_after_json() {
    let text = serde_json::to_string(&proof()).unwrap();
    assert_eq!(serde_json::from_str::<LogProof>(&text).unwrap(), proof());
    let extra = text.replacen("{", "{\"trust\":true,", 1);
    assert!(serde_json::from_str::<LogProof>(&extra).unwrap_err().to_string().contains("trust"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_log_of_every_block_can_be_proven(count in 1u64..300, at in any::<prop::sample::Index>(), logs in 1u64..6, which in any::<prop::sample::Index>()) {
        let transaction = at.index(count as usize) as u64;
        let index = which.index(logs as usize) as u32;
        let proof = block(count, logs).prove(transaction, index).unwrap();
        prop_assert_eq!(proof.verify().unwrap().log, log(transaction, u64::from(index)));
    }

    #[test]
    fn no_bit_can_be_turned(field in 0usize..4, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut altered = proof();
        let turn = |bytes: &Bytes| {
            let mut bytes = bytes.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            Bytes::from(bytes)
        };
        match field {
            0 => altered.header = turn(&altered.header),
            1 => altered.receipt = turn(&altered.receipt),
            2 => altered.block_hash = B256::from_slice(&turn(&altered.block_hash.0.into())),
            _ => {
                let node = at.index(altered.nodes.len());
                altered.nodes[node] = turn(&altered.nodes[node]);
            }
        }
        prop_assert!(altered.verify().is_err());
    }

    #[test]
    fn nonsense_is_refused_and_nothing_panics(
        header in prop::collection::vec(any::<u8>(), 0..600),
        receipt in prop::collection::vec(any::<u8>(), 0..200),
        nodes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..4),
        transaction_index: u64,
        log_index: u32,
    ) {
        let proof = LogProof {
            chain: 1,
            block_hash: keccak256(&header),
            header: header.into(),
            transaction_index,
            receipt: receipt.into(),
            nodes: nodes.into_iter().map(Bytes::from).collect(),
            log_index,
        };
        prop_assert!(proof.verify().is_err());
    }
}
