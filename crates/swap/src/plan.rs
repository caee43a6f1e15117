//! What is due for an order, now or later.

use crate::{
    Action, ActionKey, Attempt, DestinationLeg, DestinationPlan, Due, EscrowEnd, Evidence, Order,
    Origin, Permission, SecretKnowledge, SourceLeg, Status, Wake, When,
    admit::Terms,
    derive_status,
    header::fill_opens_at,
    model::writes_creation_time,
    recovered::is_in_doubt,
    stages::{Overdue, SendState, Slot, TimedAction, Timetable},
    timeline::Pace,
    times::{timetable, timetable_at},
    verify::check_source,
};
use alloy::primitives::Address;
use bmn_primitives::{AddressWord, BlockRef, ChainId, Complement, Immutables, Stage, Timelocks};

/// A chain as the plan sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainView {
    /// Newest block.
    pub head: BlockRef,
    /// Earliest timestamp the next block can have, unix seconds.
    pub next_time: u64,
}

/// Everything the plan of one order depends on.
#[derive(Debug, Clone, Copy)]
pub struct SwapView<'a> {
    /// The order.
    pub order: &'a Order,
    /// Its source escrow, when the chain has it.
    pub source: Option<&'a SourceLeg>,
    /// Its destination escrow, when the chain has it.
    pub destination: Option<&'a DestinationLeg>,
    /// The destination we mean to create or created.
    pub intended: Option<&'a DestinationPlan>,
    /// The permission, once signed.
    pub permission: Option<&'a Permission>,
    /// Operational facts.
    pub evidence: Evidence,
    /// Source chain.
    pub source_chain: ChainView,
    /// Destination chain; none when we do not serve it.
    pub destination_chain: Option<ChainView>,
}

/// What is to be done for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its status.
    pub status: Status,
    /// Actions wanted, each with its conditions.
    pub due: Vec<Due>,
    /// The fill will never be sent (again): out of time.
    pub give_up_fill: bool,
    /// What a person must know, beyond what the status says.
    pub alarms: Vec<Alarm>,
}

/// Money is where it should not be, or is about to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The status itself is an alarm.
    #[error("the swap is {0}")]
    Status(Status),
    /// Our destination ended as cancelled before it could be: somebody with a whitelisted key took it
    /// (`protocol.md` 11.3).
    #[error(
        "the destination was taken by somebody else, {seconds_early} s before it could be cancelled"
    )]
    DestinationTaken {
        /// Seconds before the cancellation window.
        seconds_early: u64,
    },
    /// The destination was paid and the source's window is over: only the rescue is left.
    #[error("the source was not withdrawn in its window; it can be rescued from {rescue_at}")]
    SourceWindowMissed {
        /// Unix seconds.
        rescue_at: u64,
    },
    /// An action is wanted, and its latest safe time is near or over.
    #[error("{0}")]
    Overdue(Overdue),
}

/// Plans an order. Level-triggered: what is due depends on what is true, not on what happened.
pub fn plan(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let status = derive_status(view.order, view.source, view.destination, &view.evidence);
    let Some(planner) = Planner::new(view, terms) else {
        return refused_without_route(view, status);
    };
    let mut plan =
        Plan { status, due: Vec::new(), give_up_fill: false, alarms: alarms(view, status) };
    match status {
        Status::Accepted => planner.fill(&mut plan),
        Status::SourceLocked => planner.source_locked(&mut plan),
        Status::BothLocked => planner.both_locked(&mut plan),
        Status::SecretKnown => planner.secret_known(&mut plan),
        Status::DestinationPaid => planner.destination_paid(&mut plan),
        Status::DestinationRefunded => planner.destination_refunded(&mut plan),
        Status::DestinationStranded | Status::Exposed => planner.cancel_destination(&mut plan),
        Status::Owing => planner.make_good(&mut plan),
        Status::Refunding => plan.due.extend(cancel_refused(view)),
        _ => {}
    }
    // Strangers make as many escrows to be refused as they like.
    if status != Status::Refunding {
        let overdue = planner.overdue(&plan.due);
        plan.alarms.extend(overdue.into_iter().map(Alarm::Overdue));
    }
    plan
}

// A direct source escrow may name a chain we do not serve; it still is given back.
fn refused_without_route(view: &SwapView<'_>, status: Status) -> Plan {
    let due = if status == Status::Refunding {
        cancel_refused(view).into_iter().collect()
    } else {
        Vec::new()
    };
    Plan { status, due, give_up_fill: false, alarms: alarms(view, status) }
}

fn alarms(view: &SwapView<'_>, status: Status) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    if status.is_alarm() {
        alarms.push(Alarm::Status(status));
    }
    let ended = view.destination.and_then(|leg| leg.end);
    if let (Some((EscrowEnd::Cancelled, at)), Some(intended)) = (ended, view.intended) {
        let opens = intended.dst_cancellation().unwrap_or(0);
        let seconds_early = opens.saturating_sub(at.block.time);
        if seconds_early > 0 {
            alarms.push(Alarm::DestinationTaken { seconds_early });
        }
    }
    alarms
}

fn cancel_refused(view: &SwapView<'_>) -> Option<Due> {
    let leg = view.source?;
    let start = leg.immutables()?.timelocks.src_cancel().start;
    let when = at_time(view.source_chain, leg.swap.chain, start);
    Some(Due { key: source_key(view.order, leg, Action::CancelSource), when })
}

fn source_key(order: &Order, leg: &SourceLeg, action: Action) -> ActionKey {
    ActionKey { order: order.id, action, chain: leg.swap.chain, escrow: leg.swap.escrow }
}

fn destination_key(order: &Order, leg: &DestinationLeg, action: Action) -> ActionKey {
    ActionKey { order: order.id, action, chain: leg.chain, escrow: leg.escrow }
}

fn at_time(view: ChainView, chain: ChainId, time: u64) -> When {
    if view.next_time >= time { When::Now } else { When::Wake(vec![Wake::Time { chain, time }]) }
}

fn at_height(view: ChainView, chain: ChainId, number: u64) -> When {
    if view.head.number >= number {
        When::Now
    } else {
        When::Wake(vec![Wake::Height { chain, number }])
    }
}

impl When {
    /// This condition, then the other: the first one that does not hold decides.
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Now => other(),
            wait @ Self::Wake(_) => wait,
        }
    }

    /// Either condition is enough.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Wake(mut left), Self::Wake(right)) => {
                left.extend(right);
                Self::Wake(left)
            }
            _ => Self::Now,
        }
    }
}

struct Planner<'a> {
    view: &'a SwapView<'a>,
    terms: &'a Terms<'a>,
    table: Timetable,
    source_pace: Pace,
    destination_pace: Pace,
    destination_view: ChainView,
}

impl<'a> Planner<'a> {
    fn new(view: &'a SwapView<'a>, terms: &'a Terms<'a>) -> Option<Self> {
        let value = terms.reference_value(view.order);
        Some(Self {
            view,
            terms,
            table: timetable(view, terms)?,
            source_pace: terms.route(view.order.id.chain)?.pace_for(value),
            destination_pace: terms.route(view.order.destination_chain)?.pace_for(value),
            destination_view: view.destination_chain?,
        })
    }

    fn slot(&self, action: TimedAction) -> Option<&Slot> {
        self.table.slot(action)
    }

    /// When a stage begins.
    fn starts(&self, stage: Stage) -> u64 {
        self.table.stage(stage).start
    }

    // What would put money in is only given up when it is late, which is no news. What waits for
    // something is not missing.
    fn overdue(&self, due: &[Due]) -> Vec<Overdue> {
        let is_missing = |due: &&Due| {
            due.when == When::Now
                && !matches!(due.key.action, Action::Fill | Action::FundDestination)
        };
        let missing: Vec<_> =
            due.iter().filter(is_missing).map(|due| TimedAction::of(due.key.action)).collect();
        if missing.is_empty() {
            return Vec::new();
        }
        let (source, destination) = (self.view.source_chain, self.destination_view);
        self.table.overdue(source.next_time, destination.next_time, &missing)
    }

    fn push(&self, plan: &mut Plan, key: ActionKey, when: When) {
        plan.due.push(Due { key, when });
    }

    fn fill(&self, plan: &mut Plan) {
        let order = self.view.order;
        if !matches!(order.origin, Origin::Submitted(_)) {
            // A direct source escrow that a reorg removed: nothing of ours can bring it back.
            let (over, _) = order.times.absolute().unwrap_or_default();
            plan.give_up_fill = over <= self.view.source_chain.next_time;
            return;
        }
        let now = self.view.source_chain.head.time;
        if self.is_stale(now) || !self.table.fits() {
            plan.give_up_fill = self.view.evidence.fill != Attempt::Live;
            return;
        }
        let key = ActionKey {
            order: order.id,
            action: Action::Fill,
            chain: order.id.chain,
            escrow: Address::ZERO,
        };
        let taker = self.terms.taker(order.id.chain, order.dialect).unwrap_or_default();
        let opens = fill_opens_at(order, taker);
        self.push(plan, key, at_time(self.view.source_chain, order.id.chain, opens));
    }

    // Offsets never run out by themselves: an order of them is not kept open for longer than a window may
    // last.
    fn is_stale(&self, now: u64) -> bool {
        let Order { times, seen_at, .. } = self.view.order;
        let longest = seen_at.time.saturating_add(self.terms.policy.max_window);
        times.absolute().is_none() && now > longest
    }

    fn source_confirmed(&self, leg: &SourceLeg) -> When {
        let number = leg.created.block.number + self.source_pace.confirmations;
        at_height(self.view.source_chain, leg.swap.chain, number)
    }

    fn destination_confirmed(&self, block: BlockRef) -> When {
        let chain = self.view.order.destination_chain;
        let number = block.number + self.destination_pace.confirmations;
        at_height(self.destination_view, chain, number)
    }

    fn source_locked(&self, plan: &mut Plan) {
        let Some(leg) = self.view.source else { return };
        let order = self.view.order;
        if self.may_fund(leg) {
            let key = ActionKey {
                order: order.id,
                action: Action::FundDestination,
                chain: order.destination_chain,
                escrow: Address::ZERO,
            };
            self.push(plan, key, self.source_confirmed(leg));
        }
        if self.view.evidence.funding == Attempt::Live {
            return;
        }
        if order.origin.is_recovered() {
            self.cancel_recovered(plan, leg);
        } else {
            self.cancel_source(plan, leg);
        }
    }

    // M1, M2: an enforceable claim and time for every later step, or the source goes back.
    fn may_fund(&self, leg: &SourceLeg) -> bool {
        let intended_elsewhere =
            self.view.intended.is_some_and(|intended| intended.source != leg.swap);
        if self.view.evidence.funding == Attempt::Closed
            || self.view.order.origin.is_recovered()
            || is_in_doubt(&self.view.evidence, self.view.intended)
            || (intended_elsewhere && self.view.evidence.funding == Attempt::Live)
            || !check_source(self.view.order, leg, self.terms).is_empty()
        {
            return false;
        }
        // The table has the destination's clock; the source's may be ahead of it.
        let by = self.slot(TimedAction::FundDestination).and_then(|slot| slot.latest);
        self.table.fits() && by.is_some_and(|by| self.view.source_chain.head.time <= by)
    }

    fn cancel_source(&self, plan: &mut Plan, leg: &SourceLeg) {
        if leg.immutables().is_none() {
            return;
        }
        let start = self.starts(Stage::SrcCancellation);
        let when = at_time(self.view.source_chain, leg.swap.chain, start);
        self.push(plan, source_key(self.view.order, leg, Action::CancelSource), when);
    }

    // A funding that we forgot may still be mined. Destinations end before their source: once both
    // clocks are past that, no block can pay one any more.
    fn cancel_recovered(&self, plan: &mut Plan, leg: &SourceLeg) {
        if leg.immutables().is_none() {
            return;
        }
        let start = self.starts(Stage::SrcCancellation);
        let pace = self.destination_pace;
        let over = start + pace.settle() + pace.block_time;
        let when = at_time(self.destination_view, self.view.order.destination_chain, over)
            .and(|| at_time(self.view.source_chain, leg.swap.chain, start));
        self.push(plan, source_key(self.view.order, leg, Action::CancelSource), when);
    }

    fn cancel_destination(&self, plan: &mut Plan) {
        let Some(leg) = self.bound_destination().filter(|leg| leg.end.is_none()) else { return };
        let opens = self.starts(Stage::DstCancellation);
        let when = at_time(self.destination_view, leg.chain, opens);
        let key = destination_key(self.view.order, leg, Action::CancelDestination);
        self.push(plan, key, when);
    }

    fn both_locked(&self, plan: &mut Plan) {
        self.permit(plan);
        self.cancel_destination(plan);
        self.cancel_expired_source(plan);
    }

    // Once no block can pay the destination any more, giving the source back is honest, even if our
    // destination cannot be taken back: a stranger may have created it without its coin.
    fn cancel_expired_source(&self, plan: &mut Plan) {
        let (Some(source), Some(destination)) = (self.view.source, self.bound_destination()) else {
            return;
        };
        if source.immutables().is_none() {
            return;
        }
        let pace = self.destination_pace;
        let over = self.starts(Stage::DstCancellation) + pace.settle() + pace.block_time;
        let start = self.starts(Stage::SrcCancellation);
        let when = at_time(self.destination_view, destination.chain, over)
            .and(|| at_time(self.view.source_chain, source.swap.chain, start));
        self.push(plan, source_key(self.view.order, source, Action::CancelSource), when);
    }

    /// Our destination, whose windows the table has.
    fn bound_destination(&self) -> Option<&'a DestinationLeg> {
        self.view.intended.filter(|plan| plan.escrow.is_some())?;
        self.view.destination
    }

    fn permit(&self, plan: &mut Plan) {
        let Some(leg) = self.view.destination else { return };
        // Others have no such function.
        if !leg.dialect.names_fills() {
            return;
        }
        if self.view.permission.is_some_and(|permission| permission.escrow == leg.escrow) {
            return;
        }
        let key = destination_key(self.view.order, leg, Action::Permit);
        self.push(plan, key, self.destination_confirmed(leg.created.block));
    }

    fn secret_known(&self, plan: &mut Plan) {
        self.permit(plan);
        self.withdraw_destination(plan);
        self.cancel_destination(plan);
        self.cancel_expired_source(plan);
    }

    // Somebody withdrew the source to us before the maker was paid: pay him.
    fn make_good(&self, plan: &mut Plan) {
        let Some(leg) = self.bound_destination().filter(|leg| leg.end.is_none()) else { return };
        let window = self.table.stage(Stage::DstWithdrawal);
        let known = self.view.evidence.secret != SecretKnowledge::Unknown;
        if known && self.destination_view.next_time < window.end {
            let key = destination_key(self.view.order, leg, Action::WithdrawDestination);
            self.push(plan, key, at_time(self.destination_view, leg.chain, window.start));
        }
        self.cancel_destination(plan);
    }

    // M5: the secret is used only when both legs are verified and final enough; M10: and only while
    // the source can still be withdrawn after it.
    fn withdraw_destination(&self, plan: &mut Plan) {
        let (Some(leg), Some(source), Some(intended)) =
            (self.view.destination, self.view.source, self.view.intended)
        else {
            return;
        };
        let latest = |action| self.slot(action).and_then(|slot| slot.latest).unwrap_or(0);
        let settled = self.view.source_chain.next_time + self.destination_pace.settle();
        let late = self.destination_view.next_time > latest(TimedAction::WithdrawDestination)
            || settled > latest(TimedAction::WithdrawSource);
        if late || intended.source != source.swap || source.immutables().is_none() {
            return;
        }
        let when = self
            .destination_confirmed(leg.created.block)
            .and(|| self.source_confirmed(source))
            .and(|| {
                let opens = self.starts(Stage::DstWithdrawal);
                at_time(self.destination_view, leg.chain, opens)
            });
        let key = destination_key(self.view.order, leg, Action::WithdrawDestination);
        self.push(plan, key, when);
    }

    fn destination_paid(&self, plan: &mut Plan) {
        let (Some(source), Some(destination)) = (self.view.source, self.view.destination) else {
            return;
        };
        let Some((EscrowEnd::Withdrawn { .. }, paid)) = destination.end else { return };
        let (Some(slot), Some(rescue)) =
            (self.slot(TimedAction::WithdrawSource), self.slot(TimedAction::RescueSource))
        else {
            return;
        };
        if source.immutables().is_none() {
            return;
        }
        let chain = source.swap.chain;
        if slot.state(self.view.source_chain.next_time) == SendState::Closed {
            // The window was missed: hold, and take it by rescue. Cancelling would pay twice (M10).
            plan.alarms.push(Alarm::SourceWindowMissed { rescue_at: rescue.earliest });
            let when = at_time(self.view.source_chain, chain, rescue.earliest);
            let key = source_key(self.view.order, source, Action::RescueSource);
            self.push(plan, key, when);
            return;
        }
        // Not sooner: a payment in the destination's last second is confirmed by then, and a reorg of an
        // unconfirmed one would leave us with both sides.
        let latest = slot.latest.unwrap_or(u64::MAX);
        let when = self
            .destination_confirmed(paid.block)
            .or(at_time(self.view.source_chain, chain, latest))
            .and(|| {
                let opens = self.starts(Stage::SrcWithdrawal);
                at_time(self.view.source_chain, chain, opens)
            });
        self.push(plan, source_key(self.view.order, source, Action::WithdrawSource), when);
    }

    // The cancel must be as final as a payment: a reorg could let the maker be paid after all.
    fn destination_refunded(&self, plan: &mut Plan) {
        let (Some(source), Some(destination)) = (self.view.source, self.view.destination) else {
            return;
        };
        let (Some((_, ended)), Some(_)) = (destination.end, source.immutables()) else {
            return;
        };
        let start = self.starts(Stage::SrcCancellation);
        let when = self
            .destination_confirmed(ended.block)
            .and(|| at_time(self.view.source_chain, source.swap.chain, start));
        self.push(plan, source_key(self.view.order, source, Action::CancelSource), when);
    }
}

/// The exact immutables of the destination that answers a source escrow, of which `complement` is what
/// its factory stated beside it (`protocol.md` section 12), with us as `taker`,
/// counted from `deployed_at`, which must be close to the creating block's time.
///
/// Windows stay those of the source in absolute time, except that cancellation comes earlier
/// ([`Timetable::dst_cancellation_by`]). The source stages are carried along; no destination reads them.
pub fn destination_immutables(
    source: &Immutables,
    complement: &Complement,
    taker: Address,
    dst_cancellation: u64,
    deployed_at: u64,
) -> Immutables {
    let locks = source.timelocks;
    let offset = |time: u64| u32::try_from(time.saturating_sub(deployed_at)).unwrap_or(u32::MAX);
    let mut offsets = Stage::ALL.map(|stage| offset(locks.at(stage)));
    offsets[Stage::DstCancellation as usize] = offset(dst_cancellation);
    let timelocks = Timelocks::pack(u32::try_from(deployed_at).unwrap_or(u32::MAX), offsets);
    answering(source, complement, taker, timelocks)
}

pub(crate) fn answering(
    source: &Immutables,
    complement: &Complement,
    taker: Address,
    timelocks: Timelocks,
) -> Immutables {
    Immutables {
        order_hash: source.order_hash,
        hashlock: source.hashlock,
        maker: complement.maker,
        taker: AddressWord::from(taker),
        token: complement.token,
        amount: complement.amount,
        safety_deposit: complement.safety_deposit,
        timelocks,
        parameters: complement.parameters.clone(),
    }
}

/// The destination plan for a source escrow; `None` when its timetable does not fit any more, the destination chain
/// has no factory of the dialect or nobody of us who can own one, or the chain does not state what the
/// source is bound to.
///
/// Where the factory writes the creating block's time into the immutables, the plan is unbound, and the
/// offsets are the source's, untouched: makers compare them.
pub fn intend_destination(
    order: &Order,
    leg: &SourceLeg,
    terms: &Terms<'_>,
    deployed_at: u64,
) -> Option<DestinationPlan> {
    let destination = terms.route(order.destination_chain)?;
    let factory = destination.factory_for(order.dialect)?;
    let taker = destination.taker(terms.us, order.dialect)?;
    let table = timetable_at(order, Some(leg), deployed_at, terms).filter(Timetable::fits)?;
    let (bound, complement) = leg.stated()?;
    let (immutables, escrow) = if writes_creation_time(order.dialect) {
        let timelocks = bound.timelocks.with_deployed_at(0);
        (answering(bound, complement, taker, timelocks), None)
    } else {
        let ends = table.dst_cancellation_by;
        let immutables = destination_immutables(bound, complement, taker, ends, deployed_at);
        let escrow = bmn_contracts::destination_escrow(
            order.dialect,
            factory.address,
            &factory.implementations,
            &immutables,
        );
        (immutables, Some(escrow))
    };
    Some(DestinationPlan {
        chain: order.destination_chain,
        factory: factory.address,
        source: leg.swap,
        immutables,
        escrow,
    })
}
