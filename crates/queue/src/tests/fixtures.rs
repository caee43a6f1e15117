//! Jobs to make and a store to keep them in.

use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, OrderHash, OrderId};
use bmn_store::testing::CrashBackend;
use bmn_store::{MasterKey, Store, StoreOptions, WriteTx};
use bmn_swap::{Action, ActionKey, Due, Wake, When};

pub(super) const A: ChainId = ChainId(1);
pub(super) const B: ChainId = ChainId(u64::MAX);

pub(super) fn open(disk: &CrashBackend) -> Result<Store, bmn_store::StoreError> {
    Store::open(StoreOptions::backend(disk.clone(), MasterKey::new([7; 32])))
}

pub(super) fn memory() -> Store {
    open(&CrashBackend::new()).unwrap()
}

pub(super) fn commit<T>(store: &Store, write: impl FnOnce(&mut WriteTx) -> T) -> T {
    let mut tx = store.write().unwrap();
    let value = write(&mut tx);
    tx.commit().unwrap();
    value
}

pub(super) fn order(n: u8) -> OrderId {
    OrderId {
        chain: A,
        contract: Address::repeat_byte(9),
        hash: OrderHash(B256::repeat_byte(n)),
        leaf: u16::MAX,
    }
}

pub(super) fn key(n: u8, action: Action, chain: ChainId) -> ActionKey {
    ActionKey { order: order(n), action, chain, escrow: Address::repeat_byte(0xff) }
}

pub(super) fn now(key: ActionKey) -> Due {
    Due { key, when: When::Now }
}

pub(super) fn waiting(key: ActionKey, wakes: &[Wake]) -> Due {
    Due { key, when: When::Wake(wakes.to_vec()) }
}

pub(super) fn height(chain: ChainId, number: u64) -> Wake {
    Wake::Height { chain, number }
}

pub(super) fn time(chain: ChainId, time: u64) -> Wake {
    Wake::Time { chain, time }
}
