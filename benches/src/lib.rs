#![doc = include_str!("../README.md")]

mod caller;
mod idle;
mod input;
mod listener;
mod market;
mod measure;
mod orders;
mod quiet;
mod rival;

pub use caller::{Caller, Http, Transport};
pub use idle::Idle;
pub use input::{History, Mix, block, hash_of, log, source_created, spec, spec_b};
pub use listener::Listener;
pub use market::{Market, engine_policy};
pub use measure::{Figures, Spread, is_smoke, is_wanted, memory, monotonic, per_second, temporary};
pub use orders::{order_id, store_orders};
pub use quiet::QuietChain;
pub use rival::{BareRedb, Commit, RowFile, rows_of_blocks};

use alloy::primitives::Address;
use bmn_config::ChainSpec;
use bmn_indexer::Indexer;
use bmn_node::{policy_of, rules_of};
use bmn_store::Store;
use std::sync::Arc;

/// An indexer of these chains for a resolver that no escrow names.
pub fn indexer<'a>(store: Store, specs: impl IntoIterator<Item = &'a ChainSpec>) -> Indexer {
    let policy = policy_of(&bmn_config::Policy::default());
    Indexer::new(store, Arc::new(rules_of(Address::repeat_byte(0xb5), specs, policy)))
}
