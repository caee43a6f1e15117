//! Blocks that the index remembers.

use super::fixtures::*;
use crate::{BlockReads, IndexedBlock, Reads, Store};
use alloy::primitives::B256;
use bmn_contracts::ContractEvent;
use bmn_primitives::BlockRef;

/// Blocks of A from 100 on, the one after the other, with so many events each.
fn chain(store: &Store, events: &[u32]) -> Vec<BlockRef> {
    let mut blocks: Vec<BlockRef> = Vec::new();
    for count in events {
        let header = header(blocks.last().copied(), 1);
        let block = header.block_ref();
        commit(store, |tx| {
            tx.begin_block(A, &header).unwrap();
            for log in 0..*count {
                let order_hash = order_id(u64::from(log)).hash;
                let cancelled = ContractEvent::OrderCancelled { order_hash };
                tx.put_event(&event(A, inclusion(block, log), None, cancelled)).unwrap();
            }
            tx.end_block().unwrap();
        });
        blocks.push(block);
    }
    blocks
}

fn remembered(store: &Store, after: Option<u64>, limit: usize) -> Vec<(u64, u64)> {
    let blocks = store.read().unwrap().blocks_after(A, after, limit).unwrap();
    blocks.iter().map(|it| (it.block.number, it.events)).collect()
}

#[test]
fn every_block_is_remembered_until_it_is_final_and_empty() {
    let store = memory();
    assert_eq!(remembered(&store, None, 9), []);
    let blocks = chain(&store, &[0, 2, 0, 0, 1, 0]);
    let all = [(100, 0), (101, 2), (102, 0), (103, 0), (104, 1), (105, 0)];
    assert_eq!(remembered(&store, None, 9), all);
    assert_eq!(remembered(&store, Some(101), 3), all[2..5]);
    assert_eq!(remembered(&store, Some(104), 9), all[5..]);
    assert_eq!((remembered(&store, Some(105), 9), remembered(&store, None, 0)), (vec![], vec![]));
    for (trimmed, left) in
        [(103, &[all[1], all[3], all[4], all[5]][..]), (106, &[all[1], all[4], all[5]])]
    {
        commit(&store, |tx| tx.trim_undo(A, trimmed, 99).unwrap());
        assert_eq!(remembered(&store, None, 9), left, "the newest stays");
    }
    let read = store.read().unwrap();
    for IndexedBlock { block, digest, .. } in read.blocks_after(A, None, 9).unwrap() {
        assert_eq!(block, blocks[usize::try_from(block.number - 100).unwrap()]);
        assert_eq!(Some(digest), read.digest_at(A, block.number).unwrap().map(|it| it.digest));
    }
    assert_eq!(read.blocks_after(B, None, 9).unwrap(), []);
}

#[test]
fn a_block_that_was_taken_back_is_not_remembered() {
    let store = memory();
    let blocks = chain(&store, &[1, 0]);
    commit(&store, |tx| tx.revert_block(A, blocks[1]).unwrap());
    assert_eq!(remembered(&store, None, 9), [(100, 1)]);
    commit(&store, |tx| tx.revert_block(A, blocks[0]).unwrap());
    assert_eq!(remembered(&store, None, 9), []);
    assert_eq!(store.read().unwrap().cursor(A).unwrap().digest, B256::ZERO);
}
