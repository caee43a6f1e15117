//! Where transactions of ours were mined that wait for their confirmations, so that their host is asked
//! once and not with every block.

use bmn_primitives::{BlockRef, ChainId};
use bmn_store::IntentRow;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// In memory only: whoever forgets it asks again.
#[derive(Debug, Default)]
pub(crate) struct Mined(Mutex<BTreeMap<(ChainId, u64), BlockRef>>);

impl Mined {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(ChainId, u64), BlockRef>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host says that one version of the intent is in `block`.
    pub(crate) fn note(&self, intent: &IntentRow, block: BlockRef) {
        self.lock().insert((intent.key.chain, intent.nonce), block);
    }

    /// What was noted of it.
    pub(crate) fn block_of(&self, intent: &IntentRow) -> Option<BlockRef> {
        self.lock().get(&(intent.key.chain, intent.nonce)).copied()
    }

    /// Forgets what is not among the intents of the chain any more.
    pub(crate) fn keep(&self, chain: ChainId, intents: &[IntentRow]) {
        let live: BTreeSet<u64> = intents.iter().map(|intent| intent.nonce).collect();
        self.lock().retain(|(of, nonce), _| *of != chain || live.contains(nonce));
    }
}
