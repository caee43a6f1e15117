//! The node's own chain as the resolver sees it.

use crate::{acks::Acks, ledger::LedgerError, source::SourceConfig};
use bmn_chain::{ChainClient, ChainSource};
use bmn_primitives::{BlockRef, ChainId};
use std::sync::Arc;

/// What the resolver needs of the node it runs in.
pub trait LocalChain: Send + Sync {
    /// The chain's id.
    fn chain_id(&self) -> ChainId;

    /// A source, and with it the logs that are kept of notifications from now on.
    fn source(&self, config: SourceConfig) -> Box<dyn ChainSource>;

    /// A client. Calls that name no time run `block_time` seconds after the newest block.
    fn client(&self, block_time: u64) -> Arc<dyn ChainClient>;

    /// The canonical block of this number.
    ///
    /// # Errors
    /// The node's storage.
    fn block(&self, number: u64) -> Result<Option<BlockRef>, LedgerError>;

    /// What the node is told about how far it may prune.
    fn acks(&self) -> &Acks;

    /// Keeps nothing of notifications any more.
    fn stop(&self);
}
