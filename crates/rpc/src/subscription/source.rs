//! What follows a place, from one snapshot. Nothing here waits or remembers.

use super::{
    position::{Position, Standing},
    told::{ChangeSubject, OrderSubject, Place, Resume, Step, Subject, Told},
};
use crate::{RpcError, convert, snapshot::Snapshot};
use bmn_primitives::{ChainId, Hashlock, Leg, Secret, SwapId};
use bmn_rpc_api::{BlockNotice, EscrowSide, Notice, SecretNotice, SubscriptionKind};
use bmn_store::{Change, EventRow};
use std::sync::Arc;

type Result<T> = std::result::Result<T, RpcError>;

/// Rows of one step.
const BATCH: usize = 64;

/// Something that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The change log.
    Log,
    /// One chain, as one kind of subscription tells of it.
    Chain(SubscriptionKind, ChainId),
}

impl Source {
    /// The kind of subscription that follows it.
    const fn kind(self) -> SubscriptionKind {
        match self {
            Self::Log => SubscriptionKind::Swaps,
            Self::Chain(kind, _) => kind,
        }
    }

    /// What follows `place`; none while nothing does.
    pub(super) fn step(self, snapshot: &Snapshot, place: &Place) -> Result<Option<Step>> {
        match place {
            Place::Log(next) => log(snapshot, *next),
            Place::Chain(position) => chain(self.kind(), snapshot, position),
        }
    }

    /// `place` as a subscriber is told it.
    pub(super) fn resume(self, place: &Place) -> Resume {
        match place {
            Place::Log(next) => Resume::Number(*next),
            Place::Chain(position) => Resume::Position(position.seal(self.kind())),
        }
    }
}

fn log(snapshot: &Snapshot, next: u64) -> Result<Option<Step>> {
    let changes = snapshot.changes(next, BATCH)?;
    let Some(last) = changes.last() else { return Ok(None) };
    let next = Place::Log(last.seq + 1);
    let is_last = changes.len() < BATCH;
    let told = changes.iter().map(|change| told_change(snapshot, change)).collect::<Result<_>>()?;
    Ok(Some(Step { told, next, rewinds: false, is_last }))
}

fn told_change(snapshot: &Snapshot, change: &Change) -> Result<Told> {
    let wire = convert::change(change);
    let subject = snapshot.order(change.order)?.map_or(Subject::Everybody, |order| {
        Subject::Change(ChangeSubject {
            order: wire.order_id.clone(),
            to: wire.to,
            chains: [order.id.chain.0, order.destination_chain.0],
            tokens: [order.source_token, order.destination_token],
            maker: order.maker,
            hashlock: order.hashlock.0,
        })
    });
    Ok(Told::new(&Notice::Change(wire), subject, Resume::Number(change.seq + 1)))
}

fn chain(kind: SubscriptionKind, snapshot: &Snapshot, position: &Position) -> Result<Option<Step>> {
    let of_blocks = kind == SubscriptionKind::Blocks;
    match position.standing(snapshot, of_blocks)? {
        Standing::Waits => Ok(None),
        Standing::Void(from) => {
            let next = position.rewound(snapshot, from)?;
            let is_silent = !of_blocks && position.told_no_event_since(snapshot, from)?;
            let told = if is_silent {
                Vec::new()
            } else {
                vec![Told::reorg(position.chain().0, from, next.seal(kind))]
            };
            Ok(Some(Step {
                told,
                next: Place::Chain(Arc::new(next)),
                rewinds: true,
                is_last: false,
            }))
        }
        Standing::Good if of_blocks => blocks(snapshot, position),
        Standing::Good => events(kind, snapshot, position),
    }
}

fn blocks(snapshot: &Snapshot, position: &Position) -> Result<Option<Step>> {
    let kind = SubscriptionKind::Blocks;
    let taken = snapshot.blocks_after(position.chain(), position.number(), BATCH)?;
    let is_last = taken.len() < BATCH;
    let mut at = position.clone();
    let mut told = Vec::with_capacity(taken.len());
    for taken in taken {
        let from = at.number().map_or(0, |last| last + 1);
        at = at.after_block(snapshot, taken.block.number)?;
        let resume = at.seal(kind);
        let notice = BlockNotice {
            chain: position.chain().0,
            from,
            block: convert::block(taken.block),
            events: taken.events,
            digest: taken.digest,
            resume: resume.clone(),
        };
        told.push(Told::new(&Notice::Block(notice), Subject::Everybody, Resume::Position(resume)));
    }
    let next = Place::Chain(Arc::new(at));
    Ok(if told.is_empty() { None } else { Some(Step { told, next, rewinds: false, is_last }) })
}

fn events(
    kind: SubscriptionKind,
    snapshot: &Snapshot,
    position: &Position,
) -> Result<Option<Step>> {
    let chain = position.chain();
    let Some(tip) = snapshot.cursor(chain)?.tip else { return Ok(None) };
    let from = position.number().unwrap_or_default();
    let rows = snapshot.events(chain, (from, tip.number), position.key(), BATCH)?;
    let is_last = rows.len() < BATCH;
    let next = match rows.last() {
        Some(last) if !is_last => position.after(snapshot, last.key())?,
        _ => position.after_block(snapshot, tip.number)?,
    };
    if next.is(position) {
        return Ok(None);
    }
    let mut told = Vec::new();
    for row in &rows {
        told.extend(match kind {
            SubscriptionKind::Secrets => secret(snapshot, row)?,
            _ => order(snapshot, row)?,
        });
    }
    Ok(Some(Step { told, next: Place::Chain(Arc::new(next)), rewinds: false, is_last }))
}

fn order(snapshot: &Snapshot, row: &EventRow) -> Result<Option<Told>> {
    let Some(escrow) = row.escrow else { return Ok(None) };
    if snapshot.side(row.chain, escrow)? != Some(Leg::Source) {
        return Ok(None);
    }
    let swap = SwapId { chain: row.chain, escrow };
    let Some(mut leg) = snapshot.source_leg(swap)? else { return Ok(None) };
    let is_here = |at: &bmn_swap::Inclusion| *at == row.at;
    if is_here(&leg.created) {
        // Later blocks may have ended it: they tell that themselves.
        leg.end = None;
    } else if !leg.end.as_ref().is_some_and(|(_, at)| is_here(at)) {
        return Ok(None);
    }
    let resume = Position::seal_at(snapshot, SubscriptionKind::Orders, row.key())?;
    let order = snapshot.by_source(swap)?;
    let notice = convert::order_notice(&leg, &row.at, order, resume.clone());
    let subject = Subject::Order(OrderSubject::from(&notice));
    Ok(Some(Told::new(&Notice::Order(Box::new(notice)), subject, Resume::Position(resume))))
}

fn secret(snapshot: &Snapshot, row: &EventRow) -> Result<Option<Told>> {
    let bmn_contracts::ContractEvent::Withdrawn { secret } = &row.event else { return Ok(None) };
    let Some(escrow) = row.escrow else { return Ok(None) };
    let Some(side) = snapshot.side(row.chain, escrow)? else { return Ok(None) };
    let Hashlock(hashlock) = Secret::new(secret.0).hashlock();
    let resume = Position::seal_at(snapshot, SubscriptionKind::Secrets, row.key())?;
    let notice = SecretNotice {
        chain: row.chain.0,
        hashlock,
        secret: *secret,
        escrow,
        side: match side {
            Leg::Source => EscrowSide::Source,
            Leg::Destination => EscrowSide::Destination,
        },
        order_id: snapshot.by_escrow(row.chain, escrow)?.map(|order| order.to_string()),
        at: convert::inclusion(&row.at),
        resume: resume.clone(),
    };
    let subject = Subject::Secret { hashlock, escrow };
    Ok(Some(Told::new(&Notice::Secret(notice), subject, Resume::Position(resume))))
}
