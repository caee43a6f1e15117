//! What a maker's open orders will take from him, so that no two of them count on the same balance.

use crate::{Loaded, QueueError};
use alloy::primitives::U256;
use bmn_primitives::OrderId;
use bmn_store::{ClaimReads, MakerClaim, Reads, WriteTx};
use bmn_swap::{Attempt, MOST_PARTS, MakerClaims, Order, Origin, Status};

/// Fills of one order that we can know at most: one a secret.
const MOST_FILLS: usize = 1 + MOST_PARTS as usize;

fn is_divided(order: &Order) -> bool {
    matches!(&order.origin, Origin::Submitted(signed) if !signed.secret_hashes.is_empty())
}

const fn claim_of(order: &Order, amount: U256) -> MakerClaim {
    MakerClaim { maker: order.maker, token: order.source_token, amount }
}

/// Counts what an order that was just taken will take from its maker: `left` is what of it nobody has
/// filled. Of an order that takes several fills the newest counts for all of them.
///
/// # Errors
/// [`QueueError::Store`].
pub fn claim_order(tx: &mut WriteTx, order: &Order, left: U256) -> Result<(), QueueError> {
    let amount = if is_divided(order) {
        for part in parts_of(tx, order)? {
            tx.set_claim(part, None)?;
        }
        left.max(order.source_amount)
    } else {
        order.source_amount
    };
    Ok(tx.set_claim(order.id, Some(&claim_of(order, amount)))?)
}

/// What the maker's other open orders will take of the same token.
///
/// # Errors
/// [`QueueError::Store`].
pub fn claims_beside(read: &impl Reads, order: &Order) -> Result<MakerClaims, QueueError> {
    let (chain, contract) = (order.id.chain, order.id.contract);
    let (token, maker) = (order.source_token, order.maker);
    let mut own = U256::ZERO;
    for part in parts_of(read, order)? {
        own = own.saturating_add(read.claim(part)?.map_or(U256::ZERO, |claim| claim.amount));
    }
    Ok(MakerClaims {
        balance: read.claimed(chain, token, maker)?.saturating_sub(own),
        allowance: read.claimed_through(chain, contract, token, maker)?.saturating_sub(own),
    })
}

fn parts_of(read: &impl Reads, order: &Order) -> Result<Vec<OrderId>, QueueError> {
    if !is_divided(order) {
        return Ok(vec![order.id]);
    }
    let OrderId { chain, contract, hash, .. } = order.id;
    Ok(read.submitted_orders(chain, contract, hash, MOST_FILLS)?)
}

/// A claim lasts until the fill is mined or given up. A reorg that takes the fill back brings it back. What
/// a fill of ours left of an order that takes several is claimed on, as long as that fill is not at an end:
/// by then the next one was taken, or nobody could take it.
pub(crate) fn settle_claim(
    tx: &mut WriteTx,
    loaded: &Loaded,
    status: Status,
) -> Result<(), QueueError> {
    let order = &loaded.order;
    if !order.is_accepted() || !matches!(order.origin, Origin::Submitted(_)) {
        return Ok(());
    }
    let held = tx.claim(order.id)?.map(|claim| claim.amount);
    let amount = match &loaded.source {
        _ if status.is_terminal() => None,
        None if loaded.state.evidence.fill == Attempt::Closed => None,
        None => Some(held.unwrap_or_default().max(order.source_amount)),
        Some(leg) if is_divided(order) => leg.fill.and_then(|fill| Some(held?.min(fill.remaining))),
        Some(_) => None,
    };
    let claim = amount.filter(|amount| !amount.is_zero()).map(|amount| claim_of(order, amount));
    Ok(tx.set_claim(order.id, claim.as_ref())?)
}
