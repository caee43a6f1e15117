//! What an event touched, to be resolved to orders after the fold.

use alloy::primitives::Address;
use bmn_contracts::ContractEvent;
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId, Secret, SwapId};
use bmn_store::{EventRow, Reads, StoreError};
use std::collections::BTreeSet;

/// Order hashes, hashlocks and escrows that changed, and direct source escrows that appeared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    order_hashes: BTreeSet<OrderHash>,
    hashlocks: BTreeSet<Hashlock>,
    escrows: BTreeSet<(ChainId, Address)>,
    /// Source escrows without a fill that name us as taker.
    pub direct: BTreeSet<SwapId>,
}

impl Touched {
    /// Notes an event, applied or reverted.
    pub fn event(&mut self, row: &EventRow) {
        if let Some(escrow) = row.escrow {
            self.escrows.insert((row.chain, escrow));
        }
        self.order_hashes.extend(row.event.order_hash());
        self.hashlocks.extend(row.event.hashlock());
        // Whoever's escrow it was: a secret that a chain shows opens every order of its hashlock.
        if let ContractEvent::Withdrawn { secret } = &row.event {
            self.hashlocks.insert(Secret::new(secret.0).hashlock());
        }
    }

    /// Notes only the order an event names: for events of which no row is kept.
    pub fn order_of(&mut self, event: &ContractEvent) {
        if let ContractEvent::OrderFilled { order_hash, .. }
        | ContractEvent::OrderCancelled { order_hash } = event
        {
            self.order_hashes.insert(*order_hash);
        }
    }

    /// The orders behind it.
    pub fn orders(&self, tx: &impl Reads) -> Result<BTreeSet<OrderId>, StoreError> {
        let mut orders = BTreeSet::new();
        for hash in &self.order_hashes {
            orders.extend(tx.orders_by_hash(*hash)?);
        }
        for hashlock in &self.hashlocks {
            orders.extend(tx.orders_by_hashlock(*hashlock)?);
        }
        for (chain, escrow) in &self.escrows {
            let leg = tx.source_leg(SwapId { chain: *chain, escrow: *escrow })?;
            if let Some(hash) = leg.and_then(|leg| leg.order_hash()) {
                orders.extend(tx.orders_by_hash(hash)?);
            }
            orders.extend(tx.order_by_plan_escrow(*chain, *escrow)?);
        }
        Ok(orders)
    }
}
