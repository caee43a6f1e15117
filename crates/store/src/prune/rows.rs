//! Every row of an escrow or event that is over.

use super::floor::{Floor, PruneReads, PrunedEscrow, pruned_key};
use super::{Pruned, is_there};
use crate::index::{self, LegIndex};
use crate::keys::Key;
use crate::legs::{self, AnyLeg, LegState, Place};
use crate::{EventKey, EventRow, Reads, StoreError, WriteTx, events, orders, tables};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId, SwapId};
use bmn_swap::{DestinationPlan, Order, Status};

type Result<T> = std::result::Result<T, StoreError>;

/// Events of one escrow that are taken out at once. Rescues can be repeated without end; an escrow with
/// more of them stays.
const MOST_EVENTS: usize = 1_024;

/// Orders with one order hash that are looked at: strangers can add to them, and theirs are refused.
const NAMESAKES: usize = 64;

/// Escrows and events with the hashes of one order that are looked at when it goes.
const REPEATS: usize = 256;

impl WriteTx {
    /// Takes out an event below the floor, with its escrow when that is over.
    pub(super) fn prune_event(
        &mut self,
        event: &EventRow,
        floor: &Floor,
        done: &mut Pruned,
    ) -> Result<()> {
        let Some(escrow) = event.escrow else {
            return match event.order_hash() {
                Some(hash) if self.is_awaited(event.chain, hash)? => Ok(()),
                _ => self.remove_event(event, done),
            };
        };
        if legs::leg_row(self, event.chain, escrow)?.is_some() {
            return self.prune_escrow(event.chain, escrow, floor, done);
        }
        // What an escrow logged after it was pruned; or it went with an earlier event of this block.
        if events::event(self, event.key())?.is_some() {
            self.remove_event(event, done)
        } else {
            Ok(())
        }
    }

    /// Takes out an escrow when it is over and nothing needs it.
    fn prune_escrow(
        &mut self,
        chain: ChainId,
        escrow: Address,
        floor: &Floor,
        done: &mut Pruned,
    ) -> Result<()> {
        let Some(leg) = self.any_leg(chain, escrow)? else { return Ok(()) };
        // A rescue does not end an escrow for good.
        if !matches!(leg.state(), LegState::Withdrawn | LegState::Cancelled)
            || leg.created().block.number >= floor.number
            || self.is_escrow_needed(&leg)?
        {
            return Ok(());
        }
        let events = legs::events_of(self, chain, escrow, None, MOST_EVENTS + 1)?;
        let is_later = |event: &EventRow| event.at.block.number >= floor.number;
        if events.len() > MOST_EVENTS || events.iter().any(is_later) {
            return Ok(());
        }
        let (keys, side, dialect) = match &leg {
            AnyLeg::Source(leg) => {
                let moving = index::state_keys_of_source(leg, LegState::of(end(&leg.end)));
                let keys = [index::fixed_keys_of_source(leg), moving].concat();
                (keys, bmn_primitives::Leg::Source, leg.dialect)
            }
            AnyLeg::Destination(leg) => {
                let moving = index::state_keys_of_destination(leg, LegState::of(end(&leg.end)));
                let keys = [index::fixed_keys_of_destination(leg), moving].concat();
                (keys, bmn_primitives::Leg::Destination, leg.dialect)
            }
        };
        // What leads to a row goes before the row.
        for key in keys {
            self.restore(tables::INDEX, key.as_slice(), None);
        }
        let kept = pruned_key(chain, escrow);
        let row = crate::encode(tables::PRUNED.name, &PrunedEscrow { side, dialect })?;
        self.restore(tables::PRUNED, kept.as_slice(), Some(&row));
        self.restore(tables::LEGS, legs::leg_key(chain, escrow).as_slice(), None);
        for event in &events {
            self.remove_event(event, done)?;
            self.drop_empty_block(chain, event.at.block.number)?;
        }
        done.escrows += 1;
        Ok(())
    }

    fn any_leg(&self, chain: ChainId, escrow: Address) -> Result<Option<AnyLeg>> {
        let source = self.source_leg(SwapId { chain, escrow })?.map(AnyLeg::Source);
        if source.is_some() {
            return Ok(source);
        }
        Ok(self.destination_leg(chain, escrow)?.map(AnyLeg::Destination))
    }

    /// Whether an order that is still here may have to do with an escrow.
    fn is_escrow_needed(&self, leg: &AnyLeg) -> Result<bool> {
        match leg {
            AnyLeg::Source(leg) => {
                let is_bound = self.order_by_source(leg.swap)?.is_some()
                    || !self.direct_orders(leg.swap, 1)?.is_empty();
                let is_named = match leg.order_hash() {
                    Some(hash) => self.is_awaited(leg.swap.chain, hash)?,
                    None => false,
                };
                Ok(is_bound || is_named || self.is_locked(leg.hashlock())?)
            }
            AnyLeg::Destination(leg) => Ok(self.plan(leg.chain, leg.escrow)?.is_some()
                || self.is_locked(Some(leg.hashlock))?),
        }
    }

    fn is_locked(&self, lock: Option<Hashlock>) -> Result<bool> {
        let Some(lock) = lock else { return Ok(false) };
        Ok(!self.accepted_by_hashlock(lock, 1)?.is_empty())
    }

    /// Whether an order of this chain with this hash is here that was not refused.
    fn is_awaited(&self, chain: ChainId, hash: OrderHash) -> Result<bool> {
        let by = Key::default().hash(hash.0);
        let found = orders::orders_by(self, tables::ORDERS_BY_HASH, by, None, NAMESAKES)?;
        for id in found.into_iter().filter(|id| id.chain == chain) {
            let state = self.order_state(id)?;
            if state.is_some_and(|state| state.status != Status::Refused || state.source.is_some())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remove_event(&mut self, event: &EventRow, done: &mut Pruned) -> Result<()> {
        for key in index::keys_of_event(event) {
            self.restore(tables::INDEX, key.as_slice(), None);
        }
        if let Some(escrow) = event.escrow {
            let key = index::overflow_key(event.chain, escrow, Place::of(&event.at));
            if is_there(&**self, tables::INDEX, key.clone())? {
                self.restore(tables::INDEX, key.as_slice(), None);
            }
        }
        self.restore(tables::EVENTS, events::event_key(event.key()).as_slice(), None);
        done.events += 1;
        Ok(())
    }

    /// A block without an event has no row.
    pub(super) fn drop_empty_block(&mut self, chain: ChainId, number: u64) -> Result<()> {
        let key = events::block_key(chain, number);
        if !is_there(&**self, tables::EVENTS, key.clone())? {
            self.restore(tables::BLOCKS, key.as_slice(), None);
        }
        Ok(())
    }

    /// Takes out what was kept below the floors for an order that is not here any more.
    pub(crate) fn prune_after(&mut self, order: &Order, plans: &[DestinationPlan]) -> Result<()> {
        let mut done = Pruned::default();
        let (own, there) = (order.id.chain, order.destination_chain);
        for chain in [own, there] {
            let Some(floor) = self.index_floor(chain)? else { continue };
            for by in self.lists(order, chain) {
                for leg in self.legs_by(chain, by, None, REPEATS)? {
                    self.prune_escrow(chain, escrow_of(&leg), &floor, &mut done)?;
                }
            }
            for plan in plans.iter().filter(|plan| plan.chain == chain) {
                if let Some(escrow) = plan.escrow {
                    self.prune_escrow(chain, escrow, &floor, &mut done)?;
                }
            }
        }
        self.prune_named(order.id, &mut done)
    }

    fn lists(&self, order: &Order, chain: ChainId) -> Vec<LegIndex> {
        let mut lists = Vec::new();
        if chain == order.id.chain {
            lists.push(LegIndex::OrderHash(order.id.hash));
            lists.push(LegIndex::SourceHashlock(order.hashlock));
        }
        if chain == order.destination_chain {
            lists.push(LegIndex::DestinationHashlock(order.hashlock));
        }
        lists
    }

    fn prune_named(&mut self, id: OrderId, done: &mut Pruned) -> Result<()> {
        let Some(floor) = self.index_floor(id.chain)? else { return Ok(()) };
        if self.is_awaited(id.chain, id.hash)? {
            return Ok(());
        }
        let named = self.events_of_order(id.chain, id.hash, None, REPEATS)?;
        let is_apart = |event: &&EventRow| event.escrow.is_none() && below(event.key(), &floor);
        for event in named.iter().filter(is_apart) {
            self.remove_event(event, done)?;
            self.drop_empty_block(id.chain, event.at.block.number)?;
        }
        Ok(())
    }
}

fn below(key: EventKey, floor: &Floor) -> bool {
    key.number < floor.number
}

fn end<T, U>(end: &Option<(T, U)>) -> Option<&T> {
    end.as_ref().map(|(end, _)| end)
}

const fn escrow_of(leg: &AnyLeg) -> Address {
    match leg {
        AnyLeg::Source(leg) => leg.swap.escrow,
        AnyLeg::Destination(leg) => leg.escrow,
    }
}
