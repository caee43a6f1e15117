#![doc = include_str!("../README.md")]

mod convert;
mod cursor;
mod error;
mod event;
mod events;
mod handlers;
mod index;
mod index_handlers;
mod intake;
mod jobs;
mod list;
mod lookup;
mod place;
mod secrets;
mod serve;
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
pub use serve::{ServeError, ServeLimits, serve};
