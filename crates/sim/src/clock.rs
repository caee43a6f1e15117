//! The one clock of a simulated run.

use bmn_node::{Clock, SystemClock};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A clock that moves only when it is told to. Clones share it. What is merely measured is measured
/// with the machine's stopwatch: no decision depends on it.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    start: u64,
    elapsed: Arc<AtomicU64>,
    stopwatch: SystemClock,
}

impl VirtualClock {
    /// A clock that stands at `start`, unix seconds.
    pub fn starting_at(start: u64) -> Self {
        Self { start, elapsed: Arc::default(), stopwatch: SystemClock::new() }
    }

    /// Moves it, seconds.
    pub fn advance(&self, seconds: u64) {
        self.elapsed.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Sets it forth or back, seconds, as somebody may who sets the clock of a machine.
    pub fn shift(&self, seconds: i64) {
        self.elapsed.fetch_add(seconds.cast_unsigned(), Ordering::Relaxed);
    }

    /// Seconds since the start.
    pub fn elapsed(&self) -> u64 {
        self.elapsed.load(Ordering::Relaxed)
    }

    /// Unix seconds.
    pub fn now(&self) -> u64 {
        self.start.wrapping_add(self.elapsed())
    }
}

impl Clock for VirtualClock {
    fn monotonic(&self) -> Duration {
        self.stopwatch.monotonic()
    }

    fn unix_seconds(&self) -> u64 {
        self.now()
    }
}
