//! How far each chain is, while it catches up.

use crate::output::Output;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal, time::Duration};

/// A chain is at its tip when it is at most so many blocks behind.
const AT_THE_TIP: u64 = 8;
/// Lines of this kind come no more often, where stderr is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// Weight of the newest measurement in the rate.
const NEWEST: f64 = 0.3;

/// Where a chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Newest indexed block; `None` before the first.
    pub(super) indexed: Option<u64>,
    /// First block that is read.
    pub(super) start: u64,
    /// Newest block of the chain.
    pub(super) head: u64,
}

impl Place {
    /// Blocks that are not indexed yet.
    pub(super) fn behind(self) -> u64 {
        match self.indexed {
            Some(indexed) => self.head.saturating_sub(indexed),
            None => (self.head + 1).saturating_sub(self.start),
        }
    }

    fn done(self) -> u64 {
        self.indexed.map_or(0, |indexed| (indexed + 1).saturating_sub(self.start))
    }
}

/// Blocks a second, smoothed over the last looks.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    last: Option<(Duration, u64)>,
    per_second: Option<f64>,
}

impl Rate {
    fn see(&mut self, at: Duration, done: u64) {
        if let Some((before, had)) = self.last {
            let seconds = at.saturating_sub(before).as_secs_f64();
            if seconds <= 0.0 {
                return;
            }
            // A rate for people: a rounded count is as good. A reorg counts as standing still.
            let now = done.saturating_sub(had) as f64 / seconds;
            let smoothed = self.per_second.map_or(now, |was| was + NEWEST * (now - was));
            self.per_second = Some(smoothed);
        }
        self.last = Some((at, done));
    }

    fn left(&self, behind: u64) -> Option<Duration> {
        let rate = self.per_second.filter(|rate| *rate >= 0.01)?;
        Duration::try_from_secs_f64(behind as f64 / rate).ok()
    }
}

/// One chain's catching up.
#[derive(Debug)]
pub(super) struct CatchUp {
    name: String,
    rate: Rate,
    bar: Option<ProgressBar>,
    line_at: Option<Duration>,
    arrived: bool,
}

/// All chains' catching up. Drawn as bars on a terminal, told in lines anywhere else.
#[derive(Debug)]
pub(super) struct Progress {
    bars: Option<MultiProgress>,
    output: Output,
}

impl Progress {
    /// On stderr.
    pub(super) fn new(output: Output) -> Self {
        let draws = std::io::stderr().is_terminal() && !output.is_json();
        let bars =
            draws.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(4)));
        Self { bars, output }
    }

    /// A chain that begins to catch up.
    pub(super) fn chain(&self, name: String) -> CatchUp {
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template("{prefix}  {bar:30} {pos}/{len}  {msg}");
            let bar = bars.add(ProgressBar::new(0)).with_prefix(name.clone());
            style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
        });
        CatchUp { name, rate: Rate::default(), bar, line_at: None, arrived: false }
    }

    /// Shows where a chain is. True once it is at the tip, which is told once.
    pub(super) fn show(&self, chain: &mut CatchUp, place: Place, at: Duration) -> bool {
        chain.rate.see(at, place.done());
        if place.behind() == 0 || (place.indexed.is_some() && place.behind() <= AT_THE_TIP) {
            chain.arrive(self.output, place);
            return true;
        }
        let text = chain.rate_and_eta(place);
        if let Some(bar) = &chain.bar {
            bar.set_length(place.done() + place.behind());
            bar.set_position(place.done());
            bar.set_message(text);
        } else if chain.rate.per_second.is_some()
            && chain.line_at.is_none_or(|last| at.saturating_sub(last) >= BETWEEN_LINES)
        {
            let total = place.done() + place.behind();
            self.output.note(&format!("{}: {}/{total} blocks, {text}", chain.name, place.done()));
            chain.line_at = Some(at);
        }
        false
    }
}

impl CatchUp {
    /// Whether it has been at the tip.
    pub(super) const fn arrived(&self) -> bool {
        self.arrived
    }

    fn arrive(&mut self, output: Output, place: Place) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.arrived = true;
        let block =
            place.indexed.map_or_else(|| "no block yet".to_owned(), |at| format!("block {at}"));
        output.note(&format!("{}: at the tip, {block}", self.name));
    }

    fn rate_and_eta(&self, place: Place) -> String {
        let rate = self.rate.per_second.unwrap_or_default();
        match self.rate.left(place.behind()) {
            Some(left) => format!("{rate:.0} blocks/s, {} left", brief(left)),
            None => "waiting for the node".to_owned(),
        }
    }
}

fn brief(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds.div_ceil(60)),
        seconds @ 3_600..172_800 => format!("{} h", seconds.div_ceil(3_600)),
        seconds => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_place_counts_from_the_start_block() {
        let fresh = Place { indexed: None, start: 100, head: 199 };
        assert_eq!((fresh.done(), fresh.behind()), (0, 100));
        let half = Place { indexed: Some(149), ..fresh };
        assert_eq!((half.done(), half.behind()), (50, 50));
        assert_eq!(Place { start: 500, ..fresh }.behind(), 0);
    }

    #[test]
    fn the_rate_follows_what_happens_and_tells_what_is_left() {
        let mut rate = Rate::default();
        rate.see(at(0), 0);
        assert_eq!(rate.left(100), None);
        rate.see(at(10), 1_000);
        assert_eq!(rate.left(500), Some(at(5)));
        // Standing still, and a clock that stands still: neither divides by zero.
        rate.see(at(10), 2_000);
        for second in 11..60 {
            rate.see(at(second), 1_000);
        }
        assert_eq!(rate.left(500), None);
    }

    #[test]
    fn what_is_left_is_told_in_the_unit_that_fits() {
        for (seconds, text) in [(59, "59 s"), (61, "2 min"), (7_200, "2 h"), (1_000_000, "12 days")]
        {
            assert_eq!(brief(at(seconds)), text);
        }
    }

    #[test]
    fn a_chain_arrives_once_it_is_near_its_head() {
        let progress = Progress { bars: None, output: Output::new(true) };
        let mut chain = progress.chain("Chain A".to_owned());
        let place = Place { indexed: Some(50), start: 0, head: 100 };
        assert!(!progress.show(&mut chain, place, at(0)) && !chain.arrived());
        let near = Place { indexed: Some(93), ..place };
        let nothing = Place { indexed: None, start: 95, head: 100 };
        assert!(!progress.show(&mut chain, nothing, at(1)), "six blocks, none of them indexed");
        assert!(progress.show(&mut chain, near, at(2)) && chain.arrived());
    }
}
