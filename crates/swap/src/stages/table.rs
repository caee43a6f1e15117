//! The timetable as people read it.

use super::{SendState, Slot, Timetable, Verdict};
use bmn_primitives::Leg;
use std::fmt;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fits { tightest: Some((action, slack)) } => {
                write!(f, "fits, {slack} s to spare at {action}")
            }
            Self::Fits { tightest: None } => f.write_str("fits"),
            Self::Short { step, seconds } => {
                write!(f, "does not fit, short by {seconds} s at step {step}")
            }
            Self::Malformed { fault } => write!(f, "refused: {fault}"),
        }
    }
}

impl fmt::Display for SendState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Early { opens } => write!(f, "not before {opens}"),
            Self::Open => f.write_str("open"),
            Self::Urgent => f.write_str("urgent"),
            Self::Late => f.write_str("late"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// A time of a table; what never comes is a dash.
fn time(value: Option<u64>) -> String {
    value.filter(|time| *time < u64::MAX).map_or_else(|| "-".to_owned(), |time| time.to_string())
}

impl Timetable {
    fn rows(&self) -> impl Iterator<Item = [String; 7]> {
        self.slots.iter().map(|slot: &Slot| {
            let chain = match slot.action.leg() {
                Leg::Source => "source",
                Leg::Destination => "destination",
            };
            [
                slot.action.name().to_owned(),
                chain.to_owned(),
                time(Some(slot.earliest)),
                time(slot.latest),
                time(slot.urgent_from),
                time(slot.alarm_at),
                slot.slack.map_or_else(|| "-".to_owned(), |slack| slack.to_string()),
            ]
        })
    }
}

impl fmt::Display for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.dialect, self.verdict)?;
        for fault in self.faults.iter().skip(1) {
            writeln!(f, "also: {fault}")?;
        }
        writeln!(f)?;
        writeln!(f, "{:<26} {:>10} {:>10}", "stage", "from", "until")?;
        for (name, window) in self.named_windows() {
            let (start, end) = (time(Some(window.start)), time(Some(window.end)));
            writeln!(f, "{name:<26} {start:>10} {end:>10}")?;
        }
        writeln!(f)?;
        let heads = ["action", "chain", "earliest", "latest", "urgent", "alarm", "slack"];
        for row in [heads.map(str::to_owned)].into_iter().chain(self.rows()) {
            let [action, chain, earliest, latest, urgent, alarm, slack] = row;
            writeln!(
                f,
                "{action:<26} {chain:<11} {earliest:>10} {latest:>10} {urgent:>10} {alarm:>10} {slack:>6}"
            )?;
        }
        Ok(())
    }
}
