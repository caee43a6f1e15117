//! What the tables of a file take.

use crate::tables::{self, Kind};
use crate::{Store, StoreError};
use redb::ReadableTableMetadata;

/// How much a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// Name in the file.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// True for what a chain shows: kept as long as the chain is followed.
    pub of_chain: bool,
}

impl Store {
    /// What every table holds. Reads the whole file: seconds for each gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub fn table_sizes(&self) -> Result<Vec<TableSize>, StoreError> {
        let txn = self.snapshot()?;
        let size = |table: &tables::Table| {
            let stats = txn.open_table(table.definition())?;
            let (rows, bytes) = (stats.len()?, stats.stats()?.stored_bytes());
            Ok(TableSize { name: table.name, rows, bytes, of_chain: table.kind == Kind::Chain })
        };
        tables::ALL.iter().map(size).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::CrashBackend;
    use crate::{MasterKey, Store, StoreOptions, tables};
    use alloy::primitives::Address;
    use bmn_primitives::ChainId;

    #[test]
    fn rows_and_bytes_are_those_of_each_table() {
        let disk = CrashBackend::new();
        let store = Store::open(StoreOptions::backend(disk, MasterKey::new([3; 32]))).unwrap();
        let mut tx = store.write().unwrap();
        tx.set_next_nonce(ChainId(1), Address::ZERO, 7).unwrap();
        tx.commit().unwrap();
        let sizes = store.table_sizes().unwrap();
        assert_eq!(sizes.len(), tables::ALL.len());
        let nonces = sizes.iter().find(|size| size.name == tables::NONCES.name).unwrap();
        // Chain and account; version of the row and number.
        assert_eq!((nonces.rows, nonces.bytes, nonces.of_chain), (1, 28 + 2, false));
        assert!(sizes.iter().any(|size| size.of_chain && size.rows == 0));
    }
}
