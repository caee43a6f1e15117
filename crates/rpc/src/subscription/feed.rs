//! What subscribers of one source share: who stands where most stand is told what was read once.

use super::{
    source::Source,
    told::{Place, Step},
};
use crate::{RpcError, snapshot::Snapshot};
use bmn_store::Store;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// Steps that are kept for subscribers a little behind.
const KEPT: usize = 16;

/// The feeds of a node, one for each source that was ever followed.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<HashMap<Source, Arc<Feed>>>);

impl Feeds {
    pub(super) fn of(&self, source: Source) -> Arc<Feed> {
        let mut feeds = self.0.lock();
        Arc::clone(feeds.entry(source).or_insert_with(|| Arc::new(Feed::new(source))))
    }
}

/// What is shared of one source.
pub(super) struct Feed {
    source: Source,
    shared: Mutex<Shared>,
    /// Somebody reads what follows the head.
    is_read: AtomicBool,
    /// Wakes those who wait for that.
    done: Notify,
}

/// The right to read what follows the head. Given up, whatever became of its holder, it wakes who waits.
struct Turn<'a>(&'a Feed);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.is_read.store(false, Ordering::Release);
        self.0.done.notify_waiters();
    }
}

#[derive(Default)]
struct Shared {
    /// Where those stand who have been told everything.
    head: Option<Head>,
    /// What followed earlier heads, oldest first.
    steps: VecDeque<Kept>,
}

/// What followed a place when a commit had been announced.
struct Kept {
    from: Place,
    step: Arc<Step>,
    announced: u64,
}

impl Shared {
    // A chain can come back to a place: what followed it then says nothing of what follows it now. What others
    // at this place are being told is kept for them.
    fn forget(&mut self, place: &Place, announced: u64) {
        let is_old = |kept: &Kept| kept.announced < announced || kept.step.rewinds;
        self.steps.retain(|kept| !(kept.from.is(place) && is_old(kept)));
    }
}

struct Head {
    place: Place,
    /// Nothing followed it when this commit was announced; none when nobody looked yet.
    quiet: Option<u64>,
}

/// What is known without a look at the store.
enum Known {
    Step(Arc<Step>),
    Nothing,
    /// Whoever has the turn reads.
    Head,
    /// Everybody reads for himself.
    Elsewhere,
}

impl Feed {
    fn new(source: Source) -> Self {
        let (is_read, done) = (AtomicBool::new(false), Notify::new());
        Self { source, shared: Mutex::default(), is_read, done }
    }

    pub(super) const fn source(&self) -> Source {
        self.source
    }

    /// A subscriber begins at a place that was just read.
    pub(super) fn begins(&self, place: &Place, announced: u64) {
        self.shared.lock().forget(place, announced);
    }

    /// What follows `place`; none when nothing did at the commit `announced`.
    pub(super) async fn next(
        &self,
        store: &Store,
        place: &Place,
        announced: u64,
    ) -> Result<Option<Arc<Step>>, RpcError> {
        loop {
            // Made before the look, so that no wake-up falls between the two.
            let done = self.done.notified();
            match self.known(place, announced) {
                Known::Step(step) => return Ok(Some(step)),
                Known::Nothing => return Ok(None),
                Known::Elsewhere => return self.look(store, place, announced).await,
                Known::Head => {}
            }
            let Some(_turn) = self.turn() else {
                done.await;
                continue;
            };
            if matches!(self.known(place, announced), Known::Head) {
                return self.look(store, place, announced).await;
            }
        }
    }

    fn turn(&self) -> Option<Turn<'_>> {
        (!self.is_read.swap(true, Ordering::AcqRel)).then(|| Turn(self))
    }

    async fn look(
        &self,
        store: &Store,
        place: &Place,
        announced: u64,
    ) -> Result<Option<Arc<Step>>, RpcError> {
        let step = self.read(store, place).await?.map(Arc::new);
        self.note(place, step.as_ref(), announced);
        Ok(step)
    }

    async fn read(&self, store: &Store, place: &Place) -> Result<Option<Step>, RpcError> {
        let (source, store, place) = (self.source, store.clone(), place.clone());
        tokio::task::spawn_blocking(move || source.step(&Snapshot::of(&store)?, &place))
            .await
            .map_err(|error| RpcError::Interrupted(error.to_string()))?
    }

    fn known(&self, place: &Place, announced: u64) -> Known {
        let shared = self.shared.lock();
        if let Some(kept) = shared.steps.iter().rev().find(|kept| kept.from.is(place)) {
            return Known::Step(Arc::clone(&kept.step));
        }
        match &shared.head {
            Some(head) if head.place.is(place) => match head.quiet {
                Some(quiet) if quiet >= announced => Known::Nothing,
                _ => Known::Head,
            },
            _ => Known::Elsewhere,
        }
    }

    fn note(&self, place: &Place, step: Option<&Arc<Step>>, announced: u64) {
        let mut shared = self.shared.lock();
        let is_head = shared.head.as_ref().is_some_and(|head| head.place.is(place));
        if let Some(step) = step {
            if step.rewinds {
                // Earlier steps lead into blocks that are gone.
                shared.steps.clear();
            }
            if is_head {
                shared.steps.retain(|kept| !kept.from.is(&step.next));
            } else {
                shared.forget(&step.next, announced);
            }
        }
        match step {
            // Who finds nothing stands at the end, wherever the head was thought to be.
            None => {
                let quiet = Some(announced);
                shared.head = Some(Head { place: place.clone(), quiet });
            }
            Some(step) if is_head => {
                let quiet = step.is_last.then_some(announced);
                shared.head = Some(Head { place: step.next.clone(), quiet });
                let (from, step) = (place.clone(), Arc::clone(step));
                shared.steps.push_back(Kept { from, step, announced });
                if shared.steps.len() > KEPT {
                    shared.steps.pop_front();
                }
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::position::Position;
    use alloy::primitives::{B256, Bloom};
    use bmn_chain::Header;
    use bmn_primitives::ChainId;
    use bmn_rpc_api::SubscriptionKind;
    use bmn_store::StoreOptions;

    const CHAIN: ChainId = ChainId(7);

    fn header(number: u64, fork: u8) -> Header {
        Header {
            number,
            hash: B256::with_last_byte(fork),
            parent_hash: B256::with_last_byte(1),
            timestamp: number,
            logs_bloom: Bloom::ZERO,
            receipts_root: B256::ZERO,
            base_fee: None,
        }
    }

    /// Takes back what it is told to, and adds a block.
    fn commit(store: &Store, gone: Option<&Header>, new: &Header) {
        let mut tx = store.write().unwrap();
        if let Some(gone) = gone {
            tx.revert_block(CHAIN, gone.block_ref()).unwrap();
        }
        tx.begin_block(CHAIN, new).unwrap();
        tx.end_block().unwrap();
        tx.commit().unwrap();
    }

    #[tokio::test]
    async fn whoever_stands_at_the_head_is_told_from_one_read_and_never_of_what_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::directory(directory.path())).unwrap();
        let (one, two, other) = (header(1, 1), header(2, 2), header(2, 3));
        commit(&store, None, &one);
        let feed = Feed::new(Source::Chain(SubscriptionKind::Blocks, CHAIN));
        let at_one = || {
            let snapshot = Snapshot::of(&store).unwrap();
            Place::Chain(Arc::new(Position::now(&snapshot, CHAIN).unwrap()))
        };
        let (first, second) = (at_one(), at_one());
        assert!(feed.next(&store, &first, 0).await.unwrap().is_none());
        commit(&store, None, &two);
        // Nobody said so yet: what was found at this commit holds.
        assert!(feed.next(&store, &first, 0).await.unwrap().is_none());
        let told = feed.next(&store, &first, 1).await.unwrap().unwrap();
        let same = feed.next(&store, &second, 1).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&told, &same), "one read, one text");

        // Another block, and the first one again.
        commit(&store, Some(&two), &other);
        let void = feed.next(&store, &told.next, 2).await.unwrap().unwrap();
        assert!(void.rewinds && void.next.is(&first));
        let replaced = feed.next(&store, &void.next, 2).await.unwrap().unwrap();
        assert!(!Arc::ptr_eq(&told, &replaced), "block 2 is another");
        commit(&store, Some(&other), &two);
        let void = feed.next(&store, &replaced.next, 3).await.unwrap().unwrap();
        let again = feed.next(&store, &void.next, 3).await.unwrap().unwrap();
        assert!(again.next.is(&told.next));
        assert!(feed.next(&store, &again.next, 3).await.unwrap().is_none(), "it is at the end");
    }
}
