//! The table against the functions.

mod page;

use super::*;
use std::collections::HashSet;

const LEGS: [LegState; 5] =
    [LegState::Absent, LegState::Open, LegState::Withdrawn, LegState::Cancelled, LegState::Rescued];

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
            secret: if self.secret { SecretKnowledge::Sealed } else { SecretKnowledge::Unknown },
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

/// A stranger's swap: for each escrow, how it stands and whether an end of it was ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct KeptWorld {
    source: (LegState, bool),
    destination: (LegState, bool),
    closed: bool,
}

impl KeptWorld {
    fn status(self) -> Status {
        let by_us = self.source.1 || self.destination.1;
        keep(self.source.0, self.destination.0, by_us, self.closed)
    }

    fn steps(self) -> Vec<(Cause, Self)> {
        let causes = [
            (Cause::SourceCreated, Cause::DestinationCreated),
            (Cause::SourceWithdrawn, Cause::DestinationWithdrawn),
            (Cause::SourceCancelled, Cause::DestinationCancelled),
            (Cause::SourceRescued, Cause::DestinationRescued),
        ];
        let mut next = Vec::new();
        for (causes, to) in causes.into_iter().zip(&LEGS[1..]) {
            // Only the taker rescues, and the taker of a stranger's escrow is never us.
            let ours = match to {
                LegState::Withdrawn | LegState::Cancelled => [false, true].as_slice(),
                _ => &[false],
            };
            for ours in ours {
                let before = if *to == LegState::Open { LegState::Absent } else { LegState::Open };
                if self.source.0 == before {
                    next.push((causes.0, Self { source: (*to, *ours), ..self }));
                }
                // No dialect has a public cancel of a destination that we would send.
                let public = *to != LegState::Cancelled || !ours;
                if self.destination.0 == before && public {
                    next.push((causes.1, Self { destination: (*to, *ours), ..self }));
                }
            }
        }
        if !self.closed {
            next.push((Cause::KeepingClosed, Self { closed: true, ..self }));
        }
        next
    }
}

fn kept_worlds() -> HashSet<KeptWorld> {
    let absent = (LegState::Absent, false);
    let start = KeptWorld { source: absent, destination: absent, closed: false };
    let mut all = HashSet::from([start]);
    let mut new = vec![start];
    while let Some(world) = new.pop() {
        new.extend(
            world.steps().into_iter().map(|(_, next)| next).filter(|next| all.insert(*next)),
        );
    }
    all
}

#[test]
fn a_stranger_s_swap_is_watched_while_something_stands_and_kept_only_if_an_end_was_ours() {
    for world in kept_worlds() {
        let stands = [world.source.0, world.destination.0].contains(&LegState::Open);
        let ours = world.source.1 || world.destination.1;
        let expected = match (stands && !world.closed, ours) {
            (true, _) => Status::Watched,
            (false, true) => Status::Kept,
            (false, false) => Status::Released,
        };
        assert_eq!(world.status(), expected, "{world:?}");
        assert!(world.status().is_keeper());
    }
}

#[test]
fn stored_numbers_and_names_never_change() {
    for (number, status) in Status::ALL.into_iter().enumerate() {
        assert_eq!(status as usize, number);
        assert_eq!(Status::from_name(status.name()), Some(status));
    }
    assert_eq!(Status::Violated as u8, 14, "the last of the first release");
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
    for kept in kept_worlds() {
        for (cause, next) in kept.steps() {
            let (from, to) = (kept.status(), next.status());
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
