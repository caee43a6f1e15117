//! The canonical chain: newest blocks in memory, older ones in the store where there is one.

use super::{
    DevChainConfig, MinedBlock,
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
pub(crate) const BLOCKHASH_DEPTH: u64 = 256;

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
    /// Hashes of the newest blocks, which outlive their blocks.
    hashes: BTreeMap<u64, B256>,
    /// Block 0, which names the chain and is always kept; with a store it is there.
    genesis: Option<Arc<MinedBlock>>,
    store: Option<Arc<Store>>,
    history: u64,
    keep: Option<u64>,
}

/// What a chain in memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of their transactions, receipts and logs, roughly.
    pub bytes: u64,
    /// States.
    pub states: u64,
}

impl Blocks {
    /// A chain whose oldest block in memory is `first`.
    pub(crate) fn new(first: Entry, config: &DevChainConfig, store: Option<Arc<Store>>) -> Self {
        let mut blocks = Self {
            hashes: BTreeMap::new(),
            genesis: Some(first.block.clone()).filter(|block| block.header.number == 0),
            keep: config.kept_blocks(),
            hot: VecDeque::new(),
            head: first.block.clone(),
            by_hash: BTreeMap::new(),
            txs: BTreeMap::new(),
            store,
            history: config.history,
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
        if let Some(entry) = self.hot(number) {
            return Ok(Some(entry.block.clone()));
        }
        let kept = match &self.store {
            Some(store) => store.block(number)?.map(Arc::new),
            None => self.genesis.clone().filter(|_| number == 0),
        };
        match kept {
            Some(block) => Ok(Some(block)),
            None => Err(DevChainError::Pruned { number, oldest: self.oldest()? }),
        }
    }

    /// Number of the oldest block that is kept, block 0 apart.
    fn oldest(&self) -> Result<u64, DevChainError> {
        match &self.store {
            Some(store) => store.oldest(),
            None => Ok(self.base()),
        }
    }

    pub(crate) fn footprint(&self) -> Footprint {
        let bytes = self.hot.iter().map(|entry| entry.block.footprint()).sum();
        let states = self.hot.iter().filter(|entry| entry.state.is_some()).count();
        Footprint { blocks: self.hot.len() as u64, bytes, states: states as u64 }
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
            let hash = match self.hashes.get(&number) {
                Some(hash) => Some(*hash),
                None => self.at(number)?.map(|block| block.hash),
            };
            hashes.extend(hash.map(|hash| (number, hash)));
        }
        Ok(Arc::new(hashes))
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        let block = entry.block.clone();
        self.by_hash.insert(block.hash, block.header.number);
        self.hashes.insert(block.header.number, block.hash);
        // A reorg takes some of them back, so there are more than one block sees.
        let old = block.header.number.checked_sub(2 * BLOCKHASH_DEPTH + self.history);
        if let Some(old) = old {
            self.hashes.remove(&old);
        }
        for (index, tx) in block.txs.iter().enumerate() {
            self.txs.insert(tx.hash(), (block.header.number, index));
        }
        self.head = block;
        self.hot.push_back(entry);
        self.forget_old();
    }

    /// States past the history go; whole blocks too when the store has them.
    fn forget_old(&mut self) {
        let is_full = self.keep.is_some_and(|keep| self.hot.len() as u64 > keep);
        if is_full && let Some(entry) = self.hot.pop_front() {
            self.forget(&entry.block);
        }
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
                self.hashes.remove(&entry.block.header.number);
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
