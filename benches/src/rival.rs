//! The rival of everything durable: redb and nothing else, given the very rows that the store wrote.

use crate::{History, indexer, spec};
use bmn_store::{MasterKey, Store, StoreOptions, testing::CommittedRow};
use redb::{Database, TableDefinition, backends::InMemoryBackend};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
    sync::{Arc, Mutex},
};

/// The rows of one commit, sorted by table and key.
pub type Commit = Vec<CommittedRow>;

type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// redb with our page cache and no code of ours.
#[derive(Debug)]
pub struct BareRedb(Database);

impl BareRedb {
    /// A new database in a directory, with a page cache of so many bytes.
    pub fn create(directory: &Path, cache_bytes: usize) -> Self {
        let mut builder = Database::builder();
        builder.set_cache_size(cache_bytes);
        Self(builder.create(directory.join("bare.redb")).expect("a new database"))
    }

    /// Writes a commit, durably.
    pub fn write(&self, commit: &[CommittedRow]) {
        let tx = self.0.begin_write().expect("the only writer");
        for rows in commit.chunk_by(|a, b| a.table == b.table) {
            let definition = Rows::new(rows[0].table);
            let mut table = tx.open_table(definition).expect("the table");
            for row in rows {
                match &row.value {
                    Some(value) => {
                        table.insert(row.key.as_slice(), value.as_slice()).expect("a row");
                    }
                    None => {
                        table.remove(row.key.as_slice()).expect("no row");
                    }
                }
            }
        }
        tx.commit().expect("a durable commit");
    }
}

/// The rows that the index commits for blocks `0..blocks`, one commit for each, as at the head of a
/// chain whose blocks are final when `final_after` are on top of them.
pub fn rows_of_blocks(history: &History, blocks: u64, final_after: u64) -> Vec<Commit> {
    let key = MasterKey::new([7; 32]);
    let options = StoreOptions::backend(InMemoryBackend::new(), key);
    let store = Store::open(options).expect("a store in memory");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    store.observe_commits(move |rows| sink.lock().expect("one writer").push(rows));
    let (indexer, chain) = (indexer(store, [&spec()]), spec().chain_id);
    for number in 0..blocks {
        let finalized = number.checked_sub(final_after).map(|last| history.at(last));
        let event = history.committed(number..number + 1);
        indexer.apply(chain, &event, finalized).expect("the next block");
    }
    let mut seen = seen.lock().expect("one writer");
    std::mem::take(&mut *seen)
}

/// Commits in a file, so that whoever writes them again need not hold them all.
#[derive(Debug)]
pub struct RowFile<F>(F);

impl RowFile<BufWriter<File>> {
    /// A new file.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(1 << 20, File::create(path)?)))
    }

    /// Appends a commit.
    pub fn push(&mut self, commit: &[CommittedRow]) -> io::Result<()> {
        self.0.write_all(&(commit.len() as u64).to_le_bytes())?;
        for row in commit {
            let none = row.value.is_none();
            self.part(row.table.as_bytes())?;
            self.part(&row.key)?;
            self.0.write_all(&[u8::from(none)])?;
            self.part(row.value.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(&(bytes.len() as u32).to_le_bytes())?;
        self.0.write_all(bytes)
    }

    /// Writes what is buffered.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl RowFile<BufReader<File>> {
    /// Opens a file that was written.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(BufReader::with_capacity(1 << 20, File::open(path)?)))
    }

    /// The next commit; none at the end. `table` gives the names their place in memory.
    pub fn next(&mut self, table: impl Fn(&[u8]) -> &'static str) -> io::Result<Option<Commit>> {
        let mut count = [0; 8];
        if self.0.read(&mut count[..1])? == 0 {
            return Ok(None);
        }
        self.0.read_exact(&mut count[1..])?;
        let rows = usize::try_from(u64::from_le_bytes(count)).unwrap_or_default();
        let mut commit = Vec::with_capacity(rows);
        for _ in 0..rows {
            let (table, key) = (table(&self.part()?), self.part()?);
            let mut none = [0];
            self.0.read_exact(&mut none)?;
            let value = self.part()?;
            commit.push(CommittedRow { table, key, value: (none == [0]).then_some(value) });
        }
        Ok(Some(commit))
    }

    fn part(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.0.read_exact(&mut len)?;
        let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
