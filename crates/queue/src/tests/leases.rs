//! One lease per swap, with a fencing token and an end.

use super::fixtures::{A, B, commit, key, memory, now, order, reconcile, time, waiting};
use crate::*;
use bmn_store::WriteTx;
use bmn_swap::{Action, ActionKey, When};

fn ready(tx: &mut WriteTx, key: ActionKey) {
    reconcile(tx, key.order, &[now(key)]).unwrap();
}

fn leased(tx: &mut WriteTx, at: u64) -> Claim {
    lease(tx, A, 1, at).unwrap().unwrap().claim()
}

#[test]
fn jobs_of_one_order_are_leased_one_at_a_time_across_chains_and_lanes() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let (fund, cancel) = (key(1, Action::FundDestination, B), key(1, Action::CancelSource, A));
    let permit = key(1, Action::Permit, B);
    let other = key(2, Action::Fill, A);
    reconcile(&mut tx, order(1), &[now(fund), now(cancel), now(permit)]).unwrap();
    ready(&mut tx, other);
    let first = lease(&mut tx, B, 1, 0).unwrap().unwrap();
    assert_eq!(first.key, permit, "the older of two");
    assert_eq!(lease(&mut tx, B, 1, 0).unwrap(), None, "the order is leased on this chain");
    let second = lease(&mut tx, A, 1, 0).unwrap().unwrap();
    assert_eq!(second.key, other, "and on the other one, however urgent");
    sent(&mut tx, &first.claim()).unwrap();
    assert_eq!(lease(&mut tx, A, 1, 0).unwrap().unwrap().key, cancel);
    assert_eq!(lease(&mut tx, B, 1, 0).unwrap(), None, "now the other chain waits");
}

#[test]
fn a_chain_has_ten_leases_at_most_however_many_orders_are_open() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for n in 0..1_200u32 {
        let mut key = key((n % 250) as u8, Action::Fill, A);
        key.order.leaf = (n / 250) as u16;
        ready(&mut tx, key);
    }
    ready(&mut tx, key(255, Action::Fill, B));
    let claims: Vec<_> = (0..MAX_LEASES).map(|_| leased(&mut tx, 0)).collect();
    assert_eq!(lease(&mut tx, A, 1, 0).unwrap(), None);
    assert!(lease(&mut tx, B, 1, 0).unwrap().is_some(), "each chain has its own");
    sent(&mut tx, &claims[3]).unwrap();
    assert!(lease(&mut tx, A, 1, 0).unwrap().is_some(), "what is sent is no lease");
    assert_eq!(lease(&mut tx, A, 1, 0).unwrap(), None);
}

#[test]
fn a_batch_is_the_most_urgent_lane_alone_and_one_job_of_an_order() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for n in 1..=3 {
        ready(&mut tx, key(n, Action::Fill, A));
    }
    let cancel = key(4, Action::CancelDestination, A);
    let withdraw = key(4, Action::WithdrawSource, A);
    reconcile(&mut tx, order(4), &[now(cancel), now(withdraw)]).unwrap();
    ready(&mut tx, key(5, Action::RescueSource, A));
    ready(&mut tx, key(6, Action::WithdrawSource, B));
    for n in 7..=8 {
        ready(&mut tx, key(n, Action::PublicWithdrawSource, A));
    }
    let batch = |tx: &mut WriteTx| -> Vec<(u8, Action)> {
        let jobs = lease_batch(tx, A, 1, 0).unwrap();
        assert!(jobs.is_sorted_by_key(|job| job.token), "every lease has a token of its own");
        for job in &jobs {
            finish(tx, &job.claim()).unwrap();
        }
        jobs.iter().map(|job| (job.key.order.hash.0[31], job.key.action)).collect()
    };
    let orders = |batch: Vec<(u8, Action)>| batch.into_iter().map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!(orders(batch(&mut tx)), [4, 5], "ways out first, and one of the fourth order's two");
    assert_eq!(orders(batch(&mut tx)), [4], "then the other one, before any fill");
    assert_eq!(orders(batch(&mut tx)), [1, 2, 3]);
    assert_eq!(orders(batch(&mut tx)), [7], "a keeper's job comes alone");
    assert_eq!(orders(batch(&mut tx)), [8]);
    assert!(batch(&mut tx).is_empty());
}

#[test]
fn a_batch_and_single_leases_share_the_bound_of_the_chain() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for n in 0..30 {
        ready(&mut tx, key(n, Action::Fill, A));
    }
    leased(&mut tx, 0);
    let batch = lease_batch(&mut tx, A, 1, 0).unwrap();
    assert_eq!(batch.len(), MAX_LEASES - 1);
    assert!(lease_batch(&mut tx, A, 1, 0).unwrap().is_empty());
    finish(&mut tx, &batch[4].claim()).unwrap();
    assert_eq!(lease_batch(&mut tx, A, 1, 0).unwrap().len(), 1);
}

#[test]
fn a_lease_that_is_not_renewed_is_over_after_300_seconds_and_not_one_earlier() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    ready(&mut tx, fill);
    let claim = leased(&mut tx, 1_000);
    assert!(!has_expired(&tx, A, 1_299).unwrap());
    assert_eq!(expire(&mut tx, A, 1_299).unwrap(), 0);
    renew(&mut tx, &claim, 1_200).unwrap();
    assert_eq!(expire(&mut tx, A, 1_499).unwrap(), 0, "renewed");
    renew(&mut tx, &claim, 1_100).unwrap();
    assert_eq!(expire(&mut tx, A, 1_499).unwrap(), 0, "a renewal never shortens it");
    assert_eq!(expire(&mut tx, B, 9_999).unwrap(), 0, "another chain's leases stay");
    assert!(has_expired(&tx, A, 1_500).unwrap());
    assert_eq!(expire(&mut tx, A, 1_500).unwrap(), 1);
    let job = get(&tx, &fill).unwrap().unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Ready, 1));
    assert_eq!(job.failures[0].class, FailureClass::Abandoned);
    let next = leased(&mut tx, 1_500);
    assert!(next.token > claim.token);
}

#[test]
fn what_is_sent_is_not_a_lease_and_does_not_expire() {
    let store = memory();
    let mut tx = store.write().unwrap();
    ready(&mut tx, key(1, Action::Fill, A));
    let claim = leased(&mut tx, 0);
    sent(&mut tx, &claim).unwrap();
    renew(&mut tx, &claim, 5).unwrap();
    assert_eq!(expire(&mut tx, A, u64::MAX).unwrap(), 0);
    assert_eq!(check(&tx, &claim).unwrap().state, JobState::Sent);
}

// Every write that a holder makes, after the job was leased again, finished, or finished and made anew.
#[test]
fn a_late_worker_with_an_old_token_changes_nothing() {
    let store = memory();
    let fill = key(1, Action::Fill, A);
    let late = commit(&store, |tx| {
        ready(tx, fill);
        leased(tx, 0)
    });
    let overtake: [fn(&mut WriteTx, ActionKey); 5] = [
        |tx, _| {
            leased(tx, 300);
        },
        |tx, _| {
            let claim = leased(tx, 300);
            sent(tx, &claim).unwrap();
        },
        |tx, _| {
            let claim = leased(tx, 300);
            bury(tx, &claim, FailureClass::Final, "no").unwrap();
        },
        |tx, _| {
            let claim = leased(tx, 300);
            finish(tx, &claim).unwrap();
        },
        |tx, key| {
            let claim = leased(tx, 300);
            finish(tx, &claim).unwrap();
            ready(tx, key);
            leased(tx, 301);
        },
    ];
    for (case, overtake) in overtake.into_iter().enumerate() {
        let mut tx = store.write().unwrap();
        expire(&mut tx, A, 300).unwrap();
        overtake(&mut tx, fill);
        let before = get(&tx, &fill).unwrap();
        let policy = policy(Action::Fill, FailureClass::Host);
        let refused = [
            check(&tx, &late).map(drop),
            renew(&mut tx, &late, 400),
            sent(&mut tx, &late),
            park(&mut tx, &late, &When::Now),
            finish(&mut tx, &late),
            bury(&mut tx, &late, FailureClass::Final, "x"),
            retry(&mut tx, &late, FailureClass::Host, "x", policy).map(drop),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(QueueError::Overtaken { .. })), "{case}: {refused:?}");
        }
        assert_eq!(get(&tx, &fill).unwrap(), before, "{case}");
    }
}

#[test]
fn a_reason_that_is_reorged_away_revokes_the_job_in_whatever_state_it_is() {
    let fill = key(1, Action::Fill, A);
    let store = memory();
    let revoked = |prepare: &dyn Fn(&mut WriteTx)| {
        let mut tx = store.write().unwrap();
        prepare(&mut tx);
        let done = reconcile(&mut tx, order(1), &[]).unwrap().revoked;
        (done, get(&tx, &fill).unwrap().map(|job| (job.state.kind(), job.is_revoked)))
    };
    assert_eq!(revoked(&|tx| ready(tx, fill)), (1, None));
    let asleep = |tx: &mut WriteTx| {
        reconcile(tx, order(1), &[waiting(fill, &[time(A, 9)])]).unwrap();
    };
    assert_eq!(revoked(&asleep), (1, None));
    let held = revoked(&|tx| {
        ready(tx, fill);
        leased(tx, 0);
    });
    assert_eq!(held, (0, Some((StateKind::Leased, true))));
    let out = revoked(&|tx| {
        ready(tx, fill);
        let claim = leased(tx, 0);
        sent(tx, &claim).unwrap();
    });
    assert_eq!(out, (0, Some((StateKind::Sent, false))), "its nonce is settled first");
    let dead = revoked(&|tx| {
        ready(tx, fill);
        let claim = leased(tx, 0);
        bury(tx, &claim, FailureClass::Final, "no").unwrap();
    });
    assert_eq!(dead, (0, Some((StateKind::Dead, false))), "somebody may have to know");
}

#[test]
fn a_revoked_lease_goes_however_it_is_handed_back() {
    let fill = key(1, Action::Fill, A);
    let hand_back: [fn(&mut WriteTx, Claim); 4] = [
        |tx, claim| park(tx, &claim, &When::Now).unwrap(),
        |tx, claim| {
            let policy = policy(Action::Fill, FailureClass::Host);
            let retried = retry(tx, &claim, FailureClass::Host, "x", policy).unwrap();
            assert_eq!(retried, Retried::Revoked);
        },
        |tx, _| assert_eq!(expire(tx, A, 300).unwrap(), 1),
        |tx, _| assert_eq!(recover(tx, 2).unwrap(), 1),
    ];
    for (case, hand_back) in hand_back.into_iter().enumerate() {
        let store = memory();
        let mut tx = store.write().unwrap();
        ready(&mut tx, fill);
        let claim = leased(&mut tx, 0);
        reconcile(&mut tx, order(1), &[]).unwrap();
        hand_back(&mut tx, claim);
        assert_eq!(get(&tx, &fill).unwrap(), None, "{case}");
    }
}

#[test]
fn a_lease_whose_reason_came_back_is_not_revoked() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    ready(&mut tx, fill);
    let claim = leased(&mut tx, 0);
    reconcile(&mut tx, order(1), &[]).unwrap();
    reconcile(&mut tx, order(1), &[now(fill)]).unwrap();
    park(&mut tx, &claim, &When::Now).unwrap();
    assert_eq!(get(&tx, &fill).unwrap().unwrap().state, JobState::Ready);
}
