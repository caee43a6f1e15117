//! Statistics per day.

use crate::keys::{Key, KeyRange, trailing_address, u32_at};
use crate::rows::{Rows, collect, row};
use crate::tables;
use crate::{StoreError, decode};
use alloy::primitives::{Address, U256};
use bmn_contracts::ContractEvent;
use bmn_primitives::{ChainId, Leg};
use bmn_swap::SourceLeg;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

type Result<T> = std::result::Result<T, StoreError>;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// What a chain showed on one day of its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayCounts {
    /// Source escrows created.
    pub sources: u64,
    /// Destination escrows created.
    pub destinations: u64,
    /// Withdrawals, from source and from destination escrows.
    pub withdrawn: [u64; 2],
    /// Cancellations, of source and of destination escrows.
    pub cancelled: [u64; 2],
    /// Rescues, from source and from destination escrows.
    pub rescued: [u64; 2],
    /// Withdrawals whose secret opens the escrow's hashlock: secrets made public.
    pub secrets: u64,
}

/// How much of a token source escrows of one day locked or promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Source: what they hold, on this chain. Destination: what they say their destinations must
    /// hold, wherever that is.
    pub side: Leg,
    /// Token; zero is the native coin. Of a dirty word the low 160 bits.
    pub token: Address,
    /// Sum, smallest unit; stops at the highest 256-bit number.
    pub amount: U256,
}

/// The day of a block time, unix seconds.
pub(crate) fn day_of(time: u64) -> u32 {
    u32::try_from(time / DAY).unwrap_or(u32::MAX)
}

const fn side_index(side: Leg) -> usize {
    match side {
        Leg::Source => 0,
        Leg::Destination => 1,
    }
}

impl DayCounts {
    /// Counts an event about an escrow of `side`. True when it changes anything.
    pub(crate) fn count(&mut self, event: &ContractEvent, side: Leg, opens: bool) -> bool {
        let side = side_index(side);
        match event {
            ContractEvent::Withdrawn { .. } => {
                self.withdrawn[side] += 1;
                self.secrets += u64::from(opens);
            }
            ContractEvent::Cancelled => self.cancelled[side] += 1,
            ContractEvent::Rescued { .. } => self.rescued[side] += 1,
            _ => return false,
        }
        true
    }

    /// Counts the creation of an escrow.
    pub(crate) const fn created(&mut self, side: Leg) {
        match side {
            Leg::Source => self.sources += 1,
            Leg::Destination => self.destinations += 1,
        }
    }
}

pub(crate) fn day_key(chain: ChainId, day: u32) -> Key {
    Key::of(chain).u32(day)
}

pub(crate) fn volume_key(chain: ChainId, day: u32, side: Leg, token: Address) -> Key {
    // `side_index` is 0 or 1.
    day_key(chain, day).bytes(&[side_index(side) as u8]).address(token)
}

/// What a source escrow locks and what it promises.
pub(crate) fn volumes_of(leg: &SourceLeg) -> Vec<(Leg, Address, U256)> {
    let locked = leg.token().zip(leg.amount());
    let locked = locked.map(|(token, amount)| (Leg::Source, token.masked(), amount));
    let promised = leg
        .stated()
        .map(|(_, promised)| (Leg::Destination, promised.token.masked(), promised.amount));
    [locked, promised].into_iter().flatten().collect()
}

pub(crate) fn counts<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    day: u32,
) -> Result<Option<DayCounts>> {
    row(rows, tables::DAILY, day_key(chain, day).as_slice())
}

/// The days of `days` on which something happened, oldest first; at most `limit`.
pub(crate) fn days<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    days: RangeInclusive<u32>,
    limit: usize,
) -> Result<Vec<(u32, DayCounts)>> {
    let table = tables::DAILY;
    let (mut from, last) = days.into_inner();
    let below = day_key(chain, last).prefix().below;
    let mut found = Vec::new();
    // One look for each day: a day may have any number of volumes behind its counts.
    while found.len() < limit {
        let range = KeyRange::between(day_key(chain, from).as_slice(), below.as_deref());
        let next = collect(rows, table, &range, 1, |key, value| {
            let day = u32_at(table, key, 8)?;
            Ok((day, decode::<DayCounts>(table.name, key, value)?))
        })?;
        let Some(day) = next.first() else { break };
        found.push(*day);
        let Some(after) = day.0.checked_add(1) else { break };
        from = after;
    }
    Ok(found)
}

/// The volumes of a day, by side and token, after `after`; at most `limit`.
pub(crate) fn volumes<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    day: u32,
    after: Option<(Leg, Address)>,
    limit: usize,
) -> Result<Vec<Volume>> {
    let table = tables::DAILY;
    let after =
        after.map(|(side, token)| Key::default().bytes(&[side_index(side) as u8]).address(token));
    let first = Key::default();
    let range = day_key(chain, day).prefix_after(Some(after.as_ref().unwrap_or(&first).as_slice()));
    collect(rows, table, &range, limit, |key, value| {
        let side = if key.get(12) == Some(&0) { Leg::Source } else { Leg::Destination };
        let token = trailing_address(table, key)?;
        Ok(Volume { side, token, amount: decode(table.name, key, value)? })
    })
}
