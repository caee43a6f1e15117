//! The timelock compiler compared with the contracts: every call is executed in the seconds around the
//! edges of the window that the compiler gives it, for each dialect whose contracts are here.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod dialects;
mod net;
mod swap;

use bmn_primitives::{Leg, Stage, Timelocks, Window};
use bmn_swap::{Basis, Fault, Progress, TimedAction, Times, Timetable, Verdict};
use dialects::{ALL, Contracts};
use net::{Net, Outcome, Sent};
use swap::{Ending, Escrow, Order, SLOW, both, endings, rescue};

/// A swap with both escrows on their chains.
struct Running {
    order: Order,
    source: Escrow,
    destination: Escrow,
    table: Timetable,
}

impl Running {
    /// Filled in the next second, the destination created ten later.
    fn new(contracts: &Contracts) -> Self {
        let order = Order::new(contracts, |times, _| times);
        let source = order.filled(order.src.now() + 1);
        let locked = sourced(&order, &source);
        let created = order.src.now() + 10;
        let planned = Timetable::compile(&locked);
        let destination = order.destination_at(&source, &planned, created);
        order.dst.mined(&order.create(&source, &destination), created);
        assert!(order.dst.has_code(destination.address), "the destination was created");
        let table = Timetable::compile(&both(&locked, &destination, created));
        assert!(table.fits(), "{table}");
        Self { order, source, destination, table }
    }

    fn net(&self, leg: Leg) -> &Net {
        match leg {
            Leg::Source => &self.order.src,
            Leg::Destination => &self.order.dst,
        }
    }
}

/// The basis once the source is there.
fn sourced(order: &Order, source: &Escrow) -> Basis {
    let timelocks = source.immutables.timelocks;
    let times = Times::Source { timelocks, created_at: timelocks.deployed_at() };
    Basis { times, ..order.basis() }
}

/// The call passes inside the window and nowhere else: executed in the second before it, its first, its
/// last, and the first behind it.
fn agrees(net: &Net, call: &Sent, window: Window, name: &str) {
    let tried = |time: u64, expected| {
        assert_eq!(net.tried(call, time), expected, "{name} at {time}, the window is {window:?}");
    };
    tried(window.start - 1, Outcome::OutOfTime);
    tried(window.start, Outcome::Passed);
    if window.end == u64::MAX {
        // As far as a block's time can be put into a word.
        tried(u64::from(u32::MAX), Outcome::Passed);
    } else {
        tried(window.end - 1, Outcome::Passed);
        tried(window.end, Outcome::OutOfTime);
    }
    let last = if window.end == u64::MAX { window.start } else { window.end - 1 };
    for time in [window.start, last] {
        if time > net.now() {
            net.mined_aside(call, time);
        }
    }
}

#[test]
fn every_ending_passes_exactly_in_its_window() {
    for contracts in ALL {
        let swap = Running::new(contracts);
        let mut asked = 0;
        for ending in endings(&swap.order, &swap.source, &swap.destination) {
            let Ending { name, leg, stage, role, call } = ending;
            let name = format!("{} {leg:?} {name}", contracts.dialect);
            let net = swap.net(leg);
            match swap.table.window(stage, role) {
                Some(window) => {
                    agrees(net, &call, window, &name);
                    asked += 1;
                }
                None => {
                    let outcome = net.tried(&call, swap.table.stage(stage).start);
                    assert!(matches!(outcome, Outcome::Reverted(_)), "{name}: {outcome:?}");
                }
            }
        }
        // Signed permissions exist in BMN alone.
        assert_eq!(asked, if contracts.dialect.has_absolute_times() { 11 } else { 8 });
    }
}

#[test]
fn each_slot_has_the_window_of_its_call() {
    for contracts in ALL {
        let swap = Running::new(contracts);
        let endings = endings(&swap.order, &swap.source, &swap.destination);
        let find = |leg, name| endings.iter().find(|it| (it.leg, it.name) == (leg, name)).unwrap();
        for (action, name) in [
            (TimedAction::WithdrawDestination, "withdraw"),
            (TimedAction::PublicWithdrawDestination, "publicWithdraw"),
            (TimedAction::MakerWithdraw, "publicWithdrawSigned"),
            (TimedAction::CancelDestination, "cancel"),
            (TimedAction::WithdrawSource, "withdraw"),
            (TimedAction::PublicWithdrawSource, "publicWithdraw"),
            (TimedAction::CancelSource, "cancel"),
            (TimedAction::PublicCancelSource, "publicCancel"),
        ] {
            let Some(slot) = swap.table.slot(action) else {
                let permits = contracts.dialect.has_absolute_times();
                assert!(action == TimedAction::MakerWithdraw && !permits, "{action}");
                continue;
            };
            let call = &find(action.leg(), name).call;
            let net = swap.net(action.leg());
            agrees(net, call, slot.window.unwrap(), action.name());
            // Sent at either end of what is safe, it is mined in time.
            assert_eq!(net.tried(call, slot.earliest), Outcome::Passed, "{action}");
            if let Some(latest) = slot.latest {
                assert_eq!(net.tried(call, latest + SLOW), Outcome::Passed, "{action}");
            }
        }
    }
}

#[test]
fn rescues_open_with_their_slots() {
    for contracts in ALL {
        let swap = Running::new(contracts);
        for (action, escrow) in [
            (TimedAction::RescueSource, &swap.source),
            (TimedAction::RescueDestination, &swap.destination),
        ] {
            let slot = swap.table.slot(action).unwrap();
            let call = rescue(contracts.dialect, escrow);
            agrees(swap.net(action.leg()), &call, slot.window.unwrap(), action.name());
        }
    }
}

#[test]
fn a_fill_passes_until_its_window_ends() {
    for contracts in ALL {
        let usual: fn(Times, u64) -> Times = |times, _| times;
        // A cancellation before the destination's withdrawal ends the fill, too.
        let reversed: fn(Times, u64) -> Times = |times, now| match times {
            Times::Absolute { .. } => {
                Times::Absolute { src_cancellation: now + 50, dst_withdrawal: now + 60 }
            }
            other => other,
        };
        for (change, expires) in [(usual, None), (usual, Some(40)), (reversed, None)] {
            let order = Order::expiring(contracts, change, expires);
            let table = Timetable::compile(&order.basis());
            let fill = table.slot(TimedAction::Fill).unwrap();
            let end = fill.window.unwrap().end;
            if end == u64::MAX {
                assert!(!contracts.dialect.has_absolute_times() && expires.is_none());
                continue;
            }
            let tried = |time| order.src.tried(&order.fill_at(time), time);
            assert_eq!(tried(end - 1), Outcome::Passed, "{}", contracts.dialect);
            assert!(matches!(tried(end), Outcome::Reverted(_)), "{}", contracts.dialect);
        }
    }
}

#[test]
fn a_destination_can_be_created_until_its_window_ends() {
    for contracts in ALL {
        let order = Order::new(contracts, |times, _| times);
        let source = order.filled(order.src.now() + 1);
        let table = Timetable::compile(&sourced(&order, &source));
        let end = table.slot(TimedAction::FundDestination).unwrap().window.unwrap().end;
        let tried = |time| {
            let destination = order.destination_at(&source, &table, time);
            order.dst.tried(&order.create(&source, &destination), time)
        };
        if contracts.dialect.has_absolute_times() {
            // The factory lets anything pass: only our own limit keeps us from it.
            assert_eq!(end, u64::MAX);
            let cancellation = table.stage(Stage::SrcCancellation).start;
            assert_eq!(tried(cancellation + 1), Outcome::Passed);
        } else {
            assert_eq!(tried(end - 1), Outcome::Passed);
            assert!(matches!(tried(end), Outcome::Reverted(_)));
        }
    }
}

/// Everything is sent at its latest safe time and mined late, the destination is paid in its last second, and a
/// reorg undoes the first withdrawal of the source: the second one still passes.
#[test]
fn the_slowest_path_that_fits_is_paid() {
    for contracts in ALL {
        let order = Order::new(contracts, |times, _| times);
        let basis = order.basis();
        let table = Timetable::compile(&basis);
        assert!(table.fits(), "{table}");
        let fill = table.slot(TimedAction::Fill).unwrap();
        let filled = fill.latest.unwrap_or(basis.source_now) + SLOW;
        let source = order.filled(filled);

        let locked = Basis { source_now: filled, ..sourced(&order, &source) };
        let table = Timetable::compile(&locked);
        assert!(table.fits(), "{}: {table}", contracts.dialect);
        let created = table.slot(TimedAction::FundDestination).unwrap().latest.unwrap() + SLOW;
        // Funded at the latest time, not one second later.
        let late = Basis { destination_now: created - SLOW + 1, ..locked };
        let step = TimedAction::FundDestination;
        assert_eq!(Timetable::compile(&late).verdict, Verdict::Short { step, seconds: 1 });
        let destination = order.destination_at(&source, &table, created);
        order.dst.mined(&order.create(&source, &destination), created);

        let locked = Basis { source_now: created, destination_now: created, ..locked };
        let table = Timetable::compile(&both(&locked, &destination, created));
        assert!(table.fits(), "{}: {table}", contracts.dialect);
        let endings = endings(&order, &source, &destination);
        let withdraw = |leg| {
            let found = endings.iter().find(|it| it.leg == leg && it.name == "withdraw");
            &found.unwrap().call
        };
        let paid = table.stage(Stage::DstWithdrawal).end - 1;
        order.dst.mined(withdraw(Leg::Destination), paid);

        let progress = Progress::Paid { at: paid };
        let now = paid + locked.destination_timing.settle();
        let paid = Basis { progress, source_now: now, destination_now: now, ..locked };
        let table = Timetable::compile(&both(&paid, &destination, created));
        assert!(table.fits(), "{}: {table}", contracts.dialect);
        let by = table.slot(TimedAction::WithdrawSource).unwrap().latest.unwrap();
        assert!(now <= by);
        let again = by + SLOW + locked.source_timing.settle();
        order.src.mined_aside(withdraw(Leg::Source), by + SLOW);
        order.src.mined(withdraw(Leg::Source), again);
    }
}

#[test]
fn an_empty_window_lets_nobody_withdraw() {
    for contracts in ALL {
        let order = Order::new(contracts, |times, _| times);
        let source = order.filled(order.src.now() + 1);
        let created = order.src.now() + 10;
        let mut offsets = source.immutables.timelocks.offsets();
        for stage in [Stage::DstWithdrawal, Stage::DstPublicWithdrawal, Stage::DstCancellation] {
            offsets[stage as usize] = 200;
        }
        let timelocks = Timelocks::pack(u32::try_from(created).unwrap(), offsets);
        let destination = order.destination(&source, timelocks);
        let create = order.create(&source, &destination);
        order.dst.mined(&create, created);
        assert!(order.dst.has_code(destination.address), "the factory lets it pass");
        let locked = sourced(&order, &source);
        let table = Timetable::compile(&both(&locked, &destination, created));
        let at = created + 200;
        assert!(table.faults.contains(&Fault::Empty { stage: Stage::DstWithdrawal, at }));
        let endings = endings(&order, &source, &destination);
        let at_destination = endings.iter().filter(|it| it.leg == Leg::Destination);
        for ending in at_destination.filter(|it| it.stage != Stage::DstCancellation) {
            for time in [created, at - 1, at, at + 1, created + 100_000] {
                let outcome = order.dst.tried(&ending.call, time);
                assert_ne!(outcome, Outcome::Passed, "{} at {time}", ending.name);
            }
        }
    }
}

#[test]
fn an_order_that_the_compiler_calls_wrapped_opens_when_the_factory_says() {
    for contracts in ALL.iter().filter(|it| it.dialect.has_absolute_times()) {
        let order = Order::new(contracts, |_, now| Times::Absolute {
            src_cancellation: now + (1 << 32) + 95,
            dst_withdrawal: now + 300,
        });
        let now = order.src.now();
        let table = Timetable::compile(&order.basis());
        let wraps = |stage| {
            let wraps = |fault: &Fault| matches!(fault, Fault::OffsetWraps { stage: it, .. } if *it == stage);
            table.faults.iter().any(wraps)
        };
        assert!(wraps(Stage::SrcCancellation) && wraps(Stage::SrcPublicCancellation));
        assert!(!wraps(Stage::DstWithdrawal));
        // The contract does let the source be cancelled 95 s after `now`, not in 136 years.
        let source = order.filled(now + 1);
        let cancellation = source.immutables.timelocks.src_cancel();
        assert_eq!(cancellation.start, now + 95);
        let destination = order.destination(&source, source.immutables.timelocks);
        let endings = endings(&order, &source, &destination);
        let cancel = endings.iter().find(|it| it.leg == Leg::Source && it.name == "cancel");
        agrees(&order.src, &cancel.unwrap().call, cancellation, "cancel");
        let found = Timetable::compile(&sourced(&order, &source));
        assert!(!found.fits(), "{found}");
    }
}
