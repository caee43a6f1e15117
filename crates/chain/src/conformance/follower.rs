//! A model of the index: holds what events told it and insists on the rules of the seam.

use super::{
    verdict::{Answer, Verdict, broken, ensure, ensure_eq},
    world::World,
};
use crate::{Block, ChainEvent, ChainLog, ChainSource, Header, History, KnownBlocks};
use alloy::primitives::{B256, BloomInput};
use bmn_primitives::BlockRef;
use std::collections::{BTreeMap, BTreeSet};

/// Times in a row that `changed` may return with nothing new. A source over a real node returns at
/// most every few milliseconds, so this is minutes.
const EARLY_RETURNS: usize = 20_000;

/// A block as it was told.
#[derive(Debug, Clone)]
struct Held {
    block: BlockRef,
    /// None: the end of a history range, itself left out.
    body: Option<Block>,
}

/// Follows one source.
#[derive(Debug, Clone)]
pub(super) struct Follower {
    start: u64,
    max_blocks: usize,
    held: BTreeMap<u64, Held>,
    /// Numbers that a history left out and nobody has compared with the node yet.
    left_out: BTreeSet<u64>,
    /// Hashes of blocks whose content was compared with the node's.
    compared: BTreeSet<B256>,
    /// The highest block that was said to be final.
    finalized: Option<BlockRef>,
}

impl KnownBlocks for Follower {
    fn at(&self, number: u64) -> Option<BlockRef> {
        self.held.get(&number).map(|held| held.block)
    }
}

impl Follower {
    pub(super) fn new(start: u64, max_blocks: usize) -> Self {
        let (held, left_out, compared) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { start, max_blocks, held, left_out, compared, finalized: None }
    }

    /// Everything it holds is durable, so this is also where a restart continues.
    pub(super) fn cursor(&self) -> Option<BlockRef> {
        self.held.last_key_value().map(|(_, held)| held.block)
    }

    pub(super) const fn set_max_blocks(&mut self, max_blocks: usize) {
        self.max_blocks = max_blocks;
    }

    /// Every block it holds, without what the node says about it.
    pub(super) fn view(&self) -> Vec<BlockRef> {
        self.held.values().map(|held| held.block).collect()
    }

    /// Follows to the node's head, waiting where the source lags, and compares with the node; answers
    /// the events it took.
    pub(super) async fn follow(
        &mut self,
        source: &mut dyn ChainSource,
        world: &World<'_>,
    ) -> Verdict<Vec<ChainEvent>> {
        let head = world.head().await;
        let mut events = Vec::new();
        let mut early = 0;
        while self.cursor() != Some(head) {
            if let Some(event) = self.step(source).await? {
                events.push(event);
                early = 0;
                continue;
            }
            early += 1;
            ensure(early <= EARLY_RETURNS, || {
                format!("the source stands still at {:?}; the node is at {head}", self.cursor())
            })?;
            source.changed().await.answers("changed")?;
        }
        self.compare(world).await?;
        Ok(events)
    }

    /// Takes the next event, if there is one.
    pub(super) async fn step(
        &mut self,
        source: &mut dyn ChainSource,
    ) -> Verdict<Option<ChainEvent>> {
        let cursor = self.cursor();
        let event = source.next_event(cursor, &*self, self.max_blocks).await;
        let event = event.answers("next_event")?;
        if let Some(event) = &event {
            self.apply(event)?;
        }
        let finalized = source.finalized().await.answers("finalized")?;
        if let Some(ChainEvent::Backfilled(history)) = &event {
            let final_enough = finalized.is_some_and(|f| history.through().number <= f.number);
            ensure(final_enough, || {
                let through = history.through();
                format!("history through {through} passes the finalized block {finalized:?}")
            })?;
        }
        if finalized.map(|block| block.number) > self.finalized.map(|block| block.number) {
            self.finalized = finalized;
        }
        Ok(event)
    }

    fn apply(&mut self, event: &ChainEvent) -> Verdict {
        let newest_first = event.reverted();
        if let ChainEvent::Reorged { .. } | ChainEvent::Reverted { .. } = event {
            ensure(!newest_first.is_empty(), || "a reorg reverts at least one block".to_owned())?;
        }
        for reverted in newest_first {
            ensure_eq(
                "reverted blocks are ours, newest first, from the cursor",
                &Some(*reverted),
                &self.cursor(),
            )?;
            if let Some(finalized) = self.finalized {
                ensure(reverted.number > finalized.number, || {
                    format!("{reverted} was reverted after {finalized} was final")
                })?;
            }
            self.held.pop_last();
        }
        for block in event.committed() {
            let block = block.header.block_ref();
            ensure(!newest_first.contains(&block), || {
                format!("{block} was reverted and committed again: it is common to both chains")
            })?;
        }
        match event {
            ChainEvent::Backfilled(history) => self.apply_history(history),
            _ => self.apply_blocks(event.committed()),
        }
    }

    fn apply_blocks(&mut self, blocks: &[Block]) -> Verdict {
        ensure(blocks.len() <= self.max_blocks.max(1), || {
            format!("{} blocks where at most {} were asked for", blocks.len(), self.max_blocks)
        })?;
        for block in blocks {
            self.push(block)?;
        }
        Ok(())
    }

    /// Number of the block that must come next.
    fn next_number(&self) -> u64 {
        self.cursor().map_or(self.start, |cursor| cursor.number + 1)
    }

    fn push(&mut self, block: &Block) -> Verdict {
        let header = &block.header;
        ensure_eq("number of the next block", &header.number, &self.next_number())?;
        if let Some(cursor) = self.cursor() {
            ensure_eq("parent of the next block", &header.parent_hash, &cursor.hash)?;
            ensure(header.timestamp >= cursor.time, || {
                format!("{} is older than its parent {cursor}", header.block_ref())
            })?;
        }
        well_formed(block)?;
        self.hold(header.block_ref(), Some(block.clone()));
        Ok(())
    }

    fn hold(&mut self, block: BlockRef, body: Option<Block>) {
        self.held.insert(block.number, Held { block, body });
    }

    fn apply_history(&mut self, history: &History) -> Verdict {
        ensure_eq("first block of a history", &history.from(), &self.next_number())?;
        let held = history.blocks().len();
        ensure(held <= self.max_blocks.max(1), || {
            format!("a history of {held} blocks where at most {} were asked for", self.max_blocks)
        })?;
        let through = history.through();
        if let (Some(cursor), Some(first)) = (self.cursor(), history.blocks().first())
            && first.header.number == history.from()
        {
            let parent = first.header.parent_hash;
            ensure_eq("parent of a history's first block", &parent, &cursor.hash)?;
        }
        self.left_out.extend(history.from()..=through.number);
        for block in history.blocks() {
            well_formed(block)?;
            self.left_out.remove(&block.header.number);
            self.hold(block.header.block_ref(), Some(block.clone()));
        }
        if self.cursor() != Some(through) {
            self.hold(through, None);
        }
        Ok(())
    }

    /// Compares what is held with what the node says.
    async fn compare(&mut self, world: &World<'_>) -> Verdict {
        for number in std::mem::take(&mut self.left_out) {
            let truth = world.truth(number).await?;
            let lost = truth.logs.iter().find(|log| log.address == world.emitter);
            ensure(lost.is_none(), || format!("block {number} was left out, it logs {lost:?}"))?;
            if let Some(held) = self.held.get(&number) {
                ensure_eq("end of a history", &held.block, &truth.header.block_ref())?;
            }
        }
        for held in self.held.values() {
            let Some(body) = &held.body else { continue };
            if self.compared.insert(held.block.hash) {
                compare_block(body, &world.truth(held.block.number).await?, world)?;
            }
        }
        Ok(())
    }
}

/// Rules that a block keeps by itself.
fn well_formed(block: &Block) -> Verdict {
    let Header { number, logs_bloom, .. } = &block.header;
    for pair in block.logs.windows(2) {
        let rises = pair[0].log_index < pair[1].log_index && pair[0].tx_index <= pair[1].tx_index;
        ensure(rises, || format!("logs of block {number} are out of order: {pair:?}"))?;
    }
    for log in &block.logs {
        let address = BloomInput::Raw(log.address.as_slice());
        let topics = log.topics.iter().map(|topic| BloomInput::Raw(topic.as_slice()));
        let missing = [address].into_iter().chain(topics).any(|i| !logs_bloom.contains_input(i));
        ensure(!missing, || format!("the bloom of block {number} lacks {log:?}"))?;
    }
    Ok(())
}

/// The header is the node's in every field, every log is one of the node's, and the emitter's are all
/// there and what it was told to log.
fn compare_block(found: &Block, truth: &Block, world: &World<'_>) -> Verdict {
    ensure_eq("a header", &found.header, &truth.header)?;
    let number = truth.header.number;
    let mut real = truth.logs.iter();
    for log in &found.logs {
        ensure(real.any(|candidate| candidate == log), || {
            format!("block {number} has no such log, or not in this place: {log:?}")
        })?;
    }
    let ours = |block: &Block| {
        let ours = block.logs.iter().filter(|log| log.address == world.emitter);
        ours.cloned().collect::<Vec<_>>()
    };
    ensure_eq(&format!("logs of block {number}"), &ours(found), &ours(truth))?;
    let mut by_tx: BTreeMap<B256, Vec<ChainLog>> = BTreeMap::new();
    for log in ours(found) {
        by_tx.entry(log.tx_hash).or_default().push(log);
    }
    for (tx, logs) in by_tx {
        let Some(emitted) = world.emitted(&tx) else {
            return broken(format!("nobody sent transaction {tx} of block {number}"));
        };
        let told = emitted.iter().map(|emission| (&emission.topics, &emission.data));
        let holds = logs.iter().map(|log| (&log.topics, &log.data)).eq(told);
        ensure(holds, || format!("transaction {tx} should log {emitted:?}, found {logs:?}"))?;
    }
    Ok(())
}
