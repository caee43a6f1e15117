//! When an endpoint that keeps failing is left alone.

use std::time::Duration;

/// The state of an endpoint's circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The endpoint is used.
    Closed,
    /// It failed too often in a row and is left alone until its cooldown is over.
    Open,
    /// One call tries whether it works again.
    HalfOpen,
}

/// A circuit breaker. Times are since any one moment.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    threshold: u32,
    cooldown: Duration,
    failures: u32,
    open_until: Option<Duration>,
    probing: bool,
}

impl Breaker {
    pub(crate) fn new(threshold: u32, cooldown: Duration) -> Self {
        Self {
            threshold: threshold.max(1),
            cooldown,
            failures: 0,
            open_until: None,
            probing: false,
        }
    }

    /// Whether a call may go out now. Taking it in an open breaker's turn makes it the one probe,
    /// which must end in `succeeded`, `failed` or `abandoned`.
    pub(crate) fn admit(&mut self, now: Duration) -> bool {
        let ready = self.is_ready(now);
        if ready && self.open_until.is_some() {
            self.probing = true;
        }
        ready
    }

    /// What `admit` would say.
    pub(crate) fn is_ready(&self, now: Duration) -> bool {
        self.open_until.is_none_or(|until| now >= until && !self.probing)
    }

    pub(crate) const fn succeeded(&mut self) {
        self.failures = 0;
        self.open_until = None;
        self.probing = false;
    }

    /// Returns whether this failure opened it.
    pub(crate) fn failed(&mut self, now: Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        let opens = self.failures >= self.threshold;
        if opens {
            self.open_until = Some(now + self.cooldown);
        }
        self.probing = false;
        opens
    }

    /// The call was given up without an answer: nothing is known.
    pub(crate) const fn abandoned(&mut self) {
        self.probing = false;
    }

    pub(crate) fn state(&self, now: Duration) -> BreakerState {
        match self.open_until {
            None => BreakerState::Closed,
            Some(until) if now >= until => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    /// When it may be tried.
    pub(crate) fn ready_at(&self) -> Duration {
        self.open_until.unwrap_or_default()
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COOLDOWN: Duration = Duration::from_secs(10);

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn it_opens_probes_once_and_closes() {
        let mut breaker = Breaker::new(2, COOLDOWN);
        assert!(breaker.admit(at(0)) && !breaker.failed(at(0)));
        breaker.succeeded();
        assert!(!breaker.failed(at(0)), "a success in between starts the count again");
        assert!(breaker.failed(at(1)));
        assert_eq!(breaker.state(at(10)), BreakerState::Open);
        assert!(!breaker.admit(at(10)));
        assert_eq!(breaker.state(at(11)), BreakerState::HalfOpen);
        assert!(breaker.admit(at(11)));
        assert!(!breaker.admit(at(11)), "a second call waits for the probe");
        assert!(breaker.failed(at(12)), "a failed probe opens it again");
        assert!(!breaker.admit(at(21)) && breaker.admit(at(22)));
        breaker.abandoned();
        assert!(breaker.admit(at(22)), "a probe that was given up is another's turn");
        breaker.succeeded();
        assert_eq!(breaker.state(at(22)), BreakerState::Closed);
        assert!(breaker.admit(at(22)) && breaker.admit(at(22)));
    }

    proptest! {
        #[test]
        fn a_breaker_that_is_not_closed_has_one_call_out(
            steps in prop::collection::vec(0u8..4, 1..200),
        ) {
            let mut breaker = Breaker::new(3, COOLDOWN);
            let (mut now, mut out, mut probes) = (Duration::ZERO, 0u32, 0u32);
            for step in steps {
                let closed = breaker.state(now) == BreakerState::Closed;
                match step {
                    0 => now += Duration::from_secs(4),
                    1 => {
                        let sent = u32::from(breaker.admit(now));
                        out += sent;
                        probes += if closed { 0 } else { sent };
                    }
                    2 if out > 0 => { out -= 1; probes = 0; breaker.succeeded(); }
                    3 if out > 0 => { out -= 1; probes = 0; breaker.failed(now); }
                    _ => {}
                }
                prop_assert!(probes <= 1);
            }
        }
    }
}
