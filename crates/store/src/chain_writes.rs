//! Blocks, events and legs: written once by their chain, undone byte for byte.

use crate::journal::{Journal, OpenBlock};
use crate::keys::{Key, trailing_address, u64_at};
use crate::rows::{Rows, collect, indexed, row};
use crate::tables::{self, Table};
use crate::{EventKey, EventRow, Reads, StoreError, WriteTx, decode};
use alloy::primitives::{Address, B256};
use bmn_chain::Header;
use bmn_primitives::{AddressWord, BlockRef, ChainId, Hashlock, Leg};
use bmn_swap::{DestinationLeg, SourceLeg};
use std::ops::RangeInclusive;

type Result<T> = std::result::Result<T, StoreError>;

impl WriteTx {
    /// Begins a block: checks that it continues the chain (design rule I3), stores its header,
    /// moves the cursor to it and opens its journal. The first block of a chain may be any.
    ///
    /// # Errors
    /// [`StoreError::NotChild`] when the parent is not our newest block.
    pub fn begin_block(&mut self, chain: ChainId, header: &Header) -> Result<()> {
        if self.open.is_some() {
            return Err(StoreError::Misplaced("a block was begun inside another"));
        }
        let mut cursor = self.cursor(chain)?;
        let block = header.block_ref();
        if let Some(tip) = cursor.tip
            && (header.parent_hash != tip.hash || header.number != tip.number + 1)
        {
            return Err(StoreError::NotChild { chain, cursor: tip, block });
        }
        self.open = Some(OpenBlock::new(chain, block, cursor.tip));
        cursor.tip = Some(block);
        self.put_row(tables::CURSORS, Key::of(chain).as_slice(), &cursor)?;
        self.put_row(tables::BLOCKS, Key::of(chain).u64(block.number).as_slice(), header)
    }

    /// Stores an event of the open block.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when it belongs to another block.
    pub fn put_event(&mut self, event: &EventRow) -> Result<()> {
        let here = self.open.as_ref().is_some_and(|open| open.journal.block == event.at.block);
        if !here {
            return Err(StoreError::Misplaced("an event was written outside its block"));
        }
        let key = event.key();
        self.put_row(tables::EVENTS, event_key(key).as_slice(), event)?;
        if let Some(escrow) = event.escrow {
            let index = Key::of(key.chain).address(escrow).u64(key.number).u32(key.log_index);
            self.put(tables::EVENTS_BY_ESCROW, index.as_slice(), &[])?;
        }
        if let Some(hash) = event.order_hash() {
            let index = Key::of(key.chain).hash(hash.0).u64(key.number).u32(key.log_index);
            self.put(tables::EVENTS_BY_ORDER_HASH, index.as_slice(), &[])?;
        }
        Ok(())
    }

    /// Stores a source escrow as the open block leaves it.
    pub fn put_source_leg(&mut self, leg: &SourceLeg) -> Result<()> {
        let key = leg.swap.to_bytes();
        if let Some(before) = self.source_leg(leg.swap)? {
            self.replace_indices(&source_indices(&before), &source_indices(leg))?;
        } else {
            self.replace_indices(&[], &source_indices(leg))?;
            self.put_row(tables::ESCROWS, &key, &Leg::Source)?;
        }
        self.put_row(tables::SOURCE_LEGS, &key, leg)
    }

    /// Stores a destination escrow as the open block leaves it.
    pub fn put_destination_leg(&mut self, leg: &DestinationLeg) -> Result<()> {
        let key = Key::of(leg.chain).address(leg.escrow);
        if let Some(before) = self.destination_leg(leg.chain, leg.escrow)? {
            self.replace_indices(&destination_indices(&before), &destination_indices(leg))?;
        } else {
            self.replace_indices(&[], &destination_indices(leg))?;
            self.put_row(tables::ESCROWS, key.as_slice(), &Leg::Destination)?;
        }
        self.put_row(tables::DESTINATION_LEGS, key.as_slice(), leg)
    }

    /// Ends the open block: stores its journal.
    pub fn end_block(&mut self) -> Result<()> {
        let open = self.open.take().ok_or(StoreError::Misplaced("no block was begun"))?;
        let key = Key::of(open.chain).u64(open.journal.block.number);
        self.put_row(tables::UNDO, key.as_slice(), &open.journal)
    }

    /// Undoes the newest block of `chain`: every chain row is again what it was before the block,
    /// and the cursor is the block before. Answers the events that are gone, in block order.
    ///
    /// # Errors
    /// [`StoreError::NotNewest`] when `block` is not the newest; [`StoreError::UndoMissing`] when
    /// its journal was trimmed.
    pub fn revert_block(&mut self, chain: ChainId, block: BlockRef) -> Result<Vec<EventRow>> {
        if self.open.is_some() {
            return Err(StoreError::Misplaced("a block was undone inside another"));
        }
        let mut cursor = self.cursor(chain)?;
        if cursor.tip.is_none_or(|tip| (tip.number, tip.hash) != (block.number, block.hash)) {
            return Err(StoreError::NotNewest { chain, cursor: cursor.tip, block });
        }
        let key = Key::of(chain).u64(block.number);
        let journal: Journal = row(self, tables::UNDO, key.as_slice())?
            .ok_or(StoreError::UndoMissing { chain, number: block.number })?;
        let events = self.events(chain, block.number, block.number, None, usize::MAX)?;
        for before in journal.changes.iter().rev() {
            let table = Table::chain_table(before.table)
                .ok_or_else(|| StoreError::undecodable(tables::UNDO.name, key.as_slice()))?;
            self.restore(table, &before.key, before.value.as_deref())?;
        }
        self.remove(tables::UNDO, key.as_slice())?;
        cursor.tip = journal.previous;
        self.put_row(tables::CURSORS, Key::of(chain).as_slice(), &cursor)?;
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
        self.put_row(tables::CURSORS, Key::of(chain).as_slice(), &cursor)
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
        self.put_row(tables::CURSORS, Key::of(chain).as_slice(), &cursor)
    }

    fn replace_indices(&mut self, old: &[(Table, Key)], new: &[(Table, Key)]) -> Result<()> {
        for ((table, before), (_, after)) in old.iter().zip(new) {
            if before.as_slice() != after.as_slice() {
                self.remove(*table, before.as_slice())?;
            }
        }
        let unchanged = |i: usize, key: &Key| {
            old.get(i).is_some_and(|(_, before)| before.as_slice() == key.as_slice())
        };
        for (i, (table, key)) in new.iter().enumerate() {
            if !unchanged(i, key) {
                self.put(*table, key.as_slice(), &[])?;
            }
        }
        Ok(())
    }
}

// What the chain does not name of a leg never changes, so two versions of one have equal indices.
fn source_indices(leg: &SourceLeg) -> Vec<(Table, Key)> {
    let by = |word: B256| Key::of(leg.swap.chain).hash(word).address(leg.swap.escrow);
    let word = |word: AddressWord| by(word.0.into());
    [
        (tables::SOURCE_BY_ORDER_HASH, leg.order_hash().map(|hash| by(hash.0))),
        (tables::SOURCE_BY_HASHLOCK, leg.hashlock().map(|hash| by(hash.0))),
        (tables::SOURCE_BY_MAKER, leg.maker().map(word)),
        (tables::SOURCE_BY_TAKER, leg.taker().map(word)),
    ]
    .into_iter()
    .filter_map(|(table, key)| Some((table, key?)))
    .collect()
}

fn destination_indices(leg: &DestinationLeg) -> [(Table, Key); 1] {
    let key = Key::of(leg.chain).hash(leg.hashlock.0).address(leg.escrow);
    [(tables::DESTINATION_BY_HASHLOCK, key)]
}

pub(crate) fn event_key(key: EventKey) -> Key {
    Key::of(key.chain).u64(key.number).u32(key.log_index)
}

pub(crate) fn events<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    numbers: RangeInclusive<u64>,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let table = tables::EVENTS;
    let mut range = Key::of(chain).u64(*numbers.start()).prefix();
    if let Some(after) = after.filter(|after| after.number >= *numbers.start()) {
        range.from = Key::of(chain).prefix_after(Some(&event_key(after).as_slice()[8..])).from;
    }
    range.below = Key::of(chain).u64(*numbers.end()).prefix().below;
    collect(rows, table, &range, limit, |key, value| decode(table.name, key, value))
}

/// Events that an index lists under `by` (which starts with the chain), in chain order.
pub(crate) fn events_by<R: Rows + ?Sized>(
    rows: &R,
    index: Table,
    by: Key,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let (chain, prefix) = (u64_at(index, by.as_slice(), 0)?, by.as_slice().len());
    let after = after.map(|after| Key::default().u64(after.number).u32(after.log_index));
    let range = by.prefix_after(after.as_ref().map(Key::as_slice));
    let places = collect(rows, index, &range, limit, |key, _| {
        let place = key.get(prefix..).ok_or_else(|| StoreError::undecodable(index.name, key))?;
        Ok(Key::of(ChainId(chain)).bytes(place))
    })?;
    places.iter().map(|key| indexed(rows, tables::EVENTS, key)).collect()
}

pub(crate) fn source_legs_by<R: Rows + ?Sized>(
    rows: &R,
    index: Table,
    by: Key,
    after: Option<Address>,
    limit: usize,
) -> Result<Vec<SourceLeg>> {
    let range = by.prefix_after(after.as_ref().map(|escrow| escrow.as_slice()));
    legs(rows, index, &range, tables::SOURCE_LEGS, limit)
}

pub(crate) fn destination_legs_by_hashlock<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    lock: Hashlock,
) -> Result<Vec<DestinationLeg>> {
    let range = Key::of(chain).hash(lock.0).prefix();
    let index = tables::DESTINATION_BY_HASHLOCK;
    legs(rows, index, &range, tables::DESTINATION_LEGS, usize::MAX)
}

fn legs<T: serde::de::DeserializeOwned, R: Rows + ?Sized>(
    rows: &R,
    index: Table,
    range: &crate::keys::KeyRange,
    table: Table,
    limit: usize,
) -> Result<Vec<T>> {
    let keys = collect(rows, index, range, limit, |key, _| {
        let chain = ChainId(u64_at(index, key, 0)?);
        Ok(Key::of(chain).address(trailing_address(index, key)?))
    })?;
    keys.iter().map(|key| indexed(rows, table, key)).collect()
}
