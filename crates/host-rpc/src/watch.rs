//! Noticing that there is something new.

use crate::{pool::Pool, quorum::first, source::RpcSource, transport::Heads};
use bmn_chain::{ChainError, Header};
use bmn_primitives::BlockRef;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use parking_lot::Mutex;
use std::{future::pending, sync::Arc};
use tokio::time::{Instant, sleep_until};

/// Work that goes on while a source waits, and that a wait which is given up does not lose. Locked by
/// nobody: a future or a stream cannot be shared between threads, a lock around it can.
type Kept<T> = Option<Mutex<T>>;

/// What wakes a source.
pub(crate) struct Watch {
    heads: Kept<Heads>,
    /// Last sign of life of the subscription.
    pushed: Instant,
    subscribing: Kept<BoxFuture<'static, Option<Heads>>>,
    subscribe_at: Instant,
    subscribe_failures: u32,
    probing: Kept<BoxFuture<'static, ()>>,
    probe_at: Instant,
    looking: Kept<BoxFuture<'static, Result<Header, ChainError>>>,
    /// When the head is looked at, whatever a subscription says.
    look_at: Option<Instant>,
    /// The newest head seen, and since when.
    seen: Option<BlockRef>,
    since: Instant,
}

impl Watch {
    pub(crate) fn new(pool: &Pool) -> Self {
        let now = Instant::now();
        Self {
            heads: None,
            pushed: now,
            subscribing: None,
            subscribe_at: now,
            subscribe_failures: 0,
            probing: None,
            probe_at: now + pool.limits.probe,
            looking: None,
            look_at: None,
            seen: None,
            since: now,
        }
    }

    /// Books the head that a reading saw.
    pub(crate) fn saw(&mut self, head: BlockRef) {
        if self.seen != Some(head) {
            (self.seen, self.since) = (Some(head), Instant::now());
        }
    }

    /// Starts to subscribe, where that is due and some endpoint can push heads.
    fn subscribe(&mut self, pool: &Arc<Pool>) {
        if self.retry_at(pool).is_some_and(|at| Instant::now() >= at) {
            let pool = Arc::clone(pool);
            let first = async move {
                for at in pool.order() {
                    if let Ok(Some(heads)) = pool.new_heads(at).await {
                        return Some(heads);
                    }
                }
                None
            };
            self.subscribing = Some(Mutex::new(first.boxed()));
        }
    }

    /// When the next attempt to subscribe is due, where one is wanted.
    fn retry_at(&self, pool: &Pool) -> Option<Instant> {
        let idle = self.heads.is_none() && self.subscribing.is_none();
        (idle && pool.has_websocket()).then_some(self.subscribe_at)
    }

    fn unsubscribed(&mut self, pool: &Pool) {
        let limits = &pool.limits;
        let wait = limits.rest.saturating_mul(2u32.saturating_pow(self.subscribe_failures.min(16)));
        self.heads = None;
        self.subscribe_failures = self.subscribe_failures.saturating_add(1);
        self.subscribe_at = Instant::now() + pool.jittered(wait.min(limits.max_rest));
    }

    /// Starts to measure every endpoint, where that is due: regularly, and when the head stood still
    /// for so long that the endpoint in use may be the one that stands still.
    fn probe(&mut self, pool: &Arc<Pool>) {
        let (now, limits) = (Instant::now(), &pool.limits);
        let last = self.probe_at.checked_sub(limits.probe);
        let quiet = |since: Instant| now.duration_since(since) >= limits.quiet;
        let stalled = quiet(self.since) && last.is_none_or(quiet);
        if self.probing.is_none() && (now >= self.probe_at || stalled) {
            self.probe_at = now + limits.probe;
            let pool = Arc::clone(pool);
            self.probing = Some(Mutex::new(async move { pool.probe().await }.boxed()));
        }
    }
}

impl Watch {
    /// Starts to look at the head.
    fn look(&mut self, pool: &Arc<Pool>) {
        self.look_at = None;
        if self.looking.is_none() {
            let pool = Arc::clone(pool);
            let head = async move { first(&pool, |at| pool.latest(at)).await };
            self.looking = Some(Mutex::new(head.boxed()));
        }
    }

    /// Whether this head is another than the one last seen.
    fn is_new(&mut self, head: BlockRef, pool: &Pool) -> bool {
        let moved = self.seen != Some(head);
        if moved && self.heads.is_some() && self.pushed.elapsed() >= pool.limits.quiet {
            // The subscription should have said so.
            self.unsubscribed(pool);
        }
        moved
    }
}

async fn next_head(heads: &mut Kept<Heads>) -> Option<()> {
    match heads {
        Some(heads) => heads.get_mut().next().await,
        None => pending().await,
    }
}

async fn end<T>(work: &mut Kept<BoxFuture<'static, T>>) -> T {
    match work {
        Some(work) => work.get_mut().await,
        None => pending().await,
    }
}

impl RpcSource {
    /// Waits for a sign of something new.
    pub(crate) async fn woken(&mut self) -> Result<(), ChainError> {
        loop {
            let pool = Arc::clone(&self.pool);
            // Nobody pushes that a chain became shorter and stays so.
            let behind = self.is_behind();
            let watch = &mut self.watch;
            watch.subscribe(&pool);
            watch.probe(&pool);
            let quiet = self.poll.max(pool.limits.quiet);
            let wait = if watch.heads.is_some() && !behind { quiet } else { self.poll };
            let latest = Instant::now() + wait;
            let look_at = watch.look_at.map_or(latest, |look_at| look_at.min(latest));
            watch.look_at = Some(look_at);
            let retry_at = watch.retry_at(&pool).unwrap_or(look_at).min(look_at);
            tokio::select! {
                head = next_head(&mut watch.heads) => {
                    (watch.look_at, watch.pushed) = (None, Instant::now());
                    if head.is_none() {
                        watch.unsubscribed(&pool);
                    } else if let Some(heads) = watch.heads.as_mut().map(Mutex::get_mut) {
                        // One look at the chain answers for all of them.
                        while let Some(Some(())) = heads.next().now_or_never() {}
                    }
                    return Ok(());
                }
                heads = end(&mut watch.subscribing) => {
                    watch.subscribing = None;
                    if let Some(heads) = heads {
                        (watch.heads, watch.pushed) = (Some(Mutex::new(heads)), Instant::now());
                        watch.subscribe_failures = 0;
                        // What came before the subscription is in no push.
                        watch.look(&pool);
                    } else {
                        watch.unsubscribed(&pool);
                    }
                }
                () = end(&mut watch.probing) => {
                    watch.probing = None;
                    watch.look(&pool);
                }
                head = end(&mut watch.looking) => {
                    watch.looking = None;
                    if watch.is_new(head?.block_ref(), &pool) || behind {
                        return Ok(());
                    }
                }
                () = sleep_until(retry_at) => {
                    if retry_at == look_at {
                        watch.look(&pool);
                    }
                }
            }
        }
    }
}
