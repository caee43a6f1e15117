//! Final blocks by the thousand: folded without holding the writer, written sorted, all at once.

use crate::{Cursor, Reads, Staged, Store, StoreError};
use bmn_primitives::ChainId;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// Rows from which on two threads write a flush.
const PARALLEL_ROWS: usize = 20_000;

/// Changes of one chain's final blocks, staged over a snapshot while others go on writing.
///
/// Only rows of its own chain and secrets that became public are written, so that nothing can have
/// changed beneath them but the chain's cursor, which is compared when they are flushed.
pub struct Bulk {
    store: Store,
    chain: ChainId,
    began: Cursor,
    staged: Staged,
}

/// What a flush wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// Rows.
    pub rows: usize,
    /// How long the single writer was held.
    pub held: Duration,
}

impl Bulk {
    pub(crate) fn new(store: Store, chain: ChainId) -> Result<Self, StoreError> {
        let staged = store.staged()?.for_bulk();
        let began = staged.cursor(chain)?;
        Ok(Self { store, chain, began, staged })
    }

    /// The chain it writes.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// Rows staged, and at most how many bytes of memory they hold.
    pub fn size(&self) -> (usize, usize) {
        self.staged.stage.size()
    }

    /// Makes what was staged durable in one transaction and goes on from there. Whoever writes live
    /// blocks goes first. `now` is a monotonic clock.
    ///
    /// # Errors
    /// [`StoreError::CursorMoved`] when another writer moved the chain's cursor;
    /// [`StoreError::Misplaced`] when a block is open. After an error nothing staged is left.
    pub fn flush(&mut self, now: &dyn Fn() -> Duration) -> Result<Flushed, StoreError> {
        let empty = self.store.staged()?.for_bulk();
        let stage = std::mem::replace(&mut self.staged, empty).into_stage()?;
        let (rows, _) = stage.size();
        if rows == 0 {
            return Ok(Flushed { rows, held: Duration::ZERO });
        }
        let (txn, began) = (self.store.begin_behind()?, now());
        let written = || {
            let cursor = self.store.staged()?.cursor(self.chain)?;
            if cursor != self.began {
                return Err(StoreError::CursorMoved { chain: self.chain });
            }
            if rows < PARALLEL_ROWS {
                stage.apply(&txn)?;
            } else {
                stage.apply_in_parallel(&txn)?;
            }
            Ok(txn.commit()?)
        };
        written().map_err(|error| self.store.name(error))?;
        let held = now().saturating_sub(began);
        self.staged = self.store.staged()?.for_bulk();
        self.began = self.staged.cursor(self.chain)?;
        Ok(Flushed { rows, held })
    }
}

impl Deref for Bulk {
    type Target = Staged;

    fn deref(&self) -> &Staged {
        &self.staged
    }
}

impl DerefMut for Bulk {
    fn deref_mut(&mut self) -> &mut Staged {
        &mut self.staged
    }
}
