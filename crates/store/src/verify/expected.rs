//! What an event says must be in the tables.

use super::{Difference, Stop};
use crate::StoreError;
use crate::events::{self, StoredEvent};
use crate::index;
use crate::keys::Key;
use crate::legs::{self, INLINE_EVENTS, LegRow, LegState, Place};
use crate::prune::{self, PrunedEscrow};
use crate::rows::Rows;
use crate::tables;
use crate::{EventRow, encode};
use alloy::primitives::Address;
use bmn_contracts::ContractEvent;
use bmn_primitives::{BlockRef, ChainId, Hashlock, Leg, SwapId};
use bmn_swap::{DestinationLeg, Inclusion, SourceLeg};

/// The escrow that an event creates.
pub(super) enum Created {
    Source(Box<SourceLeg>),
    Destination(Box<DestinationLeg>),
}

impl Created {
    pub(super) fn of(
        chain: ChainId,
        escrow: Address,
        stored: &StoredEvent,
        at: Inclusion,
    ) -> Option<Self> {
        let source = legs::created_source(SwapId { chain, escrow }, stored, at);
        let source = source.map(|leg| Self::Source(Box::new(leg)));
        source.or_else(|| {
            let leg = legs::created_destination(chain, escrow, stored, at)?;
            Some(Self::Destination(Box::new(leg)))
        })
    }

    pub(super) const fn side(&self) -> Leg {
        match self {
            Self::Source(_) => Leg::Source,
            Self::Destination(_) => Leg::Destination,
        }
    }

    pub(super) fn hashlock(&self) -> Option<Hashlock> {
        match self {
            Self::Source(leg) => leg.hashlock(),
            Self::Destination(leg) => Some(leg.hashlock),
        }
    }

    fn keys(&self, state: LegState) -> Vec<Key> {
        match self {
            Self::Source(leg) => {
                let fixed = index::fixed_keys_of_source(leg);
                fixed.into_iter().chain(index::state_keys_of_source(leg, state)).collect()
            }
            Self::Destination(leg) => {
                let fixed = index::fixed_keys_of_destination(leg);
                fixed.into_iter().chain(index::state_keys_of_destination(leg, state)).collect()
            }
        }
    }
}

/// An event, the escrow it is about, and what it creates.
pub(super) struct Said {
    pub(super) row: EventRow,
    pub(super) place: Place,
    /// The escrow's row as it is, where it was created by this event or one before.
    pub(super) leg: Option<(Address, LegRow)>,
    /// What this event creates, where it is the first to create it.
    pub(super) created: Option<Created>,
    /// The escrow when only that it was is kept.
    pub(super) pruned: Option<(Address, PrunedEscrow)>,
}

impl Said {
    pub(super) fn of<R: Rows + ?Sized>(
        read: &R,
        chain: ChainId,
        block: BlockRef,
        log_index: u32,
        stored: StoredEvent,
    ) -> Result<Self, StoreError> {
        let place = Place { number: block.number, log_index };
        let mut leg = None;
        let mut created = None;
        let mut pruned = None;
        if let Some(escrow) = stored.escrow {
            let at = Inclusion { block, tx_hash: stored.tx_hash, log_index };
            let any = legs::leg_row(read, chain, escrow)?;
            if any.is_none() {
                pruned = prune::pruned(read, chain, escrow)?.map(|gone| (escrow, gone));
                // Only of an escrow that is known is an end believed.
                if pruned.is_none() && legs::end_by(&stored.event).is_some() {
                    let key = legs::leg_key(chain, escrow);
                    return Err(StoreError::dangling(tables::LEGS.name, key.as_slice()));
                }
            }
            let row = any.filter(|row| row.created <= place);
            let makes = Created::of(chain, escrow, &stored, at);
            if makes.is_some() && row.is_none() && pruned.is_none() {
                let key = legs::leg_key(chain, escrow);
                return Err(StoreError::dangling(tables::LEGS.name, key.as_slice()));
            }
            created = makes.filter(|_| row.as_ref().is_some_and(|row| row.created == place));
            leg = row.map(|row| (escrow, row));
        }
        Ok(Self { row: stored.into_row(chain, block, log_index), place, leg, created, pruned })
    }

    pub(super) fn index_keys(&self) -> Vec<Key> {
        let mut keys = index::keys_of_event(&self.row);
        if let (Some(created), Some((_, leg))) = (&self.created, &self.leg) {
            keys.extend(created.keys(leg.state));
        }
        keys
    }

    /// The row that lists this event among those of its escrow, when the escrow's own row is full.
    pub(super) fn overflow_key(&self, chain: ChainId) -> Option<Key> {
        if let Some((escrow, _)) = self.pruned {
            return Some(index::overflow_key(chain, escrow, self.place));
        }
        let (escrow, leg) = self.leg.as_ref()?;
        if leg.more.len() < INLINE_EVENTS || leg.more.last().is_some_and(|last| *last >= self.place)
        {
            return None;
        }
        Some(index::overflow_key(chain, *escrow, self.place))
    }

    pub(super) fn is_listed_by_its_leg<R: Rows + ?Sized>(
        &self,
        read: &R,
        chain: ChainId,
    ) -> Result<(), Stop> {
        let of_leg = self.leg.as_ref();
        let is_inline = |leg: &LegRow| leg.created == self.place || leg.more.contains(&self.place);
        if of_leg.map_or(self.pruned.is_none(), |(_, leg)| is_inline(leg)) {
            return Ok(());
        }
        let (table, key, found) = match self.overflow_key(chain) {
            Some(key) => {
                if read.raw_get(tables::INDEX, key.as_slice())?.is_some() {
                    return Ok(());
                }
                (tables::INDEX.name, key, None)
            }
            None => {
                let Some((escrow, leg)) = of_leg else { return Ok(()) };
                let found = encode(tables::LEGS.name, leg)?;
                (tables::LEGS.name, legs::leg_key(chain, *escrow), Some(found))
            }
        };
        Err(Stop::Differs(Difference {
            block: Some(self.place.number),
            table,
            key: key.as_slice().to_vec(),
            expected: Some(Vec::new()),
            found,
        }))
    }
}

/// The row of an escrow as its events make it. Which events are its own is taken from the row and
/// the index; that they are all is seen at each event.
pub(super) fn leg_row<R: Rows + ?Sized>(
    read: &R,
    chain: ChainId,
    escrow: Address,
    found: &LegRow,
    said: &Said,
) -> Result<LegRow, StoreError> {
    let side = said.created.as_ref().map_or(found.side, Created::side);
    let mut expected =
        LegRow { side, state: LegState::Open, created: said.place, end: None, more: Vec::new() };
    // Rescues can be repeated without end, so not all at once.
    const PAGE: usize = 256;
    let mut after = Some(said.place.on(chain));
    loop {
        let page = legs::events_of(read, chain, escrow, after, PAGE)?;
        for event in &page {
            let place = Place::of(&event.at);
            let last = expected.more.last().copied().unwrap_or(expected.created);
            // What is not about the escrow, or out of order, does not belong into its row.
            let is_own = event.escrow == Some(escrow);
            if is_own && place > last && expected.more.len() < INLINE_EVENTS {
                expected.more.push(place);
            }
            end(&mut expected, &event.event, place);
        }
        match page.last().filter(|_| page.len() == PAGE) {
            Some(last) if after.is_none_or(|after| last.key() > after) => after = Some(last.key()),
            _ => return Ok(expected),
        }
    }
}

// The first withdrawal or cancellation ends an escrow for good; until then the newest rescue counts.
fn end(row: &mut LegRow, event: &ContractEvent, place: Place) {
    let state = LegState::of(legs::end_by(event).as_ref());
    let is_open = matches!(row.state, LegState::Open | LegState::Rescued);
    if state != LegState::Open && is_open {
        (row.state, row.end) = (state, Some(place));
    }
}

/// The hashlock of an escrow, from the event that created it.
pub(super) fn hashlock_of<R: Rows + ?Sized>(
    read: &R,
    chain: ChainId,
    escrow: Address,
    leg: &LegRow,
) -> Result<Option<Hashlock>, StoreError> {
    let at = leg.created.on(chain);
    let (stored, block) = events::named(read, at)?;
    let inclusion = Inclusion { block, tx_hash: stored.tx_hash, log_index: at.log_index };
    let created = Created::of(chain, escrow, &stored, inclusion);
    Ok(created.and_then(|created| created.hashlock()))
}
