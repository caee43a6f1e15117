//! Derives an order's status and due actions from what is stored, and reconciles its jobs.

use crate::{QueueError, reconcile};
use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, OrderId, SwapId};
use bmn_store::{OrderState, QueueTable, Reads, Reservation, SourceBinding, WriteTx};
use bmn_swap::{
    ActionKey, Alarm, Attempt, ChainView, DestinationLeg, Order, Origin, Plan, Policy, Route,
    SecretKnowledge, SourceLeg, Status, SwapView, Terms, plan,
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
    source_chain: ChainView,
    destination_chain: Option<ChainView>,
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
        let destination = match &state.plan {
            Some(plan) => tx.destination_leg(plan.chain, plan.escrow)?,
            None => None,
        };
        let destination_chain = view(tx, order.destination_chain, rules)?;
        Ok(Some(Self { order, state, source, destination, source_chain, destination_chain }))
    }

    /// What is due for it.
    pub fn plan(&self, rules: &Rules) -> Plan {
        let view = SwapView {
            order: &self.order,
            source: self.source.as_ref(),
            destination: self.destination.as_ref(),
            intended: self.state.plan.as_ref(),
            permission: self.state.permission.as_ref(),
            evidence: self.state.evidence,
            source_chain: self.source_chain,
            destination_chain: self.destination_chain,
        };
        plan(&view, &rules.terms())
    }
}

fn view(tx: &impl Reads, chain: ChainId, rules: &Rules) -> Result<Option<ChainView>, QueueError> {
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
    if order.origin == Origin::DirectSource {
        let swap = SwapId { chain: order.id.chain, escrow: order.id.contract };
        return Ok(tx.source_leg(swap)?);
    }
    let binding = SourceBinding {
        contract: order.id.contract,
        factory: order.factory,
        order_hash: order.id.hash,
        hashlock: order.hashlock,
        taker: AddressWord::from(rules.us),
    };
    Ok(tx.filled_source(order.id.chain, binding)?)
}

/// Derives an order again inside `tx`: evidence from the secret tables, status, reservation, jobs.
/// `None` when the order is not known.
pub fn refresh(tx: &mut WriteTx, id: OrderId, rules: &Rules) -> Result<Option<Plan>, QueueError> {
    let Some(mut loaded) = Loaded::read(tx, id, rules)? else { return Ok(None) };
    let before = loaded.state.clone();
    loaded.state.source = loaded.source.as_ref().map(|leg| leg.swap);
    let known = tx.secret_knowledge(loaded.order.hashlock)?;
    loaded.state.evidence.secret = loaded.state.evidence.secret.max(known);
    let mut plan = loaded.plan(rules);
    if plan.give_up_fill && loaded.state.evidence.fill != Attempt::Closed {
        loaded.state.evidence.fill = Attempt::Closed;
        plan = loaded.plan(rules);
    }
    loaded.state.status = plan.status;
    raise(id, &before, &plan);
    if loaded.state != before {
        tx.put_order_state(id, &loaded.state)?;
    }
    settle_reservation(tx, &loaded, plan.status)?;
    if loaded.state.evidence.secret == SecretKnowledge::Public {
        tx.wipe_secret(loaded.order.hashlock)?;
    }
    reconcile(tx, id, &plan.due)?;
    Ok(Some(plan))
}

// Edge-triggered by the status, so that a person is told once for every turn for the worse (M8).
fn raise(id: OrderId, before: &OrderState, plan: &Plan) {
    if plan.status == before.status
        && !plan.alarms.iter().any(|alarm| matches!(alarm, Alarm::SourceWindowMissed { .. }))
    {
        return;
    }
    for alarm in &plan.alarms {
        tracing::error!(target: "bmn::queue", order = %id, %alarm, "money at risk");
    }
}

// M7: promised from acceptance until the destination escrow holds it or nothing will be funded.
fn settle_reservation(tx: &mut WriteTx, loaded: &Loaded, status: Status) -> Result<(), QueueError> {
    if status.is_terminal() || loaded.destination.is_some() {
        tx.release(loaded.order.id)?;
    }
    Ok(())
}

/// Promises an order what its destination will take: token, coin and safety deposit (M7).
pub fn reserve(tx: &mut WriteTx, order: &Order) -> Result<(), QueueError> {
    let chain = order.destination_chain;
    let native = order.destination_token.is_zero();
    let coin = order.destination_deposit.saturating_add(if native {
        order.destination_amount
    } else {
        U256::ZERO
    });
    tx.reserve(&Reservation { order: order.id, chain, token: Address::ZERO, amount: coin })?;
    if !native {
        let (token, amount) = (order.destination_token, order.destination_amount);
        tx.reserve(&Reservation { order: order.id, chain, token, amount })?;
    }
    Ok(())
}

/// True when another order that we settle has the hashlock. Refused ones do not count: anybody can
/// have an order refused.
pub fn hashlock_is_taken(tx: &impl Reads, order: &Order) -> Result<bool, QueueError> {
    // One of two is another, if there is another.
    Ok(tx.accepted_by_hashlock(order.hashlock, 2)?.iter().any(|id| *id != order.id))
}

/// Orders that we settle and that are not at an end.
pub fn open_orders(tx: &impl Reads) -> Result<u64, QueueError> {
    let mut open = 0;
    let settled = |status: &Status| !status.is_terminal() && *status != Status::Refunding;
    for status in Status::ALL.into_iter().filter(settled) {
        open += tx.orders_by_status(status, None, usize::MAX)?.len() as u64;
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
