//! Transactions that wait for a block.

use super::{SignedTx, execute::BlockBuilder, state::State};
use alloy::{
    consensus::Transaction,
    primitives::{Address, B256},
};
use bmn_chain::SendRejection;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A replacement must raise both fees by this many percent.
const REPLACEMENT_RAISE_PERCENT: u128 = 10;

/// A waiting transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pooled {
    pub(crate) tx: Arc<SignedTx>,
    /// Order of arrival; decides among equal fees.
    pub(crate) arrival: u64,
    /// No block before this number may take it.
    pub(crate) held_until: Option<u64>,
}

/// What the pool takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admission {
    pub(crate) chain_id: u64,
    pub(crate) block_gas_limit: u64,
    pub(crate) min_fee: u128,
    pub(crate) limit: usize,
}

/// One transaction per sender and nonce, gaps allowed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    waiting: BTreeMap<(Address, u64), Pooled>,
    by_hash: BTreeMap<B256, (Address, u64)>,
    next_arrival: u64,
}

impl Pool {
    pub(crate) fn get(&self, hash: &B256) -> Option<&Pooled> {
        self.waiting.get(self.by_hash.get(hash)?)
    }

    pub(crate) fn contains(&self, hash: &B256) -> bool {
        self.by_hash.contains_key(hash)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pooled> {
        self.waiting.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The nonce after `next` and every waiting transaction that follows it without a gap.
    pub(crate) fn pending_nonce(&self, sender: Address, next: u64) -> u64 {
        let mut nonce = next;
        while self.waiting.contains_key(&(sender, nonce)) {
            nonce += 1;
        }
        nonce
    }

    /// Takes a new transaction.
    pub(crate) fn submit(
        &mut self,
        tx: Arc<SignedTx>,
        state: &State,
        admission: Admission,
    ) -> Result<(), SendRejection> {
        if self.by_hash.contains_key(&tx.hash()) {
            return Err(SendRejection::AlreadyKnown);
        }
        if let Some(reason) = tx.never_executable(admission.chain_id, admission.block_gas_limit) {
            return Err(reason);
        }
        if tx.nonce() < state.nonce(&tx.sender()) {
            return Err(SendRejection::NonceTooLow);
        }
        if tx.envelope().max_fee_per_gas() < admission.min_fee {
            return Err(SendRejection::Underpriced);
        }
        if tx.max_cost() > state.balance(&tx.sender()) {
            return Err(SendRejection::InsufficientFunds);
        }
        match self.waiting.get(&(tx.sender(), tx.nonce())) {
            Some(old) if !outbids(&tx, &old.tx) => Err(SendRejection::ReplacementUnderpriced),
            None if self.len() >= admission.limit => {
                Err(SendRejection::Other(format!("the pool is full ({})", admission.limit)))
            }
            _ => {
                self.put(tx);
                Ok(())
            }
        }
    }

    /// Puts the transaction in, in place of any other with its sender and nonce.
    pub(crate) fn put(&mut self, tx: Arc<SignedTx>) {
        let arrival = self.next_arrival;
        self.restore(Pooled { tx, arrival, held_until: None });
    }

    /// Puts a transaction of a reverted block back, unless the pool has one in its place.
    pub(crate) fn put_back(&mut self, tx: &Arc<SignedTx>) {
        if !self.waiting.contains_key(&(tx.sender(), tx.nonce())) {
            self.put(tx.clone());
        }
    }

    pub(crate) fn restore(&mut self, pooled: Pooled) {
        self.next_arrival = self.next_arrival.max(pooled.arrival + 1);
        let key = (pooled.tx.sender(), pooled.tx.nonce());
        self.by_hash.insert(pooled.tx.hash(), key);
        if let Some(old) = self.waiting.insert(key, pooled) {
            let stays = self.waiting.get(&key).is_some_and(|new| new.tx.hash() == old.tx.hash());
            if !stays {
                self.by_hash.remove(&old.tx.hash());
            }
        }
    }

    /// Forgets a transaction; false when it was not there.
    pub(crate) fn remove(&mut self, hash: &B256) -> bool {
        let Some(key) = self.by_hash.remove(hash) else { return false };
        self.waiting.remove(&key).is_some()
    }

    /// Keeps a transaction out of blocks before `until_block`; false when it is not there.
    pub(crate) fn hold(&mut self, hash: &B256, until_block: u64) -> bool {
        let pooled = self.by_hash.get(hash).and_then(|key| self.waiting.get_mut(key));
        pooled.map(|pooled| pooled.held_until = Some(until_block)).is_some()
    }

    /// Forgets every transaction whose nonce is used.
    pub(crate) fn drop_stale(&mut self, state: &State) {
        let mut stale = Vec::new();
        let mut next = None;
        for ((sender, nonce), pooled) in &self.waiting {
            let used = match next {
                Some((known, used)) if known == *sender => used,
                _ => state.nonce(sender),
            };
            next = Some((*sender, used));
            if *nonce < used {
                stale.push(pooled.tx.hash());
            }
        }
        for hash in stale {
            self.remove(&hash);
        }
    }

    /// Whether some transaction could go into block `number` now.
    pub(crate) fn has_ready(&self, state: &State, number: u64, base_fee: u64) -> bool {
        self.waiting.keys().any(|(sender, nonce)| {
            *nonce == state.nonce(sender)
                && self.candidate(*sender, *nonce, number, base_fee).is_some()
        })
    }

    /// Moves into the block what fits, best tip first, each sender's in nonce order.
    pub(crate) fn fill(&mut self, block: &mut BlockBuilder, number: u64, base_fee: u64) {
        let mut ready = BTreeSet::new();
        let senders: BTreeSet<Address> = self.waiting.keys().map(|(sender, _)| *sender).collect();
        for sender in senders {
            ready.extend(self.candidate(sender, block.nonce(&sender), number, base_fee));
        }
        while let Some((_, _, sender, nonce)) = ready.pop_first() {
            let Some(pooled) = self.waiting.get(&(sender, nonce)) else { continue };
            let tx = pooled.tx.clone();
            // A transaction that does not fit now waits, and its sender's later ones with it.
            if block.execute(&tx).is_ok() {
                self.remove(&tx.hash());
                ready.extend(self.candidate(sender, block.nonce(&sender), number, base_fee));
            }
        }
    }

    fn candidate(
        &self,
        sender: Address,
        nonce: u64,
        number: u64,
        base_fee: u64,
    ) -> Option<(Reverse<u128>, u64, Address, u64)> {
        let pooled = self.waiting.get(&(sender, nonce))?;
        if pooled.held_until.is_some_and(|until| number < until) {
            return None;
        }
        let tip = pooled.tx.envelope().effective_tip_per_gas(base_fee)?;
        Some((Reverse(tip), pooled.arrival, sender, nonce))
    }
}

fn outbids(new: &SignedTx, old: &SignedTx) -> bool {
    let raised = |new: u128, old: u128| {
        let step = old.saturating_mul(REPLACEMENT_RAISE_PERCENT).div_ceil(100);
        new >= old.saturating_add(step) && new > old
    };
    let (new, old) = (new.envelope(), old.envelope());
    raised(new.max_fee_per_gas(), old.max_fee_per_gas())
        && raised(new.priority_fee_or_price(), old.priority_fee_or_price())
}
