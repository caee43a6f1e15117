//! How a block is undone: what every changed row was before.

use crate::StoreError;
use crate::tables::Table;
use bmn_primitives::{BlockRef, ChainId};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// One changed row and what it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) table: u8,
    pub(crate) key: Vec<u8>,
    /// None when the row did not exist.
    pub(crate) value: Option<Vec<u8>>,
}

/// The undo row of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub(crate) block: BlockRef,
    /// The cursor before the block.
    pub(crate) previous: Option<BlockRef>,
    /// First state of every row the block changed, in the order of the changes.
    pub(crate) changes: Vec<Before>,
}

/// A block being written.
pub(crate) struct OpenBlock {
    pub(crate) chain: ChainId,
    pub(crate) journal: Journal,
    seen: HashSet<(u8, Vec<u8>)>,
}

impl OpenBlock {
    pub(crate) fn new(chain: ChainId, block: BlockRef, previous: Option<BlockRef>) -> Self {
        let journal = Journal { block, previous, changes: Vec::new() };
        Self { chain, journal, seen: HashSet::new() }
    }

    /// Refuses a key of another chain: undoing one chain must never touch rows of another.
    pub(crate) fn check(&self, key: &[u8]) -> Result<(), StoreError> {
        if key.starts_with(&self.chain.0.to_be_bytes()) {
            Ok(())
        } else {
            Err(StoreError::Misplaced("a block writes rows of its own chain only"))
        }
    }

    /// Notes what a row was, the first time the block changes it.
    pub(crate) fn note(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        if self.seen.insert((table.id, key.to_vec())) {
            self.journal.changes.push(Before { table: table.id, key: key.to_vec(), value });
        }
    }
}
