//! Times and texts in few characters.

use bmn_node::{Clock, SystemClock};
use bmn_rpc_api::{Day, ScheduledRun};

/// The name of a job as its node knows it; also the key under `[schedules]` is one.
pub(super) fn name(text: &str) -> &str {
    bmn_upkeep::named(text)
}

pub(super) fn now_ms() -> u64 {
    SystemClock::new().unix_seconds().saturating_mul(1_000)
}

/// A span of time in one unit.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} m", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// Month, day and time of day, UTC.
pub(super) fn moment(ms: u64) -> String {
    let (day, second) = (Day::of(ms / 1_000).to_string(), ms / 1_000 % 86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", day.get(5..).unwrap_or(&day))
}

/// What a run came to, in one line: it holds words of hosts, which steer no terminal.
pub(super) fn came_to(run: &ScheduledRun) -> String {
    let counted = || {
        let some = run.counters.iter().filter(|(_, count)| **count > 0);
        some.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let words = run.error.clone().or_else(|| run.note.clone()).unwrap_or_else(counted);
    words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// At most so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_texts_are_short() {
        let spans = [(999, "999 ms"), (119_999, "119 s"), (7_199_999, "119 m")];
        for (ms, words) in spans.into_iter().chain([(172_799_999, "47 h"), (200_000_000, "2 d")]) {
            assert_eq!(span(ms), words);
        }
        assert_eq!(moment(1_772_323_265_999), "03-01 00:01:05");
        assert_eq!((cut("four", 4).as_str(), cut("four five", 6).as_str()), ("four", "four…"));
    }
}
