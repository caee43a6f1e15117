//! What must stay although it is over.

use super::floor::Floor;
use crate::keys::Key;
use crate::legs::{self, AnyLeg, INLINE_EVENTS, LegState, Place};
use crate::rows::Rows;
use crate::{EndedReads, LegIndex, Reads, StoreError, WriteTx, index, orders, tables};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Hashlock, OrderHash, SwapId};
use bmn_swap::Status;

type Result<T> = std::result::Result<T, StoreError>;

/// Escrows of one side with one hashlock that are looked at on a chain. Where strangers made more of them,
/// all of them stay.
const REPEATS: usize = 16;

/// Orders with one order hash that are looked at: strangers can add to them, and theirs are refused.
const NAMESAKES: usize = 64;

/// How an escrow came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The floor passes one of its events.
    Floor,
    /// The order it belongs to, or another escrow of its swap, has just gone.
    Swap,
}

impl WriteTx {
    pub(super) fn any_leg(&self, chain: ChainId, escrow: Address) -> Result<Option<AnyLeg>> {
        let source = self.source_leg(SwapId { chain, escrow })?.map(AnyLeg::Source);
        if source.is_some() {
            return Ok(source);
        }
        Ok(self.destination_leg(chain, escrow)?.map(AnyLeg::Destination))
    }

    /// Whether all of an escrow lies below the floor, by its newest event alone: a stranger can make it log
    /// without end, so its events are not read for that.
    pub(super) fn is_below(&self, chain: ChainId, escrow: Address, floor: &Floor) -> Result<bool> {
        let Some(row) = legs::leg_row(&**self, chain, escrow)? else { return Ok(false) };
        let mut newest = row.more.last().copied().unwrap_or(row.created);
        if row.more.len() == INLINE_EVENTS {
            let listed = index::overflow_prefix(chain, escrow).prefix();
            if let Some((key, _)) = self.raw_last(tables::INDEX, &listed)? {
                newest = newest.max(index::place_of(&key)?);
            }
        }
        let below = Place { number: floor.number, log_index: 0 };
        Ok(newest < below && row.end.is_none_or(|end| end < below))
    }

    /// Whether an order that is here may have to do with an escrow, or another escrow of the swap is not over
    /// for good. That one was paid is seen by the other's taker, keeper and finder in the escrow that ended.
    pub(super) fn is_escrow_needed(&self, leg: &AnyLeg, cause: Cause) -> Result<bool> {
        let lock = lock_of(leg);
        if let Some(lock) = lock
            && (!self.accepted_by_hashlock(lock, 1)?.is_empty() || self.is_swap_open(lock)?)
        {
            return Ok(true);
        }
        match leg {
            AnyLeg::Source(leg) => {
                let is_bound = self.order_by_source(leg.swap)?.is_some()
                    || !self.direct_orders(leg.swap, 1)?.is_empty();
                let is_named = match leg.order_hash() {
                    Some(hash) => self.is_awaited(leg.swap.chain, hash)?,
                    None => false,
                };
                Ok(is_bound || is_named)
            }
            AnyLeg::Destination(leg) => {
                let is_planned = self.plan(leg.chain, leg.escrow)?.is_some();
                // Its source may be one that names no hashlock, which nobody can look for. One that is gone left
                // its mark.
                let is_unpaired = cause == Cause::Floor
                    && !leg.dialect.states_immutables()
                    && self.archived_on(leg.hashlock)?.is_none();
                Ok(is_planned || (is_unpaired && !self.has_source(leg.hashlock)?))
            }
        }
    }

    fn has_source(&self, lock: Hashlock) -> Result<bool> {
        for (chain, _) in self.cursors()? {
            if !self.legs_by(chain, LegIndex::SourceHashlock(lock), None, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_swap_open(&self, lock: Hashlock) -> Result<bool> {
        for (chain, cursor) in self.cursors()? {
            let last = cursor.finalized.map_or(0, |block| block.number);
            for by in [LegIndex::SourceHashlock(lock), LegIndex::DestinationHashlock(lock)] {
                let legs = self.legs_by(chain, by, None, REPEATS + 1)?;
                let is_over = |leg: &AnyLeg| ended_at(leg).is_some_and(|number| number <= last);
                if legs.len() > REPEATS || !legs.iter().all(is_over) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Escrows of both sides with a hashlock, on every chain.
    pub(super) fn escrows_of(&self, lock: Hashlock) -> Result<Vec<(ChainId, Address)>> {
        let mut found = Vec::new();
        for (chain, _) in self.cursors()? {
            for by in [LegIndex::SourceHashlock(lock), LegIndex::DestinationHashlock(lock)] {
                let legs = self.legs_by(chain, by, None, REPEATS)?;
                found.extend(legs.iter().map(|leg| (chain, escrow_of(leg))));
            }
        }
        Ok(found)
    }

    /// Whether an order of this chain with this hash is here that was not refused.
    pub(super) fn is_awaited(&self, chain: ChainId, hash: OrderHash) -> Result<bool> {
        let by = Key::default().hash(hash.0);
        let found = orders::orders_by(&**self, tables::ORDERS_BY_HASH, by, None, NAMESAKES)?;
        for id in found.into_iter().filter(|id| id.chain == chain) {
            let state = self.order_state(id)?;
            if state.is_some_and(|state| state.status != Status::Refused || state.source.is_some())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The hashlock of an escrow, also of one that named none and was opened since.
pub(super) fn lock_of(leg: &AnyLeg) -> Option<Hashlock> {
    match leg {
        AnyLeg::Destination(leg) => Some(leg.hashlock),
        AnyLeg::Source(leg) => leg.hashlock().or_else(|| {
            let (end, _) = leg.end.as_ref()?;
            let bmn_swap::EscrowEnd::Withdrawn { secret } = end else { return None };
            Some(bmn_primitives::Secret::new(secret.0).hashlock())
        }),
    }
}

pub(super) const fn escrow_of(leg: &AnyLeg) -> Address {
    match leg {
        AnyLeg::Source(leg) => leg.swap.escrow,
        AnyLeg::Destination(leg) => leg.escrow,
    }
}

/// The block in which it ended for good. A rescue does not end an escrow.
pub(super) fn ended_at(leg: &AnyLeg) -> Option<u64> {
    let end = match leg {
        AnyLeg::Source(leg) => leg.end.as_ref(),
        AnyLeg::Destination(leg) => leg.end.as_ref(),
    };
    let is_over = matches!(leg.state(), LegState::Withdrawn | LegState::Cancelled);
    end.filter(|_| is_over).map(|(_, at)| at.block.number)
}
