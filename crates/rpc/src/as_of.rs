//! Reads of a chain's index as it was a few blocks ago.

use crate::{BmnRpc, RpcError, snapshot::Snapshot};
use bmn_primitives::ChainId;
use bmn_rpc_api::AsOf;
use bmn_store::{Store, StoreError};

/// Blocks that one request takes back at most.
const MOST: u64 = 4_096;

impl BmnRpc {
    /// As [`listed`](Self::listed), from a chain's index as it was then.
    pub(crate) async fn listed_as_of<T: Send + 'static>(
        &self,
        then: Option<AsOf>,
        read: impl FnOnce(&Snapshot) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let Some(then) = then else { return self.listed(read).await };
        let store = self.ground().store.clone();
        self.past().read(move || read(&snapshot(&store, then)?)).await
    }
}

/// # Errors
/// [`RpcError::NotIndexed`] for a block that is not indexed yet or cannot be gone back to any more.
fn snapshot(store: &Store, AsOf { chain, block }: AsOf) -> Result<Snapshot, RpcError> {
    let cursor = Snapshot::of(store)?.cursor(ChainId(chain))?;
    let not = |words: String| Err(RpcError::NotIndexed(words));
    let Some(tip) = cursor.tip else { return not(format!("chain {chain} is not indexed")) };
    if block > tip.number {
        return not(format!("chain {chain} is indexed up to block {}, not {block}", tip.number));
    }
    let oldest = tip.number.saturating_sub(MOST);
    let oldest = cursor.finalized.map_or(oldest, |last| last.number.min(tip.number).max(oldest));
    let gone = || {
        let words = "what was before it is final and not kept";
        not(format!("chain {chain} can be shown as of block {oldest} or a later one: {words}"))
    };
    if block < oldest {
        return gone();
    }
    match Snapshot::as_of(store, ChainId(chain), block) {
        // Final since it was looked at, or indexed before anything could be undone.
        Err(RpcError::Store(StoreError::UndoMissing { .. })) => gone(),
        Ok(found) => {
            // A reorg since the cursor was read: the block is not on the chain any more, and its successor not here yet.
            let there = found.cursor(ChainId(chain))?.tip.is_some_and(|tip| tip.number >= block);
            if there {
                Ok(found)
            } else {
                not(format!("block {block} of chain {chain} was reorged out"))
            }
        }
        other => other,
    }
}
