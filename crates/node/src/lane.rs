//! One chain, followed and acted on step by step.

use crate::{
    NodeError,
    recovery::Swept,
    resolver::{CATCHING_UP, Shared},
};
use bmn_chain::{ChainError, ChainEvent, ChainSource};
use bmn_executor::{Executor, Outcome};
use bmn_indexer::{Backfill, Derivation, IndexError, Pace, Share};
use bmn_primitives::{BlockRef, ChainId, OrderId};
use bmn_queue::{JobFilter, StateKind, list};
use bmn_rpc::Acting;
use bmn_store::{Cursor, Mode, Reads, RebuildReason, StoreError};
use std::{collections::BTreeSet, time::Duration};

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
    /// What the host called final before the next event was asked for: blocks of that event up to it
    /// are never taken back.
    finalized: Option<BlockRef>,
    /// The factories could not be checked at the start: nothing is sent before they are.
    unchecked: bool,
    /// Turns in a row that failed.
    pub(crate) failures: u32,
    /// What failed last was following, so that newer blocks may be there.
    pub(crate) lost_sight: bool,
}

impl Lane {
    pub(crate) fn new(source: Box<dyn ChainSource>) -> Self {
        Self {
            source,
            maintained: None,
            backfill: None,
            derivation: None,
            pace: Pace::new(),
            finalized: None,
            unchecked: false,
            failures: 0,
            lost_sight: false,
        }
    }

    /// Forgets everything that the store does not say: what a lane that was cut off in the middle of something knows is
    /// worth nothing.
    pub(crate) fn forget(&mut self) {
        self.maintained = None;
        (self.backfill, self.derivation) = (None, None);
        self.pace = Pace::new();
        self.finalized = None;
    }

    /// The chain is acted on, and orders at an end are still to be looked at.
    pub(crate) fn derives_the_ended(&self) -> bool {
        self.derivation.as_ref().is_some_and(Derivation::is_live)
    }

    pub(crate) const fn check_factories_first(&mut self) {
        self.unchecked = true;
    }

    /// One step: an event, a slice of a rebuild, or a slice of the orders to be derived again. True
    /// when there was something to do.
    pub(crate) async fn follow(
        &mut self,
        shared: &Shared,
        chain: ChainId,
    ) -> Result<bool, NodeError> {
        let error = match self.step(shared, chain).await {
            Ok(worked) => return Ok(worked),
            Err(error) => error,
        };
        let rebuild = rebuild_for(chain, &error);
        if error.is_of_host() && rebuild.is_none() && !is_not_child(&error) {
            return Err(error);
        }
        // What was staged and not flushed is asked for again.
        let staged = self.backfill.take().is_some();
        self.derivation = None;
        match rebuild {
            // The host measured against blocks that were not durable yet.
            Some((_, RebuildReason::DeepReorg)) if staged => Ok(true),
            Some((damaged, reason)) => {
                if reason == RebuildReason::DeepReorg {
                    self.check_host_is_not_behind(shared, damaged).await?;
                }
                tracing::error!(target: "bmn::node", chain = %damaged, %error, "rebuild needed");
                shared.begin_rebuild(damaged, reason)?;
                Ok(true)
            }
            None if is_moved(&error) => Ok(true),
            None => Err(error),
        }
    }

    // A node that was set back or syncs anew has none of our blocks either. It is waited for: what we
    // hold is right, and clearing it would stop every swap of the chain for hours.
    async fn check_host_is_not_behind(
        &self,
        shared: &Shared,
        chain: ChainId,
    ) -> Result<(), NodeError> {
        let finalized = shared.indexer.cursor(chain)?.finalized.map_or(0, |block| block.number);
        let head = self.source.head().await?.map_or(0, |head| head.number);
        if head >= finalized {
            return Ok(());
        }
        let reason = format!("its head is block {head}, below our final block {finalized}");
        Err(ChainError::Unavailable { chain, reason }.into())
    }

    async fn step(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        let cursor = shared.indexer.cursor(chain)?;
        if cursor.mode.rebuild_reason().is_some() && !cursor.mode.is_current() {
            shared.note_mode(chain, cursor.mode);
        }
        if matches!(cursor.mode, Mode::Clearing(_)) {
            (self.backfill, self.derivation) = (None, None);
            let now = || shared.clock.monotonic();
            shared.indexer.clear_some(chain, &mut self.pace, &now)?;
            return Ok(true);
        }
        if self.derivation.as_ref().is_some_and(|derivation| !derivation.is_live()) {
            return self.derive(shared, chain);
        }
        if self.finalized.is_none() {
            self.finalized = self.source.finalized().await?;
        }
        match self.next_event(shared, chain, &cursor).await? {
            Some(event) => {
                let worked = self.take(shared, chain, &event)?;
                self.finalized = self.source.finalized().await?;
                Ok(worked)
            }
            None if self.derivation.is_some() => self.derive(shared, chain),
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

    fn take(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        event: &ChainEvent,
    ) -> Result<bool, NodeError> {
        let arrived = shared.clock.monotonic();
        let is_history = matches!(event, ChainEvent::Backfilled(_));
        let finalized = match event {
            // A host gives as history only what it calls final.
            ChainEvent::Backfilled(history) => self
                .finalized
                .filter(|end| end.number >= history.through().number)
                .or_else(|| Some(history.through())),
            _ => self.finalized,
        };
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
        if applied.reverted > 0 {
            // What rests on a block of this chain that is gone is taken back before anything is sent.
            shared.unfounded.write().insert(chain);
            shared.note_unfounded(chain, &applied.orders)?;
        }
        shared.note_ready(arrived)?;
        shared.announce();
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
        // Its orders are looked at when it has been caught up with, and until then it says nothing.
        shared.behind.write().entry(chain).or_insert_with(|| CATCHING_UP.to_owned());
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
            shared.announce();
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
            shared.announce();
            return Ok(true);
        }
        let Some(tip) = cursor.tip else { return Ok(false) };
        if !(shared.is_behind(chain) || cursor.mode != Mode::Live) {
            return Ok(false);
        }
        if let Some(floor) = shared.floor(chain).filter(|floor| *floor > tip.number) {
            let why = format!("its host has blocks up to {}, we had {floor} before", tip.number);
            shared.behind.write().insert(chain, why);
            return Ok(false);
        }
        self.derivation = Some(shared.indexer.derivation(chain)?);
        Ok(true)
    }

    fn derive(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        let Some(derivation) = &mut self.derivation else { return Ok(false) };
        let more = shared.indexer.derive_some(derivation)?;
        if (!more || derivation.is_live()) && shared.is_behind(chain) {
            shared.now_live(chain)?;
            // Its host has answered that there is nothing newer.
            self.failures = 0;
            shared.executor.iter().for_each(|executor| executor.sees(chain));
        }
        if !more {
            self.derivation = None;
        }
        shared.note_ready(shared.clock.monotonic())?;
        shared.announce();
        Ok(true)
    }

    async fn act_once(&mut self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        if !shared.may_act(chain) {
            return Ok(false);
        }
        let Some(executor) = &shared.executor else {
            shared.panicked.write().remove(&chain);
            return Ok(false);
        };
        if self.unchecked {
            let route = shared.rules.routes.iter().find(|route| route.chain == chain);
            shared.check_factories(route.ok_or(NodeError::UnknownChain(chain))?).await?;
            self.unchecked = false;
        }
        let worked = self.work(shared, executor, chain).await?;
        if worked {
            shared.announce();
        }
        Ok(worked)
    }

    async fn work(
        &mut self,
        shared: &Shared,
        executor: &Executor,
        chain: ChainId,
    ) -> Result<bool, NodeError> {
        // A new block may have made something due: that goes before what has no deadline. Only what we did
        // and do not remember goes before everything, and taking back what rests on a block that is gone.
        let mut worked = false;
        let is_founded = !shared.unfounded.read().contains(&chain);
        if is_founded && shared.is_swept(chain) && self.is_new_head(shared, chain)? {
            worked |= shared.run_batch(executor, chain).await?;
        }
        match shared.recover_some(chain).await? {
            Swept::More => return Ok(true),
            Swept::Waiting => return Ok(worked),
            Swept::Through => {}
        }
        if shared.unfounded.write().remove(&chain) {
            self.maintained = None;
        }
        let tip = shared.store.read()?.cursor(chain)?.tip;
        if tip.is_some() && tip != self.maintained {
            worked |= executor.maintain(chain).await?;
            worked |= shared.watch_strangers(executor, chain).await?;
            // A part is a new order: it is taken when one would be.
            if matches!(shared.acting(), Acting::Everywhere) {
                worked |= shared.intake.next_parts(chain).await?;
            }
            self.maintained = tip;
            shared.note_ready(shared.clock.monotonic())?;
        }
        worked |= shared.run_batch(executor, chain).await?;
        // An order at an end that is still to be looked at may be the one that panics.
        if self.derivation.is_none() {
            shared.acted(chain);
        }
        Ok(worked)
    }

    fn is_new_head(&self, shared: &Shared, chain: ChainId) -> Result<bool, NodeError> {
        let tip = shared.store.read()?.cursor(chain)?.tip;
        Ok(tip.is_some() && tip != self.maintained)
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
    async fn run_batch(&self, executor: &Executor, chain: ChainId) -> Result<bool, NodeError> {
        let outcomes = executor.run_batch(chain, &|| self.clock.monotonic()).await?;
        for (key, outcome) in &outcomes {
            match outcome {
                Outcome::Sent { accepted: true, .. } => {
                    self.latencies.accepted(key, self.clock.monotonic());
                }
                _ => self.latencies.withdrawn(key),
            }
        }
        Ok(!outcomes.is_empty())
    }

    // A whole turn without a panic: orders may be taken again.
    fn acted(&self, chain: ChainId) {
        if self.panicked.read().contains_key(&chain) {
            self.panicked.write().remove(&chain);
            tracing::info!(target: "bmn::node", %chain, "acted without a panic again");
        }
    }

    fn is_behind(&self, chain: ChainId) -> bool {
        self.behind.read().contains_key(&chain)
    }

    fn is_other_live(&self, chain: ChainId) -> bool {
        let behind = self.behind.read();
        self.wake.keys().any(|other| *other != chain && !behind.contains_key(other))
    }

    // An order is acted on when the index of both its chains is current, which the store knows; a chain
    // is acted on when its own is.
    fn may_act(&self, chain: ChainId) -> bool {
        self.halted.read().is_none() && !self.is_behind(chain)
    }

    // What a transaction rests on may be on another chain than the one it is for. It is taken back now,
    // not when that one has its next block: by then it may be mined.
    fn note_unfounded(&self, chain: ChainId, orders: &BTreeSet<OrderId>) -> Result<(), NodeError> {
        let read = self.store.read()?;
        for other in self.wake.keys().filter(|other| **other != chain) {
            for order in orders {
                let filter = JobFilter {
                    order: Some(*order),
                    chain: Some(*other),
                    state: Some(StateKind::Sent),
                };
                if !list(&read, &filter, None, 1)?.is_empty() {
                    self.unfounded.write().insert(*other);
                    break;
                }
            }
        }
        Ok(())
    }

    fn now_live(&self, chain: ChainId) -> Result<(), NodeError> {
        self.behind.write().remove(&chain);
        self.floors.write().remove(&chain);
        // Another lane may have begun a rebuild of this chain meanwhile.
        let mode = self.indexer.cursor(chain)?.mode;
        if mode.is_current() {
            tracing::info!(target: "bmn::node", %chain, "live");
        } else {
            self.note_mode(chain, mode);
        }
        Ok(())
    }

    /// The newest block that the index held before it was cleared: below it nobody knows enough.
    fn floor(&self, chain: ChainId) -> Option<u64> {
        self.floors.read().get(&chain).copied()
    }

    fn note_mode(&self, chain: ChainId, mode: Mode) {
        self.behind.write().insert(chain, format!("its index is {mode}"));
    }

    /// Stops acting, durably, and has the chain indexed again from its start.
    fn begin_rebuild(&self, chain: ChainId, reason: RebuildReason) -> Result<(), NodeError> {
        self.note_mode(chain, Mode::Clearing(reason));
        if let Some(tip) = self.indexer.cursor(chain)?.tip {
            self.floors.write().insert(chain, tip.number);
        }
        Ok(self.indexer.begin_rebuild(chain, reason)?)
    }
}

/// Another lane moved the cursor of this chain: what was being done is done again from there.
const fn is_moved(error: &NodeError) -> bool {
    matches!(error.store(), Some(StoreError::CursorMoved { .. }))
}

/// The host gave blocks that do not continue ours: it is asked again, and nothing of its answer is kept.
const fn is_not_child(error: &NodeError) -> bool {
    matches!(error.store(), Some(StoreError::NotChild { .. }))
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
