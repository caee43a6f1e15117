//! Blocks that leave the chain.

use super::{
    Testbed, Verdict,
    commits::MANY,
    follower::Follower,
    verdict::{ensure, ensure_eq},
    world::World,
};
use crate::ChainEvent;

/// What a reorg puts in the place of `depth` blocks.
type Length = fn(depth: u64) -> u64;

/// Reorgs of every depth up to finality, each followed by enough blocks that the next may go as deep.
async fn at_every_depth(bed: &mut dyn Testbed, length: Length) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let finality = world.bed.finality_depth();
    let mut follower = Follower::new(0, MANY);
    for depth in 1..=finality {
        world.mine_empty(finality).await;
        world.mine_logs(&[1, 2]).await?;
        follower.follow(&mut *source, &world).await?;
        let old = follower.view();
        let length = length(depth);
        world.replace(depth, length, if depth % 2 == 0 { &[2] } else { &[] }).await?;
        let events = follower.follow(&mut *source, &world).await?;
        exact_reorg(&events, &old, depth, length)?;
    }
    Ok(())
}

/// The host was asked only after all was over: it takes back what went and nothing else.
fn exact_reorg(
    events: &[ChainEvent],
    old: &[bmn_primitives::BlockRef],
    depth: u64,
    length: u64,
) -> Verdict {
    let gone: Vec<_> = events.iter().flat_map(ChainEvent::reverted).copied().collect();
    let expected: Vec<_> =
        old.iter().rev().take(usize::try_from(depth).unwrap_or(usize::MAX)).copied().collect();
    ensure_eq("blocks taken back", &gone, &expected)?;
    let came: u64 = events.iter().map(covered).sum();
    ensure_eq("blocks that took their place", &came, &length)
}

/// Blocks that an event adds, those that a history leaves out among them.
fn covered(event: &ChainEvent) -> u64 {
    match event {
        ChainEvent::Backfilled(history) => history.through().number - history.from() + 1,
        _ => event.committed().len() as u64,
    }
}

pub(super) async fn a_reorg_of_any_depth_to_the_same_height(bed: &mut dyn Testbed) -> Verdict {
    at_every_depth(bed, |depth| depth).await
}

pub(super) async fn a_reorg_of_any_depth_to_a_longer_chain(bed: &mut dyn Testbed) -> Verdict {
    at_every_depth(bed, |depth| depth + 3).await
}

pub(super) async fn a_reorg_of_any_depth_to_a_shorter_chain(bed: &mut dyn Testbed) -> Verdict {
    at_every_depth(bed, |depth| depth / 2).await
}

pub(super) async fn a_reorg_comes_in_pieces_as_small_as_asked_for(
    bed: &mut dyn Testbed,
) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let finality = world.bed.finality_depth();
    let mut follower = Follower::new(0, MANY);
    for max_blocks in [1, 2, 3] {
        world.mine_empty(finality + 1).await;
        follower.set_max_blocks(MANY);
        follower.follow(&mut *source, &world).await?;
        let old = follower.view();
        world.replace(finality, finality + 4, &[1, 3]).await?;
        follower.set_max_blocks(max_blocks);
        let events = follower.follow(&mut *source, &world).await?;
        exact_reorg(&events, &old, finality, finality + 4)?;
    }
    Ok(())
}

pub(super) async fn reorgs_between_two_looks_are_one(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    world.mine_empty(world.bed.finality_depth()).await;
    world.mine_logs(&[2]).await?;
    let mut follower = Follower::new(0, MANY);
    follower.follow(&mut *source, &world).await?;
    let old = follower.view();
    world.replace(1, 1, &[1]).await?;
    world.replace(2, 3, &[2]).await?;
    world.replace(3, 1, &[1]).await?;
    world.replace(1, 2, &[3]).await?;
    let events = follower.follow(&mut *source, &world).await?;
    exact_reorg(&events, &old, 2, 2)
}

pub(super) async fn blocks_taken_away_are_taken_back(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let finality = world.bed.finality_depth();
    let mut follower = Follower::new(0, MANY);
    for depth in 1..=finality {
        world.mine_empty(finality).await;
        world.mine_logs(&[1]).await?;
        follower.follow(&mut *source, &world).await?;
        let old = follower.view();
        world.replace(depth, 0, &[]).await?;
        let events = follower.follow(&mut *source, &world).await?;
        exact_reorg(&events, &old, depth, 0)?;
        let only_back = events.iter().all(|event| matches!(event, ChainEvent::Reverted { .. }));
        ensure(only_back, || format!("nothing took their place: {events:?}"))?;
        world.mine_logs(&[2]).await?;
        let events = follower.follow(&mut *source, &world).await?;
        exact_reorg(&events, &[], 0, 1)?;
    }
    Ok(())
}

pub(super) async fn a_reorg_below_the_start_block_begins_again(bed: &mut dyn Testbed) -> Verdict {
    let start = 4;
    let mut source = bed.open(start).await;
    let mut world = World::new(bed).await?;
    world.mine_empty(start - 1).await;
    world.mine_logs(&[2]).await?;
    let mut follower = Follower::new(start, MANY);
    follower.follow(&mut *source, &world).await?;
    ensure_eq("blocks from the start block", &follower.view().len(), &2)?;
    world.replace(3, 4, &[1]).await?;
    follower.follow(&mut *source, &world).await?;
    ensure_eq("blocks from the start block, again", &follower.view().len(), &3)
}
