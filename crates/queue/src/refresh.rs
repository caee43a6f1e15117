//! Derives an order's status and due actions from what is stored, and reconciles its jobs.

use crate::{
    QueueError, claims::settle_claim, deadline::latest_in, decision::settle_exposure,
    late::note_late, reconcile,
};
use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, OrderId, SwapId};
use bmn_store::{
    AnyLeg, EndedReads, KeepingReads, KeepingRow, LegIndex, OrderState, QueueTable, Reads,
    Reservation, SourceBinding, WriteTx,
};
use bmn_swap::{
    ActionKey, Alarm, Attempt, ChainView, DestinationLeg, DestinationPlan, Order, Origin, Plan,
    Policy, Route, SecretKnowledge, SourceLeg, Status, SwapView, Terms, Timetable, plan,
    stated_terms, timetable, writes_creation_time,
};

/// What orders are judged against: the owned form of [`Terms`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Our account on every chain.
    pub us: Address,
    /// The chains we serve.
    pub routes: Vec<Route>,
    /// The operator's limits.
    pub policy: Policy,
}

impl Rules {
    /// The borrowed form.
    pub fn terms(&self) -> Terms<'_> {
        Terms { us: self.us, routes: &self.routes, policy: &self.policy }
    }
}

/// An order with everything its plan depends on, from one snapshot.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The order.
    pub order: Order,
    /// Its stored state.
    pub state: OrderState,
    /// The source escrow bound to it.
    pub source: Option<SourceLeg>,
    /// The destination escrow of its plan.
    pub destination: Option<DestinationLeg>,
    pub(crate) source_chain: ChainView,
    pub(crate) destination_chain: Option<ChainView>,
    /// What we did about it, where it is a stranger's.
    pub(crate) keeping: KeepingRow,
}

impl Loaded {
    /// Loads an order; `None` when it is not known, its chain not indexed yet, or the index of one of
    /// its chains does not show the chain as it is (a backfill or a rebuild is under way).
    pub fn read(tx: &impl Reads, id: OrderId, rules: &Rules) -> Result<Option<Self>, QueueError> {
        let (Some(order), Some(state)) = (tx.order(id)?, tx.order_state(id)?) else {
            return Ok(None);
        };
        for chain in [id.chain, order.destination_chain] {
            if !tx.cursor(chain)?.mode.is_current() {
                return Ok(None);
            }
        }
        let Some(source_chain) = view(tx, id.chain, rules)? else { return Ok(None) };
        let source = bound_source(tx, &order, rules)?;
        let escrow = state.plan.as_ref().and_then(|plan| Some((plan.chain, plan.escrow?)));
        let destination = match escrow {
            Some((chain, escrow)) => tx.destination_leg(chain, escrow)?,
            None => None,
        };
        // A reorg took the creation away, and with it the time that made the address.
        let mut state = state;
        if destination.is_none() {
            state.plan = state.plan.map(|plan| plan.unbound(order.dialect));
        }
        let destination_chain = view(tx, order.destination_chain, rules)?;
        let keeping = match order.origin {
            Origin::Watched => tx.keeping(id)?,
            _ => KeepingRow::default(),
        };
        let mut loaded =
            Self { order, state, source, destination, source_chain, destination_chain, keeping };
        if loaded.is_watched() {
            loaded.bind_stranger(tx, rules)?;
        }
        Ok(Some(loaded))
    }

    /// What is due for it.
    pub fn plan(&self, rules: &Rules) -> Plan {
        if self.is_watched() {
            return self.kept(rules).0;
        }
        plan(&self.view(self.state.plan.as_ref()), &rules.terms())
    }

    /// Its windows and safe times as it stands; none where one of its chains is not served.
    pub fn timetable(&self, rules: &Rules) -> Option<Timetable> {
        self.timetable_with(self.state.plan.as_ref(), rules)
    }

    /// The same with a destination plan that is not stored yet.
    pub(crate) fn timetable_with(
        &self,
        plan: Option<&DestinationPlan>,
        rules: &Rules,
    ) -> Option<Timetable> {
        timetable(&self.view(plan), &rules.terms())
    }

    fn view<'a>(&'a self, intended: Option<&'a DestinationPlan>) -> SwapView<'a> {
        SwapView {
            order: &self.order,
            source: self.source.as_ref(),
            destination: self.destination.as_ref(),
            intended,
            permission: self.state.permission.as_ref(),
            evidence: self.state.evidence,
            source_chain: self.source_chain,
            destination_chain: self.destination_chain,
        }
    }
}

pub(crate) fn view(
    tx: &impl Reads,
    chain: ChainId,
    rules: &Rules,
) -> Result<Option<ChainView>, QueueError> {
    let terms = rules.terms();
    let (Some(route), Some(head)) = (terms.route(chain), tx.cursor(chain)?.tip) else {
        return Ok(None);
    };
    Ok(Some(ChainView { head, next_time: head.time.saturating_add(route.pace.block_time) }))
}

// A stranger's escrow that repeats our order hash never binds: it has no fill of ours behind it, and
// however many there are, none of them is read.
fn bound_source(
    tx: &impl Reads,
    order: &Order,
    rules: &Rules,
) -> Result<Option<SourceLeg>, QueueError> {
    if matches!(order.origin, Origin::DirectSource | Origin::Watched) {
        let swap = SwapId { chain: order.id.chain, escrow: order.id.contract };
        return Ok(tx.source_leg(swap)?);
    }
    let terms = rules.terms();
    let Some(taker) = terms.taker(order.id.chain, order.dialect) else { return Ok(None) };
    let binding = SourceBinding {
        contract: order.id.contract,
        factory: order.factory,
        order_hash: order.id.hash,
        hashlock: order.hashlock,
        taker: AddressWord::from(taker),
    };
    let mut leg = tx.filled_source(order.id.chain, binding)?;
    let factory = terms.route(order.id.chain).and_then(|route| route.factory(order.factory));
    if let (Some(leg), Some(factory)) = (&mut leg, factory)
        && let Some(stated) = stated_terms(order, leg, factory)
    {
        leg.terms = stated;
    }
    Ok(leg)
}

/// Escrows of one page of a scan for the one that a plan becomes.
const BIND_PAGE: usize = 256;

/// Binds the destination plan of an order to an escrow that its factory made, if the plan's immutables
/// give that escrow at its block's time; whatever else it repeats of ours, it does not bind. True when it
/// did. An escrow that is bound and stands is not left for another one.
///
/// # Errors
/// [`QueueError::Store`].
pub fn bind_destination(
    tx: &mut WriteTx,
    id: OrderId,
    leg: &DestinationLeg,
    rules: &Rules,
) -> Result<bool, QueueError> {
    let Some(mut state) = tx.order_state(id)? else { return Ok(false) };
    let Some(plan) = &state.plan else { return Ok(false) };
    if !writes_creation_time(leg.dialect) || is_bound(tx, plan)? {
        return Ok(false);
    }
    let terms = rules.terms();
    let factory = terms.route(plan.chain).and_then(|route| route.factory(plan.factory));
    let Some(bound) = factory.and_then(|factory| plan.bound_to(leg, factory)) else {
        return Ok(false);
    };
    state.plan = Some(bound);
    tx.put_order_state(id, &state)?;
    Ok(true)
}

fn is_bound(tx: &impl Reads, plan: &DestinationPlan) -> Result<bool, QueueError> {
    let Some(escrow) = plan.escrow else { return Ok(false) };
    Ok(tx.destination_leg(plan.chain, escrow)?.is_some())
}

/// Looks through every destination escrow with the order's hashlock for the one that its plan became.
/// For orders whose escrow may have appeared while nobody looked at orders; else the event of a creation
/// leads to its order ([`bind_destination`]).
///
/// # Errors
/// [`QueueError::Store`].
pub fn find_destination(tx: &mut WriteTx, id: OrderId, rules: &Rules) -> Result<bool, QueueError> {
    let (Some(order), Some(state)) = (tx.order(id)?, tx.order_state(id)?) else {
        return Ok(false);
    };
    let Some(plan) = state.plan.filter(|_| writes_creation_time(order.dialect)) else {
        return Ok(false);
    };
    let mut after = None;
    while !is_bound(tx, &plan)? {
        let by = LegIndex::DestinationHashlock(order.hashlock);
        let legs = tx.legs_by(plan.chain, by, after, BIND_PAGE)?;
        for leg in &legs {
            if let AnyLeg::Destination(leg) = leg
                && bind_destination(tx, id, leg, rules)?
            {
                return Ok(true);
            }
        }
        after = match legs.last() {
            Some(last) if legs.len() == BIND_PAGE => Some(last.place()),
            _ => break,
        };
    }
    Ok(false)
}

/// Derives an order again inside `tx`: evidence from the secret tables, status, reservation, jobs.
/// `None` when the order is not known.
pub fn refresh(tx: &mut WriteTx, id: OrderId, rules: &Rules) -> Result<Option<Plan>, QueueError> {
    let Some(mut loaded) = Loaded::read(tx, id, rules)? else { return Ok(None) };
    let Some(before) = tx.order_state(id)? else { return Ok(None) };
    loaded.state.source = loaded.source.as_ref().map(|leg| leg.swap);
    let known = tx.secret_knowledge(loaded.order.hashlock)?;
    loaded.state.evidence.secret = loaded.state.evidence.secret.max(known);
    let mut plan = loaded.plan(rules);
    if loaded.is_watched() && !loaded.keeping.closed && loaded.kept(rules).1 {
        tx.close_keeping(id)?;
        loaded.keeping.closed = true;
        plan = loaded.plan(rules);
    }
    if plan.give_up_fill && loaded.state.evidence.fill != Attempt::Closed {
        loaded.state.evidence.fill = Attempt::Closed;
        plan = loaded.plan(rules);
    }
    loaded.state.status = plan.status;
    raise(id, &before, &plan);
    let table = loaded.timetable(rules);
    note_late(tx, &loaded, &plan, table.as_ref())?;
    if loaded.state != before {
        tx.put_order_state(id, &loaded.state)?;
    }
    settle_reservation(tx, &loaded, plan.status)?;
    settle_claim(tx, &loaded, plan.status)?;
    settle_exposure(tx, id, before.status, plan.status)?;
    if loaded.state.evidence.secret == SecretKnowledge::Public {
        tx.wipe_secret(loaded.order.hashlock)?;
    }
    let latest = |key: &ActionKey| latest_in(table.as_ref()?, &loaded.order, key.action);
    reconcile(tx, id, &plan.due, latest)?;
    Ok(Some(plan))
}

// Edge-triggered by the status, so that a person is told once for every turn for the worse (M8).
fn raise(id: OrderId, before: &OrderState, plan: &Plan) {
    if plan.status == before.status
        && !plan.alarms.iter().any(|alarm| matches!(alarm, Alarm::SourceWindowMissed { .. }))
    {
        return;
    }
    // Each late action is told of by itself.
    for alarm in plan.alarms.iter().filter(|alarm| !matches!(alarm, Alarm::Overdue(_))) {
        tracing::error!(target: "bmn::queue", order = %id, %alarm, "money at risk");
    }
}

// M7: promised from acceptance until an escrow holds it or nothing will be funded.
fn settle_reservation(tx: &mut WriteTx, loaded: &Loaded, status: Status) -> Result<(), QueueError> {
    let order = &loaded.order;
    if status.is_terminal() || loaded.destination.is_some() {
        return Ok(tx.release(order.id)?);
    }
    // A reorg may have taken away what the promise was kept with.
    let may_fund = matches!(status, Status::Accepted | Status::SourceLocked)
        && order.is_accepted()
        && loaded.state.evidence.funding != Attempt::Closed;
    if may_fund {
        let held = tx.reservations(order.id)?;
        for promise in promises(order) {
            let spent = loaded.source.is_some() && promise.chain == order.id.chain;
            if !spent && !held.contains(&promise) {
                tx.reserve(&promise)?;
            }
        }
    }
    if loaded.source.is_some() {
        // The fill has put the source's deposit where it was promised to.
        tx.release_on(order.id, order.id.chain)?;
    }
    Ok(())
}

/// Promises an order what its destination will take: token, coin and safety deposit; and what its fill
/// puts on the source escrow (M7).
pub fn reserve(tx: &mut WriteTx, order: &Order) -> Result<(), QueueError> {
    promises(order).try_for_each(|promise| Ok(tx.reserve(&promise)?))
}

fn promises(order: &Order) -> impl Iterator<Item = Reservation> {
    let of = |chain, token, amount| Reservation { order: order.id, chain, token, amount };
    let chain = order.destination_chain;
    let native = order.destination_token.is_zero();
    let coin = order.destination_deposit.saturating_add(if native {
        order.destination_amount
    } else {
        U256::ZERO
    });
    let deposit = !order.source_deposit.is_zero() && matches!(order.origin, Origin::Submitted(_));
    [
        Some(of(chain, Address::ZERO, coin)),
        deposit.then(|| of(order.id.chain, Address::ZERO, order.source_deposit)),
        (!native).then(|| of(chain, order.destination_token, order.destination_amount)),
    ]
    .into_iter()
    .flatten()
}

/// True when another order that we settle has the hashlock. Refused ones do not count: anybody can
/// have an order refused.
pub fn hashlock_is_taken(tx: &impl Reads, order: &Order) -> Result<bool, QueueError> {
    // What is in the archive was settled once.
    if tx.archived_on(order.hashlock)?.is_some() {
        return Ok(true);
    }
    // One of two is another, if there is another.
    Ok(tx.accepted_by_hashlock(order.hashlock, 2)?.iter().any(|id| *id != order.id))
}

/// Orders that we settle and that are not at an end.
pub fn open_orders(tx: &impl Reads) -> Result<u64, QueueError> {
    let mut open = 0;
    let settled = |status: &Status| {
        !status.is_terminal() && !status.is_keeper() && *status != Status::Refunding
    };
    for status in Status::ALL.into_iter().filter(settled) {
        open += tx.orders_in(status)?;
    }
    Ok(open)
}

/// Keys of the jobs that are ready to act on `chain`, most urgent first; at most `limit`.
pub fn ready_keys(
    tx: &impl Reads,
    chain: ChainId,
    limit: usize,
) -> Result<Vec<ActionKey>, QueueError> {
    let from = chain.0.to_be_bytes();
    let below = chain.0.checked_add(1).map(u64::to_be_bytes);
    let rows =
        tx.queue_scan(QueueTable::Ready, &from, below.as_ref().map(|key| &key[..]), limit)?;
    Ok(rows.iter().filter_map(|(_, key)| ActionKey::from_bytes(key)).collect())
}
