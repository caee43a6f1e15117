#![doc = include_str!("../README.md")]

#[allow(
    clippy::disallowed_methods,
    reason = "the generated server half rejects an unreadable subscription in a task of its own"
)]
mod api;
mod change;
mod day;
mod error;
mod event;
mod explanation;
mod filter;
mod index;
#[allow(
    clippy::disallowed_methods,
    reason = "generated as in `api`, though this half has no subscription"
)]
mod index_api;
mod job;
mod leg;
mod modes;
mod node;
mod one_or_many;
#[allow(
    clippy::disallowed_methods,
    reason = "generated as in `api`, though these have no subscription"
)]
mod operator_api;
mod order;
mod params;
mod proof;
#[allow(
    clippy::disallowed_methods,
    reason = "generated as in `api`, though this half has no subscription"
)]
mod queue_api;
mod status;
mod swap;
mod units;

#[cfg(feature = "client")]
pub use api::BmnApiClient;
pub use api::BmnApiServer;
pub use change::{ChainHead, Reorged, SwapChange, SwapNotice};
pub use day::{Day, ParseDayError};
pub use error::RpcErrorCode;
pub use event::{ChainEventEntry, EventPage};
pub use explanation::{
    BothChains, OrderExplanation, WireCap, WireGasStep, WireOutcomes, WireQuote, WireSlack,
    WireTime, WireTokenFlag, WireValuation, WireValued,
};
pub use filter::{
    DeadLetterFilter, DestinationFilter, EventFilter, JobFilter, PendingFilter, SourceFilter,
    StatisticsFilter, SwapFilter,
};
pub use index::{
    DailyStatistics, DestinationPage, EscrowSide, EscrowState, EscrowStates, IndexDigest,
    IndexedDestination, IndexedSource, PendingOrder, PendingPage, RevealedSecret, SecretReveal,
    SideCounts, SourcePage, StatisticsPage, TokenVolume,
};
#[cfg(feature = "client")]
pub use index_api::IndexApiClient;
pub use index_api::IndexApiServer;
pub use job::{
    DeadLetter, DeadLetterKey, DeadLetterPage, FailureEntry, JobEntry, JobPage, JobState, WakeEntry,
};
pub use leg::{
    DestinationEscrow, EndKind, EscrowEndEntry, EscrowWindows, PlannedDestination, SourceEscrow,
    SourceTermsEntry, WireComplement, WireImmutables, WireInclusion, WireWindow,
};
pub use modes::{NodeModes, ShadowEntry, ShadowOutcome, ShadowReport, SwitchKind, WireSwitch};
pub use node::{ChainStatus, FactoryEntry, NodeStatus, WireBlock};
pub use one_or_many::OneOrMany;
#[cfg(feature = "client")]
pub use operator_api::{AdminApiClient, OperatorApiClient};
pub use operator_api::{AdminApiServer, OperatorApiServer};
// The parameter of `bmn_submitOrder` is an order file.
pub use bmn_contracts::{FieldError, OrderFile, OrderWords, ReadOrder, WireSignature};
pub use order::{OrderDecision, OrderSubmission, RefusalReason, SecretAnswer, WireProfit};
pub use params::{
    BlockParam, ChainParam, Cursor, Limit, MAX_LIMIT, ResolverParam, SecretParam, SubscriptionKind,
    SwapKey,
};
pub use proof::{BlockReceipts, LogProof, ProofError, ProvenLog};
#[cfg(feature = "client")]
pub use queue_api::QueueAdminApiClient;
pub use queue_api::QueueAdminApiServer;
pub use status::{SwapStatus, SwapStatuses};
pub use swap::{OrderOrigin, OrderTerms, SecretState, Swap, SwapPage, WithdrawPermission};
pub use units::{Amount, SignedAmount};
