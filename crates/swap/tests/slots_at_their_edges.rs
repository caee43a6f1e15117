//! Slots of a timetable at their edges: numbers that do not fit, windows that never end, and what a swap's
//! progress leaves to be done.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use bmn_primitives::{Dialect, Stage, Timelocks, Window};
use bmn_swap::{
    Basis, DestinationTimes, Fault, Progress, Refusal, SecretKnowledge, SendState, Step, SwapView,
    TimedAction, Times, Timetable, Timing, timetable,
};
use common::{FILLED, PACE, World, at, withdrawn};

const NOW: u64 = 1_755_450_000;
const TIMING: Timing =
    Timing { block_time: 2, typical: 3, pessimistic: 12, confirmations: 5, skew: 2 };
const OFFSETS: [u32; 7] = [10, 600, 900, 1_020, 20, 300, 700];

fn basis(dialect: Dialect, times: Times) -> Basis {
    Basis {
        dialect,
        times,
        destination: None,
        progress: Progress::Secret,
        source_timing: TIMING,
        destination_timing: TIMING,
        source_now: NOW,
        destination_now: NOW,
        expiration: None,
        maker_reaction: 60,
        rescue_delay: (604_800, 604_800),
        alarm_inclusions: 3,
    }
}

fn offsets() -> Basis {
    basis(Dialect::OneInch1, Times::Offsets { timelocks: Timelocks::pack(0, OFFSETS) })
}

fn absolute(src_cancellation: u64, dst_withdrawal: u64) -> Basis {
    basis(Dialect::Bmn4, Times::Absolute { src_cancellation, dst_withdrawal })
}

/// A source escrow that was made some time ago.
fn source(created_at: u64) -> Basis {
    let timelocks = Timelocks::pack(created_at as u32, OFFSETS);
    basis(Dialect::OneInch1, Times::Source { timelocks, created_at })
}

#[test]
fn the_last_second_of_32_bits_does_not_wrap() {
    let most = u64::from(u32::MAX);
    let wraps = |filled: u64| {
        let now = filled - TIMING.pessimistic;
        let table =
            Timetable::compile(&Basis { source_now: now, destination_now: now, ..offsets() });
        table.faults.contains(&Fault::ClockWraps { deployed_at: filled })
    };
    assert!(!wraps(most) && wraps(most + 1));
    let wrapped = |cancel: u64| {
        let faults = Timetable::compile(&absolute(cancel, NOW + 300)).faults.into_iter();
        let stage = |fault| match fault {
            Fault::OffsetWraps { stage, from: NOW, .. } => Some(stage),
            _ => None,
        };
        faults.filter_map(stage).collect::<Vec<_>>()
    };
    assert_eq!(wrapped(NOW + most - 60), []);
    assert_eq!(wrapped(NOW + most - 59), [Stage::SrcPublicCancellation], "60 s behind it");
    assert_eq!(wrapped(NOW + most), [Stage::SrcPublicCancellation]);
    let both = [Stage::SrcCancellation, Stage::SrcPublicCancellation];
    assert_eq!(wrapped(NOW + most + 1), both);
}

#[test]
fn a_chain_that_includes_nothing_never_fits() {
    let never = Timing { pessimistic: u64::MAX, ..TIMING };
    for basis in [absolute(NOW + 1_800, NOW + 300), source(NOW)] {
        for (source_timing, destination_timing) in [(never, TIMING), (TIMING, never)] {
            let table = Timetable::compile(&Basis { source_timing, destination_timing, ..basis });
            let slack = table.slot(TimedAction::WithdrawSource).unwrap().slack.unwrap();
            assert!(!table.fits() && slack < -i64::from(u32::MAX), "{table}");
        }
    }
}

#[test]
fn a_fill_of_offsets_is_accepted_at_any_time_and_one_that_expires_until_then() {
    let slot = |expiration| {
        let table = Timetable::compile(&Basis { expiration, ..offsets() });
        *table.slot(TimedAction::Fill).unwrap()
    };
    let always = slot(None);
    assert_eq!(always.window, Some(Window { start: 0, end: u64::MAX }));
    assert_eq!((always.latest, always.alarm_at, always.due_by()), (None, None, None));
    let expiring = slot(Some(NOW + 100));
    assert_eq!(expiring.window, Some(Window { start: 0, end: NOW + 101 }));
    assert_eq!(expiring.latest, Some(NOW + 100 - TIMING.pessimistic));
}

#[test]
fn a_claim_settles_from_the_block_that_made_it_whatever_the_clock_says_now() {
    let earliest = |now| {
        let basis = Basis { source_now: now, ..source(NOW + 3) };
        Timetable::compile(&basis).slot(TimedAction::FundDestination).unwrap().earliest
    };
    assert_eq!(earliest(NOW + 4), NOW + 3 + TIMING.settle());
    assert_eq!(earliest(NOW + 40), NOW + 3 + TIMING.settle());
}

#[test]
fn what_others_may_do_and_what_is_given_back_keeps_the_window_of_its_stage() {
    let mut basis = source(NOW);
    let table = Timetable::compile(&basis);
    for (action, stage) in [
        (TimedAction::PublicWithdrawSource, Stage::SrcPublicWithdrawal),
        (TimedAction::PublicWithdrawDestination, Stage::DstPublicWithdrawal),
    ] {
        let slot = table.slot(action).unwrap();
        assert_eq!((slot.window, slot.alarm_at), (Some(table.stage(stage)), None));
        assert_eq!(slot.state(table.stage(stage).end), SendState::Closed);
    }
    // A destination that ends right before its source: the contract gives the source back before we may.
    let timelocks = Timelocks::pack(NOW as u32, [0, 0, 0, 0, 20, 300, 890]);
    basis.destination = Some(DestinationTimes { timelocks, created_at: NOW });
    let table = Timetable::compile(&basis);
    let back = table.slot(TimedAction::CancelSource).unwrap();
    assert_eq!(back.window, Some(Window { start: NOW + 900, end: u64::MAX }));
    assert_eq!(back.earliest, NOW + 890 + TIMING.typical + TIMING.settle());
}

#[test]
fn waiting_costs_from_the_latest_safe_time_or_from_the_urgent_one_or_never() {
    let table = Timetable::compile(&source(NOW));
    let slot = |action| table.slot(action).unwrap();
    let withdraw = slot(TimedAction::WithdrawSource);
    assert!(withdraw.latest.is_some() && withdraw.due_by() == withdraw.latest);
    let cancel = slot(TimedAction::CancelDestination);
    assert_eq!((cancel.latest, cancel.due_by()), (None, cancel.urgent_from));
    assert!(cancel.due_by().unwrap() > NOW);
    assert_eq!(slot(TimedAction::RescueSource).due_by(), None);
}

#[test]
fn each_step_of_a_refusal_is_that_of_its_action_and_named() {
    let cases = [
        (TimedAction::Fill, Some((Step::LockSource, "lockSource"))),
        (TimedAction::FundDestination, Some((Step::FundDestination, "fundDestination"))),
        (TimedAction::Permit, Some((Step::Disclose, "disclose"))),
        (TimedAction::Disclose, Some((Step::Disclose, "disclose"))),
        (TimedAction::MakerWithdraw, Some((Step::MakerWithdraw, "makerWithdraw"))),
        (
            TimedAction::WithdrawDestination,
            Some((Step::WithdrawDestination, "withdrawDestination")),
        ),
        (TimedAction::WithdrawSource, Some((Step::WithdrawSource, "withdrawSource"))),
        (TimedAction::CancelSource, None),
        (TimedAction::RescueSource, None),
    ];
    for (action, expected) in cases {
        assert_eq!(action.step(), expected.map(|(step, _)| step), "{action}");
        if let Some((step, name)) = expected {
            let told = Refusal::DoesNotFit { step, seconds: 7 }.to_string();
            assert_eq!(told, format!("does not fit: short by 7 s at step {name}"));
        }
    }
}

#[test]
fn a_slot_says_in_words_what_to_do() {
    let told = [
        SendState::Early { opens: 7 },
        SendState::Open,
        SendState::Urgent,
        SendState::Late,
        SendState::Closed,
    ]
    .map(|state| state.to_string());
    assert_eq!(told, ["not before 7", "open", "urgent", "late", "closed"]);
}

/// The timetable of our own swap as it stands.
fn table_of(world: &World) -> Timetable {
    let view = SwapView {
        order: &world.order,
        source: world.source.as_ref(),
        destination: world.destination.as_ref(),
        intended: world.intended.as_ref(),
        permission: None,
        evidence: world.evidence,
        source_chain: world.a,
        destination_chain: Some(world.b),
    };
    timetable(&view, &world.terms()).unwrap()
}

#[test]
fn a_secret_that_is_known_needs_no_disclosure_and_a_maker_who_was_paid_no_payment() {
    let has = |world: &World| {
        let table = table_of(world);
        [TimedAction::Disclose, TimedAction::WithdrawDestination, TimedAction::WithdrawSource]
            .map(|action| table.slot(action).is_some())
    };
    let mut world = World::funded();
    assert_eq!(has(&world), [true, true, true]);
    for secret in [SecretKnowledge::Sealed, SecretKnowledge::Public] {
        world.evidence.secret = secret;
        assert_eq!(has(&world), [false, true, true], "{secret:?}");
    }
    let paid = FILLED + 90;
    for secret in [SecretKnowledge::Unknown, SecretKnowledge::Public] {
        world.end_destination(withdrawn(), at(200, paid));
        world.evidence.secret = secret;
        assert_eq!(has(&world), [false, false, true], "{secret:?}");
        let slot = *table_of(&world).slot(TimedAction::WithdrawSource).unwrap();
        assert_eq!(slot.earliest, paid + PACE.settle(), "when the payment is confirmed");
    }
    let mut alone = World::locked();
    alone.evidence.secret = SecretKnowledge::Sealed;
    assert_eq!(has(&alone), [true, true, true], "there is nothing that it opens yet");
}

#[test]
fn nobody_is_told_of_what_has_just_become_possible() {
    let timelocks = Timelocks::pack(NOW as u32, [0, 0, 0, 0, 600, 600, 643]);
    let destination = Some(DestinationTimes { timelocks, created_at: NOW });
    let table = Timetable::compile(&Basis { destination, ..source(NOW) });
    let slot = table.slot(TimedAction::WithdrawDestination).unwrap();
    assert_eq!((slot.earliest, slot.latest), (NOW + 600, Some(NOW + 643 - 1 - 12)));
    assert_eq!(slot.alarm_at, Some(NOW + 600 + 12), "one inclusion after it opened");
}

#[test]
fn a_fill_is_sent_while_its_funding_still_can_be() {
    let table = Timetable::compile(&absolute(NOW + 700, NOW + 600));
    let latest = |action| table.slot(action).unwrap().latest.unwrap();
    let mined_and_settled = TIMING.pessimistic + TIMING.settle() + TIMING.skew;
    assert_eq!(latest(TimedAction::Fill) + mined_and_settled, latest(TimedAction::FundDestination));
    assert_eq!(table.slot(TimedAction::Fill).unwrap().window.unwrap().end, NOW + 600);
}
