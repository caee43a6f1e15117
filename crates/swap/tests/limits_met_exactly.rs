//! Limits that are met exactly hold, and one more is one too many; what the numbers behind them are made of.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use alloy::primitives::{I256, U256};
use bmn_primitives::Dialect;
use bmn_swap::{
    MakerClaims, PathStep, RefundLimits, RefundWait, Refunded, Retention, step_bytes, step_gas,
};
use market::{Desk, whole};

/// An order with something to lose on every path.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.order.destination_deposit = whole(1) / U256::from(10_000);
    assert_eq!(desk.codes(), [""; 0]);
    desk
}

/// The same with every limit at what the order brings and costs.
fn at_its_limits() -> Desk {
    let mut desk = desk();
    let told = desk.assessment().valuation.unwrap();
    let cost = told.outcomes.failed.min(told.outcomes.rescued).unsigned_abs();
    let worst = i64::try_from(told.outcomes.worst).unwrap();
    assert!(worst > 0 && cost > 0);
    desk.policy.min_profit_bps = told.outcomes.worst_bps;
    desk.policy.limits.min_profit = Some(worst);
    desk.policy.limits.max_failure_cost = Some(cost);
    desk.policy.max_order_value = told.source.value;
    desk.routes[0].min_order_value = told.source.value;
    desk
}

#[test]
fn a_profit_a_cost_and_a_value_may_be_exactly_what_is_asked_for() {
    type Change = fn(&mut Desk);
    let cases: [(&str, Change); 5] = [
        ("unprofitable", |d| d.policy.min_profit_bps += 1),
        ("profitTooSmall", |d| *d.policy.limits.min_profit.as_mut().unwrap() += 1),
        ("tooCostlyToFail", |d| *d.policy.limits.max_failure_cost.as_mut().unwrap() -= 1),
        ("tooLarge", |d| d.policy.max_order_value -= 1),
        ("tooSmall", |d| d.routes[0].min_order_value += 1),
    ];
    assert_eq!(at_its_limits().codes(), [""; 0]);
    for (expected, change) in cases {
        let mut desk = at_its_limits();
        change(&mut desk);
        assert_eq!(desk.codes(), [expected]);
    }
}

#[test]
fn a_loss_is_told_as_a_loss_however_large_it_is() {
    let mut desk = desk();
    desk.order.destination_amount = whole(1_001);
    let told = desk.assessment().valuation.unwrap().outcomes;
    assert!(told.worst < 0 && told.worst_bps < 0);
    let units = U256::from(told.worst.unsigned_abs()) * U256::from(10).pow(U256::from(12));
    assert_eq!(told.worst_in_source, -I256::try_from(units).unwrap());
    // A millionth for all there is: more basis points than there are numbers for.
    desk.order.source_amount = U256::from(10).pow(U256::from(12));
    desk.order.destination_amount = whole(1_000_000_000_000);
    let told = desk.assessment().valuation.unwrap().outcomes;
    assert_eq!(told.worst_bps, i64::MIN);
    assert!(desk.codes().contains(&"unprofitable"), "{:?}", desk.codes());
}

#[test]
fn our_contract_adds_its_part_to_every_step_and_to_every_transaction() {
    for step in PathStep::ALL {
        // The same escrows, once called by the signer and once through the contract.
        let added = step_gas(Dialect::Bmn302, step) - step_gas(Dialect::Bmn23, step);
        let expected = match step {
            PathStep::Fill => 120_000,
            PathStep::Create => 90_000,
            _ => 60_000,
        };
        assert_eq!(added, expected, "{step}");
        let bytes = |dialect| step_bytes(dialect, step);
        assert_eq!(bytes(Dialect::OneInch2) - bytes(Dialect::Bmn4), 300, "{step}");
    }
    let bytes = |step| step_bytes(Dialect::Bmn4, step);
    assert!(bytes(PathStep::Fill) > bytes(PathStep::Create), "an order with its extension");
    assert!(bytes(PathStep::Create) > bytes(PathStep::RescueSource));
    assert!(bytes(PathStep::RescueSource) > bytes(PathStep::CancelSource), "a token and an amount");
    assert_eq!(bytes(PathStep::RescueSource), bytes(PathStep::RescueDestination));
}

#[test]
fn each_step_of_a_path_has_a_name() {
    let names = PathStep::ALL.map(|step| step.to_string());
    let expected = [
        "fill",
        "create",
        "withdrawDestination",
        "withdrawSource",
        "cancelDestination",
        "cancelSource",
        "rescueDestination",
        "rescueSource",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_refusal_is_kept_for_an_hour_and_then_until_it_is_too_old_or_one_of_too_many() {
    let hour = Retention::LEAST;
    for (seconds, rows, age, number, over) in [
        (None, None, u64::MAX, u64::MAX, false),
        (Some(9_000), None, 9_000, u64::MAX, false),
        (Some(9_000), None, 9_001, 0, true),
        (Some(0), Some(0), hour, u64::MAX, false),
        (Some(0), None, hour + 1, 0, true),
        (None, Some(10), hour + 1, 10, false),
        (None, Some(10), hour + 1, 11, true),
        (None, Some(10), hour, 11, false),
        (Some(9_000), Some(10), 9_001, 10, true),
        (Some(9_000), Some(10), 9_000, 11, true),
        (Some(9_000), Some(10), 9_000, 10, false),
    ] {
        let kept = Retention { seconds, rows };
        assert_eq!(kept.is_over(age, number), over, "{kept:?}: {age} s, {number} rows");
    }
}

#[test]
fn refunds_of_a_day_end_with_their_number_or_their_gas() {
    let n = |number: u64| U256::from(number);
    let limits = RefundLimits { per_day: 3, gas_per_day: 1_000 };
    let allow =
        |number, gas, adding| limits.allow(Refunded { number: n(number), gas: n(gas) }, n(adding));
    assert_eq!(allow(2, 600, 400), Ok(()));
    assert_eq!(allow(3, 0, 0), Err(RefundWait::Number { number: n(3), limit: 3 }));
    assert_eq!(allow(4, 0, 0), Err(RefundWait::Number { number: n(4), limit: 3 }));
    let dear = RefundWait::Gas { gas: n(600), adding: n(401), limit: 1_000 };
    assert_eq!(allow(2, 600, 401), Err(dear));
    assert!(allow(0, 2_000, 0).is_err());
    // Nothing was spent yet: the first of a day goes, or it would never go.
    assert_eq!(allow(0, 0, 1_001), Ok(()));
    let overflowing = limits.allow(Refunded { number: n(0), gas: U256::MAX }, U256::MAX);
    assert!(overflowing.is_err());
}

#[test]
fn of_two_readings_of_what_a_maker_owes_the_larger_counts() {
    let claims = |balance: u64, allowance: u64| MakerClaims {
        balance: U256::from(balance),
        allowance: U256::from(allowance),
    };
    assert_eq!(claims(5, 1).max(claims(3, 2)), claims(5, 2));
    assert_eq!(claims(3, 2).max(claims(5, 1)), claims(5, 2));
}
