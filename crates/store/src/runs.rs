//! Sorted rows into a table.

use crate::StoreError;
use redb::{CursorError, Table};
use std::ops::Bound;

type Result<T> = std::result::Result<T, StoreError>;

/// Fewer rows than this are put one by one.
const WORTH_A_RUN: usize = 8;

/// A run that ended sooner cost more than it saved.
const SHORT: usize = 4;

/// Rows that are put one by one after short runs, at most.
const MOST_SINGLY: usize = 64;

/// Bytes at the start of a key that say what it is about: the chain, and in the index the kind.
const SUBJECT: usize = 9;

/// Puts rows, or takes away those without a value; their keys ascend, and there are `count` of them.
///
/// Rows with no stored row between them are put as a run, which fills whole pages at once: all that a
/// first flush writes, and everything that is keyed by place. Keys that are hashes fall between those
/// of earlier flushes, so after short runs the next rows are put singly.
pub(crate) fn put_sorted<'r>(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    count: usize,
    rows: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
) -> Result<()> {
    let mut rows = rows.peekable();
    let (mut singly, mut after_short) = (0usize, 1);
    let mut subject: &[u8] = &[];
    while let Some((key, value)) = rows.next() {
        let Some(value) = value else {
            drop(table.remove(key)?);
            continue;
        };
        let about = key.get(..SUBJECT).unwrap_or(key);
        if about != subject {
            (subject, singly, after_short) = (about, 0, 1);
        }
        if count < WORTH_A_RUN || singly > 0 {
            singly = singly.saturating_sub(1);
            drop(table.insert(key, value)?);
            continue;
        }
        let mut cursor = table.lower_bound_mut(Bound::Included(key))?;
        let mut length = 0;
        let mut next = Some((key, value));
        while let Some((key, value)) = next {
            match cursor.insert_before(key, value) {
                Ok(()) => length += 1,
                Err(CursorError::UnorderedKey) => break,
                Err(CursorError::Storage(error)) => return Err(error.into()),
                Err(_) => return Err(StoreError::Misplaced("a cursor of redb refused a row")),
            }
            let put = rows.next_if(|(_, value)| value.is_some());
            next = put.and_then(|(key, value)| Some((key, value?)));
        }
        cursor.close()?;
        // The row that ended the run: stored before, or behind a stored one.
        if let Some((key, value)) = next {
            drop(table.insert(key, value)?);
        }
        if length < SHORT {
            singly = after_short;
            after_short = (after_short * 2).min(MOST_SINGLY);
        } else {
            after_short = 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redb::{
        Database, ReadableDatabase, ReadableTable, TableDefinition, backends::InMemoryBackend,
    };
    use std::collections::BTreeMap;

    const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

    type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    /// Keys of few subjects that often lie side by side, so that runs begin, end and meet stored rows.
    fn batch() -> impl Strategy<Value = Batch> {
        let key = (0u8..3, 0u8..4, any::<u8>())
            .prop_map(|(a, b, c)| [vec![a; SUBJECT], vec![b, c]].concat());
        let value = prop::option::weighted(0.9, prop::collection::vec(any::<u8>(), 0..60));
        prop::collection::btree_map(key, value, 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn runs_and_single_rows_leave_what_was_put(batches in prop::collection::vec(batch(), 1..5)) {
            let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
            let mut expected = BTreeMap::new();
            for batch in batches {
                let txn = database.begin_write().unwrap();
                {
                    let mut table = txn.open_table(ROWS).unwrap();
                    let rows = batch.iter().map(|(key, value)| (&key[..], value.as_deref()));
                    put_sorted(&mut table, batch.len(), rows).unwrap();
                }
                txn.commit().unwrap();
                for (key, value) in batch {
                    match value {
                        Some(value) => expected.insert(key, value),
                        None => expected.remove(&key),
                    };
                }
                let read = database.begin_read().unwrap().open_table(ROWS).unwrap();
                let rows = read.iter().unwrap().map(|row| row.unwrap());
                let found: Vec<_> =
                    rows.map(|(k, v)| (k.value().to_vec(), v.value().to_vec())).collect();
                prop_assert_eq!(found, expected.clone().into_iter().collect::<Vec<_>>());
            }
        }
    }
}
