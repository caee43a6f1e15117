//! Jobs to make and a store to keep them in.

use crate::{Claim, JobRow, QueueError, Reconciled, get};
use alloy::primitives::{Address, B256, Bloom};
use bmn_primitives::{ChainId, OrderHash, OrderId};
use bmn_store::testing::CrashBackend;
use bmn_store::{MasterKey, Store, StoreOptions, WriteTx};
use bmn_swap::{Action, ActionKey, Due, Wake, When};

pub(crate) const A: ChainId = ChainId(1);
pub(crate) const B: ChainId = ChainId(u64::MAX);

pub(crate) fn open(disk: &CrashBackend) -> Result<Store, bmn_store::StoreError> {
    Store::open(StoreOptions::backend(disk.clone(), MasterKey::new([7; 32])))
}

pub(crate) fn memory() -> Store {
    open(&CrashBackend::new()).unwrap()
}

pub(crate) fn commit<T>(store: &Store, write: impl FnOnce(&mut WriteTx) -> T) -> T {
    let mut tx = store.write().unwrap();
    let value = write(&mut tx);
    tx.commit().unwrap();
    value
}

pub(crate) fn order(n: u8) -> OrderId {
    OrderId {
        chain: A,
        contract: Address::repeat_byte(9),
        hash: OrderHash(B256::repeat_byte(n)),
        leaf: u16::MAX,
    }
}

pub(crate) fn key(n: u8, action: Action, chain: ChainId) -> ActionKey {
    ActionKey { order: order(n), action, chain, escrow: Address::repeat_byte(0xff) }
}

pub(crate) fn now(key: ActionKey) -> Due {
    Due { key, when: When::Now }
}

pub(crate) fn waiting(key: ActionKey, wakes: &[Wake]) -> Due {
    Due { key, when: When::Wake(wakes.to_vec()) }
}

pub(crate) fn height(chain: ChainId, number: u64) -> Wake {
    Wake::Height { chain, number }
}

pub(crate) fn time(chain: ChainId, time: u64) -> Wake {
    Wake::Time { chain, time }
}

/// A plan without deadlines.
pub(crate) fn reconcile(
    tx: &mut WriteTx,
    order: OrderId,
    due: &[Due],
) -> Result<Reconciled, QueueError> {
    crate::reconcile(tx, order, due, |_| None)
}

/// A lease taken at second 0.
pub(crate) fn lease(
    tx: &mut WriteTx,
    chain: ChainId,
    epoch: u64,
) -> Result<Option<JobRow>, QueueError> {
    crate::lease(tx, chain, epoch, 0)
}

/// The claim of whoever leased the job of an action last.
pub(crate) fn claim(tx: &WriteTx, key: &ActionKey) -> Claim {
    get(tx, key).unwrap().map_or(Claim { key: *key, token: 0 }, |job| job.claim())
}

/// A block on top of nothing.
pub(crate) fn header(number: u64, timestamp: u64) -> bmn_chain::Header {
    bmn_chain::Header {
        number,
        hash: B256::repeat_byte(5),
        parent_hash: B256::ZERO,
        timestamp,
        logs_bloom: Bloom::ZERO,
        receipts_root: B256::ZERO,
        base_fee: None,
    }
}

/// Makes a block the newest of a chain that had none.
pub(crate) fn begin(tx: &mut WriteTx, chain: ChainId, number: u64, timestamp: u64) {
    tx.begin_block(chain, &header(number, timestamp)).unwrap();
    tx.end_block().unwrap();
}
