//! Refused orders are kept for a while, so that a maker can ask why; then they go.

use crate::{IndexError, Indexer};
use bmn_primitives::{BlockRef, ChainId, ErrorClass, OrderHash, OrderId};
use bmn_store::{Reads, WriteTx};
use bmn_swap::Status;
use std::sync::PoisonError;

/// Refused orders of a chain that are looked at with one event: more than can be handed in meanwhile need
/// [`Retention::rows`](bmn_swap::Retention).
const LOOKED_AT: usize = 16;

impl Indexer {
    /// Forgets a few of the refused orders of a chain that are old enough, in turn. Answers how many.
    pub(crate) fn forget_refused(
        &self,
        tx: &mut WriteTx,
        chain: ChainId,
        tip: BlockRef,
    ) -> Result<u64, IndexError> {
        let rows = tx.orders_in(Status::Refused)?;
        // What a rebuild has not shown again may have an escrow.
        for route in &self.rules.routes {
            if !tx.cursor(route.chain)?.mode.is_current() {
                return Ok(0);
            }
        }
        let retention = self.rules.policy.limits.retention;
        let first = OrderId {
            chain,
            contract: Default::default(),
            hash: OrderHash(Default::default()),
            leaf: 0,
        };
        let mut places = self.forgotten_to.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(chain).or_insert(first);
        let page = tx.orders_by_status(Status::Refused, Some(*place), LOOKED_AT)?;
        let of_chain: Vec<_> = page.iter().take_while(|id| id.chain == chain).copied().collect();
        *place = of_chain.last().filter(|_| of_chain.len() == LOOKED_AT).copied().unwrap_or(first);
        drop(places);
        let mut forgotten = 0u64;
        for id in of_chain {
            let order = match tx.order(id) {
                Ok(Some(order)) => order,
                Ok(None) => continue,
                // Whoever asks for it is told; it must not keep blocks from being indexed.
                Err(error) if error.class() == ErrorClass::Corrupt => {
                    tracing::warn!(target: "bmn::indexer", order = %id, %error, "not readable, kept");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let age = tip.time.saturating_sub(order.seen_at.time);
            if retention.is_over(age, rows - forgotten) && tx.forget_refused(id)? {
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}
