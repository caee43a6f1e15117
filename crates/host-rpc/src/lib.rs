#![doc = include_str!("../README.md")]

mod agreement;
mod breaker;
mod client;
mod config;
mod endpoint;
mod error;
mod fault;
mod fees;
mod health;
mod history;
mod host;
mod http;
mod pool;
mod private;
mod probe;
mod quorum;
mod range;
mod reader;
mod receipts;
mod rejection;
mod remote_signer;
mod revert;
mod score;
mod source;
mod stated;
mod tour;
mod transport;
mod vote;
mod watch;
mod wire;
mod ws;

#[cfg(test)]
mod tests;

pub use breaker::BreakerState;
pub use client::RpcClient;
pub use config::{Limits, LogSelection, RpcConfig};
pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::RpcError;
pub use health::{EndpointState, LearntLimits};
pub use host::RpcHost;
pub use private::PrivateSends;
pub use remote_signer::RemoteSigner;
pub use source::RpcSource;
