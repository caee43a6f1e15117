//! The chain on disk: one redb file, one durable transaction for every change.

use super::{
    DevChainConfig, MinedBlock, SignedTx, Tip, TxOutcome,
    blocks::{BLOCKHASH_DEPTH, Entry},
    config::CHECKPOINT_INTERVAL,
    pool::{Pool, Pooled},
    state::{Cheat, State, StateRecord},
};
use crate::DevChainError;
use alloy::{
    consensus::Header,
    primitives::{B256, Bytes},
    rlp::{self, Decodable},
};
use bmn_primitives::ChainId;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError,
    TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fmt::Display, path::PathBuf, sync::Arc};

/// Version of the tables below. Raise it with every change of them.
pub(crate) const SCHEMA: u32 = 1;

const CACHE_BYTES: usize = 16 << 20;
/// Blocks that go with one change at most: more than come with one, but for long reorgs.
const PRUNED_AT_ONCE: usize = 8;
const FILE_NAME: &str = "chain.redb";

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Number to [`BlockRecord`].
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Block hash to number.
const HASHES: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("hashes");
/// Transaction hash to block number and index.
const TXS: TableDefinition<'_, &[u8; 32], (u64, u64)> = TableDefinition::new("txs");
/// Number to the whole state after that block.
const STATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("states");
/// Transaction hash to [`PooledRecord`].
const POOL: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("pool");

#[derive(Debug)]
pub(crate) struct Store {
    db: Database,
    directory: PathBuf,
    history: u64,
    /// Newest blocks that are kept; none keeps all.
    keep: Option<u64>,
}

/// Consensus objects are kept as RLP: their serde forms do not survive a compact encoding.
#[derive(Serialize, Deserialize)]
struct BlockRecord {
    header: Bytes,
    txs: Vec<Bytes>,
    outcomes: Vec<TxOutcome>,
    cheats: Vec<Cheat>,
}

#[derive(Serialize, Deserialize)]
struct PooledRecord {
    raw: Bytes,
    arrival: u64,
    held_until: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct TipRecord {
    head: u64,
    cheats: Vec<Cheat>,
    next_time: Option<u64>,
    next_base_fee: Option<u64>,
    fork: u64,
    finalized: u64,
}

/// What [`Store::load`] found: the newest state old enough for any reorg, and what follows it.
pub(crate) struct Stored {
    pub(crate) checkpoint: Entry,
    /// Blocks on top of the checkpoint, oldest first.
    pub(crate) blocks: Vec<MinedBlock>,
    /// Everything but the state, which is the head's.
    pub(crate) tip: Tip,
}

impl Store {
    pub(crate) fn open(directory: PathBuf, config: &DevChainConfig) -> Result<Self, DevChainError> {
        let failed = |error: std::io::Error| DevChainError::Storage {
            directory: directory.clone(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(&directory).map_err(failed)?;
        let file = directory.join(FILE_NAME);
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create(file);
        Self::opened(opened, directory, config)
    }

    pub(crate) fn on(
        backend: impl StorageBackend,
        config: &DevChainConfig,
    ) -> Result<Self, DevChainError> {
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend);
        Self::opened(opened, PathBuf::from("custom storage"), config)
    }

    fn opened(
        opened: Result<Database, DatabaseError>,
        directory: PathBuf,
        config: &DevChainConfig,
    ) -> Result<Self, DevChainError> {
        // Opening executes from a stored state below the history on, and code may ask for older hashes still.
        let needed = config.history + CHECKPOINT_INTERVAL + BLOCKHASH_DEPTH + 2;
        let keep = config.kept_blocks().map(|keep| keep.max(needed));
        match opened {
            Ok(db) => Ok(Self { db, directory, history: config.history, keep }),
            Err(DatabaseError::DatabaseAlreadyOpen) => Err(DevChainError::InUse { directory }),
            Err(DatabaseError::Storage(StorageError::Corrupted(reason))) => {
                Err(DevChainError::Corrupt { directory, reason })
            }
            Err(error) => Err(DevChainError::Storage { directory, reason: error.to_string() }),
        }
    }

    fn failed(&self, error: impl Display) -> DevChainError {
        let directory = self.directory.clone();
        DevChainError::Storage { directory, reason: error.to_string() }
    }

    pub(crate) fn corrupt(&self, reason: impl Display) -> DevChainError {
        let directory = self.directory.clone();
        DevChainError::Corrupt { directory, reason: reason.to_string() }
    }

    /// The newest state that leaves room for every reorg, and all blocks after it; `None` in a new
    /// file.
    pub(crate) fn load(&self, chain: ChainId) -> Result<Option<Stored>, DevChainError> {
        let read = self.db.begin_read().map_err(|e| self.failed(e))?;
        let meta = match read.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        self.check_meta(&meta, chain)?;
        let record: TipRecord = self.meta(&meta, "tip")?;
        let checkpoint = self.checkpoint(&read, record.head)?;
        let mut blocks = Vec::new();
        for number in checkpoint.block.header.number + 1..=record.head {
            let missing = || self.corrupt(format!("block {number} is missing"));
            blocks.push(self.block(number)?.ok_or_else(missing)?);
        }
        let tip = Tip {
            pool: self.pool(&read)?,
            state: State::default(),
            cheats: record.cheats,
            next_time: record.next_time,
            next_base_fee: record.next_base_fee,
            fork: record.fork,
            finalized: record.finalized,
        };
        Ok(Some(Stored { checkpoint, blocks, tip }))
    }

    fn check_meta(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
        expected: ChainId,
    ) -> Result<(), DevChainError> {
        let directory = self.directory.clone();
        let found: u32 = self.meta(meta, "schema")?;
        if found > SCHEMA {
            return Err(DevChainError::NewerSchema { directory, found, supported: SCHEMA });
        }
        let found: ChainId = self.meta(meta, "chain")?;
        if found != expected {
            return Err(DevChainError::WrongChain { directory, expected, found });
        }
        Ok(())
    }

    fn meta<T: DeserializeOwned>(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
        key: &str,
    ) -> Result<T, DevChainError> {
        let value = meta.get(key).map_err(|e| self.failed(e))?;
        let value = value.ok_or_else(|| self.corrupt(format!("meta row `{key}` is missing")))?;
        postcard::from_bytes(value.value())
            .map_err(|e| self.corrupt(format!("meta row `{key}`: {e}")))
    }

    fn checkpoint(&self, read: &redb::ReadTransaction, head: u64) -> Result<Entry, DevChainError> {
        let states = read.open_table(STATES).map_err(|e| self.failed(e))?;
        let newest = head.saturating_sub(self.history);
        let row = states.range(..=newest).map_err(|e| self.failed(e))?.next_back();
        let row = row.ok_or_else(|| self.corrupt("there is no state to start from"))?;
        let (number, bytes) = row.map_err(|e| self.failed(e))?;
        let number = number.value();
        let record: StateRecord = postcard::from_bytes(bytes.value())
            .map_err(|e| self.corrupt(format!("state {number}: {e}")))?;
        let state = State::from_record(record);
        let block = self.block(number)?;
        let block = block.ok_or_else(|| self.corrupt(format!("block {number} is missing")))?;
        if block.header.state_root != state.root() {
            return Err(self.corrupt(format!("state {number} has another root than its block")));
        }
        Ok(Entry { block: Arc::new(block), state: Some(state) })
    }

    fn pool(&self, read: &redb::ReadTransaction) -> Result<Pool, DevChainError> {
        let table = read.open_table(POOL).map_err(|e| self.failed(e))?;
        let mut pool = Pool::default();
        for row in table.iter().map_err(|e| self.failed(e))? {
            let (_, bytes) = row.map_err(|e| self.failed(e))?;
            let record: PooledRecord =
                postcard::from_bytes(bytes.value()).map_err(|e| self.corrupt(e))?;
            let tx = SignedTx::decode(&record.raw).map_err(|e| self.corrupt(e))?;
            let PooledRecord { arrival, held_until, .. } = record;
            pool.restore(Pooled { tx: Arc::new(tx), arrival, held_until });
        }
        Ok(pool)
    }

    pub(crate) fn block(&self, number: u64) -> Result<Option<MinedBlock>, DevChainError> {
        let read = self.db.begin_read().map_err(|e| self.failed(e))?;
        let table = read.open_table(BLOCKS).map_err(|e| self.failed(e))?;
        let Some(row) = table.get(number).map_err(|e| self.failed(e))? else { return Ok(None) };
        let block = decode_block(row.value());
        block.map(Some).map_err(|reason| self.corrupt(format!("block {number}: {reason}")))
    }

    /// Number of the oldest block that is kept, block 0 apart.
    pub(crate) fn oldest(&self) -> Result<u64, DevChainError> {
        let read = self.db.begin_read().map_err(|e| self.failed(e))?;
        let table = read.open_table(BLOCKS).map_err(|e| self.failed(e))?;
        let first = table.range(1..).map_err(|e| self.failed(e))?.next();
        let first = first.transpose().map_err(|e| self.failed(e))?;
        Ok(first.map_or(0, |(number, _)| number.value()))
    }

    pub(crate) fn number_of(&self, hash: &B256) -> Result<Option<u64>, DevChainError> {
        let read = self.db.begin_read().map_err(|e| self.failed(e))?;
        let table = read.open_table(HASHES).map_err(|e| self.failed(e))?;
        let row = table.get(&hash.0).map_err(|e| self.failed(e))?;
        Ok(row.map(|row| row.value()))
    }

    pub(crate) fn place_of(&self, tx: &B256) -> Result<Option<(u64, usize)>, DevChainError> {
        let read = self.db.begin_read().map_err(|e| self.failed(e))?;
        let table = read.open_table(TXS).map_err(|e| self.failed(e))?;
        let row = table.get(&tx.0).map_err(|e| self.failed(e))?;
        Ok(row.map(|row| row.value()).map(|(number, index)| (number, index as usize)))
    }

    /// Writes the first block of a new file.
    pub(crate) fn create(
        &self,
        chain: ChainId,
        genesis: &Entry,
        tip: &Tip,
    ) -> Result<(), DevChainError> {
        self.write(|txn| {
            let mut meta = txn.open_table(META)?;
            meta.insert("schema", encode(&SCHEMA)?.as_slice())?;
            meta.insert("chain", encode(&chain)?.as_slice())?;
            drop(meta);
            append(txn, genesis)?;
            put_tip(txn, 0, tip)?;
            put_pool(txn, &Pool::default(), &tip.pool)
        })
    }

    /// Makes a change of the chain durable: all of it or nothing.
    pub(crate) fn commit(
        &self,
        old_head: u64,
        ancestor: u64,
        appended: &[Entry],
        old: &Tip,
        new: &Tip,
    ) -> Result<(), DevChainError> {
        self.write(|txn| {
            for number in ancestor + 1..=old_head {
                take_off(txn, number)?;
            }
            for entry in appended {
                append(txn, entry)?;
            }
            let head = ancestor + appended.len() as u64;
            if !appended.is_empty() {
                prune_states(txn, head.saturating_sub(self.history))?;
                let finalized = new.finalized;
                if let Some(keep) = self.keep {
                    prune_blocks(txn, head.saturating_sub(keep).min(finalized))?;
                }
            }
            put_tip(txn, head, new)?;
            put_pool(txn, &old.pool, &new.pool)
        })
    }

    fn write(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), DevChainError> {
        let txn = self.db.begin_write().map_err(|e| self.failed(e))?;
        change(&txn).map_err(|StoreError(reason)| self.failed(reason))?;
        txn.commit().map_err(|e| self.failed(e))
    }
}

/// Any failure while writing, in words; the transaction is dropped with it.
struct StoreError(String);

impl<E: std::error::Error> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_allocvec(value)
}

fn decode_block(bytes: &[u8]) -> Result<MinedBlock, String> {
    let record: BlockRecord = postcard::from_bytes(bytes).map_err(|e| e.to_string())?;
    let header = Header::decode(&mut record.header.as_ref()).map_err(|e| e.to_string())?;
    let decode = |raw| SignedTx::decode(raw).map(Arc::new).map_err(|e| e.to_string());
    Ok(MinedBlock {
        hash: header.hash_slow(),
        header,
        txs: record.txs.iter().map(decode).collect::<Result<_, _>>()?,
        outcomes: record.outcomes,
        cheats: record.cheats,
    })
}

fn append(txn: &WriteTransaction, entry: &Entry) -> Result<(), StoreError> {
    let block = &entry.block;
    let number = block.header.number;
    let record = BlockRecord {
        header: rlp::encode(&block.header).into(),
        txs: block.txs.iter().map(|tx| tx.raw().clone()).collect(),
        outcomes: block.outcomes.clone(),
        cheats: block.cheats.clone(),
    };
    txn.open_table(BLOCKS)?.insert(number, encode(&record)?.as_slice())?;
    txn.open_table(HASHES)?.insert(&block.hash.0, number)?;
    let mut txs = txn.open_table(TXS)?;
    for (index, tx) in (0u64..).zip(&block.txs) {
        txs.insert(&tx.hash().0, (number, index))?;
    }
    if let Some(state) = &entry.state
        && number.is_multiple_of(CHECKPOINT_INTERVAL)
    {
        txn.open_table(STATES)?.insert(number, encode(&state.to_record())?.as_slice())?;
    }
    Ok(())
}

fn take_off(txn: &WriteTransaction, number: u64) -> Result<(), StoreError> {
    let removed = match txn.open_table(BLOCKS)?.remove(number)? {
        Some(row) => decode_block(row.value()).map_err(StoreError)?,
        None => return Ok(()),
    };
    txn.open_table(HASHES)?.remove(&removed.hash.0)?;
    let mut txs = txn.open_table(TXS)?;
    for tx in &removed.txs {
        txs.remove(&tx.hash().0)?;
    }
    txn.open_table(STATES)?.remove(number)?;
    Ok(())
}

/// Genesis stays, and the newest state at or below `needed` with all after it.
fn prune_states(txn: &WriteTransaction, needed: u64) -> Result<(), StoreError> {
    let mut states = txn.open_table(STATES)?;
    let newest = states.range(..=needed)?.next_back().transpose()?.map(|(key, _)| key.value());
    if let Some(newest) = newest {
        states.retain_in(1..newest, |_, _| false)?;
    }
    Ok(())
}

/// Blocks up to `last` go, a few at a time; block 0 stays, and every block with a state.
fn prune_blocks(txn: &WriteTransaction, last: u64) -> Result<(), StoreError> {
    let lowest_state = {
        let states = txn.open_table(STATES)?;
        states.range(1..)?.next().transpose()?.map_or(0, |(number, _)| number.value())
    };
    let last = last.min(lowest_state.saturating_sub(1));
    let old: Vec<u64> = {
        let blocks = txn.open_table(BLOCKS)?;
        let range = blocks.range(1..=last.max(1))?.take(PRUNED_AT_ONCE);
        range.map(|row| Ok(row?.0.value())).collect::<Result<_, redb::StorageError>>()?
    };
    old.into_iter().filter(|number| *number <= last).try_for_each(|number| take_off(txn, number))
}

fn put_tip(txn: &WriteTransaction, head: u64, tip: &Tip) -> Result<(), StoreError> {
    let record = TipRecord {
        head,
        cheats: tip.cheats.clone(),
        next_time: tip.next_time,
        next_base_fee: tip.next_base_fee,
        fork: tip.fork,
        finalized: tip.finalized,
    };
    txn.open_table(META)?.insert("tip", encode(&record)?.as_slice())?;
    Ok(())
}

fn put_pool(txn: &WriteTransaction, old: &Pool, new: &Pool) -> Result<(), StoreError> {
    let mut table = txn.open_table(POOL)?;
    for gone in old.iter().filter(|pooled| !new.contains(&pooled.tx.hash())) {
        table.remove(&gone.tx.hash().0)?;
    }
    for pooled in new.iter() {
        let hash = pooled.tx.hash();
        if old.get(&hash) != Some(pooled) {
            let record = PooledRecord {
                raw: pooled.tx.raw().clone(),
                arrival: pooled.arrival,
                held_until: pooled.held_until,
            };
            table.insert(&hash.0, encode(&record)?.as_slice())?;
        }
    }
    Ok(())
}
