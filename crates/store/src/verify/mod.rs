//! A chain's tables against its events: does every row follow from them, and is none missing?

mod days;
mod expected;

use crate::digest;
use crate::events::{self, BlockRow, StoredEvent};
use crate::index;
use crate::keys::{Key, KeyRange, trailing_address, u64_at};
use crate::legs::{self, LegRow};
use crate::prune::{PruneReads, PrunedEscrow};
use crate::rows::{Rows, collect};
use crate::tables::{self, Table};
use crate::{Reads, RollingDigest, StoreError, decode, encode};
use alloy::primitives::{B256, hex};
use bmn_primitives::{BlockRef, ChainId};
use days::Days;
use std::fmt;
use std::ops::{ControlFlow, RangeInclusive};

type Result<T> = std::result::Result<T, Stop>;

/// Blocks read at once.
const PAGE: usize = 256;

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Every row follows from the events, and none is missing.
    Sound(Verified),
    /// A row is not what the events say. Those of lower blocks are.
    Differs(Difference),
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The rolling digest at the end of the range, computed again; none for a range that ends below the floor
    /// of a pruned index.
    pub digest: Option<RollingDigest>,
    /// Blocks with events.
    pub blocks: u64,
    /// Events.
    pub events: u64,
    /// The lowest block of which every event was there to be compared: the first of the range, or the
    /// floor of a pruned index.
    pub whole_from: u64,
}

/// The first row that is not what the events say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The block it belongs to, where it belongs to one.
    pub block: Option<u64>,
    /// Table.
    pub table: &'static str,
    /// Key.
    pub key: Vec<u8>,
    /// What the events say; none when there should be no row.
    pub expected: Option<Vec<u8>>,
    /// What is there; none when there is no row.
    pub found: Option<Vec<u8>>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |row: &Option<Vec<u8>>| match row {
            Some(bytes) => format!("0x{}", hex::encode(bytes)),
            None => "no row".to_owned(),
        };
        write!(f, "table {}, row 0x{}", self.table, hex::encode(&self.key))?;
        if let Some(block) = self.block {
            write!(f, " (block {block})")?;
        }
        write!(f, ": expected {}, found {}", show(&self.expected), show(&self.found))
    }
}

/// Why a walk ends early.
enum Stop {
    Differs(Difference),
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Difference> for Stop {
    fn from(difference: Difference) -> Self {
        Self::Differs(difference)
    }
}

/// Compares the rows that `chain` wrote for the blocks of `range` with its events, in both
/// directions, and computes the rolling digest again from the one before the range. `progress` is
/// told of every block with events. Memory is bounded by the number of tokens of one day.
///
/// Days that lie in the range only in part are left out: their statistics have events outside it. Below the
/// floor of a pruned index only what is kept is compared.
///
/// # Errors
/// [`StoreError::Storage`] on I/O. A row that does not decode is a difference, not an error.
pub fn verify<R: Reads + ?Sized>(
    read: &R,
    chain: ChainId,
    range: RangeInclusive<u64>,
    progress: &mut dyn FnMut(u64),
) -> std::result::Result<Verification, StoreError> {
    let floor = read.index_floor(chain)?.map_or(0, |floor| floor.number);
    let whole_from = floor.max(*range.start());
    let walk = Walk { read, chain, range, whole_from };
    match walk.whole(progress) {
        Ok(verified) => Ok(Verification::Sound(verified)),
        Err(Stop::Differs(difference)) => Ok(Verification::Differs(difference)),
        Err(Stop::Failed(error)) => damaged(read, error).map(Verification::Differs),
    }
}

// A row that cannot be read, or that another names and is not there, is what was looked for.
fn damaged<R: Rows + ?Sized>(
    read: &R,
    error: StoreError,
) -> std::result::Result<Difference, StoreError> {
    let (table, key) = match &error {
        StoreError::Undecodable { table, key } | StoreError::Dangling { table, key } => {
            (*table, hex::decode(key).ok())
        }
        _ => return Err(error),
    };
    let known = Table::chain_tables().find(|known| known.name == table);
    let Some((known, key)) = known.zip(key) else { return Err(error) };
    let found = read.raw_get(known, &key)?;
    let has_number = ![tables::LEGS.name, tables::DAILY.name, tables::PRUNED.name].contains(&table);
    let number = (has_number && key.len() >= 16).then(|| u64_at(known, &key, 8)).transpose()?;
    Ok(Difference { block: number, table, key, expected: None, found })
}

struct Walk<'a, R: ?Sized> {
    read: &'a R,
    chain: ChainId,
    range: RangeInclusive<u64>,
    whole_from: u64,
}

impl<R: Reads + ?Sized> Walk<'_, R> {
    fn whole(&self, progress: &mut dyn FnMut(u64)) -> Result<Verified> {
        let first = *self.range.start();
        let before = match self.whole_from.checked_sub(1) {
            Some(before) => digest::before_or_at(self.read, self.chain, before)?,
            None => RollingDigest::default(),
        };
        let whole_from = self.whole_from;
        let is_known = *self.range.end() >= whole_from;
        let digest = is_known.then_some(before);
        let mut verified = Verified { digest, blocks: 0, events: 0, whole_from };
        let mut days = Days::new(self.read, self.chain, &self.range, before.block)?;
        self.no_event_without_block()?;
        let mut next = Some(first);
        while let Some(from) = next {
            let page = self.blocks(from)?;
            next = page.last().and_then(|(number, _)| number.checked_add(1));
            for (number, row) in page {
                progress(number);
                self.block(number, &row, &mut verified, &mut days)?;
            }
        }
        days.end()?;
        self.no_stray_leg()?;
        self.no_stray_pruned()?;
        self.no_stray_index()?;
        if let Some(rolling) = verified.digest {
            self.cursor_agrees(rolling.digest)?;
        }
        Ok(verified)
    }

    // What the next block's digest is built on.
    fn cursor_agrees(&self, digest: B256) -> Result<()> {
        let cursor = self.read.cursor(self.chain)?;
        let Some(tip) = cursor.tip.filter(|tip| self.range.contains(&tip.number)) else {
            return Ok(());
        };
        if cursor.digest == digest {
            return Ok(());
        }
        Err(Stop::Differs(Difference {
            block: Some(tip.number),
            table: tables::CURSORS.name,
            key: Key::of(self.chain).as_slice().to_vec(),
            expected: Some(digest.to_vec()),
            found: Some(cursor.digest.to_vec()),
        }))
    }

    fn blocks(&self, from: u64) -> Result<Vec<(u64, BlockRow)>> {
        let table = tables::BLOCKS;
        Ok(collect(self.read, table, &self.numbers(from), PAGE, |key, value| {
            Ok((u64_at(table, key, 8)?, decode(table.name, key, value)?))
        })?)
    }

    fn numbers(&self, from: u64) -> KeyRange {
        let mut range = Key::of(self.chain).u64(from).prefix();
        range.below = Key::of(self.chain).u64(*self.range.end()).prefix().below;
        range
    }

    fn block(
        &self,
        number: u64,
        row: &BlockRow,
        verified: &mut Verified,
        days: &mut Days<'_, R>,
    ) -> Result<()> {
        let block = row.at(number);
        let is_whole = number >= self.whole_from;
        let before = verified.digest.unwrap_or_default().digest;
        let mut hasher = events::digest_begun(before, block);
        if is_whole {
            days.enter(block)?;
        }
        let mut range = self.numbers(number);
        range.below = Key::of(self.chain).u64(number).prefix().below;
        let mut seen = 0;
        let mut stop = None;
        self.read.raw_scan(tables::EVENTS, &range, &mut |key, value| {
            let at = events::event_key_at(key)?;
            events::digest_event(&mut hasher, at.log_index, value);
            seen += 1;
            let event = StoredEvent::decoded(key, value)?;
            let days = is_whole.then_some(&mut *days);
            match self.event(block, at.log_index, key, value, event, days) {
                Ok(()) => Ok(ControlFlow::Continue(())),
                Err(Stop::Failed(error)) => Err(error),
                Err(differs) => {
                    stop = Some(differs);
                    Ok(ControlFlow::Break(()))
                }
            }
        })?;
        if let Some(stop) = stop {
            return Err(stop);
        }
        let key = events::block_key(self.chain, number);
        let expected = match seen {
            0 => None,
            // Others of its events are gone, so its digest cannot be computed again.
            _ if !is_whole => Some(*row),
            _ => Some(BlockRow { digest: hasher.finalize(), ..*row }),
        };
        if expected != Some(*row) {
            let encoded = |row: &BlockRow| encode(tables::BLOCKS.name, row);
            return Err(Stop::Differs(Difference {
                block: Some(number),
                table: tables::BLOCKS.name,
                key: key.as_slice().to_vec(),
                expected: expected.as_ref().map(encoded).transpose()?,
                found: Some(encoded(row)?),
            }));
        }
        verified.blocks += 1;
        verified.events += seen;
        if is_whole {
            verified.digest = Some(RollingDigest { block: Some(block), digest: row.digest });
        }
        Ok(())
    }

    fn event(
        &self,
        block: BlockRef,
        log_index: u32,
        key: &[u8],
        value: &[u8],
        event: StoredEvent,
        days: Option<&mut Days<'_, R>>,
    ) -> Result<()> {
        let again = event.encoded()?;
        if again != value {
            return Err(Stop::Differs(Difference {
                block: Some(block.number),
                table: tables::EVENTS.name,
                key: key.to_vec(),
                expected: Some(again),
                found: Some(value.to_vec()),
            }));
        }
        let said = expected::Said::of(self.read, self.chain, block, log_index, event)?;
        if let Some((escrow, leg)) = &said.leg
            && leg.created == said.place
        {
            let row = expected::leg_row(self.read, self.chain, *escrow, leg, &said)?;
            let key = legs::leg_key(self.chain, *escrow);
            let (expected, found) = (encode(tables::LEGS.name, &row)?, leg);
            if row != *found {
                return Err(Stop::Differs(Difference {
                    block: Some(block.number),
                    table: tables::LEGS.name,
                    key: key.as_slice().to_vec(),
                    expected: Some(expected),
                    found: Some(encode(tables::LEGS.name, found)?),
                }));
            }
        }
        said.is_listed_by_its_leg(self.read, self.chain)?;
        for key in said.index_keys() {
            if self.read.raw_get(tables::INDEX, key.as_slice())?.is_none() {
                return Err(Stop::Differs(Difference {
                    block: Some(block.number),
                    table: tables::INDEX.name,
                    key: key.as_slice().to_vec(),
                    expected: Some(Vec::new()),
                    found: None,
                }));
            }
        }
        if let Some(days) = days {
            days.count(&said);
        }
        Ok(())
    }

    fn no_event_without_block(&self) -> Result<()> {
        let mut known = None;
        let mut stray = None;
        self.read.raw_scan(tables::EVENTS, &self.numbers(*self.range.start()), &mut |key, _| {
            let number = u64_at(tables::EVENTS, key, 8)?;
            if known != Some(number) {
                if events::block_row(self.read, self.chain, number)?.is_none() {
                    stray = Some(number);
                    return Ok(ControlFlow::Break(()));
                }
                known = Some(number);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match stray {
            None => Ok(()),
            Some(number) => Err(Stop::Differs(Difference {
                block: Some(number),
                table: tables::BLOCKS.name,
                key: events::block_key(self.chain, number).as_slice().to_vec(),
                expected: Some(Vec::new()),
                found: None,
            })),
        }
    }

    fn no_stray_leg(&self) -> Result<()> {
        let table = tables::LEGS;
        self.each_stray(table, |key, value| {
            let row: LegRow = decode(table.name, key, value)?;
            if !self.range.contains(&row.created.number) {
                return Ok(None);
            }
            let escrow = trailing_address(table, key)?;
            let made = events::stored(self.read, row.created.on(self.chain))?;
            let made = made
                .is_some_and(|(event, _)| event.escrow == Some(escrow) && event.creation.is_some());
            Ok((!made).then_some(row.created.number))
        })
    }

    // An escrow is either there or it was pruned.
    fn no_stray_pruned(&self) -> Result<()> {
        let table = tables::PRUNED;
        let has_floor = self.read.index_floor(self.chain)?.is_some();
        self.each_stray(table, |key, value| {
            let _: PrunedEscrow = decode(table.name, key, value)?;
            let leg = legs::leg_row(self.read, self.chain, trailing_address(table, key)?)?;
            Ok(match leg {
                Some(leg) => Some(leg.created.number),
                None => (!has_floor).then_some(0),
            })
        })
    }

    fn no_stray_index(&self) -> Result<()> {
        self.each_stray(tables::INDEX, |key, value| {
            let place = index::place_of(key)?;
            if !self.range.contains(&place.number) {
                return Ok(None);
            }
            let listed = index::kind_of(key).is_some() && value.is_empty();
            let wanted = listed && self.index_row_follows(key, place)?;
            Ok((!wanted).then_some(place.number))
        })
    }

    fn index_row_follows(
        &self,
        key: &[u8],
        place: legs::Place,
    ) -> std::result::Result<bool, StoreError> {
        let at = place.on(self.chain);
        let Some((event, block)) = events::stored(self.read, at)? else { return Ok(false) };
        let said = expected::Said::of(self.read, self.chain, block, place.log_index, event)?;
        if index::kind_of(key) == Some(index::Kind::EscrowEvent) {
            return Ok(said.overflow_key(self.chain).is_some_and(|row| row.as_slice() == key));
        }
        Ok(said.index_keys().iter().any(|row| row.as_slice() == key))
    }

    /// Visits every row of the chain in `table`; `stray` answers the block of one too many.
    fn each_stray(
        &self,
        table: Table,
        stray: impl Fn(&[u8], &[u8]) -> std::result::Result<Option<u64>, StoreError>,
    ) -> Result<()> {
        let mut found = None;
        self.read.raw_scan(table, &Key::of(self.chain).prefix(), &mut |key, value| {
            Ok(match stray(key, value)? {
                None => ControlFlow::Continue(()),
                Some(number) => {
                    found = Some(Difference {
                        block: Some(number),
                        table: table.name,
                        key: key.to_vec(),
                        expected: None,
                        found: Some(value.to_vec()),
                    });
                    ControlFlow::Break(())
                }
            })
        })?;
        found.map_or(Ok(()), |difference| Err(Stop::Differs(difference)))
    }
}
