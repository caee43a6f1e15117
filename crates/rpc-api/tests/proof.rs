//! Proofs that a log is in a block: true ones are accepted, whatever is altered is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use alloy::{
    consensus::{Header, proofs::ordered_trie_root_with_encoder},
    primitives::{Address, B256, Bloom, Bytes, Log, LogData, U256, keccak256},
    sol_types::SolEvent,
};
use bmn_contracts::{ContractEvent, EscrowImplementations, bindings::IBmnFactory23};
use bmn_primitives::{Dialect, OrderHash};
use bmn_rpc_api::{
    BelievedFactory, BlockReceipts, ChainEventEntry, EscrowProof, EscrowSide, EventProof, LogProof,
    ProofError, SwapProof, SwapProofError, WireBlock, describe_event,
};
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
    block_of((0..transactions).map(|index| receipt(index, logs)).collect())
}

fn block_of(receipts: Vec<Bytes>) -> BlockReceipts {
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

/// The same proof over a trie that somebody made for it: its header has the root of what stands first.
fn rooted(nodes: Vec<Bytes>) -> LogProof {
    let receipts_root = keccak256(&nodes[0]);
    let header = alloy::rlp::encode(Header { receipts_root, ..Header::default() });
    LogProof { block_hash: keccak256(&header), header: header.into(), nodes, ..proof() }
}

#[test]
fn a_trie_that_is_made_for_a_proof_is_refused_without_a_panic() {
    let text = |bytes: &[u8]| alloy::rlp::encode(bytes);
    let nested = |inner: &[u8]| list(&[text(&[0x11]), inner.to_vec()]);
    let mut deep = list(&[text(&[0x20]), text(&[7])]);
    while deep.len() < 29 {
        deep = nested(&deep);
    }
    let mut branch = vec![vec![0x80]; 17];
    branch[8] = nested(&nested(&list(&[text(&[0x20]), text(&[7])])));
    for (name, node) in [
        ("an extension to a leaf", nested(&list(&[text(&[0x20]), text(&[7])]))),
        ("an extension to nothing", nested(&[0x80])),
        ("extensions in a branch", list(&branch)),
        ("extensions in extensions", deep),
        ("a path longer than any", list(&[text(&[0x11; 40]), text(&[7; 40])])),
        ("a list that ends early", vec![0xf8, 0xff, 0x80]),
        ("a length without end", vec![0xff; 12]),
        ("a path of nothing", list(&[vec![0x80], text(&[7; 40])])),
    ] {
        let error = rooted(vec![node.into()]).verify().expect_err(name);
        assert!(matches!(error, ProofError::NotInBlock { index: 150, .. }), "{name}: {error}");
    }
}

/// A source that anybody made at an old factory, whose event names no hashlock.
fn loose() -> (SwapProof, BelievedFactory) {
    let (address, dialect) = (Address::repeat_byte(0xfa), Dialect::Bmn302);
    let escrow = Address::repeat_byte(0x51);
    let (maker, taker) = (Address::repeat_byte(0x11), Address::repeat_byte(0x99));
    let order_hash = B256::repeat_byte(1);
    let amount = U256::from(100);
    let data =
        IBmnFactory23::SrcEscrowCreated { escrow, orderHash: order_hash, maker, taker, amount }
            .encode_log_data();
    let logs = vec![Log { address, data }];
    let receipt = list(&[
        alloy::rlp::encode(true),
        alloy::rlp::encode(21_000u64),
        alloy::rlp::encode(Bloom::ZERO),
        alloy::rlp::encode(&logs),
    ]);
    let proof = block_of(vec![receipt.into()]).prove(0, 0).unwrap();
    let order_hash = OrderHash(order_hash);
    let event = ContractEvent::SourceNamed { escrow, order_hash, maker, taker, amount };
    let told = describe_event(&event);
    let block = proof.verify().unwrap().block;
    let event = ChainEventEntry {
        chain: 1337,
        block: WireBlock { number: block.number, hash: block.hash, time: block.time },
        tx_hash: B256::ZERO,
        log_index: 0,
        address,
        escrow: Some(escrow),
        event: told.event.to_owned(),
        fields: told.fields,
        units: told.units,
    };
    let escrow = EscrowProof {
        side: EscrowSide::Source,
        chain: 1337,
        escrow,
        factory: address,
        immutables: None,
        head: None,
        finalized: None,
        events: vec![EventProof { event, is_final: false, proof }],
    };
    let implementations = EscrowImplementations::for_factory(dialect, address);
    let hashlock = Some(B256::repeat_byte(2));
    (
        SwapProof { order_id: None, hashlock, escrows: vec![escrow], more: false },
        BelievedFactory { chain: 1337, address, dialect, implementations },
    )
}

#[test]
fn an_escrow_that_nothing_ties_to_the_swap_is_refused() {
    let (swap, factory) = loose();
    let error = swap.verify(&[factory]).unwrap_err();
    assert_eq!(error, SwapProofError::Untied { at: "escrows[0]".to_owned() });
    let none = SwapProof { hashlock: None, ..swap };
    assert!(matches!(none.verify(&[factory]), Err(SwapProofError::Untied { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_to_a_trie_leads_to_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut nodes: Vec<Vec<u8>> = proof().nodes.iter().map(|node| node.to_vec()).collect();
        for (node, at, byte) in changes {
            let node = node.get_mut(&mut nodes);
            *at.get_mut(node) = byte;
        }
        if let Some(cut) = cut {
            let length = cut.index(nodes[0].len());
            nodes[0].truncate(length);
        }
        // Each is what the one above it names, so that the walk comes to all of them.
        for at in (1..nodes.len()).rev() {
            let hash = keccak256(&nodes[at]);
            let old = keccak256(&proof().nodes[at]);
            let found = nodes[at - 1].windows(32).position(|window| window == old.as_slice());
            if let Some(place) = found {
                nodes[at - 1][place..place + 32].copy_from_slice(hash.as_slice());
            }
        }
        let damaged = rooted(nodes.into_iter().map(Bytes::from).collect());
        if let Ok(shown) = damaged.verify() {
            prop_assert_eq!(shown.log, log(150, 1), "only what is not on the way was changed");
        }
    }

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
