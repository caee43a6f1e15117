//! Design rule M10, one test per case: when the source may be withdrawn, cancelled or rescued, and
//! when the destination may be opened.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use bmn_swap::{Action, Attempt, EscrowEnd, SecretKnowledge, Status, Wake, When};
use common::{A, B, FILLED, SRC_CANCELLATION, World, at, refused, withdrawn};

fn late(world: &mut World, time: u64) {
    world.set_time(10_000, 20_000, time);
}

#[test]
fn a_public_secret_alone_never_opens_the_source() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Public;
    late(&mut world, FILLED + 100);
    assert_eq!(world.plan().status, Status::SecretKnown);
    assert_eq!(world.when(Action::WithdrawSource), None);
    assert!(world.is_now(Action::WithdrawDestination));
}

#[test]
fn the_source_is_withdrawn_once_the_payment_is_confirmed() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Public;
    world.end_destination(withdrawn(), at(140, FILLED + 80));
    world.set_time(60, 142, FILLED + 84);
    let Some(When::Wake(wakes)) = world.when(Action::WithdrawSource) else {
        panic!("one confirmation is missing")
    };
    assert!(wakes.contains(&Wake::Height { chain: B, number: 143 }));
    world.set_time(60, 143, FILLED + 86);
    assert!(world.is_now(Action::WithdrawSource));
}

#[test]
fn a_closing_source_window_does_not_wait_for_confirmations() {
    let mut world = World::funded();
    world.end_destination(withdrawn(), at(300, SRC_CANCELLATION - 30));
    world.set_time(300, 300, SRC_CANCELLATION - 12);
    assert!(world.is_now(Action::WithdrawSource));
}

#[test]
fn the_source_is_never_withdrawn_after_our_destination_was_cancelled() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Public;
    let cancelled_at = world.dst_cancellation();
    world.end_destination(EscrowEnd::Cancelled, at(300, cancelled_at));
    for time in [cancelled_at + 2, SRC_CANCELLATION - 1, SRC_CANCELLATION + 100] {
        late(&mut world, time);
        assert_eq!(world.when(Action::WithdrawSource), None, "at {time}");
        assert_eq!(world.when(Action::RescueSource), None, "at {time}");
    }
}

#[test]
fn the_source_is_cancelled_when_no_destination_was_ever_funded() {
    let mut world = World::locked();
    late(&mut world, SRC_CANCELLATION - 3);
    let expected = When::Wake(vec![Wake::Time { chain: A, time: SRC_CANCELLATION }]);
    assert_eq!(world.when(Action::CancelSource), Some(expected));
    late(&mut world, SRC_CANCELLATION - 2);
    assert!(world.is_now(Action::CancelSource), "the next block is inside the window");
}

#[test]
fn the_source_is_not_cancelled_while_our_funding_may_still_be_mined() {
    let mut world = World::locked();
    world.evidence.funding = Attempt::Live;
    late(&mut world, SRC_CANCELLATION + 50);
    assert_eq!(world.when(Action::CancelSource), None);
    world.evidence.funding = Attempt::Idle;
    assert!(world.is_now(Action::CancelSource));
}

#[test]
fn the_source_is_not_cancelled_while_our_destination_can_be_paid() {
    let mut world = World::funded();
    let settled = world.dst_cancellation() + common::PACE.settle();
    world.a = common::view(10_000, SRC_CANCELLATION + 50);
    world.b = common::view(20_000, settled - 1);
    let Some(When::Wake(wakes)) = world.when(Action::CancelSource) else { panic!("not yet") };
    assert_eq!(wakes, [Wake::Time { chain: B, time: settled + common::PACE.block_time }]);
    assert!(world.is_now(Action::CancelDestination));
    world.b = common::view(20_000, settled);
    assert!(world.is_now(Action::CancelSource), "no block can pay it any more");
}

#[test]
fn a_maker_whose_source_was_taken_too_early_is_paid() {
    let mut world = World::funded();
    world.end_source(withdrawn(), at(20, FILLED + 30));
    world.evidence.secret = SecretKnowledge::Public;
    late(&mut world, FILLED + 100);
    assert_eq!(world.plan().status, Status::Owing);
    assert!(world.is_now(Action::WithdrawDestination));
    assert_eq!(world.when(Action::WithdrawSource), None);
}

#[test]
fn the_source_is_cancelled_once_the_refund_of_the_destination_is_confirmed() {
    let mut world = World::funded();
    let cancelled_at = world.dst_cancellation();
    world.end_destination(EscrowEnd::Cancelled, at(300, cancelled_at));
    world.set_time(500, 302, SRC_CANCELLATION + 50);
    let expected = When::Wake(vec![Wake::Height { chain: B, number: 303 }]);
    assert_eq!(world.when(Action::CancelSource), Some(expected));
    world.set_time(500, 303, SRC_CANCELLATION + 50);
    assert!(world.is_now(Action::CancelSource));
}

#[test]
fn a_paid_swap_whose_source_window_was_missed_is_held_and_rescued() {
    let mut world = World::funded();
    world.end_destination(withdrawn(), at(300, SRC_CANCELLATION - 20));
    late(&mut world, SRC_CANCELLATION + 50);
    assert_eq!(world.when(Action::CancelSource), None, "cancelling would pay twice");
    assert_eq!(world.when(Action::WithdrawSource), None, "the window is over");
    let rescue = Wake::Time { chain: A, time: FILLED + 604_800 };
    assert_eq!(world.when(Action::RescueSource), Some(When::Wake(vec![rescue])));
    late(&mut world, FILLED + 604_800);
    assert!(world.is_now(Action::RescueSource));
}

#[test]
fn source_principal_is_never_rescued_unless_the_destination_was_paid() {
    let ends =
        [None, Some(EscrowEnd::Cancelled), Some(EscrowEnd::Rescued { token: common::TOKEN })];
    for end in ends {
        for secret in [SecretKnowledge::Unknown, SecretKnowledge::Public] {
            let mut world = World::funded();
            world.evidence.secret = secret;
            if let Some(end) = end {
                world.end_destination(end, at(300, FILLED + 500));
            }
            late(&mut world, FILLED + 700_000);
            assert_eq!(world.when(Action::RescueSource), None, "{end:?} {secret:?}");
        }
    }
    let mut alone = World::locked();
    late(&mut alone, FILLED + 700_000);
    assert_eq!(alone.when(Action::RescueSource), None);
}

#[test]
fn the_destination_is_opened_only_when_both_legs_are_confirmed_and_its_window_is_open() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Sealed;
    let waits_for = |world: &World| match world.when(Action::WithdrawDestination) {
        Some(When::Wake(wakes)) => wakes,
        other => panic!("{other:?}"),
    };
    world.set_time(12, 105, FILLED + 100);
    assert_eq!(waits_for(&world), [Wake::Height { chain: B, number: 106 }]);
    world.set_time(12, 106, FILLED + 100);
    assert_eq!(waits_for(&world), [Wake::Height { chain: A, number: 13 }]);
    world.set_time(13, 106, FILLED + 57);
    assert_eq!(waits_for(&world), [Wake::Time { chain: B, time: FILLED + 60 }]);
    world.set_time(13, 106, FILLED + 58);
    assert!(world.is_now(Action::WithdrawDestination));
}

#[test]
fn the_destination_is_not_opened_when_the_source_could_no_longer_be_withdrawn_after_it() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Sealed;
    let ends = world.dst_cancellation();
    late(&mut world, ends - 12);
    assert!(world.is_now(Action::WithdrawDestination));
    late(&mut world, ends - 7);
    assert_eq!(world.when(Action::WithdrawDestination), None, "too late to be mined in time");
    // The source chain's clock runs ahead: its window is nearly over although ours is open.
    world.a = common::view(10_000, SRC_CANCELLATION - 14);
    world.b = common::view(20_000, ends - 60);
    assert_eq!(world.when(Action::WithdrawDestination), None);
}

#[test]
fn a_secret_that_comes_after_the_refund_gives_the_source_back_all_the_same() {
    let mut world = World::funded();
    world.end_destination(EscrowEnd::Cancelled, at(300, world.dst_cancellation()));
    world.evidence.secret = SecretKnowledge::Sealed;
    late(&mut world, SRC_CANCELLATION);
    assert_eq!(world.plan().status, Status::DestinationRefunded);
    assert!(world.is_now(Action::CancelSource));
    assert_eq!(world.when(Action::WithdrawDestination), None);
}

#[test]
fn a_destination_that_lost_its_source_is_taken_back_and_never_paid_by_us() {
    let mut world = World::funded();
    world.evidence.secret = SecretKnowledge::Sealed;
    world.end_source(EscrowEnd::Cancelled, at(300, SRC_CANCELLATION));
    late(&mut world, SRC_CANCELLATION);
    assert_eq!(world.plan().status, Status::DestinationStranded);
    assert_eq!(world.when(Action::WithdrawDestination), None);
    assert!(world.is_now(Action::CancelDestination));
}

#[test]
fn a_refused_source_escrow_that_names_us_is_given_back_and_nothing_else() {
    let mut world = World::locked();
    refused(&mut world.order, bmn_swap::Refusal::DirectOff);
    world.set_time(13, 103, FILLED + 10);
    let plan = world.plan();
    assert_eq!(plan.status, Status::Refunding);
    assert_eq!(plan.due.len(), 1);
    late(&mut world, SRC_CANCELLATION);
    assert!(world.is_now(Action::CancelSource));
    world.evidence.cancel_impossible = true;
    assert_eq!(world.plan().due, vec![]);
    assert_eq!(world.plan().status, Status::Refused);
}

#[test]
fn nothing_is_funded_before_the_source_is_confirmed_or_after_the_last_safe_moment() {
    let mut world = World::locked();
    world.set_time(12, 102, FILLED + 4);
    let expected = When::Wake(vec![Wake::Height { chain: A, number: 13 }]);
    assert_eq!(world.when(Action::FundDestination), Some(expected));
    world.set_time(13, 103, FILLED + 6);
    assert!(world.is_now(Action::FundDestination));
    late(&mut world, SRC_CANCELLATION - 69);
    assert_eq!(world.when(Action::FundDestination), None, "no time left for the later steps");
}
