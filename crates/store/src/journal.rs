//! A block being written, and how it is undone: what every changed row was before.

use crate::StoreError;
use crate::daily::DayCounts;
use crate::legs::Creation;
use crate::tables::Table;
use alloy::primitives::{Address, B256, Bytes, Keccak256, U256};
use bmn_primitives::{BlockRef, ChainId, Leg};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// One changed row and what it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) table: u8,
    /// The key without its chain.
    pub(crate) key: Bytes,
    /// None when the row did not exist.
    pub(crate) value: Option<Bytes>,
}

/// Where the cursor of a chain stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) tip: Option<BlockRef>,
    pub(crate) base_fee: Option<u64>,
    pub(crate) digest: B256,
}

/// The row of a block that may still be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub(crate) block: BlockRef,
    /// Where the cursor stood before the block.
    pub(crate) previous: Standing,
    /// First state of every row the block changed, in the order of the changes.
    pub(crate) changes: Vec<Before>,
}

const CHAIN: usize = size_of::<u64>();

/// A block being written.
pub(crate) struct OpenBlock {
    pub(crate) chain: ChainId,
    pub(crate) block: BlockRef,
    /// None for a final block: it is never undone.
    journal: Option<Journal>,
    seen: HashSet<(u8, Vec<u8>)>,
    /// The rolling digest so far; none before the first event.
    pub(crate) digest: Option<Keccak256>,
    pub(crate) last_log: Option<u32>,
    /// What the factory and its transaction say of escrows created here, by log.
    pub(crate) creations: Vec<(u32, Creation)>,
    /// The escrow that came into being last, and by which log.
    pub(crate) newest_leg: Option<(u32, Address)>,
    /// Statistics of the block's day as far as it changed them: written when it ends.
    pub(crate) counts: Option<DayCounts>,
    pub(crate) volumes: BTreeMap<(Leg, Address), U256>,
}

impl OpenBlock {
    pub(crate) fn new(
        chain: ChainId,
        block: BlockRef,
        previous: Standing,
        is_journaled: bool,
    ) -> Self {
        Self {
            chain,
            block,
            journal: is_journaled.then(|| Journal { block, previous, changes: Vec::new() }),
            seen: HashSet::new(),
            digest: None,
            last_log: None,
            creations: Vec::new(),
            newest_leg: None,
            counts: None,
            volumes: BTreeMap::new(),
        }
    }

    /// Refuses a key of another chain: undoing one chain must never touch rows of another.
    pub(crate) fn check(&self, key: &[u8]) -> Result<(), StoreError> {
        if key.starts_with(&self.chain.0.to_be_bytes()) {
            Ok(())
        } else {
            Err(StoreError::Misplaced("a block writes rows of its own chain only"))
        }
    }

    /// True when the journal still lacks what this row was before the block.
    pub(crate) fn wants(&self, table: Table, key: &[u8]) -> bool {
        self.journal.is_some() && !self.seen.contains(&(table.id, key.to_vec()))
    }

    /// Notes what a row was, the first time the block changes it.
    pub(crate) fn note(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        let Some(journal) = &mut self.journal else { return };
        if self.seen.insert((table.id, key.to_vec())) {
            let (key, value) = (Bytes::copy_from_slice(&key[CHAIN..]), value.map(Bytes::from));
            journal.changes.push(Before { table: table.id, key, value });
        }
    }

    /// Notes a row that was not there before the block.
    pub(crate) fn note_new(&mut self, table: Table, key: &[u8]) {
        self.note(table, key, None);
    }

    pub(crate) fn into_journal(self) -> Option<Journal> {
        self.journal
    }
}
