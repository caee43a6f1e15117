//! One behaviour a test.

use super::fixtures::{lease, reconcile, *};
use crate::*;
use bmn_primitives::ErrorClass;
use bmn_store::{JobCounts, Reads, Store, WriteTx};
use bmn_swap::{Action, ActionKey, Wake, When};

fn state(tx: &WriteTx, key: ActionKey) -> JobState {
    get(tx, &key).unwrap().unwrap().state
}

fn counts(store: &Store) -> JobCounts {
    store.read().unwrap().job_counts().unwrap()
}

#[test]
fn the_most_urgent_job_goes_first_and_among_equals_the_oldest() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let (fund_2, fund_1) = (key(2, Action::FundDestination, A), key(1, Action::FundDestination, A));
    let (withdraw, elsewhere) = (key(3, Action::WithdrawSource, A), key(4, Action::Fill, B));
    for due in [fund_2, fund_1, withdraw, elsewhere] {
        reconcile(&mut tx, due.order, &[now(due)]).unwrap();
    }
    let mut leased = || lease(&mut tx, A, 1).unwrap().map(|job| job.key);
    assert_eq!([leased(), leased(), leased()], [Some(withdraw), Some(fund_2), Some(fund_1)]);
    assert_eq!(leased(), None, "jobs of another chain are not handed out");
    assert_eq!(lease(&mut tx, B, 1).unwrap().map(|job| job.key), Some(elsewhere));
}

#[test]
fn reconciling_twice_changes_nothing_the_second_time() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let due = [
        now(key(1, Action::Fill, A)),
        waiting(key(1, Action::CancelSource, A), &[time(A, 50), height(B, 7)]),
    ];
    let first = reconcile(&mut tx, order(1), &due).unwrap();
    assert_eq!(first, Reconciled { added: 2, ..Reconciled::default() });
    let before = list(&tx, &JobFilter::default(), None, 10).unwrap();
    assert_eq!(reconcile(&mut tx, order(1), &due).unwrap(), Reconciled::default());
    assert_eq!(list(&tx, &JobFilter::default(), None, 10).unwrap(), before);
}

#[test]
fn a_plan_revokes_and_retimes_what_nobody_works_on() {
    let store = memory();
    let (fill, fund) = (key(1, Action::Fill, A), key(1, Action::FundDestination, B));
    let other = key(2, Action::Fill, A);
    commit(&store, |tx| {
        reconcile(tx, order(1), &[now(fill), now(fund)]).unwrap();
        reconcile(tx, order(2), &[now(other)]).unwrap();
        let done = reconcile(tx, order(1), &[waiting(fund, &[height(A, 3)])]).unwrap();
        assert_eq!(done, Reconciled { revoked: 1, updated: 1, added: 0 });
        assert_eq!(state(tx, fund), JobState::Waiting(vec![height(A, 3)]));
        assert_eq!(get(tx, &fill).unwrap(), None);
        assert_eq!(state(tx, other), JobState::Ready, "other orders are not touched");
    });
    assert_eq!(counts(&store), JobCounts { waiting: 1, ready: 1, held: 0, dead: 0 });
}

#[test]
fn a_job_whose_transaction_may_be_out_is_not_revoked_until_it_is_finished() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fund = key(1, Action::FundDestination, A);
    reconcile(&mut tx, order(1), &[now(fund)]).unwrap();
    lease(&mut tx, A, 1).unwrap();
    assert_eq!(reconcile(&mut tx, order(1), &[]).unwrap(), Reconciled::default());
    assert_eq!(state(&tx, fund).kind(), StateKind::Leased);
    let held = claim(&tx, &fund);
    sent(&mut tx, &held).unwrap();
    sent(&mut tx, &held).unwrap();
    assert_eq!(reconcile(&mut tx, order(1), &[now(fund)]).unwrap(), Reconciled::default());
    assert_eq!(reconcile(&mut tx, order(1), &[]).unwrap(), Reconciled::default());
    assert_eq!(state(&tx, fund), JobState::Sent);
    finish(&mut tx, &held).unwrap();
    let again = reconcile(&mut tx, order(1), &[now(fund)]).unwrap();
    assert_eq!(again.added, 1, "a reorg can make the same action due again");
}

#[test]
fn a_waiting_job_wakes_at_the_very_block_or_second() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let (by_height, by_time) = (key(1, Action::Fill, A), key(2, Action::Fill, A));
    reconcile(&mut tx, order(1), &[waiting(by_height, &[height(B, 10)])]).unwrap();
    reconcile(&mut tx, order(2), &[waiting(by_time, &[time(B, 500)])]).unwrap();
    assert_eq!(next_wake(&tx, B).unwrap(), NextWake { height: Some(10), time: Some(500) });
    assert_eq!(promote(&mut tx, B, 9, 499).unwrap(), 0);
    assert_eq!(promote(&mut tx, A, 99, 999).unwrap(), 0, "another chain wakes nothing");
    assert!(!has_ready(&tx, A).unwrap());
    assert_eq!(promote(&mut tx, B, 10, 499).unwrap(), 1);
    assert_eq!((state(&tx, by_height), has_ready(&tx, A).unwrap()), (JobState::Ready, true));
    assert_eq!(promote(&mut tx, B, 10, 500).unwrap(), 1);
    assert_eq!(state(&tx, by_time), JobState::Ready);
    assert_eq!(next_wake(&tx, B).unwrap(), NextWake::default());
    assert_eq!(promote(&mut tx, B, u64::MAX, u64::MAX).unwrap(), 0);
}

#[test]
fn the_first_of_several_wakes_counts_and_leaves_none_behind() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    let wakes = [time(A, 50), height(A, 5), height(B, 7), height(A, 4)];
    reconcile(&mut tx, order(1), &[waiting(fill, &wakes)]).unwrap();
    assert_eq!(promote(&mut tx, A, 5, 60).unwrap(), 1, "woken once, though three came true");
    assert_eq!(next_wake(&tx, B).unwrap(), NextWake::default());
}

#[test]
fn one_call_wakes_a_bounded_number_and_the_next_call_the_rest() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let count = PROMOTE_LIMIT + 3;
    for n in 0..count {
        let mut due = waiting(key(1, Action::Fill, A), &[height(A, 1)]);
        due.key.order.leaf = n as u16;
        reconcile(&mut tx, due.key.order, &[due]).unwrap();
    }
    assert_eq!(promote(&mut tx, A, 1, 0).unwrap(), PROMOTE_LIMIT);
    assert_eq!(promote(&mut tx, A, 1, 0).unwrap(), 3);
    assert_eq!(promote(&mut tx, A, 1, 0).unwrap(), 0);
}

#[test]
fn a_failed_job_is_put_off_even_when_the_plan_wants_it_now() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    reconcile(&mut tx, order(1), &[now(fill)]).unwrap();
    let leased = lease(&mut tx, A, 1).unwrap().unwrap().claim();
    let policy = RetryPolicy { first: 8, multiplier: 1, ceiling: 8, attempts: Some(2) };
    let retried = retry(&mut tx, &leased, FailureClass::Host, "host away", policy).unwrap();
    assert_eq!(retried, Retried::Later);
    assert_eq!(reconcile(&mut tx, order(1), &[now(fill)]).unwrap(), Reconciled::default());
    let JobState::Waiting(until) = state(&tx, fill) else { panic!("not put off") };
    let [Wake::Time { chain: A, time: at @ 8..=10 }] = until[..] else { panic!("{until:?}") };
    reconcile(&mut tx, order(1), &[waiting(fill, &[height(A, 2)])]).unwrap();
    assert_eq!(promote(&mut tx, A, 2, 0).unwrap(), 0, "the plan's wake comes before the retry");
    assert_eq!(state(&tx, fill), JobState::Waiting(vec![time(A, at)]));
    assert_eq!(promote(&mut tx, A, 2, at).unwrap(), 1);
    let job = lease(&mut tx, A, 1).unwrap().unwrap();
    assert_eq!((job.attempts, job.last_error()), (1, Some("host away")));
    assert_eq!(job.not_before, None);
}

#[test]
fn a_parked_job_waits_or_is_ready_without_counting_a_failure() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    reconcile(&mut tx, order(1), &[now(fill)]).unwrap();
    lease(&mut tx, A, 1).unwrap();
    let first = claim(&tx, &fill);
    park(&mut tx, &first, &When::Wake(vec![time(A, 9)])).unwrap();
    assert_eq!(state(&tx, fill), JobState::Waiting(vec![time(A, 9)]));
    promote(&mut tx, A, 0, 9).unwrap();
    lease(&mut tx, A, 1).unwrap();
    let second = claim(&tx, &fill);
    sent(&mut tx, &second).unwrap();
    park(&mut tx, &second, &When::Now).unwrap();
    assert_eq!(get(&tx, &fill).unwrap().unwrap().attempts, 0);
    assert_eq!(state(&tx, fill), JobState::Ready);
}

#[test]
fn leases_of_a_dead_process_are_ready_again_and_sent_jobs_are_not() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let keys = [1, 2, 3].map(|n| key(n, Action::Fill, if n == 3 { B } else { A }));
    for key in keys {
        reconcile(&mut tx, key.order, &[now(key)]).unwrap();
    }
    let first = lease(&mut tx, A, 1).unwrap().unwrap().claim();
    sent(&mut tx, &first).unwrap();
    lease(&mut tx, A, 1).unwrap();
    lease(&mut tx, B, 2).unwrap();
    assert_eq!(recover(&mut tx, 2).unwrap(), 1);
    assert_eq!(
        keys.map(|key| state(&tx, key)),
        [JobState::Sent, JobState::Ready, JobState::Leased { epoch: 2, until: LEASE_SECONDS }]
    );
}

#[test]
fn what_a_lane_had_leased_when_it_was_cut_off_is_ready_again_and_nothing_else() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let keys = [1, 2, 3].map(|n| key(n, Action::Fill, if n == 3 { B } else { A }));
    for key in keys {
        reconcile(&mut tx, key.order, &[now(key)]).unwrap();
    }
    let first = lease(&mut tx, A, 1).unwrap().unwrap().claim();
    sent(&mut tx, &first).unwrap();
    let cut_off = lease(&mut tx, A, 1).unwrap().unwrap().claim();
    lease(&mut tx, B, 1).unwrap();
    assert_eq!(release(&mut tx, A).unwrap(), 1);
    assert_eq!(
        keys.map(|key| state(&tx, key)),
        [JobState::Sent, JobState::Ready, JobState::Leased { epoch: 1, until: LEASE_SECONDS }]
    );
    assert!(matches!(
        sent(&mut tx, &cut_off),
        Err(QueueError::Overtaken { .. } | QueueError::WrongState { .. })
    ));
}

#[test]
fn without_the_claim_nothing_is_done_to_a_job_and_the_refusal_names_it() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    let missing = claim_of(&tx, &fill).unwrap_err();
    assert!(matches!(missing, QueueError::NoSuchJob { key } if key == fill));
    reconcile(&mut tx, order(1), &[now(fill)]).unwrap();
    let free = claim_of(&tx, &fill).unwrap_err();
    assert!(matches!(free, QueueError::WrongState { found: StateKind::Ready, .. }));
    assert_eq!(free.class(), ErrorClass::Permanent);
    for token in [0, 1] {
        let none = Claim { key: fill, token };
        let policy = policy(Action::Fill, FailureClass::Host);
        for error in [
            check(&tx, &none).unwrap_err(),
            sent(&mut tx, &none).unwrap_err(),
            finish(&mut tx, &none).unwrap_err(),
            renew(&mut tx, &none, 1).unwrap_err(),
            park(&mut tx, &none, &When::Now).unwrap_err(),
            bury(&mut tx, &none, FailureClass::Final, "").unwrap_err(),
            retry(&mut tx, &none, FailureClass::Host, "", policy).unwrap_err(),
        ] {
            assert!(matches!(error, QueueError::Overtaken { .. }), "{error}");
            assert!(error.to_string().contains("fill"), "{error}");
            assert!(error.to_string().contains("ready"), "{error}");
        }
    }
    assert_eq!(get(&tx, &fill).unwrap().unwrap().attempts, 0);
}

#[test]
fn a_long_error_is_cut_at_a_character() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    reconcile(&mut tx, order(1), &[now(fill)]).unwrap();
    let leased = lease(&mut tx, A, 1).unwrap().unwrap().claim();
    bury(&mut tx, &leased, FailureClass::Final, &"€".repeat(1_000)).unwrap();
    let JobState::Dead { reason, .. } = state(&tx, fill) else { panic!("not dead") };
    assert_eq!(reason, "€".repeat(JobRow::MAX_TEXT / 3));
}

#[test]
fn jobs_are_listed_by_filter_and_page() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for n in 0..200 {
        let due = [now(key(n, Action::Fill, A)), now(key(n, Action::Permit, B))];
        reconcile(&mut tx, order(n), &due).unwrap();
    }
    let leased = lease(&mut tx, A, 1).unwrap().unwrap().claim();
    bury(&mut tx, &leased, FailureClass::Final, "x").unwrap();
    let all = |filter: JobFilter| list(&tx, &filter, None, usize::MAX).unwrap().len();
    assert_eq!(all(JobFilter::default()), 400);
    assert_eq!(all(JobFilter { chain: Some(A), ..JobFilter::default() }), 200);
    assert_eq!(all(JobFilter { order: Some(order(7)), ..JobFilter::default() }), 2);
    assert_eq!(all(JobFilter { state: Some(StateKind::Dead), ..JobFilter::default() }), 1);
    assert_eq!(all(JobFilter { order: Some(order(201)), ..JobFilter::default() }), 0);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = list(&tx, &JobFilter::default(), after, 7).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        seen.extend(page.into_iter().map(|job| job.key));
    }
    assert_eq!((seen.len(), seen.is_sorted()), (400, true));
}
