//! Calendar days.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

const SECONDS: u64 = 86_400;

/// A day in UTC, from 1970-01-01; `YYYY-MM-DD` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Day(u32);

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a day, YYYY-MM-DD, from 1970-01-01 to 9999-12-31")]
pub struct ParseDayError;

/// 9999-12-31.
const LAST: u32 = 2_932_896;

impl Day {
    /// The day with this number, counted from 1970-01-01; `None` after the year 9999.
    pub const fn from_number(number: u32) -> Option<Self> {
        if number <= LAST { Some(Self(number)) } else { None }
    }

    /// The day of a block timestamp; the last one there is for absurd ones.
    pub fn of(time: u64) -> Self {
        Self(u32::try_from(time / SECONDS).unwrap_or(LAST).min(LAST))
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> u32 {
        self.0
    }

    // The proleptic Gregorian calendar in years that begin in March, so that the leap day is last.
    const fn civil(self) -> (u32, u32, u32) {
        let days = self.0 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        (year + era * 400 + (month <= 2) as u32, month, day)
    }

    fn from_civil(year: u32, month: u32, day: u32) -> Option<Self> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day)
        {
            return None;
        }
        let year_from_march = year - u32::from(month <= 2);
        let (era, of_era) = (year_from_march / 400, year_from_march % 400);
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * from_march + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let found = Self(days.checked_sub(719_468)?);
        (found.civil() == (year, month, day)).then_some(found)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let parse = || {
            let mut parts = text.split('-').map(|part| part.parse().ok());
            let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
            parts.next().is_none().then_some((year, month, day))
        };
        plain
            .then(parse)
            .flatten()
            .and_then(|(year, month, day)| Self::from_civil(year, month, day))
            .filter(|day| day.to_string() == text)
            .ok_or(ParseDayError)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_have_their_names() {
        for (time, name) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_795_219_860, "2026-11-21"),
        ] {
            assert_eq!(Day::of(time).to_string(), name);
            assert_eq!(name.parse::<Day>().unwrap(), Day::of(time));
        }
        assert_eq!(Day::of(u64::MAX).to_string(), "9999-12-31");
        assert_eq!((Day::from_number(LAST + 1), Day::from_number(1)), (None, Some(Day(1))));
    }

    #[test]
    fn every_day_reads_back_and_follows_the_one_before() {
        let mut before = String::new();
        // The calendar repeats itself every 146 097 days.
        for number in (0..146_500).chain(LAST - 400..=LAST) {
            let day = Day(number);
            let text = day.to_string();
            assert_eq!(text.parse(), Ok(day));
            assert!(text > before, "{text} after {before}");
            before = text;
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for bad in [
            "",
            "2026-13-01",
            "2026-02-29",
            "2026-2-01",
            "1969-12-31",
            "10000-01-01",
            "2026-11-21T",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(ParseDayError), "{bad}");
        }
    }
}
