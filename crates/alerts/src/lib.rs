#![doc = include_str!("../README.md")]

mod alert_loop;
mod book;
mod courier;
mod engine;
mod error;
mod facts;
mod heartbeat;
mod judge;
mod kind;
mod measured;
mod message;
mod outbox;
mod route;
mod unseen;
mod watch;

pub use alert_loop::{AlertLoop, FactSource, Settings};
pub use book::Book;
pub use courier::Courier;
pub use engine::{Engine, HealthRow};
pub use error::AlertError;
pub use facts::{
    BalanceFacts, ChainFacts, DiskFacts, Facts, JobFacts, OrderFacts, Overall, PartFacts,
    QueueFacts, StageFacts,
};
pub use heartbeat::{Heartbeat, Pulse, silent_because};
pub use judge::{Condition, Conditions, Thresholds, judge};
pub use kind::{AlertId, Kind, Severity};
pub use measured::{COUNTERS, Described, GAUGES, RECORDS_GAUGES, publish};
pub use message::{Message, Told};
pub use outbox::{MOST_WAITING, Outbox};
pub use route::{Route, RouteParts, SIGNATURE_HEADER, SendError, signature};
pub use unseen::{Unseen, unseen};
pub use watch::{Alert, Alerts, Edge, Watch};

/// Time for marks and messages. Windows are never judged by it.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}
