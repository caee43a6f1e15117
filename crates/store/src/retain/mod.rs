//! Orders that are over leave the database: first into an archive, then, a few at a time, out of the tables.

mod archive;
mod ended;
mod remove;

pub use archive::{ArchivedOrder, OrderArchive};
pub use ended::EndedReads;

use crate::{Cursor, Reads, Store, StoreError};
use bmn_primitives::{ChainId, OrderId};
use ended::Ended;
use std::{collections::BTreeMap, path::Path};

type Result<T> = std::result::Result<T, StoreError>;

/// How long orders are kept (S0-38, S0-66, S0-68, S3-08).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionPolicy {
    /// Seconds of its chains' time from an order's last change until it is archived and removed; none keeps
    /// every order.
    pub orders_secs: Option<u64>,
}

/// How much one call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionBudget {
    /// Orders that are removed at most.
    pub orders: usize,
    /// Orders of one write transaction: few enough that nothing waits longer than 20 ms for it (P4).
    pub slice: usize,
    /// Changes of status that are looked at, at most.
    pub changes: usize,
}

impl Default for RetentionBudget {
    fn default() -> Self {
        Self { orders: 2_048, slice: 8, changes: 16_384 }
    }
}

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Orders that were written into the archive.
    pub archived: u64,
    /// Orders that were removed; more than were archived where a crash came in between.
    pub removed: u64,
    /// Changes of orders that are not there any more and were removed.
    pub changes: u64,
    /// Orders that are old enough and not over yet, or of which something is still due.
    pub held: u64,
    /// There is more to do at once.
    pub is_behind: bool,
    /// An index does not show its chain as it is: nothing was looked at.
    pub is_waiting: bool,
}

/// The archive of a data directory, and how far it was looked through.
#[derive(Debug)]
pub struct Retention {
    archive: OrderArchive,
    /// Number of the next change to look at.
    place: u64,
}

impl Retention {
    /// Archives into `directory`, which is created where it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(directory: &Path) -> Result<Self> {
        Ok(Self { archive: OrderArchive::open(directory)?, place: 0 })
    }

    /// The archive.
    pub const fn archive(&self) -> &OrderArchive {
        &self.archive
    }

    /// Archives and removes orders that ended long enough ago by the time of their own chains, whose escrows
    /// have all ended in final blocks, and of which nothing is left: no transaction, job, promise or claim.
    /// What is removed lies in the archive, on disk. Blocks: not for an async worker. A call that fails may
    /// be made again.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the archive cannot be written, and then nothing was removed that is not in
    /// it; those of any read and commit.
    pub fn retain(
        &mut self,
        store: &Store,
        policy: &RetentionPolicy,
        budget: &RetentionBudget,
    ) -> Result<Retained> {
        self.retain_until(store, policy, budget, &|| false)
    }

    /// The same, until `is_over` says so, which is asked before each slice. What was done until then stays
    /// done, and the next call goes on from there.
    ///
    /// # Errors
    /// As [`Self::retain`].
    pub fn retain_until(
        &mut self,
        store: &Store,
        policy: &RetentionPolicy,
        budget: &RetentionBudget,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Retained> {
        let mut done = Retained::default();
        let Some(age) = policy.orders_secs else { return Ok(done) };
        let mut looked_at = 0;
        while looked_at < budget.changes && done.removed < budget.orders as u64 && !is_over() {
            let Some(slice) = Slice::read(store, age, self.place, budget)? else {
                done.is_waiting = true;
                return Ok(done);
            };
            looked_at += slice.looked_at;
            done.held += slice.held;
            self.place = slice.next;
            self.remove(store, age, &slice, &mut done)?;
            if slice.is_last {
                self.place = 0;
                return Ok(done);
            }
        }
        done.is_behind = true;
        Ok(done)
    }

    fn remove(
        &mut self,
        store: &Store,
        age: u64,
        slice: &Slice,
        done: &mut Retained,
    ) -> Result<()> {
        if slice.orders.is_empty() && slice.stray.is_empty() {
            return Ok(());
        }
        done.archived += self.archive.append(&slice.orders)?;
        let mut tx = store.write_behind()?;
        let horizon = Horizon::read(&tx, age)?;
        // Since the slice was read an index may have begun to be written again.
        if !horizon.is_current() {
            return Ok(());
        }
        for order in &slice.orders {
            // What changed since it was written into the archive is written there again, later.
            if Ended::of(&tx, order.id, &horizon)?.is_some_and(|now| now.change == order.change) {
                tx.remove_ended(order.id)?;
                done.removed += 1;
            }
        }
        for (order, seq) in &slice.stray {
            tx.forget_change(*order, *seq)?;
            done.changes += 1;
        }
        tx.commit()
    }
}

/// Orders of which one write transaction is rid.
struct Slice {
    orders: Vec<Ended>,
    /// Changes of orders that are not there any more.
    stray: Vec<(OrderId, u64)>,
    held: u64,
    looked_at: usize,
    next: u64,
    is_last: bool,
}

/// Changes that are read at once.
const PAGE: usize = 256;

impl Slice {
    /// None while an index does not show its chain as it is.
    fn read(store: &Store, age: u64, from: u64, budget: &RetentionBudget) -> Result<Option<Self>> {
        let read = store.read()?;
        let horizon = Horizon::read(&read, age)?;
        if !horizon.is_current() {
            return Ok(None);
        }
        let mut slice = Self {
            orders: Vec::new(),
            stray: Vec::new(),
            held: 0,
            looked_at: 0,
            next: from,
            is_last: false,
        };
        let page = read.changes(from, PAGE)?;
        slice.is_last = page.len() < PAGE;
        for change in page {
            if slice.orders.len() >= budget.slice.max(1) || slice.stray.len() >= PAGE / 4 {
                slice.is_last = false;
                return Ok(Some(slice));
            }
            // What comes after it is newer still.
            if !change.at.iter().any(|(chain, block)| horizon.is_past(*chain, block)) {
                slice.is_last = true;
                return Ok(Some(slice));
            }
            slice.next = change.seq + 1;
            slice.looked_at += 1;
            if slice.orders.iter().any(|order| order.id == change.order) {
                continue;
            }
            if read.order(change.order)?.is_none() {
                let is_past = change.at.iter().all(|(chain, block)| horizon.is_past(*chain, block));
                slice.stray.extend(is_past.then_some((change.order, change.seq)));
                continue;
            }
            match Ended::of(&read, change.order, &horizon)? {
                Some(ended) => slice.orders.push(ended),
                None => slice.held += 1,
            }
        }
        Ok(Some(slice))
    }
}

/// Up to where the past of each chain is over, by its own clock and its own finality.
pub(crate) struct Horizon {
    cursors: BTreeMap<ChainId, Cursor>,
    age: u64,
}

impl Horizon {
    pub(crate) fn read(read: &impl Reads, age: u64) -> Result<Self> {
        Ok(Self { cursors: read.cursors()?.into_iter().collect(), age })
    }

    fn is_current(&self) -> bool {
        self.cursors.values().all(|cursor| cursor.mode.is_current())
    }

    fn serves(&self, chain: ChainId) -> bool {
        self.cursors.contains_key(&chain)
    }

    /// Whether a block is final on its chain.
    fn is_final(&self, chain: ChainId, number: u64) -> bool {
        let finalized = self.cursors.get(&chain).and_then(|cursor| cursor.finalized);
        finalized.is_some_and(|finalized| finalized.number >= number)
    }

    /// Whether a block is final, and as old as asked for.
    fn is_past(&self, chain: ChainId, block: &bmn_primitives::BlockRef) -> bool {
        let finalized = self.cursors.get(&chain).and_then(|cursor| cursor.finalized);
        finalized.is_some_and(|finalized| {
            finalized.number >= block.number
                && finalized.time >= block.time.saturating_add(self.age)
        })
    }
}

/// An order's name in logs and in the archive.
fn name(id: OrderId) -> String {
    id.to_string()
}
