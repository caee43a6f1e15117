//! A chain on which nothing happens any more.

use alloy::primitives::{B256, Bloom};
use async_trait::async_trait;
use bmn_chain::{Block, ChainError, ChainEvent, ChainSource, Header, KnownBlocks, Segment};
use bmn_primitives::{BlockRef, ChainId};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Gives empty blocks on top of whatever is indexed, as many as it was told.
#[derive(Debug, Clone)]
pub struct QuietChain {
    chain: ChainId,
    from: BlockRef,
    left: Arc<AtomicU64>,
}

impl QuietChain {
    /// On top of `from`, no block yet.
    pub fn new(chain: ChainId, from: BlockRef) -> Self {
        Self { chain, from, left: Arc::default() }
    }

    /// One block more.
    pub fn mine(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl ChainSource for QuietChain {
    fn chain_id(&self) -> ChainId {
        self.chain
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        _known: &dyn KnownBlocks,
        _max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let Some(parent) = cursor else { return Ok(None) };
        if self.left.load(Ordering::Relaxed) == 0 {
            return Ok(None);
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        let number = parent.number + 1;
        let header = Header {
            number,
            hash: crate::hash_of(number),
            parent_hash: parent.hash,
            timestamp: parent.time + 4,
            logs_bloom: Bloom::ZERO,
            receipts_root: B256::ZERO,
            base_fee: Some(1_000_000_000),
        };
        let segment = Segment::new(vec![Block { header, logs: Vec::new() }]);
        Ok(Some(ChainEvent::Committed(segment.expect("one block"))))
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        std::future::pending().await
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        Ok(Some(self.from))
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        Ok(None)
    }

    fn acknowledge(&mut self, _block: BlockRef) {}
}
