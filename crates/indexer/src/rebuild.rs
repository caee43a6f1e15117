//! A chain indexed again from its start.

use crate::{IndexError, Indexer, Pace};
use bmn_primitives::ChainId;
use bmn_store::{Cursor, Flushed, Mode, Reads, RebuildReason};
use std::time::Duration;

impl Indexer {
    /// Notes that the index of `chain` is to be built again. From here on no order of the chain is
    /// derived from it, whatever happens, until it has caught up.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn begin_rebuild(&self, chain: ChainId, reason: RebuildReason) -> Result<(), IndexError> {
        let mut tx = self.store.write()?;
        tx.reset_cursor(chain, Mode::Clearing(reason))?;
        tx.commit()?;
        tracing::error!(target: "bmn::indexer", %chain, %reason, "the index is built again");
        Ok(())
    }

    /// Removes some of the rows of a chain that is being cleared, as many as the pace allows. True
    /// when more are left. Does nothing for another chain.
    ///
    /// # Errors
    /// [`IndexError::Store`]; rows already removed stay removed.
    pub fn clear_some(
        &self,
        chain: ChainId,
        pace: &mut Pace,
        now: &dyn Fn() -> Duration,
    ) -> Result<bool, IndexError> {
        let Mode::Clearing(reason) = self.store.read()?.cursor(chain)?.mode else {
            return Ok(false);
        };
        let mut tx = self.store.write_behind()?;
        let began = now();
        let rows = tx.clear_chain(chain, pace.rows())?;
        let done = rows < pace.rows();
        if done {
            tx.reset_cursor(chain, Mode::Rebuilding(reason))?;
        }
        tx.commit()?;
        *pace = pace.after(Flushed { rows, held: now().saturating_sub(began) });
        Ok(!done)
    }

    /// How the index of `chain` is being written.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn cursor(&self, chain: ChainId) -> Result<Cursor, IndexError> {
        Ok(self.store.read()?.cursor(chain)?)
    }
}
