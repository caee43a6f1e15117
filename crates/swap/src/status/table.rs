//! The table of legal changes of status.

use super::Status;
use serde::{Deserialize, Serialize};

/// What can move an order from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A source escrow appeared.
    SourceCreated,
    /// A destination escrow appeared.
    DestinationCreated,
    /// We learned the secret, from the maker or a chain.
    SecretLearned,
    /// A source escrow was withdrawn.
    SourceWithdrawn,
    /// A source escrow was cancelled.
    SourceCancelled,
    /// A source escrow was rescued.
    SourceRescued,
    /// A destination escrow was withdrawn.
    DestinationWithdrawn,
    /// A destination escrow was cancelled.
    DestinationCancelled,
    /// A destination escrow was rescued.
    DestinationRescued,
    /// Our fill was given up.
    FillClosed,
    /// The cancel of a refused source escrow turned out impossible.
    CancelImpossible,
    /// Nothing public is left for us to do about strangers' escrows.
    KeepingClosed,
}

impl Cause {
    /// The cause in words, as the state diagram has it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SourceCreated => "source created",
            Self::DestinationCreated => "destination created",
            Self::SecretLearned => "secret learned",
            Self::SourceWithdrawn => "source withdrawn",
            Self::SourceCancelled => "source cancelled",
            Self::SourceRescued => "source rescued",
            Self::DestinationWithdrawn => "destination withdrawn",
            Self::DestinationCancelled => "destination cancelled",
            Self::DestinationRescued => "destination rescued",
            Self::FillClosed => "fill given up",
            Self::CancelImpossible => "cancel impossible",
            Self::KeepingClosed => "nothing left to keep",
        }
    }
}

/// A legal change of status. A reorg may take any of them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transition {
    /// Status before.
    pub from: Status,
    /// What happened.
    pub cause: Cause,
    /// Status after.
    pub to: Status,
}

const fn t(from: Status, cause: Cause, to: Status) -> Transition {
    Transition { from, cause, to }
}

/// The whole state machine. Causes that do not change a status are not listed.
pub const TRANSITIONS: &[Transition] = &[
    t(Status::Refused, Cause::SourceCreated, Status::Refunding),
    t(Status::Refunding, Cause::SourceCancelled, Status::Cancelled),
    t(Status::Refunding, Cause::CancelImpossible, Status::Refused),
    t(Status::Refunding, Cause::SourceWithdrawn, Status::Violated),
    t(Status::Refunding, Cause::SourceRescued, Status::Violated),
    t(Status::Refused, Cause::SourceCancelled, Status::Cancelled),
    t(Status::Refused, Cause::SourceWithdrawn, Status::Violated),
    t(Status::Refused, Cause::SourceRescued, Status::Violated),
    t(Status::Accepted, Cause::SourceCreated, Status::SourceLocked),
    t(Status::Accepted, Cause::FillClosed, Status::Void),
    t(Status::Void, Cause::SourceCreated, Status::SourceLocked),
    t(Status::SourceLocked, Cause::DestinationCreated, Status::BothLocked),
    t(Status::SourceLocked, Cause::DestinationCreated, Status::SecretKnown),
    t(Status::SourceLocked, Cause::SourceCancelled, Status::Cancelled),
    t(Status::SourceLocked, Cause::SourceWithdrawn, Status::Violated),
    t(Status::SourceLocked, Cause::SourceRescued, Status::Violated),
    t(Status::BothLocked, Cause::SecretLearned, Status::SecretKnown),
    t(Status::BothLocked, Cause::DestinationWithdrawn, Status::DestinationPaid),
    t(Status::BothLocked, Cause::DestinationCancelled, Status::DestinationRefunded),
    t(Status::BothLocked, Cause::DestinationRescued, Status::DestinationRefunded),
    t(Status::BothLocked, Cause::SourceCancelled, Status::DestinationStranded),
    t(Status::BothLocked, Cause::SourceWithdrawn, Status::Owing),
    t(Status::BothLocked, Cause::SourceRescued, Status::Owing),
    t(Status::SecretKnown, Cause::DestinationWithdrawn, Status::DestinationPaid),
    t(Status::SecretKnown, Cause::DestinationCancelled, Status::DestinationRefunded),
    t(Status::SecretKnown, Cause::DestinationRescued, Status::DestinationRefunded),
    t(Status::SecretKnown, Cause::SourceCancelled, Status::DestinationStranded),
    t(Status::SecretKnown, Cause::SourceWithdrawn, Status::Owing),
    t(Status::SecretKnown, Cause::SourceRescued, Status::Owing),
    t(Status::DestinationPaid, Cause::SourceWithdrawn, Status::Completed),
    t(Status::DestinationPaid, Cause::SourceRescued, Status::Completed),
    t(Status::DestinationPaid, Cause::SourceCancelled, Status::Lost),
    t(Status::DestinationRefunded, Cause::SourceCancelled, Status::Cancelled),
    t(Status::DestinationRefunded, Cause::SourceWithdrawn, Status::Violated),
    t(Status::DestinationRefunded, Cause::SourceRescued, Status::Violated),
    t(Status::DestinationStranded, Cause::DestinationCancelled, Status::Cancelled),
    t(Status::DestinationStranded, Cause::DestinationRescued, Status::Cancelled),
    t(Status::DestinationStranded, Cause::DestinationWithdrawn, Status::Lost),
    t(Status::Exposed, Cause::SourceCreated, Status::BothLocked),
    t(Status::Exposed, Cause::SourceCreated, Status::SecretKnown),
    t(Status::Exposed, Cause::SourceCreated, Status::DestinationPaid),
    t(Status::Exposed, Cause::DestinationCancelled, Status::Void),
    t(Status::Exposed, Cause::DestinationRescued, Status::Void),
    t(Status::Void, Cause::SourceCreated, Status::DestinationRefunded),
    t(Status::Accepted, Cause::DestinationCreated, Status::Exposed),
    t(Status::Void, Cause::DestinationCreated, Status::Exposed),
    t(Status::Violated, Cause::DestinationCreated, Status::Owing),
    t(Status::Owing, Cause::DestinationWithdrawn, Status::Completed),
    t(Status::Owing, Cause::DestinationCancelled, Status::Violated),
    t(Status::Owing, Cause::DestinationRescued, Status::Violated),
    t(Status::Cancelled, Cause::DestinationCreated, Status::DestinationStranded),
    t(Status::Watched, Cause::SourceWithdrawn, Status::Kept),
    t(Status::Watched, Cause::SourceWithdrawn, Status::Released),
    t(Status::Watched, Cause::SourceCancelled, Status::Kept),
    t(Status::Watched, Cause::SourceCancelled, Status::Released),
    t(Status::Watched, Cause::SourceRescued, Status::Kept),
    t(Status::Watched, Cause::SourceRescued, Status::Released),
    t(Status::Watched, Cause::DestinationWithdrawn, Status::Kept),
    t(Status::Watched, Cause::DestinationWithdrawn, Status::Released),
    t(Status::Watched, Cause::DestinationCancelled, Status::Kept),
    t(Status::Watched, Cause::DestinationCancelled, Status::Released),
    t(Status::Watched, Cause::DestinationRescued, Status::Kept),
    t(Status::Watched, Cause::DestinationRescued, Status::Released),
    t(Status::Watched, Cause::KeepingClosed, Status::Kept),
    t(Status::Watched, Cause::KeepingClosed, Status::Released),
    t(Status::Kept, Cause::SourceCreated, Status::Watched),
    t(Status::Kept, Cause::DestinationCreated, Status::Watched),
    t(Status::Released, Cause::SourceCreated, Status::Watched),
    t(Status::Released, Cause::DestinationCreated, Status::Watched),
    // What was sent before it was given up may be mined after it.
    t(Status::Released, Cause::SourceWithdrawn, Status::Kept),
    t(Status::Released, Cause::SourceCancelled, Status::Kept),
    t(Status::Released, Cause::DestinationWithdrawn, Status::Kept),
];
