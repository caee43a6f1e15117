//! What can go wrong while acting.

use bmn_chain::ChainError;
use bmn_primitives::{ChainId, ErrorClass};
use bmn_queue::QueueError;
use bmn_store::StoreError;
use bmn_swap::Action;

/// Errors of the executor. A failed action is no error: it is a job that waits, is retried or is
/// buried.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A host failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A job for a chain without a client.
    #[error("chain {0} has no client")]
    UnknownChain(ChainId),
    /// What is stored does not hold what an action needs.
    #[error("{} needs {missing}, which is not stored", action.name())]
    Incomplete {
        /// The action.
        action: Action,
        /// What is missing.
        missing: &'static str,
    },
    /// The signer failed or refused, or is not reached.
    #[error("the signer failed: {0}")]
    Signer(String),
    /// Another instance took over the account (design rule M9).
    #[error("another instance signs for this account on chain {0} now; this one stopped acting")]
    Fenced(ChainId),
}

impl ExecutorError {
    /// Whether to try again.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Queue(error) => error.class(),
            Self::Chain(error) => error.class(),
            Self::Signer(_) => ErrorClass::Transient,
            Self::UnknownChain(_) | Self::Fenced(_) => ErrorClass::Permanent,
            Self::Incomplete { .. } => ErrorClass::Corrupt,
        }
    }
}
