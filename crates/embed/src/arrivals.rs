//! How long a block that was notified takes to become durable with us.

use crate::window::Change;
use alloy::primitives::B256;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Notified blocks that are not durable yet, oldest first. Of more than `most` the oldest are forgotten.
#[derive(Debug)]
pub(crate) struct Arrivals {
    blocks: VecDeque<Arrival>,
    most: usize,
}

#[derive(Debug)]
struct Arrival {
    number: u64,
    hash: B256,
    at: Instant,
}

impl Arrivals {
    pub(crate) const fn new(most: usize) -> Self {
        Self { blocks: VecDeque::new(), most }
    }

    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// A notification that came at `at` tells this.
    pub(crate) fn note(&mut self, change: &Change, at: Instant) {
        match change {
            Change::Revert(from) => self.blocks.retain(|block| block.number < *from),
            Change::Commit(blocks) => {
                let headers = blocks.iter().map(|block| &block.header);
                self.blocks.extend(headers.map(|it| Arrival {
                    number: it.number,
                    hash: it.hash,
                    at,
                }));
            }
        }
        while self.blocks.len() > self.most {
            self.blocks.pop_front();
        }
    }

    /// The chain is durable up to this block: how long each that is new took. Nothing when the block was not
    /// notified, or was told before.
    pub(crate) fn durable(&mut self, (number, hash): (u64, B256), now: Instant) -> Vec<Duration> {
        if !self.blocks.iter().any(|block| block.hash == hash) {
            return vec![];
        }
        let (done, rest): (VecDeque<_>, _) =
            self.blocks.drain(..).partition(|block| block.number <= number);
        self.blocks = rest;
        done.iter().map(|block| now.duration_since(block.at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block;

    fn commit(numbers: std::ops::RangeInclusive<u64>) -> Change {
        Change::Commit(numbers.map(|number| block(number, 0)).collect())
    }

    fn at(number: u64) -> (u64, B256) {
        (number, block(number, 0).header.hash)
    }

    #[test]
    fn each_block_is_told_once_and_from_its_own_notification_on() {
        let (mut arrivals, began) = (Arrivals::new(9), Instant::now());
        let after = |seconds| began + Duration::from_secs(seconds);
        arrivals.note(&commit(1..=2), after(0));
        arrivals.note(&commit(3..=4), after(5));
        let told = arrivals.durable(at(3), after(6));
        assert_eq!(told, [6, 6, 1].map(Duration::from_secs));
        assert!(arrivals.durable(at(3), after(7)).is_empty(), "told before");
        assert!(arrivals.durable(at(9), after(7)).is_empty(), "never notified");
        assert_eq!(arrivals.durable(at(4), after(9)), [Duration::from_secs(4)]);
    }

    #[test]
    fn what_left_the_chain_and_what_is_too_old_is_not_told() {
        let (mut arrivals, now) = (Arrivals::new(3), Instant::now());
        arrivals.note(&commit(1..=3), now);
        arrivals.note(&Change::Revert(2), now);
        assert!(arrivals.durable(at(2), now).is_empty());
        arrivals.note(&commit(2..=5), now);
        assert_eq!(arrivals.durable(at(5), now).len(), 3);
    }
}
