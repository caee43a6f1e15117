#![doc = include_str!("../README.md")]

mod convert;
mod cursor;
mod error;
mod event;
mod events;
mod explain;
mod handlers;
mod index;
mod index_handlers;
mod intake;
mod jobs;
mod list;
mod lookup;
mod operator;
mod place;
mod queue_admin;
mod secrets;
mod serve;
mod shadow;
mod snapshot;
mod statistics;
mod submission;
mod subscription;
mod value;
mod view;

pub use error::RpcError;
pub use event::{DescribedEvent, describe_event};
pub use handlers::{BmnRpc, RpcLimits};
pub use intake::{
    Claims, Intake, IntakeError, NodeView, ServedChain, Submitted, SubmittedOrder, Trade,
};
pub use operator::{AdminRpc, ModeChange, Operations};
pub use queue_admin::QueueAdmin;
pub use serve::{ServeError, ServeLimits, serve};
