//! Which new orders are taken: the mode, and the switches beside it.
//!
//! Nothing here is asked about an order that was taken: what is open is always brought to its end.

use crate::Order;
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// How many of the orders that pass are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Mode {
    /// All.
    #[default]
    Full,
    /// None: each is judged and recorded, and nothing is sent for it.
    Shadow,
    /// Those whose hash falls into the first so many hundredths; the others are recorded.
    Percent(u8),
}

/// A text is no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no mode: expected \"full\", \"shadow\" or \"percent=N\" with N from 0 to 100")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        match compact.as_str() {
            "full" => Ok(Self::Full),
            "shadow" => Ok(Self::Shadow),
            other => {
                let number = other.strip_prefix("percent=").ok_or(UnknownMode)?;
                let plain = number.bytes().all(|byte| byte.is_ascii_digit());
                let percent = number.parse().ok().filter(|n: &u8| plain && *n <= 100);
                percent.map(Self::Percent).ok_or(UnknownMode)
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Shadow => f.write_str("shadow"),
            Self::Percent(percent) => write!(f, "percent={percent}"),
        }
    }
}

/// Something that stops new orders while it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Switch {
    /// All of them.
    Pause,
    /// All of them, until what is open is at an end and the node may be stopped.
    Drain,
    /// All of them, while somebody works on the node.
    Maintenance,
    /// Those from or to a chain.
    Chain(ChainId),
    /// Those in a token of a chain; zero is the coin.
    Token(ChainId, Address),
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.write_str("pause"),
            Self::Drain => f.write_str("drain"),
            Self::Maintenance => f.write_str("maintenance"),
            Self::Chain(chain) => write!(f, "chain {chain}"),
            Self::Token(chain, token) => write!(f, "token {token} on chain {chain}"),
        }
    }
}

/// Why an order that passes is not taken now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ModeReason {
    /// A switch is on.
    #[error("switched off: {0}")]
    Off(Switch),
    /// Its hash is outside the share that is taken.
    #[error("its hash falls into hundredth {hundredth}, the first {percent} are taken")]
    NotSelected {
        /// From 0 to 99.
        hundredth: u8,
        /// The share.
        percent: u8,
    },
    /// Shadow mode sends nothing.
    #[error("shadow mode: it would have been taken")]
    Shadow,
}

impl ModeReason {
    /// Stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Off(_) => "paused",
            Self::NotSelected { .. } => "notSelected",
            Self::Shadow => "shadow",
        }
    }
}

/// The mode and the switches that are on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Modes {
    /// The mode.
    pub mode: Mode,
    /// What is on.
    pub switches: BTreeSet<Switch>,
}

/// Most switches that can be on at once.
pub const MAX_SWITCHES: usize = 1_000;

impl Modes {
    /// Why an order that passes every check is not taken; `None` when it is.
    pub fn against(&self, order: &Order) -> Option<ModeReason> {
        let (from, to) = (order.id.chain, order.destination_chain);
        let stops = |switch: &&Switch| match **switch {
            Switch::Pause | Switch::Drain | Switch::Maintenance => true,
            Switch::Chain(chain) => chain == from || chain == to,
            Switch::Token(chain, token) => {
                (chain, token) == (from, order.source_token)
                    || (chain, token) == (to, order.destination_token)
            }
        };
        if let Some(switch) = self.switches.iter().find(stops) {
            return Some(ModeReason::Off(*switch));
        }
        match self.mode {
            Mode::Full => None,
            Mode::Shadow => Some(ModeReason::Shadow),
            Mode::Percent(percent) => {
                let hundredth = hundredth(order);
                (hundredth >= percent).then_some(ModeReason::NotSelected { hundredth, percent })
            }
        }
    }

    /// True while no new order is taken for whatever reason that is not its own.
    pub fn takes_nothing(&self) -> bool {
        let all = [Switch::Pause, Switch::Drain, Switch::Maintenance];
        all.iter().any(|switch| self.switches.contains(switch))
            || matches!(self.mode, Mode::Shadow | Mode::Percent(0))
    }
}

/// The hundredth of all hashes that an order falls into, from 0 to 99. The same on every node and
/// after every restart. A direct source escrow whose chain names no order hash goes by its address.
pub fn hundredth(order: &Order) -> u8 {
    let mut first = [0u8; 8];
    if order.id.hash.0.is_zero() {
        // Addresses are hashes, too.
        first.copy_from_slice(&order.id.contract.as_slice()[..8]);
    } else {
        first.copy_from_slice(&order.id.hash.0.as_slice()[..8]);
    }
    let place = (u128::from(u64::from_be_bytes(first)) * 100) >> 64;
    u8::try_from(place).unwrap_or(99)
}
