//! Snapshots: going back to how everything was.

use super::{Chain, ChainUpdate, Change, Tip, blocks::Entry, state::State};
use crate::DevChainError;

/// Snapshots kept at most; the oldest goes first.
const SNAPSHOT_LIMIT: usize = 256;

/// How the chain was. Kept in memory only.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Blocks up to this number are still canonical.
    canonical: u64,
    /// Blocks of then that are not canonical any more, oldest first, on top of `canonical`.
    lost: Vec<Entry>,
    tip: Tip,
    state: State,
}

impl Chain {
    pub(crate) fn snapshot(&mut self) -> Result<u64, DevChainError> {
        let snapshot = Snapshot {
            canonical: self.blocks.head_number(),
            lost: Vec::new(),
            tip: self.tip.clone(),
            state: self.head_state()?,
        };
        self.next_snapshot += 1;
        self.snapshots.insert(self.next_snapshot, snapshot);
        if self.snapshots.len() > SNAPSHOT_LIMIT {
            self.snapshots.pop_first();
        }
        Ok(self.next_snapshot)
    }

    /// Goes back to a snapshot. It and all later ones are gone afterwards.
    pub(crate) fn revert(&mut self, id: u64) -> Result<ChainUpdate, DevChainError> {
        let snapshot = self.snapshots.get(&id).ok_or(DevChainError::UnknownSnapshot(id))?;
        let number = snapshot.canonical;
        let unknown = DevChainError::UnknownSnapshot(id);
        let ancestor = self.blocks.at(number)?.ok_or(unknown)?;
        let changed = number != self.blocks.head_number() || !snapshot.lost.is_empty();
        let fork = self.tip.fork + u64::from(changed);
        let head = number + snapshot.lost.len() as u64;
        let change = Change {
            ancestor,
            appended: snapshot.lost.clone(),
            tip: Tip { fork, finalized: self.tip.finalized.min(head), ..snapshot.tip.clone() },
        };
        let state = snapshot.state.clone();
        let update = self.commit(change)?;
        self.blocks.set_head_state(state);
        self.snapshots.split_off(&id);
        Ok(update)
    }

    /// Blocks that leave the chain live on in the snapshots that contain them.
    pub(super) fn keep_for_snapshots(&mut self, ancestor: u64, removed: &[Entry]) {
        for snapshot in self.snapshots.values_mut() {
            if snapshot.canonical > ancestor {
                let kept = removed.iter().filter(|e| e.block.header.number <= snapshot.canonical);
                snapshot.lost.splice(0..0, kept.cloned());
                snapshot.canonical = ancestor;
            }
        }
    }
}
