//! The chain tables as one value, to compare two histories with (design rule I1).

use crate::keys::Key;
use crate::rows::Rows;
use crate::tables::Table;
use crate::{Reads, StoreError};
use alloy::primitives::{B256, Keccak256};
use bmn_primitives::ChainId;
use std::ops::ControlFlow;

/// One row of a chain table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRow {
    /// Table name.
    pub table: &'static str,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

/// Every row that `chain` wrote into the chain tables, by table number and key.
pub fn chain_rows<R: Reads + ?Sized>(
    read: &R,
    chain: ChainId,
) -> Result<Vec<ChainRow>, StoreError> {
    let mut rows = Vec::new();
    visit(read, chain, |table, key, value| {
        rows.push(ChainRow { table: table.name, key: key.to_vec(), value: value.to_vec() });
    })?;
    Ok(rows)
}

/// Keccak-256 over the rows of `chain`: equal exactly when [`chain_rows`] are equal.
pub fn digest<R: Reads + ?Sized>(read: &R, chain: ChainId) -> Result<B256, StoreError> {
    let mut hasher = Keccak256::new();
    visit(read, chain, |table, key, value| {
        hasher.update([table.id]);
        for part in [key, value] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    })?;
    Ok(hasher.finalize())
}

fn visit<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    mut row: impl FnMut(Table, &[u8], &[u8]),
) -> Result<(), StoreError> {
    for table in Table::chain_tables() {
        rows.raw_scan(table, &Key::of(chain).prefix(), &mut |key, value| {
            row(table, key, value);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(())
}
