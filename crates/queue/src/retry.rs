//! When a failed action is tried again: one table and one pure function.

use crate::Lane;
use alloy::primitives::keccak256;
use bmn_swap::{Action, ActionKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum FailureClass {
    /// The host did not answer, or not usefully.
    Host = 0,
    /// The contract says that it is too early: no verdict, a reorg may have set the clock back.
    TooEarly = 1,
    /// The contract says that it is done already: the chain will show it.
    AlreadyDone = 2,
    /// The simulation reverted, and another time it may not.
    Reverted = 3,
    /// Mined and without effect, or its nonce was used by something else.
    NoEffect = 4,
    /// Our balance does not hold what the order was promised.
    Inventory = 5,
    /// The worker was not heard of for the length of a lease.
    Abandoned = 6,
    /// A verdict: trying again changes nothing.
    Final = 7,
    /// Held back by us: the signer is away, a cap is reached, or the gate refused. A deferral is not counted,
    /// a refusal of the gate is.
    Deferred = 8,
    /// A mistake of ours ended the look at it.
    Panicked = 9,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Host,
        Self::TooEarly,
        Self::AlreadyDone,
        Self::Reverted,
        Self::NoEffect,
        Self::Inventory,
        Self::Abandoned,
        Self::Final,
        Self::Deferred,
        Self::Panicked,
    ];

    /// Name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::TooEarly => "tooEarly",
            Self::AlreadyDone => "alreadyDone",
            Self::Reverted => "reverted",
            Self::NoEffect => "noEffect",
            Self::Inventory => "inventory",
            Self::Abandoned => "abandoned",
            Self::Final => "final",
            Self::Deferred => "deferred",
            Self::Panicked => "panicked",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a failed action is tried again. Seconds of the acting chain's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Pause after the first failure.
    pub first: u64,
    /// Factor from one pause to the next.
    pub multiplier: u32,
    /// Longest pause; jitter adds a quarter of it at most.
    pub ceiling: u64,
    /// Tries after the first one. None: for as long as the action is due, also past its latest safe
    /// time, since giving up a way out of an escrow loses what is in it (design rule M8).
    pub attempts: Option<u32>,
}

impl RetryPolicy {
    /// A verdict is not tried again.
    const NEVER: Self = Self { first: 1, multiplier: 1, ceiling: 1, attempts: Some(0) };
    /// Every second, that is in every block, for as long as time allows.
    const EVERY_BLOCK: Self =
        Self { first: 1, multiplier: 1, ceiling: 1, attempts: Some(u32::MAX) };
    /// For as long as time allows, ever more slowly.
    const PATIENT: Self = Self { first: 1, multiplier: 2, ceiling: 30, attempts: Some(u32::MAX) };
    /// After 1, 2 and 4 s.
    const QUICK: Self = Self { first: 1, multiplier: 2, ceiling: 4, attempts: Some(3) };
    /// After 5, 10 and 20 s.
    const FUNDING: Self = Self { first: 5, multiplier: 2, ceiling: 20, attempts: Some(3) };

    /// The same, given up after `attempts` tries more.
    #[must_use]
    pub const fn at_most(self, attempts: u32) -> Self {
        Self { attempts: Some(attempts), ..self }
    }
}

/// The table: how an action that failed in this way is tried again.
pub const fn policy(action: Action, class: FailureClass) -> RetryPolicy {
    match (Lane::of(action), action, class) {
        (_, _, FailureClass::Final) => RetryPolicy::NEVER,
        // The maker's permission is his way out.
        (Lane::WayOut, _, FailureClass::TooEarly) => {
            RetryPolicy { attempts: None, ..RetryPolicy::EVERY_BLOCK }
        }
        (Lane::WayOut, ..) | (_, Action::Permit, _) => {
            RetryPolicy { attempts: None, ..RetryPolicy::PATIENT }
        }
        (_, _, FailureClass::TooEarly | FailureClass::Deferred) => RetryPolicy::EVERY_BLOCK,
        (_, _, FailureClass::AlreadyDone) => RetryPolicy::PATIENT,
        (Lane::Underway, ..) => RetryPolicy::FUNDING,
        (Lane::NewOrder | Lane::Keeper, ..) => RetryPolicy::QUICK,
    }
}

/// Why an action is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenUp {
    /// All tries are used up.
    #[error("failed {failed} times")]
    TooOften {
        /// Failures, the last one included.
        failed: u32,
    },
    /// The next try would come after its latest safe time.
    #[error("the next try at {next} would be after {deadline}, its latest safe time")]
    TooLate {
        /// Unix seconds.
        next: u64,
        /// Unix seconds.
        deadline: u64,
    },
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAttempt {
    /// Try again in a block that can have this time, unix seconds.
    Retry(u64),
    /// Do not.
    Dead(GivenUp),
}

/// What follows the `failed`-th failure in a row (from 1) at `now`, of an action that is to be sent by
/// `deadline`; both in the acting chain's time. `jitter` spreads actions that failed together.
///
/// What may be given up is not tried after its deadline. What may not is tried at least twice in the
/// time that is left before it, and in every block after it.
pub const fn next_attempt(
    policy: RetryPolicy,
    failed: u32,
    now: u64,
    deadline: Option<u64>,
    jitter: u64,
) -> NextAttempt {
    if let Some(most) = policy.attempts
        && failed > most
    {
        return NextAttempt::Dead(GivenUp::TooOften { failed });
    }
    let grown = policy
        .first
        .saturating_mul((policy.multiplier as u64).saturating_pow(failed.saturating_sub(1)));
    let base = if grown < policy.ceiling { grown } else { policy.ceiling };
    let base = if base == 0 { 1 } else { base };
    let pause = base.saturating_add(jitter % (base / 4 + 1));
    let next = now.saturating_add(pause);
    match (deadline, policy.attempts) {
        (Some(deadline), Some(_)) if next > deadline => {
            NextAttempt::Dead(GivenUp::TooLate { next, deadline })
        }
        (Some(deadline), None) => {
            let half = deadline.saturating_sub(now) / 2;
            let half = if half == 0 { 1 } else { half };
            NextAttempt::Retry(now.saturating_add(if pause < half { pause } else { half }))
        }
        _ => NextAttempt::Retry(next),
    }
}

/// A number that looks random and follows from the action and its failures alone.
pub fn jitter(key: &ActionKey, failed: u32) -> u64 {
    let hash = keccak256([&key.to_bytes()[..], &failed.to_be_bytes()].concat());
    u64::from_be_bytes(hash.0[..8].try_into().unwrap_or_default())
}
