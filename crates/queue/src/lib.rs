#![doc = include_str!("../README.md")]

mod claims;
mod deadline;
mod decision;
mod error;
mod job;
mod keeper;
mod lane;
mod late;
mod letters;
mod live;
mod look;
mod plan;
mod refresh;
mod retry;
mod row;
mod work;

pub use claims::{claim_order, claims_beside};
pub use deadline::{deadline_of, latest_send};
pub use decision::{keep_decision, market_for};
pub use error::QueueError;
pub use job::{Claim, Failure, JobRow, JobState, StateKind};
pub use keeper::{KeeperFacts, own_due_in, stranger_sources, watch_swap};
pub use lane::Lane;
pub use late::coming_due;
pub use letters::{drop_letter, requeue};
pub use live::{LiveRules, MOST_VERSIONS};
pub use look::{
    JobFilter, NextWake, dead_letters, depths, get, has_expired, has_ready, list, next_wake,
};
pub use plan::{PROMOTE_LIMIT, Reconciled, promote, reconcile, recover, release};
pub use refresh::{
    Loaded, Rules, bind_destination, find_destination, hashlock_is_taken, open_orders, ready_keys,
    refresh, reserve,
};
pub use retry::{FailureClass, GivenUp, NextAttempt, RetryPolicy, jitter, next_attempt, policy};
pub use work::{
    LEASE_SECONDS, MAX_LEASES, Retried, adopt, bury, check, claim_of, defer, expire, finish, lease,
    lease_batch, park, renew, retry, sent,
};

#[cfg(test)]
mod tests;
