//! Reading a chain.

use crate::{ChainError, ChainEvent};
use async_trait::async_trait;
use bmn_primitives::{BlockRef, ChainId};

/// Which blocks we hold: how a source finds the last common block without a memory of its own.
pub trait KnownBlocks: Sync {
    /// Our block at `number`, or `None` when we hold none there.
    fn at(&self, number: u64) -> Option<BlockRef>;
}

/// A chain as a host sees it. See the crate page for the rules of the seam.
#[async_trait]
pub trait ChainSource: Send {
    /// The chain this source follows.
    fn chain_id(&self) -> ChainId;

    /// What happened after `cursor` (`None`: nothing indexed yet, start at the configured block).
    /// Answers `None` at the tip. A segment holds at most `max_blocks` blocks.
    ///
    /// # Errors
    /// [`ChainError::Unavailable`] when the host does not answer; [`ChainError::BeyondHistory`]
    /// when no common block with `known` exists any more.
    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError>;

    /// Returns when `next_event` may have something new. May return early.
    async fn changed(&mut self) -> Result<(), ChainError>;

    /// The newest block the host knows of; `None` when it has none yet. Tells how far behind we are,
    /// and nothing else: what is indexed comes from [`Self::next_event`] alone.
    ///
    /// # Errors
    /// [`ChainError::Unavailable`] when the host does not answer.
    async fn head(&self) -> Result<Option<BlockRef>, ChainError>;

    /// The newest block that cannot be reverted any more; `None` when the host has none yet.
    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError>;

    /// Everything up to `block` is durable with us and finalized: the host may prune it (I5).
    fn acknowledge(&mut self, block: BlockRef);
}
