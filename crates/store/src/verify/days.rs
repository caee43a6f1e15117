//! The statistics of each day against the events of that day.

use super::expected::{self, Created, Said};
use super::{Difference, Stop};
use crate::daily::{self, DayCounts};
use crate::events::BlockRow;
use crate::keys::{Key, KeyRange, u64_at};
use crate::legs;
use crate::rows::{Rows, collect};
use crate::tables;
use crate::{StoreError, decode, encode};
use alloy::primitives::U256;
use bmn_primitives::{BlockRef, ChainId, Leg};
use std::collections::BTreeMap;
use std::ops::{ControlFlow, RangeInclusive};

/// Counts the events of one day after the other and compares each day that is wholly in the range.
pub(super) struct Days<'a, R: ?Sized> {
    read: &'a R,
    chain: ChainId,
    /// The day on which the range begins, when it has events before the range.
    begun: Option<u32>,
    /// The day on which it ends, when it has events after the range.
    unfinished: Option<u32>,
    /// No day below this was compared.
    from: Option<u32>,
    /// True when the range ends behind the last block with events.
    is_last: bool,
    day: Option<u32>,
    counts: DayCounts,
    changed: bool,
    volumes: BTreeMap<Vec<u8>, U256>,
    failed: Option<StoreError>,
}

impl<'a, R: Rows + ?Sized> Days<'a, R> {
    pub(super) fn new(
        read: &'a R,
        chain: ChainId,
        range: &RangeInclusive<u64>,
        before: Option<BlockRef>,
    ) -> Result<Self, StoreError> {
        let after = range.end().checked_add(1).map(|next| next_block(read, chain, next));
        let after = after.transpose()?.flatten();
        let begun = before.map(|block| daily::day_of(block.time));
        Ok(Self {
            read,
            chain,
            begun,
            unfinished: after.map(|block| daily::day_of(block.time)),
            from: begun.map_or(Some(0), |day| day.checked_add(1)),
            is_last: after.is_none(),
            day: None,
            counts: DayCounts::default(),
            changed: false,
            volumes: BTreeMap::new(),
            failed: None,
        })
    }

    pub(super) fn enter(&mut self, block: BlockRef) -> Result<(), Stop> {
        let day = daily::day_of(block.time);
        if self.day != Some(day) {
            self.compare()?;
            self.nothing_below(Some(day))?;
            self.day = Some(day);
        }
        Ok(())
    }

    pub(super) fn count(&mut self, said: &Said) {
        if let Err(error) = self.try_count(said) {
            self.failed.get_or_insert(error);
        }
    }

    fn try_count(&mut self, said: &Said) -> Result<(), StoreError> {
        if let Some(created) = &said.created {
            self.counts.created(created.side());
            self.changed = true;
            if let Created::Source(leg) = created {
                for (side, token, amount) in daily::volumes_of(leg) {
                    let day = self.day.unwrap_or_default();
                    let key = daily::volume_key(self.chain, day, side, token);
                    let sum = self.volumes.entry(key.as_slice().to_vec()).or_default();
                    *sum = sum.saturating_add(amount);
                }
            }
            return Ok(());
        }
        if let Some((_, gone)) = said.pruned {
            self.changed |= self.counts.count(&said.row.event, gone.side, false);
        }
        let Some((escrow, leg)) = &said.leg else { return Ok(()) };
        let shown = legs::revealed(&said.row.event).map(|(lock, _)| lock);
        let opens = match shown {
            Some(shown) => expected::hashlock_of(self.read, self.chain, *escrow, leg)?
                .is_some_and(|lock| lock.0 == shown),
            None => false,
        };
        let side: Leg = leg.side;
        self.changed |= self.counts.count(&said.row.event, side, opens);
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Stop> {
        self.compare()?;
        if self.is_last { self.nothing_below(None) } else { Ok(()) }
    }

    fn compare(&mut self) -> Result<(), Stop> {
        if let Some(error) = self.failed.take() {
            return Err(Stop::Failed(error));
        }
        let (counts, changed) =
            (std::mem::take(&mut self.counts), std::mem::take(&mut self.changed));
        let volumes = std::mem::take(&mut self.volumes);
        let Some(day) = self.day else { return Ok(()) };
        self.from = day.checked_add(1);
        if self.begun == Some(day) || self.unfinished == Some(day) {
            return Ok(());
        }
        let table = tables::DAILY;
        let mut expected = BTreeMap::new();
        if changed {
            let key = daily::day_key(self.chain, day);
            expected.insert(key.as_slice().to_vec(), encode(table.name, &counts)?);
        }
        for (key, sum) in volumes {
            expected.insert(key, encode(table.name, &sum)?);
        }
        let mut differs = None;
        self.read.raw_scan(
            table,
            &daily::day_key(self.chain, day).prefix(),
            &mut |key, value| {
                let wanted = expected.remove(key);
                if wanted.as_deref() == Some(value) {
                    return Ok(ControlFlow::Continue(()));
                }
                differs = Some(difference(key, wanted, Some(value.to_vec())));
                Ok(ControlFlow::Break(()))
            },
        )?;
        let missing = || expected.pop_first().map(|(key, row)| difference(&key, Some(row), None));
        differs.or_else(missing).map_or(Ok(()), |differs| Err(Stop::Differs(differs)))
    }

    // On a day without a block with events there is nothing to count.
    fn nothing_below(&self, day: Option<u32>) -> Result<(), Stop> {
        let Some(from) = self.from else { return Ok(()) };
        let below = match day {
            Some(day) => Some(daily::day_key(self.chain, day).as_slice().to_vec()),
            None => Key::of(self.chain).prefix().below,
        };
        let from = daily::day_key(self.chain, from);
        let range = KeyRange::between(from.as_slice(), below.as_deref());
        let stray = collect(self.read, tables::DAILY, &range, 1, |key, value| {
            Ok(difference(key, None, Some(value.to_vec())))
        })?;
        stray.into_iter().next().map_or(Ok(()), |differs| Err(Stop::Differs(differs)))
    }
}

fn difference(key: &[u8], expected: Option<Vec<u8>>, found: Option<Vec<u8>>) -> Difference {
    Difference { block: None, table: tables::DAILY.name, key: key.to_vec(), expected, found }
}

fn next_block<R: Rows + ?Sized>(
    read: &R,
    chain: ChainId,
    from: u64,
) -> Result<Option<BlockRef>, StoreError> {
    let table = tables::BLOCKS;
    let mut range = Key::of(chain).u64(from).prefix();
    range.below = Key::of(chain).prefix().below;
    let next = collect(read, table, &range, 1, |key, value| {
        let row: BlockRow = decode(table.name, key, value)?;
        Ok(row.at(u64_at(table, key, 8)?))
    })?;
    Ok(next.first().copied())
}
