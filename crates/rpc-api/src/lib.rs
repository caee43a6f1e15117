#![doc = include_str!("../README.md")]

#[allow(
    clippy::disallowed_methods,
    reason = "the generated server half rejects an unreadable subscription in a task of its own"
)]
mod api;
mod change;
mod error;
mod event;
mod filter;
mod job;
mod leg;
mod node;
mod order;
mod params;
mod status;
mod swap;
mod units;

#[cfg(feature = "client")]
pub use api::BmnApiClient;
pub use api::BmnApiServer;
pub use change::{ChainHead, SwapChange, SwapNotice};
pub use error::RpcErrorCode;
pub use event::{ChainEventEntry, EventPage};
pub use filter::{EventFilter, JobFilter, SwapFilter};
pub use job::{JobEntry, JobPage, JobState, WakeEntry};
pub use leg::{
    DestinationEscrow, EndKind, EscrowEndEntry, EscrowWindows, PlannedDestination, SourceEscrow,
    SourceTermsEntry, WireComplement, WireImmutables, WireInclusion, WireWindow,
};
pub use node::{ChainStatus, FactoryEntry, NodeStatus, WireBlock};
pub use order::{
    FieldError, OrderDecision, OrderFile, OrderSubmission, OrderWords, ReadOrder, ReadSignature,
    RefusalReason, SecretAnswer, WireProfit, WireSignature,
};
pub use params::{Cursor, Limit, MAX_LIMIT, SecretParam, SubscriptionKind, SwapKey};
pub use status::SwapStatus;
pub use swap::{OrderOrigin, OrderTerms, SecretState, Swap, SwapPage, WithdrawPermission};
pub use units::Amount;
