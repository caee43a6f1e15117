//! What was begun in somebody's name can be ended in his name alone.

use crate::NodeError;
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Dialect, OrderId};
use bmn_queue::Rules;
use bmn_store::Reads;
use bmn_swap::{SourceLeg, Status};

/// Orders looked at together.
const PAGE: usize = 256;

/// Checks that every escrow of an open order names us: the signer, or the resolver contract that the chain
/// specification has.
///
/// # Errors
/// [`NodeError::OtherTaker`] for the first that names somebody else: another key, or a contract that the
/// specification does not have any more. Nobody would withdraw from it.
pub(crate) fn check_takers(read: &impl Reads, rules: &Rules) -> Result<(), NodeError> {
    let open = |status: &Status| !status.is_terminal() && !status.is_keeper();
    for status in Status::ALL.into_iter().filter(open) {
        let mut after = None;
        loop {
            let page = read.orders_by_status(status, after, PAGE)?;
            for order in &page {
                check_order(read, rules, *order)?;
            }
            after = page.last().copied();
            if page.len() < PAGE {
                break;
            }
        }
    }
    Ok(())
}

fn check_order(read: &impl Reads, rules: &Rules, id: OrderId) -> Result<(), NodeError> {
    let (Some(order), Some(state)) = (read.order(id)?, read.order_state(id)?) else {
        return Ok(());
    };
    let source = state.source.map(|swap| read.source_leg(swap)).transpose()?.flatten();
    let named = source.as_ref().and_then(SourceLeg::taker);
    if let Some(taker) = named {
        check(rules, id, id.chain, order.dialect, taker.masked())?;
    }
    if let Some(plan) = &state.plan {
        check(rules, id, plan.chain, order.dialect, plan.immutables.taker.masked())?;
    }
    Ok(())
}

fn check(
    rules: &Rules,
    order: OrderId,
    chain: ChainId,
    dialect: Dialect,
    taker: Address,
) -> Result<(), NodeError> {
    let terms = rules.terms();
    // A chain that is not configured any more is told about elsewhere.
    if terms.route(chain).is_none() || terms.taker(chain, dialect) == Some(taker) {
        return Ok(());
    }
    Err(NodeError::OtherTaker { order, chain, taker, ours: terms.taker(chain, dialect) })
}
