#![doc = include_str!("../README.md")]

mod backend;
mod chain_writes;
mod codec;
mod digest;
mod directory;
mod error;
mod journal;
mod keys;
mod master_key;
mod open;
mod orders;
mod read;
mod records;
mod rows;
mod seal;
mod secrets;
mod snapshot;
mod tables;
mod transactions;
mod write;

#[cfg(any(test, feature = "test-utils"))]
pub mod testing;

#[cfg(test)]
mod tests;

pub use codec::{decode, encode};
pub use digest::{ChainRow, chain_rows, digest};
pub use error::StoreError;
pub use master_key::{MASTER_KEY_FILE, MasterKey};
pub use open::{DATABASE_FILE, Store, StoreLocation, StoreOptions};
pub use read::Reads;
pub use records::{
    Change, Cursor, EventKey, EventRow, IntentRow, JobCounts, OrderState, Reservation, SentTx,
    TxPayload,
};
pub use rows::Row;
pub use seal::{Entropy, EntropyUnavailable, OsEntropy};
pub use snapshot::{KnownChain, ReadTx};
pub use tables::{QueueTable, SCHEMA_VERSION};
pub use write::WriteTx;
