//! The one writer.

use crate::keys::KeyRange;
use crate::open::Inner;
use crate::rows::{Row, Rows, Visitor};
use crate::seal::Sealer;
use crate::tables::{QueueTable, Table};
use crate::{Staged, StoreError};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The write transaction. Holds the single writer until it is committed or dropped; dropped, it
/// changes nothing. Not `Send`, so that it cannot be held across an `.await`.
///
/// Changes are staged in memory and written at the commit, in key order.
pub struct WriteTx {
    staged: Staged,
    txn: redb::WriteTransaction,
    store: Arc<Inner>,
    not_send: PhantomData<*const ()>,
}

impl WriteTx {
    pub(crate) const fn new(
        txn: redb::WriteTransaction,
        staged: Staged,
        store: Arc<Inner>,
    ) -> Self {
        Self { staged, txn, store, not_send: PhantomData }
    }

    /// Makes every change durable, all at once. When it returns, the data is on disk.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when a block is still open; [`StoreError::DiskFull`] and
    /// [`StoreError::Storage`] when the disk failed, in which case nothing may be assumed until the
    /// store is opened again.
    pub fn commit(self) -> Result<(), StoreError> {
        let Self { staged, txn, store, .. } = self;
        let stage = staged.into_stage()?;
        #[cfg(any(test, feature = "test-utils"))]
        store.observer.see(&stage);
        let written = stage.apply(&txn).and_then(|()| Ok(txn.commit()?));
        store.committed();
        written.map_err(|error| store.name(error))
    }

    /// Makes every change visible at once, and durable with the next [`commit`](Self::commit) of whomever.
    /// For what a crash may take back: nothing may be told or done on the strength of it alone.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub fn commit_with_next(mut self) -> Result<(), StoreError> {
        let none = self.txn.set_durability(redb::Durability::None);
        none.map_err(|error| self.store.name(redb::Error::from(error).into()))?;
        self.commit()
    }

    /// Writes a row of a job table. For `bmn-queue` alone.
    pub fn queue_put(
        &mut self,
        table: QueueTable,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.put(table.table(), key, value)
    }

    /// Removes a row of a job table. For `bmn-queue` alone.
    pub fn queue_remove(&mut self, table: QueueTable, key: &[u8]) -> Result<(), StoreError> {
        self.remove(table.table(), key)
    }
}

impl Deref for WriteTx {
    type Target = Staged;

    fn deref(&self) -> &Staged {
        &self.staged
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut Staged {
        &mut self.staged
    }
}

impl Rows for WriteTx {
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.staged.raw_get(table, key)
    }

    fn raw_scan(
        &self,
        table: Table,
        range: &KeyRange,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.staged.raw_scan(table, range, visit)
    }

    fn raw_last(&self, table: Table, range: &KeyRange) -> Result<Option<Row>, StoreError> {
        self.staged.raw_last(table, range)
    }

    fn raw_len(&self, table: Table) -> Result<u64, StoreError> {
        self.staged.raw_len(table)
    }

    fn sealer(&self) -> &Sealer {
        self.staged.sealer()
    }
}
