//! Chains that outlive their process.

mod common;

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_chain::SendRejection;
use bmn_host_dev::{DevChain, DevChainConfig, DevChainError, Replacement};
use bmn_primitives::{ChainId, ErrorClass};
use common::*;
use redb::{Database, ReadableTable, StorageBackend, TableDefinition, backends::InMemoryBackend};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

fn open(directory: &Path) -> DevChain {
    DevChain::open(directory, config()).expect("opens")
}

fn describe(chain: &DevChain) -> (Vec<B256>, usize, u64, U256) {
    let hashes = (0..=chain.head().number)
        .map(|number| chain.block(number).expect("readable").expect("there").hash())
        .collect();
    (hashes, chain.pooled().len(), chain.pending_time(), chain.balance(account(1)))
}

#[test]
fn a_reopened_chain_goes_on_where_it_was() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let chain = open(directory.path());
    let logger = Address::repeat_byte(0x10);
    chain.set_code(logger, Bytes::from_static(&LOGGER)).expect("valid code");
    let first = chain.submit_raw(&call_logger(1, 0, logger, 5)).expect("accepted");
    chain.mine(None).expect("mines");
    chain.reorg(1, &Replacement::default()).expect("within reach");
    let waiting = chain.submit_raw(&tx(1, 1, |_| ())).expect("accepted");
    chain.pool_hold(waiting, 4).expect("pooled");
    chain.set_next_timestamp(GENESIS + 999).expect("later");
    chain.set_balance(logger, U256::from(8)).expect("kept");
    let before = describe(&chain);
    drop(chain);

    // The genesis on disk wins over what the configuration says now.
    let moved = DevChainConfig { genesis_time: GENESIS + 77, accounts: vec![], ..config() };
    let chain = DevChain::open(directory.path(), moved).expect("opens");
    assert_eq!(describe(&chain), before);
    assert_eq!(chain.storage(logger, U256::ZERO), U256::from(5));
    assert_eq!(chain.balance(logger), U256::from(8));
    assert_eq!(chain.receipt(first).expect("readable").expect("mined").block, chain.head());
    assert_eq!(chain.pooled()[0].held_until, Some(4));
    assert_eq!(chain.mine(None).expect("mines").time, GENESIS + 999);
    assert!(chain.receipt(waiting).expect("readable").is_none());
}

#[test]
fn blocks_older_than_memory_are_read_from_disk() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = DevChainConfig { history: 4, finality_depth: 2, ..config() };
    let chain = DevChain::open(directory.path(), config.clone()).expect("opens");
    let hash = chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    let snapshot = chain.snapshot().expect("taken");
    let first = chain.mine(None).expect("mines");
    for _ in 0..300 {
        chain.mine(None).expect("mines");
    }
    let check = |chain: &DevChain| {
        let block = chain.block(1).expect("readable").expect("on disk");
        assert_eq!(block.block_ref(), first);
        assert_eq!(chain.block_by_hash(first.hash).expect("readable"), Some(block));
        assert_eq!(chain.receipt(hash).expect("readable").expect("mined").block, first);
        let (mut source, mut follower) = (chain.source(), Follower::default());
        follower.follow(&mut source, 50);
        follower.assert_at(chain, 0);
    };
    check(&chain);
    let head = chain.head();
    drop(chain);
    let chain = DevChain::open(directory.path(), config.clone()).expect("opens");
    assert_eq!(chain.head(), head);
    check(&chain);
    assert!(chain.revert(snapshot).is_err(), "snapshots end with the process");
}

#[test]
fn a_snapshot_older_than_memory_still_comes_back() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = DevChainConfig { history: 4, finality_depth: 2, ..config() };
    let chain = DevChain::open(directory.path(), config.clone()).expect("opens");
    chain.mine(None).expect("mines");
    let (before, snapshot) = (describe(&chain), chain.snapshot().expect("taken"));
    for _ in 0..140 {
        chain.mine(None).expect("mines");
    }
    chain.revert(snapshot).expect("known");
    assert_eq!(describe(&chain), before);
    let head = chain.mine(None).expect("mines");
    drop(chain);
    let chain = DevChain::open(directory.path(), config).expect("opens");
    assert_eq!(chain.head(), head);
}

#[test]
fn a_second_instance_is_turned_away() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let _first = open(directory.path());
    let error = DevChain::open(directory.path(), config()).expect_err("in use");
    assert!(matches!(error, DevChainError::InUse { .. }));
    assert!(error.to_string().contains(&*directory.path().to_string_lossy()), "{error}");
}

#[test]
fn another_chains_directory_is_turned_away() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    drop(open(directory.path()));
    let other = DevChainConfig { chain_id: ChainId(7), ..config() };
    let error = DevChain::open(directory.path(), other).expect_err("another chain");
    assert!(matches!(
        error,
        DevChainError::WrongChain { expected: ChainId(7), found: ChainId(CHAIN), .. }
    ));
}

fn edit(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let db = Database::open(directory.join("chain.redb")).expect("opens");
    let txn = db.begin_write().expect("begins");
    change(&txn);
    txn.commit().expect("commits");
}

#[test]
fn a_newer_schema_is_turned_away() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    drop(open(directory.path()));
    edit(directory.path(), |txn| {
        let mut meta = txn.open_table(META).expect("there");
        meta.insert("schema", [9u8].as_slice()).expect("written");
    });
    let error = DevChain::open(directory.path(), config()).expect_err("newer");
    assert!(matches!(error, DevChainError::NewerSchema { found: 9, .. }), "{error}");
}

#[test]
fn tampered_and_garbled_data_is_named_corrupt() {
    let blocks: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let chain = open(directory.path());
    chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    for _ in 0..3 {
        chain.mine(None).expect("mines");
    }
    drop(chain);
    let swap = |from: u64, to: u64| {
        edit(directory.path(), |txn| {
            let mut table = txn.open_table(blocks).expect("there");
            let row = table.get(from).expect("readable").expect("there").value().to_vec();
            table.insert(to, row.as_slice()).expect("written");
        });
    };
    swap(1, 9);
    swap(2, 1);
    let error = DevChain::open(directory.path(), config()).expect_err("block 1 is block 2");
    assert_eq!(error.class(), ErrorClass::Corrupt, "{error}");
    swap(9, 1);
    drop(open(directory.path()));
    edit(directory.path(), |txn| {
        let mut meta = txn.open_table(META).expect("there");
        meta.insert("tip", [0xffu8; 3].as_slice()).expect("written");
    });
    let error = DevChain::open(directory.path(), config()).expect_err("no tip");
    assert_eq!(error.class(), ErrorClass::Corrupt, "{error}");

    std::fs::write(directory.path().join("chain.redb"), [1u8; 4096]).expect("written");
    assert!(DevChain::open(directory.path(), config()).is_err());
}

/// Fails every operation after a number of them, and keeps only what was synced.
#[derive(Debug)]
struct Fragile {
    live: InMemoryBackend,
    synced: Arc<parking_lot::Mutex<Vec<u8>>>,
    left: Arc<AtomicUsize>,
}

impl Fragile {
    fn new(synced: Arc<parking_lot::Mutex<Vec<u8>>>, left: usize) -> Self {
        let live = InMemoryBackend::new();
        let bytes = synced.lock().clone();
        live.set_len(bytes.len() as u64).expect("memory");
        live.write(0, &bytes).expect("memory");
        Self { live, synced, left: Arc::new(AtomicUsize::new(left)) }
    }

    fn tick(&self) -> io::Result<()> {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

impl StorageBackend for Fragile {
    fn len(&self) -> io::Result<u64> {
        self.live.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.live.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.tick()?;
        self.live.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.tick()?;
        self.live.sync_data()?;
        let mut bytes = vec![0; usize::try_from(self.live.len()?).expect("fits")];
        self.live.read(0, &mut bytes)?;
        *self.synced.lock() = bytes;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.tick()?;
        self.live.write(offset, data)
    }
}

/// What a chain has promised: everything whose call returned.
fn work(chain: &DevChain, step: u64) -> Result<(), DevChainError> {
    match step % 4 {
        0 => chain.submit_raw(&tx(1, step / 4, |_| ())).map(drop),
        1 | 3 => chain.mine(None).map(drop),
        _ => chain.reorg(1, &Replacement::default()).map(drop),
    }
}

#[test]
fn after_a_crash_at_any_storage_operation_nothing_promised_is_lost() {
    let mut crashes = 0;
    for budget in 0.. {
        let disk = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let backend = Fragile::new(disk.clone(), usize::MAX);
        let left = backend.left.clone();
        let chain = DevChain::open_on(backend, config()).expect("opens");
        left.store(budget, Ordering::Relaxed);
        let mut promised = describe(&chain);
        let mut attempted = None;
        for step in 0..8 {
            match work(&chain, step) {
                Ok(()) => promised = describe(&chain),
                Err(error) => {
                    assert!(matches!(error, DevChainError::Storage { .. }), "{error}");
                    assert_eq!(describe(&chain), promised, "a failed change leaves no trace");
                    attempted = Some(step);
                    break;
                }
            }
        }
        drop(chain);
        let survived = Fragile::new(disk, usize::MAX);
        let chain = DevChain::open_on(survived, config()).expect("opens after the crash");
        if describe(&chain) != promised {
            // The write reached the disk before the failure was reported: then all of it did.
            let step = attempted.expect("only a failed change may differ");
            let twin = DevChain::new(config());
            for step in 0..=step {
                work(&twin, step).expect("works");
            }
            assert_eq!(describe(&chain), describe(&twin), "budget {budget}");
        }
        chain.mine(None).expect("goes on");
        if attempted.is_none() {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 30, "only {crashes} storage operations were cut");
}

#[test]
fn a_refused_transaction_is_not_stored() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let chain = open(directory.path());
    let error = chain.submit_raw(&tx(9, 0, |_| ())).expect_err("no money");
    assert!(matches!(error, DevChainError::Rejected(SendRejection::InsufficientFunds)));
    drop(chain);
    assert!(open(directory.path()).pooled().is_empty());
}
