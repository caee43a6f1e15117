//! Every row of an escrow or event that is over.

use super::floor::{Floor, PruneReads, PrunedEscrow, pruned_key};
use super::need::{Cause, escrow_of, lock_of};
use super::{Pruned, is_there};
use crate::legs::{self, AnyLeg, LegState, Place};
use crate::{EventRow, LegIndex, Reads, StoreError, WriteTx, daily, events, index, tables};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Dialect, Leg, OrderId};
use bmn_swap::{DestinationPlan, Order};

type Result<T> = std::result::Result<T, StoreError>;

/// Events of one escrow that are taken out at once. Rescues can be repeated without end; an escrow with
/// more of them stays.
const MOST_EVENTS: usize = 64;

/// Escrows of one swap that are looked at when one of them goes.
const OF_ONE_SWAP: usize = 32;

/// Escrows and events with the order hash of one order that are looked at when it goes: as many as an order
/// may have parts, and one.
const REPEATS: usize = 257;

impl WriteTx {
    /// Takes out an event that is about no escrow which is there.
    pub(super) fn prune_event(&mut self, event: &EventRow, done: &mut Pruned) -> Result<()> {
        let is_kept = match (event.escrow, event.order_hash()) {
            (None, Some(hash)) => self.is_awaited(event.chain, hash)?,
            (None, None) => false,
            // What an escrow logged after it was pruned; or it went with an earlier event of this block.
            (Some(escrow), _) => {
                legs::leg_row(&**self, event.chain, escrow)?.is_some()
                    || events::event(&**self, event.key())?.is_none()
            }
        };
        if is_kept { Ok(()) } else { self.remove_event(event, done) }
    }

    /// Takes out an escrow when its swap is over and nothing needs it, and then those of the same swap that
    /// were kept for it alone.
    pub(super) fn prune_swap(
        &mut self,
        first: (ChainId, Address),
        cause: Cause,
        done: &mut Pruned,
    ) -> Result<()> {
        let mut todo = vec![(first, cause)];
        for _ in 0..OF_ONE_SWAP {
            let Some(((chain, escrow), cause)) = todo.pop() else { return Ok(()) };
            let Some(floor) = self.index_floor(chain)? else { continue };
            let Some(leg) = self.prune_escrow(chain, escrow, &floor, cause, done)? else {
                continue;
            };
            if let Some(lock) = lock_of(&leg) {
                let others = self.escrows_of(lock)?;
                todo.extend(others.into_iter().map(|other| (other, Cause::Swap)));
            }
        }
        Ok(())
    }

    fn prune_escrow(
        &mut self,
        chain: ChainId,
        escrow: Address,
        floor: &Floor,
        cause: Cause,
        done: &mut Pruned,
    ) -> Result<Option<AnyLeg>> {
        if !self.is_below(chain, escrow, floor)? {
            return Ok(None);
        }
        let Some(leg) = self.any_leg(chain, escrow)? else { return Ok(None) };
        let is_over = matches!(leg.state(), LegState::Withdrawn | LegState::Cancelled);
        if !is_over || self.is_escrow_needed(&leg, cause)? {
            return Ok(None);
        }
        let events = legs::events_of(&**self, chain, escrow, None, MOST_EVENTS + 1)?;
        if events.len() > MOST_EVENTS {
            return Ok(None);
        }
        self.remove_leg(chain, escrow, &leg)?;
        // It may be of another chain than the one whose floor was raised.
        self.touch_floor(chain)?;
        for event in &events {
            self.remove_event(event, done)?;
            self.drop_empty_block(chain, event.at.block.number)?;
        }
        done.escrows += 1;
        Ok(Some(leg))
    }

    fn remove_leg(&mut self, chain: ChainId, escrow: Address, leg: &AnyLeg) -> Result<()> {
        let (keys, side, dialect): (_, Leg, Dialect) = match leg {
            AnyLeg::Source(source) => {
                let moving = index::state_keys_of_source(source, leg.state());
                let keys = [index::fixed_keys_of_source(source), moving].concat();
                (keys, Leg::Source, source.dialect)
            }
            AnyLeg::Destination(destination) => {
                let moving = index::state_keys_of_destination(destination, leg.state());
                let keys = [index::fixed_keys_of_destination(destination), moving].concat();
                (keys, Leg::Destination, destination.dialect)
            }
        };
        // A source that is gone still has used its hashlock up.
        if let (AnyLeg::Source(source), Some(lock)) = (leg, lock_of(leg))
            && let Some((_, at)) = &source.end
        {
            self.mark_ended(lock, daily::day_of(at.block.time))?;
        }
        for key in keys {
            self.restore(tables::INDEX, key.as_slice(), None);
        }
        let row = crate::encode(tables::PRUNED.name, &PrunedEscrow { side, dialect })?;
        self.restore(tables::PRUNED, pruned_key(chain, escrow).as_slice(), Some(&row));
        self.restore(tables::LEGS, legs::leg_key(chain, escrow).as_slice(), None);
        Ok(())
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
        let mut first = self.escrows_of(order.hashlock)?;
        first.extend(plans.iter().filter_map(|plan| Some((plan.chain, plan.escrow?))));
        let named = LegIndex::OrderHash(order.id.hash);
        let named = self.legs_by(order.id.chain, named, None, REPEATS)?;
        first.extend(named.iter().map(|leg| (order.id.chain, escrow_of(leg))));
        for escrow in first {
            self.prune_swap(escrow, Cause::Swap, &mut done)?;
        }
        self.prune_named(order.id, &mut done)?;
        if done.events > 0 {
            for chain in [order.id.chain, order.destination_chain] {
                self.touch_floor(chain)?;
            }
        }
        Ok(())
    }

    fn prune_named(&mut self, id: OrderId, done: &mut Pruned) -> Result<()> {
        let Some(floor) = self.index_floor(id.chain)? else { return Ok(()) };
        if self.is_awaited(id.chain, id.hash)? {
            return Ok(());
        }
        let named = self.events_of_order(id.chain, id.hash, None, REPEATS)?;
        let is_apart =
            |event: &&EventRow| event.escrow.is_none() && event.at.block.number < floor.number;
        for event in named.iter().filter(is_apart) {
            self.remove_event(event, done)?;
            self.drop_empty_block(id.chain, event.at.block.number)?;
        }
        Ok(())
    }
}
