//! One event, one transaction.

use crate::{IndexError, LogFilter, Touched, fold_filtered};
use alloy::primitives::{Address, B256};
use bmn_chain::ChainEvent;
use bmn_primitives::{BlockRef, ChainId, OrderHash, OrderId, SwapId};
use bmn_queue::{
    LiveRules, bind_destination, coming_due, hashlock_is_taken, keep_decision, market_for,
    open_orders, promote, refresh, reserve,
};
use bmn_store::{
    Cursor, DecisionReads, EndedReads, Mode, OrderState, Reads, Store, StoreError, WriteTx,
};
use bmn_swap::{
    Circumstances, Decision, DirectFacts, Evidence, ModeReason, Order, Refusal, Route, SourceLeg,
    Status, admit_direct, assess, derive_status, direct_id, read_direct,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Blocks in which every open order is looked at once: the safety net behind the wakes. More of them when
/// that would be more than [`SWEPT_AT_ONCE`] with a block.
const SWEEP_EVERY: u64 = 32;

/// Open orders that are looked at with one event for no other reason.
const SWEPT_AT_ONCE: u64 = 32;

/// Undo records dropped in one transaction at most, so that a backlog never holds the writer.
const TRIM_AT_ONCE: usize = 256;

/// What an event did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The chain's newest block afterwards.
    pub tip: Option<BlockRef>,
    /// Blocks that joined.
    pub committed: usize,
    /// Blocks that left.
    pub reverted: usize,
    /// Orders derived again.
    pub orders: BTreeSet<OrderId>,
    /// Jobs that became ready because the chain moved.
    pub promoted: usize,
}

/// Applies chain events to the store.
#[derive(Clone)]
pub struct Indexer {
    pub(crate) store: Store,
    pub(crate) rules: LiveRules,
    filters: Arc<BTreeMap<ChainId, LogFilter>>,
    swept_to: Arc<Mutex<BTreeMap<ChainId, SweepPlace>>>,
    /// How far the look at refused orders is, on each chain.
    pub(crate) forgotten_to: Arc<Mutex<BTreeMap<ChainId, OrderId>>>,
}

/// How far the sweep over the open orders of a chain is: a status, and the order it looked at last.
type SweepPlace = (usize, Option<OrderId>);

/// A chain that is being cleared takes no block: one that was fetched before that would become the
/// first of the new index, and all before it would be missing.
pub(crate) fn refuse_while_clearing(tx: &impl Reads, chain: ChainId) -> Result<(), IndexError> {
    match tx.cursor(chain)?.mode {
        Mode::Clearing(_) => Err(StoreError::CursorMoved { chain }.into()),
        _ => Ok(()),
    }
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer").field("us", &self.rules.us).finish_non_exhaustive()
    }
}

impl Indexer {
    /// An indexer over a store; chains it does not find in `rules` are refused.
    pub fn new(store: Store, rules: impl Into<LiveRules>) -> Self {
        let rules = rules.into();
        let filter = |route: &Route| (route.chain, LogFilter::new(route));
        let filters = Arc::new(rules.routes.iter().map(filter).collect());
        Self { store, rules, filters, swept_to: Arc::default(), forgotten_to: Arc::default() }
    }

    /// How a chain's blocks are read.
    pub(crate) fn reading(&self, chain: ChainId) -> Result<(&Route, &LogFilter), IndexError> {
        let route = self.rules.routes.iter().find(|route| route.chain == chain);
        route.zip(self.filters.get(&chain)).ok_or(IndexError::UnknownChain(chain))
    }

    /// Applies one event in one durable transaction. `finalized` is the host's newest final block:
    /// undo records below it are dropped.
    ///
    /// # Errors
    /// [`IndexError::Store`] with `NotChild` when the event does not continue our chain (I3): ask
    /// the source again from the cursor. Nothing is changed by a failed call.
    pub fn apply(
        &self,
        chain: ChainId,
        event: &ChainEvent,
        finalized: Option<BlockRef>,
    ) -> Result<Applied, IndexError> {
        let reading = self.reading(chain)?;
        let mut tx = self.store.write()?;
        refuse_while_clearing(&tx, chain)?;
        let before = tx.cursor(chain)?.tip;
        let mut touched = Touched::default();
        for block in event.reverted() {
            for row in tx.revert_block(chain, *block)? {
                touched.event(&row);
            }
        }
        self.commit_blocks(&mut tx, reading, event, finalized, &mut touched)?;
        let Cursor { tip, mode, .. } = tx.cursor(chain)?;
        let mut orders = BTreeSet::new();
        let mut promoted = 0;
        // An index that does not show the chain as it is says nothing about orders.
        if mode.is_current() {
            self.adopt_direct(&mut tx, &touched)?;
            self.bind_created(&mut tx, &touched)?;
            orders = touched.orders(&tx)?;
            orders.extend(self.swept(&tx, chain, event)?);
            if let (Some(before), Some(tip)) = (before, tip) {
                orders.extend(coming_due(&tx, chain, (before.time, tip.time), reading.0.pace)?);
            }
            for order in &orders {
                refresh(&mut tx, *order, &self.rules)?;
            }
            if let Some(tip) = tip {
                let next_time = tip.time.saturating_add(reading.0.pace.block_time);
                promoted = promote(&mut tx, chain, tip.number, next_time)?;
                self.forget_refused(&mut tx, chain, tip)?;
            }
        }
        self.finalize(&mut tx, chain, finalized)?;
        tx.commit()?;
        Ok(Applied {
            tip,
            committed: event.committed().len(),
            reverted: event.reverted().len(),
            orders,
            promoted,
        })
    }

    fn commit_blocks(
        &self,
        tx: &mut WriteTx,
        (route, filter): (&Route, &LogFilter),
        event: &ChainEvent,
        finalized: Option<BlockRef>,
        touched: &mut Touched,
    ) -> Result<(), IndexError> {
        let chain = route.chain;
        if let ChainEvent::Backfilled(history) = event {
            let through = history.through();
            if finalized.is_none_or(|finalized| finalized.number < through.number) {
                return Err(IndexError::NotFinal {
                    chain,
                    finalized: finalized.unwrap_or_default(),
                });
            }
            tx.begin_history(chain, history.from(), through)?;
        }
        for block in event.committed() {
            // What is final is never undone, so it needs no journal.
            if finalized.is_some_and(|finalized| block.header.number <= finalized.number) {
                tx.begin_final_block(chain, &block.header)?;
            } else {
                tx.begin_block(chain, &block.header)?;
            }
            fold_filtered(tx, filter, route, self.rules.us, block, touched)?;
            tx.end_block()?;
        }
        if tx.has_history() {
            tx.end_history()?;
        }
        Ok(())
    }

    fn finalize(
        &self,
        tx: &mut WriteTx,
        chain: ChainId,
        finalized: Option<BlockRef>,
    ) -> Result<(), IndexError> {
        let Some(finalized) = finalized else { return Ok(()) };
        let tip = tx.cursor(chain)?.tip;
        // A final block that is not ours: the host's next event is the reorg to it.
        let ours =
            tx.block(chain, finalized.number)?.is_none_or(|ours| ours.hash == finalized.hash);
        if ours && tip.is_some_and(|tip| tip.number >= finalized.number) {
            tx.set_finalized(chain, finalized)?;
            tx.trim_undo(chain, finalized.number.saturating_add(1), TRIM_AT_ONCE)?;
        }
        Ok(())
    }

    // A few of the open orders with every block, so that no transaction grows with their number.
    fn swept(
        &self,
        tx: &WriteTx,
        chain: ChainId,
        event: &ChainEvent,
    ) -> Result<Vec<OrderId>, IndexError> {
        // What is only to be given back has a time to wake at, and strangers make it: left out.
        let looked_at = |status: &Status| !status.is_terminal() && *status != Status::Refunding;
        let statuses: Vec<Status> = Status::ALL.into_iter().filter(looked_at).collect();
        let blocks = event.committed().len() as u64;
        let most = open_orders(tx)?.div_ceil(SWEEP_EVERY).saturating_mul(blocks).min(SWEPT_AT_ONCE);
        let mut places = self.swept_to.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, after) = places.entry(chain).or_default();
        let first =
            OrderId { chain, contract: Address::ZERO, hash: OrderHash(B256::ZERO), leaf: 0 };
        let mut found = Vec::new();
        // Every status once, and the one that was begun in its middle twice.
        for _ in 0..=statuses.len() {
            let left = most as usize - found.len();
            let Some(status) = statuses.get(*at % statuses.len()).filter(|_| left > 0) else {
                break;
            };
            let page = tx.orders_by_status(*status, Some(after.unwrap_or(first)), left)?;
            let here = page.iter().take_while(|order| order.chain == chain).count();
            found.extend_from_slice(&page[..here]);
            if here == left {
                *after = page.last().copied();
            } else {
                (*at, *after) = ((*at + 1) % statuses.len(), None);
            }
        }
        Ok(found)
    }

    // The escrow that a plan became has no address before its block: the hashlock leads to the plan, and
    // the plan's immutables tell ours from all that repeats it. The bound plan leads to its order.
    fn bind_created(&self, tx: &mut WriteTx, touched: &Touched) -> Result<(), IndexError> {
        // Whoever admits orders sees to it that there is one at most.
        const OF_ONE_HASHLOCK: usize = 2;
        for (chain, escrow, hashlock) in &touched.destinations {
            let Some(leg) = tx.destination_leg(*chain, *escrow)? else { continue };
            for order in tx.accepted_by_hashlock(*hashlock, OF_ONE_HASHLOCK)? {
                bind_destination(tx, order, &leg, &self.rules)?;
            }
        }
        Ok(())
    }

    // A direct source escrow that names us is an order of its own, taken or refused here.
    // Not before every chain shows what it holds: the hashlock might be taken elsewhere. The chain
    // that is caught up with last takes it up ([`Indexer::derivation`]).
    pub(crate) fn adopt_direct(
        &self,
        tx: &mut WriteTx,
        touched: &Touched,
    ) -> Result<(), IndexError> {
        for route in &self.rules.routes {
            if !tx.cursor(route.chain)?.mode.is_current() {
                return Ok(());
            }
        }
        for swap in &touched.direct {
            let Some(leg) = tx.source_leg(*swap)? else { continue };
            if tx.order(direct_id(&leg))?.is_some() {
                continue;
            }
            let mut order = read_direct(&leg);
            // Taken before, by whoever had this key: what was begun is ended, whatever the policy says.
            // Not what only repeats the hashlock of an order that is in the archive: that one is over.
            let is_begun =
                tx.archived_on(order.hashlock)?.is_none() && self.may_be_answered(tx, &order)?;
            let facts = self.direct_facts(tx, &order, &leg)?;
            let terms = self.rules.terms();
            let mut reasons = admit_direct(&order, &leg, &facts, &terms);
            if reasons.is_empty() {
                reasons.extend(tx.modes()?.against(&order).map(Refusal::Mode));
            }
            if is_begun {
                reasons.clear();
            }
            let seen = Circumstances {
                at: facts.source_head,
                gas_price: facts.gas_price,
                open_orders: facts.open_orders,
                market: &facts.market,
                source: Some(&leg),
            };
            let assessment = assess(&order, &reasons, &seen, &terms);
            // Shadow mode sends nothing, not even what gives a refused escrow back.
            let shadowed = reasons == [Refusal::Mode(ModeReason::Shadow)];
            if !reasons.is_empty() {
                order.decision = Decision::Refused(reasons);
            }
            // One that can be given back only in the far future is not worth following.
            let policy = &self.rules.policy;
            let latest = leg.created.block.time.saturating_add(policy.max_window);
            let evidence = Evidence {
                cancel_impossible: shadowed
                    || !order.is_accepted()
                        && order.times.src_cancellation(leg.created.block.time) > latest,
                ..Evidence::default()
            };
            let state = OrderState {
                status: derive_status(&order, Some(&leg), None, &evidence),
                evidence,
                source: Some(*swap),
                plan: None,
                permission: None,
            };
            tx.put_order(&order)?;
            keep_decision(tx, &order, &assessment)?;
            if order.is_accepted() {
                reserve(tx, &order)?;
            }
            tx.put_order_state(order.id, &state)?;
            self.doubt(tx, order.id)?;
        }
        Ok(())
    }

    fn direct_facts(
        &self,
        tx: &WriteTx,
        order: &Order,
        leg: &SourceLeg,
    ) -> Result<DirectFacts, IndexError> {
        let base_fee = |chain: ChainId| -> Result<u128, IndexError> {
            Ok(tx.cursor(chain)?.base_fee.map_or(0, u128::from))
        };
        let source_head = tx.cursor(order.id.chain)?.tip.unwrap_or(leg.created.block);
        Ok(DirectFacts {
            source_head,
            gas_price: (base_fee(order.id.chain)?, base_fee(order.destination_chain)?),
            open_orders: open_orders(tx)?,
            hashlock_used: self.hashlock_used(tx, order, leg.swap)?,
            market: market_for(tx, order, &self.rules)?,
        })
    }

    fn hashlock_used(&self, tx: &WriteTx, order: &Order, own: SwapId) -> Result<bool, IndexError> {
        if hashlock_is_taken(tx, order)? {
            return Ok(true);
        }
        let chains = self.rules.routes.iter().map(|route: &Route| route.chain);
        for chain in chains {
            // One of two is another, if there is another.
            let legs = tx.source_legs_by_hashlock(chain, order.hashlock, 2)?;
            if legs.iter().any(|leg| leg.swap != own) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
