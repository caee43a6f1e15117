//! What shadow mode would have taken, and what became of it.

use crate::{RpcError, convert, cursor, snapshot::Snapshot};
use bmn_primitives::{OrderId, SwapId};
use bmn_rpc_api::{Cursor, Limit, ShadowEntry, ShadowOutcome, ShadowReport};
use bmn_store::{PageBounds, SourceQuery};
use bmn_swap::{EscrowEnd, ModeReason, Order, Origin, Refusal, SourceLeg, Status};

const METHOD: &str = "shadowReport";

/// Refused orders one request looks at.
const SCAN: usize = 1_000;

/// Escrows of one order hash that are looked at: strangers may repeat it.
const REPEATS: usize = 64;

type Result<T> = std::result::Result<T, RpcError>;

/// A page of the report.
pub(crate) fn page(
    snapshot: &Snapshot,
    from: Option<&Cursor>,
    limit: Limit,
) -> Result<ShadowReport> {
    let mut after = match from {
        None => None,
        Some(from) => {
            let position = cursor::open(METHOD, &(), from)?;
            Some(OrderId::from_bytes(&position).ok_or(RpcError::BadCursor)?)
        }
    };
    let refused = snapshot.by_status(Status::Refused, after, SCAN)?;
    let mut more = refused.len() == SCAN;
    let mut items = Vec::new();
    for id in refused {
        if items.len() == limit.items() {
            more = true;
            break;
        }
        after = Some(id);
        if let Some(order) = snapshot.order(id)?
            && order.refusals() == [Refusal::Mode(ModeReason::Shadow)]
        {
            items.extend(entry(snapshot, &order)?);
        }
    }
    let next = after.filter(|_| more).map(|id| cursor::seal(METHOD, &(), &id.to_bytes()));
    Ok(ShadowReport { items, next })
}

fn entry(snapshot: &Snapshot, order: &Order) -> Result<Option<ShadowEntry>> {
    let Some(told) = snapshot.assessment(order.id)? else { return Ok(None) };
    let Some(valuation) = told.valuation else { return Ok(None) };
    let leg = filled(snapshot, order)?;
    let outcome = match leg.as_ref().map(|leg| leg.end.as_ref().map(|(end, _)| end)) {
        Some(None) => ShadowOutcome::Filled,
        Some(Some(EscrowEnd::Withdrawn { .. })) => ShadowOutcome::Completed,
        Some(Some(_)) => ShadowOutcome::Cancelled,
        None if is_over(snapshot, order)? => ShadowOutcome::Expired,
        None => ShadowOutcome::Open,
    };
    Ok(Some(ShadowEntry {
        order_id: order.id.to_string(),
        decided_at: convert::block(told.at),
        outcome,
        filled_by: leg.as_ref().and_then(SourceLeg::taker).map(|taker| taker.0.into()),
        escrow: leg.map(|leg| leg.swap.escrow),
        expected: valuation.outcomes.expected.into(),
        worst: valuation.outcomes.worst.into(),
    }))
}

/// The escrow that a fill of the order made. One that only repeats its hash was made by no fill.
fn filled(snapshot: &Snapshot, order: &Order) -> Result<Option<SourceLeg>> {
    if matches!(order.origin, Origin::DirectSource | Origin::Watched) {
        let swap = SwapId { chain: order.id.chain, escrow: order.id.contract };
        return snapshot.source_leg(swap);
    }
    let query = SourceQuery {
        chain: Some(order.id.chain),
        order_hash: Some(order.id.hash),
        ..SourceQuery::default()
    };
    let bounds = PageBounds { items: 1, rows: REPEATS };
    let ours = |leg: &SourceLeg| Ok(leg.fill.is_some() && leg.factory == order.factory);
    Ok(snapshot.sources(&query, None, bounds, ours)?.items.into_iter().next())
}

fn is_over(snapshot: &Snapshot, order: &Order) -> Result<bool> {
    let Some(head) = snapshot.cursor(order.id.chain)?.tip else { return Ok(false) };
    let expired = match &order.origin {
        Origin::Submitted(signed) => {
            let expiration = signed.order.maker_traits.expiration();
            expiration != 0 && expiration < head.time
        }
        Origin::DirectSource | Origin::Watched | Origin::Recovered(_) => false,
    };
    let too_late = order.times.absolute().is_some_and(|(_, withdrawal)| withdrawal <= head.time);
    Ok(expired || too_late)
}
