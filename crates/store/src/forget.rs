//! Orders that are not kept: refused ones that nothing hangs on.

use crate::keys::Key;
use crate::rows::{Rows, collect};
use crate::tables::{self, Table};
use crate::totals::Total;
use crate::{ClaimReads, DecisionReads, LegIndex, Reads, StoreError, WriteTx, orders};
use alloy::primitives::U512;
use bmn_primitives::OrderId;
use bmn_swap::{Order, Origin, Status};

type Result<T> = std::result::Result<T, StoreError>;

impl WriteTx {
    /// Forgets an order that was handed in and refused, with the numbers of its decision and a secret that
    /// only it had; what changed its status stays in the log. False, and nothing is changed, when anything
    /// hangs on it: an escrow with its hashlock, whoever made it, a plan, an intent, a job, a promise.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Undecodable`].
    pub fn forget_refused(&mut self, id: OrderId) -> Result<bool> {
        let (Some(order), Some(state)) = (self.order(id)?, self.order_state(id)?) else {
            return Ok(false);
        };
        let is_refused = state.status == Status::Refused
            && !order.is_accepted()
            && matches!(order.origin, Origin::Submitted(_))
            && (state.source.is_none() && state.plan.is_none() && state.permission.is_none());
        if !is_refused || self.is_needed(&order)? {
            return Ok(false);
        }
        for (table, key) in orders::order_indices(&order) {
            self.remove(table, key.as_slice())?;
        }
        let by_status = orders::status_key(state.status, id);
        self.remove(tables::ORDERS_BY_STATUS, by_status.as_slice())?;
        self.lower(&Total::Orders(state.status), U512::ONE)?;
        for table in [tables::ORDERS, tables::ORDER_STATE, tables::ASSESSMENTS] {
            self.remove(table, &id.to_bytes())?;
        }
        if orders::any_of_hashlock(self, order.hashlock)?.is_none() {
            self.wipe_secret(order.hashlock)?;
        }
        Ok(true)
    }

    fn is_needed(&self, order: &Order) -> Result<bool> {
        let id = order.id;
        // The keys of all of them begin with the order.
        let begun = [
            tables::PLANS_BY_ORDER,
            tables::INTENTS,
            tables::RESERVATIONS,
            tables::JOBS,
            tables::KEEPING,
        ];
        for table in begun {
            if has_row_of(self, table, id)? {
                return Ok(true);
            }
        }
        if self.claim(id)?.is_some() || self.exposure(id)?.is_some() {
            return Ok(true);
        }
        let lock = order.hashlock;
        for (chain, by) in [
            (id.chain, LegIndex::SourceHashlock(lock)),
            (order.destination_chain, LegIndex::DestinationHashlock(lock)),
        ] {
            if !self.legs_by(chain, by, None, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(crate) fn has_row_of<R: Rows + ?Sized>(rows: &R, table: Table, order: OrderId) -> Result<bool> {
    let range = Key::default().order(order).prefix();
    Ok(!collect(rows, table, &range, 1, |_, _| Ok(()))?.is_empty())
}
