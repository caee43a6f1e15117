//! The host is away and comes back.

use super::{
    Testbed, Verdict,
    commits::MANY,
    follower::Follower,
    verdict::{Answer, ensure, ensure_eq},
    world::World,
};
use crate::ChainError;
use alloy::primitives::B256;
use bmn_primitives::BlockRef;

pub(super) async fn a_restart_continues_at_the_cursor(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(0, MANY);
    for blocks in [1, 4, 2 * world.bed.finality_depth()] {
        let mut source = world.bed.open(0).await;
        follower.follow(&mut *source, &world).await?;
        drop(source);
        world.mine_logs(&[1]).await?;
        world.bed.restart().await;
        world.mine_empty(blocks).await;
        world.mine_logs(&[2]).await?;
        let mut source = world.bed.open(0).await;
        let before = follower.view().len();
        let events = follower.follow(&mut *source, &world).await?;
        ensure(events.iter().all(|event| event.reverted().is_empty()), || {
            "nothing left the chain while the host was away".to_owned()
        })?;
        ensure(follower.view().len() > before, || "new blocks were told".to_owned())?;
    }
    Ok(())
}

pub(super) async fn a_restart_with_nothing_new_tells_nothing(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    world.mine_logs(&[1]).await?;
    let mut follower = Follower::new(0, MANY);
    let mut source = world.bed.open(0).await;
    follower.follow(&mut *source, &world).await?;
    drop(source);
    world.bed.restart().await;
    let mut source = world.bed.open(0).await;
    let event = source.next_event(follower.cursor(), &follower, MANY).await;
    ensure_eq("an event at the tip", &event.answers("next_event")?, &None)?;
    let head = source.head().await.answers("head")?;
    ensure_eq("head after the restart", &head, &follower.cursor())
}

pub(super) async fn a_reorg_of_any_depth_while_down_is_seen(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let finality = world.bed.finality_depth();
    let mut follower = Follower::new(0, MANY);
    for depth in 1..=finality {
        world.mine_empty(finality).await;
        world.mine_logs(&[1]).await?;
        let mut source = world.bed.open(0).await;
        follower.follow(&mut *source, &world).await?;
        drop(source);
        world.replace(depth, depth + 1, &[2]).await?;
        let mut source = world.bed.open(0).await;
        let events = follower.follow(&mut *source, &world).await?;
        let gone: usize = events.iter().map(|event| event.reverted().len()).sum();
        ensure_eq("blocks taken back", &(gone as u64), &depth)?;
    }
    Ok(())
}

pub(super) async fn a_shorter_chain_after_a_restart_is_seen(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let finality = world.bed.finality_depth();
    world.mine_empty(finality).await;
    world.mine_logs(&[1]).await?;
    let mut follower = Follower::new(0, MANY);
    let mut source = world.bed.open(0).await;
    follower.follow(&mut *source, &world).await?;
    drop(source);
    world.replace(finality - 1, 0, &[]).await?;
    world.bed.restart().await;
    let mut source = world.bed.open(0).await;
    follower.follow(&mut *source, &world).await?;
    world.mine_logs(&[2]).await?;
    follower.follow(&mut *source, &world).await?;
    Ok(())
}

pub(super) async fn a_cursor_of_another_chain_is_refused(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    world.mine_empty(2 * world.bed.finality_depth()).await;
    let mut source = world.bed.open(0).await;
    let head = world.head().await;
    let id = world.bed.chain_id();
    for number in [0, 1, head.number, head.number + 5] {
        let cursor = BlockRef { number, hash: B256::repeat_byte(0xab), time: head.time };
        let strange = Follower::new(0, MANY);
        let refused = source.next_event(Some(cursor), &strange, MANY).await;
        let expected = Err(ChainError::BeyondHistory { chain: id, cursor });
        ensure_eq("a cursor nobody knows", &refused, &expected)?;
    }
    // The source is none the worse for it.
    Follower::new(0, MANY).follow(&mut *source, &world).await?;
    Ok(())
}
