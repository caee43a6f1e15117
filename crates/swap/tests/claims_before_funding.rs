//! Design rule M1: every field of a source escrow that could make our claim on it worthless.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, Hashlock, Timelocks};
use bmn_swap::{
    Action, DirectFacts, NamedTerms, Refusal, SourceLeg, SourceTerms, admit_direct, check_source,
    read_direct,
};
use common::{FILLED, World, at, com, imm};
use proptest::prelude::*;

fn facts() -> DirectFacts {
    DirectFacts {
        source_head: common::block(10, FILLED),
        gas_price: (0, 0),
        open_orders: 0,
        hashlock_used: false,
        market: Default::default(),
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
    let locks = imm(leg).timelocks;
    let mut offsets = locks.offsets();
    change(&mut offsets);
    imm(leg).timelocks = Timelocks::pack(locks.deployed_at() as u32, offsets);
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
        ("notOurs", Box::new(|leg| imm(leg).taker = Address::ZERO.into())),
        ("sourceDeposit", Box::new(|leg| imm(leg).safety_deposit = U256::ONE)),
        ("dirtyAddress", Box::new(move |leg| imm(leg).maker = dirty)),
        ("dirtyAddress", Box::new(move |leg| com(leg).maker = dirty)),
        ("unknownToken", Box::new(|leg| imm(leg).token = Address::repeat_byte(9).into())),
        ("unknownToken", Box::new(|leg| com(leg).token = Address::repeat_byte(9).into())),
        ("zeroAmount", Box::new(|leg| imm(leg).amount = U256::ZERO)),
        ("zeroAmount", Box::new(|leg| com(leg).amount = U256::ZERO)),
        ("unknownDestination", Box::new(|leg| com(leg).chain_id = U256::from(99))),
        ("unknownDestination", Box::new(|leg| com(leg).chain_id = U256::from(1337))),
        ("unknownDestination", Box::new(|leg| com(leg).chain_id = U256::MAX)),
        ("unprofitable", Box::new(|leg| com(leg).amount = common::whole(1_001))),
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
        ("amount", |leg| imm(leg).amount -= U256::ONE),
        ("hashlock", |leg| imm(leg).hashlock = Hashlock::default()),
        ("token", |leg| imm(leg).token = Address::repeat_byte(9).into()),
        ("maker", |leg| imm(leg).maker = Address::repeat_byte(9).into()),
        ("complement.amount", |leg| com(leg).amount += U256::ONE),
        ("complement.chainId", |leg| com(leg).chain_id += U256::ONE),
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

#[test]
fn a_source_escrow_that_is_only_named_is_never_acted_on() {
    let mut world = World::locked();
    world.set_time(13, 103, FILLED + 6);
    assert!(world.is_now(Action::FundDestination));
    let leg = world.source.as_mut().unwrap();
    let stated = leg.clone();
    // Everything that a factory could name agrees with the order; only the immutables are not stated.
    leg.terms = SourceTerms::Named(NamedTerms {
        order_hash: stated.order_hash(),
        hashlock: stated.hashlock(),
        maker: stated.maker(),
        taker: stated.taker(),
        amount: stated.amount(),
    });
    let leg = leg.clone();
    assert_eq!((leg.hashlock(), leg.amount()), (stated.hashlock(), stated.amount()));
    assert_eq!((leg.token(), leg.immutables()), (None, None));
    let reasons = check_source(&world.order, &leg, &world.terms());
    assert_eq!(reasons, [Refusal::ImmutablesUnknown(leg.swap.escrow)]);
    assert_eq!(reasons[0].code(), "immutablesUnknown");
    let reasons = admit_direct(&read_direct(&leg), &leg, &facts(), &world.terms());
    assert!(reasons.contains(&Refusal::ImmutablesUnknown(leg.swap.escrow)), "{reasons:?}");
    assert!(!read_direct(&leg).is_accepted());
    let terms = world.terms();
    assert_eq!(bmn_swap::intend_destination(&world.order, &leg, &terms, FILLED), None);
    // Neither now nor at any later time, with or without a destination of ours.
    for mut world in [world, World::funded()] {
        world.source = Some(leg.clone());
        for time in [FILLED + 6, FILLED + 86_400, FILLED + 10_000_000] {
            world.set_time(10_000, 10_000, time);
            let due = world.plan().due;
            let touches_source = due.iter().any(|due| due.key.chain == leg.swap.chain);
            assert!(!touches_source, "{due:?}");
            assert_eq!(world.when(Action::WithdrawDestination), None);
            assert_eq!(world.when(Action::FundDestination), None);
        }
    }
}

#[test]
fn what_is_only_indexed_or_has_no_price_is_never_settled() {
    let mut world = World::locked();
    let leg = world.source.clone().unwrap();
    let order = world.order.clone();
    let codes = |world: &World| -> Vec<&str> {
        let reasons = admit_direct(&order, &leg, &facts(), &world.terms());
        reasons.iter().map(Refusal::code).collect()
    };
    assert_eq!(codes(&world), [""; 0]);
    world.routes[0].factories[0].index_only = true;
    assert_eq!(codes(&world), ["indexOnly"]);
    let mut world = World::locked();
    world.routes[1].factories[0].index_only = true;
    assert_eq!(codes(&world), ["unknownDestination"], "nothing is put into its escrows");
    for (chain, token) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut world = World::locked();
        world.routes[chain].tokens[token].price = bmn_swap::Price(0);
        assert_eq!(codes(&world), ["noPrice"], "token {token} of chain {chain}");
    }
}

#[test]
fn factories_that_lock_funds_are_refused_whatever_the_specification_says() {
    let mut world = World::locked();
    let mut refused = 0;
    for known in bmn_contracts::KNOWN_FACTORIES {
        let factory = &mut world.routes[0].factories[0];
        factory.address = known.address;
        assert_eq!(factory.index_only_reason().is_some(), known.locks_funds, "{}", known.release);
        refused += usize::from(known.locks_funds);
    }
    assert_eq!(refused, 8);
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
            let source_ends = imm(&mut leg).timelocks.src_withdraw().end;
            prop_assert!(window.end + pace.settle() + pace.inclusion < source_ends);
            prop_assert!(FILLED + 2 * pace.settle() + pace.inclusion < window.end);
        }
    }
}
