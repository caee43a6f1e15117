//! Scheduled jobs as the wire shows them.

use crate::RpcError;
use bmn_rpc_api::{JobPriority, Limit, RunResult, ScheduledJob, ScheduledRun, StartedRun};
use bmn_scheduler::{
    JobStatus, Priority, Run, RunResult as Ended, SchedulerError, SchedulerHandle,
};
use parking_lot::RwLock;
use std::sync::Arc;

/// Where the handlers find the scheduler, once there is one. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct ScheduledJobs(Arc<RwLock<Option<SchedulerHandle>>>);

impl ScheduledJobs {
    /// From now on the methods tell of these jobs.
    pub fn set(&self, handle: SchedulerHandle) {
        *self.0.write() = Some(handle);
    }

    /// The scheduler; none where nothing is done by the clock.
    pub fn get(&self) -> Option<SchedulerHandle> {
        self.0.read().clone()
    }

    pub(crate) fn all(&self) -> Vec<ScheduledJob> {
        self.get().map_or_else(Vec::new, |handle| handle.jobs().into_iter().map(job).collect())
    }

    pub(crate) async fn runs(
        &self,
        name: Option<String>,
        limit: Limit,
    ) -> Result<Vec<ScheduledRun>, RpcError> {
        let Some(handle) = self.get() else { return Ok(Vec::new()) };
        let read = move || handle.runs(name.as_deref(), limit.items());
        let runs = tokio::task::spawn_blocking(read).await;
        let runs = runs.map_err(|error| RpcError::Interrupted(error.to_string()))?;
        Ok(runs.map_err(failed)?.into_iter().map(run).collect())
    }

    pub(crate) async fn run_now(&self, name: &str) -> Result<StartedRun, RpcError> {
        let handle = self.get().ok_or_else(|| failed(SchedulerError::Stopped))?;
        let started_ms = handle.run_now(name).await.map_err(failed)?;
        Ok(StartedRun { job: name.to_owned(), started_ms })
    }
}

// What was sent is not repeated.
fn failed(error: SchedulerError) -> RpcError {
    match error {
        SchedulerError::Unknown { known, .. } => {
            RpcError::NotIndexed(format!("no such scheduled job; there are {known}"))
        }
        SchedulerError::Running(_) => {
            RpcError::Behind("the job is running; try again when it is done".to_owned())
        }
        SchedulerError::Stopped => {
            RpcError::Behind("this node runs no scheduled jobs now".to_owned())
        }
        other => {
            tracing::error!(target: "bmn::rpc", error = %other, "the records of jobs");
            RpcError::Behind("the records of jobs cannot be read or written now".to_owned())
        }
    }
}

const fn priority(of: Priority) -> JobPriority {
    match of {
        Priority::Critical => JobPriority::Critical,
        Priority::High => JobPriority::High,
        Priority::Medium => JobPriority::Medium,
        Priority::Low => JobPriority::Low,
    }
}

const fn result(of: Ended) -> RunResult {
    match of {
        Ended::Running => RunResult::Running,
        Ended::Succeeded => RunResult::Succeeded,
        Ended::Failed => RunResult::Failed,
        Ended::TimedOut => RunResult::TimedOut,
        Ended::Panicked => RunResult::Panicked,
        Ended::Stopped => RunResult::Stopped,
        Ended::Interrupted => RunResult::Interrupted,
    }
}

fn job(of: JobStatus) -> ScheduledJob {
    ScheduledJob {
        name: of.name.to_owned(),
        about: of.about.to_owned(),
        schedule: of.schedule.to_string(),
        priority: priority(of.priority),
        running: of.running,
        next_ms: of.next_ms,
        waits: of.waits,
        runs: of.totals.runs,
        succeeded: of.totals.succeeded,
        failed: of.totals.failed,
        consecutive_failures: of.totals.consecutive_failures,
        last_start_ms: of.totals.last_start_ms,
        last_end_ms: of.totals.last_end_ms,
        last_success_ms: of.totals.last_success_ms,
        last_error: of.totals.last_error,
        healthy: of.health.healthy,
        missed: of.health.missed,
    }
}

fn run(of: Run) -> ScheduledRun {
    ScheduledRun {
        job: of.job,
        slot_ms: of.slot_ms,
        started_ms: of.started_ms,
        ended_ms: of.ended_ms,
        result: result(of.result),
        attempts: of.attempts,
        counters: of.counters,
        note: of.note,
        error: of.error,
    }
}
