//! The chain itself: one value behind one lock.

mod access;
mod accounts;
mod block;
mod blocks;
mod call;
mod config;
mod execute;
mod handle;
mod mine;
mod open;
mod pool;
mod reorg;
mod snapshot;
mod state;
mod store;
mod transaction;
mod trie;

pub use access::PooledTx;
pub use accounts::AccountState;
pub use block::{MinedBlock, TxOutcome};
pub use blocks::Footprint;
pub use call::{Call, CallResult, Overrides};
pub use config::DevChainConfig;
pub use handle::{ChainUpdate, DevChain};
pub use reorg::{Reorg, Replacement, ReplacementTimes};
pub use state::Cheat;
pub use transaction::{SignedTx, TxDecodeError};

pub(crate) use handle::Position;
pub(crate) use state::{State, check_code};

use crate::DevChainError;
use blocks::{Blocks, Entry};
use bmn_primitives::BlockRef;
use pool::{Admission, Pool};
use snapshot::Snapshot;
use std::{collections::BTreeMap, sync::Arc};
use store::Store;

/// Everything that changes besides the blocks. Cloned, changed and put back as one, so that a
/// failed disk leaves the chain as it was.
#[derive(Debug, Clone)]
pub(crate) struct Tip {
    pub(crate) pool: Pool,
    /// The head's state with `cheats` applied: what the next block starts from.
    pub(crate) state: State,
    /// Changes by the developer since the head; they become part of the next block.
    pub(crate) cheats: Vec<Cheat>,
    pub(crate) next_time: Option<u64>,
    pub(crate) next_base_fee: Option<u64>,
    /// Counts reorgs and reverts; written into every header.
    pub(crate) fork: u64,
    /// Number of the newest finalized block.
    pub(crate) finalized: u64,
}

#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) config: DevChainConfig,
    pub(crate) blocks: Blocks,
    pub(crate) tip: Tip,
    snapshots: BTreeMap<u64, Snapshot>,
    next_snapshot: u64,
    store: Option<Arc<Store>>,
    pub(crate) acknowledged: Option<BlockRef>,
}

/// A change of the canonical chain.
struct Change {
    /// The newest block that stays.
    ancestor: Arc<MinedBlock>,
    /// Blocks on top of it, oldest first.
    appended: Vec<Entry>,
    tip: Tip,
}

impl Chain {
    pub(crate) fn head(&self) -> BlockRef {
        self.blocks.head().block_ref()
    }

    /// Timestamp the next block has when nobody says otherwise.
    pub(crate) fn pending_time(&self) -> u64 {
        let head = self.head().time;
        self.tip.next_time.unwrap_or_else(|| head.saturating_add(self.config.block_time.max(1)))
    }

    pub(crate) fn admission(&self) -> Admission {
        Admission {
            chain_id: self.config.chain_id.0,
            block_gas_limit: self.config.gas_limit,
            min_fee: self.config.min_fee,
            limit: self.config.pool_limit,
        }
    }

    /// The one place where the chain changes: first on disk, then in memory.
    fn commit(&mut self, change: Change) -> Result<ChainUpdate, DevChainError> {
        let Change { ancestor, appended, mut tip } = change;
        let ancestor_number = ancestor.header.number;
        let head = appended.last().map_or(&ancestor, |entry| &entry.block).header.number;
        let depth = self.config.finality_depth;
        tip.finalized = tip.finalized.max(head.saturating_sub(depth)).min(head);
        if let Some(store) = &self.store {
            store.commit(self.blocks.head_number(), ancestor_number, &appended, &self.tip, &tip)?;
        }
        let removed = self.blocks.truncate(ancestor);
        self.keep_for_snapshots(ancestor_number, &removed);
        let committed = appended.iter().map(|entry| entry.block.clone()).collect();
        for entry in appended {
            self.blocks.push(entry);
        }
        self.tip = tip;
        let reverted = removed.into_iter().rev().map(|entry| entry.block).collect();
        Ok(ChainUpdate { reverted, committed })
    }

    /// Changes the tip alone, durably.
    pub(crate) fn change_tip<T>(
        &mut self,
        change: impl FnOnce(&mut Tip) -> Result<T, DevChainError>,
    ) -> Result<T, DevChainError> {
        let mut tip = self.tip.clone();
        let answer = change(&mut tip)?;
        let ancestor = self.blocks.head().clone();
        self.commit(Change { ancestor, appended: Vec::new(), tip })?;
        Ok(answer)
    }

    pub(crate) fn cheat(&mut self, cheat: Cheat) -> Result<(), DevChainError> {
        self.change_tip(|tip| {
            tip.state.apply_cheat(&cheat);
            tip.cheats.push(cheat);
            Ok(())
        })
    }
}
