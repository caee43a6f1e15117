//! When a child is started again: a function of its policy and of what happened to it.

use bmn_primitives::ErrorClass;
use std::{collections::VecDeque, time::Duration};

/// Who is started again when one child fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// That child.
    OneForOne,
    /// All of them: they make sense only together.
    OneForAll,
    /// That child and those after it, which rest on it.
    RestForOne,
}

/// What it means when a child cannot be kept running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Nothing makes sense without it: whoever is above decides.
    Vital,
    /// The others go on without it. It is tried again at a slow pace, and the registry says so.
    Useful,
}

/// How often and how fast children are started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Who is started again.
    pub strategy: Strategy,
    /// Most restarts of one child within [`Self::within`], beside the slow ones of a child that was left off: 5.
    pub most: u32,
    /// 60 s.
    pub within: Duration,
    /// The first pause, doubled after each failure in a row: 200 ms.
    pub first: Duration,
    /// The longest pause: 10 s.
    pub longest: Duration,
    /// A run that lasted so long begins to count anew: 10 s.
    pub healthy_after: Duration,
    /// Pause before each try of a child that was left off: 15 s.
    pub slow: Duration,
    /// What the jitter of the pauses follows from.
    pub seed: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strategy: Strategy::OneForOne,
            most: 5,
            within: Duration::from_secs(60),
            first: Duration::from_millis(200),
            longest: Duration::from_secs(10),
            healthy_after: Duration::from_secs(10),
            slow: Duration::from_secs(15),
            seed: 0,
        }
    }
}

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Start it again after this pause.
    Restart(Duration),
    /// Leave it off, say so, and try it again after this pause.
    Degrade(Duration),
    /// Stop the others and fail in turn.
    Escalate,
}

/// What happened to a child, as far as the next decision needs it. Times are since any fixed moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// When it was, or will be, started again after a failure. No more than a policy's `most`.
    restarts: VecDeque<Duration>,
    in_a_row: u32,
    is_left_off: bool,
}

impl History {
    /// Whether it was left off and has not been healthy since.
    pub const fn is_left_off(&self) -> bool {
        self.is_left_off
    }

    /// Whether it has failed since it was last healthy.
    pub const fn is_on_trial(&self) -> bool {
        self.in_a_row > 0
    }

    /// It has been running for [`Policy::healthy_after`].
    pub const fn healthy(&mut self) {
        self.in_a_row = 0;
        self.is_left_off = false;
    }
}

impl Policy {
    /// Notes a failure at `now` and says what is done about it. `class` is that of the failure: where trying again
    /// cannot help, the limit counts as reached.
    pub fn decide(
        &self,
        history: &mut History,
        importance: Importance,
        class: ErrorClass,
        now: Duration,
    ) -> Decision {
        history.in_a_row = history.in_a_row.saturating_add(1);
        let pause = self.pause(history.in_a_row);
        let at = now.saturating_add(pause);
        let is_old = |restart: &Duration| restart.saturating_add(self.within) <= at;
        while history.restarts.front().is_some_and(is_old) {
            history.restarts.pop_front();
        }
        let room = history.restarts.len() < usize::try_from(self.most).unwrap_or(usize::MAX);
        if !history.is_left_off && room && class == ErrorClass::Transient {
            history.restarts.push_back(at);
            return Decision::Restart(pause);
        }
        match importance {
            Importance::Vital => Decision::Escalate,
            Importance::Useful => {
                history.is_left_off = true;
                Decision::Degrade(self.jittered(self.slow, history.in_a_row))
            }
        }
    }

    /// The pause after so many failures in a row: between half of it and all of it, as the seed has it.
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = 2u32.checked_pow(failures.saturating_sub(1));
        let pause = doubled.and_then(|times| self.first.checked_mul(times));
        self.jittered(pause.map_or(self.longest, |pause| pause.min(self.longest)), failures)
    }

    // Children that failed of one cause must not come back in one moment.
    fn jittered(&self, pause: Duration, failures: u32) -> Duration {
        let half = pause / 2;
        let share = mixed(self.seed ^ u64::from(failures)) % 1_024;
        half + half * u32::try_from(share).unwrap_or_default() / 1_023
    }

    /// The same policy with a seed that follows from a name.
    #[must_use]
    pub fn seeded_by(self, name: &str) -> Self {
        let fold = |seed: u64, byte: u8| mixed(seed ^ u64::from(byte));
        Self { seed: name.bytes().fold(self.seed, fold), ..self }
    }

    /// The children, of `count`, that are stopped and started with the one that failed.
    pub fn affected(&self, failed: usize, count: usize) -> std::ops::Range<usize> {
        match self.strategy {
            Strategy::OneForOne => failed..failed.saturating_add(1).min(count),
            Strategy::OneForAll => 0..count,
            Strategy::RestForOne => failed..count,
        }
    }
}

/// SplitMix64's last step.
const fn mixed(seed: u64) -> u64 {
    let a = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use super::*;
    use proptest::{prop_assert, proptest};

    const SECOND: Duration = Duration::from_secs(1);

    fn decide(policy: &Policy, history: &mut History, at: Duration) -> Decision {
        policy.decide(history, Importance::Useful, ErrorClass::Transient, at)
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_half_of_it_at_least() {
        let policy = Policy::default();
        for (failures, full) in [(1, 200), (2, 400), (3, 800), (7, 10_000), (u32::MAX, 10_000)] {
            let (pause, full) = (policy.pause(failures), Duration::from_millis(full));
            assert!(full / 2 <= pause && pause <= full, "{failures}: {pause:?}");
        }
        let other = policy.seeded_by("prices");
        assert!((1..9).any(|failures| policy.pause(failures) != other.pause(failures)));
        assert_eq!(other.pause(3), Policy::default().seeded_by("prices").pause(3));
    }

    #[test]
    fn past_the_limit_the_useful_are_left_off_and_the_vital_escalate() {
        let policy = Policy { most: 2, ..Policy::default() };
        for importance in [Importance::Vital, Importance::Useful] {
            let mut history = History::default();
            let mut next = |at| policy.decide(&mut history, importance, ErrorClass::Transient, at);
            assert!(matches!(next(SECOND), Decision::Restart(_)));
            assert!(matches!(next(2 * SECOND), Decision::Restart(_)));
            match (importance, next(3 * SECOND)) {
                (Importance::Vital, Decision::Escalate) => {}
                (Importance::Useful, Decision::Degrade(after)) => assert!(after >= policy.slow / 2),
                (importance, other) => panic!("{importance:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn who_was_left_off_is_tried_slowly_until_it_was_healthy() {
        let policy = Policy { most: 1, ..Policy::default() };
        let mut history = History::default();
        assert!(matches!(decide(&policy, &mut history, SECOND), Decision::Restart(_)));
        for at in [2, 100, 1_000] {
            assert!(matches!(decide(&policy, &mut history, at * SECOND), Decision::Degrade(_)));
            assert!(history.is_left_off());
        }
        history.healthy();
        assert!(!history.is_left_off() && !history.is_on_trial());
        assert!(matches!(decide(&policy, &mut history, 2_000 * SECOND), Decision::Restart(_)));
    }

    #[test]
    fn what_trying_again_cannot_help_is_not_tried_again_fast() {
        let policy = Policy::default();
        for class in [ErrorClass::Permanent, ErrorClass::Corrupt] {
            let decide =
                |importance| policy.decide(&mut History::default(), importance, class, SECOND);
            assert_eq!(decide(Importance::Vital), Decision::Escalate);
            assert!(matches!(decide(Importance::Useful), Decision::Degrade(_)));
        }
    }

    #[test]
    fn a_failure_takes_along_whom_the_strategy_names() {
        let with = |strategy| Policy { strategy, ..Policy::default() };
        assert_eq!(with(Strategy::OneForOne).affected(1, 4), 1..2);
        assert_eq!(with(Strategy::OneForAll).affected(1, 4), 0..4);
        assert_eq!(with(Strategy::RestForOne).affected(1, 4), 1..4);
    }

    proptest! {
        #[test]
        fn no_window_ever_has_more_restarts_than_allowed(
            most in 0u32..6,
            within in 1u64..100,
            lived in proptest::collection::vec(0u64..40_000, 1..60),
        ) {
            let within = Duration::from_secs(within);
            let policy = Policy { most, within, ..Policy::default() };
            let (mut history, mut now, mut restarts) = (History::default(), SECOND, vec![]);
            for lived in lived {
                now += Duration::from_millis(lived);
                if Duration::from_millis(lived) >= policy.healthy_after {
                    history.healthy();
                }
                match decide(&policy, &mut history, now) {
                    Decision::Restart(after) => {
                        now += after;
                        restarts.push(now);
                    }
                    Decision::Degrade(after) => now += after,
                    Decision::Escalate => prop_assert!(false, "it is useful only"),
                }
            }
            for (index, first) in restarts.iter().enumerate() {
                let near = restarts[index..].iter().take_while(|at| **at < *first + within);
                prop_assert!(near.count() <= most as usize);
            }
        }
    }
}
