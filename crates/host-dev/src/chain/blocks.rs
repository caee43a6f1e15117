//! The canonical chain: newest blocks in memory, older ones in the store where there is one.

use super::{
    MinedBlock,
    state::{BlockHashes, State},
    store::Store,
};
use crate::DevChainError;
use alloy::primitives::B256;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Blocks whose hash `BLOCKHASH` answers.
const BLOCKHASH_DEPTH: u64 = 256;

/// A block and, for the newest ones, the state after it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) block: Arc<MinedBlock>,
    pub(crate) state: Option<State>,
}

#[derive(Debug)]
pub(crate) struct Blocks {
    /// Contiguous, oldest first, never empty.
    hot: VecDeque<Entry>,
    head: Arc<MinedBlock>,
    by_hash: BTreeMap<B256, u64>,
    txs: BTreeMap<B256, (u64, usize)>,
    store: Option<Arc<Store>>,
    history: u64,
}

impl Blocks {
    /// A chain whose oldest block in memory is `first`.
    pub(crate) fn new(first: Entry, history: u64, store: Option<Arc<Store>>) -> Self {
        let mut blocks = Self {
            hot: VecDeque::new(),
            head: first.block.clone(),
            by_hash: BTreeMap::new(),
            txs: BTreeMap::new(),
            store,
            history,
        };
        blocks.push(first);
        blocks
    }

    pub(crate) const fn head(&self) -> &Arc<MinedBlock> {
        &self.head
    }

    pub(crate) fn head_number(&self) -> u64 {
        self.head.header.number
    }

    fn base(&self) -> u64 {
        self.head_number() + 1 - self.hot.len() as u64
    }

    fn hot(&self, number: u64) -> Option<&Entry> {
        let index = number.checked_sub(self.base())?;
        self.hot.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn at(&self, number: u64) -> Result<Option<Arc<MinedBlock>>, DevChainError> {
        if number > self.head_number() {
            return Ok(None);
        }
        match (self.hot(number), &self.store) {
            (Some(entry), _) => Ok(Some(entry.block.clone())),
            (None, Some(store)) => store.block(number).map(|block| block.map(Arc::new)),
            (None, None) => Ok(None),
        }
    }

    pub(crate) fn by_hash(&self, hash: &B256) -> Result<Option<Arc<MinedBlock>>, DevChainError> {
        let number = match (self.by_hash.get(hash), &self.store) {
            (Some(number), _) => Some(*number),
            (None, Some(store)) => store.number_of(hash)?,
            (None, None) => None,
        };
        number.map_or(Ok(None), |number| self.at(number))
    }

    /// The block a canonical transaction is in, and its index there.
    pub(crate) fn find_tx(
        &self,
        hash: &B256,
    ) -> Result<Option<(Arc<MinedBlock>, usize)>, DevChainError> {
        let place = match (self.txs.get(hash), &self.store) {
            (Some(place), _) => Some(*place),
            (None, Some(store)) => store.place_of(hash)?,
            (None, None) => None,
        };
        let Some((number, index)) = place else { return Ok(None) };
        Ok(self.at(number)?.map(|block| (block, index)))
    }

    pub(crate) fn state_at(&self, number: u64) -> Option<&State> {
        self.hot(number)?.state.as_ref()
    }

    /// Oldest block whose state is kept.
    pub(crate) fn oldest_state(&self) -> u64 {
        let kept = self.hot.iter().rev().take_while(|entry| entry.state.is_some()).count();
        self.head_number() + 1 - kept as u64
    }

    /// What a block on top of `number` sees through `BLOCKHASH`.
    pub(crate) fn hashes(&self, number: u64) -> Result<BlockHashes, DevChainError> {
        let first = (number + 1).saturating_sub(BLOCKHASH_DEPTH);
        let mut hashes = BTreeMap::new();
        for number in first..=number {
            if let Some(block) = self.at(number)? {
                hashes.insert(number, block.hash);
            }
        }
        Ok(Arc::new(hashes))
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        let block = entry.block.clone();
        self.by_hash.insert(block.hash, block.header.number);
        for (index, tx) in block.txs.iter().enumerate() {
            self.txs.insert(tx.hash(), (block.header.number, index));
        }
        self.head = block;
        self.hot.push_back(entry);
        self.forget_old();
    }

    /// States past the history go; whole blocks too when the store has them.
    fn forget_old(&mut self) {
        let Some(old) = self.hot.len().checked_sub(self.history as usize + 2) else { return };
        if self.store.is_none() {
            self.hot[old].state = None;
        } else if let Some(entry) = self.hot.pop_front() {
            self.forget(&entry.block);
        }
    }

    fn forget(&mut self, block: &MinedBlock) {
        self.by_hash.remove(&block.hash);
        for tx in &block.txs {
            // The same transaction may already be in a newer block.
            if self.txs.get(&tx.hash()).is_some_and(|(number, _)| *number == block.header.number) {
                self.txs.remove(&tx.hash());
            }
        }
    }

    /// Takes every block above `ancestor` off, oldest first. `ancestor` must be canonical.
    pub(crate) fn truncate(&mut self, ancestor: Arc<MinedBlock>) -> Vec<Entry> {
        let mut removed = VecDeque::new();
        while self.hot.back().is_some_and(|e| e.block.header.number > ancestor.header.number) {
            if let Some(entry) = self.hot.pop_back() {
                self.forget(&entry.block);
                removed.push_front(entry);
            }
        }
        if self.hot.is_empty() {
            self.head = ancestor.clone();
            self.push(Entry { block: ancestor, state: None });
        } else {
            self.head = ancestor;
        }
        removed.into()
    }

    /// Gives the head's state back after a revert past the kept history.
    pub(crate) fn set_head_state(&mut self, state: State) {
        if let Some(entry) = self.hot.back_mut() {
            entry.state = Some(state);
        }
    }
}
