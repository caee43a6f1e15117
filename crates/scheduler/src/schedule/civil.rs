//! Seconds of UTC as dates, for the cron library: no zone, no clock, no gap.

use croner::{
    errors::CronError,
    time::{CivilDateTime, CronDateTime, Resolution, Weekday},
};
use std::cmp::Ordering;

const DAY: u64 = 86_400;

/// Seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second(pub(crate) u64);

/// Year, month and day of a day since 1970 (proleptic Gregorian calendar, by eras of 400 years).
pub(crate) const fn date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The day since 1970 of a date; none before that.
const fn day(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    days.checked_sub(719_468)
}

impl CronDateTime for Second {
    fn to_civil(&self) -> CivilDateTime {
        // The latest year that the library knows, so that every number fits.
        let second = self.0.min(95_617_497_600);
        let (year, month, day) = date(second / DAY);
        let of_day = second % DAY;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        CivilDateTime::new(
            croner::time::CivilDate::from_parts_unchecked(
                i32::try_from(year).unwrap_or(i32::MAX),
                small(month),
                small(day),
            ),
            croner::time::CivilTime::from_parts_unchecked(
                small(of_day / 3_600),
                small(of_day / 60 % 60),
                small(of_day % 60),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        // The first of January 1970 was a Thursday.
        Weekday::from_days_from_sunday(u32::try_from((self.0 / DAY + 4) % 7).unwrap_or(0))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let year = u64::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let day = day(year, civil.month().into(), civil.day().into());
        let of_day = u64::from(civil.hour()) * 3_600
            + u64::from(civil.minute()) * 60
            + u64::from(civil.second());
        let second = day.ok_or(CronError::InvalidDate)? * DAY + of_day;
        Ok(Resolution::Single(Self(second)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add_signed(seconds).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_its_date_are_the_same_thing() {
        for (number, (year, month, of_month)) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (20_513, (2026, 3, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(number), (year, month, of_month));
            assert_eq!(day(year, month, of_month), Some(number));
        }
        for number in 0..60_000 {
            let (year, month, of_month) = date(number);
            assert_eq!(day(year, month, of_month), Some(number));
        }
    }
}
