//! Actions of ours that were late, and of which a person was told.

use crate::keys::Key;
use crate::rows::{Rows, collect, row};
use crate::{StoreError, WriteTx, decode, tables};
use bmn_primitives::OrderId;
use bmn_swap::Action;
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, StoreError>;

const LATE: &[u8] = b"late/";

/// An action that was late: a forward record, never undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LateRow {
    /// It is wanted, and its latest safe time is near or over.
    pub overdue: bool,
    /// Its latest safe time, unix seconds of its chain, when it was not sent by then.
    pub missed: Option<u64>,
}

fn key(order: OrderId, action: Action) -> Key {
    Key::default().bytes(LATE).order(order).bytes(&[action.priority()])
}

/// Reads of it, on a snapshot and inside a write transaction.
pub trait LateReads: Rows {
    /// What was late of an order's actions.
    fn late_actions(&self, order: OrderId) -> Result<Vec<(Action, LateRow)>> {
        let table = tables::META;
        let range = Key::default().bytes(LATE).order(order).prefix();
        collect(self, table, &range, Action::ALL.len(), |key, value| {
            let action = key.last().and_then(|number| Action::from_priority(*number));
            let action = action.ok_or_else(|| StoreError::undecodable(table.name, key))?;
            Ok((action, decode(table.name, key, value)?))
        })
    }

    /// What was late of every order's actions, by order; at most `limit`.
    fn late_rows(&self, limit: usize) -> Result<Vec<(OrderId, Action, LateRow)>> {
        let table = tables::META;
        let range = Key::default().bytes(LATE).prefix();
        collect(self, table, &range, limit, |key, value| {
            let (order, action) = key
                .strip_prefix(LATE)
                .and_then(<[u8]>::split_last)
                .and_then(|(action, order)| {
                    Some((OrderId::from_bytes(order)?, Action::from_priority(*action)?))
                })
                .ok_or_else(|| StoreError::undecodable(table.name, key))?;
            Ok((order, action, decode(table.name, key, value)?))
        })
    }

    /// Whether an action was late.
    fn late(&self, order: OrderId, action: Action) -> Result<LateRow> {
        Ok(row(self, tables::META, key(order, action).as_slice())?.unwrap_or_default())
    }

    /// How many actions are overdue, and how many were not sent by their latest safe time. Counting stops
    /// at `limit` rows.
    fn count_late(&self, limit: usize) -> Result<(u64, u64)> {
        let table = tables::META;
        let range = Key::default().bytes(LATE).prefix();
        let rows = collect(self, table, &range, limit, |key, value| {
            decode::<LateRow>(table.name, key, value)
        })?;
        let count = |of: fn(&LateRow) -> bool| rows.iter().filter(|row| of(row)).count() as u64;
        Ok((count(|row| row.overdue), count(|row| row.missed.is_some())))
    }
}

impl<T: Rows> LateReads for T {}

impl WriteTx {
    /// Records how late an action is. What was missed stays on record.
    pub fn set_late(&mut self, order: OrderId, action: Action, late: LateRow) -> Result<()> {
        let key = key(order, action);
        if late == LateRow::default() {
            return self.remove(tables::META, key.as_slice());
        }
        self.put_row(tables::META, key.as_slice(), &late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CrashBackend;
    use crate::{MasterKey, Store, StoreOptions};
    use alloy::primitives::{Address, B256};
    use bmn_primitives::{ChainId, OrderHash};

    fn order(n: u8) -> OrderId {
        let hash = OrderHash(B256::repeat_byte(n));
        OrderId { chain: ChainId(1), contract: Address::repeat_byte(1), hash, leaf: 0 }
    }

    #[test]
    fn what_was_late_is_found_by_order_counted_and_there_after_the_file_was_opened_again() {
        let disk = CrashBackend::new();
        let open =
            || Store::open(StoreOptions::backend(disk.clone(), MasterKey::new([3; 32]))).unwrap();
        let missed = LateRow { overdue: true, missed: Some(9) };
        let overdue = LateRow { overdue: true, missed: None };
        {
            let store = open();
            let mut tx = store.write().unwrap();
            tx.set_late(order(1), Action::WithdrawSource, missed).unwrap();
            tx.set_late(order(1), Action::CancelSource, overdue).unwrap();
            tx.set_late(order(2), Action::CancelSource, overdue).unwrap();
            tx.commit().unwrap();
        }
        let store = open();
        let mut tx = store.write().unwrap();
        let told = [(Action::WithdrawSource, missed), (Action::CancelSource, overdue)];
        assert_eq!(tx.late_actions(order(1)).unwrap(), told);
        assert_eq!(tx.late(order(2), Action::CancelSource).unwrap(), overdue);
        assert_eq!(tx.late(order(2), Action::WithdrawSource).unwrap(), LateRow::default());
        assert_eq!((tx.count_late(9).unwrap(), tx.count_late(1).unwrap()), ((3, 1), (1, 1)));
        let rows = tx.late_rows(9).unwrap();
        assert!(rows.contains(&(order(1), Action::WithdrawSource, missed)), "{rows:?}");
        assert_eq!((rows.len(), tx.late_rows(2).unwrap().as_slice()), (3, &rows[..2]));
        tx.set_late(order(2), Action::CancelSource, LateRow::default()).unwrap();
        assert_eq!(tx.count_late(9).unwrap(), (2, 1));
    }
}
