//! The newest blocks, as the node's notifications told them, with the logs that can matter.
//!
//! Bounded in blocks and in bytes. It is a short cut and nothing more: what it lacks is read from the
//! node's database, so it may forget anything at any time.

use bmn_chain::{Block, ChainLog};
use std::collections::VecDeque;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Blocks: 256, more than an hour of a chain with blocks every 12 s and deeper than any reorg that its
    /// finality allows.
    pub blocks: usize,
    /// Bytes of these blocks and their logs: 16 MiB.
    pub bytes: usize,
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self { blocks: 256, bytes: 16 << 20 }
    }
}

/// One step of the chain as a notification tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These blocks joined the chain, oldest first. Of a long run only the newest may be here.
    Commit(Vec<Block>),
    /// Every block from this number on left the chain.
    Revert(u64),
}

/// A contiguous run of the newest blocks.
#[derive(Debug, Clone)]
pub struct Window {
    limits: WindowLimits,
    blocks: VecDeque<Block>,
    bytes: usize,
}

impl Window {
    /// Nothing yet.
    pub const fn new(limits: WindowLimits) -> Self {
        Self { limits, blocks: VecDeque::new(), bytes: 0 }
    }

    /// Takes a step.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Commit(blocks) => blocks.into_iter().for_each(|block| self.push(block)),
            Change::Revert(from) => self.revert(from),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.bytes = 0;
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// What the blocks take, bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    /// At most `most` blocks on top of the one with this number and hash; empty when it is not known what
    /// follows it.
    pub fn after(&self, number: u64, hash: alloy::primitives::B256, most: usize) -> Vec<Block> {
        let next = number.checked_add(1);
        let first = self.blocks.front().map(|block| block.header.number);
        let place = next.zip(first).and_then(|(next, first)| next.checked_sub(first));
        let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else {
            return vec![];
        };
        match self.blocks.get(place) {
            Some(block) if block.header.parent_hash == hash => {
                self.blocks.range(place..).take(most).cloned().collect()
            }
            _ => vec![],
        }
    }

    fn push(&mut self, block: Block) {
        if let Some(tip) = self.blocks.back() {
            let (tip, next) = (&tip.header, &block.header);
            if tip.hash == next.hash {
                return;
            }
            if tip.hash != next.parent_hash || tip.number.checked_add(1) != Some(next.number) {
                self.clear();
            }
        }
        self.bytes = self.bytes.saturating_add(weight(&block));
        self.blocks.push_back(block);
        while self.blocks.len() > self.limits.blocks || self.bytes > self.limits.bytes {
            let Some(oldest) = self.blocks.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(weight(&oldest));
        }
    }

    fn revert(&mut self, from: u64) {
        while let Some(tip) = self.blocks.back()
            && tip.header.number >= from
        {
            let gone = weight(tip);
            self.bytes = self.bytes.saturating_sub(gone);
            self.blocks.pop_back();
        }
    }
}

/// Bytes that a block takes in memory, about.
pub fn weight(block: &Block) -> usize {
    let log = |log: &ChainLog| {
        size_of::<ChainLog>()
            + log.topics.len() * size_of::<alloy::primitives::B256>()
            + log.data.len()
    };
    size_of::<Block>() + block.logs.iter().map(log).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{block, with_logs};
    use proptest::prelude::*;

    const SMALL: WindowLimits = WindowLimits { blocks: 5, bytes: 1 << 20 };

    fn numbers(window: &Window) -> Vec<u64> {
        window.blocks().map(|block| block.header.number).collect()
    }

    #[test]
    fn the_oldest_goes_when_a_new_one_comes() {
        let mut window = Window::new(SMALL);
        window.apply(Change::Commit((1..=8).map(|number| block(number, 0)).collect()));
        assert_eq!(numbers(&window), [4, 5, 6, 7, 8]);
        let base = block(6, 0).header;
        let after = window.after(6, base.hash, 9);
        assert_eq!(after, [block(7, 0), block(8, 0)]);
        assert_eq!(window.after(6, base.hash, 1).len(), 1);
        assert!(window.after(8, block(8, 0).header.hash, 9).is_empty(), "nothing newer is known");
        assert!(window.after(2, block(2, 0).header.hash, 9).is_empty(), "too old");
        assert!(window.after(6, block(6, 1).header.hash, 9).is_empty(), "of another fork");
        assert!(window.after(u64::MAX, base.hash, 9).is_empty());
    }

    #[test]
    fn a_block_that_does_not_attach_begins_anew() {
        let mut window = Window::new(SMALL);
        window.apply(Change::Commit(vec![block(1, 0), block(2, 0)]));
        window.apply(Change::Commit(vec![block(2, 0)]));
        assert_eq!(numbers(&window), [1, 2], "told twice");
        window.apply(Change::Commit(vec![block(4, 0)]));
        assert_eq!(numbers(&window), [4]);
        window.apply(Change::Commit(vec![block(5, 1)]));
        assert_eq!(numbers(&window), [5], "its parent is of another fork");
    }

    #[test]
    fn a_reorg_takes_the_tail() {
        let mut window = Window::new(SMALL);
        window.apply(Change::Commit((1..=4).map(|number| block(number, 0)).collect()));
        window.apply(Change::Revert(3));
        assert_eq!(numbers(&window), [1, 2]);
        window.apply(Change::Revert(9));
        assert_eq!(numbers(&window), [1, 2]);
        window.apply(Change::Revert(0));
        assert!(window.is_empty());
        assert_eq!(window.bytes(), 0);
    }

    #[test]
    fn a_block_larger_than_the_window_is_not_kept() {
        let limits = WindowLimits { blocks: 5, bytes: 10_000 };
        let mut window = Window::new(limits);
        window.apply(Change::Commit(vec![block(1, 0), with_logs(block(2, 0), 200)]));
        assert!(window.is_empty());
        window.apply(Change::Commit(vec![block(3, 0)]));
        assert_eq!(numbers(&window), [3]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Grow { count: u64, logs: usize },
        Reorg { depth: u64, count: u64 },
        Gap,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let grow = (1u64..7, 0usize..9).prop_map(|(count, logs)| Step::Grow { count, logs });
        let reorg = (1u64..9, 0u64..9).prop_map(|(depth, count)| Step::Reorg { depth, count });
        prop::collection::vec(prop_oneof![4 => grow, 2 => reorg, 1 => Just(Step::Gap)], 1..40)
    }

    proptest! {
        // Whatever happens it is contiguous, within its bounds, and a suffix of the chain it was told of.
        #[test]
        fn it_is_always_the_end_of_the_told_chain(steps in steps(), bytes in 500usize..40_000) {
            let limits = WindowLimits { blocks: 12, bytes };
            let mut window = Window::new(limits);
            let mut chain: Vec<Block> = vec![];
            let mut fork = 0;
            for step in steps {
                let (depth, count, logs, skip) = match step {
                    Step::Grow { count, logs } => (0, count, logs, 0),
                    Step::Reorg { depth, count } => (depth, count, 1, 0),
                    Step::Gap => (0, 3, 0, 1),
                };
                if depth > 0 {
                    let kept = chain.len().saturating_sub(depth as usize);
                    chain.truncate(kept);
                    fork += 1;
                    window.apply(Change::Revert(kept as u64 + 1));
                }
                let mut added = vec![];
                for _ in 0..count {
                    let number = chain.len() as u64 + 1;
                    let mut next = with_logs(block(number, fork), logs);
                    if let Some(tip) = chain.last() {
                        next.header.parent_hash = tip.header.hash;
                    }
                    chain.push(next.clone());
                    added.push(next);
                }
                window.apply(Change::Commit(added.split_off(skip.min(added.len()))));
                let held: Vec<Block> = window.blocks().cloned().collect();
                prop_assert!(chain.ends_with(&held));
                prop_assert!(window.len() <= limits.blocks && window.bytes() <= limits.bytes);
                prop_assert_eq!(window.bytes(), held.iter().map(weight).sum::<usize>());
                for (place, base) in held.iter().enumerate() {
                    let after = window.after(base.header.number, base.header.hash, usize::MAX);
                    prop_assert_eq!(&after[..], &held[place + 1..]);
                }
            }
        }
    }
}
