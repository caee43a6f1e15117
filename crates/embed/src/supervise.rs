//! Keeps the resolver running beside the node, whatever happens to it (design rule P1).

use crate::front::Front;
use bmn_primitives::ErrorClass;
use futures_util::FutureExt;
use std::{any::Any, future::Future, panic::AssertUnwindSafe, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pauses between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause, doubled after each failure: 1 s.
    pub first: Duration,
    /// The longest pause: 5 minutes.
    pub longest: Duration,
    /// A run that lasted so long begins to count anew: 10 minutes.
    pub healthy: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            healthy: Duration::from_secs(600),
        }
    }
}

impl Backoff {
    /// The pause after so many failures in a row.
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = 2u32.checked_pow(failures.saturating_sub(1));
        doubled
            .and_then(|times| self.first.checked_mul(times))
            .map_or(self.longest, |pause| pause.min(self.longest))
    }
}

/// What ended an attempt.
pub trait Failed {
    /// In words for the log and for whoever asks.
    fn reason(&self) -> String;

    /// Whether trying again is likely to help before somebody does something.
    fn class(&self) -> ErrorClass;
}

/// Runs `session` again and again until `stop`. A panic in it counts as a failure. Why nothing runs is in
/// the log, in the metrics and in the answer to every `bmn_*` call.
pub async fn supervise<S, F, E>(
    front: Front,
    stop: CancellationToken,
    backoff: Backoff,
    mut session: S,
) where
    S: FnMut() -> F,
    F: Future<Output = Result<(), E>>,
    E: Failed,
{
    let mut failures = 0u32;
    while !stop.is_cancelled() {
        let began = Instant::now();
        // Making the future may panic as well as running it.
        let ended = AssertUnwindSafe(async { session().await }).catch_unwind().await;
        metrics::gauge!("bmn_extension_resolver_up").set(0.0);
        if stop.is_cancelled() {
            break;
        }
        let (why, class) = match ended {
            Ok(Ok(())) => ("it ended by itself".to_owned(), ErrorClass::Transient),
            Ok(Err(error)) => (error.reason(), error.class()),
            Err(panic) => (format!("it panicked: {}", message(&*panic)), ErrorClass::Corrupt),
        };
        failures = if began.elapsed() >= backoff.healthy { 1 } else { failures.saturating_add(1) };
        let pause = backoff.pause(failures);
        metrics::counter!("bmn_extension_resolver_failures_total").increment(1);
        tracing::error!(
            target: "bmn::embed", %why, ?class, failures, retry_in = ?pause,
            "the resolver is not running; the node goes on"
        );
        front.leave(&why);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    front.leave("the node is stopping");
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Broken(ErrorClass);

    impl Failed for Broken {
        fn reason(&self) -> String {
            "no space left".to_owned()
        }

        fn class(&self) -> ErrorClass {
            self.0
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let seconds = |failures| backoff.pause(failures).as_secs();
        assert_eq!([1, 2, 3, 4].map(seconds), [1, 2, 4, 8]);
        assert_eq!([9, 10, 40, u32::MAX].map(seconds), [256, 300, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_fails_or_panics_is_started_again() {
        let (front, stop) = (Front::new("new"), CancellationToken::new());
        let (runs, began) = (Cell::new(0), Instant::now());
        let (seen, ending) = (front.clone(), stop.clone());
        supervise(front.clone(), stop, Backoff::default(), || {
            let run = runs.get() + 1;
            runs.set(run);
            let (seen, ending) = (seen.clone(), ending.clone());
            async move {
                match run {
                    1 => Err(Broken(ErrorClass::Transient)),
                    2 => {
                        assert_eq!(seen.why().as_deref(), Some("no space left"));
                        panic!("a bug of ours")
                    }
                    3 => {
                        assert!(seen.why().is_some_and(|why| why.contains("a bug of ours")));
                        Ok(())
                    }
                    _ => {
                        assert!(seen.why().is_some_and(|why| why.contains("ended")));
                        ending.cancel();
                        Ok(())
                    }
                }
            }
        })
        .await;
        assert_eq!((runs.get(), began.elapsed().as_secs()), (4, 1 + 2 + 4));
        assert_eq!(front.why().as_deref(), Some("the node is stopping"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_run_counts_anew() {
        let (front, stop) = (Front::new("new"), CancellationToken::new());
        let backoff = Backoff::default();
        let (runs, ending) = (Cell::new(0), stop.clone());
        let starts = std::cell::RefCell::new(vec![]);
        supervise(front, stop, backoff, || {
            runs.set(runs.get() + 1);
            starts.borrow_mut().push(Instant::now());
            let (run, ending) = (runs.get(), ending.clone());
            async move {
                if run == 3 {
                    tokio::time::sleep(backoff.healthy).await;
                }
                if run == 4 {
                    ending.cancel();
                }
                Err(Broken(ErrorClass::Transient))
            }
        })
        .await;
        let starts = starts.into_inner();
        let before_fourth = starts[3] - starts[2];
        assert_eq!(before_fourth, backoff.healthy + backoff.first);
    }
}
