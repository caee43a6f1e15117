//! Which new orders each mode and switch takes.

mod market;

use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, OrderHash};
use bmn_swap::{Mode, ModeReason, Modes, Order, Switch, hundredth};
use market::{A, B, COIN, Desk, TOKEN};
use proptest::prelude::*;

fn hashed(hash: [u8; 32]) -> Order {
    let mut order = Desk::new().order;
    order.id.hash = OrderHash(B256::from(hash));
    order
}

fn mode(mode: Mode) -> Modes {
    Modes { mode, ..Modes::default() }
}

#[test]
fn a_new_node_takes_everything() {
    assert_eq!(Modes::default().against(&hashed([1; 32])), None);
    assert!(!Modes::default().takes_nothing());
}

#[test]
fn the_first_n_hundredths_are_taken() {
    // 0x80… is half way.
    let order = hashed([0x80; 32]);
    assert_eq!(hundredth(&order), 50);
    assert_eq!(mode(Mode::Percent(51)).against(&order), None);
    let reason = ModeReason::NotSelected { hundredth: 50, percent: 50 };
    assert_eq!(mode(Mode::Percent(50)).against(&order), Some(reason));
    assert_eq!((hundredth(&hashed([0; 32])), hundredth(&hashed([0xff; 32]))), (98, 99)); // FACTORY, 0xff
}

#[test]
fn each_switch_stops_what_it_names_and_nothing_else() {
    let order = hashed([1; 32]);
    let other = Address::repeat_byte(9);
    for (switch, stops) in [
        (Switch::Pause, true),
        (Switch::Drain, true),
        (Switch::Maintenance, true),
        (Switch::Chain(A), true),
        (Switch::Chain(B), true),
        (Switch::Chain(ChainId(5)), false),
        (Switch::Token(A, TOKEN), true),
        (Switch::Token(B, TOKEN), true),
        (Switch::Token(A, other), false),
        (Switch::Token(A, COIN), false),
        (Switch::Token(ChainId(5), TOKEN), false),
    ] {
        let modes = Modes { switches: [switch].into(), ..Modes::default() };
        assert_eq!(modes.against(&order), stops.then_some(ModeReason::Off(switch)), "{switch}");
        assert!(!modes.takes_nothing() || stops);
    }
}

#[test]
fn a_mode_is_written_as_it_is_read() {
    for mode in [Mode::Full, Mode::Shadow, Mode::Percent(0), Mode::Percent(7), Mode::Percent(100)] {
        assert_eq!(mode.to_string().parse(), Ok(mode));
    }
    assert_eq!("percent = 5".parse(), Ok(Mode::Percent(5)));
    for wrong in ["", "Full", "percent", "percent=", "percent=101", "percent=-1", "percent=+1", "5"]
    {
        assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
    }
}

#[test]
fn why_an_order_is_not_taken_is_told_with_what_is_switched_off() {
    let order = hashed([0x80; 32]);
    for (switch, told) in [
        (Switch::Pause, "pause"),
        (Switch::Drain, "drain"),
        (Switch::Maintenance, "maintenance"),
        (Switch::Chain(A), "chain 1337"),
        (Switch::Token(A, TOKEN), "on chain 1337"),
    ] {
        let modes = Modes { switches: [switch].into(), ..Modes::default() };
        let reason = modes.against(&order).unwrap();
        assert_eq!(reason.code(), "paused");
        assert!(reason.to_string().ends_with(told), "{reason}");
    }
    let percent = mode(Mode::Percent(7)).against(&order).unwrap();
    assert_eq!(percent.code(), "notSelected");
    assert!(percent.to_string().contains("hundredth 50, the first 7"), "{percent}");
    assert_eq!(mode(Mode::Shadow).against(&order).unwrap().code(), "shadow");
}

#[test]
fn a_node_that_takes_nothing_says_so() {
    for (mode, switch, nothing) in [
        (Mode::Full, None, false),
        (Mode::Percent(1), None, false),
        (Mode::Percent(0), None, true),
        (Mode::Shadow, None, true),
        (Mode::Full, Some(Switch::Pause), true),
        (Mode::Full, Some(Switch::Drain), true),
        (Mode::Full, Some(Switch::Maintenance), true),
        (Mode::Full, Some(Switch::Chain(A)), false),
        (Mode::Full, Some(Switch::Token(A, TOKEN)), false),
    ] {
        let modes = Modes { mode, switches: switch.into_iter().collect() };
        assert_eq!(modes.takes_nothing(), nothing, "{mode} {switch:?}");
    }
}

proptest! {
    #[test]
    fn a_larger_share_takes_all_that_a_smaller_one_takes(
        hash in any::<[u8; 32]>(), few in 0u8..=100, more in 0u8..=100,
    ) {
        let (few, more) = (few.min(more), few.max(more));
        let order = hashed(hash);
        let taken = |percent| mode(Mode::Percent(percent)).against(&order).is_none();
        prop_assert!(!taken(few) || taken(more));
        prop_assert!(!taken(0) && taken(100));
        prop_assert!(hundredth(&order) < 100);
    }
}
