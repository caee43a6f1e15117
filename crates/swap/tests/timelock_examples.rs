//! The timetable against what `protocol.md` and the contracts' libraries say, and against the documentation.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_contracts::{bmn_factory_timelocks, bmn23_factory_timelocks};
use bmn_primitives::{Dialect, Stage, Timelocks, Window};
use bmn_swap::{
    Basis, DestinationTimes, Fault, Overdue, Progress, Refusal, Role, SendState, Slot, Step,
    TimedAction, Times, Timetable, Timing, Verdict,
};

const NOW: u64 = 1_755_450_000;
const NEVER: u64 = u64::MAX;

const SOURCE: Timing =
    Timing { block_time: 2, typical: 3, pessimistic: 12, confirmations: 5, skew: 2 };
const DESTINATION: Timing =
    Timing { block_time: 2, typical: 3, pessimistic: 12, confirmations: 10, skew: 2 };

fn basis(dialect: Dialect, times: Times) -> Basis {
    Basis {
        dialect,
        times,
        destination: None,
        progress: Progress::Secret,
        source_timing: SOURCE,
        destination_timing: DESTINATION,
        source_now: NOW,
        destination_now: NOW,
        expiration: None,
        maker_reaction: 60,
        rescue_delay: (604_800, 604_800),
        alarm_inclusions: 3,
    }
}

/// An order of BMN v4: cancellation after 1800 s, withdrawal after 300 s.
fn order() -> Basis {
    let times = Times::Absolute { src_cancellation: NOW + 1_800, dst_withdrawal: NOW + 300 };
    basis(Dialect::Bmn4, times)
}

fn absolute(src_cancellation: u64, dst_withdrawal: u64) -> Timetable {
    let times = Times::Absolute { src_cancellation, dst_withdrawal };
    Timetable::compile(&basis(Dialect::Bmn4, times))
}

fn word(offsets: [u32; 7]) -> Timelocks {
    Timelocks::pack(NOW as u32, offsets)
}

fn source(dialect: Dialect, offsets: [u32; 7]) -> Timetable {
    let times = Times::Source { timelocks: word(offsets), created_at: NOW };
    Timetable::compile(&basis(dialect, times))
}

/// Both escrows of the order: filled after 3 s, the destination created 20 s later.
fn locked(progress: Progress, now: u64) -> Basis {
    let timelocks = bmn_factory_timelocks(NOW + 3, NOW + 1_800, NOW + 300).unwrap();
    let planned = Timetable::compile(&order()).stage(Stage::DstCancellation).start;
    let created_at = NOW + 23;
    let after = |time: u64| u32::try_from(time - created_at).unwrap();
    let mut offsets = [0; 7];
    offsets[Stage::DstWithdrawal as usize] = after(NOW + 300);
    offsets[Stage::DstPublicWithdrawal as usize] = after(NOW + 360);
    offsets[Stage::DstCancellation as usize] = after(planned);
    let destination = Timelocks::pack(u32::try_from(created_at).unwrap(), offsets);
    Basis {
        times: Times::Source { timelocks, created_at: NOW + 3 },
        destination: Some(DestinationTimes { timelocks: destination, created_at }),
        progress,
        source_now: now,
        destination_now: now,
        ..order()
    }
}

/// Offsets of a 1inch order: source 10, 600, 900, 1020; destination 20, 300, 700.
const ONE_INCH: [u32; 7] = [10, 600, 900, 1_020, 20, 300, 700];

fn one_inch() -> Basis {
    basis(Dialect::OneInch2, Times::Offsets { timelocks: Timelocks::pack(0, ONE_INCH) })
}

fn latest(table: &Timetable, action: TimedAction) -> u64 {
    table.slot(action).unwrap().latest.unwrap()
}

fn fault_texts(table: &Timetable) -> Vec<String> {
    table.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn an_order_has_the_stages_that_its_factory_would_make() {
    let filled = NOW + SOURCE.pessimistic;
    for (dialect, word) in [
        (Dialect::Bmn302, bmn_factory_timelocks(filled, NOW + 1_800, NOW + 300).unwrap()),
        (Dialect::Bmn4, bmn_factory_timelocks(filled, NOW + 1_800, NOW + 300).unwrap()),
        (Dialect::Bmn23, bmn23_factory_timelocks(filled, NOW + 1_800, NOW + 300).unwrap()),
    ] {
        let table = Timetable::compile(&Basis { dialect, ..order() });
        // The destination's cancellation is ours to choose.
        for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::DstCancellation) {
            assert_eq!(table.stage(stage).start, word.at(stage), "{dialect}: {stage:?}");
        }
    }
}

#[test]
fn a_word_gives_the_windows_of_the_contracts() {
    let table = source(Dialect::OneInch1, ONE_INCH);
    let windows = [(10, 900), (600, 900), (900, NEVER), (1_020, NEVER)];
    for (stage, (start, end)) in Stage::ALL.into_iter().zip(windows) {
        let end = if end == NEVER { end } else { NOW + end };
        assert_eq!(table.stage(stage), Window { start: NOW + start, end }, "{stage:?}");
    }
}

#[test]
fn a_bmn_fill_must_be_mined_before_the_destination_withdrawal() {
    let early = absolute(NOW + 1_800, NOW + 40);
    let fill = early.slot(TimedAction::Fill).unwrap();
    assert_eq!(fill.window, Some(Window { start: 0, end: NOW + 40 }));
    assert_eq!(fill.latest, Some(NOW + 40 - 1 - 12));
    // A cancellation before that ends it too (`srcCancellation must be future`).
    let reversed = absolute(NOW + 30, NOW + 40);
    assert_eq!(reversed.slot(TimedAction::Fill).unwrap().window.unwrap().end, NOW + 30);
    // The order's own last second still fills.
    let expiring = Timetable::compile(&Basis { expiration: Some(NOW + 20), ..order() });
    assert_eq!(expiring.slot(TimedAction::Fill).unwrap().window.unwrap().end, NOW + 21);
    assert_eq!(latest(&expiring, TimedAction::Fill), NOW + 8);
}

#[test]
fn what_does_not_fit_names_the_first_step_and_the_seconds() {
    let fits = Timetable::compile(&order());
    let Some(spare) = fits.slot(TimedAction::Fill).unwrap().slack else { panic!("{fits}") };
    let late = NOW + u64::try_from(spare).unwrap();
    let at = |now| Timetable::compile(&Basis { source_now: now, destination_now: now, ..order() });
    assert!(at(late).fits());
    let short = at(late + 7);
    assert_eq!(short.verdict, Verdict::Short { step: TimedAction::Fill, seconds: 7 });
    assert_eq!(short.refusals(), [Refusal::DoesNotFit { step: Step::LockSource, seconds: 7 }]);
    // The maker's public window: too short for him alone.
    let cancel = NOW + 500;
    let table = absolute(cancel, NOW + 330);
    let last = cancel - 1 - 12 - 10 - 2 + 1 - 20 - 1 - 12;
    let seconds = NOW + 330 + 60 + 60 - last;
    assert_eq!(table.verdict, Verdict::Short { step: TimedAction::MakerWithdraw, seconds });
}

#[test]
fn offsets_that_wrap_are_refused_by_name() {
    let wraps = 1u64 << 32;
    let near = absolute(NOW + wraps + 95, NOW + 300);
    assert!(matches!(
        near.faults[0],
        Fault::OffsetWraps { stage: Stage::SrcCancellation, from: NOW, .. }
    ));
    assert!(near.refusals()[0].to_string().contains("srcCancellation"), "{near}");
    // The cancellation itself fits; the public one, 60 s later, opens 45 s after the fill.
    let public = absolute(NOW + wraps - 15, NOW + 300);
    let stages: Vec<_> = public
        .faults
        .iter()
        .filter_map(|fault| match fault {
            Fault::OffsetWraps { stage, .. } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(stages, [Stage::SrcPublicCancellation]);
    // Seen in the word of a source, it is a public stage before its private one.
    let word = bmn_factory_timelocks(NOW, NOW + wraps - 15, NOW + 300).unwrap();
    let times = Times::Source { timelocks: word, created_at: NOW };
    let found = Timetable::compile(&basis(Dialect::Bmn4, times));
    assert!(fault_texts(&found)[0].starts_with("srcCancellation at"), "{found}");
    let clock = Basis { source_now: wraps, destination_now: wraps, ..one_inch() };
    assert!(matches!(Timetable::compile(&clock).faults[..], [Fault::ClockWraps { .. }]));
}

#[test]
fn stages_in_the_wrong_order_are_refused_by_name() {
    let cases: [([u32; 7], &str); 8] = [
        (
            [901, 902, 900, 1_020, 20, 300, 700],
            "srcWithdrawal at 1755450901 must not be after srcCancellation at 1755450900",
        ),
        (
            [10, 5, 900, 1_020, 20, 300, 700],
            "srcWithdrawal at 1755450010 must not be after srcPublicWithdrawal at 1755450005",
        ),
        (
            [10, 600, 900, 899, 20, 300, 700],
            "srcCancellation at 1755450900 must not be after srcPublicCancellation at 1755450899",
        ),
        (
            [10, 600, 900, 1_020, 20, 19, 700],
            "dstWithdrawal at 1755450020 must not be after dstPublicWithdrawal at 1755450019",
        ),
        (
            [10, 600, 900, 1_020, 800, 850, 700],
            "dstWithdrawal at 1755450800 must not be after dstCancellation at 1755450700",
        ),
        (
            [900, 900, 900, 1_020, 20, 300, 700],
            "the window of srcWithdrawal is empty: it begins and ends at 1755450900",
        ),
        (
            [10, 600, 900, 1_020, 700, 700, 700],
            "the window of dstWithdrawal is empty: it begins and ends at 1755450700",
        ),
        (
            [10, 600, 900, 1_020, 20, 300, 900],
            "dstCancellation 1755450900 must be before srcCancellation 1755450900",
        ),
    ];
    for (offsets, text) in cases {
        let table = source(Dialect::OneInch1, offsets);
        assert!(fault_texts(&table).iter().any(|fault| fault == text), "{text}\n{table}");
        assert!(matches!(table.verdict, Verdict::Malformed { .. }));
        let is_fault = |reason: &&Refusal| matches!(reason, Refusal::BadWindow { .. });
        assert_eq!(table.refusals().iter().filter(is_fault).count(), table.faults.len());
    }
    assert_eq!(source(Dialect::OneInch1, ONE_INCH).faults, []);
}

#[test]
fn a_bmn_withdrawal_behind_the_source_cancellation_is_refused() {
    for (withdrawal, word) in [(1_801, "must not be after"), (1_800, "is empty")] {
        let table = absolute(NOW + 1_800, NOW + withdrawal);
        assert!(fault_texts(&table)[0].contains("dstWithdrawal"), "{table}");
        assert!(fault_texts(&table)[0].contains(word), "{table}");
    }
}

#[test]
fn a_destination_that_ends_with_its_source_is_refused() {
    // The factory's word, copied verbatim: both cancellations are equal (`protocol.md` 11.4).
    let timelocks = bmn_factory_timelocks(NOW, NOW + 1_800, NOW + 300).unwrap();
    let copied = Basis {
        destination: Some(DestinationTimes { timelocks, created_at: NOW + 20 }),
        ..basis(Dialect::Bmn4, Times::Source { timelocks, created_at: NOW })
    };
    let table = Timetable::compile(&copied);
    let (dst_cancellation, src_cancellation) = (NOW + 1_800, NOW + 1_800);
    assert_eq!(table.faults, [Fault::OutlivesSource { dst_cancellation, src_cancellation }]);
    // The one that we choose leaves the time.
    let chosen = Timetable::compile(&locked(Progress::Secret, NOW + 43));
    assert!(chosen.fits(), "{chosen}");
    let end = chosen.stage(Stage::DstCancellation).start;
    assert_eq!(end, NOW + 1_800 - 12 - 10 - 2 - 20);
}

#[test]
fn offsets_of_the_destination_count_from_its_creation() {
    let table = Timetable::compile(&one_inch());
    // Sent now and mined late; confirmed, funded late.
    let filled = NOW + 12;
    let created = filled + 10 + 2 + 12;
    assert_eq!(table.stage(Stage::SrcCancellation).start, filled + 900);
    assert_eq!(
        table.stage(Stage::DstWithdrawal),
        Window { start: created + 20, end: created + 700 }
    );
    let fund = table.slot(TimedAction::FundDestination).unwrap();
    // Created in the last second of `window`, it ends with the source.
    assert_eq!(fund.window.unwrap().end - 1 + 700, filled + 900);
    // Sent at the latest safe time and mined late, its last second leaves time for the source.
    let last = fund.latest.unwrap() + 12 + 700 - 1;
    assert_eq!(last + 20 + 2, latest(&table, TimedAction::WithdrawSource));
    assert_eq!(last + 1, table.dst_cancellation_by);
    assert!(table.fits() && table.slot(TimedAction::Permit).is_none());
    // An existing one is judged by its own word.
    let created_at = NOW + 50;
    let timelocks = Timelocks::pack(u32::try_from(created_at).unwrap(), ONE_INCH);
    let destination = Some(DestinationTimes { timelocks, created_at });
    let times = Times::Source { timelocks: word(ONE_INCH), created_at: NOW };
    let table = Timetable::compile(&Basis { times, destination, ..one_inch() });
    assert_eq!(table.stage(Stage::DstCancellation).start, created_at + 700);
}

#[test]
fn each_role_has_its_calls() {
    let own = Timetable::compile(&order());
    let other = Timetable::compile(&one_inch());
    let calls =
        |table: &Timetable, role| Stage::ALL.map(|stage| table.window(stage, role).is_some());
    let private = [true, false, true, false, true, false, true];
    let public = [false, true, false, true, false, true, false];
    for table in [&own, &other] {
        assert_eq!(calls(table, Role::Taker), private);
        assert_eq!(calls(table, Role::TokenHolder), public);
    }
    assert_eq!(calls(&own, Role::PermitHolder), public);
    assert_eq!(calls(&other, Role::PermitHolder), [false; 7]);
}

#[test]
fn a_slot_says_what_to_do_at_each_moment() {
    let table = Timetable::compile(&locked(Progress::Disclosed, NOW + 43));
    let slot = table.slot(TimedAction::WithdrawDestination).unwrap();
    let (opens, by, ends) = (NOW + 300, slot.latest.unwrap(), slot.window.unwrap().end);
    assert_eq!(by + 12 + 1, ends);
    assert_eq!(slot.state(opens - 1), SendState::Early { opens });
    assert_eq!(slot.state(opens), SendState::Open);
    assert_eq!(slot.state(by - 25), SendState::Open);
    assert_eq!(slot.state(by - 24), SendState::Urgent);
    assert_eq!(slot.state(by), SendState::Urgent);
    assert_eq!(slot.state(by + 1), SendState::Late);
    assert_eq!(slot.state(ends - 1), SendState::Late);
    assert_eq!(slot.state(ends), SendState::Closed);
}

#[test]
fn a_missing_source_withdrawal_is_told_before_its_window_ends() {
    let paid = locked(Progress::Paid { at: NOW + 310 }, NOW + 320);
    let table = Timetable::compile(&paid);
    let slot = table.slot(TimedAction::WithdrawSource).unwrap();
    assert_eq!(slot.earliest, NOW + 330, "the payment is confirmed");
    let told = slot.alarm_at.unwrap();
    assert_eq!(told, slot.latest.unwrap() - 3 * 12);
    let overdue = |now| table.overdue(now, 0, &[TimedAction::WithdrawSource]);
    assert_eq!(overdue(told - 1), []);
    let seconds_left = Some(NOW + 1_800 - told);
    let alarm = Overdue { action: TimedAction::WithdrawSource, seconds_left };
    assert_eq!(overdue(told), [alarm]);
    assert_eq!(alarm.to_string(), "withdrawSource is missing, 59 s before its window ends");
    assert_eq!(table.overdue(told, told, &[]), []);
    // Paid: giving the source back would pay twice (M10).
    assert!(table.slot(TimedAction::CancelSource).is_none());
    // A refund that never becomes too late is told when it is long possible.
    let open = Timetable::compile(&locked(Progress::Secret, NOW + 43));
    let cancel = open.slot(TimedAction::CancelDestination).unwrap();
    assert_eq!(cancel.alarm_at.unwrap(), cancel.earliest + 36);
}

#[test]
fn an_existing_destination_settles_from_its_own_block() {
    let permit = |now| {
        let table = Timetable::compile(&locked(Progress::Secret, now));
        *table.slot(TimedAction::Permit).unwrap()
    };
    let young = permit(NOW + 30);
    assert_eq!(young.earliest, NOW + 23 + DESTINATION.settle());
    let spare = |slot: Slot| slot.latest.unwrap() - u64::try_from(slot.slack.unwrap()).unwrap();
    assert_eq!(spare(young), young.earliest, "it is not settled yet");
    assert_eq!(spare(permit(NOW + 500)), NOW + 500, "it is, and time has passed");
}

#[test]
fn with_a_known_secret_only_the_window_and_the_clock_count() {
    let spare = |now| {
        let table = Timetable::compile(&locked(Progress::Disclosed, now));
        let slot = table.slot(TimedAction::WithdrawDestination).unwrap();
        slot.latest.unwrap() - u64::try_from(slot.slack.unwrap()).unwrap()
    };
    assert_eq!(spare(NOW + 43), NOW + 300);
    assert_eq!(spare(NOW + 500), NOW + 500);
}

#[test]
fn the_source_is_not_given_back_before_the_refund_is_confirmed() {
    let mut basis = locked(Progress::Secret, NOW + 43);
    let earliest =
        |basis: &Basis| Timetable::compile(basis).slot(TimedAction::CancelSource).unwrap().earliest;
    assert_eq!(earliest(&basis), NOW + 1_800, "the refund is confirmed long before");
    let created = u32::try_from(NOW + 23).unwrap();
    let timelocks = Timelocks::pack(created, [0, 0, 0, 0, 277, 337, 1_767]);
    basis.destination = Some(DestinationTimes { timelocks, created_at: NOW + 23 });
    assert_eq!(earliest(&basis), NOW + 1_790 + 3 + 20);
}

#[test]
fn near_the_end_the_source_does_not_wait_for_the_payment_to_settle() {
    let end =
        Timetable::compile(&locked(Progress::Secret, NOW)).stage(Stage::DstCancellation).start;
    let paid = |at| Timetable::compile(&locked(Progress::Paid { at }, end));
    let times = |table: &Timetable| {
        let slot = table.slot(TimedAction::WithdrawSource).unwrap();
        (slot.earliest, slot.latest.unwrap())
    };
    // A payment in the last second of the window that we chose is settled in time, whichever clock is ahead.
    let (earliest, latest) = times(&paid(end - 1));
    assert_eq!((earliest, latest), (end - 1 + DESTINATION.settle(), NOW + 1_800 - 1 - 12 - 10));
    assert_eq!(earliest + SOURCE.skew, latest);
    // A later one is not waited for any longer.
    assert_eq!(times(&paid(end + 30)), (latest, latest));
    assert!(paid(end + 30).fits());
}

#[test]
fn a_timetable_survives_storage() {
    let table = Timetable::compile(&order());
    let text = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<Timetable>(&text).unwrap(), table);
    let text = serde_json::to_string(&order()).unwrap();
    assert_eq!(serde_json::from_str::<Basis>(&text).unwrap(), order());
}

#[test]
fn the_documentation_shows_these_tables() {
    let page = include_str!("../../../docs/timelocks.md");
    let tables = [
        Timetable::compile(&order()),
        Timetable::compile(&locked(Progress::Paid { at: NOW + 310 }, NOW + 320)),
        Timetable::compile(&one_inch()),
        absolute(NOW + 500, NOW + 330),
    ];
    let blocks = tables.map(|table| format!("```text\n{table}```\n"));
    let missing: Vec<_> = blocks.iter().filter(|block| !page.contains(*block)).collect();
    let text = missing.iter().map(|block| block.as_str()).collect::<String>();
    assert!(missing.is_empty(), "docs/timelocks.md must have:\n{text}");
}
