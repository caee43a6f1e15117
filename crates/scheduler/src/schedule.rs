//! When a job runs: a pure function from a time to a slot.

use crate::ScheduleError;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use std::{fmt, str::FromStr};

pub(crate) mod civil;

use civil::Second;

/// The shortest distance of two slots, milliseconds: what must be quicker belongs to the blocks.
const SHORTEST_MS: u64 = 1_000;

/// The longest of `every`, milliseconds.
const LONGEST_MS: u64 = 31 * 86_400_000;

/// When a job runs. All times are UTC, milliseconds since 1970 (S3-16).
///
/// Its text is `off`, `every 10s` (also `ms`, `m`, `h`, `d`; from one second to 31 days), or cron with five fields (minute, hour, day,
/// month, weekday) or six, with seconds first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Never; it can still be run by hand.
    Off,
    /// At each multiple of this many milliseconds since 1970, so that a restart moves nothing.
    Every(u64),
    /// As a cron text says.
    Cron(Pattern),
}

/// A cron text that was read.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    cron: Box<Cron>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Schedule {
    /// The first slot after a time; none when there is none before the year 5000.
    pub fn next_after(&self, at_ms: u64) -> Option<u64> {
        match self {
            Self::Off => None,
            Self::Every(period) => Some((at_ms / period).checked_add(1)?.saturating_mul(*period)),
            Self::Cron(pattern) => {
                let found = pattern.cron.find_next_occurrence(&Second(at_ms / 1_000), false);
                found.ok().map(|Second(second)| second.saturating_mul(1_000))
            }
        }
    }

    /// The newest slot that is not after a time.
    pub fn last_at(&self, at_ms: u64) -> Option<u64> {
        match self {
            Self::Off => None,
            Self::Every(period) => Some(at_ms / period * period),
            Self::Cron(pattern) => {
                let found = pattern.cron.find_previous_occurrence(&Second(at_ms / 1_000), true);
                found.ok().map(|Second(second)| second.saturating_mul(1_000))
            }
        }
    }

    /// From the next slot to the one after it, milliseconds.
    pub fn period_at(&self, at_ms: u64) -> Option<u64> {
        if let Self::Every(period) = self {
            return Some(*period);
        }
        let next = self.next_after(at_ms)?;
        Some(self.next_after(next)?.saturating_sub(next))
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if text == "off" {
            return Ok(Self::Off);
        }
        match text.strip_prefix("every ") {
            Some(time) => every(time.trim()).map_err(|reason| refused(text, reason)),
            None => cron(text),
        }
    }
}

fn refused(text: &str, reason: impl Into<String>) -> ScheduleError {
    ScheduleError { text: text.to_owned(), reason: reason.into() }
}

fn every(time: &str) -> Result<Schedule, &'static str> {
    const FORM: &str = "`every` takes a whole number and a unit, such as `every 10s`";
    let unit_at = time.find(|c: char| !c.is_ascii_digit()).ok_or(FORM)?;
    let (number, unit) = time.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| FORM)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(FORM),
    };
    let period = number.checked_mul(unit_ms).ok_or("it is longer than 31 days")?;
    match period {
        0..SHORTEST_MS => Err("it is shorter than a second"),
        SHORTEST_MS..=LONGEST_MS => Ok(Schedule::Every(period)),
        _ => Err("it is longer than 31 days"),
    }
}

fn cron(text: &str) -> Result<Schedule, ScheduleError> {
    let fields = text.split_whitespace().count();
    if !(5..=6).contains(&fields) {
        let reason = format!(
            "{fields} fields: cron text has 5 (minute hour day month weekday) or 6 (seconds first)"
        );
        return Err(refused(text, reason));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| refused(text, error.to_string()))?;
    let schedule = Schedule::Cron(Pattern { text: text.to_owned(), cron: Box::new(cron) });
    // The search is for ever where no day has such a date.
    if schedule.next_after(0).is_none() {
        return Err(refused(text, "no day has such a date"));
    }
    Ok(schedule)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Cron(pattern) => f.write_str(&pattern.text),
            Self::Every(period) => {
                let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
                let (unit, name) =
                    units.into_iter().find(|(unit, _)| period % unit == 0).unwrap_or((1, "ms"));
                write!(f, "every {}{name}", period / unit)
            }
        }
    }
}
