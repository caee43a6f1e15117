//! What is kept of runs, in the records.

use crate::SchedulerError;
use bmn_records::{Reads, Records, RecordsError, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long runs are kept, milliseconds (S3-57).
pub const RUNS_KEPT_MS: u64 = 86_400_000;

/// A clock that is this far behind a claim was set back, milliseconds. Less is what time servers correct.
const SET_BACK_MS: u64 = 60_000;

/// Runs of an earlier process that are looked at for each job.
const MOST_BEFORE: usize = 64;

/// Characters of an error or a note that are kept.
const LONGEST_TEXT: usize = 300;

const RUNS: Table<Run> = Table::new("job_runs");
const TOTALS: Table<Totals> = Table::new("job_totals");
const SLOTS: Table<u64> = Table::new("job_slots");

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunResult {
    /// It has not.
    Running,
    /// Well.
    Succeeded,
    /// With an error, after all attempts.
    Failed,
    /// Its last attempt took too long.
    TimedOut,
    /// It panicked.
    Panicked,
    /// The process was stopped meanwhile; no failure.
    Stopped,
    /// The process ended without a word meanwhile.
    Interrupted,
}

impl RunResult {
    /// Every result.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Panicked,
        Self::Stopped,
        Self::Interrupted,
    ];

    /// Its name, as labels and answers have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timedOut",
            Self::Panicked => "panicked",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One run of a job. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The job.
    pub job: String,
    /// The slot it was for; none when it was asked for by hand.
    pub slot_ms: Option<u64>,
    /// When it began.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// How.
    pub result: RunResult,
    /// Attempts that were begun.
    pub attempts: u32,
    /// What it counted.
    pub counters: BTreeMap<String, u64>,
    /// What it says for people.
    pub note: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Run {
    pub(crate) fn begun(job: &str, slot_ms: Option<u64>, started_ms: u64) -> Self {
        Self {
            job: job.to_owned(),
            slot_ms,
            started_ms,
            ended_ms: None,
            result: RunResult::Running,
            attempts: 0,
            counters: BTreeMap::new(),
            note: None,
            error: None,
        }
    }

    fn key(&self) -> Vec<u8> {
        [self.job.as_bytes(), &[0], &self.started_ms.to_be_bytes()].concat()
    }

    fn shortened(mut self) -> Self {
        for text in [&mut self.note, &mut self.error].into_iter().flatten() {
            if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
                text.truncate(end);
            }
        }
        self
    }
}

/// What was counted of a job since the records were begun (S3-58).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Runs that ended.
    pub runs: u64,
    /// Those that ended well.
    pub succeeded: u64,
    /// Those that did not; runs that a stop cut short are neither.
    pub failed: u64,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// Start of the newest run.
    pub last_start_ms: Option<u64>,
    /// End of the newest run that ended.
    pub last_end_ms: Option<u64>,
    /// End of the newest that ended well.
    pub last_success_ms: Option<u64>,
    /// Why the newest failed; none when it did not.
    pub last_error: Option<String>,
}

impl Totals {
    /// With a run that ended.
    #[must_use]
    pub fn with(mut self, run: &Run) -> Self {
        self.last_start_ms = Some(run.started_ms);
        self.last_end_ms = run.ended_ms;
        self.runs = self.runs.saturating_add(1);
        match run.result {
            RunResult::Succeeded => {
                self.succeeded = self.succeeded.saturating_add(1);
                (self.consecutive_failures, self.last_error) = (0, None);
                self.last_success_ms = run.ended_ms;
            }
            RunResult::Running | RunResult::Stopped => {}
            RunResult::Failed
            | RunResult::TimedOut
            | RunResult::Panicked
            | RunResult::Interrupted => {
                self.failed = self.failed.saturating_add(1);
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
                self.last_error.clone_from(&run.error);
            }
        }
        self
    }
}

/// Whether a slot may be run when `newest` is the newest that was claimed: each once, and never one before it, unless the
/// clock was set back since (S3-62).
pub const fn may_claim(newest: Option<u64>, slot_ms: u64, now_ms: u64) -> bool {
    match newest {
        None => true,
        Some(newest) => slot_ms > newest || newest > now_ms.saturating_add(SET_BACK_MS),
    }
}

/// Runs, totals and claims of slots.
#[derive(Debug, Clone)]
pub struct Book(Records);

impl Book {
    /// Over these records.
    pub const fn new(records: Records) -> Self {
        Self(records)
    }

    /// The newest slot of a job that was claimed.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn newest_slot(&self, job: &str, now_ms: u64) -> Result<Option<u64>, RecordsError> {
        self.0.read()?.get(&SLOTS, job.as_bytes(), now_ms)
    }

    /// What was counted of a job.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn totals(&self, job: &str, now_ms: u64) -> Result<Totals, RecordsError> {
        Ok(self.0.read()?.get(&TOTALS, job.as_bytes(), now_ms)?.unwrap_or_default())
    }

    /// Claims the slot of a run and notes that it began, in one commit; false when the slot is taken. After a crash it
    /// stays taken.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub(crate) fn begin(&self, run: &Run) -> Result<bool, RecordsError> {
        let tx = self.0.write()?;
        let (job, now) = (run.job.as_bytes(), run.started_ms);
        if let Some(slot) = run.slot_ms {
            if !may_claim(tx.get(&SLOTS, job, now)?, slot, now) {
                return Ok(false);
            }
            tx.put(&SLOTS, job, &slot, None)?;
        }
        tx.put(&RUNS, &run.key(), run, Some(now.saturating_add(RUNS_KEPT_MS)))?;
        tx.commit()?;
        Ok(true)
    }

    /// Notes how a run ended; what is counted with it.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub(crate) fn end(&self, run: Run) -> Result<Totals, RecordsError> {
        let run = run.shortened();
        let tx = self.0.write()?;
        let now = run.ended_ms.unwrap_or(run.started_ms);
        let totals = tx.get(&TOTALS, run.job.as_bytes(), now)?.unwrap_or_default().with(&run);
        tx.put(&TOTALS, run.job.as_bytes(), &totals, None)?;
        tx.put(&RUNS, &run.key(), &run, Some(run.started_ms.saturating_add(RUNS_KEPT_MS)))?;
        tx.commit()?;
        Ok(totals)
    }

    /// Notes that runs of a job came to no end because the process before this one ended; how many.
    pub(crate) fn settle(&self, job: &str, now_ms: u64) -> Result<usize, SchedulerError> {
        let before = self.runs_of(job, MOST_BEFORE, now_ms)?;
        let open: Vec<_> =
            before.into_iter().filter(|run| run.result == RunResult::Running).collect();
        let count = open.len();
        for run in open.into_iter().rev() {
            self.end(Run {
                ended_ms: Some(now_ms.max(run.started_ms)),
                result: RunResult::Interrupted,
                error: Some("the process ended before it did".to_owned()),
                ..run
            })?;
        }
        Ok(count)
    }

    /// Runs of a job, newest first.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn runs_of(&self, job: &str, limit: usize, now_ms: u64) -> Result<Vec<Run>, RecordsError> {
        let prefix = [job.as_bytes(), &[0]].concat();
        let rows = self.0.read()?.list(&RUNS, &prefix, true, limit, now_ms)?;
        Ok(rows.into_iter().map(|(_, run)| run).collect())
    }
}
