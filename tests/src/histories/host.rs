//! What a host says next of its chain.

use super::{
    chain::{Chain, can_matter},
    machine::{Failure, text},
    step::Form,
};
use bmn_chain::{Block, ChainEvent, History, KnownBlocks, Segment};
use bmn_primitives::BlockRef;

/// What there is to tell.
pub(super) enum Next {
    Event(ChainEvent),
    /// The index has everything.
    Nothing,
    /// The chains part below this block, and the index does not know what is below it.
    Beyond(BlockRef),
}

/// What comes after `tip`: the host finds the last common block by the blocks that are known.
pub(super) fn next_event(
    chain: &Chain,
    tip: Option<BlockRef>,
    known: &impl KnownBlocks,
    limit: usize,
    form: Form,
) -> Result<Next, Failure> {
    let mut reverted = Vec::new();
    let mut held = tip;
    while let Some(block) = held.filter(|block| !chain.is_canonical(*block)) {
        reverted.push(block);
        held = match block.number {
            1 => None,
            number => match known.at(number - 1) {
                Some(below) => Some(below),
                None => return Ok(Next::Beyond(block)),
            },
        };
    }
    let next = held.map_or(1, |held| held.number + 1);
    let last = chain.finalized().filter(|last| last.number >= next && reverted.is_empty());
    let last = match (form, last) {
        (Form::Backfill | Form::Bulk { sparse: true, .. }, Some(through)) => {
            return history(chain, next, through, limit).map(Next::Event);
        }
        (Form::Bulk { .. }, Some(last)) => last.number,
        _ => chain.height(),
    };
    let fitting = (next..=last).take(limit);
    let blocks: Vec<Block> =
        fitting.filter_map(|number| chain.at(number)).map(|made| made.block.clone()).collect();
    if !reverted.is_empty() && (form == Form::RevertFirst || blocks.is_empty()) {
        return Ok(Next::Event(ChainEvent::Reverted { reverted }));
    }
    if blocks.is_empty() {
        return Ok(Next::Nothing);
    }
    let committed = Segment::new(blocks).map_err(text)?;
    Ok(Next::Event(if reverted.is_empty() {
        ChainEvent::Committed(committed)
    } else {
        ChainEvent::Reorged { reverted, committed }
    }))
}

/// Final blocks from `from` on, as a host that filters tells them: blocks and logs that cannot
/// matter are left out.
fn history(
    chain: &Chain,
    from: u64,
    through: BlockRef,
    limit: usize,
) -> Result<ChainEvent, Failure> {
    let side = chain.side();
    let mut blocks = Vec::new();
    let mut end = through;
    for made in (from..=through.number).filter_map(|number| chain.at(number)) {
        let mut block = made.block.clone();
        // The logs of a transaction belong together: a fill is read off its neighbours.
        let matters = |hash| block.logs.iter().any(|l| l.tx_hash == hash && can_matter(side, l));
        let kept: Vec<_> = block.logs.iter().filter(|l| matters(l.tx_hash)).cloned().collect();
        if kept.is_empty() {
            continue;
        }
        block.logs = kept;
        end = block.header.block_ref();
        blocks.push(block);
        if blocks.len() == limit {
            break;
        }
    }
    let through = if blocks.len() == limit { end } else { through };
    Ok(ChainEvent::Backfilled(History::new(from, blocks, through).map_err(text)?))
}
