#![doc = include_str!("../README.md")]

mod error;
mod job;
mod look;
mod plan;
mod refresh;
mod work;

pub use error::QueueError;
pub use job::{JobRow, JobState, StateKind};
pub use look::{JobFilter, NextWake, get, has_ready, list, next_wake};
pub use plan::{PROMOTE_LIMIT, Reconciled, promote, reconcile, recover};
pub use refresh::{Loaded, Rules, hashlock_is_taken, open_orders, ready_keys, refresh, reserve};
pub use work::{Retried, bury, drop_job, finish, lease, park, requeue, retry, sent};

#[cfg(test)]
mod tests;
