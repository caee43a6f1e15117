//! The index under test: a store on a disk that fails, and two chains that feed it.

use super::{
    Tally,
    cast::{self, CHAINS},
    chain::{Chain, shown},
    disk::{disk_with_orders, open, rules},
    lane::Lane,
    step::{Form, Step, Wrong},
};
use alloy::primitives::{B256, keccak256};
use bmn_chain::{ChainEvent, Segment};
use bmn_indexer::{IndexError, Indexer, Share};
use bmn_primitives::{BlockRef, Hashlock};
use bmn_store::{
    ChainRow, Mode, Reads, Store, StoreError, chain_rows,
    testing::{CrashBackend, Side},
};
use std::{collections::BTreeMap, time::Duration};

/// What is wrong, for a person to read.
pub(super) type Failure = String;

/// A chain whose index was being written, and every block it may stand at.
pub(super) type UnderWay = Option<(usize, Vec<Option<BlockRef>>)>;

/// How the armed crash leaves the disk.
#[derive(Default, Clone, Copy)]
struct Armed {
    torn: Option<u32>,
    again: Option<u8>,
}

pub(super) struct Machine {
    pub(super) disk: CrashBackend,
    store: Option<Store>,
    /// Of that store; its filters take a while to make.
    indexer: Option<Indexer>,
    armed: Armed,
    pub(super) chains: [Chain; 2],
    pub(super) lanes: [Lane; 2],
    /// Where each index stood after the last success.
    pub(super) durable: [Option<BlockRef>; 2],
    /// Blocks were written that no order has been looked at for.
    pub(super) underived: [bool; 2],
    /// The highest block that each index was told to be final.
    pub(super) told: [u64; 2],
    /// Secrets that chains have shown, for ever.
    pub(super) shown: BTreeMap<Hashlock, B256>,
    /// The newest status change that was durable.
    changes: u64,
    pub(super) tally: Tally,
}

/// More work than any history leaves.
const MOST_PIECES: usize = 10_000;

impl Machine {
    pub(super) fn new() -> Result<Self, Failure> {
        let disk = disk_with_orders();
        let store = open(&disk).map_err(|error| format!("the store does not open: {error}"))?;
        let chains = [Chain::new(0), Chain::new(1)];
        Ok(Self {
            disk,
            indexer: Some(Indexer::new(store.clone(), rules())),
            store: Some(store),
            armed: Armed::default(),
            lanes: Default::default(),
            durable: chains.each_ref().map(Chain::head),
            chains,
            underived: [false; 2],
            told: [0; 2],
            shown: BTreeMap::new(),
            changes: cast::orders().len() as u64,
            tally: Tally::default(),
        })
    }

    pub(super) fn store(&self) -> Result<&Store, Failure> {
        self.store.as_ref().ok_or_else(|| "the store is closed".to_owned())
    }

    pub(super) fn indexer(&self) -> Result<Indexer, Failure> {
        self.indexer.clone().ok_or_else(|| "the store is closed".to_owned())
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Grow { chain, pace, blocks, settled } => {
                self.chains[*chain].grow(blocks, *pace);
                if *settled {
                    self.chains[*chain].finalize(u8::MAX);
                }
            }
            Step::Fork { chain, depth, pace, kept, blocks } => {
                if self.chains[*chain].fork(*depth, *kept, blocks, *pace) {
                    self.tally.count("fork");
                }
            }
            Step::ForkDeep { chain, below, pace, blocks } => {
                if self.chains[*chain].fork_deep(*below, blocks, *pace) {
                    self.tally.count("fork of final blocks");
                }
            }
            Step::Finalize { chain, by } => {
                if self.chains[*chain].finalize(*by) {
                    self.tally.count("finality");
                }
            }
            Step::Deliver { chain, limit, form, tells_final } => {
                let limit = usize::from(*limit);
                self.deliver(*chain, limit, *form, *tells_final)?;
                // More of it follows, at the pace that the first flush taught.
                if matches!(form, Form::Bulk { flush: true, .. }) {
                    self.deliver(*chain, limit, *form, *tells_final)?;
                }
            }
            Step::CatchUp { chain, pieces } => self.catch_up(*chain, usize::from(*pieces))?,
            Step::Misdeliver { chain, wrong, bulk } => self.misdeliver(*chain, *wrong, *bulk)?,
            Step::Crash { after, happens, torn, again } => {
                let side = if *happens { Side::After } else { Side::Before };
                self.disk.crash_at(self.disk.operations() + u64::from(*after), side);
                self.armed = Armed { torn: *torn, again: *again };
            }
            Step::Kill { torn } => {
                self.disk.crash_now();
                self.armed = Armed { torn: *torn, again: None };
                self.recover(None)?;
            }
            Step::Restart => self.restart()?,
            Step::Compare => {
                self.alive()?;
                self.compare()?;
            }
        }
        Ok(())
    }

    /// Everything that is left is delivered, and compared.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.alive()?;
        // The disk fails no more.
        self.disk.crash_at(u64::MAX, Side::Before);
        for side in [0, 1] {
            self.catch_up(side, MOST_PIECES)?;
        }
        if self.underived != [false; 2] {
            return Err("orders were never derived".to_owned());
        }
        self.compare()
    }

    pub(super) fn apply(
        &mut self,
        side: usize,
        event: &ChainEvent,
        finalized: Option<BlockRef>,
    ) -> Result<(), Failure> {
        let target = match (event.tip(), event.reverted().last()) {
            (Some(tip), _) => Some(tip),
            (None, Some(last)) => {
                let parent = self.chains[side].made(last.hash).map(|made| &made.block.header);
                let parent = parent.and_then(|header| self.chains[side].made(header.parent_hash));
                parent.map(|made| made.block.header.block_ref())
            }
            (None, None) => return Err("an event without blocks".to_owned()),
        };
        let other = self.rows(1 - side)?;
        self.told[side] = self.told[side].max(finalized.map_or(0, |block| block.number));
        match self.indexer()?.apply(CHAINS[side], event, finalized) {
            Ok(applied) if applied.tip == target => {}
            Ok(applied) => {
                return Err(format!("chain {side}: at {:?}, not {target:?}", applied.tip));
            }
            Err(_) if self.disk.has_crashed() => {
                self.tally.count("crash in a transaction");
                self.recover(Some((side, vec![self.durable[side], target])))?;
                return self.compare();
            }
            Err(IndexError::Store(StoreError::UndoMissing { number, .. })) => {
                let missing = event.reverted().iter().find(|block| block.number == number);
                let missing = missing.ok_or("a journal of another block is missing")?;
                return self.rebuild(side, *missing);
            }
            Err(error) => return Err(format!("chain {side}: an honest event failed: {error}")),
        }
        self.durable[side] = target;
        self.underived[side] |= self.mode(side)? != Mode::Live;
        self.note_shown(side);
        self.count(side, event);
        if self.disk.has_crashed() {
            return self.recover(None);
        }
        if self.rows(1 - side)? != other {
            return Err(format!("an event of chain {side} changed rows of the other"));
        }
        self.check_records()
    }

    pub(super) fn count(&mut self, side: usize, event: &ChainEvent) {
        self.tally.count(match event {
            ChainEvent::Backfilled(_) => "backfill",
            ChainEvent::Committed(_) => "commit",
            ChainEvent::Reorged { .. } => "reorg",
            ChainEvent::Reverted { .. } => "revert",
        });
        for block in event.committed() {
            let made = self.chains[side].made(block.header.hash);
            let kinds: Vec<_> = made.map(|made| made.kinds.clone()).unwrap_or_default();
            kinds.into_iter().for_each(|kind| self.tally.count(kind));
        }
    }

    /// An event that does not continue the index must fail and change nothing.
    fn misdeliver(&mut self, side: usize, wrong: Wrong, bulk: bool) -> Result<(), Failure> {
        self.alive()?;
        let chain = &self.chains[side];
        let Some(tip) = self.durable[side] else { return Ok(()) };
        let block = |number| chain.at(number).map(|made| made.block.clone());
        let event = match wrong {
            Wrong::Again => chain.made(tip.hash).map(|made| made.block.clone()),
            Wrong::Gap => block(tip.number + 2),
            Wrong::Stranger => chain.made(tip.hash).map(|made| {
                let mut block = made.block.clone();
                block.header.number += 1;
                block.header.parent_hash = keccak256(tip.hash);
                block.header.hash = keccak256(block.header.parent_hash);
                block
            }),
            Wrong::NotNewest => None,
        };
        let event = match (event, wrong) {
            (Some(block), _) => ChainEvent::Committed(Segment::new(vec![block]).map_err(text)?),
            (None, Wrong::NotNewest) => {
                let hash = keccak256(tip.hash);
                ChainEvent::Reverted { reverted: vec![BlockRef { hash, ..tip }] }
            }
            (None, _) => return Ok(()),
        };
        let before = [self.rows(0)?, self.rows(1)?];
        let indexer = self.indexer()?;
        let result = if bulk {
            let far = BlockRef { number: u64::MAX, ..tip };
            let backfill = indexer.backfill(CHAINS[side]);
            backfill.and_then(|mut backfill| {
                let pushed = backfill.push(&event, far, Share::Alone, &|| Duration::ZERO);
                pushed.map(drop)
            })
        } else {
            indexer.apply(CHAINS[side], &event, None).map(drop)
        };
        drop(indexer);
        if self.disk.has_crashed() {
            return self.recover(None);
        }
        match result {
            Ok(()) => return Err(format!("chain {side}: {wrong:?} was accepted")),
            Err(IndexError::Store(_)) => self.tally.count("misdelivery"),
            Err(IndexError::NotFinal { .. }) if bulk => {}
            Err(error) => return Err(format!("chain {side}: {wrong:?}: {error}")),
        }
        if bulk {
            self.tally.count("misdelivery in bulk");
        }
        if before != [self.rows(0)?, self.rows(1)?] {
            return Err(format!("chain {side}: {wrong:?} failed and changed rows"));
        }
        self.check_cursors(None)
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.alive()?;
        // Crashes while a store is opened have a step of their own.
        self.disk.crash_at(u64::MAX, Side::Before);
        let before = [self.rows(0)?, self.rows(1)?];
        self.close();
        self.reopen()?;
        self.tally.count("restart");
        self.check_cursors(None)?;
        if [self.rows(0)?, self.rows(1)?] == before {
            Ok(())
        } else {
            Err("a restart changed rows".to_owned())
        }
    }

    /// A crash that hit outside a delivery is met before the next thing is done.
    pub(super) fn alive(&mut self) -> Result<(), Failure> {
        if self.disk.has_crashed() { self.recover(None) } else { Ok(()) }
    }

    // What was staged or under way in memory is gone with the process.
    fn close(&mut self) {
        self.lanes = Default::default();
        self.indexer = None;
        drop(self.store.take());
    }

    /// The process is gone: the disk is what it is. What was acknowledged is there; what was under
    /// way (its chain, and where it led) is there wholly or not at all.
    pub(super) fn recover(&mut self, under_way: UnderWay) -> Result<(), Failure> {
        self.tally.count("crash");
        self.close();
        let Armed { torn, again } = std::mem::take(&mut self.armed);
        let image = |disk: &CrashBackend| match torn {
            Some(seed) => disk.torn_image(u64::from(seed)),
            None => disk.synced_image(),
        };
        self.tally.count(if torn.is_some() { "torn image" } else { "clean image" });
        self.disk = CrashBackend::from_image(image(&self.disk));
        if let Some(after) = again {
            self.disk.crash_at(u64::from(after), Side::Before);
            if self.reopen().is_err() || self.disk.has_crashed() {
                if !self.disk.has_crashed() {
                    return Err("the store does not open after a crash".to_owned());
                }
                self.tally.count("crash in recovery");
                drop(self.store.take());
            } else {
                drop(self.store.take());
            }
            self.disk = CrashBackend::from_image(image(&self.disk));
        }
        self.reopen()?;
        self.check_cursors(under_way.as_ref())?;
        for side in [0, 1] {
            let read = self.store()?.read().map_err(text)?;
            let cursor = read.cursor(CHAINS[side]).map_err(text)?;
            drop(read);
            self.durable[side] = cursor.tip;
            self.underived[side] |= cursor.mode != Mode::Live;
            // A rebuild that was under way has begun.
            if cursor.tip.is_none() {
                self.told[side] = 0;
            }
            self.note_shown(side);
        }
        self.check_records()
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        let store =
            open(&self.disk).map_err(|error| format!("the store does not open: {error}"))?;
        self.indexer = Some(Indexer::new(store.clone(), rules()));
        self.store = Some(store);
        Ok(())
    }

    pub(super) fn check_cursors(
        &self,
        under_way: Option<&(usize, Vec<Option<BlockRef>>)>,
    ) -> Result<(), Failure> {
        let read = self.store()?.read().map_err(text)?;
        for side in [0, 1] {
            let found = read.cursor(CHAINS[side]).map_err(text)?.tip;
            let may = under_way.filter(|(of, _)| *of == side);
            let may = may.is_some_and(|(_, ends)| ends.contains(&found));
            if found != self.durable[side] && !may {
                let expected = self.durable[side];
                return Err(format!("chain {side}: stands at {found:?}, not at {expected:?}"));
            }
            if found == self.durable[side] {
                self.check_known(side, &read.known_blocks(CHAINS[side]))?;
            }
        }
        Ok(())
    }

    /// Secrets stay public, and the log of changes only grows.
    pub(super) fn check_records(&mut self) -> Result<(), Failure> {
        let read = self.store()?.read().map_err(text)?;
        for (lock, secret) in &self.shown {
            if read.public_secret(*lock).map_err(text)? != Some(*secret) {
                return Err(format!("the secret of {lock} was public and is not any more"));
            }
        }
        let changes = read.last_change().map_err(text)?;
        if changes < self.changes {
            return Err(format!("{} changes of status became {changes}", self.changes));
        }
        self.changes = changes;
        Ok(())
    }

    /// Notes the secrets of the branch that is durable.
    pub(super) fn note_shown(&mut self, side: usize) {
        let branch = self.chains[side].branch(self.durable[side]);
        let found = shown(branch.iter().flat_map(|made| &made.facts));
        self.shown.extend(found);
    }

    pub(super) fn rows(&self, side: usize) -> Result<Vec<ChainRow>, Failure> {
        let read = self.store()?.read().map_err(text)?;
        chain_rows(&read, CHAINS[side]).map_err(text)
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}
