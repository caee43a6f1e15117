//! Orders, where they stand, and the log of their changes.

use crate::keys::Key;
use crate::read::order_ids;
use crate::rows::{Rows, collect, indexed};
use crate::tables::{self, Table};
use crate::totals::Total;
use crate::{Change, OrderState, Reads, StoreError, WriteTx, decode};
use alloy::primitives::{Address, U512};
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId};
use bmn_swap::{DestinationPlan, Order, Status};
use redb::ReadableTable;

type Result<T> = std::result::Result<T, StoreError>;

impl WriteTx {
    /// Stores an order.
    pub fn put_order(&mut self, order: &Order) -> Result<()> {
        if let Some(before) = self.order(order.id)? {
            for (table, key) in order_indices(&before) {
                self.remove(table, key.as_slice())?;
            }
        }
        for (table, key) in order_indices(order) {
            self.put(table, key.as_slice(), [])?;
        }
        self.put_row(tables::ORDERS, &order.id.to_bytes(), order)
    }

    /// Stores where an order stands. When its status changes, the change is appended to the
    /// sequence log and returned, to be announced once the transaction is committed.
    pub fn put_order_state(
        &mut self,
        order: OrderId,
        state: &OrderState,
    ) -> Result<Option<Change>> {
        let before = self.order_state(order)?;
        let from = before.as_ref().map(|before| before.status);
        self.bind_source(order, before.as_ref(), state)?;
        if let Some(plan) = &state.plan {
            self.keep_plan(order, plan)?;
        }
        self.put_row(tables::ORDER_STATE, &order.to_bytes(), state)?;
        if from == Some(state.status) {
            return Ok(None);
        }
        if let Some(from) = from {
            self.remove(tables::ORDERS_BY_STATUS, status_key(from, order).as_slice())?;
            self.lower(&Total::Orders(from), U512::ONE)?;
        }
        self.raise(&Total::Orders(state.status), U512::ONE)?;
        self.put(tables::ORDERS_BY_STATUS, status_key(state.status, order).as_slice(), [])?;
        self.append_change(order, from, state.status).map(Some)
    }

    // The binding of a source escrow follows the state: a re-mined fill has another escrow. A row
    // that meanwhile points at another order is left alone.
    fn bind_source(
        &mut self,
        order: OrderId,
        before: Option<&OrderState>,
        state: &OrderState,
    ) -> Result<()> {
        let old = before.and_then(|before| before.source);
        if let Some(old) = old.filter(|old| Some(*old) != state.source)
            && self.order_by_source(old)? == Some(order)
        {
            self.remove(tables::ORDER_BY_SOURCE, &old.to_bytes())?;
        }
        match state.source {
            Some(swap) => self.put_row(tables::ORDER_BY_SOURCE, &swap.to_bytes(), &order),
            None => Ok(()),
        }
    }

    // An escrow's address follows from its immutables, so a second plan at the same address is the
    // same plan, unless two orders claim it. That would let one order spend the other's escrow.
    fn keep_plan(&mut self, order: OrderId, plan: &DestinationPlan) -> Result<()> {
        let Some(escrow) = plan.escrow else { return Ok(()) };
        let key = Key::of(plan.chain).address(escrow);
        match self.plan(plan.chain, escrow)? {
            Some((owner, _)) if owner != order => {
                Err(StoreError::Misplaced("a destination escrow was planned for two orders"))
            }
            Some((_, kept)) if kept == *plan => Ok(()),
            _ => {
                let by_order = Key::default().order(order).bytes(key.as_slice());
                self.put(tables::PLANS_BY_ORDER, by_order.as_slice(), [])?;
                self.put_row(tables::PLANS, key.as_slice(), &(order, plan))
            }
        }
    }

    fn append_change(
        &mut self,
        order: OrderId,
        from: Option<Status>,
        to: Status,
    ) -> Result<Change> {
        let seq = self.last_change()? + 1;
        let heads = self.cursors()?.into_iter();
        let at = heads.filter_map(|(chain, cursor)| Some((chain, cursor.tip?))).collect();
        let change = Change { seq, order, from, to, at };
        self.put_row(tables::SEQUENCE, &seq.to_be_bytes(), &change)?;
        let by_order = Key::default().order(order).bytes(&seq.to_be_bytes());
        self.put(tables::SEQUENCE_BY_ORDER, by_order.as_slice(), [])?;
        Ok(change)
    }
}

pub(crate) fn status_key(status: Status, order: OrderId) -> Key {
    Key::default().bytes(&[status as u8]).order(order)
}

pub(crate) fn order_indices(order: &Order) -> impl Iterator<Item = (Table, Key)> {
    let by_hashlock = Key::default().hash(order.hashlock.0).order(order.id);
    let accepted = (tables::ACCEPTED_BY_HASHLOCK, by_hashlock.clone());
    let every = [
        (tables::ORDERS_BY_HASHLOCK, by_hashlock),
        (tables::ORDERS_BY_HASH, Key::default().hash(order.id.hash.0).order(order.id)),
        (tables::ORDERS_BY_MAKER, Key::default().address(order.maker).order(order.id)),
    ];
    every.into_iter().chain(order.is_accepted().then_some(accepted))
}

/// Lists the accepted orders of a file that did not yet.
pub(crate) fn list_accepted(txn: &redb::WriteTransaction) -> Result<()> {
    let orders = txn.open_table(tables::ORDERS.definition())?;
    let mut accepted = txn.open_table(tables::ACCEPTED_BY_HASHLOCK.definition())?;
    for row in orders.iter()? {
        let (key, value) = row?;
        // Whoever reads a damaged one is told; it must not keep the others from being settled.
        let order: Result<Order> = decode(tables::ORDERS.name, key.value(), value.value());
        let indices = order.iter().flat_map(order_indices);
        for (_, key) in indices.filter(|(table, _)| *table == tables::ACCEPTED_BY_HASHLOCK) {
            accepted.insert(key.as_slice(), &[][..])?;
        }
    }
    Ok(())
}

/// Orders of `contract`: a limit-order contract, with an order hash, or the escrow of a direct source.
pub(crate) fn orders_at<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    contract: Address,
    hash: Option<OrderHash>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let at = Key::of(chain).address(contract);
    let at = hash.iter().fold(at, |at, hash| at.hash(hash.0));
    order_ids(rows, tables::ORDERS, &at.prefix(), limit)
}

pub(crate) fn orders_by<R: Rows + ?Sized>(
    rows: &R,
    index: Table,
    by: Key,
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let after = after.map(OrderId::to_bytes);
    let range = by.prefix_after(after.as_ref().map(|after| &after[..]));
    order_ids(rows, index, &range, limit)
}

/// Some order of a hashlock.
pub(crate) fn any_of_hashlock<R: Rows + ?Sized>(
    rows: &R,
    lock: Hashlock,
) -> Result<Option<OrderId>> {
    let by = Key::default().hash(lock.0);
    Ok(orders_by(rows, tables::ORDERS_BY_HASHLOCK, by, None, 1)?.pop())
}

pub(crate) fn plans_of<R: Rows + ?Sized>(rows: &R, order: OrderId) -> Result<Vec<DestinationPlan>> {
    let index = tables::PLANS_BY_ORDER;
    let range = Key::default().order(order).prefix();
    let keys = collect(rows, index, &range, usize::MAX, |key, _| {
        Ok(Key::default().bytes(key.get(OrderId::LEN..).unwrap_or_default()))
    })?;
    keys.iter()
        .map(|key| {
            let (_, plan): (OrderId, DestinationPlan) = indexed(rows, tables::PLANS, key)?;
            Ok(plan)
        })
        .collect()
}

/// The newest `limit` changes of an order, oldest first.
pub(crate) fn changes_of<R: Rows + ?Sized>(
    rows: &R,
    order: OrderId,
    limit: usize,
) -> Result<Vec<Change>> {
    let range = Key::default().order(order).prefix();
    let mut keys = collect(rows, tables::SEQUENCE_BY_ORDER, &range, usize::MAX, |key, _| {
        Ok(Key::default().bytes(key.get(OrderId::LEN..).unwrap_or_default()))
    })?;
    let skipped = keys.len().saturating_sub(limit);
    keys.drain(..skipped);
    keys.iter().map(|key| indexed(rows, tables::SEQUENCE, key)).collect()
}
