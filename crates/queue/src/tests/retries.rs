//! The table of retry policies and what follows from it.

use super::fixtures::{A, begin, commit, key, memory, now, order, time};
use crate::*;
use bmn_swap::Action;
use proptest::prelude::*;

const NEW: Action = Action::Fill;
const FUND: Action = Action::FundDestination;

fn pauses(policy: RetryPolicy, deadline: Option<u64>) -> (Vec<u64>, Option<GivenUp>) {
    let (mut at, mut pauses) = (1_000, Vec::new());
    for failed in 1..20 {
        match next_attempt(policy, failed, at, deadline, 0) {
            NextAttempt::Retry(next) => {
                pauses.push(next - at);
                at = next;
            }
            NextAttempt::Dead(why) => return (pauses, Some(why)),
        }
    }
    (pauses, None)
}

#[test]
fn a_funding_is_tried_again_after_5_10_and_20_seconds_and_no_more() {
    for class in [FailureClass::Host, FailureClass::Reverted, FailureClass::NoEffect] {
        let (pauses, end) = pauses(policy(FUND, class), None);
        assert_eq!(pauses, [5, 10, 20]);
        assert_eq!(end, Some(GivenUp::TooOften { failed: 4 }));
    }
}

#[test]
fn a_funding_is_never_tried_after_the_orders_latest_safe_time() {
    let (found, end) = pauses(policy(FUND, FailureClass::Host), Some(1_015));
    assert_eq!(found, [5, 10]);
    assert_eq!(end, Some(GivenUp::TooLate { next: 1_035, deadline: 1_015 }));
    let (found, end) = pauses(policy(FUND, FailureClass::TooEarly), Some(1_003));
    assert_eq!((found.as_slice(), end.is_some()), ([1, 1, 1].as_slice(), true));
}

#[test]
fn a_new_order_is_tried_again_after_1_2_and_4_seconds_and_then_dead() {
    let (pauses, end) = pauses(policy(NEW, FailureClass::Host), None);
    assert_eq!(pauses, [1, 2, 4]);
    assert_eq!(end, Some(GivenUp::TooOften { failed: 4 }));
}

#[test]
fn a_way_out_is_tried_for_ever_and_at_most_half_a_minute_apart() {
    for action in Action::ALL.into_iter().filter(|it| Lane::of(*it) == Lane::WayOut) {
        for class in FailureClass::ALL.into_iter().filter(|it| *it != FailureClass::Final) {
            let (pauses, end) = pauses(policy(action, class), None);
            assert_eq!(end, None, "{} {class}", action.name());
            assert!(pauses.iter().all(|pause| (1..=30).contains(pause)), "{pauses:?}");
        }
    }
}

#[test]
fn jitter_follows_from_the_action_and_spreads() {
    let of = |n| jitter(&key(n, NEW, A), 1);
    assert_eq!(of(1), of(1));
    let spread: std::collections::HashSet<_> = (0..100).map(|n| of(n) % 6).collect();
    assert_eq!(spread.len(), 6);
    assert_ne!(jitter(&key(1, NEW, A), 1), jitter(&key(1, NEW, A), 2));
}

#[test]
fn a_failed_job_wakes_at_its_chains_time_and_dies_with_reason_class_and_block() {
    let store = memory();
    let fill = key(1, NEW, A);
    let policy = RetryPolicy { first: 1, multiplier: 1, ceiling: 1, attempts: Some(1) };
    commit(&store, |tx| {
        begin(tx, A, 5, 60);
        reconcile(tx, order(1), &[now(fill)], |_| None).unwrap();
        let claim = lease(tx, A, 1, 0).unwrap().unwrap().claim();
        let retried = retry(tx, &claim, FailureClass::Host, "away", policy).unwrap();
        assert_eq!(retried, Retried::Later);
        let job = get(tx, &fill).unwrap().unwrap();
        assert_eq!(job.state, JobState::Waiting(vec![time(A, 61)]));
        assert_eq!(promote(tx, A, 5, 60).unwrap(), 0);
        assert_eq!(promote(tx, A, 5, 61).unwrap(), 1);
        let claim = lease(tx, A, 1, 0).unwrap().unwrap().claim();
        let retried = retry(tx, &claim, FailureClass::Reverted, "no", policy).unwrap();
        let reason = "failed 2 times: no".to_owned();
        assert_eq!(retried, Retried::Dead(reason.clone()));
        let job = get(tx, &fill).unwrap().unwrap();
        let JobState::Dead { reason: why, class, at } = job.state else { panic!("alive") };
        assert_eq!((why, class), (reason, FailureClass::Reverted));
        assert_eq!(at.map(|block| (block.number, block.time)), Some((5, 60)));
        let classes: Vec<_> = job.failures.iter().map(|failure| failure.class).collect();
        assert_eq!(classes, [FailureClass::Host, FailureClass::Reverted]);
        assert_eq!(promote(tx, A, u64::MAX, u64::MAX).unwrap(), 0, "it does not wake");
    });
}

#[test]
fn the_history_of_a_job_is_bounded_and_keeps_the_newest() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let cancel = key(1, Action::CancelSource, A);
    reconcile(&mut tx, order(1), &[now(cancel)], |_| None).unwrap();
    for n in 0..20 {
        promote(&mut tx, A, 0, u64::MAX).unwrap();
        let claim = lease(&mut tx, A, 1, 0).unwrap().unwrap().claim();
        let policy = policy(Action::CancelSource, FailureClass::Host);
        retry(&mut tx, &claim, FailureClass::Host, &n.to_string(), policy).unwrap();
    }
    let job = get(&tx, &cancel).unwrap().unwrap();
    assert_eq!((job.attempts, job.failures.len()), (20, JobRow::MAX_FAILURES));
    assert_eq!((job.failures[0].error.as_str(), job.last_error()), ("12", Some("19")));
}

fn any_policy() -> impl Strategy<Value = RetryPolicy> {
    let attempts = prop_oneof![Just(None), (0u32..6).prop_map(Some), Just(Some(u32::MAX))];
    (any::<u64>(), any::<u32>(), any::<u64>(), attempts).prop_map(
        |(first, multiplier, ceiling, attempts)| RetryPolicy {
            first,
            multiplier,
            ceiling,
            attempts,
        },
    )
}

proptest! {
    #[test]
    fn no_try_comes_too_often_too_late_or_at_once(
        policy in any_policy(),
        failed in 1u32..=u32::MAX,
        now in 0..u64::MAX / 2,
        deadline in prop::option::of(any::<u64>()),
        jitter in any::<u64>(),
    ) {
        match next_attempt(policy, failed, now, deadline, jitter) {
            NextAttempt::Dead(GivenUp::TooOften { .. }) => {
                prop_assert!(policy.attempts.is_some_and(|most| failed > most));
            }
            NextAttempt::Dead(GivenUp::TooLate { next, deadline: by }) => {
                prop_assert!(policy.attempts.is_some());
                prop_assert!(next > by && deadline == Some(by));
            }
            NextAttempt::Retry(next) => {
                prop_assert!(next > now, "a try in the past would be a loop");
                prop_assert!(policy.attempts.is_none_or(|most| failed <= most));
                let longest = policy.ceiling.max(1);
                prop_assert!(next - now <= longest.saturating_add(longest / 4));
                if let Some(deadline) = deadline {
                    if policy.attempts.is_some() {
                        prop_assert!(next <= deadline);
                    } else if now < deadline {
                        prop_assert!(next <= deadline, "a way out is tried before it is late");
                    } else {
                        prop_assert_eq!(next, now + 1);
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_deadline_pauses_never_shrink(
        policy in any_policy(), failed in 1u32..60, now in 0..u64::MAX / 2,
    ) {
        let at = |failed| match next_attempt(policy, failed, now, None, 0) {
            NextAttempt::Retry(next) => Some(next),
            NextAttempt::Dead(_) => None,
        };
        if let (Some(first), Some(second)) = (at(failed), at(failed + 1)) {
            prop_assert!(policy.multiplier == 0 || first <= second);
        }
    }
}
