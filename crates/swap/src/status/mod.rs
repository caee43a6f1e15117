//! The status of an order: pure functions and one table of legal changes.

mod table;

#[cfg(test)]
mod tests;

pub use table::{Cause, TRANSITIONS, Transition};

use crate::{
    DestinationLeg, EscrowEnd, Evidence, Order, SecretKnowledge, SourceLeg, model::Attempt,
};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an order stands. Derived from (order, source leg, destination leg, evidence), stored only
/// as an index. Numbers are stored: new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Status {
    /// We funded nothing and never will.
    Refused = 0,
    /// Taken; our fill is not mined.
    Accepted = 1,
    /// The source escrow stands; no destination yet.
    SourceLocked = 2,
    /// Both escrows stand; the secret is not known to us.
    BothLocked = 3,
    /// Both escrows stand and we know the secret.
    SecretKnown = 4,
    /// The destination paid the maker; the source is still to be withdrawn.
    DestinationPaid = 5,
    /// The destination came back to us; the source is still to be given back.
    DestinationRefunded = 6,
    /// The source was given back while our destination still stands.
    DestinationStranded = 7,
    /// A direct source escrow that we refused; it is to be given back.
    Refunding = 8,
    /// A destination escrow of ours stands without a source.
    Exposed = 9,
    /// Both sides paid.
    Completed = 10,
    /// Every leg that exists was given back.
    Cancelled = 11,
    /// Our fill never was mined, or was reorged out and cannot come back.
    Void = 12,
    /// The destination paid the maker and the source went back to him too.
    Lost = 13,
    /// The source was taken although the destination did not pay and never will.
    Violated = 14,
    /// The source came to us before the maker was paid, by a stranger's public withdrawal or a reorg;
    /// the destination still stands and pays him.
    Owing = 15,
    /// A stranger's escrow stands, which we may finish for its safety deposit.
    Watched = 16,
    /// Strangers' escrows that ended, at least one of them by us: its deposit is ours.
    Kept = 17,
    /// Strangers' escrows that ended without us, or for which nothing public is left to do.
    Released = 18,
}

impl Status {
    /// Every status, in numeric order.
    pub const ALL: [Self; 19] = [
        Self::Refused,
        Self::Accepted,
        Self::SourceLocked,
        Self::BothLocked,
        Self::SecretKnown,
        Self::DestinationPaid,
        Self::DestinationRefunded,
        Self::DestinationStranded,
        Self::Refunding,
        Self::Exposed,
        Self::Completed,
        Self::Cancelled,
        Self::Void,
        Self::Lost,
        Self::Violated,
        Self::Owing,
        Self::Watched,
        Self::Kept,
        Self::Released,
    ];

    /// Nothing more will be done, as long as no reorg takes the end back.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Completed
                | Self::Cancelled
                | Self::Void
                | Self::Lost
                | Self::Violated
                | Self::Kept
                | Self::Released
        )
    }

    /// Terminal in one of the four ways design section 5 allows, or a stranger's swap, at whose end
    /// nothing of ours is anywhere.
    pub const fn is_success(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Completed
                | Self::Cancelled
                | Self::Void
                | Self::Kept
                | Self::Released
        )
    }

    /// A status of strangers' escrows, which hold nothing of ours.
    pub const fn is_keeper(self) -> bool {
        matches!(self, Self::Watched | Self::Kept | Self::Released)
    }

    /// Money is where it should not be, or was lost: a person must know.
    pub const fn is_alarm(self) -> bool {
        matches!(
            self,
            Self::DestinationStranded | Self::Exposed | Self::Lost | Self::Violated | Self::Owing
        )
    }

    /// Name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Accepted => "accepted",
            Self::SourceLocked => "sourceLocked",
            Self::BothLocked => "bothLocked",
            Self::SecretKnown => "secretKnown",
            Self::DestinationPaid => "destinationPaid",
            Self::DestinationRefunded => "destinationRefunded",
            Self::DestinationStranded => "destinationStranded",
            Self::Refunding => "refunding",
            Self::Exposed => "exposed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Void => "void",
            Self::Lost => "lost",
            Self::Violated => "violated",
            Self::Owing => "owing",
            Self::Watched => "watched",
            Self::Kept => "kept",
            Self::Released => "released",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A leg reduced to what the status depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum LegState {
    Absent,
    Open,
    Withdrawn,
    Cancelled,
    Rescued,
}

impl LegState {
    fn of(end: Option<EscrowEnd>, own_token: Address) -> Self {
        match end {
            Some(EscrowEnd::Withdrawn { .. }) => Self::Withdrawn,
            Some(EscrowEnd::Cancelled) => Self::Cancelled,
            Some(EscrowEnd::Rescued { token }) if token == own_token => Self::Rescued,
            Some(EscrowEnd::Rescued { .. }) | None => Self::Open,
        }
    }
}

/// Derives the status (design rule I1: whatever the interleaving of the chains).
pub fn derive_status(
    order: &Order,
    source: Option<&SourceLeg>,
    destination: Option<&DestinationLeg>,
    evidence: &Evidence,
) -> Status {
    let state = |end: Option<Option<EscrowEnd>>, token| {
        end.map_or(LegState::Absent, |end| LegState::of(end, token))
    };
    let source = state(source.map(|leg| leg.end.map(|(end, _)| end)), order.source_token);
    let destination =
        state(destination.map(|leg| leg.end.map(|(end, _)| end)), order.destination_token);
    derive(order.is_accepted(), source, destination, evidence)
}

fn derive(accepted: bool, source: LegState, destination: LegState, evidence: &Evidence) -> Status {
    use LegState::{Absent, Cancelled, Open, Rescued, Withdrawn};
    match (source, destination) {
        (Absent | Open | Cancelled, Absent) if !accepted => refused(source, evidence),
        (Absent, Absent) if evidence.fill == Attempt::Closed => Status::Void,
        (Absent, Absent) => Status::Accepted,
        (Absent, Open | Withdrawn) => Status::Exposed,
        (Absent, Cancelled | Rescued) => Status::Void,
        (Open, Absent) => Status::SourceLocked,
        (Open, Open) if evidence.secret == SecretKnowledge::Unknown => Status::BothLocked,
        (Open, Open) => Status::SecretKnown,
        (Open, Withdrawn) => Status::DestinationPaid,
        (Open, Cancelled | Rescued) => Status::DestinationRefunded,
        (Withdrawn | Rescued, Withdrawn) => Status::Completed,
        (Withdrawn | Rescued, Open) => Status::Owing,
        (Withdrawn | Rescued, _) => Status::Violated,
        (Cancelled, Absent | Cancelled | Rescued) => Status::Cancelled,
        (Cancelled, Open) => Status::DestinationStranded,
        (Cancelled, Withdrawn) => Status::Lost,
    }
}

const fn refused(source: LegState, evidence: &Evidence) -> Status {
    match source {
        LegState::Cancelled => Status::Cancelled,
        LegState::Open if !evidence.cancel_impossible => Status::Refunding,
        _ => Status::Refused,
    }
}

/// What we did about a stranger's swap: forward records, never undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keeping<'a> {
    /// Our transactions for it. An end in one of them is ours, for as long as it is canonical.
    pub ours: &'a [B256],
    /// Nothing public is left for us to do: every window is over, or it is not worth the gas.
    pub closed: bool,
}

/// Derives the status of a stranger's swap, of which we may finish either escrow.
pub fn derive_kept(
    source: Option<&SourceLeg>,
    destination: Option<&DestinationLeg>,
    keeping: &Keeping<'_>,
) -> Status {
    let tokens = source
        .and_then(SourceLeg::stated)
        .map(|(bound, complement)| (bound.token.masked(), complement.token.masked()));
    let ends =
        [source.map(|leg| leg.end), destination.map(|leg| leg.end)].map(Option::unwrap_or_default);
    let by_us = ends.iter().flatten().any(|(_, at)| keeping.ours.contains(&at.tx_hash));
    let state = |end: Option<Option<_>>, token: Option<Address>| {
        end.map_or(LegState::Absent, |end| match (end, token) {
            // Without its token no rescue can be told from one of something else.
            (Some(EscrowEnd::Rescued { .. }), None) => LegState::Open,
            (end, token) => LegState::of(end, token.unwrap_or_default()),
        })
    };
    let source = state(source.map(|leg| leg.end.map(|(end, _)| end)), tokens.map(|pair| pair.0));
    let destination =
        state(destination.map(|leg| leg.end.map(|(end, _)| end)), tokens.map(|pair| pair.1));
    keep(source, destination, by_us, keeping.closed)
}

fn keep(source: LegState, destination: LegState, by_us: bool, closed: bool) -> Status {
    let stands = source == LegState::Open || destination == LegState::Open;
    match (stands && !closed, by_us) {
        (true, _) => Status::Watched,
        (false, true) => Status::Kept,
        (false, false) => Status::Released,
    }
}
