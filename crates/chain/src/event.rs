//! What a host tells us happened to its chain.

use alloy::primitives::{Address, B256, Bloom, Bytes};
use bmn_primitives::BlockRef;
use serde::{Deserialize, Serialize};

/// The part of a header the resolver needs. Our own view, so that blocks with transaction types an
/// Ethereum header knows nothing of (OP-stack `0x7e`) pass the seam.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Parent's hash.
    pub parent_hash: B256,
    /// Timestamp, unix seconds.
    pub timestamp: u64,
    /// Bloom over addresses and topics of the block's logs.
    pub logs_bloom: Bloom,
    /// Root of the receipts trie.
    pub receipts_root: B256,
    /// EIP-1559 base fee, wei; none before London.
    pub base_fee: Option<u64>,
}

impl Header {
    /// The reference of this block.
    pub const fn block_ref(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash, time: self.timestamp }
    }
}

/// One log of a block, in block order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLog {
    /// The contract that emitted it.
    pub address: Address,
    /// Topics, first the event signature's hash.
    pub topics: Vec<B256>,
    /// Unindexed data.
    pub data: Bytes,
    /// Hash of the transaction.
    pub tx_hash: B256,
    /// Index of the transaction in the block.
    pub tx_index: u32,
    /// Index of the log in the block.
    pub log_index: u32,
}

/// A header and every log of its block, or, where the source filters, every log that can matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Logs in block order.
    pub logs: Vec<ChainLog>,
}

/// A run of blocks, each the child of the one before; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment(Vec<Block>);

/// The blocks do not form a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// No block at all.
    #[error("a segment needs at least one block")]
    Empty,
    /// A block is not the child of the one before it.
    #[error("block {child} is not the child of the block before it")]
    Broken {
        /// The block whose parent hash or number does not continue.
        child: BlockRef,
    },
}

impl Segment {
    /// Checks continuity by number and parent hash (design rule I3).
    pub fn new(blocks: Vec<Block>) -> Result<Self, SegmentError> {
        if blocks.is_empty() {
            return Err(SegmentError::Empty);
        }
        for pair in blocks.windows(2) {
            let (parent, child) = (&pair[0].header, &pair[1].header);
            if child.parent_hash != parent.hash || child.number != parent.number + 1 {
                return Err(SegmentError::Broken { child: child.block_ref() });
            }
        }
        Ok(Self(blocks))
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> &[Block] {
        &self.0
    }

    /// The oldest block.
    pub fn first(&self) -> &Block {
        &self.0[0]
    }

    /// The newest block.
    pub fn tip(&self) -> &Block {
        &self.0[self.0.len() - 1]
    }
}

/// Final blocks of a range, of which those that hold nothing of interest are left out: how sparse
/// history is read without a header for every block. Never used above the finalized block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    from: u64,
    blocks: Vec<Block>,
    through: BlockRef,
}

/// The blocks are no history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The range ends before it begins.
    #[error("history from block {from} ends at block {through}")]
    Empty {
        /// First block covered.
        from: u64,
        /// Last block covered.
        through: BlockRef,
    },
    /// A block is out of order, outside the range, or contradicts its neighbour or the range's end.
    #[error("block {0} does not belong where it stands in its history")]
    Misplaced(BlockRef),
}

impl History {
    /// Covers the blocks from number `from` to `through`; `blocks` are those that hold something,
    /// oldest first. Neighbours must be parent and child.
    ///
    /// # Errors
    /// [`HistoryError`], naming the first block that is wrong.
    pub fn new(from: u64, blocks: Vec<Block>, through: BlockRef) -> Result<Self, HistoryError> {
        if from > through.number {
            return Err(HistoryError::Empty { from, through });
        }
        let mut before: Option<&Header> = None;
        for Block { header, .. } in &blocks {
            let block = header.block_ref();
            let follows = before.is_none_or(|before| {
                before.number < header.number
                    && (before.number + 1 < header.number || before.hash == header.parent_hash)
            });
            let inside = (from..=through.number).contains(&header.number);
            let ends = header.number < through.number || header.hash == through.hash;
            if !(follows && inside && ends) {
                return Err(HistoryError::Misplaced(block));
            }
            before = Some(header);
        }
        Ok(Self { from, blocks, through })
    }

    /// Number of the first block covered.
    pub const fn from(&self) -> u64 {
        self.from
    }

    /// The blocks that hold something, oldest first.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The last block covered.
    pub const fn through(&self) -> BlockRef {
        self.through
    }
}

/// What happened to the chain since the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// Final blocks were added on top of the cursor, empty ones left out.
    Backfilled(History),
    /// Blocks were added on top of the cursor.
    Committed(Segment),
    /// Blocks were replaced.
    Reorged {
        /// Blocks that left the chain, newest first, starting at the cursor.
        reverted: Vec<BlockRef>,
        /// Blocks that took their place; the first one's parent is the last common block.
        committed: Segment,
    },
    /// Blocks left the chain and nothing took their place yet.
    Reverted {
        /// Blocks that left the chain, newest first, starting at the cursor.
        reverted: Vec<BlockRef>,
    },
}

impl ChainEvent {
    /// Blocks that left the chain, newest first.
    pub fn reverted(&self) -> &[BlockRef] {
        match self {
            Self::Backfilled(_) | Self::Committed(_) => &[],
            Self::Reorged { reverted, .. } | Self::Reverted { reverted } => reverted,
        }
    }

    /// Blocks that joined the chain, oldest first.
    pub fn committed(&self) -> &[Block] {
        match self {
            Self::Backfilled(history) => history.blocks(),
            Self::Committed(segment) | Self::Reorged { committed: segment, .. } => segment.blocks(),
            Self::Reverted { .. } => &[],
        }
    }

    /// The newest block afterwards; none where the event only takes blocks away.
    pub fn tip(&self) -> Option<BlockRef> {
        match self {
            Self::Backfilled(history) => Some(history.through()),
            Self::Committed(segment) | Self::Reorged { committed: segment, .. } => {
                Some(segment.tip().header.block_ref())
            }
            Self::Reverted { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64, hash: u8, parent: u8) -> Block {
        Block {
            header: Header {
                number,
                hash: B256::repeat_byte(hash),
                parent_hash: B256::repeat_byte(parent),
                timestamp: number,
                logs_bloom: Bloom::ZERO,
                receipts_root: B256::ZERO,
                base_fee: None,
            },
            logs: vec![],
        }
    }

    #[test]
    fn a_segment_is_contiguous() {
        assert!(Segment::new(vec![block(1, 1, 0), block(2, 2, 1)]).is_ok());
        assert_eq!(Segment::new(vec![]), Err(SegmentError::Empty));
        for broken in [block(2, 2, 9), block(3, 2, 1)] {
            let child = broken.header.block_ref();
            let segment = Segment::new(vec![block(1, 1, 0), broken]);
            assert_eq!(segment, Err(SegmentError::Broken { child }));
        }
    }

    #[test]
    fn history_is_ordered_and_inside_its_range() {
        let end = |number, hash| BlockRef { number, hash: B256::repeat_byte(hash), time: number };
        let of = |blocks| History::new(3, blocks, end(9, 9)).map(|history| history.blocks.len());
        assert_eq!(of(vec![]), Ok(0));
        assert_eq!(of(vec![block(3, 3, 2), block(4, 4, 3), block(7, 7, 6), block(9, 9, 8)]), Ok(4));
        for wrong in [block(2, 2, 1), block(10, 10, 9), block(9, 8, 8)] {
            let at = wrong.header.block_ref();
            assert_eq!(of(vec![wrong]), Err(HistoryError::Misplaced(at)));
        }
        for wrong in [block(5, 6, 5), block(6, 6, 4)] {
            let at = wrong.header.block_ref();
            assert_eq!(of(vec![block(5, 5, 4), wrong]), Err(HistoryError::Misplaced(at)));
        }
        let through = end(2, 2);
        let empty = Err(HistoryError::Empty { from: 3, through });
        assert_eq!(History::new(3, vec![], through), empty);
    }
}
