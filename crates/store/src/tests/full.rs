//! A disk without room: the error says so, and nothing that was committed is lost.

use super::fixtures::*;
use crate::testing::CrashBackend;
use crate::{MasterKey, Reads, Store, StoreError, StoreOptions, WriteTx};
use bmn_primitives::ErrorClass;
use redb::StorageBackend;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A disk with so many bytes.
#[derive(Debug, Clone)]
struct Small {
    disk: CrashBackend,
    room: Arc<AtomicU64>,
}

impl Small {
    fn check(&self, end: u64) -> Result<()> {
        match end <= self.room.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Error::from(ErrorKind::StorageFull)),
        }
    }
}

impl StorageBackend for Small {
    fn len(&self) -> Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.check(len)?;
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.disk.write(offset, data)
    }
}

fn open(disk: &Small) -> Store {
    Store::open(StoreOptions::backend(disk.clone(), MasterKey::new(KEY))).unwrap()
}

fn write(store: &Store, n: u64) -> std::result::Result<(), StoreError> {
    let mut tx: WriteTx = store.write()?;
    tx.put_order(&order(n))?;
    tx.seal_secret(lock(n), &secret(n))?;
    tx.commit()
}

#[test]
fn what_was_committed_before_the_disk_was_full_is_there_when_it_has_room_again() {
    let disk = Small { disk: CrashBackend::new(), room: Arc::new(u64::MAX.into()) };
    let store = open(&disk);
    write(&store, 1).unwrap();
    disk.room.store(disk.len().unwrap(), Ordering::Relaxed);
    let (written, error) = (2..100_000)
        .find_map(|n| write(&store, n).err().map(|error| (n, error)))
        .expect("the disk fills");
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert!(error.needs_reopening() && error.class() == ErrorClass::Transient);
    assert!(error.to_string().contains("free some and start again"), "{error}");
    // All that follows is refused, until it is opened again.
    assert!(write(&store, written).is_err_and(|error| error.needs_reopening()));
    drop(store);

    disk.room.store(u64::MAX, Ordering::Relaxed);
    let store = open(&disk);
    write(&store, written).unwrap();
    let read = store.read().unwrap();
    assert_eq!(read.orders(None, usize::MAX).unwrap().len() as u64, written);
    for n in 1..=written {
        let opened = read.open_secret(lock(n)).unwrap().unwrap();
        assert_eq!(opened.expose(), secret(n).expose());
    }
}
