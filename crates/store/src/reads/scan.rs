//! The walk over the index: one chain after the other, in the order of places, so far and no
//! farther.

use super::{Found, PageBounds, Plan};
use crate::index::place_of;
use crate::keys::{Key, KeyRange};
use crate::legs::{self, Place};
use crate::rows::{Rows, collect};
use crate::{EventKey, Reads, StoreError, tables};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use std::ops::Bound;

type Result<T> = std::result::Result<T, StoreError>;

/// Rows counted of each plan, to tell which lists the fewest.
const PROBED: usize = 64;

/// Rows of each prefix read at once.
const CHUNK: usize = 128;

/// Where a query looks.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    pub(super) chain: Option<ChainId>,
    pub(super) escrow: Option<Address>,
    pub(super) blocks: (u64, u64),
}

/// What `take` makes of the places that the best of `plans` lists.
pub(super) fn page<T, E: From<StoreError>, R: Reads + ?Sized>(
    rows: &R,
    scope: Scope,
    after: Option<EventKey>,
    bounds: PageBounds,
    plans: impl Fn(ChainId) -> Vec<Plan>,
    mut take: impl FnMut(EventKey) -> std::result::Result<Option<T>, E>,
) -> std::result::Result<Found<T>, E> {
    let mut found = Found { items: Vec::new(), next: None };
    let (items, mut left) = (bounds.items.max(1), bounds.rows.max(1));
    let mut last = None;
    for (chain, _) in rows.cursors()? {
        let wanted = scope.chain.is_none_or(|only| only == chain);
        if !wanted || after.is_some_and(|after| after.chain > chain) {
            continue;
        }
        let start = after.filter(|after| after.chain == chain).map(Place::from);
        let mut walk = Walk::over(rows, chain, scope, start, &plans)?;
        while let Some(place) = walk.next(rows)? {
            if found.items.len() >= items || left == 0 {
                found.next = last.or(after);
                return Ok(found);
            }
            left -= 1;
            last = Some(place.on(chain));
            found.items.extend(take(place.on(chain))?);
        }
    }
    Ok(found)
}

/// The places of one chain that a plan lists, in order.
enum Walk {
    /// The creation of the escrow that was named.
    Known(Option<Place>),
    Index(Merged),
}

impl Walk {
    fn over<R: Reads + ?Sized>(
        rows: &R,
        chain: ChainId,
        scope: Scope,
        after: Option<Place>,
        plans: &impl Fn(ChainId) -> Vec<Plan>,
    ) -> Result<Self> {
        if let Some(escrow) = scope.escrow {
            let created = legs::leg_row(rows, chain, escrow)?.map(|row| row.created);
            let ahead = |place: &Place| after.is_none_or(|after| *place > after);
            return Ok(Self::Known(created.filter(ahead)));
        }
        let mut best: Option<(usize, Merged)> = None;
        for plan in plans(chain) {
            let least = best.as_ref().map_or(PROBED, |(least, _)| *least);
            let merged = Merged::new(plan, after, scope.blocks);
            let promised = merged.count(rows, least)?;
            if best.is_none() || promised < least {
                best = Some((promised, merged));
            }
        }
        Ok(best.map_or(Self::Known(None), |(_, merged)| Self::Index(merged)))
    }

    fn next<R: Rows + ?Sized>(&mut self, rows: &R) -> Result<Option<Place>> {
        match self {
            Self::Known(place) => Ok(place.take()),
            Self::Index(merged) => merged.next(rows),
        }
    }
}

/// Several lists of places as one, in order.
struct Merged {
    plan: Plan,
    after: Option<Place>,
    blocks: (u64, u64),
    /// Places read ahead, the next one last.
    ahead: Vec<Place>,
    exhausted: bool,
}

impl Merged {
    const fn new(plan: Plan, after: Option<Place>, blocks: (u64, u64)) -> Self {
        Self { plan, after, blocks, ahead: Vec::new(), exhausted: false }
    }

    fn range(&self, prefix: &Key) -> KeyRange {
        let (first, last) = self.blocks;
        let mut range = prefix.clone().u64(first).prefix();
        if let Some(after) = self.after.filter(|after| after.number >= first) {
            let key = prefix.clone().u64(after.number).u32(after.log_index);
            range.from = Bound::Excluded(key.as_slice().to_vec());
        }
        range.below = prefix.clone().u64(last).prefix().below;
        range
    }

    /// Rows that follow, counted up to `most`.
    fn count<R: Rows + ?Sized>(&self, rows: &R, most: usize) -> Result<usize> {
        let mut counted = 0;
        for prefix in &self.plan {
            if counted < most {
                let left = most - counted;
                let range = self.range(prefix);
                counted += collect(rows, tables::INDEX, &range, left, |_, _| Ok(()))?.len();
            }
        }
        Ok(counted)
    }

    fn next<R: Rows + ?Sized>(&mut self, rows: &R) -> Result<Option<Place>> {
        if self.ahead.is_empty() && !self.exhausted {
            self.read_ahead(rows)?;
        }
        let place = self.ahead.pop();
        self.after = place.or(self.after);
        Ok(place)
    }

    // The first places of every list hold the first places of all.
    fn read_ahead<R: Rows + ?Sized>(&mut self, rows: &R) -> Result<()> {
        let mut read = Vec::new();
        for prefix in &self.plan {
            let range = self.range(prefix);
            read.extend(collect(rows, tables::INDEX, &range, CHUNK, |key, _| place_of(key))?);
        }
        read.sort_unstable();
        read.dedup();
        self.exhausted = read.len() < CHUNK;
        read.truncate(CHUNK);
        read.reverse();
        self.ahead = read;
        Ok(())
    }
}
