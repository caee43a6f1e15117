//! The one writer.

use crate::journal::OpenBlock;
use crate::keys::KeyRange;
use crate::rows::{self, Row, Rows, Visitor};
use crate::seal::Sealer;
use crate::tables::{Kind, QueueTable, Table};
use crate::{StoreError, encode};
use serde::Serialize;
use std::marker::PhantomData;
use std::sync::Arc;

/// The write transaction. Holds the single writer until it is committed or dropped; dropped, it
/// changes nothing. Not `Send`, so that it cannot be held across an `.await`.
pub struct WriteTx {
    txn: redb::WriteTransaction,
    sealer: Arc<Sealer>,
    pub(crate) open: Option<OpenBlock>,
    not_send: PhantomData<*const ()>,
}

impl WriteTx {
    pub(crate) fn new(txn: redb::WriteTransaction, sealer: Arc<Sealer>) -> Self {
        Self { txn, sealer, open: None, not_send: PhantomData }
    }

    /// Makes every change durable, all at once. When it returns, the data is on disk.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when a block is still open; [`StoreError::Storage`] when the disk
    /// failed, in which case nothing may be assumed until the store is opened again.
    pub fn commit(self) -> Result<(), StoreError> {
        if self.open.is_some() {
            return Err(StoreError::Misplaced("a block was begun and not ended"));
        }
        Ok(self.txn.commit()?)
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

    pub(crate) fn put_row<T: Serialize>(
        &mut self,
        table: Table,
        key: &[u8],
        row: &T,
    ) -> Result<(), StoreError> {
        self.put(table, key, &encode(table.name, row)?)
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.check(table, key)?;
        let before = self.insert(table, key, value)?;
        self.note(table, key, before);
        Ok(())
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.check(table, key)?;
        let before = self.delete(table, key)?;
        self.note(table, key, before);
        Ok(())
    }

    /// Puts a row back as it was, without a journal.
    pub(crate) fn restore(
        &self,
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        match value {
            Some(value) => self.insert(table, key, value).map(drop),
            None => self.delete(table, key).map(drop),
        }
    }

    fn check(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        match (table.kind, &self.open) {
            (Kind::Operational, _) => Ok(()),
            (Kind::Chain, Some(open)) => open.check(key),
            (Kind::Chain, None) => {
                Err(StoreError::Misplaced("a chain row was written outside a block"))
            }
        }
    }

    fn note(&mut self, table: Table, key: &[u8], before: Option<Vec<u8>>) {
        if let (Kind::Chain, Some(open)) = (table.kind, &mut self.open) {
            open.note(table, key, before);
        }
    }

    fn insert(
        &self,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut rows = self.txn.open_table(table.definition())?;
        let before = rows.insert(key, value)?.map(|before| before.value().to_vec());
        Ok(before)
    }

    fn delete(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut rows = self.txn.open_table(table.definition())?;
        let before = rows.remove(key)?.map(|before| before.value().to_vec());
        Ok(before)
    }
}

impl Rows for WriteTx {
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        rows::get(&self.txn.open_table(table.definition())?, key)
    }

    fn raw_scan(
        &self,
        table: Table,
        range: &KeyRange,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        rows::scan(&self.txn.open_table(table.definition())?, range, visit)
    }

    fn raw_last(&self, table: Table) -> Result<Option<Row>, StoreError> {
        rows::last(&self.txn.open_table(table.definition())?)
    }

    fn raw_len(&self, table: Table) -> Result<u64, StoreError> {
        rows::len(&self.txn.open_table(table.definition())?)
    }

    fn sealer(&self) -> &Sealer {
        &self.sealer
    }
}
