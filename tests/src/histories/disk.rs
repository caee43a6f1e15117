//! Stores on disks in memory.

use super::{
    cast::{self, CHAINS},
    chain::Chain,
    machine::Failure,
};
use alloy::primitives::keccak256;
use bmn_chain::{ChainEvent, Segment};
use bmn_indexer::{Indexer, LogFilter};
use bmn_queue::Rules;
use bmn_store::{
    Entropy, EntropyUnavailable, MasterKey, Store, StoreError, StoreOptions, testing::CrashBackend,
};
use std::{
    cell::OnceCell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The same "random" bytes in every run, so that a history replays to the byte.
#[derive(Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyUnavailable> {
        for chunk in out.chunks_mut(32) {
            let block = keccak256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

pub(super) fn open(disk: &CrashBackend) -> Result<Store, StoreError> {
    let options = StoreOptions::backend(disk.clone(), MasterKey::new([3; 32]));
    Store::open(options.with_entropy(Counted::default()).with_cache_bytes(1 << 20))
}

/// A disk with the first block of both chains, our orders and the secret of the first; made once and
/// copied from then on.
pub(super) fn disk_with_orders() -> CrashBackend {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let disk = CrashBackend::new();
        let store = open(&disk).expect("a store in memory opens");
        let indexer = Indexer::new(store.clone(), rules());
        for side in [0, 1] {
            let first = Chain::new(side).at(1).map(|made| made.block.clone());
            let segment = Segment::new(first.into_iter().collect()).expect("one block");
            let event = ChainEvent::Committed(segment);
            indexer.apply(CHAINS[side], &event, None).expect("the first block applies");
        }
        drop(indexer);
        let mut tx = store.write().expect("the writer is free");
        for (order, state) in cast::orders() {
            tx.put_order(&order).expect("the order is stored");
            bmn_queue::reserve(&mut tx, &order).expect("the balance is promised");
            tx.put_order_state(order.id, &state).expect("its state is stored");
        }
        tx.seal_secret(cast::hashlock(0), &cast::secret(0)).expect("the secret is sealed");
        tx.commit().expect("it is durable");
        drop(store);
        disk.image()
    });
    CrashBackend::from_image(image.clone())
}

/// The rules, made once: contract addresses are derived for them.
pub(super) fn rules() -> Arc<Rules> {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    Arc::clone(RULES.get_or_init(|| Arc::new(cast::rules())))
}

thread_local! {
    /// A store without orders and without blocks. Nothing is ever committed to it.
    static EMPTY: OnceCell<Result<Store, Failure>> = const { OnceCell::new() };
}

/// An empty store to rebuild in: what is staged there is dropped.
pub(super) fn empty_store() -> Result<Store, Failure> {
    let open = || {
        open(&CrashBackend::new()).map_err(|error| format!("a new store does not open: {error}"))
    };
    EMPTY.with(|store| store.get_or_init(open).clone())
}

/// What the logs of each chain are filtered by.
pub(super) fn filters() -> &'static [LogFilter; 2] {
    static FILTERS: OnceLock<[LogFilter; 2]> = OnceLock::new();
    FILTERS.get_or_init(|| [0, 1].map(|side: usize| LogFilter::new(&rules().routes[side])))
}
