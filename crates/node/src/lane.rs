//! One chain, followed and acted on step by step.

use crate::{NodeError, resolver::Shared};
use bmn_chain::{ChainError, ChainEvent, ChainSource};
use bmn_executor::Outcome;
use bmn_indexer::{Backfill, Derivation, IndexError, Pace, Share};
use bmn_primitives::{BlockRef, ChainId};
use bmn_store::{Cursor, Mode, Reads, RebuildReason, StoreError};
use std::time::Duration;

/// Blocks in one event, hence in one transaction.
const MAX_BLOCKS: usize = 64;

/// The same while the chain is being caught up with, where final blocks are written in bulk.
const MAX_BLOCKS_BEHIND: usize = 256;

/// How long final blocks may wait for more of them before they are made durable.
const LONGEST_STAGED: Duration = Duration::from_secs(2);

/// Where a chain's events come from, how far its intents were looked after, and what is under way
/// while its index is not current.
pub(crate) struct Lane {
    pub(crate) source: Box<dyn ChainSource>,
    maintained: Option<BlockRef>,
    backfill: Option<(Backfill, Duration)>,
    derivation: Option<Derivation>,
    pace: Pace,
}

impl Lane {
    pub(crate) fn new(source: Box<dyn ChainSource>) -> Self {
        Self { source, maintained: None, backfill: None, derivation: None, pace: Pace::new() }
    }

    /// One step: an event, a slice of a rebuild, or a slice of the orders to be derived again. True
    /// when there was something to do.
    pub(crate) async fn follow(
        &mut self,
        shared: &Shared,
        chain: ChainId,
    ) -> Result<bool, NodeError> {
        match self.step(shared, chain).await {
            Ok(worked) => Ok(worked),
            Err(error) => {
                // What was staged and not flushed is asked for again.
                let staged = self.backfill.take().is_some();
                self.derivation = None;
                match rebuild_for(chain, &error) {
                    // The host measured against blocks that were not durable yet.
                    Some((_, RebuildReason::DeepReorg)) if staged => Ok(true),
                    Some((chain, reason)) => {
                        tracing::error!(target: "bmn::node", %chain, %error, "rebuild needed");
                        shared.begin_rebuild(chain, reason)?;
                        Ok(true)
                    }
                    None => Err(error),
                }
            }
        }
    }

    async fn step(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        let cursor = shared.indexer.cursor(chain)?;
        if cursor.mode.rebuild_reason().is_some() {
            shared.note_mode(chain, cursor.mode);
        }
        if matches!(cursor.mode, Mode::Clearing(_)) {
            (self.backfill, self.derivation) = (None, None);
            let now = || shared.clock.monotonic();
            shared.indexer.clear_some(chain, &mut self.pace, &now)?;
            return Ok(true);
        }
        if self.derivation.is_some() {
            return self.derive(shared, chain);
        }
        match self.next_event(shared, chain, &cursor).await? {
            Some(event) => self.take(shared, chain, &event).await,
            None => self.caught_up(shared, chain, &cursor),
        }
    }

    async fn next_event(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        cursor: &Cursor,
    ) -> Result<Option<ChainEvent>, NodeError> {
        let most = if shared.is_behind(chain) { MAX_BLOCKS_BEHIND } else { MAX_BLOCKS };
        let tip = match &self.backfill {
            Some((backfill, _)) => backfill.tip()?,
            None => cursor.tip,
        };
        let read = shared.store.read()?;
        Ok(self.source.next_event(tip, &read.known_blocks(chain), most).await?)
    }

    async fn take(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        event: &ChainEvent,
    ) -> Result<bool, NodeError> {
        let arrived = shared.clock.monotonic();
        let finalized = self.source.finalized().await?;
        let is_history = matches!(event, ChainEvent::Backfilled(_));
        let last = event.tip().filter(|_| event.reverted().is_empty());
        let all_final = last.zip(finalized).is_some_and(|(last, end)| last.number <= end.number);
        if let Some(finalized) = finalized
            && (is_history || (all_final && shared.is_behind(chain)))
        {
            self.stage(shared, chain, event, finalized, arrived)?;
            return Ok(true);
        }
        if self.flush(shared)? {
            self.acknowledge(shared, chain, finalized)?;
        }
        let applied = shared.indexer.apply(chain, event, finalized)?;
        shared.note_ready(arrived)?;
        shared.announce()?;
        self.acknowledge(shared, chain, finalized)?;
        tracing::debug!(
            target: "bmn::node", chain = %chain, committed = applied.committed,
            reverted = applied.reverted, orders = applied.orders.len(), "event applied"
        );
        Ok(true)
    }

    fn stage(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        event: &ChainEvent,
        finalized: BlockRef,
        arrived: Duration,
    ) -> Result<(), NodeError> {
        let now = || shared.clock.monotonic();
        let share = if shared.is_other_live(chain) { Share::Beside } else { Share::Alone };
        let (mut backfill, since) = match self.backfill.take() {
            Some(begun) => begun,
            None => (shared.indexer.backfill(chain)?, arrived),
        };
        let mut durable = backfill.push(event, finalized, share, &now)? > 0;
        let waited = arrived.saturating_sub(since) > LONGEST_STAGED;
        if !durable && waited {
            durable = backfill.flush(&now)?.rows > 0;
        }
        self.backfill = Some((backfill, if durable { arrived } else { since }));
        if durable {
            self.acknowledge(shared, chain, Some(finalized))?;
            shared.announce()?;
        }
        Ok(())
    }

    fn flush(&mut self, shared: &Shared) -> Result<bool, NodeError> {
        let Some((mut backfill, _)) = self.backfill.take() else { return Ok(false) };
        Ok(backfill.flush(&|| shared.clock.monotonic())?.rows > 0)
    }

    // Never above what is final, never above what is durable (I5).
    fn acknowledge(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        finalized: Option<BlockRef>,
    ) -> Result<(), NodeError> {
        let tip = shared.indexer.cursor(chain)?.tip;
        match (finalized, tip) {
            (Some(finalized), Some(tip)) if finalized.number <= tip.number => {
                self.source.acknowledge(finalized);
            }
            _ => {}
        }
        Ok(())
    }

    // The host has nothing more: what is staged becomes durable, then orders are derived again if
    // blocks were taken that no order was looked at for.
    fn caught_up(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        cursor: &Cursor,
    ) -> Result<bool, NodeError> {
        if self.flush(shared)? {
            shared.announce()?;
            return Ok(true);
        }
        if cursor.tip.is_none() || !(shared.is_behind(chain) || cursor.mode != Mode::Live) {
            return Ok(false);
        }
        self.derivation = Some(shared.indexer.derivation(chain)?);
        Ok(true)
    }

    fn derive(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        let Some(derivation) = &mut self.derivation else { return Ok(false) };
        if !shared.indexer.derive_some(derivation)? {
            self.derivation = None;
            shared.behind.write().remove(&chain);
            tracing::info!(target: "bmn::node", %chain, "live");
        }
        shared.note_ready(shared.clock.monotonic())?;
        shared.announce()?;
        Ok(true)
    }

    async fn act_once(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        let executor = match &shared.executor {
            Some(executor) if shared.not_acting().is_none() => executor,
            _ => return Ok(false),
        };
        let tip = shared.store.read()?.cursor(chain)?.tip;
        let mut worked = false;
        if tip.is_some() && tip != self.maintained {
            worked |= executor.maintain(chain).await?;
            self.maintained = tip;
            shared.note_ready(shared.clock.monotonic())?;
        }
        if let Some((key, outcome)) = executor.run_one(chain).await? {
            match outcome {
                Outcome::Sent { accepted: true, .. } => {
                    shared.latencies.accepted(&key, shared.clock.monotonic());
                }
                _ => shared.latencies.withdrawn(&key),
            }
            worked = true;
        }
        if worked {
            shared.announce()?;
        }
        Ok(worked)
    }
}

impl Lane {
    /// Acts; a damaged row of a chain's tables that is met on the way has that chain indexed again.
    pub(crate) async fn act(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        match self.act_once(shared, chain).await {
            Err(error) => match rebuild_for(chain, &error) {
                Some((chain, RebuildReason::Damaged)) => {
                    tracing::error!(target: "bmn::node", %chain, %error, "rebuild needed");
                    shared.begin_rebuild(chain, RebuildReason::Damaged)?;
                    Ok(true)
                }
                _ => Err(error),
            },
            worked => worked,
        }
    }
}

impl Shared {
    fn is_behind(&self, chain: ChainId) -> bool {
        self.behind.read().contains_key(&chain)
    }

    fn is_other_live(&self, chain: ChainId) -> bool {
        let behind = self.behind.read();
        self.wake.keys().any(|other| *other != chain && !behind.contains_key(other))
    }

    fn note_mode(&self, chain: ChainId, mode: Mode) {
        self.behind.write().insert(chain, format!("its index is {mode}"));
    }

    /// Stops acting, durably, and has the chain indexed again from its start.
    fn begin_rebuild(&self, chain: ChainId, reason: RebuildReason) -> Result<(), NodeError> {
        self.note_mode(chain, Mode::Clearing(reason));
        Ok(self.indexer.begin_rebuild(chain, reason)?)
    }
}

/// Which chain is to be indexed again because of an error, and why; none when that is no cure.
fn rebuild_for(chain: ChainId, error: &NodeError) -> Option<(ChainId, RebuildReason)> {
    if let NodeError::Chain(ChainError::BeyondHistory { .. })
    | NodeError::Index(IndexError::Chain(ChainError::BeyondHistory { .. })) = error
    {
        return Some((chain, RebuildReason::DeepReorg));
    }
    match error.store()? {
        StoreError::UndoMissing { chain, .. } => Some((*chain, RebuildReason::DeepReorg)),
        error => error.damaged_chain().map(|chain| (chain, RebuildReason::Damaged)),
    }
}
