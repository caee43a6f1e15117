#![doc = include_str!("../README.md")]

mod client;
#[cfg(feature = "test-utils")]
pub mod conformance;
mod error;
mod event;
mod receipts;
mod signer;
mod source;

pub use client::{CallOutcome, CallRequest, ChainClient, Fees, MinedCall, Simulation, TxReceipt};
pub use error::{ChainError, SendRejection};
pub use event::{
    Block, ChainEvent, ChainLog, Header, History, HistoryError, Segment, SegmentError,
};
pub use receipts::RawReceipts;
pub use signer::{AccountSigner, TypedData};
pub use source::{ChainSource, KnownBlocks};
