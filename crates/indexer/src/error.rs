//! What can go wrong while indexing.

use bmn_chain::{ChainError, SegmentError};
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use bmn_queue::QueueError;
use bmn_store::StoreError;

/// Errors of the indexer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The host failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The host sent blocks that do not continue each other.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A host gave blocks as history that are not final.
    #[error("chain {chain}: the host gave blocks above its final block {finalized} as history")]
    NotFinal {
        /// The chain.
        chain: ChainId,
        /// What the host calls final.
        finalized: BlockRef,
    },
    /// An event of a chain that is not configured.
    #[error("chain {0} is not configured")]
    UnknownChain(ChainId),
}

impl IndexError {
    /// Whether to try again.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Queue(error) => error.class(),
            Self::Chain(error) => error.class(),
            // What a host said does not fit together; it is asked again.
            Self::Segment(_) | Self::NotFinal { .. } => ErrorClass::Transient,
            Self::UnknownChain(_) => ErrorClass::Permanent,
        }
    }
}
