//! What an event touched, to be resolved to orders after the fold.

use alloy::primitives::Address;
use bmn_contracts::ContractEvent;
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId, Secret, SwapId};
use bmn_store::{EventRow, Reads, StoreError};
use bmn_swap::MOST_PARTS;
use std::collections::BTreeSet;

/// Orders of one escrow, of one order hash at one contract, or accepted with one hashlock: one, or as many
/// as the order has parts. The sweep over open orders reaches what lies beyond.
const OF_ONE: usize = 1 + MOST_PARTS as usize;

/// What decides how orders stand and has changed, and direct source escrows that appeared.
///
/// The status of an order depends on the escrow that is bound to it, on the escrow of its destination
/// plan, and, if it is accepted, on whether a chain has shown its secret. So an event is led to the
/// orders of the escrow it is about; to the order whose fill a limit-order contract tells of; and a
/// secret to the accepted order of its hashlock. That strangers repeat an order hash or a hashlock, in
/// escrows that no fill made, changes nothing for any order but their own, and no order is looked at
/// because of it: the orders behind an event stay few, whatever it repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Orders that their limit-order contract named.
    named: BTreeSet<(ChainId, Address, OrderHash)>,
    /// Hashlocks whose secret was shown.
    opened: BTreeSet<Hashlock>,
    escrows: BTreeSet<(ChainId, Address)>,
    /// Destination escrows with us as taker whose address only their block decided, and their hashlocks.
    pub(crate) destinations: BTreeSet<(ChainId, Address, Hashlock)>,
    /// Source escrows without a fill that name us as taker.
    pub direct: BTreeSet<SwapId>,
    /// Nobody will ask: a backfill looks at no order.
    is_idle: bool,
}

impl Touched {
    /// One that takes nothing down, for blocks after which no order is looked at.
    pub(crate) fn idle() -> Self {
        Self { is_idle: true, ..Self::default() }
    }

    /// Notes an event, applied or reverted.
    pub fn event(&mut self, row: &EventRow) {
        if self.is_idle {
            return;
        }
        if let Some(escrow) = row.escrow {
            self.escrows.insert((row.chain, escrow));
        }
        self.order_of(row.chain, row.address, &row.event);
        // Whoever's escrow it was: a secret that a chain shows opens every order of its hashlock.
        if let ContractEvent::Withdrawn { secret } = &row.event {
            self.opened.insert(Secret::new(secret.0).hashlock());
        }
    }

    /// Notes a destination escrow that may be the one a plan of ours has become.
    pub(crate) fn created(&mut self, chain: ChainId, escrow: Address, hashlock: Hashlock) {
        if !self.is_idle {
            self.destinations.insert((chain, escrow, hashlock));
        }
    }

    /// Notes only the order that `contract` names: for events of which no row is kept.
    pub fn order_of(&mut self, chain: ChainId, contract: Address, event: &ContractEvent) {
        if let ContractEvent::OrderFilled { order_hash, .. }
        | ContractEvent::OrderCancelled { order_hash } = event
        {
            self.named.insert((chain, contract, *order_hash));
        }
    }

    /// The orders behind it.
    pub fn orders(&self, tx: &impl Reads) -> Result<BTreeSet<OrderId>, StoreError> {
        let mut orders = BTreeSet::new();
        for (chain, contract, hash) in &self.named {
            orders.extend(tx.submitted_orders(*chain, *contract, *hash, OF_ONE)?);
        }
        for hashlock in &self.opened {
            orders.extend(tx.accepted_by_hashlock(*hashlock, OF_ONE)?);
        }
        for (chain, escrow) in &self.escrows {
            let swap = SwapId { chain: *chain, escrow: *escrow };
            orders.extend(tx.direct_orders(swap, OF_ONE)?);
            // Also when a reorg took the escrow away: the order is still bound to it.
            orders.extend(tx.order_by_source(swap)?);
            orders.extend(tx.order_by_plan_escrow(*chain, *escrow)?);
            let leg = tx.source_leg(swap)?;
            let filled = leg.and_then(|leg| Some((leg.fill?.contract, leg.order_hash()?)));
            if let Some((contract, hash)) = filled {
                orders.extend(tx.submitted_orders(*chain, contract, hash, OF_ONE)?);
            }
        }
        Ok(orders)
    }
}
