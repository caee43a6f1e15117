//! Sending past the public pools.

use crate::{Endpoint, client::send_to, pool::Pool, quorum::Taken, quorum::first};
use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{B256, Bytes},
};
use bmn_chain::ChainError;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Where transactions are handed over instead of to the nodes, so that nobody sees them before they
/// are mined. Everything else is still asked of the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateSends {
    /// A node or relay that takes `eth_sendRawTransaction` and keeps it to itself, of the same chain.
    pub endpoint: Endpoint,
    /// Blocks after the first send of a nonce from which on it goes to the nodes as well; `None`:
    /// never. A relay that is down or drops transactions then costs the swap.
    pub fallback_after: Option<u64>,
}

/// Nonces whose first send is remembered.
const REMEMBERED: usize = 256;

/// The private endpoint of a chain.
pub(crate) struct Private {
    pool: Pool,
    fallback_after: Option<u64>,
    /// Head at the first send of a nonce; whatever its fee is by now, it has waited since.
    since: Mutex<BTreeMap<u64, u64>>,
}

impl Private {
    pub(crate) fn new(pool: Pool, fallback_after: Option<u64>) -> Self {
        Self { pool, fallback_after, since: Mutex::default() }
    }

    pub(crate) async fn send(&self, raw: &Bytes, hash: B256) -> Result<Taken, ChainError> {
        first(&self.pool, |at| send_to(&self.pool, at, raw, hash)).await
    }

    /// Whether its nonce has waited long enough, now that the chain is at block `head`.
    pub(crate) fn has_waited(&self, raw: &Bytes, head: u64) -> bool {
        let Some(most) = self.fallback_after else { return false };
        let Ok(tx) = TxEnvelope::decode_2718(&mut raw.as_ref()) else { return false };
        let mut since = self.since.lock();
        let first = *since.entry(tx.nonce()).or_insert(head);
        if since.len() > REMEMBERED {
            since.pop_first();
        }
        head.saturating_sub(first) >= most
    }
}
