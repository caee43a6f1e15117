//! The ready jobs of a chain, a batch at a time: however many jobs a batch has, one transaction leases them
//! and one makes what came of them durable, intents before anything of it is sent.

use crate::{
    Executor, ExecutorError, Outcome,
    executor::{Monotonic, Ready},
    verdict::Verdict,
};
use bmn_primitives::ChainId;
use bmn_queue::{
    FailureClass, JobRow, QueueError, expire, has_expired, has_ready, lease_batch, park,
};
use bmn_swap::{ActionKey, When};
use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
    thread,
};
use tracing::Instrument;

/// Bytes of what a panic says that are logged.
const LONGEST_PANIC: usize = 200;

/// A longer word of it is not logged: an address in hex, with what stands around it, is shorter.
const LONGEST_WORD: usize = 60;

/// What looking at a job came to.
pub(crate) enum Step {
    /// Its call simulates well and is to be signed.
    Act(Box<Ready>),
    /// Nothing is sent.
    Write(Verdict),
}

/// The jobs of a batch that were looked at, most urgent first.
#[derive(Default)]
pub(crate) struct Looked<'a> {
    pub(crate) ready: Vec<(&'a JobRow, Box<Ready>)>,
    pub(crate) verdicts: Vec<(&'a JobRow, Verdict)>,
}

/// Looks at jobs that a mistake of ours ended; label `action`.
const PANICS: &str = "bmn_action_panics_total";

type Work<'a, O> = Pin<Box<dyn Future<Output = O> + Send + 'a>>;

/// Work under way for something.
type UnderWay<'a, T, O> = (T, Work<'a, O>);

impl Executor {
    /// Leases the most urgent ready jobs of `chain` and runs them: at most
    /// [`MAX_LEASES`](bmn_queue::MAX_LEASES), all of one lane, so that nothing waits long for its batch.
    /// Hosts are asked for all of them at once, and what has its answers does not wait for the rest.
    /// Answers what became of each; of none when none is ready.
    ///
    /// # Errors
    /// Those that are no verdict on a job: the store's, a signer that was fenced off. Jobs of the batch
    /// that had not gone out are ready again.
    pub async fn run_batch(
        &self,
        chain: ChainId,
        clock: Monotonic<'_>,
    ) -> Result<Vec<(ActionKey, Outcome)>, ExecutorError> {
        let jobs = self.lease_ready(chain, clock().as_secs())?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        if let Err(error) = self.run_leased(chain, &jobs, clock, &mut outcomes).await {
            self.hand_over(chain, &jobs);
            return Err(error);
        }
        for (key, outcome) in &outcomes {
            tracing::debug!(
                target: "bmn::executor", order = %key.order, action = key.action.name(),
                chain = %chain, ?outcome, "job run"
            );
        }
        Ok(outcomes)
    }

    fn lease_ready(&self, chain: ChainId, now: u64) -> Result<Vec<JobRow>, ExecutorError> {
        // Looking costs a snapshot; only leasing needs the writer.
        let read = self.store.read()?;
        let is_idle = !has_ready(&read, chain)? && !has_expired(&read, chain, now)?;
        drop(read);
        if is_idle {
            return Ok(Vec::new());
        }
        let mut tx = self.store.write()?;
        let expired = expire(&mut tx, chain, now)? > 0;
        let jobs = lease_batch(&mut tx, chain, self.epoch, now)?;
        if expired {
            tx.commit()?;
        } else if !jobs.is_empty() {
            // A crash takes every lease back, so that one that was never durable is one that was.
            tx.commit_with_next()?;
        }
        Ok(jobs)
    }

    async fn run_leased(
        &self,
        chain: ChainId,
        jobs: &[JobRow],
        clock: Monotonic<'_>,
        outcomes: &mut Vec<(ActionKey, Outcome)>,
    ) -> Result<(), ExecutorError> {
        let mut looking: Vec<UnderWay<'_, &JobRow, _>> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let look = Box::pin(self.look(job).instrument(span_of(job)));
            looking.push((job, Box::pin(caught(look))));
        }
        let mut failed = None;
        while !looking.is_empty() {
            let mut looked = Looked::default();
            for (job, seen) in some(&mut looking).await {
                let step = match seen {
                    Ok(step) => self.step(job, step),
                    Err(panic) => Ok(Step::Write(panicked(job, &*panic))),
                };
                match step {
                    Ok(Step::Act(ready)) => looked.ready.push((job, ready)),
                    Ok(Step::Write(verdict)) => looked.verdicts.push((job, verdict)),
                    // What is damaged of one does not keep the others.
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            self.conclude(chain, looked, clock, outcomes).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    // A host or a signer that fails is a verdict on the job; a store that fails is none.
    fn step(
        &self,
        job: &JobRow,
        looked: Result<Step, ExecutorError>,
    ) -> Result<Step, ExecutorError> {
        Ok(Step::Write(match looked {
            Ok(step) => return Ok(step),
            Err(ExecutorError::Chain(error)) => {
                Verdict::failed(FailureClass::Host, error.to_string())
            }
            Err(error @ ExecutorError::Incomplete { .. }) => {
                self.not_made(&job.key, &error.to_string())?
            }
            Err(ExecutorError::Signer(reason)) => self.not_signed(job.key.chain, &reason)?,
            Err(error) => return Err(error),
        }))
    }

    /// A remote signer that is away comes back.
    pub(crate) fn not_signed(
        &self,
        chain: ChainId,
        reason: &str,
    ) -> Result<Verdict, ExecutorError> {
        tracing::error!(target: "bmn::executor", chain = %chain, %reason, "signer failed");
        self.deferred(chain, format!("the signer failed: {reason}"))
    }

    // A failure of ours is no verdict on the action: without this nobody would run the jobs before their
    // leases are over.
    fn hand_over(&self, chain: ChainId, jobs: &[JobRow]) {
        if let Err(error) = self.park_all(jobs) {
            tracing::error!(
                target: "bmn::executor", chain = %chain, jobs = jobs.len(), %error,
                "jobs not handed back; they are when their lease is over, or by a restart"
            );
        }
    }

    fn park_all(&self, jobs: &[JobRow]) -> Result<(), ExecutorError> {
        let mut tx = self.store.write()?;
        for job in jobs {
            match park(&mut tx, &job.claim(), &When::Now) {
                Ok(()) | Err(QueueError::Overtaken { .. } | QueueError::InFlight { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(tx.commit()?)
    }
}

/// What work comes to, or what it panicked with. It is not gone on with then.
fn caught<'a, O: 'a>(
    mut work: Work<'a, O>,
) -> impl Future<Output = thread::Result<O>> + Send + use<'a, O> {
    poll_fn(move |context| {
        // Whoever looks holds a snapshot and answers of hosts, and writes nothing: nothing is left half done.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
}

/// A mistake of ours, which comes again with the same job: it waits like any that failed, and keeps no other.
fn panicked(job: &JobRow, panic: &(dyn Any + Send)) -> Verdict {
    let action = job.key.action.name();
    metrics::counter!(PANICS, "action" => action).increment(1);
    // What it says may hold words of a host: it is for the log of whoever runs us, and not for answers.
    tracing::error!(
        target: "bmn::executor", order = %job.key.order, action, chain = %job.key.chain,
        panic = %bounded(panic), alarm = true, "looking at a job panicked"
    );
    Verdict::failed(
        FailureClass::Panicked,
        "looking at it panicked: a mistake of ours, see the log",
    )
}

/// The beginning of what a panic says, without addresses of hosts, which may hold a key, and without long words, which
/// may be one.
fn bounded(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let mut said = String::new();
    for word in text.unwrap_or("no message").split_whitespace() {
        let is_shown = !word.contains("://") && word.len() < LONGEST_WORD;
        let word = if is_shown { word } else { "[…]" };
        if said.len() + word.len() >= LONGEST_PANIC {
            break;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(word);
    }
    said
}

/// What is done about one job: the action, its order and the chain it acts on.
fn span_of(job: &JobRow) -> tracing::Span {
    let (order, chain, action) = (job.key.order, job.key.chain, job.key.action.name());
    tracing::info_span!(target: "bmn::executor", "action", %order, %chain, action)
}

/// Waits until some of what is under way is done, and takes all of it that is, in its order.
async fn some<T, O>(under_way: &mut Vec<UnderWay<'_, T, O>>) -> Vec<(T, O)> {
    poll_fn(|context| {
        let (mut done, mut waiting) = (Vec::new(), Vec::new());
        for (of, mut work) in under_way.drain(..) {
            match work.as_mut().poll(context) {
                Poll::Ready(output) => done.push((of, output)),
                Poll::Pending => waiting.push((of, work)),
            }
        }
        *under_way = waiting;
        if done.is_empty() && !under_way.is_empty() { Poll::Pending } else { Poll::Ready(done) }
    })
    .await
}

/// What each comes to, all at once, in their order.
pub(crate) async fn all<'a, O: 'a, F: Future<Output = O> + Send + 'a>(
    work: impl IntoIterator<Item = F>,
) -> Vec<O> {
    let mut under_way: Vec<UnderWay<'a, usize, O>> = Vec::new();
    for (place, work) in work.into_iter().enumerate() {
        under_way.push((place, Box::pin(work)));
    }
    let mut done = Vec::with_capacity(under_way.len());
    while !under_way.is_empty() {
        done.extend(some(&mut under_way).await);
    }
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_says_is_logged_without_what_may_be_a_key() {
        let secret = "ab".repeat(32);
        let said = format!("no answer of (https://host.example/KEY) for 0x{secret}: line 7");
        assert_eq!(bounded(&said), "no answer of […] for […] line 7");
        assert_eq!(bounded(&"index out of bounds"), "index out of bounds");
        assert_eq!(bounded(&7), "no message");
        assert!(bounded(&"much ".repeat(1_000)).len() < LONGEST_PANIC);
    }
}
