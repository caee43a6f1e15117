#![doc = include_str!("../README.md")]

mod backend;
pub mod backup;
mod blocks;
mod bulk;
mod chain_writes;
mod claims;
mod clear;
mod codec;
mod daily;
mod decisions;
mod digest;
mod directory;
mod error;
mod events;
mod forget;
mod gate;
mod index;
mod journal;
mod keeping;
mod keys;
mod late;
mod legs;
mod master_key;
mod open;
mod orders;
mod pack;
mod prune;
mod read;
mod reads;
mod records;
mod retain;
mod rows;
mod runs;
mod seal;
mod secrets;
mod sizes;
mod snapshot;
mod spending;
mod stage;
mod tables;
mod totals;
mod transactions;
mod upgrade;
mod verify;
mod view;
mod write;

#[cfg(any(test, feature = "test-utils"))]
pub mod testing;

#[cfg(test)]
mod tests;

pub use blocks::{BlockReads, IndexedBlock};
pub use bulk::{Bulk, Flushed};
pub use claims::{ClaimReads, MakerClaim};
pub use codec::{decode, encode};
pub use daily::{DayCounts, Volume};
pub use decisions::DecisionReads;
pub use digest::{ChainRow, chain_rows, digest};
pub use error::StoreError;
pub use index::{LegIndex, SourceBinding};
pub use keeping::{KeepingReads, KeepingRow};
pub use late::{LateReads, LateRow};
pub use legs::{AnyLeg, LegState};
pub use master_key::{MASTER_KEY_FILE, MasterKey};
pub use open::{DATABASE_FILE, Store, StoreLocation, StoreOptions};
pub use prune::{Floor, PruneBudget, PruneReads, Pruned, prune_index};
pub use read::Reads;
pub use reads::{DestinationQuery, Found, IndexReads, PageBounds, SourceQuery};
pub use records::{
    Change, Cursor, EventKey, EventRow, IntentNotes, IntentRow, JobCounts, Justification, Mode,
    OrderState, RebuildReason, Reservation, RollingDigest, SentTx, Spending, TxPayload,
};
pub use retain::{
    ArchivedOrder, EndedReads, OrderArchive, Retained, Retention, RetentionBudget, RetentionPolicy,
};
pub use rows::Row;
pub use seal::{Entropy, EntropyUnavailable, OsEntropy};
pub use sizes::TableSize;
pub use snapshot::{KnownChain, ReadTx};
pub use stage::Staged;
pub use tables::{QueueTable, SCHEMA_VERSION};
pub use verify::{Difference, Verification, Verified, verify};
pub use view::View;
pub use write::WriteTx;
