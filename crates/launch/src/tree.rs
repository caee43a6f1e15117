//! The supervision tree of a running node (S4-11, S4-24).
//!
//! ```text
//! node
//! ├─ faces    listeners; started first, stopped last: answering goes on until nothing more is written
//! ├─ engine   the resolver: one lane per chain, which it keeps running itself
//! └─ upkeep   prices, scheduler, alerts, configuration, …: useful, never vital
//! ```

use crate::in_one_line;
use bmn_node::{NodeError, Resolver};
use bmn_primitives::ErrorClass;
use bmn_store::StoreError;
use bmn_supervisor::{
    Child, Drained, Escalation, Failure, Importance, Policy, Registry, Strategy, Supervisor,
};
use parking_lot::Mutex;
use std::{convert::Infallible, future::Future, iter, pin::pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Time that a lane has to end what it is doing: a transaction of the store, and the answers of hosts it waits for.
const ENGINE_ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Time that all of upkeep has to end: a backup under way is broken off.
const UPKEEP_ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Time for answers under way: what the servers grant them, and a little more.
const FACES_END_WITHIN: Duration = Duration::from_secs(12);

/// Longest time from the request to stop to the end of the process (G-17, S2-14): what an init system must grant.
pub const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// What runs in a node. Add to it, then [`run`](Self::run) it.
#[derive(Debug)]
pub struct Tree {
    registry: Registry,
    /// Cancelled with the request to stop, long before it is the engine's turn to end.
    winds_down: CancellationToken,
    faces: Vec<Child>,
    engine: Vec<Child>,
    upkeep: Vec<Child>,
}

impl Tree {
    /// Nothing yet. How it does will be seen in `registry`.
    pub fn new(registry: Registry) -> Self {
        let winds_down = CancellationToken::new();
        Self { registry, winds_down, faces: Vec::new(), engine: Vec::new(), upkeep: Vec::new() }
    }

    /// How every component does.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// With the resolver, without which nothing makes sense. Its lanes are kept running by itself; when it ends all the
    /// same, it is over. From the request to stop on they begin nothing new, whatever is stopped before the resolver.
    pub fn engine(&mut self, resolver: Resolver) {
        self.engine_of(move |stop| async move {
            resolver.run(stop).await.map_err(|error| over(&error))
        });
    }

    fn engine_of<R>(&mut self, run: impl FnOnce(CancellationToken) -> R + Send + 'static)
    where
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (run, winds_down) = (Arc::new(Mutex::new(Some(run))), self.winds_down.clone());
        let factory = move |stop: CancellationToken| {
            let (run, winds_down) = (run.lock().take(), winds_down.clone());
            async move {
                let Some(run) = run else {
                    return Err(Failure::new("it has ended", ErrorClass::Permanent));
                };
                let works = winds_down.child_token();
                let mut running = pin!(run(works.clone()));
                let ended = tokio::select! {
                    ended = &mut running => ended,
                    () = stop.cancelled() => {
                        works.cancel();
                        running.await
                    }
                };
                // Who ends before his turn has failed, but for one that was told to begin nothing more.
                if ended.is_ok() && winds_down.is_cancelled() {
                    stop.cancelled().await;
                }
                ended
            }
        };
        let child = Child::new("resolver", Importance::Vital, factory);
        self.engine.push(child.ends_within(ENGINE_ENDS_WITHIN));
    }

    /// With something that runs beside the resolver and is made anew for each start: a watch, a job runner, alerts.
    pub fn child<F, R, E>(&mut self, name: &str, importance: Importance, factory: F)
    where
        F: Fn(CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
    {
        self.upkeep.push(Child::new(name, importance, factory));
    }

    /// With somebody who answers.
    pub fn face<F, R, E>(&mut self, name: &str, factory: F)
    where
        F: Fn(CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
    {
        let child = Child::new(name, Importance::Useful, factory);
        self.faces.push(child.ends_within(FACES_END_WITHIN));
    }

    /// Runs it until `stop`, and stops it in reverse order.
    ///
    /// # Errors
    /// [`Escalation`]: the resolver is over, or something else that was called vital.
    pub async fn run(self, stop: CancellationToken) -> Result<Drained, Escalation> {
        let Self { registry, winds_down, faces, engine, upkeep } = self;
        // A resolver that ended is not made to run by running it again: whoever runs us opens its store anew.
        let none = Policy { strategy: Strategy::OneForOne, most: 0, ..Policy::default() };
        let branches = [
            ("faces", faces, Importance::Useful, FACES_END_WITHIN, Policy::default()),
            ("engine", engine, Importance::Vital, ENGINE_ENDS_WITHIN, none),
            ("upkeep", upkeep, Importance::Useful, UPKEEP_ENDS_WITHIN, Policy::default()),
        ];
        let mut tree = Supervisor::new("node", none).drains_within(STOPS_WITHIN);
        for (name, children, importance, drain, policy) in branches {
            if children.is_empty() {
                continue;
            }
            let branch = Supervisor::new(name, policy).drains_within(drain);
            let branch = children.into_iter().fold(branch, Supervisor::with);
            tree = tree.with(Child::group(branch, importance));
        }
        let told = async {
            stop.cancelled().await;
            winds_down.cancel();
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            ended = tree.run(&registry, stop.clone()) => ended,
            never = told => match never {},
        }
    }
}

/// Why the resolver is over. Transient where opening its store again may help.
fn over(error: &NodeError) -> Failure {
    let causes =
        iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    let lost = error.store().is_some_and(StoreError::needs_reopening);
    let class = if lost { ErrorClass::Transient } else { ErrorClass::Permanent };
    Failure::new(in_one_line(causes), class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::{Instant, sleep};

    type Log = Arc<Mutex<Vec<&'static str>>>;

    /// Writes into the log when it was asked to end.
    async fn noted(name: &'static str, log: Log, stop: CancellationToken) -> Result<(), Failure> {
        stop.cancelled().await;
        log.lock().push(name);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_answers_is_stopped_last() {
        let (log, stop) = (Log::default(), CancellationToken::new());
        let mut tree = Tree::new(Registry::default());
        for name in ["first", "second"] {
            let log = Arc::clone(&log);
            tree.child(name, Importance::Useful, move |stop| noted(name, Arc::clone(&log), stop));
        }
        let face = Arc::clone(&log);
        tree.face("rpc", move |stop| noted("rpc", Arc::clone(&face), stop));
        let (ending, running) = (stop.clone(), tree.run(stop));
        let (ended, ()) = tokio::join!(running, async {
            sleep(Duration::from_secs(1)).await;
            ending.cancel();
        });
        assert_eq!(ended, Ok(Drained::default()));
        assert_eq!(*log.lock(), ["second", "first", "rpc"]);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_begin_nothing_new_from_the_request_to_stop_on() {
        let (log, stop) = (Log::default(), CancellationToken::new());
        let mut tree = Tree::new(Registry::default());
        let slow = Arc::clone(&log);
        tree.child("slow", Importance::Useful, move |stop| {
            let log = Arc::clone(&slow);
            async move {
                stop.cancelled().await;
                sleep(Duration::from_secs(4)).await;
                log.lock().push("slow");
                Ok::<_, Failure>(())
            }
        });
        let (lanes, at) = (Arc::clone(&log), Arc::new(Mutex::new(None)));
        let told = Arc::clone(&at);
        tree.engine_of(move |stop| async move {
            noted("lanes", lanes, stop).await?;
            *told.lock() = Some(Instant::now());
            Ok(())
        });
        let face = Arc::clone(&log);
        tree.face("rpc", move |stop| noted("rpc", Arc::clone(&face), stop));
        let registry = tree.registry();
        let (ending, running) = (stop.clone(), tree.run(stop));
        let (ended, asked) = tokio::join!(running, async {
            sleep(Duration::from_secs(1)).await;
            ending.cancel();
            let asked = Instant::now();
            sleep(Duration::from_secs(1)).await;
            let engine = registry.get("node/engine/resolver").expect("it is there");
            assert_eq!(engine.lifecycle, bmn_supervisor::Lifecycle::Running, "its turn comes");
            asked
        });
        assert_eq!(ended, Ok(Drained::default()));
        assert_eq!(*log.lock(), ["lanes", "slow", "rpc"]);
        assert_eq!(*at.lock(), Some(asked), "at once");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_end_in_time_is_named_however_deep_it_is() {
        let stop = CancellationToken::new();
        let mut tree = Tree::new(Registry::default());
        tree.engine_of(|_| std::future::pending());
        tree.child("prices", Importance::Useful, |stop: CancellationToken| async move {
            stop.cancelled().await;
            Ok::<_, Failure>(())
        });
        let (ending, running) = (stop.clone(), tree.run(stop));
        let (ended, ()) = tokio::join!(running, async {
            sleep(Duration::from_secs(1)).await;
            ending.cancel();
        });
        let late = ended.expect("it ends").late;
        assert_eq!(late, ["node/engine/resolver"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_again_and_again_beside_the_resolver_is_left_off_and_comes_back() {
        let (registry, stop, starts) =
            (Registry::default(), CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        let mut tree = Tree::new(registry.clone());
        let (counted, broken) = (Arc::clone(&starts), Arc::new(Mutex::new(true)));
        let cause = Arc::clone(&broken);
        tree.child("webhook", Importance::Useful, move |stop| {
            counted.fetch_add(1, Ordering::Relaxed);
            let is_broken = *cause.lock();
            async move {
                assert!(!is_broken, "a bug of ours");
                stop.cancelled().await;
                Ok::<_, Failure>(())
            }
        });
        tree.child("prices", Importance::Useful, |stop: CancellationToken| async move {
            stop.cancelled().await;
            Ok::<_, Failure>(())
        });
        let (ending, seen) = (stop.clone(), registry.clone());
        let watching = async {
            let state = |name: &str| seen.get(&format!("node/upkeep/{name}")).expect("it is there");
            use bmn_supervisor::Lifecycle::{Degraded, Running};
            sleep(Duration::from_secs(60)).await;
            let webhook = state("webhook");
            assert_eq!((webhook.lifecycle, state("prices").lifecycle), (Degraded, Running));
            assert!(webhook.last_error.is_some_and(|why| why.contains("a bug of ours")));
            assert!(starts.load(Ordering::Relaxed) < 16, "it does not loop");
            *broken.lock() = false;
            let mended = Instant::now();
            while state("webhook").lifecycle != Running {
                sleep(Duration::from_millis(100)).await;
            }
            assert!(mended.elapsed() < Duration::from_secs(30), "{:?}", mended.elapsed());
            ending.cancel();
        };
        let (ended, ()) = tokio::join!(tree.run(stop), watching);
        assert_eq!(ended, Ok(Drained::default()));
    }
}
