//! How long a due action waits until its signed transaction is accepted.

use bmn_swap::ActionKey;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Samples kept; the oldest go first.
const KEPT: usize = 65_536;

/// What waited longer is dropped when there is no room.
const LONGEST: Duration = Duration::from_secs(600);

/// Measures from the event that made an action due to the acceptance of its transaction.
#[derive(Debug, Default)]
pub struct Latencies(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    since: HashMap<ActionKey, Duration>,
    samples: std::collections::VecDeque<Duration>,
}

impl Latencies {
    /// An action became ready because of something that arrived at `at`. Only the first time counts.
    pub fn ready(&self, key: ActionKey, at: Duration) {
        let mut inner = self.0.lock();
        // Jobs that were ready and then not wanted any more.
        if inner.since.len() >= KEPT {
            inner.since.retain(|_, since| at.saturating_sub(*since) < LONGEST);
        }
        if inner.since.len() < KEPT {
            inner.since.entry(key).or_insert(at);
        }
    }

    /// Its transaction was accepted.
    pub fn accepted(&self, key: &ActionKey, now: Duration) {
        let mut inner = self.0.lock();
        if let Some(since) = inner.since.remove(key) {
            if inner.samples.len() == KEPT {
                inner.samples.pop_front();
            }
            inner.samples.push_back(now.saturating_sub(since));
        }
    }

    /// It was not due after all, or not yet.
    pub fn withdrawn(&self, key: &ActionKey) {
        self.0.lock().since.remove(key);
    }

    /// What waits and is not among `ready`, the actions that are ready now: somebody works on it, or it is
    /// not due any more.
    pub fn waiting_beside(&self, ready: &HashSet<ActionKey>) -> Vec<ActionKey> {
        self.0.lock().since.keys().filter(|key| !ready.contains(key)).copied().collect()
    }

    /// All samples, oldest first.
    pub fn samples(&self) -> Vec<Duration> {
        self.0.lock().samples.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, B256};
    use bmn_primitives::{ChainId, OrderHash, OrderId};
    use bmn_swap::Action;

    fn key(leaf: u16) -> ActionKey {
        let order = OrderId {
            chain: ChainId(1),
            contract: Address::ZERO,
            hash: OrderHash(B256::ZERO),
            leaf,
        };
        ActionKey { chain: ChainId(1), order, action: Action::Fill, escrow: Address::ZERO }
    }

    #[test]
    fn what_was_not_due_for_a_while_counts_from_when_it_became_due_again() {
        let (latencies, second) = (Latencies::default(), Duration::from_secs);
        latencies.ready(key(1), second(1));
        latencies.ready(key(2), second(1));
        latencies.ready(key(2), second(4));
        assert_eq!(latencies.waiting_beside(&HashSet::from([key(2)])), [key(1)]);
        latencies.withdrawn(&key(1));
        latencies.ready(key(1), second(7));
        latencies.accepted(&key(1), second(9));
        latencies.accepted(&key(2), second(9));
        assert_eq!(latencies.samples(), [second(2), second(8)]);
    }
}
