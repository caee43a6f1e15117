//! A storage backend that crashes where it is told to, and a look at what is read and written.

use crate::Store;
use crate::stage::Stage;
use parking_lot::Mutex;
use redb::StorageBackend;
use std::cell::Cell;
use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, OnceLock};

thread_local! {
    static ROWS_READ: Cell<u64> = const { Cell::new(0) };
}

/// Rows that this thread has read, from the file or from what is staged: what a transaction costs,
/// whatever the machine. A key that is looked up counts, found or not.
pub fn rows_read() -> u64 {
    ROWS_READ.get()
}

pub(crate) fn count_read() {
    ROWS_READ.set(ROWS_READ.get() + 1);
}

/// On which side of an operation the crash falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The operation does not happen.
    Before,
    /// The operation happens and nobody hears of it.
    After,
}

/// What is not yet synced.
#[derive(Debug, Clone)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Pending {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => image.resize(*len, 0),
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

#[derive(Default)]
struct Disk {
    volatile: Vec<u8>,
    synced: Vec<u8>,
    pending: Vec<Pending>,
    operations: u64,
    /// Numbers of the operations that were syncs.
    syncs: Vec<u64>,
    armed: Option<(u64, Side)>,
    crashed: bool,
}

/// A disk in memory that tells synced bytes from unsynced ones, counts operations and crashes at
/// the one it is armed for. Clones are handles to the same disk.
///
/// An operation is a `set_len`, a write or a sync; reads do not count. After the crash every call
/// fails, as for a process that is gone, until a new store is opened on
/// [`synced_image`](Self::synced_image).
#[derive(Clone, Default)]
pub struct CrashBackend(Arc<Mutex<Disk>>);

impl CrashBackend {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk that holds `image`, all of it synced.
    pub fn from_image(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            volatile: image.clone(),
            synced: image,
            ..Disk::default()
        })))
    }

    /// Operations since this disk was made.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Which of the operations after number `from` were syncs: the moments at which a commit becomes
    /// durable.
    pub fn syncs_after(&self, from: u64) -> Vec<u64> {
        self.0.lock().syncs.iter().copied().filter(|operation| *operation > from).collect()
    }

    /// Crashes at operation number `operation`, counted from 1 since this disk was made.
    pub fn crash_at(&self, operation: u64, side: Side) {
        self.0.lock().armed = Some((operation, side));
    }

    /// Crashes here and now, between two operations.
    pub fn crash_now(&self) {
        self.0.lock().crashed = true;
    }

    /// Whether it has crashed.
    pub fn has_crashed(&self) -> bool {
        self.0.lock().crashed
    }

    /// What was synced: the image that a crash certainly leaves.
    pub fn synced_image(&self) -> Vec<u8> {
        self.0.lock().synced.clone()
    }

    /// What was synced and some of what was not: a disk may write unsynced pages early and in any
    /// order. Which ones is drawn from `seed`.
    pub fn torn_image(&self, seed: u64) -> Vec<u8> {
        let disk = self.0.lock();
        let mut image = disk.synced.clone();
        let mut state = seed;
        for pending in &disk.pending {
            if draw(&mut state) & 1 == 0 {
                pending.apply(&mut image);
            }
        }
        image
    }

    /// Everything written so far, synced or not.
    pub fn image(&self) -> Vec<u8> {
        self.0.lock().volatile.clone()
    }

    fn operate(&self, act: impl FnOnce(&mut Disk) -> Result<()>) -> Result<()> {
        let mut disk = self.0.lock();
        disk.alive()?;
        disk.operations += 1;
        let side = match disk.armed {
            Some((at, side)) if at == disk.operations => Some(side),
            _ => None,
        };
        if side != Some(Side::Before) {
            act(&mut disk)?;
        }
        disk.crashed = side.is_some();
        disk.alive()
    }
}

/// SplitMix64.
const fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Disk {
    fn alive(&self) -> Result<()> {
        if self.crashed { Err(Error::other("crashed")) } else { Ok(()) }
    }

    fn change(&mut self, pending: Pending) {
        pending.apply(&mut self.volatile);
        self.pending.push(pending);
    }

    fn end_of(&self, offset: u64, len: usize) -> Result<(usize, usize)> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(len));
        match (start, end) {
            (Some(start), Some(end)) if end <= self.volatile.len() => Ok((start, end)),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl StorageBackend for CrashBackend {
    fn len(&self) -> Result<u64> {
        let disk = self.0.lock();
        disk.alive()?;
        Ok(disk.volatile.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let disk = self.0.lock();
        disk.alive()?;
        let (start, end) = disk.end_of(offset, out.len())?;
        out.copy_from_slice(&disk.volatile[start..end]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let len = usize::try_from(len).map_err(|_| Error::from(ErrorKind::OutOfMemory))?;
        self.operate(|disk| {
            disk.change(Pending::SetLen(len));
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.operate(|disk| {
            let (offset, _) = disk.end_of(offset, data.len())?;
            disk.change(Pending::Write { offset, bytes: data.to_vec() });
            Ok(())
        })
    }

    fn sync_data(&self) -> Result<()> {
        self.operate(|disk| {
            for pending in std::mem::take(&mut disk.pending) {
                pending.apply(&mut disk.synced);
            }
            disk.syncs.push(disk.operations);
            Ok(())
        })
    }
}

impl fmt::Debug for CrashBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.0.lock();
        f.debug_struct("CrashBackend")
            .field("len", &disk.volatile.len())
            .field("operations", &disk.operations)
            .field("crashed", &disk.crashed)
            .finish_non_exhaustive()
    }
}

/// Writes nonsense over the row of an escrow, as a bad disk may.
///
/// # Errors
/// [`StoreError`](crate::StoreError) when it cannot be written.
pub fn damage_leg(
    store: &crate::Store,
    chain: bmn_primitives::ChainId,
    escrow: alloy::primitives::Address,
) -> std::result::Result<(), crate::StoreError> {
    let mut tx = store.write()?;
    let key = crate::legs::leg_key(chain, escrow);
    tx.restore(crate::tables::LEGS, key.as_slice(), Some(&[0xff; 3]));
    tx.commit()
}

/// A row of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedRow {
    /// Table name.
    pub table: &'static str,
    /// Key.
    pub key: Vec<u8>,
    /// Value; none where the row is removed.
    pub value: Option<Vec<u8>>,
}

type Sink = dyn Fn(Vec<CommittedRow>) + Send + Sync;

/// Who is shown what every commit writes.
#[derive(Default)]
pub(crate) struct Observer(OnceLock<Box<Sink>>);

impl Observer {
    pub(crate) fn see(&self, stage: &Stage) {
        if let Some(sink) = self.0.get() {
            sink(stage.rows());
        }
    }
}

impl Store {
    /// Shows `sink` the rows of every commit from here on, just before it, in the order they are
    /// written: for a benchmark whose rival is to write the same. The first sink stays.
    pub fn observe_commits(&self, sink: impl Fn(Vec<CommittedRow>) + Send + Sync + 'static) {
        // A second sink would have the first miss rows.
        let _ = self.observer().0.set(Box::new(sink));
    }
}
