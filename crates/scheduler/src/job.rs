//! What a job is.

use crate::{JobError, Schedule};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Counters of one run at most.
pub(crate) const MOST_COUNTERS: usize = 32;

/// How much a job matters (S3-12). The order is that of the run queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Money may be lost without it: it never waits for other jobs or for memory.
    Critical,
    /// Something is not seen without it.
    High,
    /// It can be late.
    Medium,
    /// It can be much later.
    Low,
}

impl Priority {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What the scheduler knows of a job (S3-14, S3-15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// Its name; also a label of metrics.
    pub name: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    /// When it runs, unless that is overridden.
    pub schedule: Schedule,
    /// How much it matters.
    pub priority: Priority,
    /// Waits before it is tried again, in order; as many further attempts.
    pub retries: Vec<Duration>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Never two runs of it at once.
    pub exclusive: bool,
}

/// What a run did: numbers by name (S3-28).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// At most 32 of them; more are left out.
    pub counters: BTreeMap<String, u64>,
    /// One line for people; cut to 300 characters.
    pub note: Option<String>,
}

impl Outcome {
    /// With these numbers.
    pub fn counted<const N: usize>(counters: [(&str, u64); N]) -> Self {
        let counters = counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        Self { counters, note: None }
    }

    /// The same with a line for people.
    #[must_use]
    pub fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Something that is done again and again. A failure never reaches further than the record of the run (S3-63).
#[async_trait]
pub trait Job: Send + Sync {
    /// What the scheduler must know.
    fn spec(&self) -> JobSpec;

    /// Why it cannot be run now; the slot waits then. To be answered at once (S3-69).
    fn waits_for(&self) -> Option<String> {
        None
    }

    /// One attempt. When `ctx.stop` is cancelled it should come to an end by itself: soon after, the future is
    /// dropped where it waits. Work in other threads goes through [`JobContext::blocking`], which no timeout cuts short.
    ///
    /// # Errors
    /// See [`JobError`].
    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError>;
}

/// What a run is given. Clones belong to the same run.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The time the run began, milliseconds since 1970.
    pub now_ms: u64,
    /// The slot it runs for; none when it was asked for by hand.
    pub slot_ms: Option<u64>,
    /// Cancelled when its time is over or the process ends.
    pub stop: CancellationToken,
    pub(crate) turn: Turn,
}

impl JobContext {
    /// The context of a run outside a scheduler: for tests, and for a job that a command runs once.
    pub fn alone(now_ms: u64, stop: CancellationToken) -> Self {
        Self { now_ms, slot_ms: None, stop, turn: Turn::of(&Arc::default()) }
    }

    /// Does something that blocks in a thread of its own. It is never cut short, and the job counts as running until it
    /// has come to its end, even when its attempt timed out meanwhile.
    ///
    /// # Errors
    /// What the work answers; [`JobError::Permanent`] when it panics.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, JobError> {
        let turn = self.turn.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| JobError::Permanent(format!("it came to no end: {error}")))?
    }
}

/// Counts as a run while a clone of it is there.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Turns>);

/// How many runs of a job there are.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    open: AtomicUsize,
    /// Told when one ends.
    ended: Arc<Notify>,
}

impl Turns {
    pub(crate) fn new(ended: &Arc<Notify>) -> Self {
        Self { open: AtomicUsize::default(), ended: Arc::clone(ended) }
    }

    /// Runs, and what runs left behind in other threads.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

impl Turn {
    pub(crate) fn of(turns: &Arc<Turns>) -> Self {
        turns.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(turns))
    }
}

impl Clone for Turn {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_one();
    }
}
