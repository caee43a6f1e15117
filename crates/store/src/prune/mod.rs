//! What is over leaves the index: old events and escrows, a few at a time, oldest block first (G-38).
//!
//! Nothing of it can be undone any more: only final blocks are looked at. The rolling digest goes on as if
//! nothing had gone, so that two nodes agree on it whatever they keep.

mod floor;
mod need;
mod rows;

pub use floor::{Floor, PruneReads};
pub(crate) use floor::{PrunedEscrow, pruned};

use crate::events::BlockRow;
use crate::keys::{Key, u64_at};
use crate::rows::{Rows, collect};
use crate::{Reads, RollingDigest, Store, StoreError, WriteTx, decode, tables};
use bmn_primitives::ChainId;
use need::Cause;
use std::collections::BTreeSet;

type Result<T> = std::result::Result<T, StoreError>;

/// How much one call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneBudget {
    /// Blocks with events that are looked at, at most, of each chain.
    pub blocks: usize,
    /// Events of one write transaction, where a block does not hold more: few enough that nothing waits
    /// longer than 20 ms for it (P4).
    pub slice: usize,
}

impl Default for PruneBudget {
    fn default() -> Self {
        Self { blocks: 8_192, slice: 64 }
    }
}

/// What a call took out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Blocks with events that were looked at.
    pub blocks: u64,
    /// Escrows of which it is only kept that they were.
    pub escrows: u64,
    /// Events.
    pub events: u64,
    /// There is more to do at once.
    pub is_behind: bool,
    /// An index does not show its chain as it is: nothing was looked at.
    pub is_waiting: bool,
}

/// Takes out of the index of every chain what its blocks showed more than `age_secs` before its newest final
/// block: events, and escrows that were withdrawn or cancelled. An escrow that is open, one that logged
/// anything since, every escrow of a swap of which another one is not over for good, and whatever an order that
/// is still here needs, stay. Blocks: not for an async worker. A call that is cut short leaves a whole index;
/// the next one goes on.
///
/// # Errors
/// Those of any read and commit.
pub fn prune_index(
    store: &Store,
    age_secs: u64,
    budget: &PruneBudget,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Pruned> {
    let mut done = Pruned::default();
    let cursors = store.read()?.cursors()?;
    for (chain, _) in cursors {
        let enough = done.blocks.saturating_add(budget.blocks as u64);
        while due(&store.read()?, chain, age_secs)?.is_some() {
            if is_stopped() || done.blocks >= enough {
                done.is_behind = true;
                break;
            }
            if !slice(store, chain, age_secs, budget, &mut done)? {
                done.is_waiting = true;
                return Ok(done);
            }
        }
    }
    Ok(done)
}

/// One write transaction. False while an index does not show its chain as it is.
fn slice(
    store: &Store,
    chain: ChainId,
    age_secs: u64,
    budget: &PruneBudget,
    done: &mut Pruned,
) -> Result<bool> {
    let mut tx = store.write_behind()?;
    // Orders of one chain may need what another one showed.
    if !tx.cursors()?.iter().all(|(_, cursor)| cursor.mode.is_current()) {
        return Ok(false);
    }
    let mut looked_at = 0;
    while looked_at < budget.slice.max(1) {
        let Some((number, row)) = due(&*tx, chain, age_secs)? else { break };
        looked_at += tx.prune_block(chain, number, &row, done)?;
        done.blocks += 1;
    }
    tx.commit()?;
    Ok(true)
}

/// The lowest whole block with events that is final and old enough by the chain's own time.
fn due<R: Reads + ?Sized>(
    rows: &R,
    chain: ChainId,
    age_secs: u64,
) -> Result<Option<(u64, BlockRow)>> {
    let table = tables::BLOCKS;
    let Some(finalized) = rows.cursor(chain)?.finalized else { return Ok(None) };
    let from = rows.index_floor(chain)?.map_or(0, |floor| floor.number);
    let mut range = Key::of(chain).u64(from).prefix();
    range.below = Key::of(chain).u64(finalized.number).prefix().below;
    let lowest = collect(rows, table, &range, 1, |key, value| {
        let row: BlockRow = decode(table.name, key, value)?;
        Ok((u64_at(table, key, 8)?, row))
    })?;
    let is_old = |row: &BlockRow| row.time.saturating_add(age_secs) <= finalized.time;
    Ok(lowest.into_iter().next().filter(|(_, row)| is_old(row)))
}

impl WriteTx {
    /// Raises the floor above a block and takes out what is over by then. Answers how many events were looked
    /// at and taken out.
    fn prune_block(
        &mut self,
        chain: ChainId,
        number: u64,
        row: &BlockRow,
        done: &mut Pruned,
    ) -> Result<usize> {
        let events = self.events(chain, number, number, None, usize::MAX)?;
        let before = RollingDigest { block: Some(row.at(number)), digest: row.digest };
        let last_log = events.last().map_or(0, |event| event.at.log_index);
        let changes = self.index_floor(chain)?.map_or(0, |floor| floor.changes).wrapping_add(1);
        let removed = done.events;
        self.put_floor(
            chain,
            &Floor { number: number.saturating_add(1), before, last_log, changes },
        )?;
        let escrows: BTreeSet<_> = events.iter().filter_map(|event| event.escrow).collect();
        for escrow in escrows {
            self.prune_swap((chain, escrow), Cause::Floor, done)?;
        }
        for event in &events {
            self.prune_event(event, done)?;
        }
        self.drop_empty_block(chain, number)?;
        Ok(events.len().max(1) + usize::try_from(done.events - removed).unwrap_or(usize::MAX))
    }
}

/// Whether a row lies in a chain table under a key that begins like this.
fn is_there<R: Rows + ?Sized>(rows: &R, table: tables::Table, key: Key) -> Result<bool> {
    Ok(!collect(rows, table, &key.prefix(), 1, |_, _| Ok(()))?.is_empty())
}
