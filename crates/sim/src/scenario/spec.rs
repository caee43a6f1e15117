//! One swap of a run.

use super::Trap;
use bmn_primitives::Dialect;
use bmn_swap::Status;
use std::fmt;

/// Which way a swap goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Source on Chain A, destination on Chain B.
    AToB,
    /// Source on Chain B, destination on Chain A.
    BToA,
}

impl Direction {
    /// Position of the source chain in the network.
    pub const fn source(self) -> usize {
        match self {
            Self::AToB => 0,
            Self::BToA => 1,
        }
    }

    /// Position of the destination chain in the network.
    pub const fn destination(self) -> usize {
        1 - self.source()
    }
}

/// How a swap reaches the resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A signed order, which the resolver fills.
    LimitOrder,
    /// A source escrow the maker creates himself, naming the resolver.
    DirectEscrow,
}

impl Kind {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LimitOrder => "limit order",
            Self::DirectEscrow => "direct escrow",
        }
    }
}

/// What the maker sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceToken {
    /// `TKA`, 18 decimals.
    Tka,
    /// `USDX`, 6 decimals.
    Usdx,
}

impl SourceToken {
    /// Its symbol in the chain specifications.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Tka => "TKA",
            Self::Usdx => "USDX",
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Tka => Self::Usdx,
            Self::Usdx => Self::Tka,
        }
    }
}

/// What the maker is paid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Payout {
    /// The token that he does not sell.
    Token,
    /// The destination chain's coin.
    Native,
}

/// What a maker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// Discloses as soon as both legs stand and he could withdraw alone.
    Honest,
    /// Never discloses.
    Silent,
    /// Discloses near the end of the window, in time.
    LateInTime,
    /// Discloses when the destination cannot be withdrawn safely any more.
    TooLate,
    /// Discloses after the resolver took the destination back.
    AfterRefund,
    /// Withdraws the destination himself with the resolver's permission.
    WithdrawsAlone,
    /// Gives wrong secrets first, then the right one.
    WrongSecrets,
    /// Sets a trap.
    Trap(Trap),
}

impl Behaviour {
    /// Every behaviour that is no trap.
    pub const PLAIN: [Self; 7] = [
        Self::Honest,
        Self::Silent,
        Self::LateInTime,
        Self::TooLate,
        Self::AfterRefund,
        Self::WithdrawsAlone,
        Self::WrongSecrets,
    ];

    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Silent => "never discloses",
            Self::LateInTime => "discloses late",
            Self::TooLate => "discloses too late",
            Self::AfterRefund => "discloses after refund",
            Self::WithdrawsAlone => "withdraws alone",
            Self::WrongSecrets => "wrong secrets first",
            Self::Trap(trap) => trap.name(),
        }
    }

    /// How a swap with this maker must end.
    pub const fn expectation(self) -> Expectation {
        let ends: &'static [End] = match self {
            Self::Honest | Self::LateInTime | Self::WithdrawsAlone | Self::WrongSecrets => {
                &[End::Completed]
            }
            Self::Silent | Self::TooLate | Self::AfterRefund => &[End::Cancelled],
            Self::Trap(trap) => return trap.expectation(),
        };
        Expectation { ends, refusal: None }
    }
}

/// A way to end (design section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// Both sides paid.
    Completed,
    /// Every leg that exists was given back.
    Cancelled,
    /// The resolver funded nothing.
    Refused,
    /// The fill never was mined.
    Void,
}

impl End {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Void => "void",
        }
    }

    /// The end that a status is, when it is a good one.
    pub const fn of(status: Status) -> Option<Self> {
        match status {
            Status::Completed => Some(Self::Completed),
            Status::Cancelled => Some(Self::Cancelled),
            Status::Refused => Some(Self::Refused),
            Status::Void => Some(Self::Void),
            _ => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a swap must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// Any of these.
    pub ends: &'static [End],
    /// With this among the reasons.
    pub refusal: Option<&'static str>,
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<_> = self.ends.iter().map(|end| end.name()).collect();
        f.write_str(&ends.join(" or "))?;
        self.refusal.map_or(Ok(()), |code| write!(f, ": {code}"))
    }
}

/// Where the two absolute times of an order lie, seconds from its signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Destination withdrawal.
    pub dst_withdrawal: u64,
    /// Source cancellation.
    pub src_cancellation: u64,
}

impl Timing {
    /// Room for every behaviour, and for reorgs.
    pub const ROOMY: Self = Self { dst_withdrawal: 120, src_cancellation: 480 };
    /// As short as honest swaps on the development chains allow: for runs by the wall clock.
    pub const TIGHT: Self = Self { dst_withdrawal: 60, src_cancellation: 260 };
}

/// One swap of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapSpec {
    /// Number in the run; also names the maker's key and the secret.
    pub index: u32,
    /// Which way.
    pub direction: Direction,
    /// How it reaches the resolver.
    pub kind: Kind,
    /// What the factories of both legs speak.
    pub dialect: Dialect,
    /// What is sold.
    pub token: SourceToken,
    /// What is bought.
    pub payout: Payout,
    /// What the maker does.
    pub behaviour: Behaviour,
    /// Value of the source, millionths of the reference currency.
    pub value: u64,
    /// What the resolver earns before gas, hundredths of a percent of the value. Negative: a loss.
    pub margin_bps: i64,
    /// Safety deposit of the destination escrow, wei; where the dialect funds one, of the source as well.
    pub deposit: u64,
    /// When the maker begins, seconds from the start of the run.
    pub start: u64,
    /// The order's times.
    pub timing: Timing,
    /// The swap whose hashlock is copied.
    pub partner: Option<u32>,
}

impl SwapSpec {
    /// How it must end.
    pub const fn expectation(&self) -> Expectation {
        self.behaviour.expectation()
    }

    /// Safety deposit of the source escrow, wei: BMN's are never funded.
    pub const fn source_deposit(&self) -> u64 {
        if self.dialect.has_absolute_times() { 0 } else { self.deposit }
    }

    /// The trap, when it is one.
    pub const fn trap(&self) -> Option<Trap> {
        match self.behaviour {
            Behaviour::Trap(trap) => Some(trap),
            _ => None,
        }
    }
}
