//! The times in an order, and the timetable of a swap as it stands.

use crate::{
    Basis, DestinationLeg, DestinationPlan, DestinationTimes, EscrowEnd, FactoryTerms, Order,
    Origin, Progress, SecretKnowledge, SourceLeg, SwapView, Times, Timetable, admit::Terms,
};
use bmn_contracts::{ExtraData, bmn_factory_timelocks, bmn23_factory_timelocks};
use bmn_primitives::{Dialect, Stage, Timelocks};
use serde::{Deserialize, Serialize};

/// Longest rescue delay of a factory that is known, seconds.
const LONGEST_RESCUE: u64 = 691_200;

/// The times in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderTimes {
    /// Two absolute times (BMN since v2.2), which hold wherever and whenever the order is filled.
    Absolute {
        /// When withdrawing the source ends and cancelling it begins, unix seconds.
        src_cancellation: u64,
        /// When withdrawing the destination begins, unix seconds; the fill must be mined before it.
        dst_withdrawal: u64,
    },
    /// Seven offsets, with a deployment time of zero: the source's count from the block of the fill, the
    /// destination's from the block that creates it.
    Offsets(Timelocks),
}

impl OrderTimes {
    /// The times in an order of a dialect.
    pub fn of(extra: &ExtraData, dialect: Dialect) -> Self {
        if dialect.has_absolute_times() {
            Self::Absolute {
                src_cancellation: extra.src_cancellation(),
                dst_withdrawal: extra.dst_withdrawal(),
            }
        } else {
            Self::Offsets(Timelocks(extra.timelocks).with_deployed_at(0))
        }
    }

    /// Source cancellation and destination withdrawal, where they are known before a fill.
    pub const fn absolute(&self) -> Option<(u64, u64)> {
        match self {
            Self::Absolute { src_cancellation, dst_withdrawal } => {
                Some((*src_cancellation, *dst_withdrawal))
            }
            Self::Offsets(_) => None,
        }
    }

    /// When withdrawing the source ends and cancelling it begins, unix seconds, after a fill in a block
    /// of this time.
    pub fn src_cancellation(&self, filled_at: u64) -> u64 {
        match self {
            Self::Absolute { src_cancellation, .. } => *src_cancellation,
            Self::Offsets(offsets) => after(filled_at, *offsets, Stage::SrcCancellation),
        }
    }

    /// The timelocks of the source escrow that a fill in a block of this time creates; none where the
    /// factory would revert.
    pub fn source_timelocks(&self, dialect: Dialect, block_time: u64) -> Option<Timelocks> {
        match *self {
            Self::Absolute { src_cancellation, dst_withdrawal } => match dialect {
                Dialect::Bmn23 => {
                    bmn23_factory_timelocks(block_time, src_cancellation, dst_withdrawal).ok()
                }
                _ => bmn_factory_timelocks(block_time, src_cancellation, dst_withdrawal).ok(),
            },
            Self::Offsets(offsets) => Some(offsets.with_deployed_at(block_time)),
        }
    }
}

fn after(time: u64, offsets: Timelocks, stage: Stage) -> u64 {
    time.saturating_add(u64::from(offsets.offset(stage)))
}

/// A person is told of a missing action when so many inclusions are left before its latest safe time.
pub const ALARM_INCLUSIONS: u64 = 3;

/// What is known of a swap beside its order.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    source: Option<&'a SourceLeg>,
    destination: Option<(&'a DestinationLeg, &'a DestinationPlan)>,
    secret: SecretKnowledge,
    source_now: u64,
    destination_now: u64,
}

impl Known<'_> {
    fn progress(&self) -> Progress {
        let Some((leg, _)) = self.destination else { return Progress::Secret };
        match leg.end {
            Some((EscrowEnd::Withdrawn { .. }, at)) => Progress::Paid { at: at.block.time },
            _ if self.secret == SecretKnowledge::Unknown => Progress::Secret,
            _ => Progress::Disclosed,
        }
    }
}

/// Every window and every safe time of a swap as it stands; none where one of its chains is not served.
pub fn timetable(view: &SwapView<'_>, terms: &Terms<'_>) -> Option<Timetable> {
    let source_now = view.source_chain.head.time;
    let known = Known {
        source: view.source,
        destination: view.destination.zip(view.intended).filter(|(_, plan)| plan.escrow.is_some()),
        secret: view.evidence.secret,
        source_now,
        destination_now: view.destination_chain.map_or(source_now, |chain| chain.next_time),
    };
    Some(Timetable::compile(&basis(view.order, &known, terms)?))
}

/// The same of an order without a destination, with or without its source, when both chains are at `now`,
/// unix seconds.
pub fn timetable_at(
    order: &Order,
    source: Option<&SourceLeg>,
    now: u64,
    terms: &Terms<'_>,
) -> Option<Timetable> {
    let secret = SecretKnowledge::Unknown;
    let known = Known { source, destination: None, secret, source_now: now, destination_now: now };
    Some(Timetable::compile(&basis(order, &known, terms)?))
}

fn basis(order: &Order, known: &Known<'_>, terms: &Terms<'_>) -> Option<Basis> {
    let source = terms.route(order.id.chain)?;
    // Nothing of ours is ever on the other chain of a stranger's swap.
    let watched = || (order.origin == Origin::Watched).then_some(source);
    let destination = terms.route(order.destination_chain).or_else(watched)?;
    let value = terms.reference_value(order);
    let stated = known.source.and_then(|leg| Some((leg.immutables()?, leg)));
    let expiration = order.origin.signed().map(|signed| signed.order.maker_traits.expiration());
    // A factory that is not configured any more is taken for the slowest one known.
    let delay =
        |factory: Option<&FactoryTerms>| factory.map_or(LONGEST_RESCUE, |it| it.rescue_delay);
    let from = known.source.map_or(order.factory, |leg| leg.factory);
    let to = match known.destination {
        Some((leg, _)) => destination.factory(leg.factory),
        None => destination.factory_for(order.dialect),
    };
    Some(Basis {
        dialect: order.dialect,
        times: stated.map_or_else(
            || order.times.into(),
            |(immutables, leg)| Times::Source {
                timelocks: immutables.timelocks,
                created_at: leg.created.block.time,
            },
        ),
        destination: known.destination.map(|(leg, plan)| DestinationTimes {
            timelocks: plan.immutables.timelocks,
            created_at: leg.created.block.time,
        }),
        progress: known.progress(),
        source_timing: source.pace_for(value).into(),
        destination_timing: destination.pace_for(value).into(),
        source_now: known.source_now,
        destination_now: known.destination_now,
        expiration: expiration.filter(|expiration| *expiration != 0),
        maker_reaction: terms.policy.maker_reaction,
        rescue_delay: (delay(source.factory(from)), delay(to)),
        alarm_inclusions: ALARM_INCLUSIONS,
    })
}
