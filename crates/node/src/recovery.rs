//! Escrows of ours that a chain shows and no stored row knows: found, made orders again, and so brought
//! to their end.
//!
//! Each chain is swept through before anything is sent on it, and a little further with every block after
//! that. What needs the calldata of a transaction is read through the chain's client; a read that fails
//! holds nothing up but the order that it is for.

use crate::{
    NodeError,
    recovery_pages::{Found, Page},
    resolver::Shared,
};
use alloy::primitives::{Address, B256};
use bmn_chain::MinedCall;
use bmn_primitives::{BlockRef, ChainId, OrderId};
use bmn_queue::{Loaded, QueueError, refresh};
use bmn_store::{AnyLeg, EndedReads, LegIndex, OrderState, Reads, StoreError, WriteTx};
use bmn_swap::{
    Attempt, DestinationLeg, DestinationPlan, EscrowEnd, Evidence, MOST_PARTS, Order, Origin,
    RECOVERED, SourceLeg, created_in, derive_status, is_in_doubt, is_orphan_worth, read_filled,
    read_named, read_orphan, recovered_plan, stated_destination,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// Pages of one chain that are looked through with a block, once it has been swept.
const PAGES_A_BLOCK: usize = 4;

/// Escrows of one hashlock, and orders of one, that are looked at.
const OF_ONE_HASHLOCK: usize = 64;

/// Fills of one order that we can know.
const FILLS: usize = 1 + MOST_PARTS as usize;

/// Strangers' escrows that wait for their cancel at the same time, on one chain.
const MOST_ORPHANS: usize = 16;

/// Strangers' escrows that are remembered as looked at.
const MOST_LEFT_ALONE: usize = 4_096;

/// Escrows that answer no order of which the creation is read, with a block.
const ORPHANS_A_BLOCK: usize = 8;

/// Blocks that transactions which we do not know are given to be mined, before ours take their nonces.
const PATIENCE: u64 = 32;

/// How far a chain has been swept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sweep {
    page: Page,
    /// Once through.
    done: bool,
    tip: Option<BlockRef>,
    /// Where transactions of ours were first seen waiting that nobody here sent.
    waiting_since: Option<u64>,
}

/// Every chain's.
#[derive(Debug, Default)]
pub(crate) struct Sweeps {
    chains: Mutex<BTreeMap<ChainId, Sweep>>,
    /// Strangers' escrows that were looked at and are none of our business.
    left_alone: Mutex<BTreeSet<(ChainId, Address)>>,
}

impl Sweeps {
    fn of(&self, chain: ChainId) -> Sweep {
        self.chains.lock().get(&chain).copied().unwrap_or_default()
    }

    fn keep(&self, chain: ChainId, sweep: Sweep) {
        self.chains.lock().insert(chain, sweep);
    }

    fn leave_alone(&self, leg: &DestinationLeg) {
        let mut left = self.left_alone.lock();
        if left.len() >= MOST_LEFT_ALONE {
            left.clear();
        }
        left.insert((leg.chain, leg.escrow));
    }

    fn is_left_alone(&self, leg: &DestinationLeg) -> bool {
        self.left_alone.lock().contains(&(leg.chain, leg.escrow))
    }
}

/// Where the recovery of a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swept {
    /// There is more: nothing is sent on the chain before it is through.
    More,
    /// Waits for what is not ours to hurry: another chain's index, or our forgotten transactions.
    Waiting,
    /// Through.
    Through,
}

impl Shared {
    /// Whether `chain` was looked through once: what is due on it may go before the rest of the sweep.
    pub(crate) fn is_swept(&self, chain: ChainId) -> bool {
        self.sweeps.of(chain).done
    }

    /// Sweeps on through `chain`.
    pub(crate) async fn recover_some(&self, chain: ChainId) -> Result<Swept, NodeError> {
        let mut sweep = self.sweeps.of(chain);
        let tip = {
            let read = self.store.read()?;
            for route in &self.rules.routes {
                if !read.cursor(route.chain)?.mode.is_current() {
                    self.sweeps.keep(chain, Sweep::default());
                    // What another chain holds decides what is ours here; orders between the others go on.
                    return Ok(Swept::Through);
                }
            }
            read.cursor(chain)?.tip
        };
        if sweep.done && sweep.tip == tip {
            return Ok(Swept::Through);
        }
        if !sweep.done && self.waits_for_forgotten(chain, tip, &mut sweep).await? {
            self.sweeps.keep(chain, sweep);
            return Ok(Swept::Waiting);
        }
        // Our own duties first: what answers no order is looked at when the chain has been swept once.
        let mut orphans = if sweep.done { ORPHANS_A_BLOCK } else { 0 };
        for _ in 0..PAGES_A_BLOCK {
            let (found, next) = self.next_page(chain, sweep.page)?;
            for found in found {
                self.take_up(chain, found, &mut orphans).await?;
            }
            match next {
                Some(page) => sweep.page = page,
                None => {
                    (sweep.page, sweep.done) = (Page::default(), true);
                    break;
                }
            }
        }
        sweep.tip = tip;
        self.sweeps.keep(chain, sweep);
        Ok(if sweep.done { Swept::Through } else { Swept::More })
    }

    // A funding that we forgot may wait in the pool; another one beside it would pay the maker twice.
    async fn waits_for_forgotten(
        &self,
        chain: ChainId,
        tip: Option<BlockRef>,
        sweep: &mut Sweep,
    ) -> Result<bool, NodeError> {
        let Some(executor) = &self.executor else { return Ok(false) };
        let (client, us) = (executor.client(chain)?, self.rules.us);
        let (mined, pending) = (client.nonce(us).await?, client.pending_nonce(us).await?);
        let held = self.store.read()?.held_nonces(chain, us, mined)?;
        let known = (mined..pending).take(held.len() + 1).all(|nonce| held.contains(&nonce));
        if known {
            return Ok(false);
        }
        let now = tip.map_or(0, |tip| tip.number);
        let since = *sweep.waiting_since.get_or_insert(now);
        let waits = now < since.saturating_add(PATIENCE);
        tracing::warn!(
            target: "bmn::node", %chain, mined, pending, waits,
            "transactions of ours are pending that this database does not know"
        );
        Ok(waits)
    }

    async fn take_up(
        &self,
        chain: ChainId,
        found: Found,
        orphans: &mut usize,
    ) -> Result<(), NodeError> {
        match found {
            Found::Source(leg) => self.recover_source(&leg).await.map(|_| ()),
            Found::Destination(leg) => {
                let is_orphan = self.recover_destination(&leg).await?;
                if is_orphan && *orphans > 0 && !self.sweeps.is_left_alone(&leg) {
                    *orphans -= 1;
                    self.adopt_orphan(&leg).await?;
                }
                Ok(())
            }
            Found::Replaced(id, plan) => self.bind_again(id, &plan),
            Found::InDoubt(id) => self.settle_doubt(chain, id).await.map(|_| ()),
        }
    }

    /// Makes the source escrow of a fill of ours an order again. True when one is bound to it now.
    async fn recover_source(&self, leg: &SourceLeg) -> Result<bool, NodeError> {
        let (Some(fill), Some(hash)) = (leg.fill, leg.order_hash()) else { return Ok(false) };
        let chain = leg.swap.chain;
        let terms = self.rules.terms();
        let leaf = {
            let read = self.store.read()?;
            let ids = read.submitted_orders(chain, fill.contract, hash, FILLS)?;
            for id in &ids {
                let known = read.order(*id)?.is_some_and(|it| Some(it.hashlock) == leg.hashlock());
                if known {
                    drop(read);
                    return self.look_again(*id, leg);
                }
            }
            let free = |leaf: &u16| ids.iter().all(|id| id.leaf != *leaf);
            (0..=u16::MAX).find(free).unwrap_or(u16::MAX)
        };
        let order = match read_filled(leg, leaf) {
            Some(order) => Some(order),
            None => match self.mined_call(chain, leg.created.tx_hash).await {
                Some(call) => read_named(leg, &call.data, leaf, &terms),
                None => None,
            },
        };
        let Some(order) = order else {
            tracing::error!(
                target: "bmn::node", escrow = %leg.swap, tx = %leg.created.tx_hash,
                "a source escrow of ours cannot be read back from its fill: hand its order in again, or \
                 follow the chain through a node that keeps the transaction"
            );
            return Ok(false);
        };
        let mut tx = self.store.write()?;
        if tx.order(order.id)?.is_none() && tx.order_by_source(leg.swap)?.is_none() {
            keep(&mut tx, &order, Some(leg), RECOVERED, None)?;
            refresh(&mut tx, order.id, &self.rules)?;
            tx.commit()?;
            tracing::warn!(target: "bmn::node", order = %order.id, escrow = %leg.swap, "recovered");
        }
        Ok(true)
    }

    fn look_again(&self, id: OrderId, leg: &SourceLeg) -> Result<bool, NodeError> {
        let mut tx = self.store.write()?;
        refresh(&mut tx, id, &self.rules)?;
        tx.commit()?;
        Ok(self.store.read()?.order_by_source(leg.swap)?.is_some())
    }

    /// Looks for what a destination escrow of ours answers. True when it answers nothing.
    async fn recover_destination(&self, leg: &DestinationLeg) -> Result<bool, NodeError> {
        if !self.answer(leg).await? {
            return Ok(false);
        }
        for route in &self.rules.routes {
            let sources = {
                let read = self.store.read()?;
                let all =
                    read.source_legs_by_hashlock(route.chain, leg.hashlock, OF_ONE_HASHLOCK)?;
                let mut own = Vec::new();
                // What ended and is in the archive is not brought back by whoever repeats its hashlock.
                let is_over = read.archived_on(leg.hashlock)?.is_some();
                let is_left = |source: &SourceLeg| !(is_over && source.end.is_some());
                let all = all.into_iter().filter(|it| it.fill.is_some() && is_left(it));
                for source in all {
                    let ours = route.taker(self.rules.us, source.dialect);
                    let is_ours = ours.is_some_and(|ours| source.taker() == Some(ours.into()));
                    if is_ours && read.order_by_source(source.swap)?.is_none() {
                        own.push(source);
                    }
                }
                own
            };
            for source in sources {
                if self.recover_source(&source).await? && !self.answer(leg).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Looks for an order that the escrow answers. True when there is none, so that it is an orphan.
    async fn answer(&self, leg: &DestinationLeg) -> Result<bool, NodeError> {
        let orders = self.store.read()?.accepted_by_hashlock(leg.hashlock, OF_ONE_HASHLOCK)?;
        for id in orders {
            let is_settled = self.settle_doubt(leg.chain, id).await?;
            let read = self.store.read()?;
            if !is_settled || read.order_by_plan_escrow(leg.chain, leg.escrow)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Finds the destination of an order that knows none, among the escrows that repeat its hashlock. False
    /// while that cannot be said.
    async fn settle_doubt(&self, chain: ChainId, id: OrderId) -> Result<bool, NodeError> {
        let terms = self.rules.terms();
        let (loaded, legs) = {
            let read = self.store.read()?;
            let Some(loaded) = Loaded::read(&read, id, &self.rules)? else { return Ok(false) };
            let order = &loaded.order;
            let doubted = is_in_doubt(&loaded.state.evidence, loaded.state.plan.as_ref());
            if order.destination_chain != chain || loaded.destination.is_some() {
                return Ok(true);
            }
            let under_way = loaded.state.evidence.funding == Attempt::Live && !doubted;
            if under_way || (loaded.source.is_none() && !doubted) {
                return Ok(false);
            }
            let taker = terms.taker(chain, order.dialect);
            let by = LegIndex::DestinationHashlock(order.hashlock);
            let mut legs = Vec::new();
            for leg in read.legs_by(chain, by, None, OF_ONE_HASHLOCK)? {
                if let AnyLeg::Destination(leg) = leg
                    && Some(leg.taker) == taker
                    && read.order_by_plan_escrow(chain, leg.escrow)?.is_none_or(|it| it == id)
                {
                    legs.push(leg);
                }
            }
            (loaded, legs)
        };
        let (plan, unread) = match &loaded.source {
            Some(source) => self.find_plan(source, legs).await,
            None => (None, false),
        };
        if plan.is_none() && unread {
            tracing::error!(
                target: "bmn::node", order = %id,
                "the transaction that made its destination cannot be read: follow the chain through a \
                 node that keeps it; until then the source is not given back"
            );
            return Ok(false);
        }
        let mut tx = self.store.write()?;
        let Some(mut state) = tx.order_state(id)? else { return Ok(false) };
        if state.evidence != loaded.state.evidence {
            return Ok(false);
        }
        if !is_in_doubt(&state.evidence, state.plan.as_ref()) && plan.is_none() {
            return Ok(true);
        }
        // Whatever strangers made does not keep us from funding what we have not funded.
        let may_follow = plan.is_none() && matches!(loaded.order.origin, Origin::Submitted(_));
        state.evidence.funding = if may_follow { Attempt::Idle } else { Attempt::Closed };
        if let Some(plan) = plan {
            tracing::warn!(target: "bmn::node", order = %id, escrow = ?plan.escrow, "destination found");
            state.plan = Some(plan);
        }
        tx.put_order_state(id, &state)?;
        refresh(&mut tx, id, &self.rules)?;
        tx.commit()?;
        Ok(true)
    }

    /// The plan of the destination that answers a source, one that paid before one that stands; and
    /// whether some transaction could not be read.
    async fn find_plan(
        &self,
        source: &SourceLeg,
        mut legs: Vec<DestinationLeg>,
    ) -> (Option<DestinationPlan>, bool) {
        legs.sort_by_key(|leg| match leg.end {
            Some((EscrowEnd::Withdrawn { .. }, _)) => 0,
            None => 1,
            Some(_) => 2,
        });
        let terms = self.rules.terms();
        let mut unread = false;
        for leg in legs {
            let route = terms.route(leg.chain);
            let Some(factory) = route.and_then(|route| route.factory(leg.factory)) else {
                continue;
            };
            let plan = |immutables| recovered_plan(source, &leg, immutables, factory);
            let stated = stated_destination(source, leg.taker);
            if let Some(plan) = stated.as_ref().and_then(plan) {
                return (Some(plan), unread);
            }
            let Some(call) = self.mined_call(leg.chain, leg.created.tx_hash).await else {
                unread = true;
                continue;
            };
            // A copy by a stranger may lack the coin that ours was sent with.
            if call.from != self.rules.us {
                continue;
            }
            if let Some(plan) = created_in(&call.data).iter().find_map(plan) {
                return (Some(plan), unread);
            }
        }
        (None, unread)
    }

    // Planned, replaced by another plan, and mined all the same: it is the order's again, when no other
    // stands for it.
    fn bind_again(&self, id: OrderId, plan: &DestinationPlan) -> Result<(), NodeError> {
        let mut tx = self.store.write()?;
        let Some(mut state) = tx.order_state(id)? else { return Ok(()) };
        let current = state.plan.as_ref().and_then(|plan| Some((plan.chain, plan.escrow?)));
        if let Some((chain, escrow)) = current
            && tx.destination_leg(chain, escrow)?.is_some()
        {
            tracing::error!(
                target: "bmn::node", order = %id, escrow = ?plan.escrow,
                "a second destination of ours stands for one order: cancel it by hand in its window"
            );
            return Ok(());
        }
        state.plan = Some(plan.clone());
        tx.put_order_state(id, &state)?;
        refresh(&mut tx, id, &self.rules)?;
        tx.commit()?;
        Ok(())
    }

    // Ours is taken back whatever it is worth; a stranger's, who gave it away, when it is worth the gas,
    // and a few at a time.
    async fn adopt_orphan(&self, leg: &DestinationLeg) -> Result<(), NodeError> {
        let terms = self.rules.terms();
        let Some(route) = terms.route(leg.chain) else { return Ok(()) };
        let Some(factory) = route.factory(leg.factory) else { return Ok(()) };
        let Some(call) = self.mined_call(leg.chain, leg.created.tx_hash).await else {
            return Ok(());
        };
        let made = created_in(&call.data);
        let read_back = made.iter().find_map(|it| read_orphan(leg, it, factory));
        let Some((order, plan)) = read_back else {
            tracing::warn!(
                target: "bmn::node", escrow = %leg.escrow, chain = %leg.chain,
                "an escrow names us whose creation cannot be read back: left alone"
            );
            self.sweeps.leave_alone(leg);
            return Ok(());
        };
        let mut tx = self.store.write()?;
        if call.from != self.rules.us {
            let base_fee = tx.cursor(leg.chain)?.base_fee.map_or(0, u128::from);
            let worth = is_orphan_worth(&plan.immutables, route, base_fee);
            if !worth || self.open_orphans(&tx, leg.chain)? >= MOST_ORPHANS {
                self.sweeps.leave_alone(leg);
                return Ok(());
            }
        }
        if tx.order(order.id)?.is_some() {
            return Ok(());
        }
        let evidence = Evidence { funding: Attempt::Closed, ..RECOVERED };
        keep(&mut tx, &order, None, evidence, Some((plan, leg)))?;
        refresh(&mut tx, order.id, &self.rules)?;
        tx.commit()?;
        tracing::error!(
            target: "bmn::node", escrow = %leg.escrow, chain = %leg.chain, ours = call.from == self.rules.us,
            "an orphaned destination is taken back in its cancellation window"
        );
        Ok(())
    }

    fn open_orphans(&self, read: &impl Reads, chain: ChainId) -> Result<usize, StoreError> {
        let exposed = read.orders_by_status(bmn_swap::Status::Exposed, None, usize::MAX)?;
        // The id of an orphan is its escrow's, on the chain that it is on.
        Ok(exposed.iter().filter(|id| id.chain == chain && is_orphan(id)).count())
    }

    async fn mined_call(&self, chain: ChainId, tx: B256) -> Option<MinedCall> {
        let client = self.executor.as_ref()?.client(chain).ok()?;
        match client.mined_call(tx).await {
            Ok(call) => call,
            Err(error) => {
                tracing::warn!(target: "bmn::node", %chain, %tx, %error, "transaction not read");
                None
            }
        }
    }

    /// The accounts of ours that take on a chain.
    pub(crate) fn takers(&self, chain: ChainId) -> [Option<Address>; 2] {
        let contract = self.rules.terms().route(chain).and_then(|route| route.resolver);
        [Some(self.rules.us), contract.filter(|contract| *contract != self.rules.us)]
    }
}

fn is_orphan(id: &OrderId) -> bool {
    id.hash.0 == B256::left_padding_from(id.contract.as_slice())
}

fn keep(
    tx: &mut WriteTx,
    order: &Order,
    source: Option<&SourceLeg>,
    evidence: Evidence,
    planned: Option<(DestinationPlan, &DestinationLeg)>,
) -> Result<(), QueueError> {
    let (plan, leg) = planned.unzip();
    let state = OrderState {
        status: derive_status(order, source, leg, &evidence),
        evidence,
        source: source.map(|leg| leg.swap),
        plan,
        permission: None,
    };
    tx.put_order(order)?;
    tx.put_order_state(order.id, &state)?;
    Ok(())
}
