//! The chain tables as one value, to compare two histories with (design rule I1).

use crate::events::BlockRow;
use crate::keys::{Key, u64_at};
use crate::prune::PruneReads;
use crate::rows::Rows;
use crate::tables::{self, Table};
use crate::{Reads, RollingDigest, StoreError};
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

/// The rolling digest at block `number`, from the last row of a block at or below it.
pub(crate) fn rolling<R: Reads + ?Sized>(
    rows: &R,
    chain: ChainId,
    number: u64,
) -> Result<Option<RollingDigest>, StoreError> {
    let tip = rows.cursor(chain)?.tip;
    if tip.is_none_or(|tip| tip.number < number) {
        return Ok(None);
    }
    before_or_at(rows, chain, number).map(Some)
}

/// The same without a look at the cursor.
///
/// # Errors
/// [`StoreError::Pruned`] for a block below the newest one whose digest is still known.
pub(crate) fn before_or_at<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    number: u64,
) -> Result<RollingDigest, StoreError> {
    let table = tables::BLOCKS;
    let mut range = Key::of(chain).prefix();
    range.below = Key::of(chain).u64(number).prefix().below;
    let last = match rows.raw_last(table, &range)? {
        None => RollingDigest::default(),
        Some((key, value)) => {
            let row: BlockRow = crate::decode(table.name, &key, &value)?;
            let block = row.at(u64_at(table, &key, 8)?);
            RollingDigest { block: Some(block), digest: row.digest }
        }
    };
    let Some(floor) = rows.index_floor(chain)? else { return Ok(last) };
    // Of the blocks below it only some are there.
    match (last.block, floor.before.block) {
        (Some(block), _) if block.number >= floor.number => Ok(last),
        (_, Some(block)) if number < block.number => {
            Err(StoreError::Pruned { chain, number, oldest: block.number })
        }
        _ => Ok(floor.before),
    }
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
