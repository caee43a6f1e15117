//! Orders that take several fills: each fill of ours is an order of its own, and they follow each other.

use crate::{
    IntakeFailure, NodeError,
    intake::{Intake, may_be_judged_again},
};
use alloy::primitives::{Address, U256};
use bmn_primitives::{ChainId, OrderId};
use bmn_queue::{QueueError, Rules, drop_letter};
use bmn_store::{IndexReads, OrderState, QueueTable, Reads, StoreError, WriteTx};
use bmn_swap::{
    Action, ActionKey, Draft, MOST_PARTS, Order, Origin, SignedOrder, Status, read_submitted,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Fills of one order that we can know at most: one a secret.
const MOST_FILLS: usize = 1 + MOST_PARTS as usize;

/// Orders asked for a next part at one block.
const MOST_ASKED: usize = 8;

/// Rows looked at in one step for the divided orders of an earlier process.
const PAGE: usize = 256;

/// The divided orders whose next part may be ours, by what their parts have in common. Held in memory: it
/// follows from the rows, and nothing is lost with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Divided(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// The newest known part of each; its leaf counts for nothing.
    orders: BTreeMap<OrderId, OrderId>,
    /// The last one asked.
    asked: Option<OrderId>,
    /// How far the rows of earlier processes were looked through; none when they were to the end.
    rows: Rows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Rows {
    #[default]
    Unread,
    After(OrderId),
    Read,
}

const fn whole(id: OrderId) -> OrderId {
    OrderId { leaf: 0, ..id }
}

fn is_divided(order: &Order) -> bool {
    matches!(&order.origin, Origin::Submitted(signed) if !signed.secret_hashes.is_empty())
}

impl Divided {
    /// Notes an order that was accepted, if it is one of several parts.
    pub(crate) fn note(&self, order: &Order) {
        if order.is_accepted() && is_divided(order) {
            self.0.lock().orders.insert(whole(order.id), order.id);
        }
    }

    fn forget(&self, id: OrderId) {
        self.0.lock().orders.remove(&whole(id));
    }

    /// The next few of a chain, in turn.
    fn some_of(&self, chain: ChainId) -> Vec<OrderId> {
        let mut known = self.0.lock();
        let after = known.asked;
        let later = |id: &OrderId| after.is_none_or(|after| *id > after);
        let of_chain =
            |(id, part): (&OrderId, &OrderId)| (id.chain == chain).then_some((*id, *part));
        let all: Vec<_> = known.orders.iter().filter_map(of_chain).collect();
        let (first, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(id, _)| later(id));
        let chosen: Vec<_> = first.into_iter().chain(rest).take(MOST_ASKED).collect();
        known.asked = chosen.last().map(|(id, _)| *id);
        chosen.into_iter().map(|(_, part)| part).collect()
    }
}

impl Intake {
    /// Takes the next parts of orders of a chain that are ours to fill now: to be asked at each of its
    /// blocks. A host that does not answer is asked again at the next one. True when one was taken.
    ///
    /// # Errors
    /// The store failed.
    pub async fn next_parts(&self, chain: ChainId) -> Result<bool, NodeError> {
        self.remember()?;
        let mut taken = false;
        for id in self.divided.some_of(chain) {
            if self.is_over(id)? {
                self.divided.forget(id);
                continue;
            }
            match self.next_part(id).await {
                Ok(part) => taken |= part.is_some(),
                Err(IntakeFailure::Store(error)) => return Err(error.into()),
                Err(IntakeFailure::Queue(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(target: "bmn::node", order = %id, %error, "asked again later");
                }
            }
        }
        Ok(taken)
    }

    /// Looks through some rows of earlier processes.
    fn remember(&self) -> Result<(), StoreError> {
        let rows = self.divided.0.lock().rows;
        let after = match rows {
            Rows::Read => return Ok(()),
            Rows::Unread => None,
            Rows::After(id) => Some(id),
        };
        let page = self.store.read()?.orders(after, PAGE)?;
        page.iter().for_each(|order| self.divided.note(order));
        self.divided.0.lock().rows = match page.last() {
            Some(last) if page.len() == PAGE => Rows::After(last.id),
            _ => Rows::Read,
        };
        Ok(())
    }

    /// True when no further part can be ours: all of it is filled and at an end, it has expired, or it is
    /// older than a window may be long.
    fn is_over(&self, id: OrderId) -> Result<bool, StoreError> {
        let read = self.store.read()?;
        let Some(order) = read.order(id)? else { return Ok(true) };
        let Origin::Submitted(signed) = &order.origin else { return Ok(true) };
        let now = read.cursor(id.chain)?.tip.map_or(0, |tip| tip.time);
        let longest = order.seen_at.time.saturating_add(self.rules.policy.max_window);
        if now > longest || signed.order.maker_traits.is_expired(now) {
            return Ok(true);
        }
        let fills = fills(&read, id)?;
        let filled = fills
            .iter()
            .filter(|(_, state)| state.source.is_some())
            .fold(U256::ZERO, |sum, (fill, _)| sum.saturating_add(fill.source_amount));
        let ended = fills.iter().all(|(_, state)| state.status.is_terminal());
        Ok(ended && filled >= signed.order.making_amount)
    }

    /// Chooses, judges and stores the next fill of the order that `id` is a fill of; none where nothing is
    /// to be chosen now. To be asked when a fill was mined or given up: a fill by somebody else makes
    /// ours revert, and what it left may be ours again.
    ///
    /// Two fills of one order are never under way at once, so the fills that are mined must have their
    /// confirmations first: a reorg would put them back under way.
    ///
    /// # Errors
    /// A host or the store failed.
    pub async fn next_part(&self, id: OrderId) -> Result<Option<Order>, IntakeFailure> {
        let Some(signed) = self.divided(id)? else { return Ok(None) };
        let head = self.head(id.chain)?;
        let Ok(draft) = read_submitted(&signed, id.chain, head, &self.rules.terms()) else {
            return Ok(None);
        };
        let seen = self.look_up(&draft, &signed).await?;
        let mut tx = self.store.write()?;
        if !self.may_follow(&tx, id)? {
            return Ok(None);
        }
        let part = self.judge(&mut tx, draft, &seen)?;
        if !part.is_accepted() {
            // Nothing of it is kept: the next block may say otherwise.
            tracing::debug!(
                target: "bmn::node", order = %id, reasons = ?part.refusals(), "no further part"
            );
            return Ok(None);
        }
        tx.commit()?;
        Ok(Some(part))
    }

    fn divided(&self, id: OrderId) -> Result<Option<Box<SignedOrder>>, IntakeFailure> {
        let read = self.store.read()?;
        let Some(order) = read.order(id)? else { return Ok(None) };
        let Origin::Submitted(signed) = order.origin else { return Ok(None) };
        let divided = !signed.secret_hashes.is_empty() && self.may_follow(&read, id)?;
        Ok(divided.then_some(signed))
    }

    /// True when no fill of the order is under way, and every mined one is confirmed.
    fn may_follow(&self, read: &impl Reads, id: OrderId) -> Result<bool, StoreError> {
        let terms = self.rules.terms();
        let confirmations = |fill: &Order| {
            let value = terms.reference_value(fill);
            terms.route(id.chain).map_or(0, |route| route.confirmations_for(value))
        };
        let tip = read.cursor(id.chain)?.tip.map_or(0, |tip| tip.number);
        for (fill, state) in fills(read, id)? {
            if !fill.is_accepted() {
                continue;
            }
            let created = match state.source {
                Some(swap) => read.source_leg(swap)?.map(|leg| leg.created.block.number),
                None => None,
            };
            match created {
                Some(number) if number.saturating_add(confirmations(&fill)) > tip => {
                    return Ok(false);
                }
                None if !state.status.is_terminal() => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }
}

/// What we know of an order hash at one contract.
fn fills(read: &impl Reads, id: OrderId) -> Result<Vec<(Order, OrderState)>, StoreError> {
    let ids = read.submitted_orders(id.chain, id.contract, id.hash, MOST_FILLS)?;
    let mut fills = Vec::with_capacity(ids.len());
    for id in ids {
        if let (Some(order), Some(state)) = (read.order(id)?, read.order_state(id)?) {
            fills.push((order, state));
        }
    }
    Ok(fills)
}

/// The order that a draft already is for us; none when it is new, or to be judged again. Of several fills
/// it is the one under way, else the newest.
pub(crate) fn known(read: &impl Reads, draft: &Draft) -> Result<Option<Order>, StoreError> {
    let id = draft.order().id;
    if !draft.is_undivided() {
        return Ok(read.order(id)?.filter(|known| !may_be_judged_again(known)));
    }
    let mut fills = fills(read, id)?;
    fills.retain(|(order, state)| state.status != Status::Void && !may_be_judged_again(order));
    let under_way = fills.iter().position(|(_, state)| state.status == Status::Accepted);
    let newest = |fills: &[(Order, OrderState)]| {
        let newest = fills
            .iter()
            .enumerate()
            .max_by_key(|(_, (order, _))| (order.is_accepted(), order.seen_at.number));
        newest.map(|(place, _)| place)
    };
    let place = under_way.or_else(|| newest(&fills));
    Ok(place.map(|place| fills.swap_remove(place).0))
}

/// True when the order hash is known at another contract or chain; and of an order that takes one fill,
/// under any other identity.
pub(crate) fn is_known_elsewhere(read: &impl Reads, order: &Order) -> Result<bool, StoreError> {
    let divided =
        matches!(&order.origin, Origin::Submitted(signed) if !signed.secret_hashes.is_empty());
    let own = order.id;
    let is_other = |id: &OrderId| {
        *id != own && !(divided && (id.chain, id.contract) == (own.chain, own.contract))
    };
    let known = read.orders_by_hash_after(own.hash, None, MOST_FILLS + 1)?;
    Ok(known.iter().any(is_other))
}

/// Clears what a fill that was given up left behind, so that its secret can be used for the next one: the
/// letter of its dead job.
pub(crate) fn make_room(tx: &mut WriteTx, order: OrderId, rules: &Rules) -> Result<(), QueueError> {
    let key = ActionKey { order, action: Action::Fill, chain: order.chain, escrow: Address::ZERO };
    if tx.queue_get(QueueTable::Dead, &key.to_bytes())?.is_some() {
        drop_letter(tx, &key, rules)?;
    }
    Ok(())
}
