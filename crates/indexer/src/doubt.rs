//! Destinations that a chain shows and the order does not know: a database that is older than its chain.

use crate::{IndexError, Indexer};
use bmn_primitives::OrderId;
use bmn_store::{AnyLeg, LegIndex, Reads, WriteTx};
use bmn_swap::{Attempt, Order};

/// Destination escrows of one hashlock that are looked at. Strangers can make more, at their own cost.
const LOOK: usize = 64;

impl Indexer {
    /// Marks an order whose destination may already stand, so that nothing is funded and no source given
    /// back before it is found out which of them is ours.
    pub(crate) fn doubt(&self, tx: &mut WriteTx, id: OrderId) -> Result<(), IndexError> {
        let (Some(order), Some(mut state)) = (tx.order(id)?, tx.order_state(id)?) else {
            return Ok(());
        };
        // One of our own is live with its plan; it is looked after as any other.
        if !order.is_accepted() || state.evidence.funding == Attempt::Live {
            return Ok(());
        }
        let planned = state.plan.as_ref().and_then(|plan| Some((plan.chain, plan.escrow?)));
        if let Some((chain, escrow)) = planned
            && tx.destination_leg(chain, escrow)?.is_some()
        {
            return Ok(());
        }
        if self.may_be_answered(tx, &order)? {
            state.plan = None;
            state.evidence.funding = Attempt::Live;
            tx.put_order_state(id, &state)?;
        }
        Ok(())
    }

    /// True when a destination stands that names us and repeats the order's hashlock, and is no other
    /// order's.
    pub(crate) fn may_be_answered(&self, tx: &WriteTx, order: &Order) -> Result<bool, IndexError> {
        let chain = order.destination_chain;
        let Some(taker) = self.rules.terms().taker(chain, order.dialect) else { return Ok(false) };
        let by = LegIndex::DestinationHashlock(order.hashlock);
        for leg in tx.legs_by(chain, by, None, LOOK)? {
            if let AnyLeg::Destination(leg) = leg
                && leg.taker == taker
                && tx.order_by_plan_escrow(chain, leg.escrow)?.is_none_or(|id| id == order.id)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
