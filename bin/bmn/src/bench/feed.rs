//! How a replay meets the index: as a node that is behind, or block after block at the head.

use super::replay::now;
use crate::failure::Failure;
use bmn_chain::{ChainEvent, Segment};
use bmn_indexer::{Backfill, Indexer, Share};
use bmn_primitives::{BlockRef, ChainId};
use std::{collections::VecDeque, time::Duration, time::Instant};

/// Blocks that are not final and are written together, as a node does that catches up.
const AT_ONCE: usize = 256;

/// The only place where a replay meets the index.
///
/// What is final is written in bulk, as a node does that catches up. A reorg takes away only what was
/// not final, so blocks wait until they are; where a reorg comes, those that wait are written with their
/// journals, and the reorg undoes them.
pub(super) struct Feed {
    indexer: Indexer,
    chain: ChainId,
    finality: Finality,
    /// Everything as at the head: nothing waits and nothing is written in bulk.
    is_live: bool,
    backfill: Option<Backfill>,
    waiting: VecDeque<ChainEvent>,
    began: Instant,
    fed: Fed,
}

/// What was written how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fed {
    /// Blocks written in bulk.
    pub(super) bulk_blocks: u64,
    /// Blocks written as at the head.
    pub(super) live_blocks: u64,
    /// Reorgs.
    pub(super) reorgs: u64,
}

fn failed(error: bmn_indexer::IndexError) -> Failure {
    eyre::Report::new(error).into()
}

impl Feed {
    pub(super) fn new(indexer: Indexer, chain: ChainId, depth: u64, is_live: bool) -> Self {
        Self {
            indexer,
            chain,
            finality: Finality::new(depth),
            is_live,
            backfill: None,
            waiting: VecDeque::new(),
            began: now(),
            fed: Fed::default(),
        }
    }

    /// Takes the next event of the history.
    pub(super) fn take(&mut self, event: ChainEvent) -> Result<(), Failure> {
        let is_reorg = !event.reverted().is_empty();
        if is_reorg {
            // What the reorg takes away must be there first.
            self.go_live()?;
        }
        self.finality.take(&event);
        if is_reorg || self.is_live {
            return self.apply(&event);
        }
        self.waiting.push_back(event);
        let Some(finalized) = self.finality.newest_final() else { return Ok(()) };
        while let Some(event) = self.waiting.pop_front() {
            if event.tip().is_none_or(|tip| tip.number > finalized.number) {
                self.waiting.push_front(event);
                break;
            }
            self.push(&event, finalized)?;
        }
        Ok(())
    }

    /// Writes what still waits; from here on everything taken is durable.
    pub(super) fn finish(mut self) -> Result<Fed, Failure> {
        self.go_live()?;
        Ok(self.fed)
    }

    fn push(&mut self, event: &ChainEvent, finalized: BlockRef) -> Result<(), Failure> {
        let mut backfill = match self.backfill.take() {
            Some(begun) => begun,
            None => self.indexer.backfill(self.chain).map_err(failed)?,
        };
        let began = self.began;
        let now = || -> Duration { began.elapsed() };
        backfill.push(event, finalized, Share::Alone, &now).map_err(failed)?;
        self.fed.bulk_blocks += event.committed().len() as u64;
        self.backfill = Some(backfill);
        Ok(())
    }

    fn go_live(&mut self) -> Result<(), Failure> {
        if let Some(mut backfill) = self.backfill.take() {
            let began = self.began;
            backfill.flush(&|| began.elapsed()).map_err(failed)?;
        }
        // Only commits wait. A host hands over at once what is left.
        let waiting = std::mem::take(&mut self.waiting);
        let blocks: Vec<_> = waiting.iter().flat_map(|event| event.committed().to_vec()).collect();
        for blocks in blocks.chunks(AT_ONCE) {
            let segment = Segment::new(blocks.to_vec()).map_err(eyre::Report::new)?;
            self.apply(&ChainEvent::Committed(segment))?;
        }
        Ok(())
    }

    fn apply(&mut self, event: &ChainEvent) -> Result<(), Failure> {
        let finalized = self.finality.newest_final();
        self.indexer.apply(self.chain, event, finalized).map_err(failed)?;
        self.fed.live_blocks += event.committed().len() as u64;
        self.fed.reorgs += u64::from(!event.reverted().is_empty());
        Ok(())
    }
}

/// Which block is final, by depth.
struct Finality {
    depth: usize,
    newest: VecDeque<BlockRef>,
}

impl Finality {
    fn new(depth: u64) -> Self {
        Self { depth: usize::try_from(depth).unwrap_or(usize::MAX), newest: VecDeque::new() }
    }

    fn take(&mut self, event: &ChainEvent) {
        for _ in event.reverted() {
            self.newest.pop_back();
        }
        self.newest.extend(event.committed().iter().map(|block| block.header.block_ref()));
        // One more than the depth: the oldest that is kept is final.
        let spare = self.newest.len().saturating_sub(self.depth.saturating_add(1));
        self.newest.drain(..spare);
    }

    fn newest_final(&self) -> Option<BlockRef> {
        self.newest.front().copied().filter(|_| self.newest.len() > self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{B256, U256};
    use bmn_chain::{Block, Header};

    fn committed(numbers: std::ops::Range<u64>) -> ChainEvent {
        let hash = |number: u64| B256::from(U256::from(number));
        let block = |number| Block {
            header: Header {
                number,
                hash: hash(number),
                parent_hash: hash(number - 1),
                timestamp: number,
                logs_bloom: Default::default(),
                receipts_root: B256::ZERO,
                base_fee: None,
            },
            logs: vec![],
        };
        ChainEvent::Committed(Segment::new(numbers.map(block).collect()).unwrap())
    }

    #[test]
    fn a_block_is_final_when_so_many_are_on_top() {
        let mut finality = Finality::new(3);
        let mut taken = |event| {
            finality.take(&event);
            finality.newest_final().map(|block| block.number)
        };
        assert_eq!(taken(committed(1..4)), None);
        assert_eq!(taken(committed(4..5)), Some(1));
        assert_eq!(taken(committed(5..40)), Some(36));
        let reverted = committed(39..40).committed().iter().map(|b| b.header.block_ref()).collect();
        // Not known from here any more, and never taken back by a reorg within the depth.
        assert_eq!(taken(ChainEvent::Reverted { reverted }), None);
    }
}
