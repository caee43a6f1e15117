//! Blocks that join the chain.

use super::{
    Testbed, Verdict,
    follower::Follower,
    verdict::{Answer, ensure, ensure_eq},
    world::World,
};
use crate::ChainEvent;
use std::{future::poll_fn, pin::pin, task::Poll};

/// More blocks than any test asks for at once.
pub(super) const MANY: usize = 1_000;

pub(super) async fn blocks_are_told_as_they_come(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    ensure_eq("chain id of the source", &source.chain_id(), &world.bed.chain_id())?;
    let mut follower = Follower::new(0, MANY);
    follower.follow(&mut *source, &world).await?;
    for logs in [&[1][..], &[], &[5], &[], &[], &[2, 0, 3], &[1, 1]] {
        world.mine_logs(logs).await?;
        source.changed().await.answers("changed")?;
        let events = follower.follow(&mut *source, &world).await?;
        let committed = events.iter().all(|event| matches!(event, ChainEvent::Committed(_)));
        ensure(committed, || format!("a block on top of the head is a commit: {events:?}"))?;
    }
    ensure_eq("blocks from genesis", &follower.view().len(), &9)
}

pub(super) async fn a_segment_is_as_small_as_asked_for(bed: &mut dyn Testbed) -> Verdict {
    let mut world = World::new(bed).await?;
    let mut views = Vec::new();
    for block in 0..11 {
        world.mine_logs(&[block % 3]).await?;
    }
    for max_blocks in [1, 2, 3, 7, MANY] {
        let mut source = world.bed.open(0).await;
        let mut follower = Follower::new(0, max_blocks);
        let events = follower.follow(&mut *source, &world).await?;
        let last = follower.view().last().copied();
        ensure_eq("end of the last event", &events.last().and_then(ChainEvent::tip), &last)?;
        views.push(last);
    }
    ensure(views.windows(2).all(|pair| pair[0] == pair[1]), || format!("{views:?} differ"))
}

pub(super) async fn a_crowded_block_comes_whole(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    world.mine_empty(2).await;
    world.mine_logs(&[200, 1, 0, 350]).await?;
    world.mine_empty(1).await;
    Follower::new(0, MANY).follow(&mut *source, &world).await?;
    ensure_eq("logs of the crowded block", &world.truth(4).await?.logs.len(), &551)
}

pub(super) async fn a_gap_is_filled(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(0, MANY);
    follower.follow(&mut *source, &world).await?;
    for gap in [2, 13, 40] {
        for block in 0..gap {
            world.mine_logs(if block % 4 == 0 { &[2] } else { &[] }).await?;
        }
        follower.follow(&mut *source, &world).await?;
    }
    Ok(())
}

pub(super) async fn backfill_tells_what_was_told_live(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let mut live = Follower::new(0, MANY);
    for block in 0..3 * world.bed.finality_depth() {
        world.mine_logs(if block % 5 == 0 { &[1, 2] } else { &[] }).await?;
        live.follow(&mut *source, &world).await?;
    }
    for max_blocks in [2, MANY] {
        let mut source = world.bed.open(0).await;
        let mut late = Follower::new(0, max_blocks);
        late.follow(&mut *source, &world).await?;
        let live = live.view();
        let strange = late.view().into_iter().find(|block| !live.contains(block));
        ensure_eq("a block told late and not live", &strange, &None)?;
        ensure_eq("the newest block", &late.cursor().as_ref(), &live.last())?;
    }
    Ok(())
}

pub(super) async fn a_follower_that_lags_behind_a_moving_chain_catches_up(
    bed: &mut dyn Testbed,
) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    world.mine_empty(world.bed.finality_depth() + 2).await;
    let mut follower = Follower::new(0, 1);
    for round in 0..24 {
        follower.step(&mut *source).await?;
        match round % 4 {
            0 | 2 => world.mine_logs(&[1]).await?,
            1 => world.replace(2, 3, &[2]).await?,
            _ => world.replace(3, 2, &[1, 1]).await?,
        }
        // What it builds on is not final yet, or the chain could not go back to it.
        world.mine_empty(1).await;
    }
    follower.follow(&mut *source, &world).await?;
    Ok(())
}

pub(super) async fn the_same_cursor_gets_the_same_answer(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(0, MANY);
    follower.follow(&mut *source, &world).await?;
    let before = follower.clone();
    world.mine_logs(&[3]).await?;
    world.mine_empty(2).await;
    follower.follow(&mut *source, &world).await?;
    // The source knows of everything now; a consumer that lost the answer asks again.
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = source.next_event(before.cursor(), &before, 2).await.answers("next_event")?;
        ensure(answer.is_some(), || "three blocks are new for that cursor".to_owned())?;
        answers.push(answer);
    }
    ensure_eq("the second answer", &answers[1], &answers[0])?;
    let at_tip = source.next_event(follower.cursor(), &follower, MANY).await;
    ensure_eq("an event at the tip", &at_tip.answers("next_event")?, &None)?;
    let mut again = before;
    again.follow(&mut *source, &world).await?;
    ensure_eq("blocks after a second delivery", &again.view(), &follower.view())
}

/// Polls once and gives up.
async fn abandon<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

pub(super) async fn an_abandoned_wait_or_read_loses_nothing(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(0, 2);
    abandon(source.changed()).await;
    abandon(source.next_event(None, &follower, 2)).await;
    follower.follow(&mut *source, &world).await?;
    for _ in 0..3 {
        abandon(source.changed()).await;
        world.mine_logs(&[1]).await?;
        world.mine_empty(2).await;
        abandon(source.changed()).await;
        abandon(source.next_event(follower.cursor(), &follower, 2)).await;
        follower.follow(&mut *source, &world).await?;
    }
    Ok(())
}

pub(super) async fn a_source_starts_at_its_start_block(bed: &mut dyn Testbed) -> Verdict {
    let mut early = bed.open(3).await;
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(3, MANY);
    let nothing = follower.step(&mut *early).await?;
    ensure_eq("an event before the start block exists", &nothing, &None)?;
    for _ in 0..5 {
        world.mine_logs(&[1]).await?;
    }
    follower.follow(&mut *early, &world).await?;
    ensure_eq("blocks from the start block", &follower.view().len(), &4)?;
    let mut late = world.bed.open(5).await;
    let mut follower = Follower::new(5, 1);
    follower.follow(&mut *late, &world).await?;
    ensure_eq("blocks from a later start block", &follower.view().len(), &2)
}

pub(super) async fn head_and_finalized_are_the_nodes(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let depth = world.bed.finality_depth();
    let mut follower = Follower::new(0, MANY);
    for blocks in [1, depth - 1, 1, 1, depth] {
        world.mine_empty(blocks).await;
        follower.follow(&mut *source, &world).await?;
        let head = world.head().await;
        ensure_eq("head", &source.head().await.answers("head")?, &Some(head))?;
        let number = head.number.saturating_sub(depth);
        let truth = world.truth(number).await?.header.block_ref();
        let finalized = source.finalized().await.answers("finalized")?;
        ensure_eq("finalized", &finalized, &Some(truth))?;
    }
    Ok(())
}

pub(super) async fn acknowledging_changes_nothing_for_the_reader(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(0, MANY);
    for _ in 0..3 {
        world.mine_empty(world.bed.finality_depth()).await;
        follower.follow(&mut *source, &world).await?;
        if let Some(finalized) = source.finalized().await.answers("finalized")? {
            source.acknowledge(finalized);
        }
        world.replace(world.bed.finality_depth(), 2, &[1]).await?;
        follower.follow(&mut *source, &world).await?;
    }
    Ok(())
}

pub(super) async fn a_deposit_transaction_passes_the_seam(bed: &mut dyn Testbed) -> Verdict {
    let mut source = bed.open(0).await;
    let mut world = World::new(bed).await?;
    let mut follower = Follower::new(0, MANY);
    follower.follow(&mut *source, &world).await?;
    let hash = world.mine_deposit(3).await;
    world.mine_logs(&[1]).await?;
    follower.follow(&mut *source, &world).await?;
    let deposit = world.truth(2).await?;
    let logged = deposit.logs.iter().filter(|log| log.tx_hash == hash).count();
    ensure_eq("logs of the deposit", &logged, &3)?;
    let receipt = world.client().receipt(hash).await.answers("receipt")?;
    let block = receipt.map(|receipt| (receipt.block, receipt.success));
    ensure_eq("receipt of the deposit", &block, &Some((deposit.header.block_ref(), true)))?;
    let mut backfill = world.bed.open(0).await;
    Follower::new(0, 1).follow(&mut *backfill, &world).await?;
    world.replace(1, 2, &[2]).await?;
    follower.follow(&mut *source, &world).await?;
    Ok(())
}
