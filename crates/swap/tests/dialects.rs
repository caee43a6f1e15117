//! Dialects that our contract takes for: who takes, times that count from blocks, sources that are only
//! named, destinations whose block decides their address, deposits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod offers;

use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::ExtraData;
use bmn_primitives::{AddressWord, Dialect, Stage, Timelocks};
use bmn_swap::{
    Action, DestinationLeg, NamedTerms, Order, OrderTimes, Refusal, SourceLeg, SourceTerms,
    TimedAction, Timetable, Verdict, check_holdings, check_source, intend_destination,
    stated_terms, timetable_at,
};
use common::{A, B, FILLED, PACE, US, at, view, whole};
use offers::{CONTRACTS, DEPOSIT, OFFSETS, TAKEN_BY_CONTRACT, created, header, listed, offer};
use proptest::prelude::*;

#[test]
fn a_sound_order_of_every_dialect_is_taken_and_its_source_is_funded() {
    for dialect in TAKEN_BY_CONTRACT {
        let offer = offer(dialect);
        assert_eq!(offer.reasons(), [], "{dialect}");
        let world = offer.locked();
        let leg = world.source.as_ref().unwrap();
        assert_eq!(check_source(&world.order, leg, &world.terms()), [], "{dialect}");
        assert!(world.is_now(Action::FundDestination), "{dialect}");
    }
}

#[test]
fn the_contract_takes_where_the_signer_cannot_and_nobody_takes_what_is_indexed_only() {
    let world = offer(Dialect::OneInch1).world;
    let terms = world.terms();
    for dialect in Dialect::ALL {
        let expected = match dialect {
            Dialect::Bmn4 => [Some(US), Some(US)],
            Dialect::Bmn302 | Dialect::OneInch1 | Dialect::OneInch2 => CONTRACTS.map(Some),
            _ => [None, None],
        };
        assert_eq!([A, B].map(|chain| terms.taker(chain, dialect)), expected, "{dialect}");
    }
}

#[test]
fn a_chain_without_our_contract_is_named_with_the_key_to_set() {
    for dialect in TAKEN_BY_CONTRACT {
        for (place, chain) in [A, B].into_iter().enumerate() {
            let mut offer = offer(dialect);
            offer.world.routes[place].resolver = None;
            let reasons = offer.reasons();
            assert_eq!(reasons, [Refusal::NoTaker { chain, dialect }]);
            let text = reasons[0].to_string();
            assert!(
                text.contains("resolver_contract") && text.contains(&chain.to_string()),
                "{text}"
            );
        }
    }
}

#[test]
fn a_private_order_is_private_to_whoever_takes_it() {
    for dialect in TAKEN_BY_CONTRACT {
        let mut to_contract = offer(dialect);
        to_contract.words.maker_traits =
            to_contract.words.maker_traits.with_allowed_sender(CONTRACTS[0]);
        assert_eq!(to_contract.reasons(), []);
        let mut to_signer = offer(dialect);
        to_signer.words.maker_traits = to_signer.words.maker_traits.with_allowed_sender(US);
        let codes: Vec<_> = to_signer.reasons().iter().map(Refusal::code).collect();
        assert_eq!(codes, ["privateOrder"], "the signer is not who fills it");
    }
}

#[test]
fn a_source_escrow_of_the_signer_is_not_ours_where_the_contract_takes() {
    for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
        let mut world = offer(dialect).locked();
        common::imm(world.source.as_mut().unwrap()).taker = US.into();
        let leg = world.source.as_ref().unwrap();
        let reasons = check_source(&world.order, leg, &world.terms());
        assert!(reasons.contains(&Refusal::NotOurs(US.into())), "{reasons:?}");
        assert_eq!(world.when(Action::FundDestination), None);
    }
}

#[test]
fn only_resolvers_on_the_list_fill_and_not_before_their_time() {
    for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
        let mut foreign = offer(dialect);
        foreign.header = header(dialect, 0, &[listed(US, 0)]);
        let codes: Vec<_> = foreign.reasons().iter().map(Refusal::code).collect();
        assert_eq!(codes, ["badHeader"]);
        let mut short = offer(dialect);
        short.header.pop();
        assert_eq!(short.reasons().iter().map(Refusal::code).collect::<Vec<_>>(), ["badHeader"]);
        // The entry before ours waits 30 s and ours 7 more, which count for ourselves in one dialect.
        let mut later = offer(dialect);
        let opens = FILLED as u32 + 100;
        later.header = header(dialect, opens, &[listed(US, 30), listed(CONTRACTS[0], 7)]);
        assert_eq!(later.reasons(), [], "too early is no reason against it");
        let mut world = offer(dialect).world;
        (world.order, world.source) = (later.order(), None);
        let opens = u64::from(opens) + if dialect == Dialect::OneInch1 { 37 } else { 30 };
        world.set_time(20, 120, opens - PACE.block_time - 1);
        assert!(matches!(world.when(Action::Fill), Some(bmn_swap::When::Wake(_))));
        world.set_time(20, 120, opens - PACE.block_time);
        assert!(world.is_now(Action::Fill));
    }
    let mut tomorrow = offer(Dialect::OneInch1);
    tomorrow.header = header(Dialect::OneInch1, FILLED as u32 + 80_000, &[listed(CONTRACTS[0], 0)]);
    let codes: Vec<_> = tomorrow.reasons().iter().map(Refusal::code).collect();
    assert_eq!(codes, ["opensLater"], "a price and a balance are not held for a day");
    let mut calls = offer(Dialect::OneInch2);
    calls.header.extend([9; 20]);
    let reasons = calls.reasons();
    assert!(reasons[0].to_string().contains("do not know"), "{reasons:?}");
}

#[test]
fn an_order_of_offsets_is_kept_open_no_longer_than_a_window_lasts() {
    let mut world = offer(Dialect::OneInch1).world;
    let mut expiring = offer(Dialect::OneInch1);
    world.order = expiring.order();
    world.source = None;
    world.set_time(20, 120, FILLED - 2 + world.policy.max_window);
    assert!(world.is_now(Action::Fill) && !world.plan().give_up_fill);
    world.set_time(20, 120, FILLED - 1 + world.policy.max_window);
    assert!(world.plan().give_up_fill);
    expiring.words.maker_traits = expiring.words.maker_traits.with_expiration(FILLED + 50);
    world.order = expiring.order();
    let last = FILLED + 50 - PACE.inclusion;
    world.set_time(20, 120, last);
    assert!(world.is_now(Action::Fill));
    world.set_time(20, 120, last + 1);
    assert!(world.plan().give_up_fill);
}

fn fund_by(table: &Timetable) -> u64 {
    table.slot(TimedAction::FundDestination).unwrap().latest.unwrap()
}

#[test]
fn windows_that_count_from_the_creation_are_judged_for_the_latest_creation() {
    let order = offer(Dialect::OneInch1).order();
    let world = offer(Dialect::OneInch1).world;
    let before = FILLED - PACE.inclusion;
    let table = timetable_at(&order, None, before, &world.terms()).unwrap();
    let latest = fund_by(&table) + PACE.inclusion;
    assert_eq!(latest + u64::from(OFFSETS[6]), table.dst_cancellation_by);
    let ends = FILLED + u64::from(OFFSETS[2]);
    assert_eq!(table.dst_cancellation_by, ends - 2 * PACE.settle() - PACE.inclusion - PACE.skew);
    let short = |offsets: [u32; 7]| {
        let times = OrderTimes::Offsets(Timelocks::pack(0, offsets));
        let order = Order { times, ..order.clone() };
        let table = timetable_at(&order, None, FILLED, &world.terms()).unwrap();
        match table.verdict {
            Verdict::Short { step, seconds } => Some((step, seconds)),
            Verdict::Fits { .. } => None,
            Verdict::Malformed { fault } => panic!("{fault}"),
        }
    };
    let mut cases = [OFFSETS; 4];
    cases[0][6] = 867;
    cases[1][4..].copy_from_slice(&[10, 20, 41]);
    cases[2][4..6].fill(600 - 11);
    cases[3][..2].fill(900 - 12);
    let expected = [
        (TimedAction::FundDestination, 1),
        (TimedAction::Disclose, 2),
        (TimedAction::WithdrawDestination, 2),
        (TimedAction::WithdrawSource, 1),
    ];
    assert_eq!(cases.map(short), expected.map(Some));
    // No permission lets the maker withdraw alone: how long others could is nothing to him.
    let mut others = OFFSETS;
    others[5] = 600 - 1;
    assert_eq!(short(others), None);
    assert_eq!(short(OFFSETS), None);
}

#[test]
fn funding_ends_when_its_destination_would_outlive_the_source() {
    let mut world = offer(Dialect::OneInch2).locked();
    let table = timetable_at(&world.order, world.source.as_ref(), FILLED, &world.terms()).unwrap();
    let by = fund_by(&table);
    world.set_time(100, 200, by - PACE.block_time);
    assert!(world.is_now(Action::FundDestination));
    world.set_time(100, 200, by - PACE.block_time + 1);
    assert_eq!(world.when(Action::FundDestination), None);
}

#[test]
fn a_named_source_is_believed_when_order_event_and_block_give_its_address() {
    let offer = offer(Dialect::Bmn302);
    let (order, leg) = (offer.order(), offer.filled());
    let factory = &offer.world.routes[0].factories[0];
    let Some(SourceTerms::Stated { immutables, complement }) = stated_terms(&order, &leg, factory)
    else {
        panic!("not believed")
    };
    assert_eq!(immutables.taker, AddressWord::from(CONTRACTS[0]));
    assert_eq!(immutables.timelocks.at(Stage::SrcCancellation), FILLED + 600);
    assert_eq!((complement.amount, complement.chain_id), (whole(990), U256::from(B.0)));
    type Change = fn(&mut SourceLeg);
    let named = |leg: &mut SourceLeg, change: fn(&mut NamedTerms)| {
        let SourceTerms::Named(named) = &mut leg.terms else { panic!() };
        change(named);
    };
    let changes: [(&str, Change); 4] = [
        ("another block's time", |leg| leg.created = at(10, FILLED + 1)),
        ("another escrow", |leg| leg.swap.escrow = Address::repeat_byte(1)),
        ("another factory", |leg| leg.factory = Address::repeat_byte(1)),
        ("no fill", |leg| leg.fill = None),
    ];
    for (what, change) in changes {
        let mut leg = leg.clone();
        change(&mut leg);
        assert_eq!(stated_terms(&order, &leg, factory), None, "{what}");
    }
    type Rename = fn(&mut NamedTerms);
    let changes: [(&str, Rename); 4] = [
        ("another taker", |named| named.taker = Some(US.into())),
        ("another amount", |named| named.amount = Some(whole(999))),
        ("another order", |named| named.order_hash = Some(Default::default())),
        ("another hashlock", |named| named.hashlock = Some(Default::default())),
    ];
    for (what, change) in changes {
        let mut leg = leg.clone();
        named(&mut leg, change);
        assert_eq!(stated_terms(&order, &leg, factory), None, "{what}");
    }
}

#[test]
fn a_destination_binds_by_its_blocks_time_and_to_nothing_that_only_repeats_it() {
    for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
        let world = offer(dialect).locked();
        let source = world.source.as_ref().unwrap();
        let plan = intend_destination(&world.order, source, &world.terms(), FILLED + 6).unwrap();
        assert_eq!((plan.escrow, plan.dst_cancellation()), (None, None));
        assert_eq!(plan.immutables.taker, AddressWord::from(CONTRACTS[1]));
        let stated = source.stated().unwrap().1;
        assert_eq!(plan.immutables.parameters, stated.parameters, "fees are carried as they are");
        let factory = &world.routes[1].factories[0];
        let time = FILLED + 9;
        let leg = created(&world, time);
        let bound = plan.bound_to(&leg, factory).unwrap();
        assert_eq!(bound.escrow, Some(leg.escrow));
        assert_eq!(bound.dst_cancellation(), Some(time + u64::from(OFFSETS[6])));
        // Re-mined at another time it is another escrow, and the same plan.
        let again = created(&world, time + 2);
        assert_ne!(again.escrow, leg.escrow);
        assert_eq!(bound.bound_to(&again, factory).unwrap().escrow, Some(again.escrow));
        assert_eq!(bound.unbound(dialect), plan);
        for change in [
            |leg: &mut DestinationLeg| leg.escrow = Address::repeat_byte(1),
            |leg: &mut DestinationLeg| leg.created = at(104, FILLED + 10),
            |leg: &mut DestinationLeg| leg.factory = Address::repeat_byte(1),
            |leg: &mut DestinationLeg| leg.chain = A,
        ] {
            let mut stranger = leg.clone();
            change(&mut stranger);
            assert_eq!(plan.bound_to(&stranger, factory), None);
        }
    }
}

#[test]
fn what_is_bound_is_withdrawn_and_cancelled_in_the_windows_of_its_own_block() {
    let mut world = offer(Dialect::OneInch1).locked();
    let source = world.source.as_ref().unwrap();
    let plan = intend_destination(&world.order, source, &world.terms(), FILLED + 6).unwrap();
    let time = FILLED + 40;
    let leg = created(&world, time);
    world.intended = plan.bound_to(&leg, &world.routes[1].factories[0]);
    world.destination = Some(leg);
    world.evidence.secret = bmn_swap::SecretKnowledge::Sealed;
    let opens = time + u64::from(OFFSETS[4]);
    world.b = view(120, opens - PACE.block_time - 1);
    world.a = view(40, opens - PACE.block_time - 1);
    assert!(!world.is_now(Action::WithdrawDestination));
    world.b = view(120, opens - PACE.block_time);
    assert!(world.is_now(Action::WithdrawDestination));
    assert_eq!(world.when(Action::Permit), None, "there is no such function");
    let ends = time + u64::from(OFFSETS[6]);
    world.b = view(400, ends - PACE.block_time - 1);
    assert!(!world.is_now(Action::CancelDestination));
    world.b = view(400, ends - PACE.block_time);
    assert!(world.is_now(Action::CancelDestination));
}

#[test]
fn a_source_deposit_is_paid_where_the_dialect_holds_one_and_refused_where_it_locks_the_escrow() {
    let mut bmn = offer(Dialect::Bmn302);
    bmn.extra.deposits = ExtraData::pack_deposits(Dialect::Bmn302, 1, 5);
    let codes: Vec<_> = bmn.reasons().iter().map(Refusal::code).collect();
    assert_eq!(codes, ["sourceDeposit"]);
    let mut poor = offer(Dialect::OneInch1);
    poor.facts.free_source_native -= U256::ONE;
    let needed = U256::from(DEPOSIT);
    let available = needed - U256::ONE;
    let short = Refusal::Inventory { chain: A, token: Address::ZERO, available, needed };
    assert_eq!(poor.reasons(), [short]);
    let mut world = offer(Dialect::OneInch1).locked();
    common::imm(world.source.as_mut().unwrap()).safety_deposit += U256::ONE;
    let leg = world.source.as_ref().unwrap();
    let reasons = check_source(&world.order, leg, &world.terms());
    assert_eq!(reasons, [Refusal::Mismatch { field: "safetyDeposit".to_owned() }]);
}

#[test]
fn a_source_that_holds_less_than_it_promises_is_not_funded() {
    let world = offer(Dialect::OneInch1).locked();
    let immutables = world.source.as_ref().unwrap().immutables().unwrap();
    let (amount, deposit) = (immutables.amount, immutables.safety_deposit);
    assert_eq!(check_holdings(immutables, amount, deposit), Ok(()));
    assert!(check_holdings(immutables, amount - U256::ONE, deposit).is_err());
    assert!(check_holdings(immutables, amount, deposit - U256::ONE).is_err());
}

#[test]
fn fees_that_make_the_destination_unpayable_are_a_reason() {
    let sound = offer(Dialect::OneInch2).locked();
    let word = |n: U256| n.to_be_bytes::<32>();
    let fees = |protocol: U256, integrator: U256, recipient: u64| -> Bytes {
        [word(protocol), word(integrator), word(U256::from(recipient)), word(U256::ONE)]
            .concat()
            .into()
    };
    let amount = whole(990);
    let cases = [
        (fees(U256::ONE, amount - U256::ONE, 9), false),
        (fees(U256::ONE, amount, 9), true),
        (fees(U256::MAX, U256::MAX, 9), true),
        (fees(U256::ONE, U256::ZERO, 0), true),
        (fees(U256::ZERO, U256::ZERO, 0), false),
        (Bytes::from(vec![0; 127]), true),
        (Bytes::new(), true),
    ];
    for (parameters, refused) in cases {
        let mut leg = sound.source.clone().unwrap();
        common::com(&mut leg).parameters = parameters.clone();
        let reasons = check_source(&sound.order, &leg, &sound.terms());
        let found = reasons.iter().any(|reason| reason.code() == "badFees");
        assert_eq!(found, refused, "{parameters}: {reasons:?}");
    }
}

proptest! {
    /// M2: whatever the offsets, what fits leaves every later step its time wherever the destination
    /// is created before the timetable's limit.
    #[test]
    fn whatever_fits_leaves_every_step_its_time(
        offsets in proptest::array::uniform7(prop_oneof![0u32..3_000, any::<u32>()]),
        early in 0u64..2_000,
    ) {
        let world = offer(Dialect::OneInch1).world;
        let times = OrderTimes::Offsets(Timelocks::pack(0, offsets));
        let order = Order { times, ..offer(Dialect::OneInch1).order() };
        let before = FILLED - PACE.inclusion;
        let table = timetable_at(&order, None, before, &world.terms()).unwrap();
        if table.fits() {
            let created = (fund_by(&table) + PACE.inclusion).saturating_sub(early).max(FILLED);
            let locks = Timelocks::pack(created as u32, offsets);
            let source = Timelocks::pack(FILLED as u32, offsets);
            let (window, end) = (locks.dst_withdraw(), source.src_withdraw().end);
            prop_assert!(window.start + PACE.inclusion <= window.end - PACE.inclusion);
            prop_assert!(created + PACE.settle() + 30 + PACE.inclusion <= window.end);
            prop_assert!(window.end + PACE.settle() + PACE.settle() + PACE.inclusion <= end);
            prop_assert!(window.end <= end, "the factory would refuse it");
            prop_assert!(source.src_withdraw().start + PACE.inclusion <= end);
        }
    }
}
