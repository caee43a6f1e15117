//! What the source needs of a node, in words that are not reth's.

use alloy::primitives::B256;
use bmn_chain::{ChainError, ChainLog, Header};
use bmn_host_rpc::LogSelection;
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use std::ops::RangeInclusive;

/// A canonical header as the node stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHeader {
    /// Our view of it.
    pub header: Header,
    /// Gas that the block used: what the last of its receipts must name.
    pub gas_used: u64,
}

/// The node's canonical chain. Every method may read from disk and blocks the thread.
pub trait Ledger: Send + Sync + 'static {
    /// The newest block.
    fn head(&self) -> Result<BlockRef, LedgerError>;

    /// The newest block that the consensus client calls final; none before it said so.
    fn finalized(&self) -> Result<Option<BlockRef>, LedgerError>;

    /// Hash of the canonical block.
    fn hash(&self, number: u64) -> Result<Option<B256>, LedgerError>;

    /// Canonical headers, oldest first, of one moment. Ends early where there are no more.
    fn headers(&self, range: RangeInclusive<u64>) -> Result<Vec<StoredHeader>, LedgerError>;

    /// Logs of exactly this block that the selection wants.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] when it is not canonical any more.
    fn logs(
        &self,
        block: &StoredHeader,
        selection: &LogSelection,
    ) -> Result<Vec<ChainLog>, LedgerError>;

    /// The same for a run of final blocks, each the child of the one before; one list for each.
    fn logs_of_run(
        &self,
        run: &[StoredHeader],
        selection: &LogSelection,
    ) -> Result<Vec<Vec<ChainLog>>, LedgerError>;
}

/// The node could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Its storage failed.
    #[error("the node's storage: {0}")]
    Storage(String),
    /// The chain changed while it was read.
    #[error("block {number} is not what it was: the chain moved while it was read")]
    Moved {
        /// The block.
        number: u64,
    },
    /// What is needed was pruned and cannot be had by executing blocks again.
    #[error("block {number}: {reason}")]
    Pruned {
        /// The first block that lacks something.
        number: u64,
        /// What is missing, and which settings keep it.
        reason: String,
    },
    /// Receipts and headers do not fit each other.
    #[error("block {number}: {reason}")]
    Contradiction {
        /// The block.
        number: u64,
        /// What does not fit.
        reason: String,
    },
}

impl LedgerError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Storage(_) | Self::Moved { .. } => ErrorClass::Transient,
            Self::Pruned { .. } => ErrorClass::Permanent,
            Self::Contradiction { .. } => ErrorClass::Corrupt,
        }
    }

    /// The same in the words of the seam.
    pub fn of_chain(self, chain: ChainId) -> ChainError {
        match self {
            Self::Pruned { number, reason } => ChainError::Pruned { chain, block: number, reason },
            Self::Contradiction { .. } => {
                ChainError::Inconsistent { chain, reason: self.to_string() }
            }
            Self::Storage(_) | Self::Moved { .. } => {
                ChainError::Unavailable { chain, reason: self.to_string() }
            }
        }
    }
}
