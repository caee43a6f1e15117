//! Bytes are the nodes of a proof under a root of their own: checking it never panics, and what it shows is the receipt.
#![no_main]

use alloy::primitives::{Bytes, keccak256};
use bmn_rpc_api::LogProof;
use libfuzzer_sys::fuzz_target;

/// A header of which only the receipts root, the number and the time are read.
fn header(nodes: &[Bytes]) -> Vec<u8> {
    let root = keccak256(nodes.first().map_or(&[][..], |node| node));
    let mut payload = vec![0x80; 5];
    payload.extend(alloy::rlp::encode(root));
    payload.extend([0x80; 6]);
    let mut header = Vec::new();
    alloy::rlp::Header { list: true, payload_length: payload.len() }.encode(&mut header);
    [header, payload].concat()
}

/// Index of the transaction, number of the nodes, and for each a length before its bytes.
fn read(data: &[u8]) -> Option<LogProof> {
    let ([index, count], mut rest) = data.split_first_chunk::<2>()?;
    let mut take = || {
        let (length, after) = rest.split_first()?;
        let (taken, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        Some(Bytes::copy_from_slice(taken))
    };
    let receipt = take()?;
    let mut nodes: Vec<_> = (0..count % 6).map_while(|_| take()).collect();
    // Where a node has 32 zeros the hash of the next one is put: chance finds no preimage.
    for at in (1..nodes.len()).rev() {
        let hash = keccak256(&nodes[at]);
        let mut above = nodes[at - 1].to_vec();
        if let Some(place) = above.windows(32).position(|window| window == [0; 32]) {
            above[place..place + 32].copy_from_slice(hash.as_slice());
            nodes[at - 1] = above.into();
        }
    }
    let header = Bytes::from(header(&nodes));
    let (block_hash, transaction_index) = (keccak256(&header), u64::from(*index));
    Some(LogProof { chain: 1, block_hash, header, transaction_index, receipt, nodes, log_index: 0 })
}

fuzz_target!(|data: &[u8]| {
    let Some(proof) = read(data) else { return };
    if let Ok(shown) = proof.verify() {
        let found = proof.receipt.windows(20).any(|window| window == shown.log.address.as_slice());
        assert!(found, "the log is one of the receipt's");
    }
});
