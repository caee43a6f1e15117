//! Reading the node's chain (the seam's [`ChainSource`]).
//!
//! Pulled by cursor and without a position of its own: what follows the cursor is taken from the newest
//! notifications where they have it, else from stored headers and receipts. A notification is thus only a
//! short cut and a bell; one that is lost, late, repeated or skipped changes nothing that is told.

use crate::{
    acks::Acks,
    feed::Feed,
    ledger::{Ledger, LedgerError},
    read::{self, HistoryLimits, Place},
};
use alloy::primitives::B256;
use async_trait::async_trait;
use bmn_chain::{Block, ChainError, ChainEvent, ChainSource, KnownBlocks, Segment};
use bmn_host_rpc::LogSelection;
use bmn_primitives::{BlockRef, ChainId};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// What is followed.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// The chain.
    pub chain: ChainId,
    /// First block to read.
    pub start_block: u64,
    /// Blocks below the head that count as final before the consensus client names a final block.
    pub finality_depth: u64,
    /// Which logs to read.
    pub selection: Arc<LogSelection>,
    /// Bounds.
    pub limits: SourceLimits,
}

/// Bounds of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Final blocks ahead of the cursor from which sparse history is told: 64.
    pub backfill_distance: u64,
    /// One range of history.
    pub history: HistoryLimits,
    /// Most blocks told in full at once: 64.
    pub segment: usize,
    /// Deepest reorg followed, blocks: 10 000. What the index still knows bounds it further.
    pub reorg: usize,
    /// How long a head below our cursor, on our own chain, counts as a node that lost its newest blocks and
    /// gets them again: 60 s. After that they are told as reverted.
    pub patience: Duration,
    /// Longest wait for a notification before the chain is looked at again: 1 s.
    pub heartbeat: Duration,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            backfill_distance: 64,
            history: HistoryLimits::default(),
            segment: 64,
            reorg: 10_000,
            patience: Duration::from_secs(60),
            heartbeat: Duration::from_secs(1),
        }
    }
}

/// Follows the chain of the node we run in.
#[derive(Debug)]
pub struct NodeSource<L> {
    ledger: Arc<L>,
    feed: Arc<Feed>,
    moves: watch::Receiver<u64>,
    acks: Acks,
    config: SourceConfig,
    behind: Option<Behind>,
}

/// The node's head is below our cursor, on our own chain.
#[derive(Debug, Clone, Copy)]
struct Behind {
    head: BlockRef,
    since: Instant,
}

/// Where our chain and the node's part.
#[derive(Debug)]
struct Fork {
    reverted: Vec<BlockRef>,
    /// The last common block; none when everything we hold is gone, or nothing is held.
    common: Option<BlockRef>,
}

impl<L: Ledger> NodeSource<L> {
    /// Follows `ledger`, with what `feed` has as a short cut.
    pub fn new(ledger: Arc<L>, feed: Arc<Feed>, acks: Acks, config: SourceConfig) -> Self {
        let moves = feed.moves();
        Self { ledger, feed, moves, acks, config, behind: None }
    }

    fn failed(&self, error: LedgerError) -> ChainError {
        error.of_chain(self.config.chain)
    }

    fn moved(&self, number: u64) -> ChainError {
        self.failed(LedgerError::Moved { number })
    }

    fn hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        self.ledger.hash(number).map_err(|error| self.failed(error))
    }

    /// Runs what reads much on a thread where it may.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&L) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let ledger = Arc::clone(&self.ledger);
        match tokio::task::spawn_blocking(move || read(&ledger)).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(stopped) => Err(ChainError::Unavailable {
                chain: self.config.chain,
                reason: format!("reading the node's storage: {stopped}"),
            }),
        }
    }

    /// Goes back through our blocks to the last one that the node has, too.
    fn fork(
        &self,
        cursor: BlockRef,
        head: BlockRef,
        known: &dyn KnownBlocks,
    ) -> Result<Fork, ChainError> {
        let (chain, start) = (self.config.chain, self.config.start_block);
        let beyond = || ChainError::BeyondHistory { chain, cursor };
        let (mut reverted, mut ours) = (Vec::new(), cursor);
        loop {
            if ours.number <= head.number {
                match self.hash(ours.number)? {
                    Some(theirs) if theirs == ours.hash => {
                        return Ok(Fork { reverted, common: Some(ours) });
                    }
                    Some(_) => {}
                    // The head has moved below it since it was read.
                    None => return Err(self.moved(ours.number)),
                }
            }
            reverted.push(ours);
            if ours.number == start && start > 0 {
                // What is below the start was never ours.
                return Ok(Fork { reverted, common: None });
            }
            if reverted.len() > self.config.limits.reorg {
                return Err(beyond());
            }
            let below = ours.number.checked_sub(1).and_then(|number| known.at(number));
            ours = below.ok_or_else(beyond)?;
        }
    }

    /// The newest block that counts as final under this head.
    fn finalized_under(&self, head: BlockRef) -> Result<Option<BlockRef>, ChainError> {
        let named = self.ledger.finalized().map_err(|error| self.failed(error))?;
        let number = match named {
            Some(named) if named.number <= head.number => return Ok(Some(named)),
            // The consensus client is ahead of what the node has: all of it is final.
            Some(_) => return Ok(Some(head)),
            None => head.number.saturating_sub(self.config.finality_depth),
        };
        let found = self.ledger.headers(number..=number).map_err(|error| self.failed(error))?;
        Ok(found.first().map(|stored| stored.header.block_ref()))
    }

    /// What was acknowledged must stay below what we hold: an index that begins again needs it again.
    fn hold_back(&self, cursor: Option<BlockRef>) -> Result<(), ChainError> {
        let Some(acknowledged) = self.acks.newest() else { return Ok(()) };
        let needed = match cursor {
            Some(cursor) => cursor.number,
            None => self.config.start_block.saturating_sub(1),
        };
        if acknowledged.number > needed {
            let found = self.ledger.headers(needed..=needed).map_err(|error| self.failed(error))?;
            if let Some(stored) = found.first() {
                self.acks.hold(stored.header.block_ref());
            }
        }
        Ok(())
    }

    /// Blocks from `place` on: out of the window where it has them and the node agrees, else read.
    async fn segment(
        &self,
        place: Place,
        head: BlockRef,
        most: usize,
    ) -> Result<Vec<Block>, ChainError> {
        let most = most.clamp(1, self.config.limits.segment.max(1));
        let selection = &self.config.selection;
        if let Some(parent) = place.parent {
            let blocks = self.feed.after(selection, (parent.number, parent.hash), most);
            if let Some(tip) = blocks.last()
                && self.hash(tip.header.number)? == Some(tip.header.hash)
            {
                metrics::counter!("bmn_extension_window_hits_total").increment(1);
                return Ok(blocks);
            }
        }
        metrics::counter!("bmn_extension_storage_reads_total").increment(1);
        let last = head.number.min(place.next.saturating_add(most as u64 - 1));
        let selection = Arc::clone(selection);
        self.blocking(move |ledger| read::live(ledger, &selection, place, last)).await
    }

    /// A head below the cursor: after a crash the node lacks the blocks it had not written yet, and gets
    /// them again. Told as reverted once it stays so.
    fn lost(&mut self, head: BlockRef, reverted: Vec<BlockRef>) -> Option<ChainEvent> {
        let now = Instant::now();
        let same = self.behind.filter(|behind| behind.head.hash == head.hash);
        let since = same.map_or(now, |behind| behind.since);
        self.behind = Some(Behind { head, since });
        if now.duration_since(since) < self.config.limits.patience {
            return None;
        }
        self.behind = None;
        Some(ChainEvent::Reverted { reverted })
    }

    fn event(&self, reverted: Vec<BlockRef>, blocks: Vec<Block>) -> Result<ChainEvent, ChainError> {
        let number = blocks.first().map_or(0, |block| block.header.number);
        let segment = Segment::new(blocks).map_err(|_| self.moved(number))?;
        let first = segment.first().header.hash;
        if reverted.last().is_some_and(|oldest| oldest.hash == first) {
            // It was gone and is there again: what did not leave the chain must not be taken back.
            return Err(self.moved(number));
        }
        Ok(match reverted.is_empty() {
            true => ChainEvent::Committed(segment),
            false => ChainEvent::Reorged { reverted, committed: segment },
        })
    }
}

#[async_trait]
impl<L: Ledger> ChainSource for NodeSource<L> {
    fn chain_id(&self) -> ChainId {
        self.config.chain
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        // Marked before reading: a change in between wakes once too often, never once too few.
        self.moves.mark_unchanged();
        self.hold_back(cursor)?;
        if let Some(cursor) = cursor {
            // What follows is asked for as soon as what came before is on disk. (Final blocks that are
            // written in bulk may still be staged, which is not what the measure is for.)
            self.feed.durable((cursor.number, cursor.hash));
        }
        let head = self.ledger.head().map_err(|error| self.failed(error))?;
        let Fork { reverted, common } = match cursor {
            None => Fork { reverted: vec![], common: None },
            Some(cursor) => self.fork(cursor, head, known)?,
        };
        let next = match (common, reverted.last()) {
            (Some(common), _) => common.number.saturating_add(1),
            (None, Some(oldest)) => oldest.number,
            (None, None) => self.config.start_block,
        };
        if next > head.number {
            if reverted.is_empty() {
                self.behind = None;
                return Ok(None);
            }
            return Ok(self.lost(head, reverted));
        }
        self.behind = None;
        let place = Place { next, parent: common };
        let last_final = self.finalized_under(head)?.map_or(0, |last| last.number);
        if reverted.is_empty()
            && last_final >= next.saturating_add(self.config.limits.backfill_distance)
        {
            let selection = Arc::clone(&self.config.selection);
            let limits = self.config.limits.history;
            let read = move |ledger: &L| {
                read::history(ledger, &selection, place, last_final, max_blocks, limits)
            };
            return Ok(Some(ChainEvent::Backfilled(self.blocking(read).await?)));
        }
        let blocks = self.segment(place, head, max_blocks).await?;
        self.event(reverted, blocks).map(Some)
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        tokio::select! {
            // The feed outlives the source, so this never fails.
            _ = self.moves.changed() => {}
            () = tokio::time::sleep(self.config.limits.heartbeat) => {}
        }
        Ok(())
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        self.ledger.head().map(Some).map_err(|error| self.failed(error))
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        let head = self.ledger.head().map_err(|error| self.failed(error))?;
        self.finalized_under(head)
    }

    fn acknowledge(&mut self, block: BlockRef) {
        self.acks.acknowledge(block);
    }
}
