//! Typed reads, the same on a snapshot and inside a write transaction.

use crate::keys::{Key, KeyRange, trailing_order, u64_at};
use crate::rows::{Row, Rows, collect, row};
use crate::tables::{self, QueueTable, Table};
use crate::{
    Change, Cursor, EventKey, EventRow, IntentRow, JobCounts, OrderState, Reservation, StoreError,
    decode,
};
use crate::{chain_writes, orders, secrets, transactions};
use alloy::primitives::{Address, B256, U256};
use bmn_chain::Header;
use bmn_primitives::{AddressWord, ChainId, Hashlock, Leg, OrderHash, OrderId, Secret, SwapId};
use bmn_swap::{
    ActionKey, DestinationLeg, DestinationPlan, Order, SecretKnowledge, SourceLeg, Status,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Typed reads of [`ReadTx`](crate::ReadTx) and [`WriteTx`](crate::WriteTx). A list takes where to go on
/// (`after`, exclusive) and how many rows at most, unless it is bounded by one key. Every method
/// fails with [`StoreError::Undecodable`] on a damaged row and [`StoreError::Storage`] on I/O.
pub trait Reads: Rows {
    // Chain tables.

    /// The header we indexed at `number`.
    fn block(&self, chain: ChainId, number: u64) -> Result<Option<Header>> {
        row(self, tables::BLOCKS, Key::of(chain).u64(number).as_slice())
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
        row(self, tables::EVENTS, chain_writes::event_key(key).as_slice())
    }

    /// Events of the blocks `from..=to`, in chain order.
    fn events(
        &self,
        chain: ChainId,
        from: u64,
        to: u64,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        chain_writes::events(self, chain, from..=to, after, limit)
    }

    /// Events of one escrow, in chain order.
    fn events_of(
        &self,
        chain: ChainId,
        escrow: Address,
        after: Option<EventKey>,
        limit: usize,
    ) -> Result<Vec<EventRow>> {
        let by = Key::of(chain).address(escrow);
        chain_writes::events_by(self, tables::EVENTS_BY_ESCROW, by, after, limit)
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
        let by = Key::of(chain).hash(hash.0);
        chain_writes::events_by(self, tables::EVENTS_BY_ORDER_HASH, by, after, limit)
    }

    /// A source escrow.
    fn source_leg(&self, swap: SwapId) -> Result<Option<SourceLeg>> {
        row(self, tables::SOURCE_LEGS, &swap.to_bytes())
    }

    /// Source escrows of `chain`, by address.
    fn source_legs(
        &self,
        chain: ChainId,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        let range = Key::of(chain).prefix_after(after.as_ref().map(|escrow| escrow.as_slice()));
        let table = tables::SOURCE_LEGS;
        collect(self, table, &range, limit, |key, value| decode(table.name, key, value))
    }

    /// Source escrows that repeat an order hash. Strangers can add to this list.
    fn source_legs_by_order_hash(&self, chain: ChainId, hash: OrderHash) -> Result<Vec<SourceLeg>> {
        let by = Key::of(chain).hash(hash.0);
        chain_writes::source_legs_by(self, tables::SOURCE_BY_ORDER_HASH, by, None, usize::MAX)
    }

    /// Source escrows that repeat a hashlock. Strangers can add to this list.
    fn source_legs_by_hashlock(&self, chain: ChainId, lock: Hashlock) -> Result<Vec<SourceLeg>> {
        let by = Key::of(chain).hash(lock.0);
        chain_writes::source_legs_by(self, tables::SOURCE_BY_HASHLOCK, by, None, usize::MAX)
    }

    /// Source escrows of a maker, by address; `maker` is the raw word of the immutables.
    fn source_legs_by_maker(
        &self,
        chain: ChainId,
        maker: AddressWord,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        let by = Key::of(chain).hash(maker.0.into());
        chain_writes::source_legs_by(self, tables::SOURCE_BY_MAKER, by, after, limit)
    }

    /// Source escrows of a taker, by address; `taker` is the raw word of the immutables.
    fn source_legs_by_taker(
        &self,
        chain: ChainId,
        taker: AddressWord,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Vec<SourceLeg>> {
        let by = Key::of(chain).hash(taker.0.into());
        chain_writes::source_legs_by(self, tables::SOURCE_BY_TAKER, by, after, limit)
    }

    /// A destination escrow.
    fn destination_leg(&self, chain: ChainId, escrow: Address) -> Result<Option<DestinationLeg>> {
        row(self, tables::DESTINATION_LEGS, Key::of(chain).address(escrow).as_slice())
    }

    /// Destination escrows that repeat a hashlock. Strangers can add to this list.
    fn destination_legs_by_hashlock(
        &self,
        chain: ChainId,
        lock: Hashlock,
    ) -> Result<Vec<DestinationLeg>> {
        chain_writes::destination_legs_by_hashlock(self, chain, lock)
    }

    /// Which side of a swap an address is, when it is an escrow we know.
    fn escrow(&self, chain: ChainId, address: Address) -> Result<Option<Leg>> {
        row(self, tables::ESCROWS, Key::of(chain).address(address).as_slice())
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

    /// Orders with a hashlock, on any chain.
    fn orders_by_hashlock(&self, lock: Hashlock) -> Result<Vec<OrderId>> {
        let by = Key::default().hash(lock.0);
        orders::orders_by(self, tables::ORDERS_BY_HASHLOCK, by, None, usize::MAX)
    }

    /// Orders with an order hash: the leaves of one order, or the same order elsewhere.
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
        self.raw_last(table)?.map_or(Ok(0), |(key, _)| u64_at(table, &key, 0))
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
        transactions::reserved(self, chain, token)
    }

    /// The epoch under which an account's signer holds its lease.
    fn lease(&self, chain: ChainId, account: Address) -> Result<Option<u64>> {
        row(self, tables::LEASES, Key::of(chain).address(account).as_slice())
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

    /// The genesis hash that the index of `chain` was built on.
    fn genesis(&self, chain: ChainId) -> Result<Option<B256>> {
        row(self, tables::META, transactions::genesis_key(chain).as_slice())
    }
}

impl<T: Rows> Reads for T {}

/// Reads an order id at the end of each key of `range`.
pub(crate) fn order_ids<R: Rows + ?Sized>(
    rows: &R,
    table: Table,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<OrderId>> {
    collect(rows, table, range, limit, |key, _| trailing_order(table, key))
}
