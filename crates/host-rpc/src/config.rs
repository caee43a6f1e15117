//! What to follow, through which nodes, within which limits.

use crate::{Endpoint, PrivateSends};
use alloy::primitives::{Address, B256, Bloom, BloomInput};
use bmn_chain::ChainLog;
use bmn_primitives::ChainId;
use std::time::Duration;

/// Logs that can matter: those of `addresses`, and those of anybody whose first topic is one of
/// `topics_anywhere`. Two empty lists select every log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSelection {
    /// Contracts whose every log is wanted.
    pub addresses: Vec<Address>,
    /// Event signatures that are wanted whoever emits them.
    pub topics_anywhere: Vec<B256>,
}

impl LogSelection {
    /// Whether every log is wanted.
    pub const fn is_everything(&self) -> bool {
        self.addresses.is_empty() && self.topics_anywhere.is_empty()
    }

    /// Whether this log is wanted.
    pub fn matches(&self, log: &ChainLog) -> bool {
        let topic = || log.topics.first().is_some_and(|it| self.topics_anywhere.contains(it));
        self.is_everything() || self.addresses.contains(&log.address) || topic()
    }

    /// Whether a block with this bloom can hold a log that is wanted.
    pub fn may_match(&self, bloom: &Bloom) -> bool {
        if self.is_everything() {
            return !bloom.is_zero();
        }
        let holds = |raw: &[u8]| bloom.contains_input(BloomInput::Raw(raw));
        self.addresses.iter().any(|it| holds(it.as_slice()))
            || self.topics_anywhere.iter().any(|it| holds(it.as_slice()))
    }
}

/// One chain and the nodes it is followed through.
#[derive(Debug, Clone)]
pub struct RpcConfig {
    /// The chain; a node of another chain is refused.
    pub chain_id: ChainId,
    /// Nodes, the preferred one first. At least one.
    pub endpoints: Vec<Endpoint>,
    /// Where transactions are sent instead of to the nodes; `None`: to the nodes.
    pub private: Option<PrivateSends>,
    /// First block to read.
    pub start_block: u64,
    /// Where a node knows no `finalized` block: blocks below the head that count as final.
    pub finality_depth: u64,
    /// Which logs to read.
    pub filter: LogSelection,
    /// Hosts that must say the same before it is believed; 1 = off. Endpoints of one host (its
    /// WebSocket and its HTTP address, say) are one.
    pub agreement: usize,
    /// Bounds of everything.
    pub limits: Limits,
    /// How often the head is asked for where no subscription tells.
    pub poll: Duration,
}

/// Bounds. [`Limits::default`] suits public endpoints; each field names its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for an answer: 10 s.
    pub request_timeout: Duration,
    /// Longest wait for logs and receipts: 30 s.
    pub log_timeout: Duration,
    /// Largest answer read, bytes: 32 MiB.
    pub max_response_bytes: usize,
    /// Most calls in one batch: 50. A node that refuses batches gets single calls.
    pub max_batch: usize,
    /// Blocks in the first request for logs: 2000.
    pub initial_log_range: u64,
    /// Most blocks in a request for logs: 100 000.
    pub max_log_range: u64,
    /// Most addresses or topics in one log filter: 200; more are split.
    pub max_filter_items: usize,
    /// Log filters per block from which `eth_getBlockReceipts` is cheaper: 4.
    pub max_log_filters: usize,
    /// Final blocks ahead of the cursor from which sparse history is read: 64.
    pub backfill_distance: u64,
    /// Most blocks read in full at once: 64.
    pub max_segment: usize,
    /// Deepest reorg followed, blocks: 10 000. `KnownBlocks` bounds it further.
    pub max_reorg: usize,
    /// Times every endpoint is tried before an error is given back: 3.
    pub rounds: u32,
    /// Wait before the second round, doubled for each further one: 250 ms.
    pub backoff: Duration,
    /// Longest wait between rounds, and longest wait for an endpoint that rests: 5 s.
    pub max_backoff: Duration,
    /// Consecutive failures that open an endpoint's breaker: 5.
    pub breaker_threshold: u32,
    /// How long an open breaker keeps an endpoint out: 15 s.
    pub breaker_cooldown: Duration,
    /// Rest after a rate limit that names no time, doubled while it lasts: 1 s.
    pub rest: Duration,
    /// Longest rest, also of those that a node asks for: 60 s.
    pub max_rest: Duration,
    /// How long a head below our cursor, on our own chain, counts as a node that lags: 12 s. After
    /// that the blocks above it are reported as reverted.
    pub lag_patience: Duration,
    /// How long an agreement waits for nodes that say something else yet: 4 s.
    pub agreement_wait: Duration,
    /// Pause between two questions of an agreement: 500 ms.
    pub agreement_poll: Duration,
    /// Silence of a subscription after which the head is asked for all the same, and of the chain
    /// after which every endpoint is asked: 15 s.
    pub quiet: Duration,
    /// How often every endpoint's chain, head and latency are looked at: 60 s.
    pub probe: Duration,
    /// Of how many ranges of sparse history one is read from another host, too, and compared; used
    /// where `agreement` is off: 16. 0 = none.
    pub audit_every: u64,
    /// Seed of the jitter; `None`, the default, draws one per process.
    pub jitter_seed: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            request_timeout: secs(10),
            log_timeout: secs(30),
            max_response_bytes: 32 << 20,
            max_batch: 50,
            initial_log_range: 2_000,
            max_log_range: 100_000,
            max_filter_items: 200,
            max_log_filters: 4,
            backfill_distance: 64,
            max_segment: 64,
            max_reorg: 10_000,
            rounds: 3,
            backoff: Duration::from_millis(250),
            max_backoff: secs(5),
            breaker_threshold: 5,
            breaker_cooldown: secs(15),
            rest: secs(1),
            max_rest: secs(60),
            lag_patience: secs(12),
            agreement_wait: secs(4),
            agreement_poll: Duration::from_millis(500),
            quiet: secs(15),
            probe: secs(60),
            audit_every: 16,
            jitter_seed: None,
        }
    }
}
