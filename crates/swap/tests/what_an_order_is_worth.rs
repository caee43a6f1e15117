//! Profit on every path, caps, lists and flags: each refusal from a sound order with one thing changed,
//! and the same numbers in the assessment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use alloy::primitives::{Address, I256, U256};
use bmn_primitives::Dialect;
use bmn_swap::{
    CapKind, ConfirmationStep, DataFeeTerms, Exposure, MAX_DATA_FEE_AGE, Mode, ModeReason, Modes,
    PathStep, Price, Refusal, RouteCap, Step, TimeSlack, TokenFlag, Usage, step_gas,
    through_contract,
};
use market::{A, B, COIN, Desk, FACTORY, MAKER, NOW, TOKEN, micros, whole};
use proptest::prelude::*;

const DATA: DataFeeTerms = DataFeeTerms {
    l1_base_fee: 20_000_000_000,
    blob_base_fee: 1_000_000_000,
    base_fee_scalar: 5_227,
    blob_base_fee_scalar: 1_014_213,
    stated: None,
};

/// What chain B takes for data.
fn data_fee(desk: &mut Desk, terms: DataFeeTerms) {
    desk.market.quotes.data_fees.insert(B, (terms, NOW));
}

fn codes(change: impl FnOnce(&mut Desk)) -> Vec<&'static str> {
    let mut desk = Desk::new();
    change(&mut desk);
    desk.codes()
}

#[test]
fn a_sound_order_pays() {
    assert_eq!(codes(|_| {}), Vec::<&str>::new());
}

#[test]
fn each_limit_is_a_reason_of_its_own() {
    type Change = fn(&mut Desk);
    let other = Address::repeat_byte(9);
    assert_ne!(other, MAKER);
    let cases: [(&str, Change); 27] = [
        ("tooManyOpen", |d| d.open = 10),
        ("unprofitable", |d| d.order.destination_amount = whole(999)),
        ("unprofitable", |d| d.gas_price.0 = 20_000_000_000),
        ("unprofitable", |d| d.gas_price.1 = 20_000_000_000),
        ("unprofitable", |d| d.policy.limits.gas_stress_percent = 2_000),
        ("unprofitable", |d| d.policy.limits.slippage_bps = 80),
        ("unprofitable", |d| {
            d.gas_price = (2_000_000_000, 2_000_000_000);
            d.policy.limits.failure_share_bps = 30_000;
        }),
        ("unprofitable", |d| d.order.destination_deposit = whole(1) / U256::from(200)),
        ("profitTooSmall", |d| d.policy.limits.min_profit = Some(10_000_000)),
        ("tooCostlyToFail", |d| d.policy.limits.max_failure_cost = Some(1_000_000)),
        ("tooSmall", |d| d.routes[0].min_order_value = micros(1_001)),
        ("tooLarge", |d| d.policy.max_order_value = micros(1_000) - 1),
        ("capExceeded", |d| d.policy.limits.max_token_value = Some(micros(999))),
        ("capExceeded", |d| d.policy.limits.max_maker_value = Some(micros(999))),
        ("capExceeded", |d| d.policy.limits.max_route_value = Some(micros(999))),
        ("capExceeded", |d| d.policy.limits.max_factory_value = Some(micros(999))),
        ("capExceeded", |d| d.routes[1].limits.token_caps = vec![(TOKEN, micros(999))]),
        ("capExceeded", |d| d.routes[1].limits.factory_caps = vec![(FACTORY, micros(999))]),
        ("makerDenied", |d| d.policy.limits.deny_makers = vec![MAKER]),
        ("makerDenied", |d| d.policy.limits.allow_makers = vec![Address::repeat_byte(9)]),
        ("tokenDenied", |d| d.policy.limits.deny_tokens = vec![TOKEN]),
        ("tokenDenied", |d| d.policy.limits.allow_tokens = vec![Address::repeat_byte(9)]),
        ("tooLittleTime", |d| d.policy.limits.min_time_left = 601),
        ("noPrice", |d| d.routes[1].tokens[1].price = Price(0)),
        ("dataFeeUnknown", |d| d.routes[1].limits.op_stack = true),
        ("dataFeeUnknown", |d| {
            d.routes[1].limits.op_stack = true;
            d.market.quotes.data_fees.insert(B, (DATA, NOW - MAX_DATA_FEE_AGE - 1));
        }),
        ("unprofitable", |d| {
            d.routes[1].limits.op_stack = true;
            data_fee(d, DataFeeTerms { l1_base_fee: 200_000_000_000_000, ..DATA });
        }),
    ];
    for (expected, change) in cases {
        let mut found = codes(change);
        found.dedup();
        assert_eq!(found, [expected]);
    }
}

#[test]
fn a_token_that_changes_amounts_is_refused_and_one_that_can_be_stopped_is_told_about() {
    for (flag, name) in TokenFlag::ALL {
        let mut desk = Desk::new();
        desk.routes[0].limits.flags = vec![(TOKEN, vec![flag])];
        let refused = desk.reasons();
        let expected = Refusal::IllBehavedToken { chain: A, token: TOKEN, flag };
        assert_eq!(refused, if flag.refuses() { vec![expected] } else { vec![] }, "{name}");
        assert_eq!(desk.assessment().flags, [(A, TOKEN, flag)]);
    }
}

#[test]
fn tokens_whose_amounts_change_or_that_run_foreign_code_are_the_ones_refused() {
    let told = TokenFlag::ALL.map(|(flag, _)| (flag.name(), flag.refuses()));
    let expected = [
        ("fee_on_transfer", true),
        ("rebasing", true),
        ("hooks", true),
        ("pausable", false),
        ("blocklist", false),
        ("missing_return", false),
    ];
    assert_eq!(told, expected);
    assert_eq!(TokenFlag::ALL[1].0, TokenFlag::Rebasing);
    let (chain, token, flag) = (A, TOKEN, TokenFlag::Hooks);
    let told = Refusal::IllBehavedToken { chain, token, flag }.to_string();
    assert!(told.contains("marked hooks"), "{told}");
}

#[test]
fn a_cap_counts_what_is_open_and_may_be_used_up_exactly() {
    let mut desk = Desk::new();
    desk.policy.limits.max_maker_value = Some(micros(3_000));
    desk.market.usage.maker = micros(2_000);
    assert_eq!(desk.codes(), Vec::<&str>::new());
    desk.market.usage.maker += 1;
    let (used, adding, limit) = (micros(2_000) + 1, micros(1_000), micros(3_000));
    let kind = CapKind::Maker;
    assert_eq!(desk.reasons(), [Refusal::CapExceeded { kind, used, adding, limit }]);
    assert_eq!(
        desk.reasons()[0].to_string(),
        "maker cap: 2000000001 micro units are open and 1000000000 would be added, 3000000000 is the limit"
    );
}

#[test]
fn open_orders_count_against_every_cap_they_touch() {
    let desk = Desk::new();
    let own = Exposure::of(&desk.order, micros(5), &desk.terms()).unwrap();
    let back = Exposure {
        token: own.source_token,
        source_token: own.token,
        route: (B, A),
        factory: (A, FACTORY),
        maker: Address::repeat_byte(9),
        ..own
    };
    let stranger = Exposure { maker: Address::repeat_byte(9), ..own };
    let usage = Usage::against(&own, [own, back, stranger]);
    let (all, two) = (micros(15), micros(10));
    let expected =
        Usage { token: all, source_token: all, maker: micros(5), route: two, factory: two };
    assert_eq!(usage, expected);
}

#[test]
fn a_cap_of_a_single_route_goes_before_that_of_all() {
    let mut desk = Desk::new();
    desk.policy.limits.max_route_value = Some(0);
    desk.policy.limits.route_caps = vec![RouteCap { from: A, to: B, limit: micros(1_000) }];
    assert_eq!(desk.codes(), Vec::<&str>::new());
    desk.policy.limits.route_caps[0].from = B;
    assert_eq!(desk.codes(), ["capExceeded"]);
}

#[test]
fn going_through_the_contract_costs_more_and_only_where_the_dialect_needs_it() {
    for dialect in Dialect::ALL {
        let total: u64 = PathStep::ALL.into_iter().map(|step| step_gas(dialect, step)).sum();
        assert!(total > 400_000, "{dialect}");
    }
    assert!(!through_contract(Dialect::Bmn4) && through_contract(Dialect::OneInch2));
    let same_escrows = |step| (step_gas(Dialect::Bmn302, step), step_gas(Dialect::Bmn23, step));
    for step in PathStep::ALL {
        let (through, bare) = same_escrows(step);
        assert!(through > bare, "{step}");
    }
}

#[test]
fn the_paths_are_the_sums_of_their_steps() {
    let mut desk = Desk::new();
    desk.order.destination_deposit = U256::from(1_000_000_000_000_u64); // 2 000 micro units
    desk.policy.limits.gas_stress_percent = 150;
    desk.policy.limits.slippage_bps = 5;
    let valuation = desk.assessment().valuation.unwrap();
    let cost = |step: PathStep| {
        i128::try_from(valuation.steps.iter().find(|known| known.step == step).unwrap().cost)
            .unwrap()
    };
    use PathStep::*;
    let done = cost(Fill) + cost(Create) + cost(WithdrawDestination) + cost(WithdrawSource);
    // 357 000 gas at 1 gwei and 2 000 a coin.
    assert_eq!(cost(Fill), 714_000);
    let (gross, outcomes) = (10_000_000, valuation.outcomes);
    assert_eq!(outcomes.expected, gross - done);
    assert_eq!(outcomes.best, gross - done + cost(WithdrawDestination) - 2_000);
    assert_eq!(outcomes.worst, gross - done * 3 / 2 - 2_000 - 500_000);
    let undone = cost(Fill) + cost(Create) + cost(CancelDestination) + cost(CancelSource);
    assert_eq!(outcomes.failed, -(undone * 3 / 2) - 2_000);
    let units = U256::from(outcomes.worst.unsigned_abs()) * U256::from(1_000_000_000_000_u64);
    assert_eq!(outcomes.worst_in_source, I256::try_from(units).unwrap());
}

#[test]
fn the_assessment_has_the_numbers_of_the_decision() {
    let mut desk = Desk::new();
    desk.routes[1].limits.op_stack = true;
    data_fee(&mut desk, DATA);
    desk.policy.limits.max_maker_value = Some(micros(999));
    desk.market.usage.maker = 7;
    desk.open = 3;
    let told = desk.assessment();
    assert_eq!(told.reasons, desk.reasons());
    assert_eq!((told.open_orders, told.confirmations), ((3, 10), (3, 3)));
    let maker = told.caps.iter().find(|cap| cap.kind == CapKind::Maker).unwrap();
    assert_eq!((maker.used, maker.adding, maker.limit), (7, micros(1_000), Some(micros(999))));
    let steps = told.valuation.as_ref().unwrap().steps.clone();
    for step in steps {
        assert_eq!(step.data_fee.is_zero(), step.step.on_source(), "{}", step.step);
    }
    let Some(TimeSlack::Fits(slack)) = &told.time else { panic!("{:?}", told.time) };
    assert!(!slack.is_empty());
    let text = serde_json::to_string(&told).unwrap();
    assert_eq!(serde_json::from_str::<bmn_swap::Assessment>(&text).unwrap(), told);
}

#[test]
fn each_step_that_can_come_too_late_is_told_once_in_the_order_of_time() {
    let desk = Desk::new();
    let Some(TimeSlack::Fits(slack)) = desk.assessment().time else { panic!("it fits") };
    let steps: Vec<_> = slack.iter().map(|slack| slack.step).collect();
    let expected = [
        Step::LockSource,
        Step::FundDestination,
        Step::Disclose,
        Step::MakerWithdraw,
        Step::WithdrawDestination,
        Step::WithdrawSource,
    ];
    assert_eq!(steps, expected);
    for told in slack {
        assert!(told.latest > NOW && told.seconds <= told.latest - NOW, "{told:?}");
    }
}

#[test]
fn confirmations_rise_with_the_value_and_never_fall_below_the_chain_s_own() {
    let mut desk = Desk::new();
    let step = |from_value, confirmations| ConfirmationStep { from_value, confirmations };
    desk.routes[0].limits.confirmation_steps =
        vec![step(0, 1), step(micros(1_000), 12), step(micros(100_000), 64)];
    let route = &desk.routes[0];
    let asked =
        [0, micros(1_000) - 1, micros(1_000), u128::MAX].map(|v| route.confirmations_for(v));
    assert_eq!(asked, [3, 3, 12, 64]);
    assert_eq!(route.pace_for(micros(1_000)).confirmations, 12);
    assert_eq!(desk.assessment().confirmations, (12, 3));
}

#[test]
fn what_cannot_be_valued_is_explained_without_numbers() {
    let mut desk = Desk::new();
    desk.order.source_token = Address::repeat_byte(9);
    let told = desk.assessment();
    assert_eq!((told.valuation, told.exposure, told.caps.len()), (None, None, 0));
    desk.order.destination_chain = bmn_primitives::ChainId(99);
    assert_eq!((desk.assessment().time, desk.assessment().confirmations.1), (None, 0));
    let _ = COIN;
}

#[test]
fn a_mode_is_a_reason_that_names_itself() {
    let desk = Desk::new();
    let modes = Modes { mode: Mode::Shadow, ..Modes::default() };
    let reason = modes.against(&desk.order).unwrap();
    assert_eq!(reason, ModeReason::Shadow);
    assert_eq!(Refusal::Mode(reason).code(), "shadow");
}

proptest! {
    /// Whatever gets dearer, scarcer or more open, a refusal stays one.
    #[test]
    fn nothing_that_gets_worse_turns_a_refusal_into_an_acceptance(
        gas in (0u128..30_000_000_000, 0u128..30_000_000_000),
        more in (0u128..1_000_000_000_000, 0u128..1_000_000_000_000),
        deposit in 0u64..10_000_000_000_000_000, used in 0u128..3_000_000_000,
        worse in 0u64..2_000, paid in 900u64..1_010, which in 0usize..9,
    ) {
        let mut desk = Desk::new();
        desk.gas_price = gas;
        desk.order.destination_deposit = U256::from(deposit);
        desk.order.destination_amount = whole(paid);
        desk.policy.limits.max_maker_value = Some(micros(2_500));
        desk.policy.limits.max_failure_cost = Some(micros(20));
        desk.policy.limits.failure_share_bps = 100;
        desk.market.usage.maker = used;
        let before = desk.reasons();
        let valued = desk.assessment().valuation.unwrap().outcomes;
        prop_assert!(valued.worst <= valued.expected && valued.expected <= valued.best);
        prop_assert!(valued.failed <= 0 && valued.rescued <= 0);
        match which {
            0 => desk.gas_price.0 += more.0,
            1 => desk.gas_price.1 += more.1,
            2 => desk.order.destination_deposit += U256::from(more.0),
            3 => desk.market.usage.maker += more.0,
            4 => desk.policy.limits.slippage_bps += worse,
            5 => desk.policy.limits.gas_stress_percent += worse,
            6 => desk.policy.limits.failure_share_bps += worse,
            7 => desk.order.destination_amount += U256::from(more.0),
            _ => {
                desk.routes[1].limits.op_stack = true;
                data_fee(&mut desk, DataFeeTerms { l1_base_fee: more.0, ..DATA });
            }
        }
        let after = desk.reasons();
        prop_assert!(before.is_empty() || !after.is_empty(), "{before:?}");
        prop_assert_eq!(after.is_empty(), desk.assessment().reasons.is_empty());
    }

    /// No number is too large to be judged.
    #[test]
    fn nothing_overflows(
        making in any::<[u8; 32]>(), taking in any::<[u8; 32]>(), deposit in any::<[u8; 32]>(),
        gas in any::<u128>(), price in 1u64.., used in any::<u128>(), share in any::<u64>(),
    ) {
        let mut desk = Desk::new();
        desk.order.source_amount = U256::from_be_bytes(making);
        desk.order.destination_amount = U256::from_be_bytes(taking);
        desk.order.destination_deposit = U256::from_be_bytes(deposit);
        desk.gas_price = (gas, gas);
        desk.routes.iter_mut().flat_map(|route| &mut route.tokens).for_each(|t| t.price = Price(price));
        desk.market.usage.token = used;
        desk.policy.limits.slippage_bps = share;
        desk.policy.limits.failure_share_bps = share;
        desk.policy.limits.gas_stress_percent = share;
        let told = desk.assessment();
        prop_assert_eq!(told.reasons, desk.reasons());
    }
}
