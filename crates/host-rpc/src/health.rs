//! What can be said of an endpoint.

use crate::{BreakerState, pool::Pool};
use bmn_primitives::{BlockRef, ChainId};
use std::{collections::BTreeMap, time::Duration};

/// What an endpoint is like right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// Scheme and host; the place in the list is added where two are alike.
    pub name: String,
    /// Its circuit breaker.
    pub state: BreakerState,
    /// How much longer it is left alone because of a rate limit.
    pub resting: Option<Duration>,
    /// Moving average of its answers.
    pub latency: Option<Duration>,
    /// The block it last named as its newest.
    pub head: Option<BlockRef>,
    /// Calls sent to it since the start, per method.
    pub calls: BTreeMap<&'static str, u64>,
    /// Failures since the start.
    pub failures: u64,
    /// Its last failure.
    pub last_failure: Option<String>,
    /// The chain it follows, where that is not the configured one; it is not used then.
    pub wrong_chain: Option<ChainId>,
    /// What it was found to accept.
    pub limits: LearntLimits,
}

/// Limits of an endpoint, learnt from its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearntLimits {
    /// Blocks in the next request for logs.
    pub log_span: u64,
    /// Most blocks in a request for logs, as the endpoint stated it.
    pub stated_log_span: Option<u64>,
    /// Calls in a batch.
    pub batch: usize,
    /// Methods it does not have.
    pub unsupported: Vec<&'static str>,
    /// Whether it names a finalized block; `None` before it was asked.
    pub finalized: Option<bool>,
    /// Whether `eth_call` obeys a block time; `None` before it was tried.
    pub block_time: Option<bool>,
}

impl Pool {
    /// Of every endpoint, in the configured order.
    pub(crate) fn states(&self) -> Vec<EndpointState> {
        let now = self.now();
        let state = |at: usize| {
            self.known(at, |known| EndpointState {
                name: self.name(at).to_owned(),
                state: known.breaker.state(now),
                resting: known.rests_until.checked_sub(now).filter(|rest| !rest.is_zero()),
                latency: known.latency,
                head: known.head,
                calls: known.calls.clone(),
                failures: known.failures,
                last_failure: known.last_failure.clone(),
                wrong_chain: known.chain.filter(|chain| *chain != self.chain),
                limits: LearntLimits {
                    log_span: known.range.span(),
                    stated_log_span: known.range.stated(),
                    batch: known.batch,
                    unsupported: known.unsupported.iter().copied().collect(),
                    finalized: known.finalized,
                    block_time: known.block_time,
                },
            })
        };
        (0..self.len()).map(state).collect()
    }

    /// Calls since the start, per method, to all endpoints together.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        let mut calls: BTreeMap<&'static str, u64> = BTreeMap::new();
        for at in 0..self.len() {
            self.known(at, |known| {
                for (method, count) in &known.calls {
                    let all = calls.entry(method).or_default();
                    *all = all.saturating_add(*count);
                }
            });
        }
        calls
    }
}
