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
use tokio::sync::{Notify, Semaphore};

/// Steps that are kept for subscribers a little behind.
const KEPT: usize = 16;

/// Reads at once for subscribers that stand elsewhere than most: each is a snapshot and a thread.
const READS: usize = 8;

/// The feeds of a node, one for each source that was ever followed.
pub(crate) struct Feeds {
    of: Mutex<HashMap<Source, Arc<Feed>>>,
    reads: Arc<Semaphore>,
}

impl Default for Feeds {
    fn default() -> Self {
        Self { of: Mutex::default(), reads: Arc::new(Semaphore::new(READS)) }
    }
}

impl Feeds {
    pub(super) fn of(&self, source: Source) -> Arc<Feed> {
        let mut feeds = self.of.lock();
        let feed = || Arc::new(Feed::new(source, Arc::clone(&self.reads)));
        Arc::clone(feeds.entry(source).or_insert_with(feed))
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
    /// Places of those who read for themselves, of all feeds together.
    reads: Arc<Semaphore>,
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
    fn new(source: Source, reads: Arc<Semaphore>) -> Self {
        let (is_read, done) = (AtomicBool::new(false), Notify::new());
        Self { source, shared: Mutex::default(), is_read, done, reads }
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
                Known::Elsewhere => {
                    let read = self.reads.acquire().await;
                    let _read = read.map_err(|error| RpcError::Interrupted(error.to_string()))?;
                    // Somebody may have read it meanwhile.
                    if matches!(self.known(place, announced), Known::Elsewhere) {
                        return self.look(store, place, announced).await;
                    }
                    continue;
                }
                Known::Head => {}
            }
            let Some(_turn) = self.turn() else {
                done.await;
                continue;
            };
            if matches!(self.known(place, announced), Known::Head) {
                let place = self.fullest(place);
                return self.look(store, &place, announced).await;
            }
        }
    }

    /// The place, as whoever remembers most of the way to it has it: what is read once is for those who were
    /// there all the time, too, and they are told exactly which blocks a reorg replaced.
    fn fullest(&self, place: &Place) -> Place {
        match &self.shared.lock().head {
            Some(head) if head.place.is(place) => head.place.fuller(place).clone(),
            _ => place.clone(),
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
                let known = shared.head.as_ref().filter(|_| is_head);
                let place = known.map_or(place, |head| head.place.fuller(place)).clone();
                shared.head = Some(Head { place, quiet });
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
        let feed = Feeds::default().of(Source::Chain(SubscriptionKind::Blocks, CHAIN));
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

    fn now(store: &Store) -> Place {
        let snapshot = Snapshot::of(store).unwrap();
        Place::Chain(Arc::new(Position::now(&snapshot, CHAIN).unwrap()))
    }

    fn resumed(place: &Place) -> Place {
        let Place::Chain(position) = place else { panic!() };
        let kind = SubscriptionKind::Blocks;
        Place::Chain(Arc::new(Position::open(kind, &position.seal(kind)).unwrap()))
    }

    #[tokio::test]
    async fn whoever_comes_back_does_not_make_the_others_forget_what_they_know() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::directory(directory.path())).unwrap();
        let chained = |number, fork| {
            let parent_hash = B256::with_last_byte(u8::try_from(number - 1).unwrap());
            Header { parent_hash, ..header(number, fork) }
        };
        for (number, fork) in [(1, 1), (2, 2), (3, 3)] {
            commit(&store, None, &chained(number, fork));
        }
        let feed = Feeds::default().of(Source::Chain(SubscriptionKind::Blocks, CHAIN));
        let all_the_time = now(&store);
        let back = resumed(&all_the_time);
        assert!(all_the_time.is(&back));
        for place in [&all_the_time, &back, &all_the_time, &back] {
            assert!(feed.next(&store, place, 0).await.unwrap().is_none());
        }
        commit(&store, Some(&chained(3, 3)), &chained(3, 9));
        // One read for both, whoever of them comes first.
        let void = feed.next(&store, &back, 1).await.unwrap().unwrap();
        let same = feed.next(&store, &all_the_time, 1).await.unwrap().unwrap();
        assert!(void.rewinds && Arc::ptr_eq(&void, &same));
        let Place::Chain(position) = &void.next else { panic!() };
        assert_eq!(position.number(), Some(2), "block 3 is another, and no other");
    }

    #[tokio::test]
    async fn those_who_stand_elsewhere_read_a_few_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::directory(directory.path())).unwrap();
        commit(&store, None, &header(1, 1));
        let feeds = Feeds::default();
        let feed = feeds.of(Source::Chain(SubscriptionKind::Blocks, CHAIN));
        let place = now(&store);
        commit(&store, None, &header(2, 2));
        let every = feeds.reads.acquire_many(u32::try_from(READS).unwrap()).await.unwrap();
        let mut waiting = std::pin::pin!(feed.next(&store, &place, 0));
        let waited = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(waited.await);
        assert_eq!(Arc::strong_count(&feeds.reads), 2);
        drop(every);
        assert!(waiting.await.unwrap().is_some());
    }
}
