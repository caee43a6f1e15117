//! Blocks that the index remembers, in order.

use crate::chain_writes::journal;
use crate::events::{BlockRow, event_key_at};
use crate::keys::{Key, KeyRange, u64_at};
use crate::rows::{Rows, collect};
use crate::{PruneReads, Reads, StoreError, decode, digest, tables};
use alloy::primitives::B256;
use bmn_primitives::{BlockRef, ChainId};
use std::collections::BTreeMap;
use std::ops::Bound;

type Result<T> = std::result::Result<T, StoreError>;

/// A block that the index remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedBlock {
    /// The block.
    pub block: BlockRef,
    /// Events in it.
    pub events: u64,
    /// The rolling digest of the events up to and with it.
    pub digest: B256,
}

/// Reads of blocks, on a snapshot and inside a write transaction.
pub trait BlockReads: Reads {
    /// Blocks of `chain` after number `after` (none: from the start) that the index remembers, oldest first:
    /// those that hold events, those that may still be undone, and the newest. Between two of them lie only
    /// final blocks without events, and below the [floor](PruneReads::index_floor) others that held some.
    fn blocks_after(
        &self,
        chain: ChainId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>> {
        let cursor = self.cursor(chain)?;
        let Some(tip) = cursor.tip.filter(|tip| after.is_none_or(|after| tip.number > after))
        else {
            return Ok(Vec::new());
        };
        let mut remembered: BTreeMap<u64, Option<BlockRow>> = BTreeMap::new();
        let range = numbers(chain, after);
        let undoable =
            collect(self, tables::UNDO, &range, limit, |key, _| u64_at(tables::UNDO, key, 8))?;
        for number in undoable {
            remembered.insert(number, None);
        }
        let with_events = collect(self, tables::BLOCKS, &range, limit, |key, value| {
            Ok((u64_at(tables::BLOCKS, key, 8)?, decode(tables::BLOCKS.name, key, value)?))
        })?;
        remembered.extend(with_events.into_iter().map(|(number, row)| (number, Some(row))));
        remembered.entry(tip.number).or_insert(None);
        let mut blocks = Vec::new();
        let floor = self.index_floor(chain)?;
        let mut rolling = match after.filter(|after| floor.is_none_or(|it| *after >= it.number)) {
            Some(after) => digest::before_or_at(self, chain, after)?.digest,
            None => floor.map_or(B256::ZERO, |floor| floor.before.digest),
        };
        for (number, row) in remembered.into_iter().take(limit) {
            let (block, events) = match row {
                Some(row) if floor.is_some_and(|floor| number < floor.number) => {
                    let kept = IndexedBlock {
                        block: row.at(number),
                        events: count_events(self, chain, number)?,
                        digest: row.digest,
                    };
                    blocks.push(kept);
                    continue;
                }
                Some(row) => {
                    rolling = row.digest;
                    (Some(row.at(number)), count_events(self, chain, number)?)
                }
                None if number == tip.number => (Some(tip), 0),
                None => (journal(self, chain, number)?.map(|journal| journal.block), 0),
            };
            blocks.extend(block.map(|block| IndexedBlock { block, events, digest: rolling }));
        }
        Ok(blocks)
    }
}

impl<T: Reads> BlockReads for T {}

fn numbers(chain: ChainId, after: Option<u64>) -> KeyRange {
    let mut range = Key::of(chain).prefix();
    if let Some(after) = after {
        range.from = Bound::Excluded(Key::of(chain).u64(after).as_slice().to_vec());
    }
    range
}

fn count_events<R: Rows + ?Sized>(rows: &R, chain: ChainId, number: u64) -> Result<u64> {
    let range = Key::of(chain).u64(number).prefix();
    let logs = collect(rows, tables::EVENTS, &range, usize::MAX, |key, _| event_key_at(key))?;
    Ok(logs.len() as u64)
}
