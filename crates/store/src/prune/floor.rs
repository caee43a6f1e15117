//! From where on the index of a chain is whole.

use crate::keys::Key;
use crate::rows::{Rows, row};
use crate::{EventKey, RollingDigest, StoreError, WriteTx, tables};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Dialect, Leg};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, StoreError>;

/// From where on the index of a chain is whole. Below it is kept what was not over when the floor
/// passed it, what came after its end in a later block, and what belongs to an order that is still here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The lowest block number from which on every event is there.
    pub number: u64,
    /// The rolling digest below it.
    pub before: RollingDigest,
    /// Index of the last log of ours in the newest block below it: who has read up to there misses nothing.
    pub last_log: u32,
    /// Counts the times that rows below it were taken out: whoever stages changes over a snapshot asks whether it
    /// is what it was.
    pub changes: u64,
}

impl Floor {
    /// Whether every event after a place is there.
    pub fn keeps_after(&self, place: EventKey) -> bool {
        let last = self.before.block.map(|block| (block.number, self.last_log));
        last.is_none_or(|last| (place.number, place.log_index) >= last)
    }
}

/// What is kept of an escrow that was pruned: enough to read what it may still log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrunedEscrow {
    pub(crate) side: Leg,
    pub(crate) dialect: Dialect,
}

const FLOOR: &[u8] = b"floor/";

fn key(chain: ChainId) -> Key {
    Key::default().bytes(FLOOR).u64(chain.0)
}

pub(crate) fn pruned_key(chain: ChainId, escrow: Address) -> Key {
    Key::of(chain).address(escrow)
}

pub(crate) fn pruned<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    escrow: Address,
) -> Result<Option<PrunedEscrow>> {
    row(rows, tables::PRUNED, pruned_key(chain, escrow).as_slice())
}

/// What was taken out of the index, on a snapshot and inside a write transaction.
pub trait PruneReads: Rows {
    /// From where on the index of `chain` is whole; none while nothing was pruned.
    fn index_floor(&self, chain: ChainId) -> Result<Option<Floor>> {
        row(self, tables::META, key(chain).as_slice())
    }

    /// Whether `escrow` was one of which nothing else is kept.
    fn is_pruned(&self, chain: ChainId, escrow: Address) -> Result<bool> {
        Ok(pruned(self, chain, escrow)?.is_some())
    }
}

impl<T: Rows + ?Sized> PruneReads for T {}

impl WriteTx {
    pub(super) fn put_floor(&mut self, chain: ChainId, floor: &Floor) -> Result<()> {
        self.put_row(tables::META, key(chain).as_slice(), floor)
    }

    /// Notes that rows below the floor were taken out.
    pub(super) fn touch_floor(&mut self, chain: ChainId) -> Result<()> {
        match self.index_floor(chain)? {
            Some(floor) => {
                let changes = floor.changes.wrapping_add(1);
                self.put_floor(chain, &Floor { changes, ..floor })
            }
            None => Ok(()),
        }
    }
}

impl crate::Staged {
    /// The index is written again from its start: it is whole then.
    pub(crate) fn drop_floor(&mut self, chain: ChainId) -> Result<()> {
        self.remove(tables::META, key(chain).as_slice())
    }
}
