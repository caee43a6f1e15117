//! The two clocks of the shell: one to measure with, one for people.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time outside the chains. Windows are never judged by it (design section 5, "Clock").
pub trait Clock: Send + Sync {
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Unix seconds.
    fn unix_seconds(&self) -> u64;

    /// Unix milliseconds.
    fn unix_millis(&self) -> u64 {
        self.unix_seconds().saturating_mul(1_000)
    }
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the shell's clock, behind the trait")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the shell's clock, behind the trait")]
    fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the shell's clock, behind the trait")]
    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
