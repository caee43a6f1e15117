//! What a chain's lane does beside live blocks: the bulk path, rebuilds, and the orders that are
//! derived again afterwards. The order of things is that of the node.

use super::{
    cast::CHAINS,
    host::Next,
    machine::{Failure, Machine, text},
    step::Form,
};
use bmn_chain::{ChainEvent, KnownBlocks};
use bmn_indexer::{Backfill, Derivation, IndexError, Pace, Share};
use bmn_primitives::BlockRef;
use bmn_store::{Flushed, Mode, Reads, RebuildReason, StoreError};
use std::{cell::Cell, time::Duration};

/// What is under way on a chain, in memory only.
pub(super) struct Lane {
    pub(super) backfill: Option<Backfill>,
    derivation: Option<Derivation>,
    pace: Pace,
}

impl Default for Lane {
    fn default() -> Self {
        // As after slow transactions: the fewest rows, so that rebuilds clear in several pieces.
        let slow = Flushed { rows: 256, held: Duration::from_secs(1) };
        Self { backfill: None, derivation: None, pace: Pace::new().after(slow) }
    }
}

/// A disk so slow that every flush is to be as small as it may be.
fn slow_clock() -> impl Fn() -> Duration {
    let now = Cell::new(0);
    move || {
        now.set(now.get() + 1);
        Duration::from_secs(now.get())
    }
}

impl Machine {
    /// The mode of a chain, as it is durable.
    pub(super) fn mode(&self, side: usize) -> Result<Mode, Failure> {
        Ok(self.store()?.read().map_err(text)?.cursor(CHAINS[side]).map_err(text)?.mode)
    }

    /// One piece of work; false when there was none.
    pub(super) fn deliver(
        &mut self,
        side: usize,
        limit: usize,
        form: Form,
        tells_final: bool,
    ) -> Result<bool, Failure> {
        self.alive()?;
        if matches!(self.mode(side)?, Mode::Clearing(_)) {
            return self.clear(side).map(|()| true);
        }
        // Orders at an end come last, after whatever the chain shows.
        let derivation = self.lanes[side].derivation.as_ref();
        let (derives, goes_first) =
            derivation.map_or((false, false), |derivation| (true, !derivation.is_live()));
        if goes_first {
            return self.derive(side).map(|()| true);
        }
        let next = {
            let read = self.store()?.read().map_err(text)?;
            let tip = match &self.lanes[side].backfill {
                Some(backfill) => backfill.tip().map_err(text)?,
                None => read.cursor(CHAINS[side]).map_err(text)?.tip,
            };
            let known = read.known_blocks(CHAINS[side]);
            super::host::next_event(&self.chains[side], tip, &known, limit, form)?
        };
        match next {
            Next::Nothing if derives => self.derive(side)?,
            Next::Nothing => return Ok(false),
            // The host measured against blocks that were not durable yet.
            Next::Beyond(_) if self.lanes[side].backfill.take().is_some() => {
                self.tally.count("staged blocks dropped");
            }
            Next::Beyond(block) => self.rebuild(side, block)?,
            Next::Event(event) => {
                let finalized = self.chains[side].finalized();
                match (form, finalized) {
                    (Form::Bulk { alone, flush, .. }, Some(last))
                        if event.tip().is_some_and(|tip| tip.number <= last.number)
                            && event.reverted().is_empty() =>
                    {
                        let share = if alone { Share::Alone } else { Share::Beside };
                        self.push(side, &event, last, share)?;
                        if flush {
                            self.flush(side, true)?;
                        }
                    }
                    _ => {
                        if self.flush(side, false)? {
                            // Sparse history is told with the final block that allows it.
                            let tells = tells_final || matches!(event, ChainEvent::Backfilled(_));
                            self.apply(side, &event, finalized.filter(|_| tells))?;
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    /// Works until there is nothing left to do, orders included, or for so many pieces.
    pub(super) fn catch_up(&mut self, side: usize, pieces: usize) -> Result<(), Failure> {
        for _ in 0..pieces {
            if self.deliver(side, 8, Form::Segment, true)? {
                continue;
            }
            if self.lanes[side].backfill.is_some() {
                self.flush(side, false)?;
            } else if self.underived[side] {
                self.begin_derivation(side)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Where the index may stand when bulk writing up to `staged` is cut short.
    fn on_the_way(&self, side: usize, staged: Option<BlockRef>) -> Vec<Option<BlockRef>> {
        let from = self.durable[side].map_or(0, |tip| tip.number);
        let branch = self.chains[side].branch(staged).into_iter();
        let blocks = branch.map(|made| made.block.header.block_ref());
        let above = blocks.filter(|block| block.number > from).map(Some);
        std::iter::once(self.durable[side]).chain(above).collect()
    }

    fn push(
        &mut self,
        side: usize,
        event: &ChainEvent,
        finalized: BlockRef,
        share: Share,
    ) -> Result<(), Failure> {
        let begun = match self.lanes[side].backfill.take() {
            Some(backfill) => Ok(backfill),
            None => self.indexer()?.backfill(CHAINS[side]),
        };
        let ends = self.on_the_way(side, event.tip());
        self.told[side] = self.told[side].max(finalized.number);
        let other = self.rows(1 - side)?;
        let pushed = begun.and_then(|mut backfill| {
            let rows = backfill.push(event, finalized, share, &slow_clock())?;
            Ok((backfill, rows))
        });
        match pushed {
            Ok((backfill, rows)) => {
                if backfill.tip().map_err(text)? != event.tip() {
                    return Err(format!("chain {side}: staged to another block than was told"));
                }
                self.lanes[side].backfill = Some(backfill);
                self.tally.count("bulk");
                self.count(side, event);
                if rows > 0 {
                    self.tally.count("bulk flush in the middle");
                    self.flushed(side, &ends)?;
                }
            }
            Err(_) if self.disk.has_crashed() => {
                self.tally.count("crash in bulk");
                self.recover(Some((side, ends)))?;
                return self.compare();
            }
            Err(error) => return Err(format!("chain {side}: honest history failed: {error}")),
        }
        if self.disk.has_crashed() {
            return self.recover(None);
        }
        if self.rows(1 - side)? != other {
            return Err(format!("history of chain {side} changed rows of the other"));
        }
        self.check_records()
    }

    /// Makes what is staged durable, to go on in bulk or not; false after a crash.
    fn flush(&mut self, side: usize, goes_on: bool) -> Result<bool, Failure> {
        let Some(mut backfill) = self.lanes[side].backfill.take() else { return Ok(true) };
        let tip = backfill.tip().map_err(text)?;
        let ends = self.on_the_way(side, tip);
        match backfill.flush(&slow_clock()) {
            Ok(_) => {
                self.tally.count("bulk flush");
                self.lanes[side].backfill = Some(backfill);
                self.flushed(side, &ends)?;
                if self.durable[side] != tip {
                    return Err(format!("chain {side}: a flush left blocks behind"));
                }
            }
            Err(_) if self.disk.has_crashed() => {
                self.tally.count("crash in bulk");
                drop(backfill);
                self.recover(Some((side, ends)))?;
                self.compare()?;
                return Ok(false);
            }
            Err(error) => return Err(format!("chain {side}: a flush failed: {error}")),
        }
        if !goes_on {
            self.lanes[side].backfill = None;
        }
        if self.disk.has_crashed() {
            self.recover(None)?;
            return Ok(false);
        }
        self.check_records()?;
        Ok(true)
    }

    // Rows of a bulk became durable: the index stands somewhere on the way.
    fn flushed(&mut self, side: usize, ends: &[Option<BlockRef>]) -> Result<(), Failure> {
        if self.disk.has_crashed() {
            // What became durable is seen when the store is open again.
            let staged = ends.last().copied().flatten();
            return self.recover(Some((side, self.on_the_way(side, staged))));
        }
        let read = self.store()?.read().map_err(text)?;
        let cursor = read.cursor(CHAINS[side]).map_err(text)?;
        drop(read);
        if !ends.contains(&cursor.tip) {
            return Err(format!("chain {side}: a flush led to {:?}", cursor.tip));
        }
        if cursor.mode == Mode::Live {
            return Err(format!("chain {side}: live after bulk writing"));
        }
        self.durable[side] = cursor.tip;
        self.underived[side] = true;
        self.note_shown(side);
        Ok(())
    }

    /// The chains part at a block that cannot be undone. Only one that was told to be final may be.
    pub(super) fn rebuild(&mut self, side: usize, block: BlockRef) -> Result<(), Failure> {
        if block.number > self.told[side] {
            return Err(format!("chain {side}: {block} was never final and cannot be undone"));
        }
        self.lanes[side] = Lane::default();
        let reason = RebuildReason::DeepReorg;
        match self.indexer()?.begin_rebuild(CHAINS[side], reason) {
            Ok(()) => {}
            Err(_) if self.disk.has_crashed() => {
                let ends = vec![self.durable[side], None];
                return self.recover(Some((side, ends)));
            }
            Err(error) => return Err(format!("chain {side}: no rebuild: {error}")),
        }
        self.tally.count("rebuild");
        self.durable[side] = None;
        self.told[side] = 0;
        self.underived[side] = true;
        self.alive()
    }

    fn clear(&mut self, side: usize) -> Result<(), Failure> {
        let (indexer, other) = (self.indexer()?, self.rows(1 - side)?);
        let pace = &mut self.lanes[side].pace;
        match indexer.clear_some(CHAINS[side], pace, &slow_clock()) {
            Ok(true) => self.tally.count("cleared in part"),
            Ok(false) => self.tally.count("cleared"),
            Err(_) if self.disk.has_crashed() => {
                self.tally.count("crash in a rebuild");
                drop(indexer);
                return self.recover(None);
            }
            Err(error) => return Err(format!("chain {side}: not cleared: {error}")),
        }
        drop(indexer);
        self.alive()?;
        if self.rows(1 - side)? != other {
            return Err(format!("clearing chain {side} changed rows of the other"));
        }
        let is_cleared = !matches!(self.mode(side)?, Mode::Clearing(_));
        if is_cleared && !self.rows(side)?.is_empty() {
            return Err(format!("chain {side}: rows are left after clearing"));
        }
        self.check_cursors(None)
    }

    fn begin_derivation(&mut self, side: usize) -> Result<(), Failure> {
        match self.indexer()?.derivation(CHAINS[side]) {
            Ok(derivation) => self.lanes[side].derivation = Some(derivation),
            Err(_) if self.disk.has_crashed() => return self.recover(None),
            Err(error) => return Err(format!("chain {side}: no derivation: {error}")),
        }
        self.alive()
    }

    fn derive(&mut self, side: usize) -> Result<(), Failure> {
        let indexer = self.indexer()?;
        let Some(derivation) = &mut self.lanes[side].derivation else { return Ok(()) };
        match indexer.derive_some(derivation) {
            Ok(true) => {}
            Ok(false) => {
                self.lanes[side].derivation = None;
                self.underived[side] = false;
                self.tally.count("derivation");
            }
            Err(_) if self.disk.has_crashed() => {
                self.tally.count("crash in a derivation");
                drop(indexer);
                return self.recover(None);
            }
            // Bulk writing began again meanwhile, and everything is derived after it.
            Err(IndexError::Store(StoreError::CursorMoved { .. })) => {
                self.lanes[side].derivation = None;
                if !self.underived[side] {
                    return Err(format!("chain {side}: moved, and nothing is left to derive"));
                }
            }
            Err(error) => return Err(format!("chain {side}: not derived: {error}")),
        }
        drop(indexer);
        self.alive()?;
        self.check_cursors(None)?;
        self.check_records()
    }

    /// What is known of a chain's blocks is of the branch that the index holds.
    pub(super) fn check_known(&self, side: usize, known: &impl KnownBlocks) -> Result<(), Failure> {
        for made in self.chains[side].branch(self.durable[side]) {
            let block = made.block.header.block_ref();
            if let Some(other) = known.at(block.number).filter(|known| *known != block) {
                return Err(format!("chain {side}: knows {other}, holds {block}"));
            }
        }
        Ok(())
    }
}
