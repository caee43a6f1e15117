//! Raw reads, the same on a snapshot and inside a write transaction.

use crate::StoreError;
use crate::keys::{Key, KeyRange};
use crate::seal::Sealer;
use crate::tables::Table;
use redb::{ReadableTable, ReadableTableMetadata};
use serde::de::DeserializeOwned;
use std::ops::{Bound, ControlFlow};

/// What a visitor of a scan answers: go on or stop.
pub(crate) type Visit = Result<ControlFlow<()>, StoreError>;

/// A visitor of the rows of a scan, in key order.
pub(crate) type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> Visit + 'a;

/// A row as bytes: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Raw reads. Sealed: only the store's transactions implement it.
pub trait Rows {
    /// The value under `key`.
    #[doc(hidden)]
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the rows of `range` in key order until the visitor stops.
    #[doc(hidden)]
    fn raw_scan(
        &self,
        table: Table,
        range: &KeyRange,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError>;

    /// The row of `range` with the highest key.
    #[doc(hidden)]
    fn raw_last(&self, table: Table, range: &KeyRange) -> Result<Option<Row>, StoreError>;

    /// Number of rows.
    #[doc(hidden)]
    fn raw_len(&self, table: Table) -> Result<u64, StoreError>;

    /// What opens sealed rows.
    #[doc(hidden)]
    fn sealer(&self) -> &Sealer;
}

type Bytes = &'static [u8];

/// Counts a row that is read, for tests that bound how many a transaction reads.
#[inline]
pub(crate) fn count_read() {
    #[cfg(any(test, feature = "test-utils"))]
    crate::testing::count_read();
}

pub(crate) fn get(
    table: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    count_read();
    Ok(table.get(key)?.map(|value| value.value().to_vec()))
}

pub(crate) fn scan(
    table: &impl ReadableTable<Bytes, Bytes>,
    range: &KeyRange,
    visit: &mut Visitor<'_>,
) -> Result<(), StoreError> {
    if range.is_empty() {
        return Ok(());
    }
    let from = range.from.as_ref().map(Vec::as_slice);
    let below = range.below.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    for row in table.range::<&[u8]>((from, below))? {
        let (key, value) = row?;
        count_read();
        if visit(key.value(), value.value())?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The row of `range` with the highest key that `counts`.
pub(crate) fn last(
    table: &impl ReadableTable<Bytes, Bytes>,
    range: &KeyRange,
    counts: impl Fn(&[u8]) -> bool,
) -> Result<Option<Row>, StoreError> {
    if range.is_empty() {
        return Ok(None);
    }
    let from = range.from.as_ref().map(Vec::as_slice);
    let below = range.below.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    for row in table.range::<&[u8]>((from, below))?.rev() {
        let (key, value) = row?;
        count_read();
        if counts(key.value()) {
            return Ok(Some((key.value().to_vec(), value.value().to_vec())));
        }
    }
    Ok(None)
}

pub(crate) fn len(table: &impl ReadableTableMetadata) -> Result<u64, StoreError> {
    Ok(table.len()?)
}

/// The decoded row under `key`.
pub(crate) fn row<T: DeserializeOwned, R: Rows + ?Sized>(
    rows: &R,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    rows.raw_get(table, key)?.map(|bytes| crate::decode(table.name, key, &bytes)).transpose()
}

/// The decoded row under a key that an index named.
pub(crate) fn indexed<T: DeserializeOwned, R: Rows + ?Sized>(
    rows: &R,
    table: Table,
    key: &Key,
) -> Result<T, StoreError> {
    row(rows, table, key.as_slice())?
        .ok_or_else(|| StoreError::dangling(table.name, key.as_slice()))
}

/// At most `limit` values made from the rows of `range`.
pub(crate) fn collect<T, R: Rows + ?Sized>(
    rows: &R,
    table: Table,
    range: &KeyRange,
    limit: usize,
    mut read: impl FnMut(&[u8], &[u8]) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    rows.raw_scan(table, range, &mut |key, value| {
        found.push(read(key, value)?);
        Ok(if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}
