//! Every row of an order that is in the archive.

use crate::keys::Key;
use crate::rows::collect;
use crate::tables;
use crate::totals::Total;
use crate::{Reads, StoreError, WriteTx, orders};
use alloy::primitives::U512;
use bmn_primitives::OrderId;

type Result<T> = std::result::Result<T, StoreError>;

const DAY: u64 = 86_400;

impl WriteTx {
    /// Removes an order whose end is final. That its hashlock was used is kept, where it was an order that
    /// we settled: a stranger who copies a hashlock into an order that is refused uses nothing up. What was
    /// late stays on record.
    pub(super) fn remove_ended(&mut self, id: OrderId) -> Result<()> {
        let (Some(order), Some(state)) = (self.order(id)?, self.order_state(id)?) else {
            return Ok(());
        };
        let mut ended_at = 0;
        for change in self.changes_of(id, usize::MAX)? {
            self.forget_change(id, change.seq)?;
            ended_at = change.at.iter().map(|(_, block)| block.time).max().unwrap_or(ended_at);
        }
        for (table, key) in orders::order_indices(&order) {
            self.remove(table, key.as_slice())?;
        }
        let by_status = orders::status_key(state.status, id);
        self.remove(tables::ORDERS_BY_STATUS, by_status.as_slice())?;
        self.lower(&Total::Orders(state.status), U512::ONE)?;
        if let Some(swap) = state.source
            && self.order_by_source(swap)? == Some(id)
        {
            self.remove(tables::ORDER_BY_SOURCE, &swap.to_bytes())?;
        }
        let plans = self.plans_of(id)?;
        self.remove_plans(id)?;
        for table in [tables::ORDERS, tables::ORDER_STATE, tables::ASSESSMENTS, tables::KEEPING] {
            self.remove(table, &id.to_bytes())?;
        }
        if orders::any_of_hashlock(self, order.hashlock)?.is_none() {
            self.wipe_secret(order.hashlock)?;
            self.remove(tables::PUBLIC_SECRETS, order.hashlock.0.as_slice())?;
        }
        if order.is_accepted() {
            let day = u32::try_from(ended_at / DAY).unwrap_or(u32::MAX);
            self.mark_ended(order.hashlock, day)?;
        }
        self.prune_after(&order, &plans)
    }

    fn remove_plans(&mut self, id: OrderId) -> Result<()> {
        let range = Key::default().order(id).prefix();
        let index = tables::PLANS_BY_ORDER;
        let keys: Vec<Vec<u8>> =
            collect(self, index, &range, usize::MAX, |key, _| Ok(key.to_vec()))?;
        for key in keys {
            self.remove(tables::PLANS, key.get(OrderId::LEN..).unwrap_or_default())?;
            self.remove(index, &key)?;
        }
        Ok(())
    }
}
