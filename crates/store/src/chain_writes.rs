//! Blocks, events and legs: written once by their chain, undone byte for byte.

use crate::codec::{decode_packed, encode_packed};
use crate::daily::{self, DayCounts};
use crate::events::{self, BlockRow, StoredEvent};
use crate::index;
use crate::journal::{Journal, OpenBlock, Standing};
use crate::keys::Key;
use crate::legs::{self, Creation, INLINE_EVENTS, LegRow, Place};
use crate::prune;
use crate::rows::{Rows, collect, row};
use crate::tables::{self, Table};
use crate::{Cursor, EventRow, LegState, Mode, Reads, Staged, StoreError, encode};
use alloy::primitives::{Address, B256, U256};
use bmn_chain::Header;
use bmn_contracts::ContractEvent;
use bmn_primitives::{BlockRef, ChainId, Hashlock, Leg};
use bmn_swap::{DestinationLeg, EscrowEnd, Inclusion, SourceLeg};

type Result<T> = std::result::Result<T, StoreError>;

impl Staged {
    /// Begins a block: checks that it continues the chain (design rule I3), moves the cursor to it
    /// and opens its journal. The first block of a chain may be any.
    ///
    /// # Errors
    /// [`StoreError::NotChild`] when the parent is not our newest block.
    pub fn begin_block(&mut self, chain: ChainId, header: &Header) -> Result<()> {
        self.begin(chain, header, true)
    }

    /// The same for a block that is final: it keeps no journal and can never be undone. Inside a
    /// history ([`begin_history`](Self::begin_history)) blocks may be left out before it.
    ///
    /// # Errors
    /// [`StoreError::NotChild`] when it does not continue the chain.
    pub fn begin_final_block(&mut self, chain: ChainId, header: &Header) -> Result<()> {
        self.begin(chain, header, false)
    }

    fn begin(&mut self, chain: ChainId, header: &Header, is_journaled: bool) -> Result<()> {
        if self.open.is_some() {
            return Err(StoreError::Misplaced("a block was begun inside another"));
        }
        let mut cursor = self.cursor(chain)?;
        let block = header.block_ref();
        let sparse = self.history.filter(|(of, through)| {
            *of == chain && header.number <= through.number && !is_journaled
        });
        if let Some(tip) = cursor.tip {
            let next = header.number == tip.number + 1;
            let follows = next && header.parent_hash == tip.hash;
            let skips = sparse.is_some() && header.number > tip.number && !next;
            if !(follows || skips) {
                return Err(StoreError::NotChild { chain, cursor: tip, block });
            }
        }
        self.open = Some(OpenBlock::new(chain, block, cursor.standing(), is_journaled));
        cursor.tip = Some(block);
        cursor.base_fee = header.base_fee;
        self.put_cursor(chain, &cursor)
    }

    /// Begins a run of final blocks from number `from` to `through`, of which those that hold
    /// nothing may be left out.
    ///
    /// # Errors
    /// [`StoreError::NotChild`] when `from` is not the block after our newest.
    pub fn begin_history(&mut self, chain: ChainId, from: u64, through: BlockRef) -> Result<()> {
        if self.open.is_some() || self.history.is_some() {
            return Err(StoreError::Misplaced("a history was begun inside a block or another"));
        }
        if let Some(tip) = self.cursor(chain)?.tip
            && (from != tip.number + 1 || through.number < from)
        {
            return Err(StoreError::NotChild { chain, cursor: tip, block: through });
        }
        self.history = Some((chain, through));
        Ok(())
    }

    /// Ends the history: its last block is the newest that we hold.
    ///
    /// # Errors
    /// [`StoreError::NotChild`] when a block that was written contradicts its end.
    pub fn end_history(&mut self) -> Result<()> {
        let none = StoreError::Misplaced("no history was begun");
        let (chain, through) = self.history.take().ok_or(none)?;
        let mut cursor = self.cursor(chain)?;
        match cursor.tip {
            Some(tip) if tip.number == through.number && tip.hash != through.hash => {
                Err(StoreError::NotChild { chain, cursor: tip, block: through })
            }
            Some(tip) if tip.number == through.number => Ok(()),
            _ => {
                cursor.tip = Some(through);
                cursor.base_fee = None;
                self.put_cursor(chain, &cursor)
            }
        }
    }

    /// Leaves a history where it stands: blocks up to our newest are written, the rest is to be
    /// asked for again.
    pub fn cut_history(&mut self) {
        self.history = None;
    }

    /// True inside a history.
    pub const fn has_history(&self) -> bool {
        self.history.is_some()
    }

    /// Stores an event of the open block. Events come in the order of their logs; the leg that an
    /// event creates or ends is put before it.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when it belongs to another block or comes out of order.
    pub fn put_event(&mut self, event: &EventRow) -> Result<()> {
        let log = event.at.log_index;
        let open = self.open_for(event.chain, &event.at)?;
        if open.last_log.replace(log).is_some_and(|last| last >= log) {
            return Err(StoreError::Misplaced("events of a block come in the order of their logs"));
        }
        let of_log = |(at, creation): &(u32, Creation)| (*at == log).then_some(*creation);
        let creation = open.creations.iter().rev().find_map(of_log);
        let bytes = StoredEvent::of(event, creation).encoded()?;
        self.digest_event(event, &bytes)?;
        self.put_new(tables::EVENTS, events::event_key(event.key()).as_slice(), bytes)?;
        for key in index::keys_of_event(event) {
            self.put_new_index(key.as_slice())?;
        }
        self.note_event_of_leg(event)
    }

    fn digest_event(&mut self, event: &EventRow, bytes: &[u8]) -> Result<()> {
        let (chain, block) = (event.chain, event.at.block);
        let is_first = self.open.as_ref().is_some_and(|open| open.digest.is_none());
        if is_first {
            let before = self.cursor(chain)?.digest;
            // Its digest is known when the block ends; until then the row says which block it is.
            self.put_block(chain, block, B256::ZERO)?;
            if let Some(open) = &mut self.open {
                open.digest = Some(events::digest_begun(before, block));
            }
        }
        if let Some(hasher) = self.open.as_mut().and_then(|open| open.digest.as_mut()) {
            events::digest_event(hasher, event.at.log_index, bytes);
        }
        Ok(())
    }

    fn put_block(&mut self, chain: ChainId, block: BlockRef, digest: B256) -> Result<()> {
        let row = BlockRow { hash: block.hash, time: block.time, digest };
        let bytes = encode(tables::BLOCKS.name, &row)?;
        self.put_new(tables::BLOCKS, events::block_key(chain, block.number).as_slice(), bytes)
    }

    // The row of an escrow names its further events; the day counts what they end.
    fn note_event_of_leg(&mut self, event: &EventRow) -> Result<()> {
        let Some(escrow) = event.escrow else { return Ok(()) };
        let (chain, place) = (event.chain, Place::of(&event.at));
        let created = self.open.as_ref().and_then(|open| open.newest_leg);
        if created == Some((event.at.log_index, escrow)) {
            return Ok(());
        }
        let Some(mut leg) = legs::leg_row(self, chain, escrow)? else {
            return self.note_event_of_pruned(event, escrow);
        };
        if leg.created == place {
            return Ok(());
        }
        if leg.more.len() < INLINE_EVENTS {
            leg.more.push(place);
            self.put_row(tables::LEGS, legs::leg_key(chain, escrow).as_slice(), &leg)?;
        } else {
            self.put_new_index(index::overflow_key(chain, escrow, place).as_slice())?;
        }
        let opens = match &event.event {
            ContractEvent::Withdrawn { .. } => {
                let shown = legs::revealed(&event.event).map(|(lock, _)| Hashlock(lock));
                shown.is_some() && shown == self.hashlock_of(chain, escrow, leg.side)?
            }
            _ => false,
        };
        self.count_day(chain, event.at.block.time, |counts| {
            counts.count(&event.event, leg.side, opens)
        })
    }

    // It ended, so this is a rescue of what somebody sent to it since.
    fn note_event_of_pruned(&mut self, event: &EventRow, escrow: Address) -> Result<()> {
        let Some(gone) = prune::pruned(self, event.chain, escrow)? else { return Ok(()) };
        let key = index::overflow_key(event.chain, escrow, Place::of(&event.at));
        self.put_new_index(key.as_slice())?;
        self.count_day(event.chain, event.at.block.time, |counts| {
            counts.count(&event.event, gone.side, false)
        })
    }

    fn hashlock_of(&self, chain: ChainId, escrow: Address, side: Leg) -> Result<Option<Hashlock>> {
        Ok(match side {
            Leg::Source => {
                let swap = bmn_primitives::SwapId { chain, escrow };
                self.source_leg(swap)?.and_then(|leg| leg.hashlock())
            }
            Leg::Destination => self.destination_leg(chain, escrow)?.map(|leg| leg.hashlock),
        })
    }

    fn count_day(
        &mut self,
        chain: ChainId,
        time: u64,
        count: impl FnOnce(&mut DayCounts) -> bool,
    ) -> Result<()> {
        let begun = self.open.as_ref().and_then(|open| open.counts);
        let mut counts = match begun {
            Some(counts) => counts,
            None => daily::counts(self, chain, daily::day_of(time))?.unwrap_or_default(),
        };
        if count(&mut counts)
            && let Some(open) = &mut self.open
        {
            open.counts = Some(counts);
        }
        Ok(())
    }

    /// Stores a source escrow as the open block leaves it: new, or with an end. An escrow that was
    /// created before stays what its first creation made it.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when what it changes is not of the open block.
    pub fn put_source_leg(&mut self, leg: &SourceLeg) -> Result<()> {
        let (chain, escrow) = (leg.swap.chain, leg.swap.escrow);
        let creation =
            Creation { dialect: leg.dialect, fill: leg.fill, order_hash: legs::apart(&leg.terms) };
        let change = LegChange {
            chain,
            escrow,
            side: Leg::Source,
            created: leg.created,
            end: leg.end,
            creation,
        };
        match self.change_leg(&change)? {
            Changed::Nothing => Ok(()),
            Changed::Moved { from, to } => self.move_state(
                &index::state_keys_of_source(leg, from),
                &index::state_keys_of_source(leg, to),
            ),
            Changed::Created { state } => {
                let fixed = index::fixed_keys_of_source(leg);
                self.put_index(fixed.into_iter().chain(index::state_keys_of_source(leg, state)))?;
                self.count_creation(chain, leg.created.block.time, Leg::Source)?;
                for (side, token, amount) in daily::volumes_of(leg) {
                    self.add_volume(chain, leg.created.block.time, side, token, amount)?;
                }
                Ok(())
            }
        }
    }

    /// Stores a destination escrow as the open block leaves it; as for
    /// [`put_source_leg`](Self::put_source_leg).
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when what it changes is not of the open block.
    pub fn put_destination_leg(&mut self, leg: &DestinationLeg) -> Result<()> {
        let creation = Creation { dialect: leg.dialect, fill: None, order_hash: None };
        let change = LegChange {
            chain: leg.chain,
            escrow: leg.escrow,
            side: Leg::Destination,
            created: leg.created,
            end: leg.end,
            creation,
        };
        match self.change_leg(&change)? {
            Changed::Nothing => Ok(()),
            Changed::Moved { from, to } => self.move_state(
                &index::state_keys_of_destination(leg, from),
                &index::state_keys_of_destination(leg, to),
            ),
            Changed::Created { state } => {
                let fixed = index::fixed_keys_of_destination(leg);
                let moving = index::state_keys_of_destination(leg, state);
                self.put_index(fixed.into_iter().chain(moving))?;
                self.count_creation(leg.chain, leg.created.block.time, Leg::Destination)
            }
        }
    }

    fn count_creation(&mut self, chain: ChainId, time: u64, side: Leg) -> Result<()> {
        self.count_day(chain, time, |counts| {
            counts.created(side);
            true
        })
    }

    fn add_volume(
        &mut self,
        chain: ChainId,
        time: u64,
        side: Leg,
        token: Address,
        amount: U256,
    ) -> Result<()> {
        let begun = self.open.as_mut().and_then(|open| open.volumes.get_mut(&(side, token)));
        if let Some(sum) = begun {
            *sum = sum.saturating_add(amount);
            return Ok(());
        }
        let key = daily::volume_key(chain, daily::day_of(time), side, token);
        let before: Option<U256> = row(self, tables::DAILY, key.as_slice())?;
        let sum = before.unwrap_or_default().saturating_add(amount);
        if let Some(open) = &mut self.open {
            open.volumes.insert((side, token), sum);
        }
        Ok(())
    }

    // Every event of a block counts, so its day is written once, when it ends.
    fn put_day(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let (counts, volumes) = (open.counts.take(), std::mem::take(&mut open.volumes));
        let (chain, day) = (open.chain, daily::day_of(open.block.time));
        if let Some(counts) = counts {
            self.put_row(tables::DAILY, daily::day_key(chain, day).as_slice(), &counts)?;
        }
        for ((side, token), sum) in volumes {
            let key = daily::volume_key(chain, day, side, token);
            self.put_row(tables::DAILY, key.as_slice(), &sum)?;
        }
        Ok(())
    }

    fn put_index(&mut self, keys: impl IntoIterator<Item = Key>) -> Result<()> {
        for key in keys {
            self.put_new_index(key.as_slice())?;
        }
        Ok(())
    }

    fn move_state(&mut self, from: &[Key], to: &[Key]) -> Result<()> {
        for key in from {
            self.set_index(key.as_slice(), false)?;
        }
        for key in to {
            self.set_index(key.as_slice(), true)?;
        }
        Ok(())
    }

    fn change_leg(&mut self, change: &LegChange) -> Result<Changed> {
        let LegChange { chain, escrow, created, end, .. } = *change;
        let key = legs::leg_key(chain, escrow);
        let state = LegState::of(end.as_ref().map(|(end, _)| end));
        let ended = end.map(|(_, at)| Place::of(&at));
        let place = Place::of(&created);
        let before = legs::leg_row(self, chain, escrow)?;
        if let Some(mut row) = before.clone().filter(|row| row.created == place) {
            // An escrow that ended in an earlier block may still log: a rescue of what was sent to it.
            if row.end == ended && row.state == state {
                return Ok(Changed::Nothing);
            }
            self.open_for(chain, &end.map_or(created, |(_, at)| at))?;
            let from = std::mem::replace(&mut row.state, state);
            row.end = ended;
            self.put_row(tables::LEGS, key.as_slice(), &row)?;
            let moved = from != state;
            return Ok(if moved { Changed::Moved { from, to: state } } else { Changed::Nothing });
        }
        let is_pruned = before.is_none() && prune::pruned(self, chain, escrow)?.is_some();
        let open = self.open_for(chain, &created)?;
        open.creations.push((created.log_index, change.creation));
        if before.is_some() || is_pruned {
            return Ok(Changed::Nothing);
        }
        open.newest_leg = Some((created.log_index, escrow));
        let row = LegRow { side: change.side, state, created: place, end: ended, more: Vec::new() };
        self.put_new(tables::LEGS, key.as_slice(), encode(tables::LEGS.name, &row)?)?;
        Ok(Changed::Created { state })
    }

    fn open_for(&mut self, chain: ChainId, at: &Inclusion) -> Result<&mut OpenBlock> {
        let open = self.open.as_mut();
        open.filter(|open| open.chain == chain && open.block == at.block)
            .ok_or(StoreError::Misplaced("an event or a leg was written outside its block"))
    }

    /// Ends the open block: stores its digest and its journal.
    pub fn end_block(&mut self) -> Result<()> {
        self.put_day()?;
        let digest = self.open.as_mut().map(|open| (open.chain, open.block, open.digest.take()));
        let none = StoreError::Misplaced("no block was begun");
        let (chain, block, hasher) = digest.ok_or(none)?;
        if let Some(hasher) = hasher {
            let digest = hasher.finalize();
            self.put_block(chain, block, digest)?;
            let mut cursor = self.cursor(chain)?;
            cursor.digest = digest;
            self.put_cursor(chain, &cursor)?;
        }
        match self.open.take().and_then(OpenBlock::into_journal) {
            Some(journal) => {
                let row = encode_packed(tables::UNDO.name, &journal)?;
                self.put(tables::UNDO, events::block_key(chain, block.number).as_slice(), row)
            }
            None => Ok(()),
        }
    }

    /// Undoes the newest block of `chain`: every chain row is again what it was before the block,
    /// and the cursor is the block before. Answers the events that are gone, in block order.
    ///
    /// # Errors
    /// [`StoreError::NotNewest`] when `block` is not the newest; [`StoreError::UndoMissing`] when
    /// its journal was trimmed, or was never kept because it was final.
    pub fn revert_block(&mut self, chain: ChainId, block: BlockRef) -> Result<Vec<EventRow>> {
        if self.open.is_some() {
            return Err(StoreError::Misplaced("a block was undone inside another"));
        }
        let mut cursor = self.cursor(chain)?;
        if cursor.tip.is_none_or(|tip| (tip.number, tip.hash) != (block.number, block.hash)) {
            return Err(StoreError::NotNewest { chain, cursor: cursor.tip, block });
        }
        // What the host called final it cannot take back without a rebuild.
        if cursor.finalized.is_some_and(|last| block.number <= last.number) {
            return Err(StoreError::UndoMissing { chain, number: block.number });
        }
        let key = events::block_key(chain, block.number);
        let journal = journal(self, chain, block.number)?
            .ok_or(StoreError::UndoMissing { chain, number: block.number })?;
        let events = self.events(chain, block.number, block.number, None, usize::MAX)?;
        for before in journal.changes.iter().rev() {
            let table = Table::chain_table(before.table)
                .ok_or_else(|| StoreError::undecodable(tables::UNDO.name, key.as_slice()))?;
            let changed = Key::of(chain).bytes(&before.key);
            self.restore(table, changed.as_slice(), before.value.as_ref().map(|value| &value[..]));
        }
        self.remove(tables::UNDO, key.as_slice())?;
        let Standing { tip, base_fee, digest } = journal.previous;
        cursor = Cursor { tip, base_fee, digest, ..cursor };
        self.put_cursor(chain, &cursor)?;
        Ok(events)
    }

    /// Forgets how to undo the blocks of `chain` below `below`. At most `limit` rows at once, so
    /// that no transaction grows with the backlog; answers how many went.
    pub fn trim_undo(&mut self, chain: ChainId, below: u64, limit: usize) -> Result<usize> {
        let mut range = Key::of(chain).prefix();
        range.below = Some(Key::of(chain).u64(below).as_slice().to_vec());
        let keys = collect(self, tables::UNDO, &range, limit, |key, _| Ok(key.to_vec()))?;
        for key in &keys {
            self.remove(tables::UNDO, key)?;
        }
        Ok(keys.len())
    }

    /// Notes the newest final block of `chain`.
    pub fn set_finalized(&mut self, chain: ChainId, block: BlockRef) -> Result<()> {
        let mut cursor = self.cursor(chain)?;
        cursor.finalized = Some(block);
        self.put_cursor(chain, &cursor)
    }

    /// Notes how the index of `chain` is being written.
    pub fn set_mode(&mut self, chain: ChainId, mode: Mode) -> Result<()> {
        let mut cursor = self.cursor(chain)?;
        cursor.mode = mode;
        self.put_cursor(chain, &cursor)
    }

    /// Notes the newest block of `chain` that the host may prune.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when it lies above the finalized block or above the newest block
    /// we hold (design rule I5).
    pub fn set_acknowledged(&mut self, chain: ChainId, block: BlockRef) -> Result<()> {
        let mut cursor = self.cursor(chain)?;
        let covers = |held: Option<BlockRef>| held.is_some_and(|held| held.number >= block.number);
        if !covers(cursor.finalized) || !covers(cursor.tip) {
            return Err(StoreError::Misplaced("acknowledged above what is final and held"));
        }
        cursor.acknowledged = Some(block);
        self.put_cursor(chain, &cursor)
    }

    pub(crate) fn put_cursor(&mut self, chain: ChainId, cursor: &Cursor) -> Result<()> {
        self.put_row(tables::CURSORS, Key::of(chain).as_slice(), cursor)
    }
}

/// What is told of an escrow.
struct LegChange {
    chain: ChainId,
    escrow: Address,
    side: Leg,
    created: Inclusion,
    end: Option<(EscrowEnd, Inclusion)>,
    creation: Creation,
}

/// What that changed.
enum Changed {
    Nothing,
    Created { state: LegState },
    Moved { from: LegState, to: LegState },
}

/// How to undo a block; none when it is final or not ours.
pub(crate) fn journal<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    number: u64,
) -> Result<Option<Journal>> {
    let key = events::block_key(chain, number);
    rows.raw_get(tables::UNDO, key.as_slice())?
        .map(|bytes| decode_packed(tables::UNDO.name, key.as_slice(), &bytes))
        .transpose()
}

/// Our block at `number`, as far as it is remembered: those that may still be undone, those that
/// hold events, and those that the cursor names.
pub(crate) fn block<R: Reads + ?Sized>(
    rows: &R,
    chain: ChainId,
    number: u64,
) -> Result<Option<BlockRef>> {
    let cursor = rows.cursor(chain)?;
    match cursor.tip {
        Some(tip) if tip.number == number => return Ok(Some(tip)),
        Some(tip) if tip.number > number => {}
        _ => return Ok(None),
    }
    if let Some(row) = events::block_row(rows, chain, number)? {
        return Ok(Some(row.at(number)));
    }
    if let Some(journal) = journal(rows, chain, number)? {
        return Ok(Some(journal.block));
    }
    let above = number.checked_add(1).map(|above| journal(rows, chain, above)).transpose()?;
    let previous = above.flatten().and_then(|journal| journal.previous.tip);
    // What the host called final comes last: our own rows say what we hold.
    let mut named = [previous, cursor.finalized, cursor.acknowledged].into_iter().flatten();
    Ok(named.find(|block| block.number == number))
}
