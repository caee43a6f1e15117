//! Random histories of two chains, and an index that must come out of each of them the same as a
//! rebuild (design rules I1 to I4).
//!
//! Chains are lists of blocks, not machines: logs are written with the contracts' own encoders, true
//! ones, forged ones and damaged ones. A history is a list of [`Step`]s that each can be taken in
//! any state, so that any part of a failing history is a history too. The property test draws it
//! from a seed, the fuzz target from bytes.

mod cast;
mod chain;
mod choice;
mod compare;
mod deed;
mod disk;
mod host;
mod lane;
mod machine;
mod step;

pub use choice::{Bytes, Choices, Seeded};
pub use step::{Deed, Flaw, Form, How, Step, Wrong, draw_history};

use machine::Machine;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How often each thing happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// How often `what` happened.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }
}

/// Everything that histories exercise, by the names a [`Tally`] counts it under.
pub const EXERCISED: &[&str] = &[
    "commit",
    "reorg",
    "revert",
    "fork",
    "finality",
    "misdelivery",
    "misdelivery in bulk",
    "backfill",
    "bulk",
    "bulk flush",
    "bulk flush in the middle",
    "staged blocks dropped",
    "crash in bulk",
    "fork of final blocks",
    "rebuild",
    "cleared in part",
    "cleared",
    "derivation",
    "crash in a rebuild",
    "crash in a derivation",
    "statuses compared",
    "verified",
    "restart",
    "crash",
    "crash in a transaction",
    "crash in recovery",
    "torn image",
    "clean image",
    "comparison",
    "empty block",
    "created again",
    "bmn1",
    "bmn11",
    "bmn23",
    "bmn302",
    "bmn4",
    "oneinch1",
    "oneinch2",
    "fill",
    "fill without interaction",
    "fill before escrow",
    "fill elsewhere",
    "fill of other hashlock",
    "fill of other order",
    "forged fill",
    "repeated hashlock",
    "direct source",
    "direct source of others",
    "end before creation",
    "destination",
    "unmatched destination",
    "withdrawn",
    "withdrawn with a wrong secret",
    "cancelled",
    "rescued",
    "rescued of another token",
    "rescued again and again",
    "end of no escrow",
    "order filled",
    "order cancelled",
    "bits used",
    "forged log",
    "truncated data",
    "absurd offset",
    "absurd length",
    "no topic",
    "surplus data",
    "surplus topic",
    "noise",
];

/// A step after which something was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which step, from 0; the number of steps when it was found at the end.
    pub step: usize,
    /// What is wrong.
    pub what: String,
}

/// Takes every step, lets the index catch up, and compares.
///
/// # Errors
/// The first thing that is wrong; a panic of the index counts.
pub fn run(steps: &[Step]) -> Result<Tally, Broken> {
    let mut at = 0;
    let all = catch_unwind(AssertUnwindSafe(|| {
        let mut machine = Machine::new()?;
        for step in steps {
            machine.take(step)?;
            at += 1;
        }
        machine.finish()?;
        Ok(machine.tally)
    }));
    match all {
        Ok(Ok(tally)) => Ok(tally),
        Ok(Err(what)) => Err(Broken { step: at, what }),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let what = format!("panic: {}", said.unwrap_or_else(|| "not a text".to_owned()));
            Err(Broken { step: at, what })
        }
    }
}

/// Leaves out whatever a failing history does not need to fail; tries at most `attempts` runs.
pub fn shrink(steps: &[Step], mut attempts: u32) -> Vec<Step> {
    let mut kept = steps.to_vec();
    let mut width = kept.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut shorter = false;
        while start < kept.len() {
            if attempts == 0 {
                return kept;
            }
            attempts -= 1;
            let end = (start + width).min(kept.len());
            let without = [&kept[..start], &kept[end..]].concat();
            if run(&without).is_err() {
                kept = without;
                shorter = true;
            } else {
                start = end;
            }
        }
        match width {
            1 if !shorter => return kept,
            1 => {}
            _ => width = width.div_ceil(2),
        }
    }
}
