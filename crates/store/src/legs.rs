//! Escrows: a small row that leads to the events that made and ended them.

use crate::events;
use crate::index;
use crate::keys::{Key, trailing_address};
use crate::prune::pruned;
use crate::rows::{Rows, row};
use crate::tables;
use crate::{EventKey, EventRow, StoreError};
use alloy::primitives::{Address, B256};
use bmn_contracts::ContractEvent;
use bmn_primitives::{ChainId, Dialect, Leg, OrderHash, SwapId};
use bmn_swap::{DestinationLeg, EscrowEnd, Fill, Inclusion, NamedTerms, SourceLeg, SourceTerms};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

type Result<T> = std::result::Result<T, StoreError>;

/// Events of an escrow that stand in its row, the creation aside. What comes after them is listed in
/// the index: rescues can be repeated without end.
pub(crate) const INLINE_EVENTS: usize = 6;

/// What became of an escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LegState {
    /// Neither withdrawn nor cancelled.
    Open,
    /// Opened with the secret.
    Withdrawn,
    /// Given back.
    Cancelled,
    /// Something was taken out of it after the rescue delay, and nothing else ended it.
    Rescued,
}

impl LegState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Withdrawn, Self::Cancelled, Self::Rescued];

    /// The state of an escrow with this end.
    pub const fn of(end: Option<&EscrowEnd>) -> Self {
        match end {
            None => Self::Open,
            Some(EscrowEnd::Withdrawn { .. }) => Self::Withdrawn,
            Some(EscrowEnd::Cancelled) => Self::Cancelled,
            Some(EscrowEnd::Rescued { .. }) => Self::Rescued,
        }
    }
}

/// An escrow of either side.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "read one page at a time and used at once")]
pub enum AnyLeg {
    /// Of the source side.
    Source(SourceLeg),
    /// Of the destination side.
    Destination(DestinationLeg),
}

impl AnyLeg {
    /// Where it was created.
    pub const fn created(&self) -> Inclusion {
        match self {
            Self::Source(leg) => leg.created,
            Self::Destination(leg) => leg.created,
        }
    }

    /// The place of its creation, by which lists of legs are ordered and continued.
    pub const fn place(&self) -> EventKey {
        let (chain, at) = match self {
            Self::Source(leg) => (leg.swap.chain, leg.created),
            Self::Destination(leg) => (leg.chain, leg.created),
        };
        EventKey { chain, number: at.block.number, log_index: at.log_index }
    }

    /// What became of it.
    pub const fn state(&self) -> LegState {
        let end = match self {
            Self::Source(leg) => leg.end.as_ref(),
            Self::Destination(leg) => leg.end.as_ref(),
        };
        match end {
            None => LegState::Open,
            Some((end, _)) => LegState::of(Some(end)),
        }
    }
}

/// A place on a chain that the key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) log_index: u32,
}

impl Place {
    pub(crate) const fn of(at: &Inclusion) -> Self {
        Self { number: at.block.number, log_index: at.log_index }
    }

    pub(crate) const fn on(self, chain: ChainId) -> EventKey {
        EventKey { chain, number: self.number, log_index: self.log_index }
    }
}

impl From<EventKey> for Place {
    fn from(key: EventKey) -> Self {
        Self { number: key.number, log_index: key.log_index }
    }
}

/// The row of an escrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegRow {
    pub(crate) side: Leg,
    pub(crate) state: LegState,
    pub(crate) created: Place,
    /// The event that ended it.
    pub(crate) end: Option<Place>,
    /// Its further events, the first of them.
    pub(crate) more: Vec<Place>,
}

/// What the creation of an escrow shows beyond its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creation {
    pub(crate) dialect: Dialect,
    pub(crate) fill: Option<Fill>,
    /// The order hash that another event of the transaction named, where the creation names none.
    pub(crate) order_hash: Option<OrderHash>,
}

pub(crate) fn leg_key(chain: ChainId, escrow: Address) -> Key {
    Key::of(chain).address(escrow)
}

pub(crate) fn leg_row<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
) -> Result<Option<LegRow>> {
    row(rows, tables::LEGS, leg_key(chain, escrow).as_slice())
}

/// What a creation says of the terms of a source escrow; none for any other event.
pub(crate) fn source_terms(event: &ContractEvent, creation: &Creation) -> Option<SourceTerms> {
    Some(match event {
        ContractEvent::SourceCreated { immutables, complement }
        | ContractEvent::SourceCreatedAt { immutables, complement, .. } => {
            SourceTerms::Stated { immutables: immutables.clone(), complement: complement.clone() }
        }
        ContractEvent::SourceNamed { order_hash, maker, taker, amount, .. } => {
            SourceTerms::Named(NamedTerms {
                order_hash: Some(*order_hash),
                hashlock: None,
                maker: Some((*maker).into()),
                taker: Some((*taker).into()),
                amount: Some(*amount),
            })
        }
        ContractEvent::PostInteraction { hashlock, taker, amount, .. } => {
            SourceTerms::Named(NamedTerms {
                order_hash: creation.order_hash,
                hashlock: Some(*hashlock),
                maker: None,
                taker: Some((*taker).into()),
                amount: Some(*amount),
            })
        }
        _ => return None,
    })
}

/// The order hash of terms whose creation event may not carry it.
pub(crate) const fn apart(terms: &SourceTerms) -> Option<OrderHash> {
    match terms {
        SourceTerms::Named(named) => named.order_hash,
        SourceTerms::Stated { .. } => None,
    }
}

fn damaged(chain: ChainId, escrow: Address) -> StoreError {
    StoreError::undecodable(tables::LEGS.name, leg_key(chain, escrow).as_slice())
}

pub(crate) fn source_leg<R: Rows + ?Sized>(rows: &R, swap: SwapId) -> Result<Option<SourceLeg>> {
    let SwapId { chain, escrow } = swap;
    match leg_row(rows, chain, escrow)? {
        Some(row) if row.side == Leg::Source => source_of(rows, swap, &row).map(Some),
        _ => Ok(None),
    }
}

fn source_of<R: Rows + ?Sized>(rows: &R, swap: SwapId, row: &LegRow) -> Result<SourceLeg> {
    let at = row.created.on(swap.chain);
    let (stored, block) = events::named(rows, at)?;
    let mut leg = created_source(
        swap,
        &stored,
        Inclusion { block, tx_hash: stored.tx_hash, log_index: at.log_index },
    )
    .ok_or_else(|| damaged(swap.chain, swap.escrow))?;
    leg.end = end_of(rows, swap.chain, swap.escrow, row)?;
    Ok(leg)
}

/// The source escrow as its creation leaves it.
pub(crate) fn created_source(
    swap: SwapId,
    stored: &events::StoredEvent,
    created: Inclusion,
) -> Option<SourceLeg> {
    let creation = stored.creation?;
    let terms = source_terms(&stored.event, &creation)?;
    Some(SourceLeg {
        swap,
        factory: stored.emitter(),
        dialect: creation.dialect,
        terms,
        created,
        fill: creation.fill,
        end: None,
    })
}

pub(crate) fn destination_leg<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
) -> Result<Option<DestinationLeg>> {
    match leg_row(rows, chain, escrow)? {
        Some(row) if row.side == Leg::Destination => {
            destination_of(rows, chain, escrow, &row).map(Some)
        }
        _ => Ok(None),
    }
}

fn destination_of<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
    row: &LegRow,
) -> Result<DestinationLeg> {
    let at = row.created.on(chain);
    let (stored, block) = events::named(rows, at)?;
    let created = Inclusion { block, tx_hash: stored.tx_hash, log_index: at.log_index };
    let mut leg = created_destination(chain, escrow, &stored, created)
        .ok_or_else(|| damaged(chain, escrow))?;
    leg.end = end_of(rows, chain, escrow, row)?;
    Ok(leg)
}

/// The destination escrow as its creation leaves it.
pub(crate) fn created_destination(
    chain: ChainId,
    escrow: Address,
    stored: &events::StoredEvent,
    created: Inclusion,
) -> Option<DestinationLeg> {
    let ContractEvent::DestinationCreated { hashlock, taker, .. } = stored.event else {
        return None;
    };
    Some(DestinationLeg {
        chain,
        escrow,
        factory: stored.emitter(),
        dialect: stored.creation?.dialect,
        hashlock,
        taker: taker.masked(),
        created,
        end: None,
    })
}

/// The end that an event is; none when it ends nothing.
pub(crate) const fn end_by(event: &ContractEvent) -> Option<EscrowEnd> {
    match event {
        ContractEvent::Withdrawn { secret } => Some(EscrowEnd::Withdrawn { secret: *secret }),
        ContractEvent::Cancelled => Some(EscrowEnd::Cancelled),
        ContractEvent::Rescued { token, .. } => Some(EscrowEnd::Rescued { token: *token }),
        _ => None,
    }
}

fn end_of<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
    row: &LegRow,
) -> Result<Option<(EscrowEnd, Inclusion)>> {
    let Some(end) = row.end else { return Ok(None) };
    let (stored, block) = events::named(rows, end.on(chain))?;
    let at = Inclusion { block, tx_hash: stored.tx_hash, log_index: end.log_index };
    let end = end_by(&stored.event).ok_or_else(|| damaged(chain, escrow))?;
    Ok(Some((end, at)))
}

/// The escrow whose creation stands at `at`; none when the event is no creation, or another event
/// created the escrow before.
pub(crate) fn leg_at<R: Rows + ?Sized>(rows: &R, at: EventKey) -> Result<Option<AnyLeg>> {
    let (stored, _) = events::named(rows, at)?;
    let Some(escrow) = stored.escrow.filter(|_| stored.creation.is_some()) else {
        return Ok(None);
    };
    let Some(row) = leg_row(rows, at.chain, escrow)? else {
        if pruned(rows, at.chain, escrow)?.is_some() {
            return Ok(None);
        }
        let key = leg_key(at.chain, escrow);
        return Err(StoreError::dangling(tables::LEGS.name, key.as_slice()));
    };
    if row.created != Place::from(at) {
        return Ok(None);
    }
    Ok(Some(match row.side {
        Leg::Source => AnyLeg::Source(source_of(rows, SwapId { chain: at.chain, escrow }, &row)?),
        Leg::Destination => AnyLeg::Destination(destination_of(rows, at.chain, escrow, &row)?),
    }))
}

/// Source escrows of `chain`, by address.
pub(crate) fn source_legs<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    after: Option<Address>,
    limit: usize,
) -> Result<Vec<SourceLeg>> {
    let range = Key::of(chain).prefix_after(after.as_ref().map(|escrow| escrow.as_slice()));
    let table = tables::LEGS;
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    rows.raw_scan(table, &range, &mut |key, value| {
        let row: LegRow = crate::decode(table.name, key, value)?;
        if row.side == Leg::Source {
            let escrow = trailing_address(table, key)?;
            found.push(source_of(rows, SwapId { chain, escrow }, &row)?);
        }
        Ok(if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// Events of one escrow, in chain order.
pub(crate) fn events_of<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let after = after.map(Place::from);
    let mut found = Vec::new();
    let Some(leg) = leg_row(rows, chain, escrow)? else {
        return match pruned(rows, chain, escrow)? {
            Some(_) => listed_events(rows, chain, escrow, after, limit),
            None => Ok(found),
        };
    };
    let inline = std::iter::once(leg.created).chain(leg.more.iter().copied());
    for place in inline.filter(|place| after.is_none_or(|after| *place > after)).take(limit) {
        let (stored, block) = events::named(rows, place.on(chain))?;
        found.push(stored.into_row(chain, block, place.log_index));
    }
    if found.len() < limit && leg.more.len() == INLINE_EVENTS {
        found.extend(listed_events(rows, chain, escrow, after, limit - found.len())?);
    }
    Ok(found)
}

/// Those that the index lists: what came after the first few, or after the escrow was pruned.
fn listed_events<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let prefix = index::overflow_prefix(chain, escrow);
    index::events_under(rows, chain, &prefix, after, limit, |event| event.escrow == Some(escrow))
}

/// The side and the dialect of an escrow that we know, also of one that was pruned.
pub(crate) fn emitter<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
) -> Result<Option<(Leg, Dialect)>> {
    let Some(row) = leg_row(rows, chain, escrow)? else {
        return Ok(pruned(rows, chain, escrow)?.map(|gone| (gone.side, gone.dialect)));
    };
    let (stored, _) = events::named(rows, row.created.on(chain))?;
    let creation = stored.creation.ok_or_else(|| damaged(chain, escrow))?;
    Ok(Some((row.side, creation.dialect)))
}

/// The full word of a secret's hashlock, which a withdrawal is found by.
pub(crate) fn revealed(event: &ContractEvent) -> Option<(B256, B256)> {
    let ContractEvent::Withdrawn { secret } = event else { return None };
    Some((bmn_primitives::Secret::new(secret.0).hashlock().0, *secret))
}
