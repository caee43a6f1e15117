//! Times, memory, and how they are told.

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};
use tempfile::TempDir;

#[expect(clippy::disallowed_methods, reason = "a measurement is of the real clock")]
fn now() -> Instant {
    Instant::now()
}

/// A monotonic clock from here on.
pub fn monotonic() -> impl Fn() -> Duration {
    let began = now();
    move || began.elapsed()
}

/// True when run as a test (`cargo test --benches`), not by `cargo bench`: a few steps of everything,
/// to see that it works.
pub fn is_smoke() -> bool {
    !std::env::args().any(|arg| arg == "--bench")
}

/// False when a filter on the command line names something else, as criterion reads it.
pub fn is_wanted(name: &str) -> bool {
    let mut filters = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).peekable();
    filters.peek().is_none() || filters.any(|filter| name.contains(&filter))
}

/// A directory on the disk that is measured: where `BMN_BENCH_DIR` says, else the temporary directory.
pub fn temporary() -> TempDir {
    let parent = std::env::var_os("BMN_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    tempfile::tempdir_in(parent).expect("a temporary directory")
}

/// Bytes of memory that this process has now, and had at most. Zero where Linux does not tell.
pub fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let bytes = |name| kib(name).unwrap_or_default() << 10;
    (bytes("VmRSS:"), bytes("VmHWM:"))
}

/// How many a second.
pub fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// Durations of one kind of work.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<Duration>);

/// What they come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Shortest.
    pub min: Duration,
    /// Half are at most this.
    pub p50: Duration,
    /// 99 in 100 are at most this.
    pub p99: Duration,
    /// Longest.
    pub max: Duration,
    /// Mean.
    pub mean: Duration,
}

impl Figures {
    /// Adds one.
    pub fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// Times `work`.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = now();
        let value = work();
        self.push(began.elapsed());
        value
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them together.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// What they come to; all zero when there is none.
    pub fn spread(&self) -> Spread {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |hundredths: usize| {
            let place = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or_default()
        };
        let mean = self.total() / u32::try_from(sorted.len().max(1)).unwrap_or(u32::MAX);
        Spread { min: at(0), p50: at(50), p99: at(99), max: at(100), mean }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |took: Duration| took.as_nanos() as f64 / 1_000.0;
        write!(
            f,
            "min {:.1}  p50 {:.1}  p99 {:.1}  max {:.1}  mean {:.1} us",
            us(self.min),
            us(self.p50),
            us(self.p99),
            us(self.max),
            us(self.mean)
        )
    }
}
