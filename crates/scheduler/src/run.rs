//! One run: attempts, their time, what becomes of them.

use crate::{Job, JobContext, JobError, JobSpec, Outcome, RunResult, job::MOST_COUNTERS};
use bmn_primitives::ErrorClass;
use futures_util::FutureExt;
use std::{any::Any, panic::AssertUnwindSafe, pin::pin, time::Duration};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a job has to come to an end by itself once it was told to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What became of all attempts.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: RunResult,
    pub(crate) attempts: u32,
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<String>,
}

type Caught = Result<Result<Outcome, JobError>, Box<dyn Any + Send>>;

enum Attempt {
    Done(Caught),
    TimedOut,
    Stopped,
}

/// Runs a job until an attempt does well or the list of delays is at its end. `is_alone`: nothing that an earlier attempt
/// left behind in another thread is still at work.
pub(crate) async fn attempts(
    job: &dyn Job,
    spec: &JobSpec,
    ctx: &JobContext,
    is_alone: impl Fn() -> bool,
) -> Ended {
    let stop = ctx.stop.clone();
    let mut delays = spec.retries.iter();
    let mut count = 0;
    loop {
        count += 1;
        let attempt = attempt(job, spec.timeout, ctx, &stop).await;
        let (ended, again) = judged(attempt, count, spec.timeout);
        let delay = delays.next().filter(|_| again && (is_alone() || !spec.exclusive));
        let Some(delay) = delay else { return ended };
        tracing::debug!(
            target: "bmn::scheduler", attempt = count, error = ended.error, wait = ?delay, "tried again"
        );
        tokio::select! {
            () = sleep(*delay) => {}
            () = stop.cancelled() => return Ended { result: RunResult::Stopped, ..ended },
        }
    }
}

async fn attempt(
    job: &dyn Job,
    most: Duration,
    ctx: &JobContext,
    stop: &CancellationToken,
) -> Attempt {
    let token = stop.child_token();
    let ctx = JobContext { stop: token.clone(), ..ctx.clone() };
    let mut work = pin!(AssertUnwindSafe(job.run(&ctx)).catch_unwind());
    tokio::select! {
        done = &mut work => match done {
            // A job that ends because it was told to has not failed.
            Ok(Err(_)) if stop.is_cancelled() => Attempt::Stopped,
            done => Attempt::Done(done),
        },
        () = sleep(most) => {
            token.cancel();
            // What did well after all did well.
            match timeout(GRACE, work).await {
                Ok(done @ Ok(Ok(_))) => Attempt::Done(done),
                _ => Attempt::TimedOut,
            }
        }
        () = stop.cancelled() => match timeout(GRACE, work).await {
            Ok(done @ Ok(Ok(_))) => Attempt::Done(done),
            _ => Attempt::Stopped,
        },
    }
}

/// How it ended, and whether another attempt may do better.
fn judged(attempt: Attempt, attempts: u32, most: Duration) -> (Ended, bool) {
    let ended = |result, error| Ended { result, attempts, outcome: Outcome::default(), error };
    match attempt {
        Attempt::Done(Ok(Ok(mut outcome))) => {
            while outcome.counters.len() > MOST_COUNTERS {
                outcome.counters.pop_last();
            }
            let result = RunResult::Succeeded;
            (Ended { result, attempts, outcome, error: None }, false)
        }
        Attempt::Done(Ok(Err(error))) => {
            let again = error.class() == ErrorClass::Transient;
            (ended(RunResult::Failed, Some(error.to_string())), again)
        }
        Attempt::Done(Err(panic)) => (ended(RunResult::Panicked, Some(words(&*panic))), false),
        Attempt::TimedOut => {
            let error = format!("not done after {} s", most.as_secs_f64());
            (ended(RunResult::TimedOut, Some(error)), true)
        }
        Attempt::Stopped => (ended(RunResult::Stopped, None), false),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without words"))
}
