//! What `bmn top` shows: plain values, all of them bounded. Nothing here asks anybody.

use serde::{Serialize, Serializer};
use std::collections::VecDeque;

/// Samples that a trend keeps: as many as the widest window shows.
pub(crate) const RING: usize = 240;
/// Alerts and errors that are kept.
pub(crate) const MOST_ALERTS: usize = 200;

/// A value, or why there is none. Nothing is guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Known<T> {
    /// It was read.
    Known(T),
    /// It was not, and what would make it known.
    NotKnown(String),
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::NotKnown("not asked yet".to_owned())
    }
}

/// `{"value": …}` or `{"error": …}`.
fn value_or_error<T: Serialize, S: Serializer>(
    told: &Result<T, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match told {
        Ok(value) => serde_json::json!({ "value": value }),
        Err(error) => serde_json::json!({ "error": error }),
    }
    .serialize(serializer)
}

/// The newest samples of something, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Ring(VecDeque<u64>);

impl Ring {
    /// Adds a sample; the oldest goes when there are too many.
    pub(crate) fn push(&mut self, sample: u64) {
        if self.0.len() == RING {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// The newest sample.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.back().copied()
    }

    /// The newest `most` samples, oldest first.
    pub(crate) fn newest(&self, most: usize) -> Vec<u64> {
        self.0.iter().skip(self.0.len().saturating_sub(most)).copied().collect()
    }
}

/// What went on, over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trends {
    /// Completed orders in each minute of chain time; the newest minute is not over.
    pub(crate) completed: Ring,
    /// Seconds since the newest block of the chain that is furthest back, at each look.
    pub(crate) head_age: Ring,
    /// Steps that are not done, at each look.
    pub(crate) queue: Ring,
}

/// The node as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeLine {
    /// Its version.
    pub(crate) version: String,
    /// Seconds since its start.
    pub(crate) uptime: u64,
    /// Whether it acts on every chain.
    pub(crate) acting: bool,
    /// Why it does not.
    pub(crate) why: Option<String>,
    /// `healthy`, `degraded` or `unhealthy`.
    pub(crate) health: Option<String>,
    /// `full`, `shadow` or `percent=N`.
    pub(crate) mode: Option<String>,
    /// Steps whose latest safe time is near or over.
    pub(crate) overdue: u64,
    /// Steps that were missed, ever.
    pub(crate) missed: u64,
}

/// No answer since some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CutOff {
    /// Unix seconds of this machine.
    pub(crate) since: u64,
    /// What happened last.
    pub(crate) reason: String,
}

/// Orders in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateCount {
    /// The state, as on the wire.
    pub(crate) state: String,
    /// How many orders.
    pub(crate) count: u64,
}

/// A moment at which a window opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Window {
    /// What opens, in three words at most.
    pub(crate) what: &'static str,
    /// Chain by whose time it is judged.
    pub(crate) chain: u64,
    /// Unix seconds of that chain.
    pub(crate) at: u64,
}

/// An order that is not at an end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SwapLine {
    /// Its hash.
    pub(crate) order: String,
    /// Where it stands.
    pub(crate) status: String,
    /// Names of both chains.
    pub(crate) route: String,
    /// What the maker sells.
    pub(crate) sells: String,
    /// What he buys.
    pub(crate) buys: String,
    /// The step that is next in the queue, and how it stands.
    pub(crate) step: String,
    /// Every window that its contracts have.
    pub(crate) windows: Vec<Window>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChainLine {
    /// Chain id.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
    /// Newest indexed block.
    pub(crate) head: Option<u64>,
    /// Its time, unix seconds of the chain.
    pub(crate) head_time: Option<u64>,
    /// When that block was first seen here, unix seconds of this machine.
    pub(crate) seen_at: u64,
    /// Newest final block.
    pub(crate) finalized: Option<u64>,
    /// How its index is written.
    pub(crate) index: Option<String>,
    /// Our account.
    pub(crate) account: String,
    /// Nonce of our next transaction.
    pub(crate) nonce: u64,
    /// Transactions signed and not settled.
    pub(crate) in_flight: u64,
    /// Newest block of its endpoints, where they are known.
    pub(crate) tip: Option<u64>,
}

impl ChainLine {
    /// The chain's time now: that of its head, and what went by since it was seen.
    pub(crate) fn time(&self, now: u64) -> Option<u64> {
        self.head_time.map(|time| time.saturating_add(now.saturating_sub(self.seen_at)))
    }

    /// Seconds since its newest block, by this machine's clock.
    pub(crate) fn age(&self, now: u64) -> Option<u64> {
        self.head_time.map(|time| now.saturating_sub(time))
    }

    /// Blocks that the index is behind the best endpoint.
    pub(crate) fn lag(&self) -> Option<u64> {
        Some(self.tip?.saturating_sub(self.head.unwrap_or_default()))
    }
}

/// A way to ask a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointLine {
    /// Chain id.
    pub(crate) chain: u64,
    /// Its URL without anything that may be a key.
    pub(crate) url: String,
    /// Its head, or what went wrong.
    #[serde(serialize_with = "value_or_error")]
    pub(crate) head: Result<u64, String>,
    /// How long it took to answer, milliseconds.
    pub(crate) millis: u64,
}

/// Steps on a chain, by state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LaneLine {
    /// Chain's name.
    pub(crate) chain: String,
    /// Chain id.
    pub(crate) id: u64,
    /// Waiting for a block or a time.
    pub(crate) waiting: u64,
    /// May be taken.
    pub(crate) ready: u64,
    /// Worked on.
    pub(crate) leased: u64,
    /// Sent and not settled.
    pub(crate) sent: u64,
    /// Given up.
    pub(crate) dead: u64,
    /// What wakes the next.
    pub(crate) next: String,
}

/// A step that is not done, or was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepLine {
    /// Order's hash.
    pub(crate) order: String,
    /// The step.
    pub(crate) action: String,
    /// Chain's name.
    pub(crate) chain: String,
    /// How it stands.
    pub(crate) state: String,
    /// Failed attempts.
    pub(crate) attempts: u32,
    /// Latest safe time and the chain it is of.
    pub(crate) deadline: Option<(u64, u64)>,
    /// What the last attempt said.
    pub(crate) error: String,
}

/// What the account has of a token, and what of it is spoken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BalanceLine {
    /// Chain's name.
    pub(crate) chain: String,
    /// Ticker.
    pub(crate) token: String,
    /// In the account.
    #[serde(serialize_with = "value_or_error")]
    pub(crate) held: Result<String, String>,
    /// Promised to orders that are open and not funded yet.
    pub(crate) promised: String,
    /// Paid into destination escrows that stand.
    pub(crate) locked: String,
}

/// Something for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertLine {
    /// When it was first seen here, unix seconds of this machine.
    pub(crate) at: u64,
    /// Its kind.
    pub(crate) kind: String,
    /// Where, for people; empty when it is about the whole.
    pub(crate) place: String,
    /// In words.
    pub(crate) text: String,
    /// False when it is over.
    pub(crate) standing: bool,
}

/// Everything there is to show.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model {
    /// The node's URL as it may be shown.
    pub(crate) source: String,
    /// This machine's clock, unix seconds.
    pub(crate) now: u64,
    /// `None` before the first answer.
    pub(crate) node: Option<NodeLine>,
    /// Set while the node does not answer; the rest is then what it said last.
    pub(crate) cut_off: Option<CutOff>,
    /// Orders by state, what needs a person first.
    pub(crate) states: Vec<StateCount>,
    /// Orders that are not at an end.
    pub(crate) swaps: Vec<SwapLine>,
    /// True when there are more than are listed.
    pub(crate) more_swaps: bool,
    /// Every chain.
    pub(crate) chains: Vec<ChainLine>,
    /// The queue by chain.
    pub(crate) lanes: Known<Vec<LaneLine>>,
    /// Steps that failed or were given up, and those with a latest safe time.
    pub(crate) steps: Known<Vec<StepLine>>,
    /// What the account has.
    pub(crate) balances: Known<Vec<BalanceLine>>,
    /// Endpoints of the chains.
    pub(crate) endpoints: Known<Vec<EndpointLine>>,
    /// What a person should look at, the newest first.
    pub(crate) alerts: Vec<AlertLine>,
    /// What went on.
    pub(crate) trends: Trends,
}

impl Model {
    /// Seconds until a window opens by its chain's time, negative when it has; `None` while that time is not
    /// known.
    pub(crate) fn left(&self, window: &Window) -> Option<i64> {
        self.left_until(window.chain, window.at)
    }

    /// Seconds until a moment of a chain.
    pub(crate) fn left_until(&self, chain: u64, at: u64) -> Option<i64> {
        let time = self.chains.iter().find(|line| line.id == chain)?.time(self.now)?;
        i64::try_from(at).ok()?.checked_sub(i64::try_from(time).ok()?)
    }

    /// The window of a swap that opens next, with the seconds until then; the last one when all are open.
    pub(crate) fn next_window<'a>(&self, swap: &'a SwapLine) -> Option<(&'a Window, i64)> {
        let known = swap.windows.iter().filter_map(|it| Some((it, self.left(it)?)));
        let (to_come, open): (Vec<_>, Vec<_>) = known.partition(|(_, left)| *left > 0);
        let next = to_come.into_iter().min_by_key(|(_, left)| *left);
        next.or_else(|| open.into_iter().max_by_key(|(_, left)| *left))
    }

    /// Swaps, those whose next window comes first first, and those with none to come last.
    pub(crate) fn by_window(&self) -> Vec<(&SwapLine, Option<(&Window, i64)>)> {
        let mut rows: Vec<_> =
            self.swaps.iter().map(|swap| (swap, self.next_window(swap))).collect();
        rows.sort_by_key(|(swap, next)| {
            let left = next.map_or(i64::MAX, |(_, left)| if left > 0 { left } else { i64::MAX });
            (left, swap.order.clone())
        });
        rows
    }

    /// Adds what a person should look at, or marks what was told before as changed. The newest comes first.
    pub(crate) fn tell(&mut self, alert: AlertLine) {
        let is_same =
            |old: &AlertLine| old.standing && old.kind == alert.kind && old.place == alert.place;
        if let Some(old) = self.alerts.iter_mut().find(|old| is_same(old)) {
            (old.text, old.standing) = (alert.text, alert.standing);
            return;
        }
        if alert.standing {
            self.alerts.insert(0, alert);
            self.alerts.truncate(MOST_ALERTS);
        }
    }
}

/// Which part of the model fills the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum View {
    /// A panel of everything.
    #[default]
    Overview,
    /// Every open swap with all its windows.
    Swaps,
    /// Chains and endpoints.
    Chains,
    /// Lanes and steps.
    Queue,
    /// Alerts and errors.
    Alerts,
}

impl View {
    /// Every view, in the order of their keys.
    pub(crate) const ALL: [Self; 5] =
        [Self::Overview, Self::Swaps, Self::Chains, Self::Queue, Self::Alerts];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Swaps => "Swaps",
            Self::Chains => "Chains",
            Self::Queue => "Queue",
            Self::Alerts => "Alerts",
        }
    }

    /// The view after it.
    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|view| *view == self).unwrap_or_default();
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// How the model is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Screen {
    /// What fills the window.
    pub(crate) view: View,
    /// Rows that are scrolled past.
    pub(crate) scroll: usize,
    /// True while the picture stands still.
    pub(crate) paused: bool,
    /// True while the keys are explained.
    pub(crate) help: bool,
    /// False without colours.
    pub(crate) colour: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let chain =
            ChainLine { id: 1, head_time: Some(1_000), seen_at: 5_000, ..ChainLine::default() };
        Model { now: 5_010, chains: vec![chain], ..Model::default() }
    }

    fn swap(order: &str, windows: &[u64]) -> SwapLine {
        let windows = windows.iter().map(|at| Window { what: "dst cancel", chain: 1, at: *at });
        SwapLine { order: order.to_owned(), windows: windows.collect(), ..SwapLine::default() }
    }

    #[test]
    fn a_window_is_counted_by_its_chain_and_not_by_this_machine() {
        let model = model();
        assert_eq!(model.left_until(1, 1_030), Some(20));
        assert_eq!(model.left_until(1, 1_000), Some(-10));
        assert_eq!(model.left_until(2, 1_030), None, "a chain that is not there");
        let behind = Model { now: 4_000, ..model };
        assert_eq!(behind.left_until(1, 1_030), Some(30), "a clock that was set back");
    }

    #[test]
    fn the_next_window_is_the_first_to_come_and_else_the_last_that_opened() {
        let model = model();
        let at = |windows: &[u64]| {
            model.next_window(&swap("a", windows)).map(|(window, left)| (window.at, left))
        };
        assert_eq!(at(&[1_100, 1_020, 1_005]), Some((1_020, 10)));
        assert_eq!(at(&[1_001, 1_005]), Some((1_005, -5)));
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn the_swap_that_is_due_first_comes_first() {
        let mut model = model();
        model.swaps = vec![
            swap("none", &[]),
            swap("late", &[2_000]),
            swap("soon", &[1_020]),
            swap("open", &[9]),
        ];
        let order: Vec<_> = model.by_window().iter().map(|(swap, _)| swap.order.as_str()).collect();
        assert_eq!(order, ["soon", "late", "none", "open"]);
    }

    #[test]
    fn an_alert_is_told_once_until_it_is_over_and_their_number_is_bounded() {
        let alert = |text: &str, standing| AlertLine {
            at: 1,
            kind: "chainStopped".to_owned(),
            place: "Chain A".to_owned(),
            text: text.to_owned(),
            standing,
        };
        let mut model = model();
        model.tell(alert("two minutes", true));
        model.tell(alert("three minutes", true));
        model.tell(alert("it goes on", false));
        assert_eq!(model.alerts, [alert("it goes on", false)]);
        model.tell(alert("never stood", false));
        assert_eq!(model.alerts.len(), 1);
        for number in 0..2 * MOST_ALERTS {
            model.tell(AlertLine { place: number.to_string(), ..alert("x", true) });
        }
        assert_eq!((model.alerts.len(), model.alerts[0].place.as_str()), (MOST_ALERTS, "399"));
    }

    #[test]
    fn a_ring_keeps_the_newest() {
        let mut ring = Ring::default();
        (0..1_000).for_each(|sample| ring.push(sample));
        assert_eq!((ring.newest(3), ring.last()), (vec![997, 998, 999], Some(999)));
        assert_eq!(ring.newest(usize::MAX).len(), RING);
    }
}
