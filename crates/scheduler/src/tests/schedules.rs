use crate::{Schedule, Totals, health, may_claim};
use proptest::prelude::*;

/// 2026-03-01 00:00:00 UTC, a Sunday.
const SUNDAY: u64 = 1_772_323_200_000;

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap()
}

#[test]
fn cron_text_of_five_and_six_fields_names_times_of_utc() {
    for (text, after, next) in [
        ("*/10 * * * * *", SUNDAY, SUNDAY + 10_000),
        ("*/10 * * * * *", SUNDAY + 9_999, SUNDAY + 10_000),
        ("0 */2 * * * *", SUNDAY + 1, SUNDAY + 120_000),
        ("*/5 * * * *", SUNDAY + 299_999, SUNDAY + 300_000),
        ("0 0 * * *", SUNDAY - 1, SUNDAY),
        ("0 0 * * *", SUNDAY, SUNDAY + 86_400_000),
        ("5 0 * * *", SUNDAY, SUNDAY + 300_000),
        // Friday; the last of the month; the day when clocks of the north are set forward, at the hour that they skip.
        ("30 12 * * 5", SUNDAY, SUNDAY + 5 * 86_400_000 + 45_000_000),
        ("0 0 L * *", SUNDAY, SUNDAY + 30 * 86_400_000),
        ("30 1 29 3 *", SUNDAY, SUNDAY + 28 * 86_400_000 + 5_400_000),
        // The next 29th of February is in 2028.
        ("0 0 29 2 *", SUNDAY, SUNDAY + 730 * 86_400_000),
        ("every 10s", SUNDAY + 1, SUNDAY + 10_000),
        ("every 5m", SUNDAY, SUNDAY + 300_000),
    ] {
        assert_eq!(schedule(text).next_after(after), Some(next), "{text} after {after}");
        assert_eq!(schedule(text).last_at(next), Some(next), "{text}");
    }
    assert_eq!(schedule("off").next_after(0), None);
    assert_eq!(schedule("0 0 * * *").period_at(SUNDAY), Some(86_400_000));
}

#[test]
fn what_is_no_schedule_is_told_why() {
    for (text, says) in [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * * *", "7 fields"),
        ("61 * * * *", "is no schedule"),
        ("0 0 31 2 *", "no day has such a date"),
        ("every 10", "a unit"),
        ("every s", "whole number"),
        ("every 10 parsecs", "a unit"),
        ("every 999ms", "shorter than a second"),
        ("every 32d", "longer than 31 days"),
        ("every 99999999999999999999s", "whole number"),
        ("every 999999999999999999d", "longer than 31 days"),
        ("daily", "1 fields"),
    ] {
        let error = text.parse::<Schedule>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_schedule_is_written_as_it_is_read() {
    for text in ["off", "every 10s", "every 2m", "every 1500ms", "every 1d", "*/15 * * * * *"] {
        assert_eq!(schedule(text).to_string(), text);
    }
    assert_eq!(schedule(" every 120s ").to_string(), "every 2m");
}

#[test]
fn health_follows_from_failures_and_from_the_time_of_the_last_start() {
    let every = schedule("every 10s");
    let of = |failures, start, now| {
        let totals =
            Totals { consecutive_failures: failures, last_start_ms: start, ..Totals::default() };
        let judged = health(&every, &totals, SUNDAY, now);
        (judged.healthy, judged.missed)
    };
    assert_eq!(of(0, Some(SUNDAY), SUNDAY + 15_000), (true, false));
    assert_eq!(of(0, Some(SUNDAY), SUNDAY + 15_001), (true, true));
    assert_eq!(of(0, Some(SUNDAY), SUNDAY + 20_001), (false, true));
    assert_eq!(of(2, Some(SUNDAY), SUNDAY + 1), (true, false));
    assert_eq!(of(3, Some(SUNDAY), SUNDAY + 1), (false, false));
    // What was before this process was not its to start; a start in the future says nothing.
    assert_eq!(of(0, Some(1), SUNDAY + 15_000), (true, false));
    assert_eq!(of(0, Some(SUNDAY + 99_000_000), SUNDAY + 20_001), (false, true));
    let daily = schedule("0 0 * * *");
    let judged = health(&daily, &Totals::default(), SUNDAY + 1, SUNDAY + 86_400_000);
    assert!(judged.healthy && !judged.missed);
    let off = health(&Schedule::Off, &Totals::default(), 0, u64::MAX);
    assert!(off.healthy && !off.missed);
}

proptest! {
    #[test]
    fn slots_follow_each_other_and_none_is_left_out(
        at in 0u64..4_000_000_000_000,
        text in prop::sample::select(vec![
            "*/10 * * * * *", "0 */2 * * * *", "*/30 * * * *", "0 0 * * *", "5 0 * * *", "every 10s",
            "every 7s", "0 0 1 * *",
        ]),
    ) {
        let schedule = schedule(text);
        let next = schedule.next_after(at).unwrap();
        prop_assert!(next > at);
        prop_assert_eq!(schedule.last_at(next), Some(next));
        prop_assert_eq!(schedule.last_at(next - 1).filter(|last| *last > at), None);
        if let Some(last) = schedule.last_at(at) {
            prop_assert!(last <= at);
            prop_assert_eq!(schedule.next_after(last), Some(next));
        }
    }

    #[test]
    fn a_slot_is_claimed_once_while_the_clock_goes_on(slots in prop::collection::vec(0u64..50, 1..40)) {
        let (mut newest, mut claimed) = (None, Vec::new());
        for slot in slots {
            if may_claim(newest, slot, slot + 1_000_000) {
                newest = Some(slot);
                claimed.push(slot);
            }
        }
        prop_assert!(claimed.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", claimed);
    }
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_a_job_until_it_has_caught_up() {
    assert!(!may_claim(Some(100_000), 100_000, 99_950));
    assert!(!may_claim(Some(100_000), 40_000, 40_001));
    assert!(may_claim(Some(100_000), 30_000, 39_999));
}
