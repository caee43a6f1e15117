//! Opening the file: who may, which version it is, and whose key.

use crate::backend::BoxedBackend;
use crate::backup::RESTORING_FILE;
use crate::directory::{self, create_private_directory, new_private_file, sync_directory};
use crate::gate::Gate;
use crate::master_key;
use crate::seal::{Sealed, Sealer, Subject};
use crate::snapshot::Newest;
use crate::tables::{self, SCHEMA_VERSION};
use crate::upgrade::upgrade;
use crate::{
    Bulk, Entropy, MasterKey, OsEntropy, ReadTx, Staged, StoreError, WriteTx, decode, encode,
};
use bmn_primitives::ChainId;
use redb::{
    CompactionError, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend,
};
use std::fs::File;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the database file in the data directory.
pub const DATABASE_FILE: &str = "bmn.redb";

/// Files up to this size have every checksum verified on open, which takes well under a second.
/// Beyond it only a file that was not closed properly is verified.
const VERIFIED_BYTES: u64 = 256 << 20;

/// The first schema there was. Files from it on are brought to the present one.
const OLDEST_SCHEMA: u32 = 1;

pub(crate) const SCHEMA: &[u8] = b"schema";
pub(crate) const EPOCH: &[u8] = b"epoch";
const KEY_CHECK: &[u8] = b"key_check";
const KEY_CHECK_SUBJECT: Subject<'static> = Subject { what: "master key check", key: &[] };

/// Where the store lives.
pub enum StoreLocation {
    /// A directory with [`DATABASE_FILE`] and the master key file; created when absent.
    Directory(PathBuf),
    /// Any storage, with its master key.
    Backend(Box<dyn StorageBackend>, MasterKey),
}

/// How to open the store.
pub struct StoreOptions {
    /// Where it lives.
    pub location: StoreLocation,
    /// Page cache, bytes; `None` for [what suits the file](StoreOptions::cache_for).
    pub cache_bytes: Option<usize>,
    /// Where keys and nonces of sealed rows come from.
    pub entropy: Arc<dyn Entropy>,
}

impl StoreOptions {
    /// Page cache of a small file when nothing else is said: 16 MiB. redb's own default is 1 GiB.
    pub const DEFAULT_CACHE_BYTES: usize = 16 << 20;

    /// The same of a large one: 256 MiB.
    pub const LARGEST_DEFAULT_CACHE_BYTES: usize = 256 << 20;

    /// Page cache of a file of so many bytes when nothing else is said: a sixteenth of it, within those two. The upper
    /// pages of the tables fit into that, so that a row costs one page from the file and not several.
    pub fn cache_for(file_bytes: u64) -> usize {
        let share = usize::try_from(file_bytes / 16).unwrap_or(usize::MAX);
        share.clamp(Self::DEFAULT_CACHE_BYTES, Self::LARGEST_DEFAULT_CACHE_BYTES)
    }

    /// A store in a directory, with the operating system's randomness.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::at(StoreLocation::Directory(path.into()))
    }

    /// A store in any storage, with the operating system's randomness.
    pub fn backend(backend: impl StorageBackend, key: MasterKey) -> Self {
        Self::at(StoreLocation::Backend(Box::new(backend), key))
    }

    /// The same with other randomness.
    pub fn with_entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// The same with another cache size, bytes.
    pub const fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = Some(bytes);
        self
    }

    fn at(location: StoreLocation) -> Self {
        Self { location, cache_bytes: None, entropy: Arc::new(OsEntropy) }
    }
}

/// The open database. Clones share it; the file is released when the last clone and the last
/// transaction are dropped.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

pub(crate) struct Inner {
    // Released first: a snapshot keeps the file open.
    newest: Newest,
    database: Database,
    gate: Gate,
    sealer: Arc<Sealer>,
    epoch: u64,
    path: PathBuf,
    #[cfg(any(test, feature = "test-utils"))]
    pub(crate) observer: crate::testing::Observer,
    // Released last: fields are dropped in the order they stand in.
    _lock: Option<File>,
}

impl Inner {
    /// After a commit, whatever became of it: whoever reads from now on sees what it left.
    pub(crate) fn committed(&self) {
        self.newest.is_over();
    }

    /// A full disk is told with its file and the cure.
    pub(crate) fn name(&self, error: StoreError) -> StoreError {
        in_file(&self.path, error)
    }
}

/// A full disk is told with the file that finds no room.
pub(crate) fn in_file(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Storage(error) if is_full(&error) => {
            StoreError::DiskFull { path: path.to_path_buf() }
        }
        other => other,
    }
}

fn is_full(error: &redb::Error) -> bool {
    let redb::Error::Io(error) = error else { return false };
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What the file says about itself before anything in it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Empty,
    /// With this schema, which can be brought to the present one.
    Older(u32),
    Current,
}

impl Store {
    /// Opens the store, creating it where there is none. Each open has an [`epoch`](Self::epoch)
    /// higher than the one before.
    ///
    /// # Errors
    /// [`StoreError::AlreadyOpen`], [`StoreError::Corrupt`], [`StoreError::NewerSchema`],
    /// [`StoreError::MasterKeyMissing`], [`StoreError::MasterKeyUnusable`],
    /// [`StoreError::MasterKeyMismatch`], [`StoreError::Io`].
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let StoreOptions { location, cache_bytes, entropy } = options;
        match location {
            StoreLocation::Directory(directory) => {
                Self::open_directory(&directory, cache_bytes, entropy)
            }
            StoreLocation::Backend(backend, key) => {
                let path = PathBuf::from("(storage backend)");
                discard_unfinished(&*backend).map_err(|error| StoreError::io(&path, error))?;
                let size = backend.len().map_err(|error| StoreError::io(&path, error))?;
                let cache_bytes = cache_bytes.unwrap_or_else(|| StoreOptions::cache_for(size));
                let (database, found) = examined(&path, size, || {
                    builder(cache_bytes).create_with_backend(BoxedBackend(backend))
                })?;
                let sealer = Sealer::new(key, entropy);
                if found == Found::Empty {
                    initialise(&database, &sealer)?;
                }
                Self::enter(database, sealer, path, None, found)
            }
        }
    }

    fn open_directory(
        directory: &Path,
        cache_bytes: Option<usize>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        create_private_directory(directory).map_err(|error| StoreError::io(directory, error))?;
        let path = directory.join(DATABASE_FILE);
        let lock = directory::lock(directory, &path)?;
        let exists = path.try_exists().map_err(|error| StoreError::io(&path, error))?;
        if directory.join(RESTORING_FILE).exists() && !exists {
            return Err(StoreError::RestoreUnfinished { path: directory.to_path_buf() });
        }
        let key = |new| master_key::load_or_create(directory, new, &*entropy);
        if !exists {
            let sealer = Sealer::new(key(true)?, Arc::clone(&entropy));
            create(directory, &path, StoreOptions::cache_for(0), &sealer)?;
        }
        let size = std::fs::metadata(&path).map_err(|error| StoreError::io(&path, error))?.len();
        let cache_bytes = cache_bytes.unwrap_or_else(|| StoreOptions::cache_for(size));
        let (database, found) = examined(&path, size, || builder(cache_bytes).open(&path))?;
        let sealer = Sealer::new(key(false)?, Arc::clone(&entropy));
        Self::enter(database, sealer, path, Some(lock), found)
    }

    fn enter(
        database: Database,
        sealer: Sealer,
        path: PathBuf,
        lock: Option<File>,
        found: Found,
    ) -> Result<Self, StoreError> {
        let epoch = next_epoch(&database, &sealer, &path)?;
        if let Found::Older(schema) = found {
            upgrade(&database, schema)?;
        }
        let sealer = Arc::new(sealer);
        let gate = Gate::default();
        Ok(Self(Arc::new(Inner {
            newest: Newest::default(),
            database,
            gate,
            sealer,
            epoch,
            path,
            #[cfg(any(test, feature = "test-utils"))]
            observer: crate::testing::Observer::default(),
            _lock: lock,
        })))
    }

    /// A snapshot, the same one until the next commit. Never waits for the writer.
    pub fn read(&self) -> Result<ReadTx, StoreError> {
        let open = || Ok(ReadTx::new(self.snapshot()?, Arc::clone(&self.0.sealer)));
        self.0.newest.get(open)
    }

    pub(crate) fn committed(&self) {
        self.0.committed();
    }

    /// The writer. Blocks the thread while another transaction holds it: never call it on an
    /// async worker.
    pub fn write(&self) -> Result<WriteTx, StoreError> {
        let txn = self.0.gate.go_first(|| self.0.database.begin_write())?;
        Ok(WriteTx::new(txn, self.staged()?, Arc::clone(&self.0)))
    }

    /// Final blocks of `chain`, to be written in bulk. See [`Bulk`].
    pub fn bulk(&self, chain: ChainId) -> Result<Bulk, StoreError> {
        Bulk::new(self.clone(), chain)
    }

    /// The writer, for work that can wait: whoever waits in [`write`](Self::write) goes first.
    pub fn write_behind(&self) -> Result<WriteTx, StoreError> {
        Ok(WriteTx::new(self.begin_behind()?, self.staged()?, Arc::clone(&self.0)))
    }

    pub(crate) fn begin_behind(&self) -> Result<redb::WriteTransaction, StoreError> {
        self.0.gate.wait();
        Ok(self.0.database.begin_write()?)
    }

    pub(crate) fn staged(&self) -> Result<Staged, StoreError> {
        Ok(Staged::new(self.snapshot()?, Arc::clone(&self.0.sealer)))
    }

    pub(crate) fn snapshot(&self) -> Result<redb::ReadTransaction, StoreError> {
        Ok(self.0.database.begin_read()?)
    }

    pub(crate) fn name(&self, error: StoreError) -> StoreError {
        self.0.name(error)
    }

    #[cfg(any(test, feature = "test-utils"))]
    pub(crate) fn observer(&self) -> &crate::testing::Observer {
        &self.0.observer
    }

    /// Gives the pages that nothing uses any more back to the file system. For a store that nobody
    /// uses: it takes seconds for each gigabyte. True when the file changed.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] while another handle or a transaction is open.
    pub fn compact(&mut self) -> Result<bool, StoreError> {
        const BUSY: StoreError = StoreError::Misplaced("compaction needs the store for itself");
        let inner = Arc::get_mut(&mut self.0).ok_or(BUSY)?;
        inner.committed();
        match inner.database.compact() {
            Ok(changed) => Ok(changed),
            Err(CompactionError::Storage(error)) => Err(inner.name(error.into())),
            Err(_) => Err(BUSY),
        }
    }

    /// Counts the opens of this file. Fences what an earlier process left: see `bmn-queue`.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// The database file, for messages.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

pub(crate) fn builder(cache_bytes: usize) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    builder
}

// redb writes its magic number last, when all else of a new database is on disk. A storage backend
// without one holds nothing yet: its creation was cut short and is begun again.
fn discard_unfinished(backend: &dyn StorageBackend) -> std::io::Result<()> {
    let mut magic = [0; 9];
    if backend.len()? < magic.len() as u64 {
        return Ok(());
    }
    backend.read(0, &mut magic)?;
    if magic == [0; 9] { backend.set_len(0) } else { Ok(()) }
}

// A database that a crash left half made must not be mistaken for a damaged one, so it is made
// under another name and takes its own when it is whole.
fn create(
    directory: &Path,
    path: &Path,
    cache_bytes: usize,
    sealer: &Sealer,
) -> Result<(), StoreError> {
    let draft = path.with_extension("new");
    let file = new_private_file(&draft).map_err(|error| StoreError::io(&draft, error))?;
    let database =
        builder(cache_bytes).create_file(file).map_err(|error| open_error(&draft, error))?;
    initialise(&database, sealer)?;
    drop(database);
    std::fs::rename(&draft, path)
        .and_then(|()| sync_directory(directory))
        .map_err(|error| StoreError::io(path, error))
}

/// Opens a database and looks at it before anything in it is used.
///
/// redb answers most damage with an error, but unwraps some of what it reads from a page. Opening is
/// where a damaged file is met first, and a process that serves others must not end there.
fn examined(
    path: &Path,
    size: u64,
    open: impl FnOnce() -> Result<Database, DatabaseError>,
) -> Result<(Database, Found), StoreError> {
    let examine = || {
        let mut database = open().map_err(|error| open_error(path, error))?;
        if size <= VERIFIED_BYTES {
            verify(&mut database, path)?;
        }
        let found = inspect(&database, path)?;
        Ok((database, found))
    };
    catch_unwind(AssertUnwindSafe(examine))
        .unwrap_or_else(|_| Err(StoreError::corrupt(path, "its pages contradict each other")))
}

fn verify(database: &mut Database, path: &Path) -> Result<(), StoreError> {
    match database.check_integrity() {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::corrupt(path, "its newest commit fails its checksums")),
        Err(error) => Err(open_error(path, error)),
    }
}

pub(crate) fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::AlreadyOpen { path: path.to_path_buf() },
        DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => StoreError::corrupt(path, error),
            _ => StoreError::io(path, error),
        },
        other => StoreError::corrupt(path, other),
    }
}

// The schema row is read before any other and never changes its form: 4 bytes, big-endian.
fn inspect(database: &Database, path: &Path) -> Result<Found, StoreError> {
    let txn = database.begin_read()?;
    if txn.list_tables()?.next().is_none() {
        return Ok(Found::Empty);
    }
    let meta = txn
        .open_table(tables::META.definition())
        .map_err(|_| StoreError::corrupt(path, "it holds tables of another program"))?;
    let schema = meta.get(SCHEMA)?.and_then(|value| value.value().try_into().ok());
    match schema.map(u32::from_be_bytes) {
        Some(SCHEMA_VERSION) => Ok(Found::Current),
        Some(found @ OLDEST_SCHEMA..SCHEMA_VERSION) => Ok(Found::Older(found)),
        Some(found) if found > SCHEMA_VERSION => {
            Err(StoreError::NewerSchema { found, known: SCHEMA_VERSION, path: path.to_path_buf() })
        }
        _ => Err(StoreError::corrupt(path, "its schema version is unreadable")),
    }
}

// Every table is created at once, so that a snapshot never meets a missing one.
fn initialise(database: &Database, sealer: &Sealer) -> Result<(), StoreError> {
    let check = encode(tables::META.name, &sealer.seal(KEY_CHECK_SUBJECT, &[])?)?;
    let txn = database.begin_write()?;
    for table in tables::ALL {
        txn.open_table(table.definition())?;
    }
    {
        let mut meta = txn.open_table(tables::META.definition())?;
        meta.insert(SCHEMA, &SCHEMA_VERSION.to_be_bytes()[..])?;
        meta.insert(EPOCH, encode(tables::META.name, &0u64)?.as_slice())?;
        meta.insert(KEY_CHECK, check.as_slice())?;
    }
    Ok(txn.commit()?)
}

fn next_epoch(database: &Database, sealer: &Sealer, path: &Path) -> Result<u64, StoreError> {
    let txn = database.begin_write()?;
    let epoch = {
        let mut meta = txn.open_table(tables::META.definition())?;
        let read = |key: &[u8]| -> Result<Vec<u8>, StoreError> {
            let value = meta.get(key)?.map(|value| value.value().to_vec());
            value.ok_or_else(|| StoreError::corrupt(path, "facts about the file are missing"))
        };
        let check: Sealed = decode(tables::META.name, KEY_CHECK, &read(KEY_CHECK)?)?;
        sealer
            .open(KEY_CHECK_SUBJECT, &check)
            .map_err(|_| StoreError::MasterKeyMismatch { path: path.to_path_buf() })?;
        let last: u64 = decode(tables::META.name, EPOCH, &read(EPOCH)?)?;
        meta.insert(EPOCH, encode(tables::META.name, &(last + 1))?.as_slice())?;
        last + 1
    };
    txn.commit()?;
    Ok(epoch)
}
