//! Where notifications leave what they tell, and where the source looks first.

use crate::{
    arrivals::Arrivals,
    window::{Change, Window, WindowLimits},
};
use alloy::primitives::B256;
use bmn_chain::Block;
use bmn_host_rpc::LogSelection;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::{sync::watch, time::Instant};

/// Shared by the extension's future, which writes, and the source, which reads. No lock is held while
/// anything waits.
#[derive(Debug)]
pub struct Feed {
    inner: Mutex<Inner>,
    moved: watch::Sender<u64>,
    most_blocks: usize,
}

#[derive(Debug)]
struct Inner {
    window: Window,
    arrivals: Arrivals,
    /// None while nobody follows: nothing is copied then.
    selection: Option<Arc<LogSelection>>,
}

impl Inner {
    fn clear(&mut self) {
        self.window.clear();
        self.arrivals.clear();
    }
}

impl Feed {
    /// Nobody follows yet.
    pub fn new(limits: WindowLimits) -> Self {
        let (window, arrivals) = (Window::new(limits), Arrivals::new(limits.blocks));
        let inner = Inner { window, arrivals, selection: None };
        Self { inner: Mutex::new(inner), moved: watch::Sender::new(0), most_blocks: limits.blocks }
    }

    /// Keeps what the selection wants from now on; what was kept for another one is forgotten.
    pub fn watch_for(&self, selection: Arc<LogSelection>) {
        let mut inner = self.inner.lock();
        inner.clear();
        inner.selection = Some(selection);
    }

    /// Keeps nothing until somebody follows again.
    pub fn stop(&self) {
        let mut inner = self.inner.lock();
        inner.clear();
        inner.selection = None;
    }

    /// What is wanted; none while nobody follows.
    pub fn selection(&self) -> Option<Arc<LogSelection>> {
        self.inner.lock().selection.clone()
    }

    /// Most blocks that are kept: of a longer run only the newest are worth telling.
    pub const fn most_blocks(&self) -> usize {
        self.most_blocks
    }

    /// Takes what a notification told, of the logs that `selection` wants, and wakes the follower.
    pub fn apply(&self, selection: &Arc<LogSelection>, changes: Vec<Change>) {
        let mut inner = self.inner.lock();
        // Another follower may have come meanwhile, who wants other logs.
        if inner.selection.as_ref().is_some_and(|now| Arc::ptr_eq(now, selection)) {
            let now = Instant::now();
            for change in changes {
                inner.arrivals.note(&change, now);
                inner.window.apply(change);
            }
        }
        metrics::gauge!("bmn_extension_window_blocks").set(inner.window.len() as f64);
        metrics::gauge!("bmn_extension_window_bytes").set(inner.window.bytes() as f64);
        drop(inner);
        self.wake();
    }

    /// Forgets the blocks, as after a notification that could not be read, and wakes the follower.
    pub fn forget(&self) {
        self.inner.lock().clear();
        self.wake();
    }

    /// Wakes the follower.
    pub fn wake(&self) {
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Told whenever the chain may have moved.
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Everything up to this block is durable: records how long that took since it was notified.
    pub fn durable(&self, (number, hash): (u64, B256)) {
        let took = self.inner.lock().arrivals.durable((number, hash), Instant::now());
        for took in took {
            metrics::histogram!("bmn_extension_durable_seconds").record(took);
        }
    }

    /// At most `most` blocks on top of that one, with the logs that `selection` wants; empty when that is
    /// not known here.
    pub fn after(
        &self,
        selection: &Arc<LogSelection>,
        (number, hash): (u64, B256),
        most: usize,
    ) -> Vec<Block> {
        let inner = self.inner.lock();
        let ours = inner.selection.as_ref().is_some_and(|now| Arc::ptr_eq(now, selection));
        if ours { inner.window.after(number, hash, most) } else { vec![] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block;

    #[test]
    fn what_was_kept_for_one_selection_is_never_given_for_another() {
        let feed = Feed::new(WindowLimits::default());
        let (one, two) = (Arc::new(LogSelection::default()), Arc::new(LogSelection::default()));
        let base = (1, block(1, 0).header.hash);
        feed.apply(&one, vec![Change::Commit(vec![block(2, 0)])]);
        assert!(feed.after(&one, base, 9).is_empty(), "nobody follows");
        feed.watch_for(Arc::clone(&one));
        feed.apply(&one, vec![Change::Commit(vec![block(2, 0)])]);
        assert_eq!(feed.after(&one, base, 9), [block(2, 0)]);
        assert!(feed.after(&two, base, 9).is_empty());
        feed.watch_for(Arc::clone(&two));
        feed.apply(&one, vec![Change::Commit(vec![block(2, 0)])]);
        assert!(feed.after(&two, base, 9).is_empty(), "read for the one before");
        feed.stop();
        assert!(feed.selection().is_none());
    }

    #[test]
    fn every_notification_wakes() {
        let feed = Feed::new(WindowLimits::default());
        let mut moves = feed.moves();
        let selection = Arc::new(LogSelection::default());
        feed.apply(&selection, vec![]);
        assert!(moves.has_changed().unwrap());
        moves.mark_unchanged();
        feed.forget();
        assert!(moves.has_changed().unwrap());
    }
}
