#![doc = include_str!("../README.md")]

#[allow(
    clippy::disallowed_methods,
    reason = "the generated server half rejects an unreadable subscription in a task of its own"
)]
mod api;
mod change;
mod day;
mod describe;
mod error;
mod event;
mod explanation;
mod filter;
mod health;
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
mod notice;
mod one_or_many;
#[cfg(feature = "schema")]
pub mod openrpc;
#[allow(clippy::disallowed_methods, reason = "generated as in `api`")]
mod operator_api;
mod order;
#[cfg(feature = "schema")]
mod order_schema;
mod params;
mod proof;
mod proven_swap;
#[allow(
    clippy::disallowed_methods,
    reason = "generated as in `api`, though this half has no subscription"
)]
mod queue_api;
mod rlp;
mod scheduled;
#[cfg(feature = "schema")]
mod schema;
mod status;
mod subscribe;
mod summary;
#[allow(
    clippy::disallowed_methods,
    reason = "generated as in `api`, though this half has no subscription"
)]
mod summary_api;
mod swap;
mod swap_proof;
mod trie;
mod units;

#[cfg(feature = "client")]
pub use api::BmnApiClient;
pub use api::BmnApiServer;
pub use change::{ChainHead, Reorged, SwapChange};
pub use day::{Day, ParseDayError};
pub use describe::{DescribedEvent, describe_event};
pub use error::RpcErrorCode;
pub use event::{ChainEventEntry, EventPage};
pub use explanation::{
    BothChains, OrderExplanation, WireCap, WireGasStep, WireOutcomes, WireQuote, WireSlack,
    WireTime, WireTokenFlag, WireValuation, WireValued,
};
pub use filter::{
    AsOf, BlockFilter, ChangeFilter, DeadLetterFilter, DestinationFilter, EventFilter, JobFilter,
    PendingFilter, SecretFilter, SourceFilter, StatisticsFilter, SwapFilter,
};
pub use health::{Health, HealthComponent, HealthPart, HealthStatus};
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
pub use notice::{
    AlertKind, AlertNotice, BlockNotice, Notice, OrderNotice, ReorgNotice, SecretNotice,
    WantedDestination,
};
pub use one_or_many::OneOrMany;
#[cfg(feature = "client")]
pub use operator_api::{AdminApiClient, OperatorApiClient};
pub use operator_api::{AdminApiServer, OperatorApiServer};
// The parameter of `bmn_submitOrder` is an order file.
pub use bmn_contracts::{FieldError, OrderFile, OrderWords, ReadOrder, WireSignature};
pub use order::{OrderDecision, OrderSubmission, RefusalReason, SecretAnswer, WireProfit};
pub use params::{
    BlockParam, ChainParam, Cursor, Days, Limit, MAX_DAYS, MAX_LIMIT, MinProfit, ResolverParam,
    SecretParam, SwapKey,
};
pub use proof::{BlockReceipts, LogProof, ProofError, ProvenLog};
pub use proven_swap::{BelievedFactory, ProvenEscrow, SwapProofError};
#[cfg(feature = "client")]
pub use queue_api::QueueAdminApiClient;
pub use queue_api::QueueAdminApiServer;
pub use scheduled::{JobPriority, RunResult, ScheduledJob, ScheduledRun, StartedRun};
pub use status::{SwapStatus, SwapStatuses};
pub use subscribe::{SubscribeFrom, SubscriptionFilter, SubscriptionKind};
pub use summary::{
    ChainIndexer, ChainStatistics, ChainVolume, DailyMetrics, IndexerState, LastBlock, NodeVersion,
    OrderEntry, OrderPage, PerformanceMetrics, ProfitableOrders, QueueMetrics, Spread,
};
#[cfg(feature = "client")]
pub use summary_api::SummaryApiClient;
pub use summary_api::SummaryApiServer;
pub use swap::{OrderOrigin, OrderTerms, SecretState, Swap, SwapPage, WithdrawPermission};
pub use swap_proof::{EscrowProof, EventProof, SwapProof};
pub use units::{Amount, SignedAmount};
