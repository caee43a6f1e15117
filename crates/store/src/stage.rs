//! Changes that are not in the file yet, over a snapshot of what is.

use crate::journal::OpenBlock;
use crate::keys::KeyRange;
use crate::rows::{self, Row, Rows, Visitor};
use crate::runs::put_sorted;
use crate::seal::Sealer;
use crate::tables::{self, CHAIN_SLOTS, Kind, SLOTS, Table};
use crate::{StoreError, encode};
use bmn_primitives::{BlockRef, ChainId};
use serde::Serialize;
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

type Result<T> = std::result::Result<T, StoreError>;
type OpenTable = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The key of a row that was read, and its value; none where there is none.
type ReadRow = (Vec<u8>, Option<Vec<u8>>);

/// The staged rows of one table; none stands for a removed row.
type TableStage = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Bytes that a staged row costs beside its key and value.
const ROW_OVERHEAD: usize = 64;

/// Longest key of the index: chain, kind, word, state, number, log.
const INDEX_KEY: usize = 8 + 1 + 16 + 1 + 8 + 4;

/// A row of the index that came or went. Most of what a backfill writes is of this kind and is not
/// read before it is flushed, so it is kept as it comes and sorted once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct IndexChange {
    key: [u8; INDEX_KEY],
    len: u8,
    is_there: bool,
}

impl IndexChange {
    fn new(key: &[u8], is_there: bool) -> Option<Self> {
        let mut change = Self { key: [0; INDEX_KEY], len: u8::try_from(key.len()).ok()?, is_there };
        change.key.get_mut(..key.len())?.copy_from_slice(key);
        Some(change)
    }

    fn key(&self) -> &[u8] {
        &self.key[..usize::from(self.len)]
    }
}

/// Staged rows by table.
#[derive(Default)]
pub(crate) struct Stage {
    tables: BTreeMap<u8, TableStage>,
    /// Changes of the index in the order they came; only of a backfill.
    index: Vec<IndexChange>,
    rows: usize,
    bytes: usize,
}

impl Stage {
    fn table(&self, table: Table) -> Option<Cow<'_, TableStage>> {
        if table == tables::INDEX && !self.index.is_empty() {
            let change =
                |change: &IndexChange| (change.key().to_vec(), change.is_there.then(Vec::new));
            return Some(Cow::Owned(self.index.iter().map(change).collect()));
        }
        self.tables.get(&table.id).filter(|staged| !staged.is_empty()).map(Cow::Borrowed)
    }

    fn get(&self, table: Table, key: &[u8]) -> Option<Option<Vec<u8>>> {
        if table == tables::INDEX && !self.index.is_empty() {
            let newest = self.index.iter().rev().find(|change| change.key() == key)?;
            return Some(newest.is_there.then(Vec::new));
        }
        self.tables.get(&table.id)?.get(key).cloned()
    }

    fn change_index(&mut self, key: &[u8], is_there: bool) -> Result<()> {
        const LONG: StoreError = StoreError::Misplaced("a key of the index is too long");
        self.index.push(IndexChange::new(key, is_there).ok_or(LONG)?);
        self.rows += 1;
        self.bytes += size_of::<IndexChange>();
        Ok(())
    }

    fn set(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        let cost = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let (fixed, new) = (key.len() + ROW_OVERHEAD, cost(&value));
        match self.tables.entry(table.id).or_default().insert(key, value) {
            Some(old) => self.bytes = (self.bytes + new).saturating_sub(cost(&old)),
            None => {
                self.rows += 1;
                self.bytes += fixed + new;
            }
        }
    }

    /// Rows, and about how many bytes of memory they hold.
    pub(crate) const fn size(&self) -> (usize, usize) {
        (self.rows, self.bytes)
    }

    /// What [`apply`](Self::apply) would write, in its order.
    #[cfg(any(test, feature = "test-utils"))]
    pub(crate) fn rows(&self) -> Vec<crate::testing::CommittedRow> {
        let index = self.table(tables::INDEX).filter(|_| !self.index.is_empty());
        let index = index.iter().map(|staged| (tables::INDEX.id, &**staged));
        let tables = index.chain(self.tables.iter().map(|(id, staged)| (*id, staged)));
        tables
            .filter_map(|(id, staged)| Some((Table::by_id(id)?, staged)))
            .flat_map(|(table, staged)| {
                staged.iter().map(move |(key, value)| crate::testing::CommittedRow {
                    table: table.name,
                    key: key.clone(),
                    value: value.clone(),
                })
            })
            .collect()
    }

    /// Writes everything, table by table, in key order.
    pub(crate) fn apply(&self, txn: &redb::WriteTransaction) -> Result<()> {
        write_index(txn, &self.index)?;
        self.apply_tables(txn)
    }

    fn apply_tables(&self, txn: &redb::WriteTransaction) -> Result<()> {
        for (id, staged) in &self.tables {
            let Some(table) = Table::by_id(*id) else { continue };
            write(txn, table, staged)?;
        }
        Ok(())
    }

    /// The same with the index on a thread of its own. Tables of one transaction may be written side
    /// by side.
    pub(crate) fn apply_in_parallel(&self, txn: &redb::WriteTransaction) -> Result<()> {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| write_index(txn, &self.index));
            let rest = self.apply_tables(txn);
            let other = other.join().map_err(|_| StoreError::Misplaced("a table writer died"))?;
            rest.and(other)
        })
    }

    /// The changes of one table, those of `below` beneath those here.
    fn over<'a>(&'a self, below: Option<&'a Self>, table: Table) -> Option<Cow<'a, TableStage>> {
        let (upper, lower) = (self.table(table), below.and_then(|below| below.table(table)));
        match (upper, lower) {
            (Some(upper), Some(lower)) => {
                let mut both = lower.into_owned();
                both.extend(upper.into_owned());
                Some(Cow::Owned(both))
            }
            (upper, lower) => upper.or(lower),
        }
    }
}

fn write_index(txn: &redb::WriteTransaction, changes: &[IndexChange]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut changes = changes.to_vec();
    // Stable, so that the newest of several changes of one row is the last of them.
    changes.sort_by(|a, b| a.key().cmp(b.key()));
    let newest = changes.chunk_by(|a, b| a.key() == b.key()).filter_map(<[IndexChange]>::last);
    let mut rows = txn.open_table(tables::INDEX.definition())?;
    let newest = newest.map(|change| (change.key(), change.is_there.then_some(&[][..])));
    put_sorted(&mut rows, changes.len(), newest)
}

fn write(txn: &redb::WriteTransaction, table: Table, staged: &TableStage) -> Result<()> {
    let mut rows = txn.open_table(table.definition())?;
    let sorted = staged.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
    put_sorted(&mut rows, staged.len(), sorted)
}

/// Changes in memory over a snapshot of the file: what they read, they see. Nothing reaches the file
/// before a [`WriteTx`](crate::WriteTx) commits or a [`Bulk`](crate::Bulk) flushes.
pub struct Staged {
    snapshot: redb::ReadTransaction,
    // Opening a table costs as much as a read, so each is opened once.
    tables: Vec<OnceCell<OpenTable>>,
    /// The row of each chain table that was read last: what an event changes is looked at several times.
    newest: [RefCell<Option<ReadRow>>; CHAIN_SLOTS],
    sealer: Arc<Sealer>,
    pub(crate) stage: Stage,
    /// Changes on their way into the file, which the snapshot need not show yet.
    below: Option<Arc<Stage>>,
    pub(crate) open: Option<OpenBlock>,
    /// True where rows of the index are written once and not read back.
    is_bulk: bool,
    /// The chain and the end of the history that is being written.
    pub(crate) history: Option<(ChainId, BlockRef)>,
}

impl Staged {
    pub(crate) fn new(snapshot: redb::ReadTransaction, sealer: Arc<Sealer>) -> Self {
        let tables = std::iter::repeat_with(OnceCell::new).take(SLOTS).collect();
        let stage = Stage::default();
        let newest = Default::default();
        Self {
            snapshot,
            tables,
            newest,
            sealer,
            stage,
            below: None,
            open: None,
            is_bulk: false,
            history: None,
        }
    }

    pub(crate) fn for_bulk(mut self) -> Self {
        self.is_bulk = true;
        self
    }

    /// The same over changes that are being written.
    pub(crate) fn over(mut self, below: Arc<Stage>) -> Self {
        self.below = Some(below);
        self
    }

    /// Goes on over a snapshot that shows what lay between.
    pub(crate) fn rest_on(&mut self, snapshot: redb::ReadTransaction) {
        self.tables = std::iter::repeat_with(OnceCell::new).take(SLOTS).collect();
        self.newest = Default::default();
        self.below = None;
        self.snapshot = snapshot;
    }

    fn changes(&self, table: Table) -> Option<Cow<'_, TableStage>> {
        self.stage.over(self.below.as_deref(), table)
    }

    /// Puts or removes a row of the index.
    pub(crate) fn set_index(&mut self, key: &[u8], is_there: bool) -> Result<()> {
        let table = tables::INDEX;
        if self.is_bulk {
            self.open_block(table, key)?;
            return self.stage.change_index(key, is_there);
        }
        if is_there { self.put(table, key, []) } else { self.remove(table, key) }
    }

    /// Puts a row of the index that holds a place in the open block.
    pub(crate) fn put_new_index(&mut self, key: &[u8]) -> Result<()> {
        if self.is_bulk { self.set_index(key, true) } else { self.put_new(tables::INDEX, key, []) }
    }

    /// What was staged. The snapshot is let go, so that the commit may use the pages it held.
    pub(crate) fn into_stage(self) -> Result<Stage> {
        if self.open.is_some() || self.history.is_some() {
            return Err(StoreError::Misplaced("a block or a history was begun and not ended"));
        }
        Ok(self.stage)
    }

    fn table(&self, table: Table) -> Result<&OpenTable> {
        let cell = &self.tables[usize::from(table.id)];
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let open = self.snapshot.open_table(table.definition())?;
        Ok(cell.get_or_init(|| open))
    }

    // A snapshot never changes, so what was read stays true.
    fn stored(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(cell) = self.newest.get(usize::from(table.id)) else {
            return rows::get(self.table(table)?, key);
        };
        let mut newest = cell.borrow_mut();
        match &*newest {
            Some((of, value)) if of == key => Ok(value.clone()),
            _ => {
                let value = rows::get(self.table(table)?, key)?;
                *newest = Some((key.to_vec(), value.clone()));
                Ok(value)
            }
        }
    }

    pub(crate) fn put_row<T: Serialize>(
        &mut self,
        table: Table,
        key: &[u8],
        row: &T,
    ) -> Result<()> {
        self.put(table, key, encode(table.name, row)?)
    }

    pub(crate) fn put(
        &mut self,
        table: Table,
        key: &[u8],
        value: impl Into<Vec<u8>>,
    ) -> Result<()> {
        self.note(table, key)?;
        self.stage.set(table, key.to_vec(), Some(value.into()));
        Ok(())
    }

    /// Puts a row of the open block that cannot have been there before: its key holds a place in
    /// this block, or the caller has looked.
    pub(crate) fn put_new(
        &mut self,
        table: Table,
        key: &[u8],
        value: impl Into<Vec<u8>>,
    ) -> Result<()> {
        self.open_block(table, key)?.note_new(table, key);
        self.stage.set(table, key.to_vec(), Some(value.into()));
        Ok(())
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.note(table, key)?;
        self.stage.set(table, key.to_vec(), None);
        Ok(())
    }

    /// Puts a row back as it was, or takes it away, without a journal.
    pub(crate) fn restore(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) {
        self.stage.set(table, key.to_vec(), value.map(<[u8]>::to_vec));
    }

    // What an operational row was before is nobody's business; a chain row's goes into the journal.
    fn note(&mut self, table: Table, key: &[u8]) -> Result<()> {
        if table.kind == Kind::Operational || !self.open_block(table, key)?.wants(table, key) {
            return Ok(());
        }
        let before = self.raw_get(table, key)?;
        self.open_block(table, key)?.note(table, key, before);
        Ok(())
    }

    fn open_block(&mut self, table: Table, key: &[u8]) -> Result<&mut OpenBlock> {
        debug_assert_eq!(table.kind, Kind::Chain);
        let open = self.open.as_mut();
        let open = open.ok_or(StoreError::Misplaced("a chain row was written outside a block"))?;
        open.check(key)?;
        Ok(open)
    }
}

impl Rows for Staged {
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let below = || self.below.as_ref().and_then(|below| below.get(table, key));
        match self.stage.get(table, key).or_else(below) {
            Some(staged) => {
                rows::count_read();
                Ok(staged)
            }
            None => self.stored(table, key),
        }
    }

    fn raw_scan(&self, table: Table, range: &KeyRange, visit: &mut Visitor<'_>) -> Result<()> {
        let Some(staged) = self.changes(table) else {
            return rows::scan(self.table(table)?, range, visit);
        };
        if range.is_empty() {
            return Ok(());
        }
        let mut staged = staged.range::<[u8], _>(range.bounds()).peekable();
        let mut stopped = false;
        rows::scan(self.table(table)?, range, &mut |key, value| {
            while let Some((new, row)) = staged.next_if(|(new, _)| new.as_slice() < key) {
                if visited(new, row.as_deref(), visit)?.is_break() {
                    stopped = true;
                    return Ok(ControlFlow::Break(()));
                }
            }
            let flow = match staged.next_if(|(new, _)| new.as_slice() == key) {
                Some((_, row)) => visited(key, row.as_deref(), visit)?,
                None => visit(key, value)?,
            };
            stopped = flow.is_break();
            Ok(flow)
        })?;
        if stopped {
            return Ok(());
        }
        for (key, row) in staged {
            if visited(key, row.as_deref(), visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn raw_last(&self, table: Table, range: &KeyRange) -> Result<Option<Row>> {
        let Some(staged) = self.changes(table) else {
            return rows::last(self.table(table)?, range, |_| true);
        };
        if range.is_empty() {
            return Ok(None);
        }
        let stored = rows::last(self.table(table)?, range, |key| !staged.contains_key(key))?;
        let mut live = staged.range::<[u8], _>(range.bounds()).rev();
        let new = live.find_map(|(key, row)| Some((key.clone(), row.clone()?)));
        Ok(new.max(stored))
    }

    fn raw_len(&self, table: Table) -> Result<u64> {
        let stored = self.table(table)?;
        let mut len = rows::len(stored)?;
        for (key, row) in self.changes(table).iter().flat_map(|staged| staged.iter()) {
            match (rows::get(stored, key)?.is_some(), row.is_some()) {
                (true, false) => len -= 1,
                (false, true) => len += 1,
                _ => {}
            }
        }
        Ok(len)
    }

    fn sealer(&self) -> &Sealer {
        &self.sealer
    }
}

fn visited(key: &[u8], row: Option<&[u8]>, visit: &mut Visitor<'_>) -> rows::Visit {
    rows::count_read();
    row.map_or(Ok(ControlFlow::Continue(())), |row| visit(key, row))
}

impl KeyRange {
    fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let below = self.below.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        (self.from.as_ref().map(Vec::as_slice), below)
    }
}
