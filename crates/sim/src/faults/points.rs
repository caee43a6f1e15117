//! Where a process can die, and which of these places were hit.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{collections::BTreeMap, fmt};

/// What the resolver was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// Opening store and resolver.
    Open,
    /// Applying one event of a chain.
    Follow,
    /// Running a batch of jobs.
    Act,
    /// Taking an order.
    SubmitOrder,
    /// Taking a secret.
    SubmitSecret,
}

impl Context {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Follow => "follow",
            Self::Act => "act",
            Self::SubmitOrder => "submitOrder",
            Self::SubmitSecret => "submitSecret",
        }
    }
}

/// A call to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallKind {
    /// `ChainSource::next_event`.
    NextEvent,
    /// `ChainSource::finalized`.
    Finalized,
    /// `ChainClient::head`.
    Head,
    /// `ChainClient::simulate`.
    Simulate,
    /// `ChainClient::call`.
    Call,
    /// `ChainClient::nonce`.
    Nonce,
    /// `ChainClient::balance`.
    Balance,
    /// `ChainClient::code`.
    Code,
    /// `ChainClient::fees`.
    Fees,
    /// `ChainClient::send_raw`.
    Send,
    /// `ChainClient::receipt`.
    Receipt,
    /// `ChainClient::mined_call`.
    MinedCall,
    /// `ChainClient::pending_nonce`.
    PendingNonce,
}

impl CallKind {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NextEvent => "nextEvent",
            Self::Finalized => "finalized",
            Self::Head => "head",
            Self::Simulate => "simulate",
            Self::Call => "call",
            Self::Nonce => "nonce",
            Self::Balance => "balance",
            Self::Code => "code",
            Self::Fees => "fees",
            Self::Send => "send",
            Self::Receipt => "receipt",
            Self::MinedCall => "minedCall",
            Self::PendingNonce => "pendingNonce",
        }
    }
}

/// On which side of what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// It has not happened.
    Before,
    /// It has happened and nobody heard of it.
    After,
}

impl Moment {
    const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A place to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// The commit with this number, from 1, within a piece of work.
    Commit {
        /// The work.
        context: Context,
        /// Which commit.
        ordinal: u32,
        /// Before or after it is durable.
        moment: Moment,
    },
    /// A call to a chain.
    Call {
        /// The work.
        context: Context,
        /// Which call.
        kind: CallKind,
        /// Before it is made or after it had its effect.
        moment: Moment,
    },
    /// After so many storage operations of the work.
    Storage {
        /// The work.
        context: Context,
        /// How many operations.
        operation: u16,
    },
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit { context, ordinal, moment } => {
                write!(f, "{}/commit{ordinal}/{}", context.name(), moment.name())
            }
            Self::Call { context, kind, moment } => {
                write!(f, "{}/{}/{}", context.name(), kind.name(), moment.name())
            }
            Self::Storage { context, .. } => write!(f, "{}/storage", context.name()),
        }
    }
}

/// How often each place was hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Hits by place. A place that exists and was not hit has zero.
    pub hits: BTreeMap<String, u64>,
}

impl Coverage {
    /// Places that exist and were never hit.
    pub fn missing(&self) -> Vec<String> {
        let unhit = self.hits.iter().filter(|(_, hits)| **hits == 0);
        unhit.map(|(place, _)| place.clone()).collect()
    }
}

/// Pieces of work left alone after a crash, at least and at most, so that something gets done.
const QUIET: std::ops::Range<u32> = 1..8;
/// Pieces of work for which a choice stands: a place may come up rarely.
const STANDS: u32 = 40;

/// Decides where to die. A place that was never hit is fatal as soon as it is reached; afterwards
/// known places and the k-th storage operation of a piece of work are drawn from the seed.
pub(super) struct Plan {
    rng: ChaCha8Rng,
    hits: BTreeMap<Point, u64>,
    storage_hits: BTreeMap<Context, u64>,
    /// Most storage operations that a piece of work took.
    longest: BTreeMap<Context, u16>,
    pending: BTreeMap<Context, (Point, u32)>,
    quiet: u32,
    stopped: bool,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x6372_6173_6821),
            hits: BTreeMap::new(),
            storage_hits: BTreeMap::new(),
            longest: BTreeMap::new(),
            pending: BTreeMap::new(),
            quiet: 0,
            stopped: false,
        }
    }

    /// A place was reached.
    pub(super) fn saw(&mut self, point: Point) {
        if !self.stopped {
            self.hits.entry(point).or_default();
        }
    }

    /// Whether a place was never hit.
    pub(super) fn is_fresh(&self, point: Point) -> bool {
        !self.stopped && self.hits.get(&point).is_none_or(|hits| *hits == 0)
    }

    /// A piece of work took so many storage operations.
    pub(super) fn took(&mut self, context: Context, operations: u64) {
        let longest = self.longest.entry(context).or_default();
        *longest = (*longest).max(u16::try_from(operations).unwrap_or(u16::MAX));
    }

    pub(super) fn hit(&mut self, point: Point) {
        match point {
            Point::Storage { context, .. } => *self.storage_hits.entry(context).or_default() += 1,
            other => *self.hits.entry(other).or_default() += 1,
        }
        self.pending.remove(&context_of(&point));
        self.quiet = self.rng.random_range(QUIET);
    }

    pub(super) const fn stop(&mut self) {
        self.stopped = true;
    }

    /// Where the next piece of work is to end, if anywhere.
    pub(super) fn choose(&mut self, context: Context) -> Option<Point> {
        if self.stopped {
            return None;
        }
        // A process that dies whenever it starts gets nowhere.
        let starting = context == Context::Open;
        if self.quiet > 0 && !starting {
            // Catching up after a start is not what it wanted the quiet for.
            if context != Context::Follow {
                self.quiet -= 1;
            }
            return None;
        }
        if let Some((pending, left)) = self.pending.get_mut(&context)
            && *left > 0
        {
            *left -= 1;
            return Some(*pending);
        }
        if starting && !self.rng.random_ratio(1, 6) {
            return None;
        }
        let chosen = self.draw(context)?;
        self.pending.insert(context, (chosen, STANDS));
        Some(chosen)
    }

    /// Any known place, or any storage operation.
    fn draw(&mut self, context: Context) -> Option<Point> {
        let known = self.hits.keys().filter(|point| context_of(point) == context);
        let known: Vec<Point> = known.copied().collect();
        if !known.is_empty() && self.rng.random() {
            return Some(known[self.rng.random_range(0..known.len())]);
        }
        let longest = self.longest.get(&context).copied().filter(|longest| *longest > 0)?;
        Some(Point::Storage { context, operation: self.rng.random_range(0..longest) })
    }

    pub(super) fn coverage(&self) -> Coverage {
        let places = self.hits.iter().map(|(point, hits)| (point.to_string(), *hits));
        let storage = self
            .storage_hits
            .iter()
            .map(|(context, hits)| (format!("{}/storage", context.name()), *hits));
        Coverage { hits: places.chain(storage).collect() }
    }
}

const fn context_of(point: &Point) -> Context {
    match point {
        Point::Commit { context, .. }
        | Point::Call { context, .. }
        | Point::Storage { context, .. } => *context,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Point =
        Point::Call { context: Context::Act, kind: CallKind::Send, moment: Moment::After };

    #[test]
    fn a_place_is_fresh_until_it_was_hit_and_missing_once_it_was_seen() {
        let mut plan = Plan::new(7);
        assert!(plan.is_fresh(SEND));
        assert_eq!(plan.coverage().missing(), [""; 0]);
        plan.saw(SEND);
        assert!(plan.is_fresh(SEND));
        assert_eq!(plan.coverage().missing(), ["act/send/after"]);
        plan.hit(SEND);
        assert!(!plan.is_fresh(SEND));
        assert_eq!(plan.coverage().missing(), [""; 0]);
        assert_eq!(plan.choose(Context::Act), None, "a crash is followed by some work");
    }

    #[test]
    fn a_choice_stands_until_it_is_hit() {
        let mut plan = Plan::new(7);
        plan.took(Context::Act, 5);
        let chosen = plan.choose(Context::Act).unwrap();
        assert_eq!(plan.choose(Context::Follow), None, "nothing is known of it");
        assert_eq!(plan.choose(Context::Act), Some(chosen));
        plan.hit(chosen);
        assert_eq!(plan.coverage().hits["act/storage"], 1);
    }

    #[test]
    fn a_stopped_plan_lets_everything_pass() {
        let mut plan = Plan::new(7);
        plan.saw(SEND);
        plan.stop();
        assert!(!plan.is_fresh(SEND));
        assert!((0..1_000).all(|_| plan.choose(Context::Act).is_none()));
    }
}
