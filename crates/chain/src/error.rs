//! What can go wrong with a host.

use bmn_primitives::{BlockRef, ChainId, ErrorClass};

/// Why a pool refused a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendRejection {
    /// The nonce is already used on the canonical chain.
    NonceTooLow,
    /// The very same transaction is in the pool. Harmless.
    AlreadyKnown,
    /// A pooled transaction with that nonce pays as much or more.
    ReplacementUnderpriced,
    /// The fee is below what the pool takes.
    Underpriced,
    /// The sender cannot pay value plus maximum fee.
    InsufficientFunds,
    /// The gas limit is below what the bytes alone cost, or above what a block or the pool takes; in
    /// the host's words.
    GasLimit(String),
    /// Nonces below it are missing, and the pool keeps none that waits for them.
    NonceTooHigh,
    /// Any other refusal, in the host's words.
    Other(String),
}

/// Errors of [`ChainSource`](crate::ChainSource) and [`ChainClient`](crate::ChainClient).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The host did not answer, or not in time.
    #[error("chain {chain}: host unavailable: {reason}")]
    Unavailable {
        /// Which chain.
        chain: ChainId,
        /// The host's words.
        reason: String,
    },
    /// The host follows another chain than the one configured.
    #[error("the host follows chain {found}, expected chain {expected}")]
    WrongChain {
        /// Chain id in the configuration.
        expected: ChainId,
        /// Chain id the host reports.
        found: ChainId,
    },
    /// The pool refused the transaction.
    #[error("chain {chain}: transaction refused: {rejection:?}")]
    Rejected {
        /// Which chain.
        chain: ChainId,
        /// Why.
        rejection: SendRejection,
    },
    /// The cursor and the host's chain have no common block left to go back to.
    #[error("chain {chain}: no common block with our {cursor}; rebuild the index from its start")]
    BeyondHistory {
        /// Which chain.
        chain: ChainId,
        /// Our newest block.
        cursor: BlockRef,
    },
    /// The host no longer has blocks that are still needed.
    #[error(
        "chain {chain}: block {block} is needed, but no endpoint has history that old ({reason}); \
         add an archive node, or choose a start block that is later than what is pruned"
    )]
    Pruned {
        /// Which chain.
        chain: ChainId,
        /// The first block that is needed and missing.
        block: u64,
        /// The hosts' words.
        reason: String,
    },
    /// The host contradicts itself.
    #[error("chain {chain}: inconsistent answer: {reason}")]
    Inconsistent {
        /// Which chain.
        chain: ChainId,
        /// What does not fit.
        reason: String,
    },
}

impl ChainError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } => ErrorClass::Transient,
            Self::Rejected { rejection, .. } => match rejection {
                SendRejection::Other(_) => ErrorClass::Permanent,
                _ => ErrorClass::Transient,
            },
            Self::WrongChain { .. } | Self::Pruned { .. } => ErrorClass::Permanent,
            Self::BeyondHistory { .. } | Self::Inconsistent { .. } => ErrorClass::Corrupt,
        }
    }
}
