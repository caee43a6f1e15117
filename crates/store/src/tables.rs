//! The schema on one page.
//!
//! Keys are raw bytes: fixed-width fields side by side, integers big-endian, so that byte order is
//! the order of the fields. Values are one row-version byte and the row in postcard; an index has an
//! empty value unless it says otherwise. Rows marked *packed* have their runs of zero bytes
//! shortened. `chain` is 8 bytes, `number` 8, `log` 4, `day` 4, `escrow` 20, `hash` 32, `order` an
//! `OrderId` of 62 bytes, `action` an `ActionKey` of 91 bytes.
//!
//! A row of a chain table is a function of the canonical chain alone: the same whether its blocks
//! came one by one, in segments, with reorgs between them, or as history with empty blocks left out.
//! What is over may be taken out of them again, from the oldest block up: see `prune`.

use redb::TableDefinition;

/// Version of this page. A file with a higher one is refused. From a lower one the operational
/// tables are kept, brought to their present form; from the first, every chain is indexed again from its
/// start.
pub const SCHEMA_VERSION: u32 = 5;

/// Version byte in front of every row.
pub(crate) const ROW_VERSION: u8 = 1;

/// Who may write a table and whether a reorg undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Written inside a block, journaled, undone by a reorg, part of the digest. Every key starts
    /// with the chain that writes it.
    Chain,
    /// Ours: changed by forward records only.
    Operational,
}

/// A table: its number in undo journals and digests, its name in the file, its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub(crate) id: u8,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

impl Table {
    const fn chain(id: u8, name: &'static str) -> Self {
        Self { id, name, kind: Kind::Chain }
    }

    const fn operational(id: u8, name: &'static str) -> Self {
        Self { id, name, kind: Kind::Operational }
    }

    pub(crate) const fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name)
    }

    /// False for what a chain shows and how to undo it: an upgrade drops it.
    pub(crate) fn outlives_upgrade(self) -> bool {
        self.kind == Kind::Operational && self.id != UNDO.id && self.id != CURSORS.id
    }

    /// The table with this number.
    pub(crate) fn by_id(id: u8) -> Option<Self> {
        ALL.iter().copied().find(|table| table.id == id)
    }

    /// The chain table with this number.
    pub(crate) fn chain_table(id: u8) -> Option<Self> {
        Self::by_id(id).filter(|table| table.kind == Kind::Chain)
    }

    /// The chain tables in the order of their numbers.
    pub(crate) fn chain_tables() -> impl Iterator<Item = Self> {
        ALL.iter().copied().filter(|table| table.kind == Kind::Chain)
    }
}

// Chain tables.

/// Blocks that hold a believed event; the others have no row: chain, number => BlockRow.
pub(crate) const BLOCKS: Table = Table::chain(1, "blocks");
/// Every believed event, without what the key or the block's row says: chain, number, log =>
/// StoredEvent, packed.
pub(crate) const EVENTS: Table = Table::chain(2, "events");
/// Escrows of both sides; what they are bound to stands in the event that created them: chain,
/// escrow => LegRow.
pub(crate) const LEGS: Table = Table::chain(3, "legs");
/// What events are found by: chain, kind (1), word (16), \[state (1)\], number, log => empty. The
/// kinds are those of `Kind` in `index.rs`; a word is the first half of a hash or the last 16 bytes
/// of an address, and whoever reads compares the whole of it in the row it leads to. Escrows that a
/// fill made are listed once more under kind 11, by the hash of all that binds one to an order
/// (`SourceBinding`): what strangers repeat of an order is not on that list.
pub(crate) const INDEX: Table = Table::chain(4, "index");
/// Statistics of a day (unix time / 86 400): chain, day => DayRow; chain, day, side (1), token
/// (the last 20 bytes of its word) => volume.
pub(crate) const DAILY: Table = Table::chain(5, "daily");
/// Escrows of which nothing else is kept: chain, escrow => PrunedEscrow. Written with a floor, not with a
/// block, so no reorg undoes it.
pub(crate) const PRUNED: Table = Table::chain(6, "pruned");

// Operational tables: the chains' bookkeeping.

/// Where each chain's index stands: chain => Cursor.
pub(crate) const CURSORS: Table = Table::operational(32, "cursors");
/// Blocks that may still be undone, and how; final ones have no row: chain, number => Journal,
/// packed.
pub(crate) const UNDO: Table = Table::operational(33, "undo");
/// Facts about this file by name: `schema`, `epoch`, `job_seq`, `lease_token`, `key_check`, `genesis/` +
/// chain, `reading/` + chain, `modes`, `quotes`, `late/` + order + action (1), `ended/` + hashlock of an archived order,
/// `changes_from`, `floor/` + chain.
pub(crate) const META: Table = Table::operational(34, "meta");

// Operational tables: orders.

/// Orders as we took them: order => Order.
pub(crate) const ORDERS: Table = Table::operational(40, "orders");
/// Where each order stands: order => OrderState.
pub(crate) const ORDER_STATE: Table = Table::operational(41, "order_state");
/// Orders of a hashlock: hashlock, order => empty.
pub(crate) const ORDERS_BY_HASHLOCK: Table = Table::operational(42, "orders_by_hashlock");
/// Those of them that we settle: hashlock, order => empty. Refused ones, which strangers can make,
/// do not stand in the way of these.
pub(crate) const ACCEPTED_BY_HASHLOCK: Table = Table::operational(51, "accepted_by_hashlock");
/// Orders of an order hash: order hash, order => empty.
pub(crate) const ORDERS_BY_HASH: Table = Table::operational(43, "orders_by_hash");
/// Orders of a maker: maker (20 bytes), order => empty.
pub(crate) const ORDERS_BY_MAKER: Table = Table::operational(44, "orders_by_maker");
/// Orders in a status: status (1 byte), order => empty.
pub(crate) const ORDERS_BY_STATUS: Table = Table::operational(45, "orders_by_status");
/// The order a source escrow is bound to: chain, escrow => order.
pub(crate) const ORDER_BY_SOURCE: Table = Table::operational(46, "order_by_source");
/// Every destination plan that ever had an escrow, kept until its order is archived: chain, escrow => (order,
/// DestinationPlan).
pub(crate) const PLANS: Table = Table::operational(47, "plans");
/// The same by order: order, chain, escrow => empty.
pub(crate) const PLANS_BY_ORDER: Table = Table::operational(49, "plans_by_order");
/// Every change of an order's status, numbered from 1 without a gap, from `changes_from` in
/// [`META`] on: u64 => Change.
pub(crate) const SEQUENCE: Table = Table::operational(48, "sequence");
/// The changes of an order, oldest first: order, u64 => empty.
pub(crate) const SEQUENCE_BY_ORDER: Table = Table::operational(50, "sequence_by_order");

/// The numbers behind the newest decision about an order: order => Assessment.
pub(crate) const ASSESSMENTS: Table = Table::operational(53, "assessments");
/// What each open order adds to what the caps count: order => Exposure.
pub(crate) const EXPOSURES: Table = Table::operational(54, "exposures");
/// Sums over other tables, changed in the transaction that changes their rows; a sum of nothing has no
/// row. What is summed and its key: `Total` in `totals.rs` => 512-bit number.
pub(crate) const TOTALS: Table = Table::operational(55, "totals");

// Operational tables: secrets.

/// Secrets encrypted with a key of their own: hashlock => Body.
pub(crate) const SECRETS: Table = Table::operational(56, "secrets");
/// Those keys, encrypted with the master key; wiping drops the row: hashlock => WrappedKey.
pub(crate) const SECRET_KEYS: Table = Table::operational(57, "secret_keys");
/// Secrets seen on a chain, kept when their block is reverted: hashlock => B256.
pub(crate) const PUBLIC_SECRETS: Table = Table::operational(58, "public_secrets");

// Operational tables: what we do.

/// Transactions of ours whose nonce is not settled: action => sealed IntentRow.
pub(crate) const INTENTS: Table = Table::operational(64, "intents");
/// The intent that owns a nonce: chain, account (20), nonce (8) => action.
pub(crate) const INTENTS_BY_NONCE: Table = Table::operational(65, "intents_by_nonce");
/// The next nonce to hand out: chain, account => u64.
pub(crate) const NONCES: Table = Table::operational(66, "nonces");
/// Balance promised to an order: order, chain, token (20) => amount.
pub(crate) const RESERVATIONS: Table = Table::operational(67, "reservations");
/// The same by token: chain, token, order => amount.
pub(crate) const RESERVATIONS_BY_TOKEN: Table = Table::operational(68, "reservations_by_token");
/// Fencing epoch of the signer of an account: chain, account => u64.
pub(crate) const LEASES: Table = Table::operational(69, "leases");

/// What an intent has beside its transaction: why it was sent, what it may spend: action =>
/// IntentNotes. None for an intent from before there were notes.
pub(crate) const INTENT_NOTES: Table = Table::operational(70, "intent_notes");
/// What our transactions of a day may spend, gas at its maximum fee: chain, day, token (20; zero is
/// the coin) => amount.
pub(crate) const SPENT: Table = Table::operational(71, "spent");

/// What we did about strangers' swaps: order => KeepingRow.
pub(crate) const KEEPING: Table = Table::operational(72, "keeping");

/// What each accepted order will take from its maker when it is filled: order => MakerClaim.
pub(crate) const CLAIMS: Table = Table::operational(73, "claims");

// Operational tables: jobs. Their rows belong to the queue crate.

/// Jobs: action => JobRow.
pub(crate) const JOBS: Table = Table::operational(80, "jobs");
/// Jobs that may run, in the order they are to run: acting chain, lane (1), latest safe time (8), seq
/// (8) => action.
pub(crate) const JOBS_READY: Table = Table::operational(81, "jobs_ready");
/// What waiting jobs wait for: watched chain, kind (1), height or time (8), action => empty.
pub(crate) const JOB_WAKES: Table = Table::operational(82, "job_wakes");
/// Jobs leased or sent: acting chain, kind (1), end of the lease (8), action => empty.
pub(crate) const JOBS_HELD: Table = Table::operational(83, "jobs_held");
/// Dead letters: action => empty.
pub(crate) const JOBS_DEAD: Table = Table::operational(84, "jobs_dead");

/// Numbers of chain tables are below this.
pub(crate) const CHAIN_SLOTS: usize = 8;

/// Numbers of tables are below this.
pub(crate) const SLOTS: usize = 96;

/// Every table of the schema. All of them exist in every file of this version.
pub(crate) const ALL: &[Table] = &[
    BLOCKS,
    EVENTS,
    LEGS,
    INDEX,
    DAILY,
    PRUNED,
    CURSORS,
    UNDO,
    META,
    ORDERS,
    ORDER_STATE,
    ORDERS_BY_HASHLOCK,
    ACCEPTED_BY_HASHLOCK,
    ORDERS_BY_HASH,
    ORDERS_BY_MAKER,
    ORDERS_BY_STATUS,
    ORDER_BY_SOURCE,
    PLANS,
    PLANS_BY_ORDER,
    SEQUENCE,
    SEQUENCE_BY_ORDER,
    ASSESSMENTS,
    EXPOSURES,
    TOTALS,
    SECRETS,
    SECRET_KEYS,
    PUBLIC_SECRETS,
    INTENTS,
    INTENTS_BY_NONCE,
    NONCES,
    RESERVATIONS,
    RESERVATIONS_BY_TOKEN,
    LEASES,
    INTENT_NOTES,
    SPENT,
    KEEPING,
    CLAIMS,
    JOBS,
    JOBS_READY,
    JOB_WAKES,
    JOBS_HELD,
    JOBS_DEAD,
];

/// The job tables. Their rows are written and read by `bmn-queue` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueTable {
    /// Jobs by action key.
    Jobs,
    /// Jobs that may run, by acting chain, lane, latest safe time and sequence number.
    Ready,
    /// Wakes of waiting jobs, by watched chain, kind and value.
    Wakes,
    /// Leased and sent jobs, by acting chain; leases by their end.
    Held,
    /// Dead letters, by action key.
    Dead,
}

impl QueueTable {
    pub(crate) const fn table(self) -> Table {
        match self {
            Self::Jobs => JOBS,
            Self::Ready => JOBS_READY,
            Self::Wakes => JOB_WAKES,
            Self::Held => JOBS_HELD,
            Self::Dead => JOBS_DEAD,
        }
    }

    /// The table's name in the file, for errors.
    pub const fn name(self) -> &'static str {
        self.table().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique() {
        let ids: HashSet<_> = ALL.iter().map(|table| table.id).collect();
        let names: HashSet<_> = ALL.iter().map(|table| table.name).collect();
        assert_eq!((ids.len(), names.len()), (ALL.len(), ALL.len()));
        assert!(ALL.iter().all(|table| usize::from(table.id) < SLOTS));
        assert!(Table::chain_tables().all(|table| usize::from(table.id) < CHAIN_SLOTS));
    }

    #[test]
    fn only_chain_tables_can_be_undone() {
        assert_eq!(Table::chain_table(BLOCKS.id), Some(BLOCKS));
        assert_eq!(Table::chain_table(ORDERS.id), None);
        assert_eq!(Table::chain_table(255), None);
    }
}
