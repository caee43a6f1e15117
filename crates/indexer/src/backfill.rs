//! Final blocks in bulk.

use crate::{
    IndexError, Indexer, LogFilter, Touched, fold_filtered, indexer::refuse_while_clearing,
};
use alloy::primitives::Address;
use bmn_chain::{Block, ChainEvent};
use bmn_primitives::{BlockRef, ChainId};
use bmn_store::{Bulk, Flushed, Mode, Reads, Staged};
use bmn_swap::Route;
use std::{fmt, time::Duration};

/// Rows of a flush while nobody else writes live blocks. The next ones are folded meanwhile. Keys that
/// are hashes fall all over the file, and every flush writes most pages that it touches for one row.
const ALONE_ROWS: usize = 100_000;

/// Bytes of memory that staged rows may hold; as many may be on their way into the file.
const MOST_BYTES: usize = 20 << 20;

/// How much of the writer a backfill may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// No other chain is live: large flushes.
    Alone,
    /// Another chain is live: no flush holds the writer for long (design rule P4).
    Beside,
}

/// How many rows a transaction may have so that it does not hold the writer for long, from what the
/// last ones took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    rows: usize,
}

impl Pace {
    /// What a transaction aims at. Half of what is allowed, since disks have bad moments.
    pub const TARGET: Duration = Duration::from_millis(8);
    const FEWEST: usize = 32;
    const MOST: usize = 20_000;

    /// A cautious beginning.
    pub const fn new() -> Self {
        Self { rows: 256 }
    }

    /// Rows of the next transaction.
    pub const fn rows(self) -> usize {
        self.rows
    }

    /// Learns from a transaction: down at once, up by a quarter.
    #[must_use]
    pub fn after(self, flushed: Flushed) -> Self {
        // A small flush says more about the disk than about its rows.
        if flushed.rows * 2 < self.rows && flushed.held < Self::TARGET {
            return self;
        }
        let held = flushed.held.as_nanos().max(1);
        let fits = flushed.rows as u128 * Self::TARGET.as_nanos() / held;
        let fits = usize::try_from(fits).unwrap_or(Self::MOST);
        let most = (self.rows + self.rows / 4).min(Self::MOST);
        Self { rows: fits.clamp(Self::FEWEST, most) }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

/// Final blocks of one chain on their way into the store. No order is looked at: that is done once,
/// when the chain is caught up with ([`Indexer::derivation`]). Dropping it loses nothing durable.
pub struct Backfill {
    bulk: Bulk,
    indexer: Indexer,
    pace: Pace,
}

impl fmt::Debug for Backfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backfill").field("chain", &self.bulk.chain()).finish_non_exhaustive()
    }
}

impl Indexer {
    /// Begins to write final blocks of `chain` in bulk.
    ///
    /// # Errors
    /// [`IndexError::UnknownChain`]; [`IndexError::Store`].
    pub fn backfill(&self, chain: ChainId) -> Result<Backfill, IndexError> {
        self.reading(chain)?;
        let bulk = self.store.bulk(chain)?;
        Ok(Backfill { bulk, indexer: self.clone(), pace: Pace::new() })
    }
}

impl Backfill {
    /// The newest block taken, durable or not: where the source goes on.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn tip(&self) -> Result<Option<BlockRef>, IndexError> {
        Ok(self.bulk.cursor(self.bulk.chain())?.tip)
    }

    /// True when nothing is staged or being written.
    pub fn is_empty(&self) -> bool {
        self.bulk.size().0 == 0 && !self.bulk.is_writing()
    }

    /// Takes an event of final blocks; flushes on the way whenever the share is used up. `finalized`
    /// is the host's newest final block, `now` a monotonic clock. Answers how many rows became
    /// durable.
    ///
    /// # Errors
    /// [`IndexError::NotFinal`] when a block lies above `finalized` or the event takes blocks away;
    /// [`IndexError::Store`] with `NotChild` when the event does not continue the chain. After an
    /// error this backfill is to be dropped.
    pub fn push(
        &mut self,
        event: &ChainEvent,
        finalized: BlockRef,
        share: Share,
        now: &dyn Fn() -> Duration,
    ) -> Result<usize, IndexError> {
        let chain = self.bulk.chain();
        refuse_while_clearing(&*self.bulk, chain)?;
        let end = event.tip().filter(|_| event.reverted().is_empty());
        let end = end.filter(|end| end.number <= finalized.number);
        let end = end.ok_or(IndexError::NotFinal { chain, finalized })?;
        let indexer = self.indexer.clone();
        let (route, filter) = indexer.reading(chain)?;
        if self.bulk.cursor(chain)?.mode == Mode::Live {
            self.bulk.set_mode(chain, Mode::Backfilling)?;
        }
        let mut rows = 0;
        if let ChainEvent::Backfilled(history) = event {
            self.bulk.begin_history(chain, history.from(), end)?;
        }
        for block in event.committed() {
            write(&mut self.bulk, (route, filter), indexer.rules.us, block)?;
            if self.is_full(share) {
                self.bulk.cut_history();
                rows += match share {
                    Share::Alone => self.bulk.flush_behind()?,
                    Share::Beside => self.flush(now)?.rows,
                };
                if matches!(event, ChainEvent::Backfilled(_)) && block.header.number < end.number {
                    self.bulk.begin_history(chain, block.header.number + 1, end)?;
                }
            }
        }
        if self.bulk.has_history() {
            self.bulk.end_history()?;
        }
        if end.number == finalized.number && end.hash == finalized.hash {
            self.bulk.set_finalized(chain, finalized)?;
        }
        Ok(rows)
    }

    fn is_full(&self, share: Share) -> bool {
        let (rows, bytes) = self.bulk.size();
        let most = match share {
            Share::Alone => ALONE_ROWS,
            Share::Beside => self.pace.rows(),
        };
        rows >= most || bytes >= MOST_BYTES
    }

    /// Makes everything taken durable.
    ///
    /// # Errors
    /// [`IndexError::Store`]; nothing of what was staged is left then.
    pub fn flush(&mut self, now: &dyn Fn() -> Duration) -> Result<Flushed, IndexError> {
        let flushed = self.bulk.flush(now)?;
        self.pace = self.pace.after(flushed);
        Ok(flushed)
    }
}

fn write(
    staged: &mut Staged,
    (route, filter): (&Route, &LogFilter),
    us: Address,
    block: &Block,
) -> Result<(), IndexError> {
    staged.begin_final_block(route.chain, &block.header)?;
    fold_filtered(staged, filter, route, us, block, &mut Touched::idle())?;
    Ok(staged.end_block()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_falls_at_once_and_rises_slowly() {
        let flushed = |rows, ms| Flushed { rows, held: Duration::from_millis(ms) };
        let pace = Pace { rows: 1_000 };
        assert_eq!(pace.after(flushed(1_000, 16)).rows(), 500);
        assert_eq!(pace.after(flushed(1_000, 4)).rows(), 1_250);
        assert_eq!(pace.after(flushed(10, 1)).rows(), 1_000, "a small one says little");
        assert_eq!(pace.after(flushed(400, 80)).rows(), 40, "a slow one says much");
        assert_eq!(pace.after(flushed(1_000, 60_000)).rows(), Pace::FEWEST);
        let fastest = (0..100).fold(pace, |pace, _| pace.after(flushed(pace.rows(), 0)));
        assert_eq!(fastest.rows(), Pace::MOST);
    }
}
