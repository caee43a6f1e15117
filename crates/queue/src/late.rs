//! Actions that are late: what a person is told of, and what counts as a missed deadline.

use crate::job::{JobRow, JobState, held_sent, read_held};
use crate::{Lane, Loaded, QueueError, get};
use bmn_primitives::{ChainId, OrderId};
use bmn_store::{LateReads, QueueTable, Reads, WriteTx};
use bmn_swap::{
    ALARM_INCLUSIONS, Action, ActionKey, Alarm, Pace, Plan, TimedAction, Timetable, When,
};
use std::collections::BTreeSet;

/// What takes money home or keeps our word. What would put money in is given up when it is late, and what
/// gives money back never is.
const COSTLY: [Action; 3] = [Action::WithdrawSource, Action::WithdrawDestination, Action::Permit];

/// Jobs of a lane, or transactions under way, that are looked at with one block.
const MOST_LATE: usize = 256;

/// Orders that are looked at again with one block. The sweep reaches the others a little later.
const MOST_ORDERS: usize = 32;

/// Records what became late of an order's actions, and tells a person once of each. To be called before the
/// jobs are reconciled: what is too late for the plan is a job for the last time.
pub(crate) fn note_late(
    tx: &mut WriteTx,
    loaded: &Loaded,
    plan: &Plan,
    table: Option<&Timetable>,
) -> Result<(), QueueError> {
    let order = &loaded.order;
    let Some(table) = table.filter(|_| order.is_accepted()) else { return Ok(()) };
    let noted = tx.late_actions(order.id)?;
    for action in Action::ALL {
        let timed = TimedAction::of(action);
        let overdue = plan.alarms.iter().find_map(|alarm| match alarm {
            Alarm::Overdue(overdue) if overdue.action == timed => Some(overdue),
            _ => None,
        });
        let before = noted.iter().find(|(of, _)| *of == action).map(|(_, row)| *row);
        let before = before.unwrap_or_default();
        let missed = match before.missed {
            None if COSTLY.contains(&action) => missed(tx, loaded, plan, table, action)?,
            known => known,
        };
        if let (Some(overdue), false) = (overdue, before.overdue) {
            tracing::warn!(
                target: "bmn::queue", order = %order.id, %overdue, alarm = true, "an action is late"
            );
        }
        if let (Some(latest), None) = (missed, before.missed) {
            tracing::error!(
                target: "bmn::queue", order = %order.id, action = action.name(), latest,
                alarm = true, "missed deadline: not sent by its latest safe time"
            );
        }
        let after = bmn_store::LateRow { overdue: overdue.is_some(), missed };
        if after != before {
            tx.set_late(order.id, action, after)?;
        }
    }
    Ok(())
}

/// The latest safe time of an action that was possible and not sent by then.
fn missed(
    tx: &WriteTx,
    loaded: &Loaded,
    plan: &Plan,
    table: &Timetable,
    action: Action,
) -> Result<Option<u64>, QueueError> {
    let Some(latest) = table.slot(TimedAction::of(action)).and_then(|slot| slot.latest) else {
        return Ok(None);
    };
    let on_source = action == Action::WithdrawSource;
    let view = if on_source { Some(loaded.source_chain) } else { loaded.destination_chain };
    let Some(view) = view else { return Ok(None) };
    // The source's withdrawal may wait for the payment's confirmations until that very time, and is sent with
    // the block that reaches it; the others are not sent when the next block is behind theirs.
    let ahead = if on_source { 0 } else { view.next_time.saturating_sub(view.head.time) };
    let too_late = |head: u64| head.saturating_add(ahead) > latest;
    if !too_late(view.head.time) {
        return Ok(None);
    }
    let Some(key) = key_of(loaded, action) else { return Ok(None) };
    let late = match get(tx, &key)? {
        None => plan.due.iter().any(|due| due.key == key && due.when == When::Now),
        Some(JobRow { state: JobState::Sent, .. }) => {
            let first = tx.intent(&key)?.and_then(|intent| Some(intent.sent.first()?.at.time));
            first.is_some_and(too_late)
        }
        // What never was possible was not missed.
        Some(JobRow { state: JobState::Waiting(_), attempts: 0, .. }) => false,
        Some(_) => true,
    };
    Ok(late.then_some(latest))
}

fn key_of(loaded: &Loaded, action: Action) -> Option<ActionKey> {
    let (chain, escrow) = if action == Action::WithdrawSource {
        loaded.source.as_ref().map(|leg| (leg.swap.chain, leg.swap.escrow))?
    } else {
        loaded.destination.as_ref().map(|leg| (leg.chain, leg.escrow))?
    };
    Some(ActionKey { order: loaded.order.id, action, chain, escrow })
}

/// Orders with an action on `chain` that comes near its latest safe time, or passes it, while the head goes
/// from the time `from` to the time `to`: a bounded number of those that wait to be sent, most urgent first,
/// and of those that were sent and are not settled.
///
/// # Errors
/// [`QueueError::Store`]; [`QueueError::Damaged`] when an index names a job that does not exist.
pub fn coming_due(
    tx: &impl Reads,
    chain: ChainId,
    (from, to): (u64, u64),
    pace: Pace,
) -> Result<BTreeSet<OrderId>, QueueError> {
    let next = pace.block_time;
    let lead = next.saturating_add(pace.inclusion.saturating_mul(ALARM_INCLUSIONS));
    let near = (from.saturating_add(lead).saturating_add(1), to.saturating_add(lead));
    let passed = (from, to.saturating_add(next));
    let mut orders = BTreeSet::new();
    for lane in [Lane::WayOut, Lane::Underway] {
        let row =
            |time: u64| [&chain.0.to_be_bytes()[..], &[lane as u8], &time.to_be_bytes()].concat();
        for (first, last) in [near, passed] {
            let (first, below) = (row(first), row(last.saturating_add(1)));
            let rows = tx.queue_scan(QueueTable::Ready, &first, Some(&below), MOST_LATE)?;
            let keys = rows.iter().filter_map(|(_, key)| ActionKey::from_bytes(key));
            add(&mut orders, keys.map(|key| key.order));
        }
    }
    let (first, below) = held_sent(chain);
    for (row, _) in tx.queue_scan(QueueTable::Held, &first, Some(&below), MOST_LATE)? {
        let job = crate::job::indexed(tx, QueueTable::Held, read_held(&row))?;
        let is_in = |(first, last): (u64, u64)| {
            job.deadline.is_some_and(|latest| (first..=last).contains(&latest))
        };
        if is_in(near) || is_in(passed) {
            add(&mut orders, [job.key.order]);
        }
    }
    Ok(orders)
}

// The most urgent come first.
fn add(orders: &mut BTreeSet<OrderId>, more: impl IntoIterator<Item = OrderId>) {
    for order in more {
        if orders.len() == MOST_ORDERS {
            return;
        }
        orders.insert(order);
    }
}
