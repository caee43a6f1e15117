//! When blocks are mined while a server runs.

use crate::DevChain;
use bmn_primitives::BlockRef;
use parking_lot::Mutex;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval_at},
};

/// Pause after a block could not be mined.
const RETRY: Duration = Duration::from_secs(1);

/// Tells the time to a chain that is mined in real time.
pub trait Clock: Send + Sync {
    /// Unix seconds.
    fn now(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync> Clock for F {
    fn now(&self) -> u64 {
        self()
    }
}

/// When the next block is mined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MiningMode {
    /// Only when asked.
    #[default]
    Manual,
    /// Every so often, with or without transactions.
    Interval(Duration),
    /// As soon as the pool has a transaction that fits.
    Auto,
}

/// Timestamps of blocks: the clock's, moved by what developers ask for, and never backwards.
pub(super) struct Pace {
    chain: DevChain,
    clock: Option<Arc<dyn Clock>>,
    /// Seconds the chain runs ahead of the clock.
    ahead: Mutex<u64>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("ahead", &self.ahead).finish_non_exhaustive()
    }
}

impl Pace {
    /// A chain that was warped before goes on as far ahead.
    pub(super) fn new(chain: DevChain, clock: Option<Arc<dyn Clock>>) -> Self {
        let now = clock.as_ref().map_or(0, |clock| clock.now());
        let ahead = Mutex::new(chain.head().time.saturating_sub(now));
        Self { chain, clock, ahead }
    }

    /// Mines now. A timestamp that a developer set wins over the clock.
    pub(super) fn mine(&self) -> Result<BlockRef, crate::DevChainError> {
        // Held until the block exists: its time must not be from before a `revert`.
        let ahead = self.ahead.lock();
        let time = self.clock_time(*ahead).filter(|_| self.chain.lock().tip.next_time.is_none());
        self.chain.mine(time)
    }

    fn clock_time(&self, ahead: u64) -> Option<u64> {
        let now = self.clock.as_ref()?.now().saturating_add(ahead);
        Some(now.max(self.chain.head().time.saturating_add(1)))
    }

    /// Moves the next block, and with a clock all later ones, `seconds` into the future.
    pub(super) fn increase(&self, seconds: u64) -> Result<(), crate::DevChainError> {
        let ahead = *self.ahead.lock();
        let base = self.clock_time(ahead).unwrap_or_else(|| self.chain.pending_time());
        self.jump_to(base.saturating_add(seconds))
    }

    /// The next block is at `time`; with a clock later ones go on from there.
    pub(super) fn jump_to(&self, time: u64) -> Result<(), crate::DevChainError> {
        self.chain.set_next_timestamp(time)?;
        if let Some(clock) = &self.clock {
            *self.ahead.lock() = time.saturating_sub(clock.now());
        }
        Ok(())
    }

    /// Goes back to a snapshot, and with a clock to its time: what was skipped since comes again.
    pub(super) fn revert(&self, snapshot: u64) -> Result<(), crate::DevChainError> {
        let mut ahead = self.ahead.lock();
        self.chain.revert(snapshot)?;
        if let Some(clock) = &self.clock {
            let chain = self.chain.lock();
            let time = chain.tip.next_time.unwrap_or(chain.head().time);
            *ahead = time.saturating_sub(clock.now());
        }
        Ok(())
    }
}

/// Mines in the mode of the moment until `closing` resolves. A block that was begun is finished.
#[allow(
    clippy::disallowed_methods,
    reason = "the server that owns the task ends it and waits for it"
)]
pub(super) fn spawn(
    pace: Arc<Pace>,
    modes: watch::Receiver<MiningMode>,
    closing: oneshot::Receiver<()>,
) -> JoinHandle<()> {
    tokio::spawn(run(pace, modes, closing))
}

async fn run(
    pace: Arc<Pace>,
    mut modes: watch::Receiver<MiningMode>,
    mut closing: oneshot::Receiver<()>,
) {
    let mut turns = Turns::new(&pace.chain, *modes.borrow_and_update());
    loop {
        tokio::select! {
            _ = &mut closing => return,
            changed = modes.changed() => match changed {
                Ok(()) => turns = Turns::new(&pace.chain, *modes.borrow_and_update()),
                Err(_) => return,
            },
            () = turns.next(&pace.chain) => if !mine(&pace).await {
                tokio::time::sleep(RETRY).await;
            },
        }
    }
}

/// When it is time for a block.
enum Turns {
    Never,
    Ticks(Interval),
    Arrivals(watch::Receiver<u64>),
}

impl Turns {
    fn new(chain: &DevChain, mode: MiningMode) -> Self {
        match mode {
            MiningMode::Manual => Self::Never,
            MiningMode::Auto => Self::Arrivals(chain.arrivals()),
            MiningMode::Interval(period) => {
                let period = period.max(Duration::from_millis(1));
                let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                Self::Ticks(ticks)
            }
        }
    }

    async fn next(&mut self, chain: &DevChain) {
        match self {
            Self::Never => std::future::pending().await,
            Self::Ticks(ticks) => {
                ticks.tick().await;
            }
            Self::Arrivals(arrivals) => {
                // Marked before looking, so that an arrival in between is seen.
                arrivals.mark_unchanged();
                while !chain.has_ready() {
                    if arrivals.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }
}

/// Mines off the async threads, since the disk may be slow; false when it failed.
async fn mine(pace: &Arc<Pace>) -> bool {
    let pace = pace.clone();
    match tokio::task::spawn_blocking(move || pace.mine()).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(target: "bmn::host_dev", %error, "no block was mined");
            false
        }
        Err(error) => {
            tracing::error!(target: "bmn::host_dev", %error, "mining stopped");
            false
        }
    }
}
