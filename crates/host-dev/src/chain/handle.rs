//! The shared handle of a chain.

use super::{Chain, DevChainConfig, Footprint, MinedBlock, Reorg, Replacement, store::Store};
use crate::{DevChainError, DevClient, DevSource};
use alloy::primitives::B256;
use bmn_chain::Fees;
use bmn_primitives::{BlockRef, ChainId};
use parking_lot::{Mutex, MutexGuard};
use redb::StorageBackend;
use std::{path::Path, sync::Arc};
use tokio::sync::{broadcast, watch};

/// Chain updates a slow subscriber may lag behind before it misses some.
const UPDATE_BACKLOG: usize = 1024;

/// Position of the chain: its head, and how many changes led there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) head: BlockRef,
    pub(crate) changes: u64,
}

/// One change of the canonical chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainUpdate {
    /// Blocks that left the chain, newest first.
    pub reverted: Vec<Arc<MinedBlock>>,
    /// Blocks that joined it, oldest first.
    pub committed: Vec<Arc<MinedBlock>>,
}

#[derive(Debug)]
struct Shared {
    chain: Mutex<Chain>,
    position: watch::Sender<Position>,
    updates: broadcast::Sender<Arc<ChainUpdate>>,
    /// Counts what the pool took.
    arrivals: watch::Sender<u64>,
}

/// A development chain. Clones are handles of the same chain.
///
/// Nothing here reads a clock or a random source: equal calls in equal order give equal hashes.
#[derive(Debug, Clone)]
pub struct DevChain(Arc<Shared>);

impl DevChain {
    /// A new chain in memory.
    pub fn new(config: DevChainConfig) -> Self {
        Self::share(Chain::in_memory(config))
    }

    /// The chain in `directory`, created when there is none. Every change is durable before the
    /// call that makes it returns.
    ///
    /// # Errors
    /// [`DevChainError::InUse`], [`DevChainError::NewerSchema`], [`DevChainError::WrongChain`],
    /// [`DevChainError::Corrupt`] or [`DevChainError::Storage`].
    pub fn open(directory: &Path, config: DevChainConfig) -> Result<Self, DevChainError> {
        let store = Store::open(directory.to_owned(), &config)?;
        Chain::on_store(config, store).map(Self::share)
    }

    /// Like [`Self::open`], on any storage: a crash test's, for one.
    pub fn open_on(
        backend: impl StorageBackend,
        config: DevChainConfig,
    ) -> Result<Self, DevChainError> {
        let store = Store::on(backend, &config)?;
        Chain::on_store(config, store).map(Self::share)
    }

    fn share(chain: Chain) -> Self {
        let (position, _) = watch::channel(Position { head: chain.head(), changes: 0 });
        let (updates, _) = broadcast::channel(UPDATE_BACKLOG);
        let (arrivals, _) = watch::channel(0);
        Self(Arc::new(Shared { chain: Mutex::new(chain), position, updates, arrivals }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Chain> {
        self.0.chain.lock()
    }

    pub(crate) fn positions(&self) -> watch::Receiver<Position> {
        self.0.position.subscribe()
    }

    pub(super) fn arrived(&self) {
        self.0.arrivals.send_modify(|arrivals| *arrivals += 1);
    }

    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.0.arrivals.subscribe()
    }

    /// Changes of the canonical chain from now on. A receiver that lags by more than 1024 changes
    /// misses the oldest.
    pub fn updates(&self) -> broadcast::Receiver<Arc<ChainUpdate>> {
        self.0.updates.subscribe()
    }

    /// Tells everyone while the lock is still held, so that updates arrive in order.
    fn publish(&self, chain: &Chain, update: ChainUpdate) {
        if update.reverted.is_empty() && update.committed.is_empty() {
            return;
        }
        let head = chain.head();
        tracing::debug!(
            target: "bmn::host_dev",
            chain = %chain.config.chain_id,
            head = %head,
            reverted = update.reverted.len(),
            committed = update.committed.len(),
            "chain changed"
        );
        self.0.position.send_modify(|position| {
            *position = Position { head, changes: position.changes + 1 };
        });
        // Nobody listening is fine.
        let _ = self.0.updates.send(Arc::new(update));
    }

    /// Follows this chain from block 0.
    pub fn source(&self) -> DevSource {
        self.source_from(0)
    }

    /// Follows this chain; a source without a cursor starts at block `start`.
    pub fn source_from(&self, start: u64) -> DevSource {
        DevSource::new(self.clone(), start)
    }

    /// Acts on this chain.
    pub fn client(&self) -> DevClient {
        DevClient::new(self.clone())
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> ChainId {
        self.lock().config.chain_id
    }

    /// The configuration it runs with.
    pub fn config(&self) -> DevChainConfig {
        self.lock().config.clone()
    }
}

/// Blocks and time.
impl DevChain {
    /// The newest block.
    pub fn head(&self) -> BlockRef {
        self.lock().head()
    }

    /// The newest block with no way back: `finality_depth` below the highest head so far.
    pub fn finalized(&self) -> Result<Option<BlockRef>, DevChainError> {
        let chain = self.lock();
        let block = chain.blocks.at(chain.tip.finalized)?;
        Ok(block.map(|block| block.block_ref()))
    }

    /// The canonical block at `number`.
    pub fn block(&self, number: u64) -> Result<Option<Arc<MinedBlock>>, DevChainError> {
        self.lock().blocks.at(number)
    }

    /// The canonical block with that hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<MinedBlock>>, DevChainError> {
        self.lock().blocks.by_hash(&hash)
    }

    /// Timestamp the next block has when nobody says otherwise: the one set, else the head's plus
    /// the block time.
    pub fn pending_time(&self) -> u64 {
        self.lock().pending_time()
    }

    /// Sets the timestamp of the next block. Calls run at that time from now on, but it is the
    /// chain's time only once the block is mined.
    ///
    /// # Errors
    /// [`DevChainError::TimeNotAfterParent`].
    pub fn set_next_timestamp(&self, time: u64) -> Result<(), DevChainError> {
        let mut chain = self.lock();
        let parent = chain.head();
        if time <= parent.time {
            return Err(DevChainError::TimeNotAfterParent { requested: time, parent });
        }
        chain.change_tip(|tip| {
            tip.next_time = Some(time);
            Ok(())
        })
    }

    /// Sets the base fee of the next block, wei per gas.
    pub fn set_next_base_fee(&self, wei: u64) -> Result<(), DevChainError> {
        self.lock().change_tip(|tip| {
            tip.next_base_fee = Some(wei);
            Ok(())
        })
    }

    /// Base fee of the next block and the priority fee to suggest, wei per gas.
    pub fn fees(&self) -> Fees {
        let chain = self.lock();
        Fees { base: chain.next_base_fee().into(), priority: chain.config.priority_fee }
    }

    /// Mines the next block at `time`, or at [`Self::pending_time`], with what fits of the pool.
    ///
    /// # Errors
    /// [`DevChainError::TimeNotAfterParent`]; [`DevChainError::Storage`], and then nothing changed.
    pub fn mine(&self, time: Option<u64>) -> Result<BlockRef, DevChainError> {
        let mut chain = self.lock();
        let update = chain.mine(time)?;
        self.publish(&chain, update);
        Ok(chain.head())
    }

    /// Replaces the newest `depth` blocks.
    ///
    /// # Errors
    /// [`DevChainError::TooDeep`] past finality or history; [`DevChainError::InvalidReplacement`];
    /// [`DevChainError::TimeNotAfterParent`]. Nothing changes on an error.
    pub fn reorg(&self, depth: u64, replacement: &Replacement) -> Result<Reorg, DevChainError> {
        let mut chain = self.lock();
        let (reorg, update) = chain.reorg(depth, replacement)?;
        self.publish(&chain, update);
        Ok(reorg)
    }

    /// Takes the newest `depth` blocks off; their transactions go back to the pool.
    ///
    /// # Errors
    /// [`DevChainError::TooDeep`].
    pub fn revert_blocks(&self, depth: u64) -> Result<Reorg, DevChainError> {
        let mut chain = self.lock();
        let (reorg, update) = chain.revert_blocks(depth)?;
        self.publish(&chain, update);
        Ok(reorg)
    }

    /// Remembers everything as it is, in memory only.
    pub fn snapshot(&self) -> Result<u64, DevChainError> {
        self.lock().snapshot()
    }

    /// Goes back to a snapshot, which is used up with all later ones. Unlike a reorg it may go
    /// below the finalized block: whoever follows the chain may then have to start again.
    ///
    /// # Errors
    /// [`DevChainError::UnknownSnapshot`].
    pub fn revert(&self, id: u64) -> Result<(), DevChainError> {
        let mut chain = self.lock();
        let update = chain.revert(id)?;
        self.publish(&chain, update);
        Ok(())
    }

    /// What the chain holds in memory.
    pub fn footprint(&self) -> Footprint {
        self.lock().blocks.footprint()
    }

    /// Newest block that the resolver has acknowledged, if any.
    pub fn acknowledged(&self) -> Option<BlockRef> {
        self.lock().acknowledged
    }
}
