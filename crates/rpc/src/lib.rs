#![doc = include_str!("../README.md")]

mod convert;
mod cursor;
mod error;
mod event;
mod handlers;
mod intake;
mod jobs;
mod list;
mod lookup;
mod serve;
mod snapshot;
mod submission;
mod subscription;
mod view;

pub use error::RpcError;
pub use event::{DescribedEvent, describe_event};
pub use handlers::{BmnRpc, RpcLimits};
pub use intake::{Claims, Intake, IntakeError, NodeView, ServedChain, Submitted, SubmittedOrder};
pub use serve::{ServeError, ServeLimits, serve};
