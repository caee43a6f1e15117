#![doc = include_str!("../README.md")]

mod chain;
mod client;
mod error;
mod server;
mod source;

pub use chain::{
    AccountState, Call, CallResult, ChainUpdate, Cheat, DevChain, DevChainConfig, Footprint,
    MinedBlock, Overrides, PooledTx, Reorg, Replacement, ReplacementTimes, SignedTx, TxDecodeError,
    TxOutcome,
};
pub use client::DevClient;
pub use error::DevChainError;
pub use server::{Clock, DevServer, DevServerConfig, MiningMode};
pub use source::DevSource;
