//! Design rule M1: every field of a source escrow that could make our claim on it worthless.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, Hashlock, Timelocks};
use bmn_swap::{Action, DirectFacts, Refusal, SourceLeg, admit_direct, check_source, read_direct};
use common::{FILLED, World, at};
use proptest::prelude::*;

fn facts() -> DirectFacts {
    DirectFacts {
        source_head: common::block(10, FILLED),
        gas_price: (0, 0),
        open_orders: 0,
        hashlock_used: false,
    }
}

fn admit(change: impl FnOnce(&mut SourceLeg)) -> Vec<&'static str> {
    let world = World::locked();
    let mut leg = world.source.clone().unwrap();
    change(&mut leg);
    let order = read_direct(&leg);
    let reasons = admit_direct(&order, &leg, &facts(), &world.terms());
    reasons.iter().map(Refusal::code).collect()
}

fn with_offsets(leg: &mut SourceLeg, change: impl FnOnce(&mut [u32; 7])) {
    let locks = leg.immutables.timelocks;
    let mut offsets = locks.offsets();
    change(&mut offsets);
    leg.immutables.timelocks = Timelocks::pack(locks.deployed_at() as u32, offsets);
}

#[test]
fn a_sound_direct_source_escrow_is_taken() {
    assert_eq!(admit(|_| {}), Vec::<&str>::new());
}

#[test]
fn each_unsound_field_is_a_reason_of_its_own() {
    let dirty = AddressWord(U256::MAX);
    type Change = Box<dyn FnOnce(&mut SourceLeg)>;
    let cases: Vec<(&str, Change)> = vec![
        ("notOurs", Box::new(|leg| leg.immutables.taker = Address::ZERO.into())),
        ("sourceDeposit", Box::new(|leg| leg.immutables.safety_deposit = U256::ONE)),
        ("dirtyAddress", Box::new(move |leg| leg.immutables.maker = dirty)),
        ("dirtyAddress", Box::new(move |leg| leg.complement.maker = dirty)),
        ("unknownToken", Box::new(|leg| leg.immutables.token = Address::repeat_byte(9).into())),
        ("unknownToken", Box::new(|leg| leg.complement.token = Address::repeat_byte(9).into())),
        ("zeroAmount", Box::new(|leg| leg.immutables.amount = U256::ZERO)),
        ("zeroAmount", Box::new(|leg| leg.complement.amount = U256::ZERO)),
        ("unknownDestination", Box::new(|leg| leg.complement.chain_id = U256::from(99))),
        ("unknownDestination", Box::new(|leg| leg.complement.chain_id = U256::from(1337))),
        ("unknownDestination", Box::new(|leg| leg.complement.chain_id = U256::MAX)),
        ("unprofitable", Box::new(|leg| leg.complement.amount = common::whole(1_001))),
        ("backdated", Box::new(|leg| leg.created = at(10, FILLED + 301))),
        ("backdated", Box::new(|leg| leg.created = at(10, FILLED - 1))),
        ("badWindow", Box::new(|leg| with_offsets(leg, |o| o[2] = u32::MAX))),
        ("badWindow", Box::new(|leg| with_offsets(leg, |o| o[0] = 601))),
        ("badWindow", Box::new(|leg| with_offsets(leg, |o| o[3] = 10))),
        ("doesNotFit", Box::new(|leg| with_offsets(leg, |o| o[4] = 590))),
        ("doesNotFit", Box::new(|leg| with_offsets(leg, |o| o[2] = 100))),
    ];
    for (expected, change) in cases {
        let codes = admit(change);
        assert!(codes.contains(&expected), "{expected} not in {codes:?}");
    }
}

#[test]
fn the_switch_the_hashlock_and_the_limit_are_reasons_too() {
    let mut world = World::locked();
    let leg = world.source.clone().unwrap();
    let order = world.order.clone();
    let codes = |world: &World, facts: DirectFacts| -> Vec<&str> {
        let reasons = admit_direct(&order, &leg, &facts, &world.terms());
        reasons.iter().map(Refusal::code).collect()
    };
    let used = DirectFacts { hashlock_used: true, ..facts() };
    assert_eq!(codes(&world, used), ["hashlockUsed"]);
    let full = DirectFacts { open_orders: 10, ..facts() };
    assert_eq!(codes(&world, full), ["tooManyOpen"]);
    world.policy.allow_direct_source = false;
    assert_eq!(codes(&world, facts()), ["directOff"]);
}

#[test]
fn a_source_escrow_that_differs_from_its_order_is_never_funded() {
    type Change = fn(&mut SourceLeg);
    let cases: [(&str, Change); 8] = [
        ("amount", |leg| leg.immutables.amount -= U256::ONE),
        ("hashlock", |leg| leg.immutables.hashlock = Hashlock::default()),
        ("token", |leg| leg.immutables.token = Address::repeat_byte(9).into()),
        ("maker", |leg| leg.immutables.maker = Address::repeat_byte(9).into()),
        ("complement.amount", |leg| leg.complement.amount += U256::ONE),
        ("complement.chainId", |leg| leg.complement.chain_id += U256::ONE),
        ("factory", |leg| leg.factory = Address::ZERO),
        ("chain", |leg| leg.swap.chain = ChainId(5)),
    ];
    for (field, change) in cases {
        let mut world = World::locked();
        world.set_time(13, 103, FILLED + 6);
        assert!(world.is_now(Action::FundDestination));
        change(world.source.as_mut().unwrap());
        let leg = world.source.as_ref().unwrap();
        let reasons = check_source(&world.order, leg, &world.terms());
        let mismatch = Refusal::Mismatch { field: field.to_owned() };
        assert!(reasons.contains(&mismatch), "{field}: {reasons:?}");
        assert_eq!(world.when(Action::FundDestination), None, "{field}");
    }
}

proptest! {
    /// M2: whatever the windows, what is taken leaves every later step its time.
    #[test]
    fn whatever_is_taken_leaves_every_step_its_time(
        cancel in 0u32..100_000, withdraw in 0u32..100_000, public in 0u32..100_000,
    ) {
        let world = World::locked();
        let mut leg = world.source.clone().unwrap();
        with_offsets(&mut leg, |o| {
            o[2] = cancel;
            o[3] = cancel.saturating_add(60);
            o[4] = withdraw;
            o[5] = public;
        });
        let order = read_direct(&leg);
        if admit_direct(&order, &leg, &facts(), &world.terms()).is_empty() {
            let terms = world.terms();
            let plan = bmn_swap::intend_destination(&order, &leg, &terms, FILLED).unwrap();
            let window = plan.immutables.timelocks.dst_withdraw();
            let pace = common::PACE;
            prop_assert!(window.start + pace.inclusion < window.end);
            let source_ends = leg.immutables.timelocks.src_withdraw().end;
            prop_assert!(window.end + pace.settle() + pace.inclusion < source_ends);
            prop_assert!(FILLED + 2 * pace.settle() + pace.inclusion < window.end);
        }
    }
}
