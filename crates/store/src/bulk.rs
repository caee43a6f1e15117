//! Final blocks by the thousand: folded without holding the writer, written sorted, all at once.

use crate::stage::Stage;
use crate::{Cursor, Floor, PruneReads, Reads, Staged, Store, StoreError};
use bmn_primitives::ChainId;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::thread::JoinHandle;
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
    /// What the file is when the next flush comes.
    began: Began,
    staged: Staged,
    writing: Option<JoinHandle<Result<usize, StoreError>>>,
}

/// What changes when another writer writes the chain's rows, or takes some out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Began {
    cursor: Cursor,
    floor: Option<Floor>,
}

impl Began {
    fn of(staged: &Staged, chain: ChainId) -> Result<Self, StoreError> {
        Ok(Self { cursor: staged.cursor(chain)?, floor: staged.index_floor(chain)? })
    }
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
        let began = Began::of(&staged, chain)?;
        Ok(Self { store, chain, began, staged, writing: None })
    }

    /// The chain it writes.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// True while a flush is under way that [`flush_behind`](Self::flush_behind) began.
    pub const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Rows staged, and about how many bytes of memory they hold; not those that are being written.
    pub fn size(&self) -> (usize, usize) {
        self.staged.stage.size()
    }

    /// Makes what was staged durable in one transaction and goes on from there. Whoever writes live
    /// blocks goes first. `now` is a monotonic clock.
    ///
    /// # Errors
    /// [`StoreError::CursorMoved`] when another writer moved the chain's cursor or took rows of it out;
    /// [`StoreError::Misplaced`] when a block is open. After an error nothing staged is left.
    pub fn flush(&mut self, now: &dyn Fn() -> Duration) -> Result<Flushed, StoreError> {
        let before = self.finish()?;
        let empty = self.store.staged()?.for_bulk();
        let stage = std::mem::replace(&mut self.staged, empty).into_stage()?;
        let (rows, held) = write(&self.store, self.chain, &self.began, &stage, now)?;
        self.staged = self.store.staged()?.for_bulk();
        self.began = Began::of(&self.staged, self.chain)?;
        Ok(Flushed { rows: before + rows, held })
    }

    /// Begins to make what was staged durable, in one transaction on a thread of its own, and goes on
    /// over it; waits for the flush before. Answers how many rows that made durable. For a chain
    /// beside which no other is live.
    ///
    /// # Errors
    /// As [`flush`](Self::flush), from the flush before: nothing that came after it is left either.
    pub fn flush_behind(&mut self) -> Result<usize, StoreError> {
        let before = self.finish()?;
        let after = self.staged.cursor(self.chain)?;
        let empty = self.store.staged()?.for_bulk();
        let stage = Arc::new(std::mem::replace(&mut self.staged, empty).into_stage()?);
        self.staged = self.store.staged()?.for_bulk().over(Arc::clone(&stage));
        let (store, chain, began) = (self.store.clone(), self.chain, self.began);
        let still = || Duration::ZERO;
        let work = move || write(&store, chain, &began, &stage, &still).map(|(rows, _)| rows);
        self.writing = Some(spawn(work));
        self.began.cursor = after;
        Ok(before)
    }

    /// Waits for a flush that was begun; answers how many rows it made durable.
    fn finish(&mut self) -> Result<usize, StoreError> {
        let Some(thread) = self.writing.take() else { return Ok(0) };
        let died = |_| Err(StoreError::Misplaced("a writer of final blocks died"));
        match thread.join().unwrap_or_else(died) {
            Ok(rows) => {
                self.staged.rest_on(self.store.snapshot()?);
                Ok(rows)
            }
            Err(error) => {
                // What was staged meanwhile stands on rows that never came.
                self.staged = self.store.staged()?.for_bulk();
                Err(error)
            }
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "joined by its Bulk: before the next flush, or when that is dropped"
)]
fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::spawn(work)
}

/// Writes a stage in one durable transaction; answers its rows and how long the writer was held.
fn write(
    store: &Store,
    chain: ChainId,
    began: &Began,
    stage: &Stage,
    now: &dyn Fn() -> Duration,
) -> Result<(usize, Duration), StoreError> {
    let (rows, _) = stage.size();
    if rows == 0 {
        return Ok((0, Duration::ZERO));
    }
    #[cfg(any(test, feature = "test-utils"))]
    store.observer().see(stage);
    let (txn, since) = (store.begin_behind()?, now());
    let written = || {
        if Began::of(&store.staged()?, chain)? != *began {
            return Err(StoreError::CursorMoved { chain });
        }
        if rows < PARALLEL_ROWS {
            stage.apply(&txn)?;
        } else {
            stage.apply_in_parallel(&txn)?;
        }
        Ok(txn.commit()?)
    };
    let written = written();
    store.committed();
    written.map_err(|error| store.name(error))?;
    Ok((rows, now().saturating_sub(since)))
}

impl Drop for Bulk {
    fn drop(&mut self) {
        if let Some(thread) = self.writing.take() {
            // Durable or not, the cursor in the file says which; nobody is left to be told.
            let _ = thread.join();
        }
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
