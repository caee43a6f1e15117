//! What can go wrong with jobs.

use crate::StateKind;
use bmn_primitives::{ErrorClass, OrderId};
use bmn_store::StoreError;
use bmn_swap::{Action, ActionKey};

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
    /// The lease is over: somebody else has the job now, or it is done. Whatever its holder was about
    /// to write is not written.
    #[error(
        "lease {token} of job {} of order {} is over: the job is {}",
        key.action.name(), key.order,
        found.map_or_else(|| "gone".to_owned(), |(state, token)| format!("{state} under lease {token}"))
    )]
    Overtaken {
        /// The job.
        key: ActionKey,
        /// The token of the lease that is over.
        token: u64,
        /// The job's state and newest token; none when there is no such job.
        found: Option<(StateKind, u64)>,
    },
    /// The transaction of the job is out: until its nonce is settled the job belongs to that transaction,
    /// and trying the action anew could do it twice (design rule M3).
    #[error(
        "job {} of order {} has a live transaction, which allows no {wanted}",
        key.action.name(),
        key.order
    )]
    InFlight {
        /// The job.
        key: ActionKey,
        /// What was asked.
        wanted: &'static str,
    },
    /// The plan does not want the action of a dead letter.
    #[error("{} of order {order} is not wanted: {why}", action.name())]
    NotWanted {
        /// The order.
        order: OrderId,
        /// The action.
        action: Action,
        /// Why.
        why: String,
    },
    /// The action of a dead letter is still due, so something is at stake.
    #[error("{} of order {order} is still due: requeue it", action.name())]
    StillDue {
        /// The order.
        order: OrderId,
        /// The action.
        action: Action,
    },
    /// The index of a chain of the order does not show the chain as it is, so nothing says what is due.
    #[error("order {order} cannot be judged now: the index of one of its chains is not current")]
    NotJudged {
        /// The order.
        order: OrderId,
    },
    /// A row of an index table does not fit its job.
    #[error("job index {table} is damaged: {reason}")]
    Damaged {
        /// The index table.
        table: &'static str,
        /// What does not fit.
        reason: &'static str,
    },
    /// Rules with other chains, factories, tokens or another account were to take the place of those at start.
    #[error(
        "account, chains, factories or tokens are not those of the start: that needs a restart"
    )]
    OtherChains,
    /// The rules were changed too often in one run.
    #[error("the rules were changed {} times since the start: the next change needs a restart", crate::MOST_VERSIONS - 1)]
    TooManyVersions,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueueError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            // Its work goes on under another lease.
            Self::Overtaken { .. } | Self::NotJudged { .. } | Self::InFlight { .. } => {
                ErrorClass::Transient
            }
            Self::NoSuchJob { .. }
            | Self::WrongState { .. }
            | Self::NotWanted { .. }
            | Self::OtherChains
            | Self::TooManyVersions
            | Self::StillDue { .. } => ErrorClass::Permanent,
            Self::Damaged { .. } => ErrorClass::Corrupt,
            Self::Store(error) => error.class(),
        }
    }
}
