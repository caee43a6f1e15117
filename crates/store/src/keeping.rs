//! What we did about strangers' swaps.

use crate::rows::{Rows, row};
use crate::{SentTx, StoreError, WriteTx, tables};
use alloy::primitives::B256;
use bmn_primitives::OrderId;
use bmn_swap::Keeping;
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, StoreError>;

/// Transactions of ours that are remembered for one stranger's swap.
const MOST_OURS: usize = 64;

/// What we did about a stranger's swap: forward records, never undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeepingRow {
    /// Every version of our transactions for it, oldest first.
    pub ours: Vec<B256>,
    /// Nothing is left for us to do about it.
    pub closed: bool,
}

impl KeepingRow {
    /// The borrowed form.
    pub fn keeping(&self) -> Keeping<'_> {
        Keeping { ours: &self.ours, closed: self.closed }
    }
}

/// Reads of it, on a snapshot and inside a write transaction.
pub trait KeepingReads: Rows {
    /// What we did about a stranger's swap; nothing where there is no row.
    fn keeping(&self, order: OrderId) -> Result<KeepingRow> {
        Ok(row(self, tables::KEEPING, &order.to_bytes())?.unwrap_or_default())
    }
}

impl<T: Rows> KeepingReads for T {}

impl WriteTx {
    /// Records that nothing is left to do about a stranger's swap.
    pub fn close_keeping(&mut self, order: OrderId) -> Result<()> {
        let before = self.keeping(order)?;
        self.put_row(tables::KEEPING, &order.to_bytes(), &KeepingRow { closed: true, ..before })
    }

    // With the intent itself: an end in any version of it is ours, also after a crash.
    pub(crate) fn keep_versions(&mut self, order: OrderId, sent: &[SentTx]) -> Result<()> {
        let mut keeping = self.keeping(order)?;
        for version in sent {
            if !keeping.ours.contains(&version.hash) {
                keeping.ours.push(version.hash);
            }
        }
        let over = keeping.ours.len().saturating_sub(MOST_OURS);
        keeping.ours.drain(..over);
        self.put_row(tables::KEEPING, &order.to_bytes(), &keeping)
    }
}
