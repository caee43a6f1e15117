//! Typed reads, the same on a snapshot and inside a write transaction.

use crate::keys::{Key, KeyRange, trailing_order, u64_at};
use crate::rows::{Row, Rows, collect, row};
use crate::tables::{self, QueueTable, Table};
use crate::{
    AnyLeg, Change, Cursor, DayCounts, EndedReads, EventKey, EventRow, IntentRow, JobCounts,
    LegIndex, LegState, OrderState, Reservation, RollingDigest, SourceBinding, StoreError, Volume,
    decode,
};
use crate::{
    chain_writes, daily, digest, events, index, legs, orders, prune, secrets, spending, totals,
    transactions,
};
use alloy::primitives::{Address, B256, U256};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Dialect, Hashlock, Leg, OrderHash, OrderId, Secret, SwapId,
};
use bmn_swap::{
    ActionKey, DestinationLeg, DestinationPlan, Order, SecretKnowledge, SourceLeg, Status,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Typed reads of [`ReadTx`](crate::ReadTx) and [`WriteTx`](crate::WriteTx). A list takes where to go on
/// (`after`, exclusive) and how many rows at most, unless it is bounded by one key. Every method
/// fails with [`StoreError::Undecodable`] on a damaged row and [`StoreError::Storage`] on I/O.
pub trait Reads: Rows {
    // Chain tables.

    /// Our block at `number`: known while it can be undone, when it holds events, or when the cursor
    /// names it.
    fn block(&self, chain: ChainId, number: u64) -> Result<Option<BlockRef>> {
        chain_writes::block(self, chain, number)
    }

    /// The rolling digest at block `number`; `None` when the index has not come so far.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] when the index is not kept down to there.
    fn digest_at(&self, chain: ChainId, number: u64) -> Result<Option<RollingDigest>> {
        digest::rolling(self, chain, number)
    }

    /// Where the index of `chain` stands; all fields empty before the first block.
    fn cursor(&self, chain: ChainId) -> Result<Cursor> {
        Ok(row(self, tables::CURSORS, Key::of(chain).as_slice())?.unwrap_or_default())
    }

    /// Every indexed chain and where it stands, by chain id.
    fn cursors(&self) -> Result<Vec<(ChainId, Cursor)>> {
        let table = tables::CURSORS;
        collect(self, table, &KeyRange::all(), usize::MAX, |key, value| {
            Ok((ChainId(u64_at(table, key, 0)?), decode(table.name, key, value)?))
        })
    }

    /// The lowest block of `chain` that can still be undone.
    fn undo_floor(&self, chain: ChainId) -> Result<Option<u64>> {
        let table = tables::UNDO;
        let lowest =
            collect(self, table, &Key::of(chain).prefix(), 1, |key, _| u64_at(table, key, 8))?;
        Ok(lowest.first().copied())
    }

    /// One event.
    fn event(&self, key: EventKey) -> Result<Option<EventRow>> {
        events::event(self, key)
    }

    /// Events of the blocks `from..=to`, in chain order. Below the
    /// [floor](crate::PruneReads::index_floor) only some are there.
    fn events(
        &self,
        chain: ChainId,
        from: u64,
        to: u64,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        events::events(self, chain, from..=to, after, limit)
    }

    /// Events of one escrow that we know, in chain order.
    fn events_of(
        &self,
        chain: ChainId,
        escrow: Address,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        legs::events_of(self, chain, escrow, after, limit)
    }

    /// Events of `chain` that name an order hash, in chain order: fills, cancellations and source
    /// escrows.
    fn events_of_order(
        &self,
        chain: ChainId,
        hash: OrderHash,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        index::events_of_order(self, chain, hash, after, limit)
    }

    /// Withdrawals on `chain` that show the secret behind `lock`, in chain order. What was shown
    /// stays in [`public_secret`](Self::public_secret) when its block is reverted.
    fn withdrawals(
        &self,
        chain: ChainId,
        lock: Hashlock,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        index::withdrawals(self, chain, lock, after, limit)
    }

    /// Escrows of `chain` that `by` lists, in the order of their creation; `after` is the
    /// [place](AnyLeg::place) of the last one seen.
    fn legs_by(
        &self,
        chain: ChainId,
        by: LegIndex,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<AnyLeg>> {
        index::legs_by(self, chain, by, after, limit)
    }

    /// A source escrow.
    fn source_leg(&self, swap: SwapId) -> Result<Option<SourceLeg>> {
        legs::source_leg(self, swap)
    }

    /// Source escrows of `chain`, by address.
    fn source_legs(
        &self,
        chain: ChainId,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        legs::source_legs(self, chain, after, limit)
    }

    /// The oldest source escrow that a fill made as `binding` says. Strangers can repeat an order
    /// hash and a hashlock, and do not come before it.
    fn filled_source(&self, chain: ChainId, binding: SourceBinding) -> Result<Option<SourceLeg>> {
        Ok(sources(self.legs_by(chain, LegIndex::Filled(binding), None, 1)?).pop())
    }

    /// Source escrows that repeat an order hash, oldest first. Strangers can add to this list.
    fn source_legs_by_order_hash(
        &self,
        chain: ChainId,
        hash: OrderHash,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        Ok(sources(self.legs_by(chain, LegIndex::OrderHash(hash), None, limit)?))
    }

    /// Source escrows that repeat a hashlock, oldest first. Strangers can add to this list.
    fn source_legs_by_hashlock(
        &self,
        chain: ChainId,
        lock: Hashlock,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        Ok(sources(self.legs_by(chain, LegIndex::SourceHashlock(lock), None, limit)?))
    }

    /// Source escrows of a maker, oldest first; `maker` is the raw word of the immutables.
    fn source_legs_by_maker(
        &self,
        chain: ChainId,
        maker: AddressWord,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        Ok(sources(self.legs_by(chain, LegIndex::SourceMaker(maker), after, limit)?))
    }

    /// Source escrows of a taker in a state, oldest first; `taker` is the raw word of the immutables.
    fn source_legs_by_taker(
        &self,
        chain: ChainId,
        taker: AddressWord,
        state: LegState,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        Ok(sources(self.legs_by(chain, LegIndex::SourceTaker(taker, state), after, limit)?))
    }

    /// A destination escrow.
    fn destination_leg(&self, chain: ChainId, escrow: Address) -> Result<Option<DestinationLeg>> {
        legs::destination_leg(self, chain, escrow)
    }

    /// Destination escrows that repeat a hashlock, oldest first. Strangers can add to this list.
    fn destination_legs_by_hashlock(
        &self,
        chain: ChainId,
        lock: Hashlock,
        limit: usize,
    ) -> Result<Vec<DestinationLeg>> {
        let legs = self.legs_by(chain, LegIndex::DestinationHashlock(lock), None, limit)?;
        let of_destination = |leg| match leg {
            AnyLeg::Destination(leg) => Some(leg),
            AnyLeg::Source(_) => None,
        };
        Ok(legs.into_iter().filter_map(of_destination).collect())
    }

    /// Which side of a swap an address is, when it is an escrow we know.
    fn escrow(&self, chain: ChainId, address: Address) -> Result<Option<Leg>> {
        match legs::leg_row(self, chain, address)? {
            Some(row) => Ok(Some(row.side)),
            None => Ok(prune::pruned(self, chain, address)?.map(|gone| gone.side)),
        }
    }

    /// The side and the dialect of an escrow we know, by which its logs are read; also of one that was
    /// pruned.
    fn emitter(&self, chain: ChainId, address: Address) -> Result<Option<(Leg, Dialect)>> {
        legs::emitter(self, chain, address)
    }

    /// The days `from..=to` (unix time / 86 400) on which something happened on `chain`.
    fn days(
        &self,
        chain: ChainId,
        from: u32,
        to: u32,
        limit: usize,
    ) -> Result<Vec<(u32, DayCounts)>> {
        daily::days(self, chain, from..=to, limit)
    }

    /// Volumes of a day, by side and token.
    fn volumes(
        &self,
        chain: ChainId,
        day: u32,
        after: Option<(Leg, Address)>,
        limit: usize,
    ) -> Result<Vec<Volume>> {
        daily::volumes(self, chain, day, after, limit)
    }

    // Orders.

    /// An order.
    fn order(&self, order: OrderId) -> Result<Option<Order>> {
        row(self, tables::ORDERS, &order.to_bytes())
    }

    /// Where an order stands.
    fn order_state(&self, order: OrderId) -> Result<Option<OrderState>> {
        row(self, tables::ORDER_STATE, &order.to_bytes())
    }

    /// Orders, by id.
    fn orders(&self, after: Option<OrderId>, limit: usize) -> Result<Vec<Order>> {
        let range = KeyRange::after(after.map(OrderId::to_bytes).as_ref().map(|key| &key[..]));
        let table = tables::ORDERS;
        collect(self, table, &range, limit, |key, value| decode(table.name, key, value))
    }

    /// Orders in a status, by id.
    fn orders_by_status(
        &self,
        status: Status,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let by = Key::default().bytes(&[status as u8]);
        orders::orders_by(self, tables::ORDERS_BY_STATUS, by, after, limit)
    }

    /// How many orders are in a status.
    fn orders_in(&self, status: Status) -> Result<u64> {
        totals::orders_in(self, status)
    }

    /// Orders of a maker, by id.
    fn orders_by_maker(
        &self,
        maker: Address,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let by = Key::default().address(maker);
        orders::orders_by(self, tables::ORDERS_BY_MAKER, by, after, limit)
    }

    /// Orders with a hashlock that we settle, on any chain. Whoever admits orders sees to it that
    /// there is one at most.
    fn accepted_by_hashlock(&self, lock: Hashlock, limit: usize) -> Result<Vec<OrderId>> {
        let by = Key::default().hash(lock.0);
        orders::orders_by(self, tables::ACCEPTED_BY_HASHLOCK, by, None, limit)
    }

    /// The order that a direct source escrow is, if we took it up. More than one only where a reorg
    /// put another order hash at its address.
    fn direct_orders(&self, swap: SwapId, limit: usize) -> Result<Vec<OrderId>> {
        orders::orders_at(self, swap.chain, swap.escrow, None, limit)
    }

    /// What we know of the order that a limit-order contract calls `hash`: itself, or its leaves.
    fn submitted_orders(
        &self,
        chain: ChainId,
        contract: Address,
        hash: OrderHash,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        orders::orders_at(self, chain, contract, Some(hash), limit)
    }

    /// Orders with a hashlock, on any chain. Strangers can add to this list.
    fn orders_by_hashlock(&self, lock: Hashlock) -> Result<Vec<OrderId>> {
        let by = Key::default().hash(lock.0);
        orders::orders_by(self, tables::ORDERS_BY_HASHLOCK, by, None, usize::MAX)
    }

    /// Orders with an order hash: the leaves of one order, or the same order elsewhere. Strangers
    /// can add to this list.
    fn orders_by_hash(&self, hash: OrderHash) -> Result<Vec<OrderId>> {
        let by = Key::default().hash(hash.0);
        orders::orders_by(self, tables::ORDERS_BY_HASH, by, None, usize::MAX)
    }

    /// The order a source escrow is bound to.
    fn order_by_source(&self, swap: SwapId) -> Result<Option<OrderId>> {
        row(self, tables::ORDER_BY_SOURCE, &swap.to_bytes())
    }

    /// The order that a destination escrow was ever planned for.
    fn order_by_plan_escrow(&self, chain: ChainId, escrow: Address) -> Result<Option<OrderId>> {
        Ok(self.plan(chain, escrow)?.map(|(order, _)| order))
    }

    /// A destination plan, also one that another has replaced since, and its order.
    fn plan(&self, chain: ChainId, escrow: Address) -> Result<Option<(OrderId, DestinationPlan)>> {
        row(self, tables::PLANS, Key::of(chain).address(escrow).as_slice())
    }

    /// Every destination plan ever made for `order`, by chain and escrow.
    fn plans_of(&self, order: OrderId) -> Result<Vec<DestinationPlan>> {
        orders::plans_of(self, order)
    }

    /// Changes of status numbered `from` and up.
    fn changes(&self, from: u64, limit: usize) -> Result<Vec<Change>> {
        let range = KeyRange::between(&from.to_be_bytes(), None);
        let table = tables::SEQUENCE;
        collect(self, table, &range, limit, |key, value| decode(table.name, key, value))
    }

    /// The newest `limit` changes of one order, oldest first.
    fn changes_of(&self, order: OrderId, limit: usize) -> Result<Vec<Change>> {
        orders::changes_of(self, order, limit)
    }

    /// Number of the newest change; 0 when there is none.
    fn last_change(&self) -> Result<u64> {
        let table = tables::SEQUENCE;
        let last = self.raw_last(table, &KeyRange::all())?;
        let kept = last.map_or(Ok(0), |(key, _)| u64_at(table, &key, 0))?;
        // A number is never given twice, also when the newest change was archived.
        Ok(kept.max(self.changes_from()?.saturating_sub(1)))
    }

    // Secrets.

    /// What we know of the secret behind `lock`.
    fn secret_knowledge(&self, lock: Hashlock) -> Result<SecretKnowledge> {
        secrets::knowledge(self, lock)
    }

    /// The secret behind `lock` when a chain has shown it.
    fn public_secret(&self, lock: Hashlock) -> Result<Option<B256>> {
        row(self, tables::PUBLIC_SECRETS, lock.0.as_slice())
    }

    /// The secret behind `lock`, public or sealed. Only to build calldata.
    ///
    /// # Errors
    /// [`StoreError::SealBroken`] when the sealed row was altered.
    fn open_secret(&self, lock: Hashlock) -> Result<Option<Secret>> {
        secrets::open(self, lock)
    }

    // What we do.

    /// The unsettled transaction of an action.
    ///
    /// # Errors
    /// [`StoreError::SealBroken`] when the sealed bytes were altered.
    fn intent(&self, key: &ActionKey) -> Result<Option<IntentRow>> {
        transactions::intent(self, key)
    }

    /// The unsettled transactions on `chain`, by account and nonce.
    fn intents(&self, chain: ChainId) -> Result<Vec<IntentRow>> {
        transactions::intents(self, chain)
    }

    /// The action whose transaction owns a nonce.
    fn intent_at(&self, chain: ChainId, account: Address, nonce: u64) -> Result<Option<ActionKey>> {
        let key = Key::of(chain).address(account).u64(nonce);
        row(self, tables::INTENTS_BY_NONCE, key.as_slice())
    }

    /// Nonces from `from` on that unsettled transactions of an account hold, rising.
    fn held_nonces(&self, chain: ChainId, account: Address, from: u64) -> Result<Vec<u64>> {
        transactions::held_nonces(self, chain, account, from)
    }

    /// The next nonce to hand out; none before the first.
    fn next_nonce(&self, chain: ChainId, account: Address) -> Result<Option<u64>> {
        row(self, tables::NONCES, Key::of(chain).address(account).as_slice())
    }

    /// What is promised to an order.
    fn reservations(&self, order: OrderId) -> Result<Vec<Reservation>> {
        transactions::reservations(self, order)
    }

    /// Sum of what is promised of a token, smallest unit.
    fn reserved(&self, chain: ChainId, token: Address) -> Result<U256> {
        totals::promised(self, chain, token)
    }

    /// What our transactions of a day (unix time / 86 400, of the chain's own time) may spend of a
    /// token, smallest unit; zero is the coin.
    fn spent(&self, chain: ChainId, day: u32, token: Address) -> Result<U256> {
        spending::spent(self, chain, day, token)
    }

    /// The epoch under which an account's signer holds its lease.
    fn lease(&self, chain: ChainId, account: Address) -> Result<Option<u64>> {
        row(self, tables::LEASES, Key::of(chain).address(account).as_slice())
    }

    /// The account that took a lease last, on any chain.
    fn newest_leaseholder(&self) -> Result<Option<Address>> {
        transactions::newest_leaseholder(self)
    }

    // Jobs.

    /// How many jobs there are.
    fn job_counts(&self) -> Result<JobCounts> {
        let (jobs, ready) = (self.raw_len(tables::JOBS)?, self.raw_len(tables::JOBS_READY)?);
        let (held, dead) = (self.raw_len(tables::JOBS_HELD)?, self.raw_len(tables::JOBS_DEAD)?);
        let waiting = jobs.saturating_sub(ready).saturating_sub(held).saturating_sub(dead);
        Ok(JobCounts { waiting, ready, held, dead })
    }

    /// A row of a job table.
    fn queue_get(&self, table: QueueTable, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.raw_get(table.table(), key)
    }

    /// Rows of a job table with `from <= key < below` (`None`: to the end), in key order.
    fn queue_scan(
        &self,
        table: QueueTable,
        from: &[u8],
        below: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>> {
        let range = KeyRange::between(from, below);
        collect(self, table.table(), &range, limit, |key, value| Ok((key.to_vec(), value.to_vec())))
    }

    /// What [`WriteTx::set_reading`](crate::WriteTx::set_reading) noted last.
    fn reading(&self, chain: ChainId) -> Result<Option<B256>> {
        row(self, tables::META, transactions::reading_key(chain).as_slice())
    }

    /// The genesis hash that the index of `chain` was built on.
    fn genesis(&self, chain: ChainId) -> Result<Option<B256>> {
        row(self, tables::META, transactions::genesis_key(chain).as_slice())
    }
}

impl<T: Rows> Reads for T {}

fn sources(legs: Vec<AnyLeg>) -> Vec<SourceLeg> {
    let of_source = |leg| match leg {
        AnyLeg::Source(leg) => Some(leg),
        AnyLeg::Destination(_) => None,
    };
    legs.into_iter().filter_map(of_source).collect()
}

/// Reads an order id at the end of each key of `range`.
pub(crate) fn order_ids<R: Rows + ?Sized>(
    rows: &R,
    table: Table,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<OrderId>> {
    collect(rows, table, range, limit, |key, _| trailing_order(table, key))
}
