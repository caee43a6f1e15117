//! Everything a handler can answer instead of a result, and the one place where it becomes a code.

use crate::IntakeError;
use bmn_primitives::{ErrorClass, OrderId};
use bmn_queue::QueueError;
use bmn_rpc_api::{FieldError, Reorged, RpcErrorCode};
use bmn_store::StoreError;
use jsonrpsee::types::ErrorObjectOwned;

/// Errors of the handlers.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// A parameter that could be parsed and still is not acceptable.
    #[error(transparent)]
    Param(#[from] FieldError),
    /// The order or swap is not known.
    #[error("no order, swap or escrow with this id")]
    NotFound,
    /// The index has nothing there.
    #[error("{0}")]
    NotIndexed(String),
    /// The index has not come so far, or is made again.
    #[error("{0}")]
    Behind(String),
    /// Several orders match.
    #[error("{} orders have this id", .0.len())]
    Ambiguous(Vec<OrderId>),
    /// The cursor is not the `next` of a page with the same method and filter.
    #[error("the cursor does not belong to this request")]
    BadCursor,
    /// What lies before the cursor is not what it was.
    #[error("a reorg replaced what was read up to block {} of chain {}", .0.number, .0.chain)]
    Reorged(Reorged),
    /// The secret opens no hashlock of ours.
    #[error("the secret opens no known hashlock")]
    UnknownHashlock,
    /// The permission is not signed yet.
    #[error("not signed yet")]
    NotYet,
    /// No permission will be signed.
    #[error("no permission will be signed")]
    NoPermission,
    /// Too many submissions at once.
    #[error("{limit} submissions are being worked on already")]
    Busy {
        /// How many are worked on at once.
        limit: usize,
    },
    /// Orders and secrets are taken from nobody here.
    #[error("this node takes no orders and no secrets: its operator has switched submissions off")]
    SubmissionsOff,
    /// The node would not or could not take it.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A job row could not be read.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// There is no such dead letter.
    #[error("no dead letter of this order and action")]
    NoSuchLetter,
    /// Several dead letters have that name.
    #[error("{} dead letters have this name", .0.len())]
    SeveralLetters(Vec<bmn_rpc_api::DeadLetterKey>),
    /// A chain's node gave no proof of a block. Why is for the log: it may name endpoints.
    #[error("block {number} of chain {chain} cannot be proven now; try again")]
    Unproven {
        /// Chain id.
        chain: u64,
        /// The block.
        number: u64,
        /// What the node said.
        reason: String,
    },
    /// Too many proofs are being made.
    #[error("{limit} proofs are being made already")]
    Proving {
        /// How many are made at once.
        limit: usize,
    },
    /// A worker thread of the runtime died.
    #[error("a read was cut off: {0}")]
    Interrupted(String),
}

const LISTED_CANDIDATES: usize = 20;

impl RpcError {
    /// A parameter and its accepted form.
    pub(crate) fn param(name: &str, expected: impl Into<String>) -> Self {
        Self::Param(FieldError::new(name, expected))
    }

    /// Whether asking again may help.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Queue(error) => error.class(),
            Self::Intake(error) => error.class(),
            Self::NotYet
            | Self::Behind(_)
            | Self::Busy { .. }
            | Self::Proving { .. }
            | Self::Unproven { .. }
            | Self::Interrupted(_) => ErrorClass::Transient,
            _ => ErrorClass::Permanent,
        }
    }

    /// Its code.
    pub const fn code(&self) -> RpcErrorCode {
        match self {
            Self::Param(_) => RpcErrorCode::InvalidParams,
            Self::NotFound | Self::NotIndexed(_) | Self::Store(StoreError::Pruned { .. }) => {
                RpcErrorCode::NotFound
            }
            Self::Ambiguous(_) => RpcErrorCode::AmbiguousId,
            Self::BadCursor => RpcErrorCode::BadCursor,
            Self::Reorged(_) => RpcErrorCode::Reorged,
            Self::UnknownHashlock => RpcErrorCode::UnknownHashlock,
            Self::NotYet => RpcErrorCode::NotYet,
            Self::NoPermission => RpcErrorCode::NoPermission,
            Self::Busy { .. } | Self::Proving { .. } => RpcErrorCode::LimitExceeded,
            Self::Unproven { .. } | Self::Behind(_) => RpcErrorCode::Unavailable,
            Self::SubmissionsOff => RpcErrorCode::NotSupported,
            Self::Intake(IntakeError::Unreadable(_)) => RpcErrorCode::UnreadableOrder,
            Self::Intake(IntakeError::Claim { .. }) => RpcErrorCode::InvalidParams,
            Self::Intake(IntakeError::NotActing(_)) => RpcErrorCode::Unavailable,
            Self::Intake(IntakeError::Unavailable(_)) => RpcErrorCode::Unavailable,
            Self::Queue(QueueError::NotWanted { .. } | QueueError::StillDue { .. }) => {
                RpcErrorCode::NotWanted
            }
            Self::Queue(QueueError::NotJudged { .. }) => RpcErrorCode::Unavailable,
            Self::Queue(QueueError::NoSuchJob { .. } | QueueError::WrongState { .. })
            | Self::NoSuchLetter => RpcErrorCode::NotFound,
            Self::SeveralLetters(_) => RpcErrorCode::AmbiguousId,
            Self::Intake(IntakeError::Internal(_))
            | Self::Store(_)
            | Self::Queue(_)
            | Self::Interrupted(_) => RpcErrorCode::Internal,
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let code = error.code();
        match &error {
            RpcError::Param(field) => code.with_data(field.to_string()),
            RpcError::Intake(claim @ IntakeError::Claim { .. }) => {
                code.with_data(claim.to_string())
            }
            RpcError::Intake(IntakeError::Unreadable(reasons)) => {
                code.with_data(reasons.iter().map(crate::public::refusal).collect::<Vec<_>>())
            }
            RpcError::Reorged(reorged) => code.with_data(reorged),
            RpcError::SeveralLetters(keys) => code.with_data(keys),
            RpcError::Ambiguous(orders) => {
                let listed = orders.iter().take(LISTED_CANDIDATES);
                code.with_data(listed.map(ToString::to_string).collect::<Vec<_>>())
            }
            // The words of a host name it: they go to the log, too.
            RpcError::Intake(IntakeError::Unavailable(words)) => {
                tracing::warn!(target: "bmn::rpc", error = %words, "a submission was not taken");
                code.says("not available now: a chain or the database did not answer; try again")
            }
            // The words of the store name files and keys: they go to the log, not to the caller.
            internal if code == RpcErrorCode::Internal => {
                tracing::error!(target: "bmn::rpc", error = %internal, "request failed");
                code.says(code.message())
            }
            RpcError::Unproven { chain, number, reason } => {
                tracing::warn!(target: "bmn::rpc", chain, number, reason, "no proof of a block");
                code.says(error.to_string())
            }
            other => code.says(other.to_string()),
        }
    }
}
