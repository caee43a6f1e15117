//! Lanes and deadlines: which job goes first.

use super::fixtures::{A, key, memory, now, order};
use crate::*;
use bmn_swap::Action;
use proptest::prelude::*;

#[test]
fn every_way_out_goes_before_swaps_under_way_and_new_orders_go_last() {
    for action in Action::ALL {
        let expected = match action {
            Action::Fill => Lane::NewOrder,
            Action::FundDestination | Action::Permit => Lane::Underway,
            Action::PublicWithdrawDestination
            | Action::PublicWithdrawSource
            | Action::PublicCancelSource => Lane::Keeper,
            _ => Lane::WayOut,
        };
        assert_eq!(Lane::of(action), expected, "{}", action.name());
    }
    assert!(Lane::ALL.is_sorted());
}

#[test]
fn a_plan_that_moves_a_deadline_moves_its_job() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let (first, second) = (key(1, Action::WithdrawSource, A), key(2, Action::WithdrawSource, A));
    reconcile(&mut tx, order(1), &[now(first)], |_| Some(100)).unwrap();
    reconcile(&mut tx, order(2), &[now(second)], |_| Some(200)).unwrap();
    assert_eq!(ready_keys(&tx, A, 9).unwrap(), [first, second]);
    reconcile(&mut tx, order(2), &[now(second)], |_| Some(99)).unwrap();
    assert_eq!(ready_keys(&tx, A, 9).unwrap(), [second, first]);
    reconcile(&mut tx, order(2), &[now(second)], |_| None).unwrap();
    assert_eq!(ready_keys(&tx, A, 9).unwrap(), [first, second], "no deadline goes last");
}

#[test]
fn the_depth_of_the_queue_is_told_by_chain_lane_and_state() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for n in 0..20 {
        let due = [now(key(n, Action::Fill, A)), now(key(n, Action::WithdrawSource, A))];
        reconcile(&mut tx, order(n), &due, |_| None).unwrap();
    }
    lease(&mut tx, A, 1, 0).unwrap();
    let depths = depths(&tx).unwrap();
    let depth = |lane, state| depths.get(&(A, lane, state)).copied().unwrap_or_default();
    assert_eq!(depth(Lane::NewOrder, StateKind::Ready), 20);
    assert_eq!(depth(Lane::WayOut, StateKind::Ready), 19);
    assert_eq!(depth(Lane::WayOut, StateKind::Leased), 1);
    assert_eq!(depths.values().sum::<u64>(), 40);
}

proptest! {
    #[test]
    fn leases_are_handed_out_by_lane_then_deadline_then_age(
        jobs in prop::collection::vec((0usize..8, prop::option::of(0u64..5)), 1..40)
    ) {
        let store = memory();
        let mut tx = store.write().unwrap();
        let mut expected = Vec::new();
        for (n, (action, deadline)) in jobs.into_iter().enumerate() {
            let key = key(n as u8, Action::ALL[action], A);
            reconcile(&mut tx, key.order, &[now(key)], |_| deadline).unwrap();
            let latest = deadline.unwrap_or(u64::MAX);
            let is_refund = key.action == Action::CancelSource && deadline.is_none();
            let lane = if is_refund { Lane::Keeper } else { Lane::of(key.action) };
            expected.push(((lane, latest, n), key));
        }
        expected.sort();
        for (_, key) in expected {
            let job = lease(&mut tx, A, 1, 0).unwrap().unwrap();
            prop_assert_eq!(job.key, key);
            finish(&mut tx, &job.claim()).unwrap();
        }
        prop_assert_eq!(lease(&mut tx, A, 1, 0).unwrap(), None);
    }
}
