//! Reading the chain.

use crate::{
    DevChain, DevChainError,
    chain::{MinedBlock, Position},
};
use async_trait::async_trait;
use bmn_chain::{ChainError, ChainEvent, ChainSource, KnownBlocks, Segment};
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use tokio::sync::watch;

/// Follows a [`DevChain`].
#[derive(Debug)]
pub struct DevSource {
    chain: DevChain,
    positions: watch::Receiver<Position>,
    start: u64,
}

impl DevSource {
    pub(crate) fn new(chain: DevChain, start: u64) -> Self {
        let positions = chain.positions();
        Self { chain, positions, start }
    }

    /// What happened since `cursor`, found out under one lock.
    fn read(
        &self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let chain = self.chain.lock();
        let id = chain.config.chain_id;
        let at = |number| chain.blocks.at(number).map_err(|error| unavailable(id, &error));
        let is_canonical =
            |block: BlockRef| at(block.number).map(|b| b.is_some_and(|b| b.hash() == block.hash));
        let mut reverted = Vec::new();
        let mut next = self.start;
        if let Some(cursor) = cursor {
            let mut ours = cursor;
            while !is_canonical(ours)? {
                reverted.push(ours);
                if ours.number == self.start && self.start > 0 {
                    // Everything we hold is gone; what is below the start was never ours.
                    break;
                }
                let below = ours.number.checked_sub(1).and_then(|number| known.at(number));
                ours = below.ok_or(ChainError::BeyondHistory { chain: id, cursor })?;
            }
            let all_gone = reverted.last().is_some_and(|oldest| *oldest == ours);
            next = if all_gone { ours.number } else { ours.number + 1 };
        }
        let mut blocks = Vec::new();
        while blocks.len() < max_blocks.max(1)
            && let Some(block) = at(next + blocks.len() as u64)?
        {
            blocks.push(MinedBlock::view(&block));
        }
        drop(chain);
        event(id, reverted, blocks)
    }
}

fn event(
    chain: ChainId,
    reverted: Vec<BlockRef>,
    blocks: Vec<bmn_chain::Block>,
) -> Result<Option<ChainEvent>, ChainError> {
    if blocks.is_empty() {
        let reverted = (!reverted.is_empty()).then_some(ChainEvent::Reverted { reverted });
        return Ok(reverted);
    }
    let committed = Segment::new(blocks)
        .map_err(|error| ChainError::Inconsistent { chain, reason: error.to_string() })?;
    Ok(Some(if reverted.is_empty() {
        ChainEvent::Committed(committed)
    } else {
        ChainEvent::Reorged { reverted, committed }
    }))
}

#[async_trait]
impl ChainSource for DevSource {
    fn chain_id(&self) -> ChainId {
        self.chain.chain_id()
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        // Marked before reading: a change in between wakes `changed` once too often, never once
        // too few.
        self.positions.mark_unchanged();
        self.read(cursor, known, max_blocks)
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        let chain = self.chain.chain_id();
        let reason = "the chain was dropped".to_owned();
        self.positions.changed().await.map_err(|_| ChainError::Unavailable { chain, reason })
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        Ok(Some(self.chain.head()))
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        let chain = self.chain.chain_id();
        self.chain.finalized().map_err(|error| unavailable(chain, &error))
    }

    fn acknowledge(&mut self, block: BlockRef) {
        self.chain.lock().acknowledged = Some(block);
    }
}

pub(crate) fn unavailable(chain: ChainId, error: &DevChainError) -> ChainError {
    let reason = error.to_string();
    match error.class() {
        ErrorClass::Corrupt => ChainError::Inconsistent { chain, reason },
        _ => ChainError::Unavailable { chain, reason },
    }
}
