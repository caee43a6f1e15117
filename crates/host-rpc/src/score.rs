//! Which endpoint is asked first.

use std::time::Duration;

/// What is known of an endpoint when one is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    /// Place in the configuration.
    pub(crate) place: usize,
    /// Moving average of its answers; `None` before the first.
    pub(crate) latency: Option<Duration>,
    /// Blocks it was behind the best head when it last named its own.
    pub(crate) behind: u64,
    /// Failures since its last answer.
    pub(crate) failures: u32,
    /// Answers in a row that were of no use: refusals, and blocks that nobody else has.
    pub(crate) useless: u32,
    /// Whether it gave the last event.
    pub(crate) current: bool,
}

/// What one block behind, one failure and one place further down the list weigh, in milliseconds of
/// latency.
const BEHIND: u64 = 200;
const FAILURE: u64 = 1_000;
const PLACE: u64 = 50;
/// A change of node may change the view of the chain, so the one in use is kept for a small
/// difference.
const CURRENT: u64 = 100;
/// Blocks behind beyond which it does not get worse.
const FAR_BEHIND: u64 = 50;

/// Lower is better, in milliseconds.
pub(crate) fn score(it: &Standing) -> u64 {
    let latency = it.latency.map_or(0, |latency| latency.as_millis().min(60_000) as u64);
    let away = if it.current { 0 } else { CURRENT };
    latency
        + it.behind.min(FAR_BEHIND) * BEHIND
        + u64::from(it.failures.min(10)) * FAILURE
        + u64::from(it.useless.min(20)) * FAILURE
        + it.place as u64 * PLACE
        + away
}

/// The places of the endpoints, the one to ask first in front.
pub(crate) fn order(mut standings: Vec<Standing>) -> Vec<usize> {
    standings.sort_by_key(|it| (score(it), it.place));
    standings.into_iter().map(|it| it.place).collect()
}

/// The average after one more answer.
pub(crate) fn averaged(before: Option<Duration>, sample: Duration) -> Duration {
    before.map_or(sample, |before| (before * 4 + sample) / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(place: usize, millis: u64) -> Standing {
        let latency = Some(Duration::from_millis(millis));
        Standing { place, latency, behind: 0, failures: 0, useless: 0, current: false }
    }

    #[test]
    fn the_list_decides_between_equals_and_is_overruled_by_facts() {
        let equal = vec![standing(0, 80), standing(1, 80), standing(2, 80)];
        assert_eq!(order(equal), [0, 1, 2]);
        assert_eq!(order(vec![standing(0, 400), standing(1, 80)]), [1, 0]);
        let lagging = Standing { behind: 3, ..standing(0, 80) };
        assert_eq!(order(vec![lagging, standing(1, 300)]), [1, 0]);
        let failing = Standing { failures: 1, ..standing(0, 80) };
        assert_eq!(order(vec![failing, standing(1, 300)]), [1, 0]);
        let useless = Standing { useless: 1, ..standing(0, 80) };
        assert_eq!(order(vec![useless, standing(1, 300)]), [1, 0]);
        let alone = Standing { useless: 20, ..standing(0, 80) };
        let outrun = Standing { behind: u64::MAX, failures: 9, ..standing(1, 80) };
        assert_eq!(order(vec![alone, outrun]), [1, 0], "a head that nobody else has is no merit");
        let current = Standing { current: true, ..standing(1, 80) };
        assert_eq!(order(vec![standing(0, 80), current]), [1, 0], "no change without a reason");
        assert_eq!(order(vec![standing(0, 80), Standing { behind: 9, ..current }]), [0, 1]);
    }

    #[test]
    fn the_average_follows_slowly() {
        let ms = Duration::from_millis;
        assert_eq!(averaged(None, ms(100)), ms(100));
        assert_eq!(averaged(Some(ms(100)), ms(600)), ms(200));
    }
}
