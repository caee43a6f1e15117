//! The only door to the store. What is not here, no handler can reach: sealed secrets, signed
//! transactions, reservations, leases.

use crate::RpcError;
use alloy::primitives::{Address, B256};
use bmn_primitives::{BlockRef, ChainId, Hashlock, Leg, OrderHash, OrderId, SwapId};
use bmn_queue::{JobFilter, JobRow, Lane, NextWake, StateKind};
use bmn_store::{
    BlockReads, Change, Cursor, DayCounts, DecisionReads, DestinationQuery, EndedReads, EventKey,
    EventRow, Found, IndexReads, IndexedBlock, LateReads, LateRow, OrderState, PageBounds,
    PruneReads, Reads, RollingDigest, SourceQuery, Store, StoreError, View, Volume,
};
use bmn_swap::{
    Action, ActionKey, Assessment, DestinationLeg, Modes, Order, SecretKnowledge, SourceLeg, Status,
};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, RpcError>;

/// One state of the store.
pub(crate) struct Snapshot(View);

/// An order with everything an answer shows of it.
pub(crate) struct Loaded {
    pub(crate) order: Order,
    pub(crate) state: OrderState,
    pub(crate) source: Option<SourceLeg>,
    pub(crate) destination: Option<DestinationLeg>,
    pub(crate) secret: SecretKnowledge,
}

impl Snapshot {
    /// The newest state.
    pub(crate) fn of(store: &Store) -> Result<Self> {
        Ok(Self(View::Committed(store.read()?)))
    }

    /// The newest state, but for the index of one chain, which is as it was after a block.
    pub(crate) fn as_of(store: &Store, chain: ChainId, number: u64) -> Result<Self> {
        Ok(Self(store.read_as_of(chain, number)?))
    }

    pub(crate) fn loaded(&self, id: OrderId) -> Result<Option<Loaded>> {
        let (Some(order), Some(state)) = (self.0.order(id)?, self.0.order_state(id)?) else {
            return Ok(None);
        };
        let source = state.source.map(|swap| self.0.source_leg(swap)).transpose()?.flatten();
        let escrow = state.plan.as_ref().and_then(|plan| Some((plan.chain, plan.escrow?)));
        let destination = match escrow {
            Some((chain, escrow)) => self.0.destination_leg(chain, escrow)?,
            None => None,
        };
        let secret = state.evidence.secret.max(self.0.secret_knowledge(order.hashlock)?);
        Ok(Some(Loaded { order, state, source, destination, secret }))
    }

    pub(crate) fn order(&self, id: OrderId) -> Result<Option<Order>> {
        Ok(self.0.order(id)?)
    }

    pub(crate) fn status(&self, id: OrderId) -> Result<Option<Status>> {
        Ok(self.0.order_state(id)?.map(|state| state.status))
    }

    pub(crate) fn assessment(&self, id: OrderId) -> Result<Option<Assessment>> {
        Ok(self.0.assessment(id)?)
    }

    pub(crate) fn source_leg(&self, swap: SwapId) -> Result<Option<SourceLeg>> {
        Ok(self.0.source_leg(swap)?)
    }

    pub(crate) fn modes(&self) -> Result<Modes> {
        Ok(self.0.modes()?)
    }

    pub(crate) fn open_orders(&self) -> Result<u64> {
        Ok(bmn_queue::open_orders(&self.0)?)
    }

    pub(crate) fn has_order(&self, id: OrderId) -> Result<bool> {
        Ok(self.0.order(id)?.is_some())
    }

    pub(crate) fn order_ids(&self, after: Option<OrderId>, limit: usize) -> Result<Vec<OrderId>> {
        Ok(self.0.orders(after, limit)?.into_iter().map(|order| order.id).collect())
    }

    pub(crate) fn by_status(
        &self,
        status: Status,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        Ok(self.0.orders_by_status(status, after, limit)?)
    }

    pub(crate) fn by_maker(
        &self,
        maker: Address,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        Ok(self.0.orders_by_maker(maker, after, limit)?)
    }

    pub(crate) fn by_hashlock_after(
        &self,
        lock: Hashlock,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        Ok(self.0.orders_by_hashlock_after(lock, after, limit)?)
    }

    pub(crate) fn by_hash_after(
        &self,
        hash: OrderHash,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        Ok(self.0.orders_by_hash_after(hash, after, limit)?)
    }

    pub(crate) fn by_hashlock(&self, lock: Hashlock) -> Result<Vec<OrderId>> {
        Ok(self.0.orders_by_hashlock(lock)?)
    }

    pub(crate) fn by_source(&self, swap: SwapId) -> Result<Option<OrderId>> {
        Ok(self.0.order_by_source(swap)?)
    }

    pub(crate) fn by_plan(&self, chain: ChainId, escrow: Address) -> Result<Option<OrderId>> {
        Ok(self.0.order_by_plan_escrow(chain, escrow)?)
    }

    /// The order that an escrow of either side belongs to.
    pub(crate) fn by_escrow(&self, chain: ChainId, escrow: Address) -> Result<Option<OrderId>> {
        match self.0.order_by_source(SwapId { chain, escrow })? {
            Some(order) => Ok(Some(order)),
            None => Ok(self.0.order_by_plan_escrow(chain, escrow)?),
        }
    }

    pub(crate) fn cursors(&self) -> Result<Vec<(ChainId, Cursor)>> {
        Ok(self.0.cursors()?)
    }

    pub(crate) fn cursor(&self, chain: ChainId) -> Result<Cursor> {
        Ok(self.0.cursor(chain)?)
    }

    pub(crate) fn base_fee(&self, chain: ChainId) -> Result<Option<u128>> {
        Ok(self.0.cursor(chain)?.base_fee.map(u128::from))
    }

    pub(crate) fn sources(
        &self,
        query: &SourceQuery,
        after: Option<EventKey>,
        bounds: PageBounds,
        keep: impl FnMut(&SourceLeg) -> Result<bool>,
    ) -> Result<Found<SourceLeg>> {
        self.0.find_sources(query, after, bounds, keep)
    }

    pub(crate) fn destinations(
        &self,
        query: &DestinationQuery,
        after: Option<EventKey>,
        bounds: PageBounds,
        keep: impl FnMut(&DestinationLeg) -> Result<bool>,
    ) -> Result<Found<DestinationLeg>> {
        self.0.find_destinations(query, after, bounds, keep)
    }

    /// The hashlock of an escrow of either side; none when it is none that we know.
    pub(crate) fn hashlock_of(&self, chain: ChainId, escrow: Address) -> Result<Option<Hashlock>> {
        Ok(match self.0.escrow(chain, escrow)? {
            None => None,
            Some(Leg::Source) => {
                self.0.source_leg(SwapId { chain, escrow })?.and_then(|leg| leg.hashlock())
            }
            Some(Leg::Destination) => {
                self.0.destination_leg(chain, escrow)?.map(|leg| leg.hashlock)
            }
        })
    }

    pub(crate) fn side(&self, chain: ChainId, escrow: Address) -> Result<Option<Leg>> {
        Ok(self.0.escrow(chain, escrow)?)
    }

    pub(crate) fn is_unmatched(&self, leg: &DestinationLeg) -> Result<bool> {
        Ok(!self.0.has_source(leg.hashlock)?)
    }

    /// The secret behind a hashlock once a chain has shown it; never a sealed one.
    pub(crate) fn public_secret(&self, lock: Hashlock) -> Result<Option<B256>> {
        Ok(self.0.public_secret(lock)?)
    }

    pub(crate) fn withdrawals(
        &self,
        chain: ChainId,
        lock: Hashlock,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        Ok(self.0.withdrawals(chain, lock, None, limit)?)
    }

    pub(crate) fn days(
        &self,
        chain: ChainId,
        (from, to): (u32, u32),
        limit: usize,
    ) -> Result<Vec<(u32, DayCounts)>> {
        Ok(self.0.days(chain, from, to, limit)?)
    }

    pub(crate) fn volumes(
        &self,
        (chain, day): (ChainId, u32),
        after: Option<(Leg, Address)>,
        limit: usize,
    ) -> Result<Vec<Volume>> {
        Ok(self.0.volumes(chain, day, after, limit)?)
    }

    pub(crate) fn volume(
        &self,
        (chain, day): (ChainId, u32),
        side: Leg,
        token: Address,
    ) -> Result<Option<Volume>> {
        Ok(self.0.volume(chain, day, side, token)?)
    }

    pub(crate) fn digest(&self, chain: ChainId, number: u64) -> Result<Option<RollingDigest>> {
        Ok(self.0.digest_at(chain, number)?)
    }

    /// Our block at `number`, as far as it is remembered.
    pub(crate) fn block(&self, chain: ChainId, number: u64) -> Result<Option<BlockRef>> {
        Ok(self.0.block(chain, number)?)
    }

    pub(crate) fn blocks_after(
        &self,
        chain: ChainId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>> {
        Ok(self.0.blocks_after(chain, after, limit)?)
    }

    pub(crate) fn events(
        &self,
        chain: ChainId,
        (from, to): (u64, u64),
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        Ok(self.0.events(chain, from, to, after, limit)?)
    }

    /// Events of an escrow; `None` when the address is none that we know.
    pub(crate) fn events_of(
        &self,
        chain: ChainId,
        escrow: Address,
        (after, from): (Option<EventKey>, Option<u64>),
        limit: usize,
    ) -> Result<Option<Vec<EventRow>>> {
        match self.0.escrow(chain, escrow)? {
            Some(_) => {
                // Without the first of its events it could not be told from one that logged little.
                if after.is_none() && self.0.is_pruned(chain, escrow)? {
                    self.keeps(chain, from.unwrap_or_default())?;
                }
                Ok(Some(self.0.events_of(chain, escrow, after, limit)?))
            }
            None => Ok(None),
        }
    }

    /// The lowest block of a chain of which every event is kept; none while all are.
    pub(crate) fn kept_from(&self, chain: ChainId) -> Result<Option<u64>> {
        Ok(self.0.index_floor(chain)?.map(|floor| floor.number))
    }

    /// Refuses a block below which events were taken out of the index.
    pub(crate) fn keeps(&self, chain: ChainId, number: u64) -> Result<()> {
        match self.kept_from(chain)? {
            Some(oldest) if number < oldest => {
                Err(StoreError::Pruned { chain, number, oldest }.into())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a place after which events were taken out of the index.
    pub(crate) fn keeps_after(&self, place: EventKey) -> Result<()> {
        match self.0.index_floor(place.chain)? {
            Some(floor) if !floor.keeps_after(place) => {
                let (chain, number, oldest) = (place.chain, place.number, floor.number);
                Err(StoreError::Pruned { chain, number, oldest }.into())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a place in the log below which changes were archived: who went on from there would miss them.
    pub(crate) fn has_changes_from(&self, from: u64, param: &'static str) -> Result<()> {
        let oldest = self.0.changes_from()?;
        if from.max(1) >= oldest {
            return Ok(());
        }
        let accepted = format!("a sequence number from {oldest} on: older changes are archived");
        Err(RpcError::param(param, accepted))
    }

    pub(crate) fn changes(&self, from: u64, limit: usize) -> Result<Vec<Change>> {
        Ok(self.0.changes(from, limit)?)
    }

    /// Actions that are overdue, and deadlines that were ever missed.
    pub(crate) fn late(&self, limit: usize) -> Result<(u64, u64)> {
        Ok(self.0.count_late(limit)?)
    }

    /// Actions that were late, and how.
    pub(crate) fn late_rows(&self, limit: usize) -> Result<Vec<(OrderId, Action, LateRow)>> {
        Ok(self.0.late_rows(limit)?)
    }

    pub(crate) fn last_change(&self) -> Result<u64> {
        Ok(self.0.last_change()?)
    }

    pub(crate) fn next_nonce(&self, chain: ChainId, account: Address) -> Result<u64> {
        Ok(self.0.next_nonce(chain, account)?.unwrap_or_default())
    }

    pub(crate) fn history(&self, order: OrderId, limit: usize) -> Result<Vec<Change>> {
        Ok(self.0.changes_of(order, limit)?)
    }

    pub(crate) fn dead_letters(
        &self,
        order: Option<OrderId>,
        chain: Option<ChainId>,
        after: Option<ActionKey>,
        limit: usize,
    ) -> Result<Vec<JobRow>> {
        Ok(bmn_queue::dead_letters(&self.0, order, chain, after, limit)?)
    }

    /// Steps that are not done, by chain and state.
    pub(crate) fn depths(&self) -> Result<BTreeMap<(ChainId, Lane, StateKind), u64>> {
        Ok(bmn_queue::depths(&self.0)?)
    }

    /// What the steps that wait for a chain wait for first.
    pub(crate) fn next_wake(&self, chain: ChainId) -> Result<NextWake> {
        Ok(bmn_queue::next_wake(&self.0, chain)?)
    }

    pub(crate) fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<ActionKey>,
        limit: usize,
    ) -> Result<Vec<JobRow>> {
        Ok(bmn_queue::list(&self.0, filter, after, limit)?)
    }
}
