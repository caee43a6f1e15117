//! From an older schema to the present one, in one transaction.

mod v2;

#[cfg(test)]
pub(crate) use v2::{FormerOrder, FormerPlan, FormerState};

use crate::open::SCHEMA;
use crate::orders;
use crate::tables::{self, SCHEMA_VERSION, Table};
use crate::totals;
use crate::{Cursor, Mode, RebuildReason, StoreError, encode};
use redb::{Database, ReadableTable, TableHandle, WriteTransaction};

/// The first schema whose chain tables are the present ones.
const SAME_CHAIN_TABLES: u32 = 2;

/// The first schema whose orders, states and plans are the present ones.
const SAME_ORDERS: u32 = 3;

/// Brings a file to the present schema. What chains show can be read from them again, in the new form;
/// what is ours is kept.
pub(crate) fn upgrade(database: &Database, from: u32) -> Result<(), StoreError> {
    let txn = database.begin_write()?;
    if from < SAME_CHAIN_TABLES {
        drop_chains(&txn)?;
    }
    for table in tables::ALL {
        txn.open_table(table.definition())?;
    }
    if from < SAME_ORDERS {
        v2::rewrite(&txn)?;
    }
    orders::list_accepted(&txn)?;
    totals::count_again(&txn)?;
    {
        let mut meta = txn.open_table(tables::META.definition())?;
        meta.insert(SCHEMA, &SCHEMA_VERSION.to_be_bytes()[..])?;
    }
    Ok(txn.commit()?)
}

/// Drops what chains showed, and has each of them indexed again from its start.
fn drop_chains(txn: &WriteTransaction) -> Result<(), StoreError> {
    let chains: Vec<Vec<u8>> = {
        let cursors = txn.open_table(tables::CURSORS.definition())?;
        let keys = cursors.iter()?.map(|row| Ok(row?.0.value().to_vec()));
        keys.collect::<Result<_, redb::StorageError>>()?
    };
    for handle in txn.list_tables()?.collect::<Vec<_>>() {
        let kept = |table: &&Table| table.name == handle.name() && table.outlives_upgrade();
        if !tables::ALL.iter().any(|table| kept(&table)) {
            txn.delete_table(handle)?;
        }
    }
    let mode = Mode::Rebuilding(RebuildReason::OlderSchema);
    let cursor = encode(tables::CURSORS.name, &Cursor { mode, ..Cursor::default() })?;
    let mut cursors = txn.open_table(tables::CURSORS.definition())?;
    for chain in chains {
        cursors.insert(chain.as_slice(), cursor.as_slice())?;
    }
    Ok(())
}
