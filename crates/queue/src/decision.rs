//! What a decision about an order is taken with, and what is kept of it.

use crate::{QueueError, Rules};
use bmn_primitives::OrderId;
use bmn_store::{DecisionReads, WriteTx};
use bmn_swap::{Assessment, Exposure, Market, Order, Status, Usage};

/// Prices, fees and what stands against the caps, as this transaction sees them: two orders never
/// count the same room under a cap.
///
/// # Errors
/// [`QueueError::Store`].
pub fn market_for(
    tx: &impl DecisionReads,
    order: &Order,
    rules: &Rules,
) -> Result<Market, QueueError> {
    let usage = match Exposure::of(order, 0, &rules.terms()) {
        Some(adding) => tx.usage(&adding)?,
        None => Usage::default(),
    };
    Ok(Market { quotes: tx.quotes()?, usage })
}

/// Keeps the numbers of a decision, and counts the order as open if it was taken.
///
/// # Errors
/// [`QueueError::Store`].
pub fn keep_decision(
    tx: &mut WriteTx,
    order: &Order,
    assessment: &Assessment,
) -> Result<(), QueueError> {
    tx.put_assessment(order.id, assessment)?;
    if order.is_accepted() {
        tx.set_exposure(order.id, assessment.exposure.as_ref())?;
    }
    Ok(())
}

/// An order at an end stands against no cap. One that a reorg takes back from its end does again.
pub(crate) fn settle_exposure(
    tx: &mut WriteTx,
    order: OrderId,
    before: Status,
    now: Status,
) -> Result<(), QueueError> {
    match (before.is_terminal(), now.is_terminal()) {
        (false, true) => tx.set_exposure(order, None)?,
        (true, false) => {
            let taken = tx.assessment(order)?.filter(|assessment| assessment.reasons.is_empty());
            if let Some(exposure) = taken.and_then(|assessment| assessment.exposure) {
                tx.set_exposure(order, Some(&exposure))?;
            }
        }
        _ => {}
    }
    Ok(())
}
