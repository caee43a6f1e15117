//! Our values as the wire shows them.

use crate::{public, snapshot::Loaded};
use alloy::primitives::B256;
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Immutables, OrderId, Stage, Timelocks, Window,
};
use bmn_rpc_api::{
    Amount, ChainHead, Cursor, DestinationEscrow, EndKind, EscrowEndEntry, EscrowState,
    EscrowWindows, IndexedDestination, IndexedSource, JobEntry, OrderDecision, OrderEntry,
    OrderNotice, OrderOrigin, OrderTerms, PlannedDestination, RefusalReason, SecretState,
    SourceEscrow, SourceTermsEntry, Swap, SwapChange, SwapStatus, WantedDestination, WireBlock,
    WireComplement, WireImmutables, WireInclusion, WireProfit, WireWindow,
};
use bmn_store::{Change, LegState};
use bmn_swap::{
    Decision, DestinationLeg, DestinationPlan, EscrowEnd, Inclusion, Order, Origin, Profit,
    Refusal, SecretKnowledge, SourceLeg, Status,
};

pub(crate) const fn block(block: BlockRef) -> WireBlock {
    WireBlock { number: block.number, hash: block.hash, time: block.time }
}

pub(crate) const fn status(status: Status) -> SwapStatus {
    match status {
        Status::Refused => SwapStatus::Refused,
        Status::Accepted => SwapStatus::Accepted,
        Status::SourceLocked => SwapStatus::SourceLocked,
        Status::BothLocked => SwapStatus::BothLocked,
        Status::SecretKnown => SwapStatus::SecretKnown,
        Status::DestinationPaid => SwapStatus::DestinationPaid,
        Status::DestinationRefunded => SwapStatus::DestinationRefunded,
        Status::DestinationStranded => SwapStatus::DestinationStranded,
        Status::Refunding => SwapStatus::Refunding,
        Status::Exposed => SwapStatus::Exposed,
        Status::Completed => SwapStatus::Completed,
        Status::Cancelled => SwapStatus::Cancelled,
        Status::Void => SwapStatus::Void,
        Status::Lost => SwapStatus::Lost,
        Status::Violated => SwapStatus::Violated,
        Status::Owing => SwapStatus::Owing,
        Status::Watched => SwapStatus::Watched,
        Status::Kept => SwapStatus::Kept,
        Status::Released => SwapStatus::Released,
    }
}

/// A reason with its numbers: for the operator.
fn refusal(refusal: &Refusal) -> RefusalReason {
    RefusalReason { code: refusal.code().to_owned(), message: refusal.to_string() }
}

/// A decision, its reasons written by `reason`.
fn decided(
    decision: &Decision,
    reason: impl Fn(&Refusal) -> RefusalReason,
) -> (OrderDecision, Vec<RefusalReason>) {
    match decision {
        Decision::Accepted => (OrderDecision::Accepted, vec![]),
        Decision::Refused(reasons) => {
            (OrderDecision::Refused, reasons.iter().map(reason).collect())
        }
    }
}

/// A decision for everybody.
pub(crate) fn decision(decision: &Decision) -> (OrderDecision, Vec<RefusalReason>) {
    decided(decision, public::refusal)
}

/// A decision with its numbers: for the operator.
pub(crate) fn decision_in_full(decision: &Decision) -> (OrderDecision, Vec<RefusalReason>) {
    decided(decision, refusal)
}

pub(crate) const fn profit(profit: &Profit) -> WireProfit {
    WireProfit { bps: profit.bps }
}

fn word(word: AddressWord) -> B256 {
    word.0.into()
}

pub(crate) fn immutables(immutables: &Immutables) -> WireImmutables {
    WireImmutables {
        order_hash: immutables.order_hash.0,
        hashlock: immutables.hashlock.0,
        maker: word(immutables.maker),
        taker: word(immutables.taker),
        token: word(immutables.token),
        amount: immutables.amount.into(),
        safety_deposit: immutables.safety_deposit.into(),
        timelocks: immutables.timelocks.0.into(),
        parameters: immutables.parameters.clone(),
    }
}

fn complement(complement: &Complement) -> WireComplement {
    WireComplement {
        maker: word(complement.maker),
        amount: complement.amount.into(),
        token: word(complement.token),
        safety_deposit: complement.safety_deposit.into(),
        chain_id: complement.chain_id.into(),
        parameters: complement.parameters.clone(),
    }
}

const fn window(window: Window) -> WireWindow {
    let end = if window.end == u64::MAX { None } else { Some(window.end) };
    WireWindow { start: window.start, end }
}

fn source_windows(locks: Timelocks) -> EscrowWindows {
    let public = Window {
        start: locks.at(Stage::SrcPublicWithdrawal),
        end: locks.at(Stage::SrcCancellation),
    };
    EscrowWindows {
        withdraw: window(locks.src_withdraw()),
        public_withdraw: window(public),
        cancel: window(locks.src_cancel()),
    }
}

fn destination_windows(locks: Timelocks) -> EscrowWindows {
    EscrowWindows {
        withdraw: window(locks.dst_withdraw()),
        public_withdraw: window(locks.dst_public_withdraw()),
        cancel: window(locks.dst_cancel()),
    }
}

pub(crate) const fn inclusion(at: &Inclusion) -> WireInclusion {
    WireInclusion { block: block(at.block), tx_hash: at.tx_hash, log_index: at.log_index }
}

fn end((kind, at): &(EscrowEnd, Inclusion)) -> EscrowEndEntry {
    let entry = |kind| EscrowEndEntry { kind, at: inclusion(at), secret: None, token: None };
    match *kind {
        EscrowEnd::Withdrawn { secret } => {
            EscrowEndEntry { secret: Some(secret), ..entry(EndKind::Withdrawn) }
        }
        EscrowEnd::Cancelled => entry(EndKind::Cancelled),
        EscrowEnd::Rescued { token } => {
            EscrowEndEntry { token: Some(token), ..entry(EndKind::Rescued) }
        }
    }
}

fn source(leg: &SourceLeg) -> SourceEscrow {
    SourceEscrow {
        chain: leg.swap.chain.0,
        escrow: leg.swap.escrow,
        factory: leg.factory,
        dialect: leg.dialect.name().to_owned(),
        terms: SourceTermsEntry {
            order_hash: leg.order_hash().map(|hash| hash.0),
            hashlock: leg.hashlock().map(|hash| hash.0),
            maker: leg.maker().map(word),
            taker: leg.taker().map(word),
            token: leg.token().map(word),
            amount: leg.amount().map(Amount),
        },
        immutables: leg.immutables().map(immutables),
        complement: leg.stated().map(|(_, stated)| complement(stated)),
        windows: leg.immutables().map(|immutables| source_windows(immutables.timelocks)),
        created: inclusion(&leg.created),
        end: leg.end.as_ref().map(end),
    }
}

fn destination(leg: &DestinationLeg) -> DestinationEscrow {
    DestinationEscrow {
        chain: leg.chain.0,
        escrow: leg.escrow,
        factory: leg.factory,
        dialect: leg.dialect.name().to_owned(),
        taker: leg.taker,
        created: inclusion(&leg.created),
        end: leg.end.as_ref().map(end),
    }
}

fn planned(plan: &DestinationPlan) -> PlannedDestination {
    PlannedDestination {
        chain: plan.chain.0,
        factory: plan.factory,
        source: plan.source.to_string(),
        escrow: plan.escrow,
        immutables: immutables(&plan.immutables),
        windows: destination_windows(plan.immutables.timelocks),
    }
}

fn terms(order: &Order) -> OrderTerms {
    let absolute = order.times.absolute();
    OrderTerms {
        source_chain: order.id.chain.0,
        source_token: order.source_token,
        source_amount: order.source_amount.into(),
        destination_chain: order.destination_chain.0,
        destination_token: order.destination_token,
        destination_amount: order.destination_amount.into(),
        destination_deposit: order.destination_deposit.into(),
        src_cancellation: absolute.map(|(cancellation, _)| cancellation),
        dst_withdrawal: absolute.map(|(_, withdrawal)| withdrawal),
    }
}

/// A source escrow as the index has it.
pub(crate) fn indexed_source(leg: &SourceLeg, order: Option<OrderId>) -> IndexedSource {
    IndexedSource {
        swap_id: leg.swap.to_string(),
        chain: leg.swap.chain.0,
        escrow: leg.swap.escrow,
        factory: leg.factory,
        dialect: leg.dialect.name().to_owned(),
        state: state(leg.end.as_ref()),
        order_id: order.map(|order| order.to_string()),
        order_hash: leg.order_hash().map(|hash| hash.0),
        hashlock: leg.hashlock().map(|lock| lock.0),
        maker: leg.maker().map(word),
        taker: leg.taker().map(word),
        token: leg.token().map(word),
        amount: leg.amount().map(Amount),
        immutables: leg.immutables().map(immutables),
        complement: leg.stated().map(|(_, stated)| complement(stated)),
        windows: leg.immutables().map(|immutables| source_windows(immutables.timelocks)),
        created: inclusion(&leg.created),
        end: leg.end.as_ref().map(end),
    }
}

/// A destination escrow as the index has it.
pub(crate) fn indexed_destination(
    leg: &DestinationLeg,
    order: Option<OrderId>,
    unmatched: bool,
) -> IndexedDestination {
    IndexedDestination {
        chain: leg.chain.0,
        escrow: leg.escrow,
        factory: leg.factory,
        dialect: leg.dialect.name().to_owned(),
        state: state(leg.end.as_ref()),
        order_id: order.map(|order| order.to_string()),
        hashlock: leg.hashlock.0,
        taker: leg.taker,
        unmatched,
        created: inclusion(&leg.created),
        end: leg.end.as_ref().map(end),
    }
}

/// A source escrow as subscribers are told of it.
pub(crate) fn order_notice(
    leg: &SourceLeg,
    at: &Inclusion,
    order: Option<OrderId>,
    resume: Cursor,
) -> OrderNotice {
    OrderNotice {
        chain: leg.swap.chain.0,
        escrow: leg.swap.escrow,
        factory: leg.factory,
        dialect: leg.dialect.name().to_owned(),
        state: state(leg.end.as_ref()),
        order_id: order.map(|order| order.to_string()),
        order_hash: leg.order_hash().map(|hash| hash.0),
        hashlock: leg.hashlock().map(|lock| lock.0),
        maker: leg.maker().map(word),
        taker: leg.taker().map(word),
        token: leg.token().map(word),
        amount: leg.amount().map(Amount),
        wanted: leg.stated().map(|(_, wanted)| WantedDestination {
            chain_id: wanted.chain_id.into(),
            token: word(wanted.token),
            amount: wanted.amount.into(),
        }),
        windows: leg.immutables().map(|immutables| source_windows(immutables.timelocks)),
        at: inclusion(at),
        resume,
    }
}

fn state(end: Option<&(EscrowEnd, Inclusion)>) -> EscrowState {
    match LegState::of(end.map(|(end, _)| end)) {
        LegState::Open => EscrowState::Open,
        LegState::Withdrawn => EscrowState::Withdrawn,
        LegState::Cancelled => EscrowState::Cancelled,
        LegState::Rescued => EscrowState::Rescued,
    }
}

/// True when the permission is for the destination that is planned now.
pub(crate) fn has_permission(loaded: &Loaded) -> bool {
    let state = &loaded.state;
    match (&state.permission, &state.plan) {
        (Some(permission), Some(plan)) => Some(permission.escrow) == plan.escrow,
        _ => false,
    }
}

const fn origin(order: &Order) -> OrderOrigin {
    match order.origin {
        Origin::Submitted(_) => OrderOrigin::Submitted,
        Origin::DirectSource => OrderOrigin::DirectSource,
        Origin::Watched => OrderOrigin::Watched,
        Origin::Recovered(_) => OrderOrigin::Recovered,
    }
}

/// An order alone.
pub(crate) fn order_entry(order: &Order, stands: Status) -> OrderEntry {
    let (decision, refusals) = decision(&order.decision);
    OrderEntry {
        order_id: order.id.to_string(),
        order_hash: order.id.hash.0,
        hashlock: order.hashlock.0,
        status: status(stands),
        terminal: stands.is_terminal(),
        origin: origin(order),
        dialect: order.dialect.name().to_owned(),
        maker: order.maker,
        beneficiary: order.beneficiary,
        terms: terms(order),
        decision,
        refusals,
        seen_at: block(order.seen_at),
    }
}

/// The whole of an order.
pub(crate) fn swap(loaded: &Loaded, jobs: Vec<JobEntry>, history: Vec<SwapChange>) -> Swap {
    let Loaded { order, state, .. } = loaded;
    let (decision, refusals) = decision(&order.decision);
    Swap {
        order_id: order.id.to_string(),
        order_hash: order.id.hash.0,
        swap_id: state.source.map(|swap| swap.to_string()),
        hashlock: order.hashlock.0,
        status: status(state.status),
        terminal: state.status.is_terminal(),
        origin: origin(order),
        dialect: order.dialect.name().to_owned(),
        maker: order.maker,
        beneficiary: order.beneficiary,
        terms: terms(order),
        decision,
        refusals,
        seen_at: block(order.seen_at),
        source: loaded.source.as_ref().map(source),
        destination: loaded.destination.as_ref().map(destination),
        planned: state.plan.as_ref().map(planned),
        secret: match loaded.secret {
            SecretKnowledge::Unknown => SecretState::Unknown,
            SecretKnowledge::Sealed => SecretState::Sealed,
            SecretKnowledge::Public => SecretState::Public,
        },
        permission: has_permission(loaded),
        jobs,
        history,
    }
}

/// A line of the change log.
pub(crate) fn change(change: &Change) -> SwapChange {
    let head = |(chain, at): &(ChainId, BlockRef)| ChainHead { chain: chain.0, block: block(*at) };
    SwapChange {
        sequence: change.seq,
        order_id: change.order.to_string(),
        from: change.from.map(status),
        to: status(change.to),
        heads: change.at.iter().map(head).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_same_name_inside_and_outside() {
        assert_eq!(Status::ALL.len(), SwapStatus::ALL.len());
        let mut names = std::collections::HashSet::new();
        for known in Status::ALL {
            assert_eq!(status(known).to_string(), known.name());
            assert!(names.insert(status(known)));
        }
    }
}
