#![doc = include_str!("../README.md")]

#[allow(
    clippy::disallowed_methods,
    reason = "the generated server half rejects an unreadable subscription in a task of its own"
)]
mod api;
mod error;
mod event;
mod filter;
mod node;
mod order;
mod params;
mod swap;
mod units;

#[cfg(feature = "client")]
pub use api::BmnApiClient;
pub use api::BmnApiServer;
pub use error::RpcErrorCode;
pub use event::{ChainEventEntry, EventPage};
pub use filter::{EventFilter, JobFilter, SwapFilter};
pub use node::{ChainStatus, FactoryEntry, NodeStatus, WireBlock};
pub use order::{
    FieldError, OrderDecision, OrderFile, OrderSubmission, OrderWords, ReadOrder, ReadSignature,
    RefusalReason, SecretAnswer, WireProfit, WireSignature,
};
pub use params::{Cursor, Limit, MAX_LIMIT, SecretParam, SubscriptionKind, SwapKey};
pub use swap::{
    ChainHead, DestinationEscrow, EndKind, EscrowEndEntry, EscrowWindows, JobEntry, JobPage,
    JobState, OrderOrigin, OrderTerms, PlannedDestination, SecretState, SourceEscrow, Swap,
    SwapChange, SwapNotice, SwapPage, SwapStatus, WakeEntry, WireComplement, WireImmutables,
    WireInclusion, WireWindow, WithdrawPermission,
};
pub use units::Amount;
