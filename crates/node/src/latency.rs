//! How long a due action waits until its signed transaction is accepted.

use bmn_swap::ActionKey;
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};

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

    /// All samples, oldest first.
    pub fn samples(&self) -> Vec<Duration> {
        self.0.lock().samples.iter().copied().collect()
    }
}
