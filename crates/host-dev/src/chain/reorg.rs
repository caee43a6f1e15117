//! Replacing the newest blocks.

use super::{
    Chain, ChainUpdate, Change, MinedBlock, SignedTx, Tip,
    blocks::Entry,
    execute::{BlockBuilder, Unfit},
    mine::check_time,
    state::Cheat,
};
use crate::DevChainError;
use alloy::primitives::{Address, B256, Bytes};
use bmn_primitives::BlockRef;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Blocks by which a replacement may be longer than what it replaces.
const EXCESS_LIMIT: u64 = 1024;

/// What takes the place of reverted blocks. By default as many blocks with the same transactions
/// at the same times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replacement {
    /// Number of new blocks; the depth when `None`. Transactions of an old block that has no
    /// counterpart go back to the pool.
    pub length: Option<u64>,
    /// Timestamps of the new blocks.
    pub times: ReplacementTimes,
    /// Transactions that vanish. Later ones of the same sender cannot run any more and go back to
    /// the pool.
    pub drop: BTreeSet<B256>,
    /// Transactions that go back to the pool and are open to the next block.
    pub delay: BTreeSet<B256>,
    /// Seed of a shuffle over all reverted blocks that keeps each sender's nonce order.
    pub reorder: Option<u64>,
    /// Raw transactions that come first in the first new block. One of them may take the nonce of
    /// an old transaction, which is then gone for ever.
    pub extra: Vec<Bytes>,
}

/// Timestamps of replacement blocks, unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReplacementTimes {
    /// Those of the old blocks; further blocks follow at the chain's block time.
    #[default]
    Keep,
    /// Those of the old blocks plus so many seconds, at least one after the parent.
    Shift(i64),
    /// Exactly these, one for each new block, rising.
    Exact(Vec<u64>),
}

/// What a reorg did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reorg {
    /// Blocks that left the chain, newest first.
    pub reverted: Vec<BlockRef>,
    /// Blocks that took their place, oldest first.
    pub committed: Vec<BlockRef>,
    /// Transactions of reverted blocks that are in the pool now.
    pub returned: Vec<B256>,
}

/// Transactions of the old blocks, by the replacement block they belong to.
type Schedule = Vec<Vec<Arc<SignedTx>>>;

impl Chain {
    pub(crate) fn reorg(
        &mut self,
        depth: u64,
        replacement: &Replacement,
    ) -> Result<(Reorg, ChainUpdate), DevChainError> {
        let (ancestor, old) = self.reverting(depth)?;
        let length = check_length(depth, replacement)?;
        let times = self.times(&ancestor, &old, length, &replacement.times)?;
        let extra = decode_extra(&replacement.extra)?;
        let mut tip = self.tip.clone();
        tip.fork += 1;
        tip.next_base_fee = None;
        let mut schedule = schedule(&old, replacement);
        let unscheduled = schedule.split_off(length.min(schedule.len()));
        if let Some(first) = schedule.first_mut() {
            first.splice(0..0, extra);
        }
        let cheats = old.iter().flat_map(|block| block.cheats.clone()).collect();
        let (appended, waiting) = self.rebuild(&ancestor, &times, schedule, cheats, &tip)?;
        let delayed = old.iter().flat_map(|block| &block.txs);
        let delayed = delayed.filter(|tx| replacement.delay.contains(&tx.hash()));
        let back: Vec<_> =
            waiting.iter().chain(unscheduled.iter().flatten()).chain(delayed).cloned().collect();
        self.settle(&mut tip, &ancestor, &appended, &old, &back)?;
        let update = self.commit(Change { ancestor, appended, tip })?;
        Ok((self.report(&update, &back), update))
    }

    /// Takes `depth` blocks back; their transactions go to the pool.
    pub(crate) fn revert_blocks(
        &mut self,
        depth: u64,
    ) -> Result<(Reorg, ChainUpdate), DevChainError> {
        let (ancestor, old) = self.reverting(depth)?;
        let mut tip = self.tip.clone();
        tip.fork += 1;
        tip.next_base_fee = None;
        let back: Vec<_> = old.iter().flat_map(|block| block.txs.clone()).collect();
        self.settle(&mut tip, &ancestor, &[], &old, &back)?;
        let update = self.commit(Change { ancestor, appended: Vec::new(), tip })?;
        Ok((self.report(&update, &back), update))
    }

    /// The newest block that stays and the ones that go, oldest first.
    fn reverting(
        &self,
        depth: u64,
    ) -> Result<(Arc<MinedBlock>, Vec<Arc<MinedBlock>>), DevChainError> {
        let head = self.blocks.head_number();
        let floor = self.tip.finalized.max(self.blocks.oldest_state());
        let available = head.saturating_sub(floor);
        let too_deep = DevChainError::TooDeep { depth, head, available };
        if depth == 0 || depth > available {
            return Err(too_deep);
        }
        let mut old = Vec::new();
        for number in head - depth + 1..=head {
            old.extend(self.blocks.at(number)?);
        }
        match self.blocks.at(head - depth)? {
            Some(ancestor) => Ok((ancestor, old)),
            None => Err(too_deep),
        }
    }

    fn times(
        &self,
        ancestor: &MinedBlock,
        old: &[Arc<MinedBlock>],
        length: usize,
        times: &ReplacementTimes,
    ) -> Result<Vec<u64>, DevChainError> {
        if let ReplacementTimes::Exact(exact) = times {
            if exact.len() != length {
                let reason = format!("{} timestamps for {length} blocks", exact.len());
                return Err(DevChainError::InvalidReplacement { reason });
            }
            return Ok(exact.clone());
        }
        let mut parent = ancestor.header.timestamp;
        let mut result = Vec::new();
        for index in 0..length {
            let kept = old.get(index).map(|block| block.header.timestamp);
            let time = match (kept, times) {
                (Some(kept), ReplacementTimes::Shift(by)) => kept.saturating_add_signed(*by),
                (Some(kept), _) => kept,
                (None, _) => parent.saturating_add(self.config.block_time),
            };
            parent = time.max(parent.saturating_add(1));
            result.push(parent);
        }
        Ok(result)
    }

    /// Builds the new blocks; what did not fit any of them is returned.
    fn rebuild(
        &self,
        ancestor: &Arc<MinedBlock>,
        times: &[u64],
        schedule: Schedule,
        mut cheats: Vec<Cheat>,
        tip: &Tip,
    ) -> Result<(Vec<Entry>, Vec<Arc<SignedTx>>), DevChainError> {
        let number = ancestor.header.number;
        let history = self.config.history;
        let state = self.blocks.state_at(number).cloned();
        let mut state = state.ok_or(DevChainError::NoState { number, history })?;
        let mut hashes = self.blocks.hashes(number)?;
        let mut parent = ancestor.clone();
        let mut entries = Vec::new();
        let mut waiting: Vec<Arc<SignedTx>> = Vec::new();
        let mut schedule = schedule.into_iter();
        for time in times {
            check_time(&parent, *time)?;
            let template = self.template_after(&parent, *time, tip.fork);
            let cheats = std::mem::take(&mut cheats);
            let mut builder = BlockBuilder::new(template, state, cheats, hashes.clone());
            waiting.extend(schedule.next().unwrap_or_default());
            waiting.retain(|tx| builder.execute(tx) == Err(Unfit::NotYet));
            let (block, after) = builder.finish();
            Arc::make_mut(&mut hashes).insert(block.header.number, block.hash);
            parent = block.clone();
            state = after;
            entries.push(Entry { block, state: Some(state.clone()) });
        }
        Ok((entries, waiting))
    }

    /// Makes the tip fit the new head: state, cheats of reverted blocks, pool.
    fn settle(
        &self,
        tip: &mut Tip,
        ancestor: &MinedBlock,
        appended: &[Entry],
        old: &[Arc<MinedBlock>],
        back: &[Arc<SignedTx>],
    ) -> Result<(), DevChainError> {
        let number = ancestor.header.number;
        let kept = match appended.last() {
            Some(entry) => entry.state.as_ref(),
            None => self.blocks.state_at(number),
        };
        let missing = DevChainError::NoState { number, history: self.config.history };
        tip.state = kept.cloned().ok_or(missing)?;
        if appended.is_empty() {
            let reverted = old.iter().flat_map(|block| block.cheats.clone());
            tip.cheats.splice(0..0, reverted);
        }
        for cheat in &tip.cheats {
            tip.state.apply_cheat(cheat);
        }
        let head = appended.last().map_or(ancestor, |entry| &entry.block);
        tip.next_time = tip.next_time.filter(|time| *time > head.header.timestamp);
        for tx in back {
            tip.pool.put_back(tx);
        }
        for tx in appended.iter().flat_map(|entry| &entry.block.txs) {
            tip.pool.remove(&tx.hash());
        }
        tip.pool.drop_stale(&tip.state);
        Ok(())
    }

    fn report(&self, update: &ChainUpdate, back: &[Arc<SignedTx>]) -> Reorg {
        let pooled = back.iter().map(|tx| tx.hash()).filter(|hash| self.tip.pool.contains(hash));
        Reorg {
            reverted: update.reverted.iter().map(|block| block.block_ref()).collect(),
            committed: update.committed.iter().map(|block| block.block_ref()).collect(),
            returned: pooled.collect(),
        }
    }
}

fn check_length(depth: u64, replacement: &Replacement) -> Result<usize, DevChainError> {
    let length = replacement.length.unwrap_or(depth);
    let invalid = |reason| Err(DevChainError::InvalidReplacement { reason });
    if length > depth.saturating_add(EXCESS_LIMIT) {
        return invalid(format!("{length} blocks for {depth}; at most {EXCESS_LIMIT} more"));
    }
    if length == 0 && !replacement.extra.is_empty() {
        return invalid("extra transactions need a block".to_owned());
    }
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

fn decode_extra(raw: &[Bytes]) -> Result<Vec<Arc<SignedTx>>, DevChainError> {
    let decode = |raw| {
        SignedTx::decode(raw).map(Arc::new).map_err(|error| DevChainError::InvalidReplacement {
            reason: format!("an extra transaction is {error}"),
        })
    };
    raw.iter().map(decode).collect()
}

/// The old transactions without dropped and delayed ones, shuffled when asked; one list for each
/// old block.
fn schedule(old: &[Arc<MinedBlock>], replacement: &Replacement) -> Schedule {
    let stays = |tx: &&Arc<SignedTx>| {
        !replacement.drop.contains(&tx.hash()) && !replacement.delay.contains(&tx.hash())
    };
    let mut schedule: Schedule =
        old.iter().map(|block| block.txs.iter().filter(stays).cloned().collect()).collect();
    if let Some(seed) = replacement.reorder {
        shuffle(&mut schedule, seed);
    }
    schedule
}

/// Shuffles whose turn it is, then lets each sender play its transactions in their old order.
fn shuffle(schedule: &mut Schedule, seed: u64) {
    let mut queues: BTreeMap<Address, VecDeque<Arc<SignedTx>>> = BTreeMap::new();
    let mut turns = Vec::new();
    for tx in schedule.iter().flatten() {
        queues.entry(tx.sender()).or_default().push_back(tx.clone());
        turns.push(tx.sender());
    }
    let mut state = seed;
    for last in (1..turns.len()).rev() {
        let pick = split_mix(&mut state) % (last as u64 + 1);
        turns.swap(last, usize::try_from(pick).unwrap_or(last));
    }
    let mut turns = turns.into_iter();
    for slot in schedule.iter_mut().flatten() {
        let sender = turns.next();
        if let Some(tx) = sender.and_then(|sender| queues.get_mut(&sender)?.pop_front()) {
            *slot = tx;
        }
    }
}

/// SplitMix64: small, seeded, and the same on every machine.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
