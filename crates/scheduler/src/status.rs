//! What a scheduler tells of its jobs, and how one is run by hand.

use crate::{
    Book, Clock, Job, JobHealth, JobSpec, Priority, Run, Schedule, SchedulerError, Totals, health,
    job::Turns,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Runs that are told at most, whatever is asked for.
const MOST_RUNS: usize = 1_000;

/// How long whoever asks for a run waits for the answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A job of a scheduler.
pub(crate) struct Entry {
    pub(crate) spec: JobSpec,
    pub(crate) job: Arc<dyn Job>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) state: Mutex<State>,
}

/// What changes of it.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) schedule: Schedule,
    /// When that schedule began to count.
    pub(crate) since_ms: u64,
    pub(crate) next_ms: Option<u64>,
    /// The newest slot that has come and is not run.
    pub(crate) due_ms: Option<u64>,
    pub(crate) waits: Option<String>,
    pub(crate) totals: Totals,
    /// The newest slot that was given away in this process.
    pub(crate) newest_slot: Option<u64>,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its schedule.
    pub schedule: Schedule,
    /// How much it matters.
    pub priority: Priority,
    /// Whether a run is under way.
    pub running: bool,
    /// Its next slot, milliseconds since 1970; none when it is off.
    pub next_ms: Option<u64>,
    /// Why a slot that has come is not run yet.
    pub waits: Option<String>,
    /// What was counted.
    pub totals: Totals,
    /// How it does.
    pub health: JobHealth,
}

impl Entry {
    pub(crate) fn health(&self, now_ms: u64) -> JobHealth {
        let state = self.state.lock();
        health(&state.schedule, &state.totals, state.since_ms, now_ms)
    }

    fn status(&self, now_ms: u64) -> JobStatus {
        let health = self.health(now_ms);
        let state = self.state.lock().clone();
        JobStatus {
            name: self.spec.name,
            about: self.spec.about,
            schedule: state.schedule,
            priority: self.spec.priority,
            running: self.turns.open() > 0,
            next_ms: state.next_ms,
            waits: state.waits,
            totals: state.totals,
            health,
        }
    }
}

/// Asks for a run now.
pub(crate) struct Request {
    pub(crate) job: usize,
    pub(crate) answer: oneshot::Sender<Result<u64, SchedulerError>>,
}

/// Tells of the jobs of a scheduler and has them run. Clones are the same.
#[derive(Clone)]
pub struct SchedulerHandle {
    pub(crate) entries: Arc<[Entry]>,
    pub(crate) book: Book,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) requests: mpsc::Sender<Request>,
}

impl std::fmt::Debug for SchedulerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedulerHandle").field("jobs", &self.entries.len()).finish_non_exhaustive()
    }
}

impl SchedulerHandle {
    /// Every job, in the order they were given.
    pub fn jobs(&self) -> Vec<JobStatus> {
        let now = self.clock.now_ms();
        self.entries.iter().map(|entry| entry.status(now)).collect()
    }

    /// Runs of the last day, newest first, at most 1000: of one job, or of all. Blocks while the records are read.
    ///
    /// # Errors
    /// [`SchedulerError::Unknown`], [`SchedulerError::Records`].
    pub fn runs(&self, job: Option<&str>, limit: usize) -> Result<Vec<Run>, SchedulerError> {
        let (limit, now) = (limit.min(MOST_RUNS), self.clock.now_ms());
        if let Some(job) = job {
            let name = self.entries[self.find(job)?].spec.name;
            return Ok(self.book.runs_of(name, limit, now)?);
        }
        let mut all = Vec::new();
        for entry in &*self.entries {
            all.extend(self.book.runs_of(entry.spec.name, limit, now)?);
        }
        all.sort_by(|a, b| (b.started_ms, &b.job).cmp(&(a.started_ms, &a.job)));
        all.truncate(limit);
        Ok(all)
    }

    /// Has a job run now, whatever its schedule says; when the run began, milliseconds since 1970.
    ///
    /// # Errors
    /// [`SchedulerError::Unknown`]; [`SchedulerError::Running`]; [`SchedulerError::Stopped`].
    pub async fn run_now(&self, job: &str) -> Result<u64, SchedulerError> {
        let job = self.find(job)?;
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(Request { job, answer }).await;
        sent.map_err(|_| SchedulerError::Stopped)?;
        // Between two lives of the scheduler nobody answers.
        let answered =
            timeout(ANSWERS_WITHIN, answered).await.map_err(|_| SchedulerError::Stopped)?;
        answered.map_err(|_| SchedulerError::Stopped)?
    }

    fn find(&self, name: &str) -> Result<usize, SchedulerError> {
        let found = self.entries.iter().position(|entry| entry.spec.name == name);
        found.ok_or_else(|| {
            let known: Vec<_> = self.entries.iter().map(|entry| entry.spec.name).collect();
            SchedulerError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }
}
