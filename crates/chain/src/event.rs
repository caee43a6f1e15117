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

/// What happened to the chain since the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
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
            Self::Committed(_) => &[],
            Self::Reorged { reverted, .. } | Self::Reverted { reverted } => reverted,
        }
    }

    /// Blocks that joined the chain, oldest first.
    pub fn committed(&self) -> &[Block] {
        match self {
            Self::Committed(segment) | Self::Reorged { committed: segment, .. } => segment.blocks(),
            Self::Reverted { .. } => &[],
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
}
