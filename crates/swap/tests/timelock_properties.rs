//! What holds of every timetable.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_primitives::{Dialect, Leg, Stage, Timelocks};
use bmn_swap::{Basis, DestinationTimes, Progress, TimedAction, Times, Timetable, Timing, Verdict};
use proptest::prelude::*;

const NOW: u64 = 1_755_450_000;

/// The dialects that orders are settled in: what a factory adds to a stage differs elsewhere.
const SETTLED: [Dialect; 4] =
    [Dialect::Bmn302, Dialect::Bmn4, Dialect::OneInch1, Dialect::OneInch2];

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

fn timing() -> impl Strategy<Value = Timing> {
    (1u64..15, 0u64..20, 0u64..60, 0u64..40, 0u64..15).prop_map(
        |(block_time, typical, slower, confirmations, skew)| Timing {
            block_time,
            typical,
            pessimistic: typical + slower,
            confirmations,
            skew,
        },
    )
}

/// Offsets as a sane factory makes them, from a few spans.
fn offsets() -> impl Strategy<Value = [u32; 7]> {
    prop::array::uniform7(1u32..2_000).prop_map(|spans| {
        let [w, pw, c, pc, dw, dpw, dc] = spans;
        let source = [w % 60, w % 60 + pw, w % 60 + pw + c, w % 60 + pw + c + pc];
        let destination = [dw % 200, dw % 200 + dpw % 200, dw % 200 + dpw % 200 + dc];
        [source[0], source[1], source[2], source[3], destination[0], destination[1], destination[2]]
    })
}

/// An order that is not filled, in the form of either family, or a source of either.
fn times() -> impl Strategy<Value = Times> {
    prop_oneof![
        (1u64..6_000, 1u64..3_000).prop_map(|(cancel, withdraw)| Times::Absolute {
            src_cancellation: NOW + cancel,
            dst_withdrawal: NOW + withdraw,
        }),
        offsets().prop_map(|offsets| Times::Offsets { timelocks: Timelocks::pack(0, offsets) }),
        (0u32..500, 0u64..300, offsets()).prop_map(|(ago, late, offsets)| Times::Source {
            timelocks: Timelocks::pack(NOW as u32 - ago, offsets),
            created_at: NOW - u64::from(ago) + late,
        }),
    ]
}

fn progress() -> impl Strategy<Value = Progress> {
    prop_oneof![
        Just(Progress::Secret),
        Just(Progress::Disclosed),
        (0u64..300).prop_map(|ago| Progress::Paid { at: NOW - ago }),
    ]
}

fn destination() -> impl Strategy<Value = Option<DestinationTimes>> {
    prop::option::of((0u32..300, offsets()).prop_map(|(ago, offsets)| {
        let deployed_at = NOW as u32 - ago;
        DestinationTimes {
            timelocks: Timelocks::pack(deployed_at, offsets),
            created_at: u64::from(deployed_at),
        }
    }))
}

prop_compose! {
    fn basis()(
        dialect in prop::sample::select(SETTLED.to_vec()),
        times in times(),
        destination in destination(),
        progress in progress(),
        source_timing in timing(),
        destination_timing in timing(),
        behind in 0u64..10,
        expiration in prop::option::of(NOW..NOW + 2_000),
        maker_reaction in 0u64..120,
        alarm_inclusions in 0u64..6,
    ) -> Basis {
        // An order's form is its dialect's, and nothing is there before its source is.
        let fits = |dialect: &Dialect| match times {
            Times::Absolute { .. } => dialect.has_absolute_times(),
            Times::Offsets { .. } => !dialect.has_absolute_times(),
            Times::Source { .. } => true,
        };
        let dialect =
            if fits(&dialect) { dialect } else { SETTLED.into_iter().find(fits).unwrap() };
        let filled = matches!(times, Times::Source { .. });
        let destination = destination.filter(|_| filled);
        let progress = if destination.is_some() { progress } else { Progress::Secret };
        Basis {
            dialect, times, destination, progress, source_timing, destination_timing,
            source_now: NOW, destination_now: NOW - behind, expiration, maker_reaction,
            rescue_delay: (604_800, 691_200), alarm_inclusions,
        }
    }
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(u64::from(u32::MAX)), 0u64..1_000]
}

fn any_timing() -> impl Strategy<Value = Timing> {
    prop::array::uniform5(any_time()).prop_map(
        |[block_time, typical, pessimistic, confirmations, skew]| Timing {
            block_time,
            typical,
            pessimistic,
            confirmations,
            skew,
        },
    )
}

fn any_word() -> impl Strategy<Value = Timelocks> {
    (any::<u32>(), any::<[u32; 7]>()).prop_map(|(at, offsets)| Timelocks::pack(at, offsets))
}

prop_compose! {
    fn strange()(
        dialect in dialect(),
        times in prop_oneof![
            (any_time(), any_time()).prop_map(|(src_cancellation, dst_withdrawal)|
                Times::Absolute { src_cancellation, dst_withdrawal }),
            any_word().prop_map(|timelocks| Times::Offsets { timelocks }),
            (any_word(), any_time()).prop_map(|(timelocks, created_at)|
                Times::Source { timelocks, created_at }),
        ],
        destination in prop::option::of((any_word(), any_time()).prop_map(
            |(timelocks, created_at)| DestinationTimes { timelocks, created_at })),
        progress in prop_oneof![
            Just(Progress::Secret), Just(Progress::Disclosed),
            any_time().prop_map(|at| Progress::Paid { at })],
        timings in (any_timing(), any_timing()),
        nows in (any_time(), any_time()),
        expiration in prop::option::of(any_time()),
        spans in (any_time(), any_time(), any_time(), any_time()),
    ) -> Basis {
        Basis {
            dialect, times, destination, progress,
            source_timing: timings.0, destination_timing: timings.1,
            source_now: nows.0, destination_now: nows.1, expiration,
            maker_reaction: spans.0, rescue_delay: (spans.1, spans.2), alarm_inclusions: spans.3,
        }
    }
}

fn moved(basis: &Basis, by: u32) -> Basis {
    let t = u64::from(by);
    let word = |word: Timelocks| word.with_deployed_at(word.deployed_at() + t);
    let times = match basis.times {
        Times::Absolute { src_cancellation, dst_withdrawal } => Times::Absolute {
            src_cancellation: src_cancellation + t,
            dst_withdrawal: dst_withdrawal + t,
        },
        Times::Source { timelocks, created_at } => {
            Times::Source { timelocks: word(timelocks), created_at: created_at + t }
        }
        offsets @ Times::Offsets { .. } => offsets,
    };
    let destination = basis.destination.map(|known| DestinationTimes {
        timelocks: word(known.timelocks),
        created_at: known.created_at + t,
    });
    let progress = match basis.progress {
        Progress::Paid { at } => Progress::Paid { at: at + t },
        other => other,
    };
    Basis {
        times,
        destination,
        progress,
        source_now: basis.source_now + t,
        destination_now: basis.destination_now + t,
        expiration: basis.expiration.map(|time| time + t),
        ..*basis
    }
}

/// The same timetable, every time in it later.
fn moved_table(table: &Timetable, by: u32) -> Timetable {
    let t = u64::from(by);
    let later = |time: u64| if time == u64::MAX || time == 0 { time } else { time + t };
    let mut table = table.clone();
    table.dst_cancellation_by = later(table.dst_cancellation_by);
    for window in &mut table.windows {
        (window.start, window.end) = (later(window.start), later(window.end));
    }
    for slot in &mut table.slots {
        if let Some(window) = &mut slot.window {
            (window.start, window.end) = (later(window.start), later(window.end));
        }
        slot.earliest = later(slot.earliest);
        for time in [&mut slot.latest, &mut slot.urgent_from, &mut slot.alarm_at] {
            *time = time.map(later);
        }
    }
    table
}

fn slack(table: &Timetable, action: TimedAction) -> Option<i64> {
    table.slot(action)?.slack
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_input_is_too_strange(basis in strange(), now in any_time()) {
        let table = Timetable::compile(&basis);
        prop_assert!(table.to_string().contains("withdrawSource"));
        prop_assert_eq!(table.fits(), table.refusals().is_empty());
        for slot in &table.slots {
            slot.state(now);
        }
        table.overdue(now, now, &TimedAction::ALL);
    }

    #[test]
    fn the_verdict_is_the_first_negative_slack(basis in basis()) {
        let table = Timetable::compile(&basis);
        let mut steps = table.slots.iter().filter_map(|slot| Some((slot.action, slot.slack?)));
        let first = steps.clone().find(|(_, slack)| *slack < 0);
        match (table.faults.first(), first) {
            (Some(fault), _) => prop_assert_eq!(table.verdict, Verdict::Malformed { fault: *fault }),
            (None, Some((step, slack))) => {
                let seconds = slack.unsigned_abs();
                prop_assert_eq!(table.verdict, Verdict::Short { step, seconds });
            }
            (None, None) => {
                let Verdict::Fits { tightest } = table.verdict else { panic!("{table}") };
                let (_, least) = tightest.unwrap();
                prop_assert!(steps.all(|(_, slack)| slack >= i64::try_from(least).unwrap()));
            }
        }
    }

    #[test]
    fn later_steps_follow_earlier_ones(basis in basis()) {
        let table = Timetable::compile(&basis);
        if !table.fits() {
            return Ok(());
        }
        let (s, d) = (basis.source_timing, basis.destination_timing);
        let skew = s.skew.max(d.skew);
        let latest = |action| table.slot(action).and_then(|slot| slot.latest);
        let own = basis.dialect.has_absolute_times();
        let claimed = s.pessimistic + s.settle() + skew;
        let funded = d.pessimistic + d.settle();
        let fill = latest(TimedAction::Fill).filter(|_| own);
        if let (Some(fill), Some(fund)) = (fill, latest(TimedAction::FundDestination)) {
            prop_assert!(fill + claimed <= fund);
        }
        let fund = latest(TimedAction::FundDestination).filter(|_| own);
        if let (Some(fund), Some(permit)) = (fund, latest(TimedAction::Permit)) {
            prop_assert!(fund + funded <= permit);
        }
        if let (Some(permit), Some(withdraw)) =
            (latest(TimedAction::Permit), latest(TimedAction::WithdrawDestination))
        {
            prop_assert!(permit + basis.maker_reaction <= withdraw);
        }
        let by = latest(TimedAction::WithdrawSource).unwrap();
        let source_ends = table.stage(Stage::SrcWithdrawal).end;
        prop_assert!(by + s.pessimistic + s.settle() < source_ends);
        if let Some(withdraw) = latest(TimedAction::WithdrawDestination) {
            let ends = table.stage(Stage::DstWithdrawal).end;
            prop_assert!(withdraw + d.pessimistic < ends);
            prop_assert!(ends - 1 + d.settle() + skew <= by);
            prop_assert!(ends <= table.dst_cancellation_by);
        }
    }

    #[test]
    fn every_slot_is_ordered_in_itself(basis in basis()) {
        let table = Timetable::compile(&basis);
        let actions: Vec<_> = table.slots.iter().map(|slot| slot.action).collect();
        prop_assert!(actions.is_sorted());
        for slot in &table.slots {
            let slow = match slot.action.leg() {
                Leg::Source => basis.source_timing.pessimistic,
                Leg::Destination => basis.destination_timing.pessimistic,
            };
            prop_assert!(slot.urgent_from.is_none_or(|urgent| urgent >= slot.earliest), "{slot:?}");
            prop_assert!(slot.alarm_at.is_none_or(|alarm| alarm >= slot.earliest), "{slot:?}");
            if let (Some(latest), Some(window)) = (slot.latest, slot.window) {
                prop_assert!(latest + slow < window.end.max(1) || latest == 0, "{slot:?}");
            }
            if let (Some(latest), Some(alarm)) = (slot.latest, slot.alarm_at)
                && latest >= slot.earliest
            {
                prop_assert!(alarm <= latest && slot.urgent_from.unwrap() <= latest, "{slot:?}");
            }
        }
    }

    #[test]
    fn a_slower_chain_never_helps(
        basis in basis(), which in 0usize..7, source in any::<bool>(), more in 1u64..40,
    ) {
        let mut slower = basis;
        let timing =
            if source { &mut slower.source_timing } else { &mut slower.destination_timing };
        match which {
            0 => timing.confirmations += more,
            1 => timing.pessimistic += more,
            2 => timing.block_time += more,
            3 => timing.skew += more,
            4 => slower.maker_reaction += more,
            5 => timing.typical += more,
            _ if source => slower.source_now += more,
            _ => slower.destination_now += more,
        }
        let (before, after) = (Timetable::compile(&basis), Timetable::compile(&slower));
        prop_assert!(before.fits() || !after.fits(), "{before}\n{after}");
        for action in TimedAction::ALL {
            prop_assert_eq!(slack(&before, action).is_some(), slack(&after, action).is_some());
            prop_assert!(slack(&after, action) <= slack(&before, action), "{action}: {before}\n{after}");
        }
    }

    #[test]
    fn moving_everything_moves_every_time_and_nothing_else(basis in basis(), by in 0u32..100_000_000) {
        let table = Timetable::compile(&basis);
        // What is refused names its times in words.
        if !table.faults.is_empty() {
            return Ok(());
        }
        prop_assert_eq!(moved_table(&table, by), Timetable::compile(&moved(&basis, by)));
    }

    /// The fill's time of an order with offsets is not known before: it must not matter.
    #[test]
    fn an_order_of_offsets_fits_at_any_time_or_never(basis in basis(), later in 0u64..100_000) {
        let Times::Offsets { .. } = basis.times else { return Ok(()) };
        let at = |by: u64| Timetable::compile(&Basis {
            source_now: basis.source_now + by,
            destination_now: basis.destination_now + by,
            destination: None,
            progress: Progress::Secret,
            expiration: None,
            ..basis
        });
        let (now, later) = (at(0), at(later));
        for action in TimedAction::ALL {
            prop_assert_eq!(slack(&now, action), slack(&later, action));
        }
    }
}
