//! Whether an order is over for good, and what of it goes into the archive.

use super::{Horizon, name};
use crate::forget::has_row_of;
use crate::keys::Key;
use crate::rows::{Rows, row};
use crate::{
    Change, ClaimReads, DecisionReads, EventRow, KeepingReads, OrderState, Reads, StoreError,
    WriteTx, tables,
};
use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, Hashlock, OrderId};
use bmn_swap::{Assessment, DestinationPlan, EscrowEnd, Inclusion, Order, Status, is_in_doubt};
use serde::Serialize;

type Result<T> = std::result::Result<T, StoreError>;

/// Changes of one order that are archived; a reorg that goes back and forth makes more.
const CHANGES: usize = 1_024;
/// Events of one escrow that are archived: rescues can be repeated without end.
const EVENTS: usize = 64;

/// An order that is over, with everything that is kept of it as evidence. A sealed secret is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    /// Version of this form.
    pub(super) version: u32,
    /// Chain, contract, hash and leaf.
    pub(super) order_id: String,
    /// Number of its newest change: with the order's name, what tells a line from another.
    pub(super) change: u64,
    status: Status,
    /// Unix seconds of its own chain.
    pub(super) ended_at: u64,
    order: Order,
    state: OrderState,
    /// Every destination that was planned, with its exact immutables.
    plans: Vec<DestinationPlan>,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assessment: Option<Assessment>,
    /// What its escrows logged.
    events: Vec<EventRow>,
    /// As a chain has shown it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<B256>,
    #[serde(skip)]
    pub(super) id: OrderId,
}

impl Ended {
    /// The order when it may go; none while anything hangs on it.
    pub(super) fn of<R: Reads>(read: &R, id: OrderId, horizon: &Horizon) -> Result<Option<Self>> {
        let (Some(order), Some(state)) = (read.order(id)?, read.order_state(id)?) else {
            return Ok(None);
        };
        let changes = read.changes_of(id, CHANGES)?;
        let Some(last) = changes.last() else { return Ok(None) };
        let own = last.at.iter().find(|(chain, _)| *chain == id.chain);
        let Some((_, ended_at)) = own.copied() else { return Ok(None) };
        let is_past = |chain: ChainId| {
            !horizon.serves(chain)
                || last.at.iter().any(|(at, block)| *at == chain && horizon.is_past(chain, block))
        };
        // What lost, or contradicts what we did, is for a person to look at first.
        if !state.status.is_success()
            || is_in_doubt(&state.evidence, state.plan.as_ref())
            || !horizon.serves(id.chain)
            || !is_past(id.chain)
            || !is_past(order.destination_chain)
            // Refused ones go their own way, unless an escrow hangs on them.
            || (state.status == Status::Refused && state.source.is_none())
            || is_due(read, id)?
        {
            return Ok(None);
        }
        let plans = read.plans_of(id)?;
        let Some(events) = escrows(read, &state, &plans, horizon)? else { return Ok(None) };
        Ok(Some(Self {
            version: 1,
            order_id: name(id),
            change: last.seq,
            status: state.status,
            ended_at: ended_at.time,
            assessment: read.assessment(id)?,
            secret: read.public_secret(order.hashlock)?,
            order,
            state,
            plans,
            events,
            changes,
            id,
        }))
    }
}

/// Whether anything of ours is under way for an order, or promised to it.
fn is_due<R: Reads>(read: &R, id: OrderId) -> Result<bool> {
    for table in [tables::INTENTS, tables::RESERVATIONS, tables::JOBS] {
        if has_row_of(read, table, id)? {
            return Ok(true);
        }
    }
    let is_open_keeping = has_row_of(read, tables::KEEPING, id)? && !read.keeping(id)?.closed;
    Ok(is_open_keeping || read.claim(id)?.is_some() || read.exposure(id)?.is_some())
}

/// What the escrows of an order logged; none while one of them holds anything, or could again.
fn escrows<R: Reads>(
    read: &R,
    state: &OrderState,
    plans: &[DestinationPlan],
    horizon: &Horizon,
) -> Result<Option<Vec<EventRow>>> {
    let mut events = Vec::new();
    let is_over = |chain, end: &Option<(EscrowEnd, Inclusion)>| {
        end.as_ref().is_some_and(|(_, at)| horizon.is_final(chain, at.block.number))
    };
    if let Some(swap) = state.source {
        let Some(leg) = read.source_leg(swap)? else { return Ok(None) };
        if !is_over(swap.chain, &leg.end) {
            return Ok(None);
        }
        events.extend(read.events_of(swap.chain, swap.escrow, None, EVENTS)?);
    }
    let planned: Vec<(ChainId, Address)> = plans
        .iter()
        .chain(state.plan.as_ref())
        .filter_map(|plan| Some((plan.chain, plan.escrow?)))
        .collect();
    for (index, (chain, escrow)) in planned.iter().enumerate() {
        let is_new = !planned[..index].contains(&(*chain, *escrow));
        if let Some(leg) = read.destination_leg(*chain, *escrow)?.filter(|_| is_new) {
            if !is_over(*chain, &leg.end) {
                return Ok(None);
            }
            events.extend(read.events_of(*chain, *escrow, None, EVENTS)?);
        }
    }
    Ok(Some(events))
}

const ENDED: &[u8] = b"ended/";
const CHANGES_FROM: &[u8] = b"changes_from";

fn key(lock: Hashlock) -> Key {
    Key::default().bytes(ENDED).hash(lock.0)
}

/// What is still known of orders that were removed, on a snapshot and inside a write transaction.
pub trait EndedReads: Rows {
    /// The day (unix time / 86 400) on which an order with this hashlock ended that we settled and that is in
    /// the archive, or a source escrow with it that was pruned. Its hashlock is used: what was filled once is
    /// not filled again.
    fn archived_on(&self, lock: Hashlock) -> Result<Option<u32>> {
        row(self, tables::META, key(lock).as_slice())
    }

    /// Number of the oldest change from which on none is missing; 1 while nothing was removed.
    fn changes_from(&self) -> Result<u64> {
        Ok(row(self, tables::META, CHANGES_FROM)?.unwrap_or(1))
    }
}

impl<T: Rows + ?Sized> EndedReads for T {}

impl WriteTx {
    pub(crate) fn mark_ended(&mut self, lock: Hashlock, day: u32) -> Result<()> {
        self.put_row(tables::META, key(lock).as_slice(), &day)
    }

    /// Removes a change, and remembers that the numbers up to it have gaps.
    pub(super) fn forget_change(&mut self, order: OrderId, seq: u64) -> Result<()> {
        self.remove(tables::SEQUENCE, &seq.to_be_bytes())?;
        let of_order = Key::default().order(order).u64(seq);
        self.remove(tables::SEQUENCE_BY_ORDER, of_order.as_slice())?;
        if self.changes_from()? <= seq {
            self.put_row(tables::META, CHANGES_FROM, &(seq + 1))?;
        }
        Ok(())
    }
}
