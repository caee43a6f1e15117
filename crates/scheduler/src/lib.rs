#![doc = include_str!("../README.md")]

mod book;
mod clock;
mod error;
mod health;
mod job;
mod measure;
mod memory;
mod run;
mod schedule;
mod scheduler;
mod status;

pub use book::{Book, RUNS_KEPT_MS, Run, RunResult, Totals, may_claim};
pub use clock::{Clock, Memory, ProcessMemory, SystemClock};
pub use error::{JobError, ScheduleError, SchedulerError};
pub use health::{JobHealth, MOST_FAILURES, health};
pub use job::{Job, JobContext, JobSpec, Outcome, Priority};
pub use measure::{MEASURED, Measured, MeasuredKind};
pub use memory::memory_limit;
pub use schedule::{Pattern, Schedule};
pub use scheduler::{Limits, Overrides, Scheduler, SchedulerParts};
pub use status::{JobStatus, SchedulerHandle};

#[cfg(test)]
mod tests;
