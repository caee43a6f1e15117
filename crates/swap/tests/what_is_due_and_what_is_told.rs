//! What the plan wants at the edges: permissions, clocks that differ, orders read back from a chain, chains
//! that are not served, and what a person is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod offers;

use alloy::primitives::{Address, Bytes};
use bmn_primitives::{ChainId, Dialect, SwapId};
use bmn_swap::{
    ALARM_INCLUSIONS, Action, Alarm, Attempt, EscrowEnd, Evidence, Origin, Overdue, Permission,
    Plan, RECOVERED, SecretKnowledge, Status, SwapView, TimedAction, Wake, When,
    intend_destination, plan, timetable_at,
};
use common::{A, B, FILLED, MAKER, PACE, SRC_CANCELLATION, World, at, refused, view, withdrawn};
use offers::offer;

fn late(world: &mut World, time: u64) {
    world.set_time(10_000, 20_000, time);
}

/// The plan of a world with what [`World::plan`] leaves out.
fn plan_of(world: &World, permission: Option<&Permission>, served: bool) -> Plan {
    let view = SwapView {
        order: &world.order,
        source: world.source.as_ref(),
        destination: world.destination.as_ref(),
        intended: world.intended.as_ref(),
        permission,
        evidence: world.evidence,
        source_chain: world.a,
        destination_chain: served.then_some(world.b),
    };
    plan(&view, &world.terms())
}

fn due(plan: &Plan) -> Vec<(Action, When)> {
    plan.due.iter().map(|due| (due.key.action, due.when.clone())).collect()
}

#[test]
fn the_maker_gets_his_permission_once_his_destination_is_confirmed_and_only_once() {
    let mut world = World::funded();
    let escrow = world.destination.as_ref().unwrap().escrow;
    let permit = |world: &World, permission: Option<&Permission>| {
        let plan = plan_of(world, permission, true);
        plan.due.into_iter().find(|due| due.key.action == Action::Permit)
    };
    world.set_time(13, 105, FILLED + 10);
    let wake = Wake::Height { chain: B, number: 106 };
    assert_eq!(permit(&world, None).unwrap().when, When::Wake(vec![wake]));
    world.set_time(13, 106, FILLED + 12);
    let wanted = permit(&world, None).unwrap();
    assert_eq!((wanted.when, wanted.key.escrow, wanted.key.chain), (When::Now, escrow, B));
    let signed = |escrow| Permission { escrow, caller: MAKER, signature: Bytes::new() };
    assert_eq!(permit(&world, Some(&signed(escrow))), None);
    let reorged_out = signed(Address::repeat_byte(9));
    assert!(permit(&world, Some(&reorged_out)).is_some(), "that was for another escrow");
}

#[test]
fn a_refused_source_for_a_chain_that_is_not_served_is_given_back_all_the_same() {
    let mut world = World::locked();
    world.order.destination_chain = ChainId(99);
    refused(&mut world.order, bmn_swap::Refusal::DirectOff);
    late(&mut world, SRC_CANCELLATION - 3);
    let wake = When::Wake(vec![Wake::Time { chain: A, time: SRC_CANCELLATION }]);
    let plan = plan_of(&world, None, false);
    assert_eq!((plan.status, due(&plan)), (Status::Refunding, vec![(Action::CancelSource, wake)]));
    late(&mut world, SRC_CANCELLATION - 2);
    assert_eq!(due(&plan_of(&world, None, false)), [(Action::CancelSource, When::Now)]);
    world.evidence.cancel_impossible = true;
    let plan = plan_of(&world, None, false);
    assert_eq!((plan.status, due(&plan)), (Status::Refused, vec![]));
    // An order that was taken while its chain was served waits until it is served again.
    let mut taken = World::funded();
    taken.end_destination(EscrowEnd::Cancelled, at(300, FILLED + 500));
    late(&mut taken, SRC_CANCELLATION + 100);
    assert_eq!(due(&plan_of(&taken, None, false)), []);
    assert!(taken.is_now(Action::CancelSource));
}

#[test]
fn a_destination_that_somebody_took_before_its_window_is_told_with_the_seconds() {
    let told = |early: i64, end: EscrowEnd| {
        let mut world = World::funded();
        let opens = world.dst_cancellation();
        world.end_destination(end, at(300, opens.checked_add_signed(-early).unwrap()));
        world.plan().alarms
    };
    assert_eq!(told(7, EscrowEnd::Cancelled), [Alarm::DestinationTaken { seconds_early: 7 }]);
    assert_eq!(told(1, EscrowEnd::Cancelled), [Alarm::DestinationTaken { seconds_early: 1 }]);
    assert_eq!(told(0, EscrowEnd::Cancelled), []);
    assert_eq!(told(-5, EscrowEnd::Cancelled), []);
    assert_eq!(told(7, withdrawn()), [], "it was paid");
}

#[test]
fn money_that_is_where_it_should_not_be_is_told() {
    let mut exposed = World::funded();
    exposed.source = None;
    assert_eq!(exposed.plan().alarms, [Alarm::Status(Status::Exposed)]);
    let mut lost = World::funded();
    lost.end_destination(withdrawn(), at(300, FILLED + 90));
    lost.end_source(EscrowEnd::Cancelled, at(300, SRC_CANCELLATION));
    assert_eq!(lost.plan().alarms, [Alarm::Status(Status::Lost)]);
    assert_eq!(lost.plan().due, []);
    assert_eq!(World::funded().plan().alarms, []);
    let mut missed = World::funded();
    missed.end_destination(withdrawn(), at(300, FILLED + 90));
    late(&mut missed, SRC_CANCELLATION);
    let rescue_at = FILLED + 604_800;
    assert_eq!(missed.plan().alarms, [Alarm::SourceWindowMissed { rescue_at }]);
    // A factory that is no longer configured is taken for the slowest one known.
    missed.source.as_mut().unwrap().factory = Address::repeat_byte(9);
    let rescue_at = FILLED + 691_200;
    assert_eq!(missed.plan().alarms, [Alarm::SourceWindowMissed { rescue_at }]);
}

#[test]
fn a_direct_source_that_a_reorg_removed_is_given_up_when_it_could_be_cancelled() {
    let mut world = World::locked();
    world.source = None;
    late(&mut world, SRC_CANCELLATION - PACE.block_time - 1);
    let plan = world.plan();
    assert_eq!((plan.status, plan.give_up_fill, due(&plan)), (Status::Accepted, false, vec![]));
    late(&mut world, SRC_CANCELLATION - PACE.block_time);
    assert!(world.plan().give_up_fill);
}

#[test]
fn a_fill_that_is_too_late_is_given_up_unless_it_may_still_be_mined() {
    for dialect in [Dialect::Bmn302, Dialect::OneInch1] {
        let mut world = offer(dialect).world;
        world.order = offer(dialect).order();
        world.source = None;
        world.set_time(9, 100, FILLED - 2);
        assert!(world.is_now(Action::Fill) && !world.plan().give_up_fill, "{dialect}");
        let key = world.plan().due[0].key;
        assert_eq!((key.chain, key.escrow), (A, Address::ZERO));
        let window = world.policy.max_window;
        late(&mut world, FILLED + window + 100);
        for (fill, given_up) in [(Attempt::Idle, true), (Attempt::Live, false)] {
            world.evidence.fill = fill;
            let plan = world.plan();
            assert_eq!((plan.give_up_fill, due(&plan)), (given_up, vec![]), "{dialect} {fill:?}");
        }
    }
}

/// A source that could be funded now, with a plan for it.
fn fundable() -> World {
    let mut world = World::locked();
    world.set_time(13, 103, FILLED + 6);
    let source = world.source.as_ref().unwrap();
    world.intended = intend_destination(&world.order, source, &world.terms(), FILLED + 6);
    assert!(world.intended.is_some() && world.is_now(Action::FundDestination));
    world
}

#[test]
fn a_funding_is_repeated_for_its_own_source_and_never_beside_one_for_another() {
    for funding in [Attempt::Idle, Attempt::Live, Attempt::Closed] {
        let mut world = fundable();
        world.evidence.funding = funding;
        assert_eq!(world.is_now(Action::FundDestination), funding != Attempt::Closed);
        world.intended.as_mut().unwrap().source = SwapId { chain: A, escrow: Address::ZERO };
        let idle = funding == Attempt::Idle;
        assert_eq!(world.is_now(Action::FundDestination), idle, "{funding:?} for another source");
        world.intended = None;
        assert_eq!(world.is_now(Action::FundDestination), idle, "{funding:?} without a plan");
    }
}

#[test]
fn nothing_is_funded_when_either_clock_is_past_the_last_safe_moment() {
    let mut world = fundable();
    world.a = view(1_000, SRC_CANCELLATION - 20);
    assert_eq!(world.when(Action::FundDestination), None, "the source's");
    let mut world = fundable();
    world.b = view(1_000, SRC_CANCELLATION - 20);
    assert_eq!(world.when(Action::FundDestination), None, "the destination's");
}

#[test]
fn what_was_read_back_from_a_chain_is_never_funded_and_given_back_when_no_block_can_pay_any_more() {
    let mut world = World::locked();
    world.order.origin = Origin::Recovered(None);
    world.evidence = RECOVERED;
    late(&mut world, FILLED + 6);
    assert_eq!(due(&world.plan()), [], "a funding that we forgot may be under way");
    late(&mut world, SRC_CANCELLATION + 10_000);
    assert_eq!(due(&world.plan()), []);
    world.evidence = Evidence { funding: Attempt::Closed, ..RECOVERED };
    let over = SRC_CANCELLATION + PACE.settle() + PACE.block_time;
    let cancel = |world: &World| match &due(&world.plan())[..] {
        [(Action::CancelSource, when)] => when.clone(),
        other => panic!("{other:?}"),
    };
    world.a = view(10_000, SRC_CANCELLATION + 100);
    world.b = view(20_000, over - PACE.block_time - 1);
    assert_eq!(cancel(&world), When::Wake(vec![Wake::Time { chain: B, time: over }]));
    world.b = view(20_000, over - PACE.block_time);
    assert_eq!(cancel(&world), When::Now);
    world.a = view(10_000, SRC_CANCELLATION - PACE.block_time - 1);
    assert_eq!(cancel(&world), When::Wake(vec![Wake::Time { chain: A, time: SRC_CANCELLATION }]));
    // The same of an order that no reorg and no crash touched: its own clock is enough.
    let mut own = World::locked();
    own.a = view(10_000, SRC_CANCELLATION + 100);
    own.b = view(20_000, FILLED + 600);
    assert!(own.is_now(Action::CancelSource));
    let mut unfunded = fundable();
    unfunded.order.origin = Origin::Recovered(None);
    assert_eq!(unfunded.when(Action::FundDestination), None);
}

#[test]
fn a_maker_whose_source_we_have_is_paid_until_his_window_ends_and_then_it_is_taken_back() {
    let owing = |secret, next: u64| {
        let mut world = World::funded();
        world.end_source(withdrawn(), at(20, FILLED + 30));
        world.evidence.secret = secret;
        world.b = view(20_000, next - PACE.block_time);
        assert_eq!(world.plan().status, Status::Owing);
        (world.when(Action::WithdrawDestination), world.is_now(Action::CancelDestination))
    };
    let end = World::funded().dst_cancellation();
    for secret in [SecretKnowledge::Sealed, SecretKnowledge::Public] {
        assert_eq!(owing(secret, end - 1), (Some(When::Now), false));
        assert_eq!(owing(secret, end), (None, true));
        assert_eq!(owing(secret, end + 1), (None, true));
        let opens = When::Wake(vec![Wake::Time { chain: B, time: FILLED + 60 }]);
        assert_eq!(owing(secret, FILLED + 59), (Some(opens), false));
    }
    assert_eq!(owing(SecretKnowledge::Unknown, end - 1), (None, false));
}

#[test]
fn the_secret_is_told_for_the_source_that_the_destination_answers_and_no_other() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Sealed;
    late(&mut world, FILLED + 100);
    assert!(world.is_now(Action::WithdrawDestination));
    world.intended.as_mut().unwrap().source.escrow = Address::repeat_byte(9);
    assert_eq!(world.when(Action::WithdrawDestination), None);
}

#[test]
fn the_secret_is_told_to_the_last_second_that_leaves_the_source_its_time() {
    let told = |a: u64, b: u64| {
        let mut world = World::funded();
        world.evidence.secret = SecretKnowledge::Sealed;
        (world.a, world.b) = (view(10_000, a - PACE.block_time), view(20_000, b - PACE.block_time));
        world.is_now(Action::WithdrawDestination)
    };
    let ends = World::funded().dst_cancellation();
    let last = ends - 1 - PACE.inclusion;
    assert!(told(FILLED + 100, last) && !told(FILLED + 100, last + 1));
    // Paid and settled over there, withdrawn and settled over here, before the source's window ends.
    let source_last = SRC_CANCELLATION - PACE.settle() - PACE.inclusion - PACE.settle() - 1;
    assert!(told(source_last, FILLED + 100) && !told(source_last + 1, FILLED + 100));
}

#[test]
fn an_unconfirmed_payment_is_waited_for_until_the_source_must_be_withdrawn() {
    let mut world = World::funded();
    world.end_destination(withdrawn(), at(300, SRC_CANCELLATION - 20));
    let urgent = SRC_CANCELLATION - 1 - PACE.inclusion - PACE.settle();
    world.set_time(300, 301, urgent - PACE.block_time - 1);
    let either =
        vec![Wake::Height { chain: B, number: 303 }, Wake::Time { chain: A, time: urgent }];
    assert_eq!(world.when(Action::WithdrawSource), Some(When::Wake(either)));
    world.set_time(300, 301, urgent - PACE.block_time);
    assert!(world.is_now(Action::WithdrawSource));
}

#[test]
fn a_step_that_is_due_and_not_mined_is_told_three_inclusions_before_its_last_safe_moment() {
    let told = |next: u64, confirmed: bool| {
        let mut world = World::funded();
        world.end_destination(withdrawn(), at(300, SRC_CANCELLATION - 60));
        let head = if confirmed { 20_000 } else { 301 };
        world.a = view(10_000, next - PACE.block_time);
        world.b = view(head, next - PACE.block_time);
        assert_eq!(world.is_now(Action::WithdrawSource), confirmed);
        world.plan().alarms
    };
    let latest = SRC_CANCELLATION - 1 - PACE.inclusion - PACE.settle();
    let from = latest - ALARM_INCLUSIONS * PACE.inclusion;
    assert_eq!(told(from - 1, true), []);
    let seconds_left = Some(SRC_CANCELLATION - from);
    let missing = Overdue { action: TimedAction::WithdrawSource, seconds_left };
    assert_eq!(told(from, true), [Alarm::Overdue(missing)]);
    assert_eq!(told(from, false), [], "what waits for something is not missing");
}

#[test]
fn what_would_put_money_in_and_what_strangers_may_make_for_nothing_is_never_overdue() {
    let mut world = fundable();
    let terms = world.terms();
    let now = world.a.head.time;
    let table = timetable_at(&world.order, world.source.as_ref(), now, &terms).unwrap();
    let latest = table.slot(TimedAction::FundDestination).unwrap().latest.unwrap();
    late(&mut world, latest - PACE.block_time);
    assert!(world.is_now(Action::FundDestination));
    assert_eq!(world.plan().alarms, []);
    let mut taken = World::locked();
    late(&mut taken, SRC_CANCELLATION + 10_000);
    let forgotten = Overdue { action: TimedAction::CancelSource, seconds_left: None };
    assert_eq!(taken.plan().alarms, [Alarm::Overdue(forgotten)]);
    refused(&mut taken.order, bmn_swap::Refusal::DirectOff);
    assert!(taken.is_now(Action::CancelSource));
    assert_eq!(taken.plan().alarms, []);
}
