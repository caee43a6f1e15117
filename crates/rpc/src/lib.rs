#![doc = include_str!("../README.md")]

mod as_of;
mod audit;
mod clients;
mod connections;
mod convert;
mod cursor;
mod description;
mod entrance;
mod error;
mod events;
mod explain;
mod handlers;
mod health;
mod index;
mod index_handlers;
mod intake;
mod jobs;
mod jwt;
mod limited;
mod list;
mod lookup;
mod measured;
mod measures;
mod operator;
mod place;
mod public;
mod queue_admin;
mod reading;
mod scheduled;
mod secrets;
mod serve;
mod shadow;
mod snapshot;
mod socket;
mod statistics;
mod submission;
mod subscription;
mod summary;
mod swap_proof;
mod value;
mod view;

pub use audit::{AUDIT_BYTES, AuditEntry, AuditLog, audited};
pub use bmn_rpc_api::{DescribedEvent, describe_event};
pub use clients::{ClientLimits, LimitNotice, Monotonic};
pub use description::described;
pub use entrance::{Caller, Entrance, Origins};
pub use error::RpcError;
pub use handlers::{BmnRpc, RpcLimits};
pub use intake::{
    Acting, Claims, Intake, IntakeError, NodeView, ReceiptSource, ServedChain, Submitted,
    SubmittedOrder, Trade,
};
pub use jwt::{JwtKey, NotAKey, TokenError};
pub use measured::{METRICS, Metric, MetricKind};
pub use measures::{IndexMode, Measures};
pub use operator::{AdminRpc, ModeChange, Operations};
pub use queue_admin::QueueAdmin;
pub use scheduled::ScheduledJobs;
pub use serve::{ServeError, ServeLimits, serve, serve_behind};
