//! What the scheduler asks of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time. It may jump in both directions.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the shell's clock, behind the trait")]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// How much memory the process has.
pub trait Memory: Send + Sync {
    /// Resident bytes; none where that is not known.
    fn resident_bytes(&self) -> Option<u64>;
}

/// What the kernel says of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessMemory;

impl Memory for ProcessMemory {
    fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kib.saturating_mul(1_024))
    }
}
