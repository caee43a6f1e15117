//! Read snapshots.

use crate::keys::KeyRange;
use crate::rows::{self, Row, Rows, Visitor};
use crate::seal::Sealer;
use crate::tables::{SLOTS, Table};
use crate::{Reads, StoreError};
use bmn_chain::KnownBlocks;
use bmn_primitives::{BlockRef, ChainId};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

type Result<T> = std::result::Result<T, StoreError>;

/// A snapshot of the store. Sees every commit made before it was opened and none after. Clones are the same one.
///
/// The file cannot reuse pages that a snapshot still sees: keep it short.
#[derive(Clone)]
pub struct ReadTx(Arc<Opened>);

struct Opened {
    txn: redb::ReadTransaction,
    // Opening a table costs as much as a read, and one look at a swap reads several rows of each.
    tables: [OnceLock<OpenTable>; SLOTS],
    sealer: Arc<Sealer>,
}

/// The snapshot of the newest commit, for all who ask before the next one: opening it and its tables costs
/// as much as reading a swap.
#[derive(Default)]
pub(crate) struct Newest(Mutex<Option<ReadTx>>);

impl Newest {
    /// The snapshot, opened by the first who asks. It is opened under the lock: one that was opened before a commit
    /// cannot be put here after it.
    pub(crate) fn get(&self, open: impl FnOnce() -> Result<ReadTx>) -> Result<ReadTx> {
        let mut newest = self.0.lock();
        match &*newest {
            Some(read) => Ok(read.clone()),
            None => Ok(newest.insert(open()?).clone()),
        }
    }

    /// Forgets it. Whoever commits does so before he says that he has.
    pub(crate) fn is_over(&self) {
        let over = self.0.lock().take();
        drop(over);
    }
}

type OpenTable = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

impl ReadTx {
    pub(crate) fn new(txn: redb::ReadTransaction, sealer: Arc<Sealer>) -> Self {
        let tables = std::array::from_fn(|_| OnceLock::new());
        Self(Arc::new(Opened { txn, tables, sealer }))
    }

    /// The blocks of `chain` as a host asks for them.
    pub const fn known_blocks(&self, chain: ChainId) -> KnownChain<'_> {
        KnownChain { read: self, chain }
    }

    fn with_table<T>(&self, table: Table, read: impl FnOnce(&OpenTable) -> Result<T>) -> Result<T> {
        let open = || self.0.txn.open_table(table.definition());
        let Some(cell) = self.0.tables.get(usize::from(table.id)) else { return read(&open()?) };
        if let Some(table) = cell.get() {
            return read(table);
        }
        let opened = open()?;
        read(cell.get_or_init(|| opened))
    }
}

impl Rows for ReadTx {
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with_table(table, |table| rows::get(table, key))
    }

    fn raw_scan(&self, table: Table, range: &KeyRange, visit: &mut Visitor<'_>) -> Result<()> {
        self.with_table(table, |table| rows::scan(table, range, visit))
    }

    fn raw_last(&self, table: Table, range: &KeyRange) -> Result<Option<Row>> {
        self.with_table(table, |table| rows::last(table, range, |_| true))
    }

    fn raw_len(&self, table: Table) -> Result<u64> {
        self.with_table(table, rows::len)
    }

    fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }
}

/// The blocks of one chain in one snapshot: what a host compares its own chain with.
pub struct KnownChain<'a> {
    read: &'a ReadTx,
    chain: ChainId,
}

impl KnownBlocks for KnownChain<'_> {
    // The seam has no room for an error here. A block that cannot be read is answered as unknown,
    // so the host looks further down, and the revert that follows meets the damage and stops.
    fn at(&self, number: u64) -> Option<BlockRef> {
        match self.read.block(self.chain, number) {
            Ok(block) => block,
            Err(error) => {
                tracing::error!(target: "bmn::store", chain = %self.chain, number, %error, "block unreadable");
                None
            }
        }
    }
}
