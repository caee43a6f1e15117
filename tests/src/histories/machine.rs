//! The index under test: a store on a disk that fails, and two chains that feed it.

use super::{
    Tally,
    cast::{self, CHAINS},
    chain::{Chain, can_matter},
    step::{Form, Step, Wrong},
};
use alloy::primitives::{B256, keccak256};
use bmn_chain::{Block, ChainEvent, History, KnownBlocks, Segment};
use bmn_contracts::ContractEvent;
use bmn_indexer::{IndexError, Indexer};
use bmn_primitives::{BlockRef, Hashlock, Leg, Secret, SwapId};
use bmn_queue::Rules;
use bmn_store::{
    ChainRow, Entropy, EntropyUnavailable, MasterKey, Reads, Store, StoreError, StoreOptions,
    chain_rows,
    testing::{CrashBackend, Side},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// What is wrong, for a person to read.
pub(super) type Failure = String;

/// The same "random" bytes in every run, so that a history replays to the byte.
#[derive(Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyUnavailable> {
        for chunk in out.chunks_mut(32) {
            let block = keccak256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

fn open(disk: &CrashBackend) -> Result<Store, StoreError> {
    let options = StoreOptions::backend(disk.clone(), MasterKey::new([3; 32]));
    Store::open(options.with_entropy(Counted::default()).with_cache_bytes(1 << 20))
}

/// A disk that holds a new store, made once and copied from then on.
pub(super) fn new_disk() -> CrashBackend {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let disk = CrashBackend::new();
        drop(open(&disk).expect("a store in memory opens"));
        disk.image()
    });
    CrashBackend::from_image(image.clone())
}

/// The same, with the first block of both chains, our orders and the secret of the first.
fn disk_with_orders() -> CrashBackend {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let disk = CrashBackend::new();
        let store = open(&disk).expect("a store in memory opens");
        let indexer = Indexer::new(store.clone(), rules());
        for side in [0, 1] {
            let first = Chain::new(side).at(1).map(|made| made.block.clone());
            let segment = Segment::new(first.into_iter().collect()).expect("one block");
            let event = ChainEvent::Committed(segment);
            indexer.apply(CHAINS[side], &event, None).expect("the first block applies");
        }
        drop(indexer);
        let mut tx = store.write().expect("the writer is free");
        for (order, state) in cast::orders() {
            tx.put_order(&order).expect("the order is stored");
            bmn_queue::reserve(&mut tx, &order).expect("the balance is promised");
            tx.put_order_state(order.id, &state).expect("its state is stored");
        }
        tx.seal_secret(cast::hashlock(0), &cast::secret(0)).expect("the secret is sealed");
        tx.commit().expect("it is durable");
        drop(store);
        disk.image()
    });
    CrashBackend::from_image(image.clone())
}

/// The rules, made once: contract addresses are derived for them.
pub(super) fn rules() -> Arc<Rules> {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    Arc::clone(RULES.get_or_init(|| Arc::new(cast::rules())))
}

/// A store in memory without orders, to rebuild in.
pub(super) fn empty_store() -> Result<Store, Failure> {
    open(&new_disk()).map_err(|error| format!("a new store does not open: {error}"))
}

/// How the armed crash leaves the disk.
#[derive(Default, Clone, Copy)]
struct Armed {
    torn: Option<u32>,
    again: Option<u8>,
}

pub(super) struct Machine {
    disk: CrashBackend,
    store: Option<Store>,
    armed: Armed,
    pub(super) chains: [Chain; 2],
    /// Where each index stood after the last success.
    pub(super) durable: [Option<BlockRef>; 2],
    /// Secrets that chains have shown, for ever.
    pub(super) shown: BTreeMap<Hashlock, B256>,
    /// The newest status change that was durable.
    changes: u64,
    pub(super) tally: Tally,
}

impl Machine {
    pub(super) fn new() -> Result<Self, Failure> {
        let disk = disk_with_orders();
        let store = open(&disk).map_err(|error| format!("the store does not open: {error}"))?;
        let chains = [Chain::new(0), Chain::new(1)];
        Ok(Self {
            disk,
            store: Some(store),
            armed: Armed::default(),
            durable: chains.each_ref().map(Chain::head),
            chains,
            shown: BTreeMap::new(),
            changes: cast::orders().len() as u64,
            tally: Tally::default(),
        })
    }

    pub(super) fn store(&self) -> Result<&Store, Failure> {
        self.store.as_ref().ok_or_else(|| "the store is closed".to_owned())
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Grow { chain, pace, blocks } => self.chains[*chain].grow(blocks, *pace),
            Step::Fork { chain, depth, pace, kept, blocks } => {
                if self.chains[*chain].fork(*depth, *kept, blocks, *pace) {
                    self.tally.count("fork");
                }
            }
            Step::Finalize { chain, by } => {
                if self.chains[*chain].finalize(*by) {
                    self.tally.count("finality");
                }
            }
            Step::Deliver { chain, limit, form, tells_final } => {
                if let Some(event) = self.next_event(*chain, usize::from(*limit), *form)? {
                    // Sparse history is told with the final block that allows it.
                    let tells = *tells_final || matches!(event, ChainEvent::Backfilled(_));
                    let finalized = self.chains[*chain].finalized().filter(|_| tells);
                    self.apply(*chain, &event, finalized)?;
                }
            }
            Step::Misdeliver { chain, wrong } => self.misdeliver(*chain, *wrong)?,
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
            while let Some(event) = self.next_event(side, 8, Form::Segment)? {
                let finalized = self.chains[side].finalized();
                self.apply(side, &event, finalized)?;
            }
        }
        self.compare()
    }

    /// What a host would say next: it finds the last common block by the blocks we hold.
    fn next_event(
        &mut self,
        side: usize,
        limit: usize,
        form: Form,
    ) -> Result<Option<ChainEvent>, Failure> {
        self.alive()?;
        let chain = &self.chains[side];
        let read = self.store()?.read().map_err(text)?;
        let cursor = read.cursor(CHAINS[side]).map_err(text)?.tip;
        let known = read.known_blocks(CHAINS[side]);
        let mut reverted = Vec::new();
        let mut held = cursor;
        while let Some(block) = held.filter(|block| !chain.is_canonical(*block)) {
            reverted.push(block);
            held = match block.number {
                1 => None,
                number => Some(known.at(number - 1).ok_or_else(|| {
                    format!("chain {side}: block {} below {block} is not known", number - 1)
                })?),
            };
        }
        let next = held.map_or(1, |held| held.number + 1);
        let fitting = (next..=chain.height()).take(limit);
        let blocks: Vec<Block> =
            fitting.filter_map(|number| chain.at(number)).map(|made| made.block.clone()).collect();
        if form == Form::Backfill && reverted.is_empty() && super::backfill_is_understood() {
            let through = chain.finalized().filter(|last| last.number >= next);
            if let Some(through) = through {
                return Ok(Some(history(chain, next, through, limit)?));
            }
        }
        if !reverted.is_empty() && (form == Form::RevertFirst || blocks.is_empty()) {
            return Ok(Some(ChainEvent::Reverted { reverted }));
        }
        if blocks.is_empty() {
            return Ok(None);
        }
        let committed = Segment::new(blocks).map_err(text)?;
        Ok(Some(if reverted.is_empty() {
            ChainEvent::Committed(committed)
        } else {
            ChainEvent::Reorged { reverted, committed }
        }))
    }

    fn apply(
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
        let indexer = Indexer::new(self.store()?.clone(), rules());
        let result = indexer.apply(CHAINS[side], event, finalized);
        drop(indexer);
        match result {
            Ok(applied) if applied.tip == target => {}
            Ok(applied) => {
                return Err(format!("chain {side}: at {:?}, not {target:?}", applied.tip));
            }
            Err(_) if self.disk.has_crashed() => {
                self.tally.count("crash in a transaction");
                self.recover(Some((side, target)))?;
                return self.compare();
            }
            Err(error) => return Err(format!("chain {side}: an honest event failed: {error}")),
        }
        self.durable[side] = target;
        self.count(side, event);
        if self.disk.has_crashed() {
            return self.recover(None);
        }
        if self.rows(1 - side)? != other {
            return Err(format!("an event of chain {side} changed rows of the other"));
        }
        self.note_shown(side, event)?;
        self.check_records()
    }

    fn count(&mut self, side: usize, event: &ChainEvent) {
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
    fn misdeliver(&mut self, side: usize, wrong: Wrong) -> Result<(), Failure> {
        self.alive()?;
        let chain = &self.chains[side];
        let Some(tip) = self.durable[side] else { return Ok(()) };
        let block = |number| chain.at(number).map(|made| made.block.clone());
        let event = match wrong {
            Wrong::Again => chain.made(tip.hash).map(|made| made.block.clone()),
            Wrong::Gap => block(tip.number + 2),
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
        let indexer = Indexer::new(self.store()?.clone(), rules());
        let result = indexer.apply(CHAINS[side], &event, None);
        drop(indexer);
        if self.disk.has_crashed() {
            return self.recover(None);
        }
        match result {
            Ok(_) => return Err(format!("chain {side}: {wrong:?} was accepted")),
            Err(IndexError::Store(_)) => self.tally.count("misdelivery"),
            Err(error) => return Err(format!("chain {side}: {wrong:?}: {error}")),
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
        drop(self.store.take());
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
    fn alive(&mut self) -> Result<(), Failure> {
        if self.disk.has_crashed() { self.recover(None) } else { Ok(()) }
    }

    /// The process is gone: the disk is what it is. What was acknowledged is there; what was under
    /// way (its chain, and where it led) is there wholly or not at all.
    fn recover(&mut self, under_way: Option<(usize, Option<BlockRef>)>) -> Result<(), Failure> {
        self.tally.count("crash");
        drop(self.store.take());
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
        self.check_cursors(under_way)?;
        if let Some((side, _)) = under_way {
            let read = self.store()?.read().map_err(text)?;
            self.durable[side] = read.cursor(CHAINS[side]).map_err(text)?.tip;
        }
        self.check_records()
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        let store = open(&self.disk).map_err(|error| format!("the store does not open: {error}"));
        self.store = Some(store?);
        Ok(())
    }

    fn check_cursors(&self, under_way: Option<(usize, Option<BlockRef>)>) -> Result<(), Failure> {
        let read = self.store()?.read().map_err(text)?;
        for side in [0, 1] {
            let found = read.cursor(CHAINS[side]).map_err(text)?.tip;
            if found != self.durable[side] && under_way != Some((side, found)) {
                let expected = self.durable[side];
                return Err(format!("chain {side}: stands at {found:?}, not at {expected:?}"));
            }
        }
        Ok(())
    }

    /// Secrets stay public, and the log of changes only grows.
    fn check_records(&mut self) -> Result<(), Failure> {
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

    fn note_shown(&mut self, side: usize, event: &ChainEvent) -> Result<(), Failure> {
        let chain = CHAINS[side];
        let read = self.store()?.read().map_err(text)?;
        let mut shown = Vec::new();
        for block in event.committed() {
            let number = block.header.number;
            for row in read.events(chain, number, number, None, usize::MAX).map_err(text)? {
                let ContractEvent::Withdrawn { secret } = row.event else { continue };
                let escrow = row.address;
                let lock = match read.escrow(chain, escrow).map_err(text)? {
                    Some(Leg::Source) => {
                        let leg = read.source_leg(SwapId { chain, escrow }).map_err(text)?;
                        leg.and_then(|leg| leg.hashlock())
                    }
                    _ => {
                        let leg = read.destination_leg(chain, escrow).map_err(text)?;
                        leg.map(|leg| leg.hashlock)
                    }
                };
                shown.extend(
                    lock.filter(|lock| Secret::new(secret.0).opens(*lock)).map(|l| (l, secret)),
                );
            }
        }
        drop(read);
        self.shown.extend(shown);
        Ok(())
    }

    fn rows(&self, side: usize) -> Result<Vec<ChainRow>, Failure> {
        let read = self.store()?.read().map_err(text)?;
        chain_rows(&read, CHAINS[side]).map_err(text)
    }
}

/// Final blocks from `from` on, as a host that filters tells them: blocks and logs that cannot
/// matter are left out.
fn history(
    chain: &Chain,
    from: u64,
    through: BlockRef,
    limit: usize,
) -> Result<ChainEvent, Failure> {
    let side = chain.side();
    let mut blocks = Vec::new();
    let mut end = through;
    for made in (from..=through.number).filter_map(|number| chain.at(number)) {
        let mut block = made.block.clone();
        // The logs of a transaction belong together: a fill is read off its neighbours.
        let matters = |hash| block.logs.iter().any(|l| l.tx_hash == hash && can_matter(side, l));
        let kept: Vec<_> = block.logs.iter().filter(|l| matters(l.tx_hash)).cloned().collect();
        if kept.is_empty() {
            continue;
        }
        block.logs = kept;
        end = block.header.block_ref();
        blocks.push(block);
        if blocks.len() == limit {
            break;
        }
    }
    let through = if blocks.len() == limit { end } else { through };
    Ok(ChainEvent::Backfilled(History::new(from, blocks, through).map_err(text)?))
}

pub(super) fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}
