//! What can go wrong with jobs.

use crate::StateKind;
use bmn_primitives::ErrorClass;
use bmn_store::StoreError;
use bmn_swap::ActionKey;

/// Errors of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no such job.
    #[error("no job {} of order {} on chain {}", key.action.name(), key.order, key.chain)]
    NoSuchJob {
        /// The action asked for.
        key: ActionKey,
    },
    /// The job is in a state in which this cannot be done to it.
    #[error(
        "job {} of order {} is {found}, which allows no {wanted}",
        key.action.name(),
        key.order
    )]
    WrongState {
        /// The job.
        key: ActionKey,
        /// Its state.
        found: StateKind,
        /// What was asked.
        wanted: &'static str,
    },
    /// A row of an index table does not fit its job.
    #[error("job index {table} is damaged: {reason}")]
    Damaged {
        /// The index table.
        table: &'static str,
        /// What does not fit.
        reason: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueueError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::NoSuchJob { .. } | Self::WrongState { .. } => ErrorClass::Permanent,
            Self::Damaged { .. } => ErrorClass::Corrupt,
            Self::Store(error) => error.class(),
        }
    }
}
