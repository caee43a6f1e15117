//! Blocks for the tests of the modules that know nothing of reth.

use alloy::primitives::{Address, B256, Bloom, BloomInput, Bytes, keccak256};
use bmn_chain::{Block, ChainLog, Header};

/// The contract that every log of [`with_logs`] is of.
pub(crate) const EMITTER: Address = Address::repeat_byte(0xe1);

/// Hash of the block of this number on this fork.
pub(crate) fn hash(number: u64, fork: u64) -> B256 {
    keccak256([number.to_be_bytes(), fork.to_be_bytes()].concat())
}

/// An empty block on top of its predecessor on the same fork.
pub(crate) fn block(number: u64, fork: u64) -> Block {
    let header = Header {
        number,
        hash: hash(number, fork),
        parent_hash: number.checked_sub(1).map_or(B256::ZERO, |parent| hash(parent, fork)),
        timestamp: 1_000 + 12 * number,
        logs_bloom: Bloom::ZERO,
        receipts_root: B256::ZERO,
        base_fee: Some(7),
    };
    Block { header, logs: vec![] }
}

/// The same with so many logs.
pub(crate) fn with_logs(mut block: Block, count: usize) -> Block {
    for index in 0..count {
        let log_index = u32::try_from(index).unwrap_or(u32::MAX);
        block.logs.push(ChainLog {
            address: EMITTER,
            topics: vec![B256::with_last_byte(1)],
            data: Bytes::from(vec![7; 64]),
            tx_hash: hash(block.header.number, 1_000),
            tx_index: 0,
            log_index,
        });
    }
    if count > 0 {
        block.header.logs_bloom.accrue(BloomInput::Raw(EMITTER.as_slice()));
    }
    block
}
