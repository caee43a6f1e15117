//! The status of an order: one pure function and one table of legal changes.

use crate::{
    DestinationLeg, EscrowEnd, Evidence, Order, SecretKnowledge, SourceLeg, model::Attempt,
};
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an order stands. Derived from (order, source leg, destination leg, evidence), stored only
/// as an index.
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
    /// The source was taken although the destination did not pay: must never happen.
    Violated = 14,
}

impl Status {
    /// Every status, in numeric order.
    pub const ALL: [Self; 15] = [
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
        )
    }

    /// Terminal in one of the four ways design section 5 allows.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Refused | Self::Completed | Self::Cancelled | Self::Void)
    }

    /// Money is where it should not be, or was lost: a person must know.
    pub const fn is_alarm(self) -> bool {
        matches!(self, Self::DestinationStranded | Self::Exposed | Self::Lost | Self::Violated)
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

/// What can move an order from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A source escrow appeared.
    SourceCreated,
    /// A destination escrow appeared.
    DestinationCreated,
    /// We learned the secret, from the maker or a chain.
    SecretLearned,
    /// A source escrow was withdrawn.
    SourceWithdrawn,
    /// A source escrow was cancelled.
    SourceCancelled,
    /// A source escrow was rescued.
    SourceRescued,
    /// A destination escrow was withdrawn.
    DestinationWithdrawn,
    /// A destination escrow was cancelled.
    DestinationCancelled,
    /// A destination escrow was rescued.
    DestinationRescued,
    /// Our fill was given up.
    FillClosed,
    /// The cancel of a refused source escrow turned out impossible.
    CancelImpossible,
}

/// A legal change of status. A reorg may take any of them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transition {
    /// Status before.
    pub from: Status,
    /// What happened.
    pub cause: Cause,
    /// Status after.
    pub to: Status,
}

const fn t(from: Status, cause: Cause, to: Status) -> Transition {
    Transition { from, cause, to }
}

/// The whole state machine. Causes that do not change a status are not listed.
pub const TRANSITIONS: &[Transition] = &[
    t(Status::Refused, Cause::SourceCreated, Status::Refunding),
    t(Status::Refunding, Cause::SourceCancelled, Status::Cancelled),
    t(Status::Refunding, Cause::CancelImpossible, Status::Refused),
    t(Status::Refunding, Cause::SourceWithdrawn, Status::Violated),
    t(Status::Refunding, Cause::SourceRescued, Status::Violated),
    t(Status::Refused, Cause::SourceCancelled, Status::Cancelled),
    t(Status::Refused, Cause::SourceWithdrawn, Status::Violated),
    t(Status::Refused, Cause::SourceRescued, Status::Violated),
    t(Status::Accepted, Cause::SourceCreated, Status::SourceLocked),
    t(Status::Accepted, Cause::FillClosed, Status::Void),
    t(Status::Void, Cause::SourceCreated, Status::SourceLocked),
    t(Status::SourceLocked, Cause::DestinationCreated, Status::BothLocked),
    t(Status::SourceLocked, Cause::DestinationCreated, Status::SecretKnown),
    t(Status::SourceLocked, Cause::SourceCancelled, Status::Cancelled),
    t(Status::SourceLocked, Cause::SourceWithdrawn, Status::Violated),
    t(Status::SourceLocked, Cause::SourceRescued, Status::Violated),
    t(Status::BothLocked, Cause::SecretLearned, Status::SecretKnown),
    t(Status::BothLocked, Cause::DestinationWithdrawn, Status::DestinationPaid),
    t(Status::BothLocked, Cause::DestinationCancelled, Status::DestinationRefunded),
    t(Status::BothLocked, Cause::DestinationRescued, Status::DestinationRefunded),
    t(Status::BothLocked, Cause::SourceCancelled, Status::DestinationStranded),
    t(Status::BothLocked, Cause::SourceWithdrawn, Status::Violated),
    t(Status::BothLocked, Cause::SourceRescued, Status::Violated),
    t(Status::SecretKnown, Cause::DestinationWithdrawn, Status::DestinationPaid),
    t(Status::SecretKnown, Cause::DestinationCancelled, Status::DestinationRefunded),
    t(Status::SecretKnown, Cause::DestinationRescued, Status::DestinationRefunded),
    t(Status::SecretKnown, Cause::SourceCancelled, Status::DestinationStranded),
    t(Status::SecretKnown, Cause::SourceWithdrawn, Status::Violated),
    t(Status::SecretKnown, Cause::SourceRescued, Status::Violated),
    t(Status::DestinationPaid, Cause::SourceWithdrawn, Status::Completed),
    t(Status::DestinationPaid, Cause::SourceRescued, Status::Completed),
    t(Status::DestinationPaid, Cause::SourceCancelled, Status::Lost),
    t(Status::DestinationRefunded, Cause::SourceCancelled, Status::Cancelled),
    t(Status::DestinationRefunded, Cause::SourceWithdrawn, Status::Violated),
    t(Status::DestinationRefunded, Cause::SourceRescued, Status::Violated),
    t(Status::DestinationStranded, Cause::DestinationCancelled, Status::Cancelled),
    t(Status::DestinationStranded, Cause::DestinationRescued, Status::Cancelled),
    t(Status::DestinationStranded, Cause::DestinationWithdrawn, Status::Lost),
    t(Status::Exposed, Cause::SourceCreated, Status::BothLocked),
    t(Status::Exposed, Cause::SourceCreated, Status::SecretKnown),
    t(Status::Exposed, Cause::SourceCreated, Status::DestinationPaid),
    t(Status::Exposed, Cause::DestinationCancelled, Status::Void),
    t(Status::Exposed, Cause::DestinationRescued, Status::Void),
    t(Status::Void, Cause::SourceCreated, Status::DestinationRefunded),
    t(Status::Accepted, Cause::DestinationCreated, Status::Exposed),
    t(Status::Void, Cause::DestinationCreated, Status::Exposed),
    t(Status::Violated, Cause::DestinationWithdrawn, Status::Completed),
    t(Status::Cancelled, Cause::DestinationCreated, Status::DestinationStranded),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const LEGS: [LegState; 5] = [
        LegState::Absent,
        LegState::Open,
        LegState::Withdrawn,
        LegState::Cancelled,
        LegState::Rescued,
    ];

    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    struct World {
        accepted: bool,
        source: LegState,
        destination: LegState,
        secret: bool,
        fill_closed: bool,
        cancel_impossible: bool,
    }

    impl World {
        fn status(self) -> Status {
            let evidence = Evidence {
                secret: if self.secret {
                    SecretKnowledge::Sealed
                } else {
                    SecretKnowledge::Unknown
                },
                fill: if self.fill_closed { Attempt::Closed } else { Attempt::Idle },
                funding: Attempt::Idle,
                cancel_impossible: self.cancel_impossible,
            };
            derive(self.accepted, self.source, self.destination, &evidence)
        }

        fn steps(self) -> Vec<(Cause, Self)> {
            let mut next = Vec::new();
            if self.source == LegState::Absent {
                next.push((Cause::SourceCreated, Self { source: LegState::Open, ..self }));
            }
            if self.source == LegState::Open {
                for (cause, source) in [
                    (Cause::SourceWithdrawn, LegState::Withdrawn),
                    (Cause::SourceCancelled, LegState::Cancelled),
                    (Cause::SourceRescued, LegState::Rescued),
                ] {
                    next.push((cause, Self { source, ..self }));
                }
            }
            next.extend(self.destination_steps());
            if !self.secret {
                next.push((Cause::SecretLearned, Self { secret: true, ..self }));
            }
            if !self.fill_closed && self.source == LegState::Absent {
                next.push((Cause::FillClosed, Self { fill_closed: true, ..self }));
            }
            if !self.cancel_impossible && !self.accepted && self.source == LegState::Open {
                next.push((Cause::CancelImpossible, Self { cancel_impossible: true, ..self }));
            }
            next
        }

        // A refused order never gets a destination of ours; a plan exists only after acceptance.
        fn destination_steps(self) -> Vec<(Cause, Self)> {
            match self.destination {
                LegState::Absent if self.accepted => {
                    vec![(Cause::DestinationCreated, Self { destination: LegState::Open, ..self })]
                }
                LegState::Open => [
                    (Cause::DestinationWithdrawn, LegState::Withdrawn),
                    (Cause::DestinationCancelled, LegState::Cancelled),
                    (Cause::DestinationRescued, LegState::Rescued),
                ]
                .map(|(cause, destination)| (cause, Self { destination, ..self }))
                .to_vec(),
                _ => vec![],
            }
        }
    }

    fn worlds() -> Vec<World> {
        let mut all = Vec::new();
        for accepted in [false, true] {
            for source in LEGS {
                for destination in LEGS {
                    for bits in 0..8u8 {
                        all.push(World {
                            accepted,
                            source,
                            destination,
                            secret: bits & 1 != 0,
                            fill_closed: bits & 2 != 0,
                            cancel_impossible: bits & 4 != 0,
                        });
                    }
                }
            }
        }
        all.retain(|world| world.accepted || world.destination == LegState::Absent);
        all
    }

    #[test]
    fn the_table_is_exactly_what_the_function_does() {
        let mut seen = HashSet::new();
        for world in worlds() {
            for (cause, next) in world.steps() {
                let (from, to) = (world.status(), next.status());
                if from != to {
                    seen.insert(Transition { from, cause, to });
                }
            }
        }
        let table: HashSet<_> = TRANSITIONS.iter().copied().collect();
        assert_eq!(table.len(), TRANSITIONS.len(), "a transition is listed twice");
        let missing: Vec<_> = seen.difference(&table).collect();
        let dead: Vec<_> = table.difference(&seen).collect();
        assert!(missing.is_empty() && dead.is_empty(), "missing {missing:#?}\ndead {dead:#?}");
    }

    #[test]
    fn every_open_status_has_a_way_to_a_good_end() {
        for status in Status::ALL.into_iter().filter(|status| !status.is_terminal()) {
            let mut reach = HashSet::from([status]);
            loop {
                let more: Vec<_> = TRANSITIONS
                    .iter()
                    .filter(|t| reach.contains(&t.from) && !reach.contains(&t.to))
                    .map(|t| t.to)
                    .collect();
                if more.is_empty() {
                    break;
                }
                reach.extend(more);
            }
            assert!(reach.iter().any(|s| s.is_terminal() && s.is_success()), "{status}");
        }
    }

    #[test]
    fn a_source_taken_without_a_paid_destination_is_never_called_a_success() {
        for world in worlds() {
            let taken = matches!(world.source, LegState::Withdrawn | LegState::Rescued);
            if taken && world.destination != LegState::Withdrawn {
                assert!(!world.status().is_success(), "{world:?}");
            }
        }
    }
}
