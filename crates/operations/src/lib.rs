#![doc = include_str!("../README.md")]

mod document;
mod guard;
mod maintenance;
mod metrics;
mod ports;
mod problem;
mod query;
mod recorder;
mod routes;

pub use document::document;
pub use maintenance::Operator;
pub use metrics::{described, described_beside, reference};
pub use ports::{Limits, Parts, Port, open};
pub use recorder::{Recorder, RecorderError};
