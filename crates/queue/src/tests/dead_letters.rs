//! What a person does with dead letters.

use super::fixtures::{A, begin, key, memory, now, order};
use crate::*;
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{LimitOrder, MakerTraits, OrderSignature};
use bmn_primitives::{BlockRef, ChainId, Dialect, Hashlock};
use bmn_store::{Mode, OrderState, RebuildReason, WriteTx};
use bmn_swap::{
    Action, ActionKey, Attempt, Decision, Evidence, Order, OrderTimes, Origin, Pace, Policy, Route,
    SignedOrder, Status,
};

pub(crate) const T0: u64 = 1_000_000;
pub(crate) const D: ChainId = ChainId(2);

pub(crate) fn rules() -> Rules {
    let route = |chain| Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 4 },
        tokens: Vec::new(),
        true_tokens: Vec::new(),
        factories: Vec::new(),
        min_order_value: 0,
        limits: Default::default(),
        resolver: None,
    };
    let policy = Policy {
        min_profit_bps: 0,
        max_order_value: u128::MAX,
        maker_reaction: 30,
        max_window: 10_000,
        allow_direct_source: false,
        max_open_orders: 10,
        cancel_refused_gas: 0,
        limits: Default::default(),
    };
    Rules { us: Address::repeat_byte(0xee), routes: vec![route(A), route(D)], policy }
}

pub(crate) fn accepted() -> Order {
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: Address::repeat_byte(0x11).into(),
            receiver: Address::ZERO.into(),
            maker_asset: Address::repeat_byte(0xa1).into(),
            taker_asset: Address::repeat_byte(0xa2).into(),
            making_amount: U256::from(100),
            taking_amount: U256::from(99),
            maker_traits: MakerTraits::default(),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Contract(Bytes::new()),
        secret_hashes: Vec::new(),
    };
    Order {
        id: order(1),
        origin: Origin::Submitted(Box::new(signed)),
        dialect: Dialect::Bmn4,
        factory: Address::repeat_byte(0xfa),
        hashlock: Hashlock([3; 32].into()),
        maker: Address::repeat_byte(0x11),
        beneficiary: Address::repeat_byte(0x12),
        source_token: Address::repeat_byte(0xa1),
        source_amount: U256::from(100),
        destination_chain: D,
        destination_token: Address::ZERO,
        destination_amount: U256::from(99),
        destination_deposit: U256::ZERO,
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute { src_cancellation: T0 + 3_600, dst_withdrawal: T0 + 600 },
        seen_at: BlockRef { number: 1, time: T0, ..BlockRef::default() },
        decision: Decision::Accepted,
    }
}

fn fill() -> ActionKey {
    ActionKey { escrow: Address::ZERO, ..key(1, Action::Fill, A) }
}

/// An accepted order whose fill is a dead letter after two failures.
fn given_up(tx: &mut WriteTx) {
    for chain in [A, D] {
        begin(tx, chain, 5, T0);
        tx.set_mode(chain, Mode::Live).unwrap();
    }
    let (order, rules) = (accepted(), rules());
    tx.put_order(&order).unwrap();
    let state = OrderState {
        status: Status::Accepted,
        evidence: Evidence::default(),
        source: None,
        plan: None,
        permission: None,
    };
    tx.put_order_state(order.id, &state).unwrap();
    refresh(tx, order.id, &rules).unwrap();
    let once = RetryPolicy { first: 1, multiplier: 1, ceiling: 1, attempts: Some(1) };
    for class in [FailureClass::Host, FailureClass::Reverted] {
        let job = lease(tx, A, 1, 0).unwrap().unwrap();
        assert_eq!(job.key, fill());
        retry(tx, &job.claim(), class, "no", once).unwrap();
        promote(tx, A, 5, T0 + 2).unwrap();
    }
}

fn set(tx: &mut WriteTx, change: impl FnOnce(&mut OrderState)) {
    use bmn_store::Reads;
    let mut state = tx.order_state(order(1)).unwrap().unwrap();
    change(&mut state);
    tx.put_order_state(order(1), &state).unwrap();
}

#[test]
fn a_new_job_has_the_latest_safe_time_of_its_order() {
    let store = memory();
    let mut tx = store.write().unwrap();
    given_up(&mut tx);
    let job = get(&tx, &fill()).unwrap().unwrap();
    // Mined a second before the destination's withdrawal at the latest, six seconds after the send.
    assert_eq!(job.deadline, Some(T0 + 600 - 7));
}

#[test]
fn a_dead_letter_stays_whatever_the_plan_says_until_it_is_requeued() {
    let store = memory();
    let mut tx = store.write().unwrap();
    given_up(&mut tx);
    let letter = get(&tx, &fill()).unwrap().unwrap();
    refresh(&mut tx, order(1), &rules()).unwrap();
    reconcile(&mut tx, order(1), &[], |_| None).unwrap();
    reconcile(&mut tx, order(1), &[now(fill())], |_| None).unwrap();
    assert_eq!(dead_letters(&tx, None, None, None, 9).unwrap(), std::slice::from_ref(&letter));
    assert_eq!(lease(&mut tx, A, 1, 0).unwrap(), None);

    let job = requeue(&mut tx, &fill(), &rules()).unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Ready, 0));
    assert_eq!(job.failures, letter.failures, "its history is kept");
    assert_eq!(dead_letters(&tx, None, None, None, 9).unwrap(), []);
    let again = lease(&mut tx, A, 1, 0).unwrap().unwrap();
    assert!(again.token > letter.token);
    let error = requeue(&mut tx, &fill(), &rules()).unwrap_err();
    assert!(matches!(error, QueueError::WrongState { found: StateKind::Leased, .. }));
}

#[test]
fn what_is_still_due_is_not_dropped_and_what_is_not_due_is() {
    let store = memory();
    let mut tx = store.write().unwrap();
    given_up(&mut tx);
    let error = drop_letter(&mut tx, &fill(), &rules()).unwrap_err();
    assert!(matches!(error, QueueError::StillDue { .. }), "{error}");
    set(&mut tx, |state| state.evidence.fill = Attempt::Closed);
    let dropped = drop_letter(&mut tx, &fill(), &rules()).unwrap();
    assert_eq!(dropped.state.kind(), StateKind::Dead);
    assert_eq!(get(&tx, &fill()).unwrap(), None);
    let error = drop_letter(&mut tx, &fill(), &rules()).unwrap_err();
    assert!(matches!(error, QueueError::NoSuchJob { .. }), "{error}");
}

#[test]
fn what_the_plan_does_not_want_any_more_is_refused_with_the_reason_and_stays() {
    let store = memory();
    let mut tx = store.write().unwrap();
    given_up(&mut tx);
    // Given up for good: its balance is promised to others.
    set(&mut tx, |state| state.evidence.fill = Attempt::Closed);
    refresh(&mut tx, order(1), &rules()).unwrap();
    let error = requeue(&mut tx, &fill(), &rules()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("fill of order {} is not wanted: the order is void", order(1))
    );
    assert_eq!(get(&tx, &fill()).unwrap().unwrap().state.kind(), StateKind::Dead);
}

#[test]
fn a_fill_that_would_be_too_late_is_not_requeued() {
    let store = memory();
    let mut tx = store.write().unwrap();
    given_up(&mut tx);
    let mut late = accepted();
    late.times = OrderTimes::Absolute { src_cancellation: T0 + 10, dst_withdrawal: T0 + 5 };
    tx.put_order(&late).unwrap();
    let error = requeue(&mut tx, &fill(), &rules()).unwrap_err();
    assert!(matches!(error, QueueError::NotWanted { .. }), "{error}");
}

#[test]
fn while_an_index_is_not_current_nothing_is_requeued_or_dropped() {
    let store = memory();
    let mut tx = store.write().unwrap();
    given_up(&mut tx);
    tx.set_mode(D, Mode::Rebuilding(RebuildReason::Asked)).unwrap();
    let refused = [
        requeue(&mut tx, &fill(), &rules()).map(drop),
        drop_letter(&mut tx, &fill(), &rules()).map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(QueueError::NotJudged { .. })), "{refused:?}");
    }
}

#[test]
fn dead_letters_are_listed_page_by_page_and_by_order_and_chain() {
    let store = memory();
    let mut tx = store.write().unwrap();
    for n in 0..30 {
        for chain in [A, D] {
            let due = key(n, Action::Fill, chain);
            let others =
                list(&tx, &JobFilter { order: Some(order(n)), ..JobFilter::default() }, None, 9);
            let mut wanted: Vec<_> = others.unwrap().into_iter().map(|job| now(job.key)).collect();
            wanted.push(now(due));
            reconcile(&mut tx, order(n), &wanted, |_| None).unwrap();
            let claim = lease(&mut tx, chain, 1, 0).unwrap().unwrap().claim();
            bury(&mut tx, &claim, FailureClass::Final, "no").unwrap();
        }
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = dead_letters(&tx, None, Some(D), after, 7).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        seen.extend(page.iter().map(|job| job.key));
    }
    assert_eq!((seen.len(), seen.is_sorted()), (30, true));
    assert!(seen.iter().all(|key| key.chain == D));
    assert_eq!(dead_letters(&tx, Some(order(7)), None, None, 9).unwrap().len(), 2);
    assert_eq!(dead_letters(&tx, Some(order(7)), Some(A), None, 9).unwrap().len(), 1);
}
