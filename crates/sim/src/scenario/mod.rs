//! What is to happen in a run: one specification a swap, drawn from a seed.

mod generate;
mod spec;
mod trap;

pub use generate::swaps;
pub use spec::{
    Behaviour, Direction, End, Expectation, Kind, Payout, SourceToken, SwapSpec, Timing,
};
pub use trap::Trap;

use std::{fmt, str::FromStr};

/// A named mix of swaps and disturbances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scenario {
    /// Every maker discloses in time.
    Happy,
    /// Every behaviour and every trap, on chains that reorganise.
    Mixed,
    /// Nobody discloses.
    Cancel,
    /// Makers who are honest or silent, on chains that reorganise.
    Reorg,
    /// Every behaviour and some traps, with a resolver that crashes.
    Crash,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Happy, Self::Mixed, Self::Cancel, Self::Reorg, Self::Crash];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::Mixed => "mixed",
            Self::Cancel => "cancel",
            Self::Reorg => "reorg",
            Self::Crash => "crash",
        }
    }

    /// Whether the chains reorganise.
    pub const fn reorgs(self) -> bool {
        matches!(self, Self::Mixed | Self::Reorg)
    }

    /// Whether the swaps are of every dialect.
    pub const fn mixes_dialects(self) -> bool {
        matches!(self, Self::Mixed | Self::Reorg | Self::Crash)
    }

    /// Whether the resolver crashes.
    pub const fn crashes(self) -> bool {
        matches!(self, Self::Crash)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scenario `{0}`: known are happy, mixed, cancel, reorg, crash")]
pub struct UnknownScenario(pub String);

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == text)
            .ok_or_else(|| UnknownScenario(text.to_owned()))
    }
}
