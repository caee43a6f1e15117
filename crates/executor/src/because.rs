//! What a transaction rests on: the block that justified it, and the latest moment it makes sense.

use bmn_primitives::{BlockRef, ChainId};
use bmn_queue::{Loaded, Rules};
use bmn_store::{Justification, Reads, StoreError};
use bmn_swap::{Action, ActionKey, DestinationPlan};

/// The block whose evidence justifies `action`: that of the leg it answers; for a
/// fill, which answers a signature and no event, the head.
pub(crate) fn justification(
    action: Action,
    loaded: &Loaded,
    acting: ChainId,
    head: BlockRef,
) -> Justification {
    let source = loaded.source.as_ref();
    let destination = loaded.destination.as_ref();
    let created =
        || source.map(|leg| Justification { chain: leg.swap.chain, block: leg.created.block });
    let ended = || {
        let leg = destination?;
        let (_, at) = leg.end.as_ref()?;
        Some(Justification { chain: leg.chain, block: at.block })
    };
    let found = match action {
        Action::Fill => None,
        Action::FundDestination => created(),
        Action::WithdrawDestination
        | Action::CancelDestination
        | Action::Permit
        | Action::PublicWithdrawDestination => {
            destination.map(|leg| Justification { chain: leg.chain, block: leg.created.block })
        }
        Action::WithdrawSource
        | Action::CancelSource
        | Action::RescueSource
        | Action::PublicWithdrawSource
        | Action::PublicCancelSource => ended().or_else(created),
    };
    found.unwrap_or(Justification { chain: acting, block: head })
}

/// Whether the chain, as we have it, no longer holds that block.
pub(crate) fn is_reverted(read: &impl Reads, because: &Justification) -> Result<bool, StoreError> {
    let (chain, block) = (because.chain, because.block);
    let Some(tip) = read.cursor(chain)?.tip else { return Ok(false) };
    if tip.number < block.number {
        return Ok(true);
    }
    // Blocks that cannot be undone any more and hold nothing of ours are not remembered.
    Ok(read.block(chain, block.number)?.is_some_and(|ours| ours.hash != block.hash))
}

/// The latest safe moment to send an action, unix seconds of its chain; `None` where lateness costs
/// nothing but time.
pub(crate) fn latest_send(
    key: ActionKey,
    loaded: &Loaded,
    plan: Option<&DestinationPlan>,
    rules: &Rules,
) -> Option<u64> {
    match key.action {
        Action::Fill
        | Action::FundDestination
        | Action::WithdrawDestination
        | Action::WithdrawSource => bmn_queue::latest_send(loaded, plan, rules, &key),
        Action::Permit
        | Action::CancelDestination
        | Action::CancelSource
        | Action::RescueSource
        | Action::PublicWithdrawDestination
        | Action::PublicWithdrawSource
        | Action::PublicCancelSource => None,
    }
}
