//! Orders and plans that no stored row knows, read back from what the chains show, and nothing believed
//! that does not give the escrow's address.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod offers;

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{InnerCall, TakerTraits, calldata, destination_escrow};
use bmn_primitives::{Dialect, Immutables, OrderHash};
use bmn_swap::{
    Attempt, Decision, DestinationLeg, DestinationPlan, Evidence, FactoryTerms, Order, Origin,
    Price, RECOVERED, Refusal, SourceLeg, created_in, intend_destination, is_in_doubt,
    is_orphan_worth, read_filled, read_named, read_orphan, recovered_plan, stated_destination,
};
use common::{A, B, FILLED, LOP, TOKEN, US, World, com, whole};
use offers::{CONTRACTS, OFFSETS, Offer, created, offer};

const COUNTED_FROM_BLOCKS: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

/// An order as it was submitted, as it is read back from a block.
fn recovered(order: &Order, leg: &SourceLeg, leaf: u16) -> Order {
    let mut order = order.clone();
    order.origin = Origin::Recovered(None);
    order.seen_at = leg.created.block;
    order.id.leaf = leaf;
    order
}

#[test]
fn a_fill_whose_factory_states_its_terms_is_read_back_as_the_order_it_was() {
    for dialect in [Dialect::Bmn4, Dialect::OneInch1, Dialect::OneInch2] {
        let offer = offer(dialect);
        let leg = offer.filled();
        assert_eq!(read_filled(&leg, 3), Some(recovered(&offer.order(), &leg, 3)), "{dialect}");
        assert_eq!(read_filled(&leg, 3).unwrap().origin.signed(), None);
        let direct = SourceLeg { fill: None, ..leg.clone() };
        assert_eq!(read_filled(&direct, 3), None, "no fill of ours made it");
        let mut nowhere = leg;
        com(&mut nowhere).chain_id = U256::from(1) << 64;
        assert_eq!(read_filled(&nowhere, 3), None, "there is no such chain");
    }
    assert_eq!(read_filled(&offer(Dialect::Bmn302).filled(), 0), None, "it is only named");
}

/// The calldata of our fill of an order.
fn fill(offer: &Offer) -> Bytes {
    let signed = offer.signed();
    let traits = TakerTraits::bmn_fill(signed.extension.len(), U256::MAX);
    let amount = signed.order.making_amount;
    calldata::fill_order_args(&signed.order, &signed.signature, amount, traits, signed.extension)
}

fn run(calls: &[Bytes]) -> Bytes {
    let calls: Vec<_> = calls.iter().map(|data| InnerCall::new(LOP, data.clone())).collect();
    calldata::resolver_run(&calls, &[TOKEN])
}

#[test]
fn a_fill_that_is_only_named_is_read_back_from_its_calldata_wherever_it_was_called() {
    let offer = offer(Dialect::Bmn302);
    let (leg, terms) = (offer.filled(), offer.world.terms());
    let mut expected = recovered(&offer.order(), &leg, 2);
    expected.origin = Origin::Recovered(Some(Box::new(offer.signed())));
    let approve = calldata::approve(LOP, U256::MAX);
    for input in [fill(&offer), run(&[fill(&offer)]), run(&[Bytes::new(), approve, fill(&offer)])] {
        assert_eq!(read_named(&leg, &input, 2, &terms), Some(expected.clone()));
    }
    assert!(expected.origin.signed().is_some() && expected.origin.is_recovered());
}

#[test]
fn another_order_or_a_fill_of_less_is_not_believed_to_be_behind_a_named_source() {
    let offer = offer(Dialect::Bmn302);
    let (leg, terms) = (offer.filled(), offer.world.terms());
    let mut other = offers::offer(Dialect::Bmn302);
    other.words.taking_amount -= U256::ONE;
    let approve = calldata::approve(LOP, U256::MAX);
    for input in [fill(&other), run(&[fill(&other)]), approve, Bytes::new()] {
        assert_eq!(read_named(&leg, &input, 0, &terms), None);
    }
    let found = read_named(&leg, &run(&[fill(&other), fill(&offer)]), 0, &terms).unwrap();
    assert_eq!(found.id.hash, offer.order().id.hash);
    let elsewhere = SourceLeg { factory: Address::repeat_byte(9), ..leg.clone() };
    assert_eq!(read_named(&elsewhere, &fill(&offer), 0, &terms), None, "no factory of ours");
    let without = vec![fill(&other); 16];
    let with = [without, vec![fill(&offer)]].concat();
    assert_eq!(read_named(&leg, &run(&with), 0, &terms), None, "sixteen calls are looked at");
    assert!(read_named(&leg, &run(&with[1..]), 0, &terms).is_some());
}

#[test]
fn destinations_are_found_in_what_the_signer_called_and_in_what_our_contract_ran() {
    let dialect = Dialect::OneInch2;
    let world = offer(dialect).locked();
    let first = planned(&world).immutables;
    let second = Immutables { amount: whole(1), ..first.clone() };
    let create =
        |immutables: &Immutables| calldata::create_dst_escrow(dialect, immutables, Some(FILLED));
    let approve = calldata::approve(LOP, U256::MAX);
    assert_eq!(created_in(&create(&first)), std::slice::from_ref(&first));
    let calls = [approve.clone(), create(&first), Bytes::new(), create(&second)];
    assert_eq!(created_in(&run(&calls)), [first.clone(), second]);
    assert_eq!(created_in(&approve), []);
    assert_eq!(created_in(&[]), []);
    let last_looked_at = [vec![approve.clone(); 15], vec![create(&first)]].concat();
    assert_eq!(created_in(&run(&last_looked_at)), std::slice::from_ref(&first));
    let too_far = [vec![approve; 16], vec![create(&first)]].concat();
    assert_eq!(created_in(&run(&too_far)), []);
}

fn planned(world: &World) -> DestinationPlan {
    let source = world.source.as_ref().unwrap();
    intend_destination(&world.order, source, &world.terms(), FILLED + 6).unwrap()
}

#[test]
fn the_destination_of_a_source_follows_from_it_where_its_block_writes_the_time() {
    for dialect in COUNTED_FROM_BLOCKS {
        let world = offer(dialect).locked();
        let stated = stated_destination(world.source.as_ref().unwrap(), CONTRACTS[1]);
        assert_eq!(stated, Some(planned(&world).immutables), "{dialect}");
    }
    let chosen = World::locked();
    assert_eq!(stated_destination(chosen.source.as_ref().unwrap(), US), None, "we chose its end");
    assert_eq!(stated_destination(&offer(Dialect::Bmn302).filled(), CONTRACTS[1]), None);
}

/// The escrow that these immutables give in the block of `leg`.
fn settle(leg: &mut DestinationLeg, immutables: &Immutables, factory: &FactoryTerms) {
    let mut bound = immutables.clone();
    if !leg.dialect.has_absolute_times() {
        bound.timelocks = bound.timelocks.with_deployed_at(leg.created.block.time);
    }
    leg.escrow = destination_escrow(leg.dialect, leg.factory, &factory.implementations, &bound);
}

#[test]
fn the_plan_of_a_destination_that_answers_a_source_is_recovered() {
    for dialect in COUNTED_FROM_BLOCKS {
        let world = offer(dialect).locked();
        let (source, plan) = (world.source.as_ref().unwrap(), planned(&world));
        let factory = &world.routes[1].factories[0];
        let leg = created(&world, FILLED + 9);
        let found = recovered_plan(source, &leg, &plan.immutables, factory);
        assert_eq!(found, plan.bound_to(&leg, factory), "{dialect}");
        assert_eq!(found.unwrap().escrow, Some(leg.escrow));
        // It may end in the second in which the source ends, and no later.
        let latest = FILLED + u64::from(OFFSETS[2] - OFFSETS[6]);
        let at = |time| recovered_plan(source, &created(&world, time), &plan.immutables, factory);
        assert!(at(latest).is_some() && at(latest + 1).is_none(), "{dialect}");
    }
    let world = World::funded();
    let (source, leg) = (world.source.as_ref().unwrap(), world.destination.as_ref().unwrap());
    let plan = world.intended.as_ref().unwrap();
    let found = recovered_plan(source, leg, &plan.immutables, &world.routes[1].factories[0]);
    assert_eq!(found.as_ref(), Some(plan));
}

#[test]
fn a_destination_that_answers_another_source_is_no_plan_of_this_one() {
    let world = offer(Dialect::OneInch1).locked();
    let source = world.source.as_ref().unwrap();
    let factory = &world.routes[1].factories[0];
    let own = planned(&world).immutables;
    type Change = fn(&mut Immutables);
    let changes: [(&str, Change); 5] = [
        ("order", |imm| imm.order_hash = OrderHash(B256::repeat_byte(9))),
        ("hashlock", |imm| imm.hashlock = Default::default()),
        ("maker", |imm| imm.maker = Address::repeat_byte(9).into()),
        ("token", |imm| imm.token = Address::repeat_byte(9).into()),
        ("amount", |imm| imm.amount -= U256::ONE),
    ];
    for (what, change) in changes {
        let mut immutables = own.clone();
        change(&mut immutables);
        let mut leg = created(&world, FILLED + 9);
        assert_eq!(recovered_plan(source, &leg, &immutables, factory), None, "not its escrow");
        settle(&mut leg, &immutables, factory);
        assert_eq!(recovered_plan(source, &leg, &immutables, factory), None, "another {what}");
        assert!(
            read_orphan(&leg, &immutables, factory).is_some(),
            "{what}: an escrow all the same"
        );
    }
    let mut leg = created(&world, FILLED + 9);
    leg.taker = US;
    assert_eq!(recovered_plan(source, &leg, &own, factory), None, "another taker in the event");
    leg.taker = CONTRACTS[1];
    assert!(recovered_plan(source, &leg, &own, factory).is_some());
    let mut elsewhere = source.clone();
    com(&mut elsewhere).chain_id = U256::from(A.0);
    assert_eq!(recovered_plan(&elsewhere, &leg, &own, factory), None, "asked for on another chain");
    let named = offer(Dialect::Bmn302).filled();
    assert_eq!(recovered_plan(&named, &leg, &own, factory), None, "nothing is stated");
}

#[test]
fn an_orphaned_destination_becomes_a_refused_order_of_its_own() {
    let world = offer(Dialect::OneInch1).locked();
    let factory = &world.routes[1].factories[0];
    let (leg, own) = (created(&world, FILLED + 9), planned(&world).immutables);
    let (order, plan) = read_orphan(&leg, &own, factory).unwrap();
    assert_eq!((plan.chain, plan.escrow, plan.source.escrow), (B, Some(leg.escrow), leg.escrow));
    assert_eq!((order.id.chain, order.id.contract, order.id.leaf), (B, leg.escrow, 0));
    assert_eq!(order.id.hash.0, B256::left_padding_from(leg.escrow.as_slice()), "nobody else's");
    assert_eq!(order.decision, Decision::Refused(vec![Refusal::Orphaned(leg.escrow)]));
    assert_eq!((order.destination_amount, order.destination_token), (own.amount, TOKEN));
    assert_eq!((order.destination_chain, order.destination_deposit), (B, own.safety_deposit));
    assert_eq!(order.times, world.order.times);
    let mut moved = leg.clone();
    moved.escrow = Address::repeat_byte(9);
    assert_eq!(read_orphan(&moved, &own, factory), None, "not bound to that");
}

#[test]
fn what_stands_in_no_row_is_never_filled_again_and_may_have_been_funded() {
    assert_eq!((RECOVERED.fill, RECOVERED.funding), (Attempt::Closed, Attempt::Live));
    let plan = planned(&offer(Dialect::OneInch1).locked());
    assert!(is_in_doubt(&RECOVERED, None));
    assert!(!is_in_doubt(&RECOVERED, Some(&plan)));
    for funding in [Attempt::Idle, Attempt::Closed] {
        assert!(!is_in_doubt(&Evidence { funding, ..RECOVERED }, None));
    }
}

#[test]
fn a_stranger_s_gift_is_worth_its_cancel_when_it_brings_four_times_the_gas() {
    let world = World::locked();
    let mut route = world.routes[0].clone();
    let bound = world.source.as_ref().unwrap().immutables().unwrap().clone();
    // 200 000 gas at 1 gwei and a coin of 1 are 200 micro units.
    let brings = |micros: u64| Immutables {
        amount: U256::from(micros) * U256::from(10).pow(U256::from(12)),
        safety_deposit: whole(1_000),
        ..bound.clone()
    };
    let gwei = 1_000_000_000;
    assert!(is_orphan_worth(&brings(801), &route, gwei));
    assert!(!is_orphan_worth(&brings(800), &route, gwei), "whatever its deposit says");
    assert!(is_orphan_worth(&brings(1), &route, 0));
    assert!(!is_orphan_worth(&brings(801), &route, u128::MAX), "no overflow");
    let unknown = Immutables { token: Address::repeat_byte(9).into(), ..brings(801) };
    assert!(!is_orphan_worth(&unknown, &route, gwei), "a token of nobody knows what");
    for place in [0, 1] {
        let price = std::mem::replace(&mut route.tokens[place].price, Price(0));
        assert!(!is_orphan_worth(&brings(801), &route, gwei), "without the price of {place}");
        route.tokens[place].price = price;
    }
}
