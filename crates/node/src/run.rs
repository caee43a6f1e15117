//! Real time: one thread per chain, each driving its lane until shutdown.

use crate::{NodeError, Resolver, lane::Lane, resolver::Shared};
use bmn_primitives::{ChainId, ErrorClass};
use bmn_queue::release;
use bmn_store::{Mode, Reads};
use futures_util::FutureExt;
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Longest pause after a host failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Turns in a row that fail before a host is said not to answer: after about six seconds.
const UNANSWERED: u32 = 5;

/// A lane looks again at least this often, whatever it was told.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl Resolver {
    /// Drives every chain in real time until `shutdown`. Returns when every lane has stopped at the
    /// end of a step, with everything durable.
    ///
    /// # Errors
    /// [`NodeError::Worker`] when a lane's thread could not start or panicked;
    /// [`NodeError::LockingFactory`] before anything is started; [`NodeError::Store`], bare or inside
    /// another, when the database must be opened again
    /// ([`needs_reopening`](bmn_store::StoreError::needs_reopening)).
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), NodeError> {
        let shared = Arc::clone(&self.shared);
        match shared.check_every_factory().await {
            Err(error) if error.class() == ErrorClass::Transient => {
                tracing::warn!(target: "bmn::node", %error, "factories are checked before we act");
                self.lanes.values_mut().for_each(Lane::check_factories_first);
            }
            checked => checked?,
        }
        let mut workers = Vec::new();
        for (chain, lane) in self.lanes {
            let (shared, stop) = (Arc::clone(&self.shared), shutdown.clone());
            let (done, finished) = tokio::sync::oneshot::channel();
            std::thread::Builder::new()
                .name(format!("bmn-{chain}"))
                .spawn(move || {
                    // However this thread ends, the others stop: a resolver without one of its
                    // chains would fund what it cannot withdraw.
                    let _last = stop.clone().drop_guard();
                    let _ = done.send(work(&shared, chain, lane, &stop));
                })
                .map_err(|error| NodeError::Worker { chain, reason: error.to_string() })?;
            workers.push((chain, finished));
        }
        let mut result = Ok(());
        for (chain, finished) in workers {
            let ended = finished.await.unwrap_or_else(|_| {
                Err(NodeError::Worker { chain, reason: "it panicked".to_owned() })
            });
            if ended.is_err() {
                shutdown.cancel();
                result = ended;
            }
        }
        result
    }
}

// Store writes block, so a lane has a thread and a runtime of its own.
fn work(
    shared: &Shared,
    chain: ChainId,
    mut lane: Lane,
    stop: &CancellationToken,
) -> Result<(), NodeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("bmn-blocking")
        .build()
        .map_err(|error| NodeError::Worker { chain, reason: error.to_string() })?;
    runtime.block_on(async {
        while !stop.is_cancelled() {
            match lane.turn(shared, chain, stop).await? {
                Some(pause) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                },
                None => lane.wait(shared, chain, stop).await,
            }
        }
        Ok(())
    })
}

/// The pause after so many turns in a row that failed.
fn pause(failures: u32) -> Duration {
    (Duration::from_millis(100) * 2u32.saturating_pow(failures.min(10))).min(LONGEST_PAUSE)
}

impl Resolver {
    /// Follows `chain` and acts on it until nothing is left to do now, as [`run`](Self::run) does: what fails is noted, and
    /// a lane that panics begins again from what is stored. Answers how long to wait before the next turn; none where
    /// nothing failed.
    ///
    /// # Errors
    /// [`NodeError::UnknownChain`]; [`NodeError::Store`], bare or inside another, when the database must be opened again.
    pub async fn keep_up(&mut self, chain: ChainId) -> Result<Option<Duration>, NodeError> {
        let lane = self.lanes.get_mut(&chain).ok_or(NodeError::UnknownChain(chain))?;
        lane.turn(&self.shared, chain, &CancellationToken::new()).await
    }
}

impl Lane {
    /// Works until nothing is left to do. Answers how long to wait when that failed.
    async fn turn(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        stop: &CancellationToken,
    ) -> Result<Option<Duration>, NodeError> {
        let drained = AssertUnwindSafe(self.drain(shared, chain, stop)).catch_unwind().await;
        let failed = match drained {
            Ok(Ok(())) => {
                self.failures = 0;
                shared.executor.iter().for_each(|executor| executor.sees(chain));
                return Ok(None);
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => self.begin_again(shared, chain, message(&*panic)),
        };
        self.failures = self.failures.saturating_add(1);
        if let Err(error) = failed {
            if shared.lost_its_store(chain, &error) {
                return Err(error);
            }
            shared.failed(chain, &error);
            if self.lost_sight && self.failures >= UNANSWERED && error.is_of_host() {
                // Orders taken now would be filled on what we knew minutes ago.
                let why = format!("its host does not give its blocks: {error}");
                shared.behind.write().insert(chain, why);
                shared.executor.iter().for_each(|executor| executor.loses_sight_of(chain));
            }
        }
        Ok(Some(pause(self.failures)))
    }

    /// A panic is a mistake of ours, and what it left in memory is not to be trusted. What is stored is: the lane begins
    /// again from there, as after a crash. Until its index is known to be current nothing is done for its orders, on the
    /// other chain either: what is funded there could not be withdrawn here.
    fn begin_again(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        panic: &str,
    ) -> Result<(), NodeError> {
        let why = format!("its lane panicked and begins again from what is stored: {panic}");
        tracing::error!(target: "bmn::node", chain = %chain, %panic, alarm = true, "lane panicked");
        shared.behind.write().insert(chain, why.clone());
        // Whether the mistake comes again is not known before everything was done once.
        shared.panicked.write().insert(chain, why);
        self.forget();
        let mut tx = shared.store.write()?;
        release(&mut tx, chain)?;
        // No index that counts as current may be one whose orders nobody acts on.
        match tx.cursor(chain)?.mode {
            Mode::Live => tx.set_mode(chain, Mode::Backfilling)?,
            Mode::Deriving(reason) => tx.set_mode(chain, Mode::Rebuilding(reason))?,
            _ => {}
        }
        Ok(tx.commit()?)
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

impl Lane {
    async fn drain(
        &mut self,
        shared: &Shared,
        chain: ChainId,
        stop: &CancellationToken,
    ) -> Result<(), NodeError> {
        loop {
            let mut worked = false;
            self.lost_sight = true;
            while !stop.is_cancelled() && self.follow(shared, chain).await? {
                worked = true;
                // What has ended is looked at between what is due.
                if self.derives_the_ended() {
                    break;
                }
            }
            self.lost_sight = false;
            // One batch, then the chain again: a burst of jobs must not keep new blocks out (P4).
            if !stop.is_cancelled() {
                worked |= self.act(shared, chain).await?;
            }
            if !worked {
                return Ok(());
            }
        }
    }

    async fn wait(&mut self, shared: &Shared, chain: ChainId, stop: &CancellationToken) {
        let Some(wake) = shared.wake.get(&chain) else { return };
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.notified() => {}
            _ = self.source.changed() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
}

impl Shared {
    /// A store that failed stays so until it is opened again. Whoever runs us decides what that
    /// means: a program of its own ends, a full node goes on without us.
    fn lost_its_store(&self, chain: ChainId, error: &NodeError) -> bool {
        let lost = error.store().is_some_and(bmn_store::StoreError::needs_reopening);
        if lost {
            self.failed(chain, error);
            *self.halted.write() = Some(format!("chain {chain}: {error}"));
        }
        lost
    }

    /// An index that contradicts its chain must not move money: stop acting, everywhere (P1).
    fn failed(&self, chain: ChainId, error: &NodeError) {
        tracing::error!(target: "bmn::node", chain = %chain, %error, "lane failed");
        if error.class() == ErrorClass::Transient {
            return;
        }
        if error.is_of_host() {
            // Taken back when the host is followed to its head again.
            self.behind.write().insert(chain, error.to_string());
            self.executor.iter().for_each(|executor| executor.loses_sight_of(chain));
        } else {
            *self.halted.write() = Some(format!("chain {chain}: {error}"));
        }
    }
}
