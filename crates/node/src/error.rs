//! What can go wrong in a running resolver.

use alloy::primitives::Address;
use bmn_chain::ChainError;
use bmn_executor::ExecutorError;
use bmn_indexer::IndexError;
use bmn_primitives::{ChainId, ErrorClass, OrderId};
use bmn_queue::QueueError;
use bmn_store::StoreError;

/// Errors of the node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The indexer failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The executor failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// A host failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A chain that is not configured.
    #[error("chain {0} is not configured")]
    UnknownChain(ChainId),
    /// Two hosts for one chain.
    #[error("chain {0} is configured twice")]
    DuplicateChain(ChainId),
    /// A host that follows another chain than its specification.
    #[error("the host of `{name}` follows chain {found}, its specification says {expected}")]
    WrongChain {
        /// Name in the specification.
        name: String,
        /// Chain id in the specification.
        expected: ChainId,
        /// Chain id of the host.
        found: ChainId,
    },
    /// A factory whose escrows can never be left again (`protocol.md` 11.14).
    #[error("factory {factory} on chain {chain} locks funds for ever: {reason}; remove it")]
    LockingFactory {
        /// Its chain.
        chain: ChainId,
        /// Its address.
        factory: Address,
        /// Why.
        reason: String,
    },
    /// An open order's escrow names another taker than ours: only he can end it.
    #[error(
        "order {order} is open in the name of {taker} on chain {chain}, and we are {}: start with that \
         account, or with it as `resolver_contract`, until the order is at an end",
        ours.map_or_else(|| "nobody there".to_owned(), |ours| ours.to_string())
    )]
    OtherTaker {
        /// The order.
        order: OrderId,
        /// Chain of the escrow.
        chain: ChainId,
        /// Whom it names.
        taker: Address,
        /// Who we are for its dialect there, if anybody.
        ours: Option<Address>,
    },
    /// A thread of the node could not be started or died.
    #[error("worker of chain {chain}: {reason}")]
    Worker {
        /// Its chain.
        chain: ChainId,
        /// What happened.
        reason: String,
    },
}

impl NodeError {
    /// The store's failure inside.
    pub const fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error)
            | Self::Index(IndexError::Store(error) | IndexError::Queue(QueueError::Store(error)))
            | Self::Executor(
                ExecutorError::Store(error) | ExecutorError::Queue(QueueError::Store(error)),
            )
            | Self::Queue(QueueError::Store(error)) => Some(error),
            _ => None,
        }
    }

    /// True when a host said so: it is asked again, whatever it said.
    pub const fn is_of_host(&self) -> bool {
        matches!(
            self,
            Self::Chain(_)
                | Self::Index(
                    IndexError::Chain(_)
                        | IndexError::Segment(_)
                        | IndexError::NotFinal { .. }
                        | IndexError::Store(StoreError::NotChild { .. })
                )
                | Self::Executor(ExecutorError::Chain(_))
        )
    }

    /// Whether to try again.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Queue(error) => error.class(),
            Self::Index(error) => error.class(),
            Self::Executor(error) => error.class(),
            Self::Chain(error) => error.class(),
            Self::UnknownChain(_)
            | Self::DuplicateChain(_)
            | Self::WrongChain { .. }
            | Self::LockingFactory { .. }
            | Self::OtherTaker { .. }
            | Self::Worker { .. } => ErrorClass::Permanent,
        }
    }
}
