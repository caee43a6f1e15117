//! The reading side of the seam.

mod common;

use alloy::primitives::{Address, B256, Bytes};
use bmn_chain::{ChainError, ChainEvent, ChainSource};
use bmn_host_dev::{DevChain, DevChainConfig, Replacement};
use bmn_primitives::{BlockRef, ChainId};
use common::*;
use std::task::{Context, Poll, Waker};

fn mined(blocks: u64) -> DevChain {
    let chain = chain();
    for _ in 0..blocks {
        chain.mine(None).expect("mines");
    }
    chain
}

#[test]
fn blocks_come_in_chunks_with_their_logs() {
    let chain = chain();
    let logger = Address::repeat_byte(0x10);
    chain.set_code(logger, Bytes::from_static(&LOGGER)).expect("valid code");
    for nonce in 0..5 {
        chain.submit_raw(&call_logger(1, nonce, logger, nonce)).expect("accepted");
        chain.mine(None).expect("mines");
    }
    let (mut source, mut follower) = (chain.source(), Follower::default());
    assert_eq!(source.chain_id(), ChainId(CHAIN));
    assert_eq!(follower.follow(&mut source, 4), 2, "six blocks, genesis included");
    follower.assert_at(&chain, 0);
    assert_eq!(follower.logs.values().copied().collect::<Vec<_>>(), [0, 1, 1, 1, 1, 1]);
    assert_eq!(follower.follow(&mut source, 4), 0, "nothing new at the tip");
    assert_eq!(follower.clone().follow(&mut chain.source(), 0), 0);
}

#[test]
fn a_source_starts_where_it_is_told() {
    let chain = mined(5);
    let (mut source, mut follower) = (chain.source_from(3), Follower::default());
    follower.follow(&mut source, 10);
    follower.assert_at(&chain, 3);
    chain.reorg(5, &Replacement::default()).expect("within reach");
    follower.follow(&mut source, 10);
    follower.assert_at(&chain, 3);
    chain.revert_blocks(4).expect("within reach");
    follower.follow(&mut source, 10);
    assert!(follower.blocks.is_empty(), "all we held is gone");
    chain.mine(None).expect("mines");
    assert_eq!(follower.follow(&mut source, 10), 0, "not at the start yet");
    for _ in 0..3 {
        chain.mine(None).expect("mines");
    }
    follower.follow(&mut source, 10);
    follower.assert_at(&chain, 3);
}

#[test]
fn a_reorg_of_any_depth_is_one_event_or_continues_in_the_next() {
    for depth in 1..=9 {
        for max_blocks in [1, 3, 100] {
            let chain = mined(10);
            let (mut source, mut follower) = (chain.source(), Follower::default());
            follower.follow(&mut source, 100);
            let old = follower.clone();
            chain.reorg(depth, &Replacement::default()).expect("within reach");
            let cursor = follower.cursor();
            let event = ready(source.next_event(cursor, &follower, max_blocks));
            let event = event.expect("answers").expect("something happened");
            let ChainEvent::Reorged { reverted, committed } = &event else { panic!("{event:?}") };
            let expected: Vec<_> =
                (11 - depth..=10).rev().map(|number| old.blocks[&number]).collect();
            assert_eq!(reverted, &expected);
            assert_eq!(committed.blocks().len(), max_blocks.min(depth as usize));
            assert_eq!(committed.first().header.parent_hash, old.blocks[&(10 - depth)].hash);
            follower.apply(&event);
            follower.follow(&mut source, max_blocks);
            follower.assert_at(&chain, 0);
        }
    }
}

#[test]
fn a_revert_alone_names_the_blocks_that_went() {
    let chain = mined(6);
    let (mut source, mut follower) = (chain.source(), Follower::default());
    follower.follow(&mut source, 100);
    chain.revert_blocks(2).expect("within reach");
    let event = ready(source.next_event(follower.cursor(), &follower, 10));
    let event = event.expect("answers").expect("something happened");
    let gone = vec![follower.blocks[&6], follower.blocks[&5]];
    assert_eq!(event, ChainEvent::Reverted { reverted: gone });
    follower.apply(&event);
    follower.assert_at(&chain, 0);
}

#[test]
fn an_old_cursor_finds_its_way_after_any_downtime() {
    for seen in 0..=8u64 {
        let chain = mined(seen);
        let mut follower = Follower::default();
        follower.follow(&mut chain.source(), 100);
        for round in 0..4 {
            chain.mine(None).expect("mines");
            let depth = (seen + round).clamp(1, 3);
            let _ = chain.reorg(depth.min(chain.head().number), &Replacement::default());
            chain.mine(None).expect("mines");
        }
        follower.follow(&mut chain.source(), 2);
        follower.assert_at(&chain, 0);
    }
}

#[test]
fn another_chains_cursor_is_refused() {
    let chain = mined(3);
    let other = DevChain::new(DevChainConfig { genesis_time: GENESIS + 1, ..config() });
    other.mine(None).expect("mines");
    let mut follower = Follower::default();
    follower.follow(&mut other.source(), 100);
    let refused = ready(chain.source().next_event(follower.cursor(), &follower, 10));
    let cursor = follower.cursor().expect("followed");
    assert_eq!(refused, Err(ChainError::BeyondHistory { chain: ChainId(CHAIN), cursor }));

    let unknown = BlockRef { number: 3, hash: B256::repeat_byte(1), time: 0 };
    let refused = ready(chain.source().next_event(Some(unknown), &Follower::default(), 10));
    assert!(matches!(refused, Err(ChainError::BeyondHistory { .. })), "nothing below is known");
}

#[test]
fn a_waiting_source_wakes_for_every_change() {
    let chain = mined(1);
    let (mut source, mut follower) = (chain.source(), Follower::default());
    follower.follow(&mut source, 10);
    chain.mine(None).expect("mines");
    ready(source.changed()).expect("the chain is there");
    follower.follow(&mut source, 10);
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = source.changed();
    assert!(waiting.as_mut().poll(&mut context).is_pending(), "nothing new");
    chain.revert_blocks(1).expect("within reach");
    assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    drop(waiting);
    follower.follow(&mut source, 10);
    follower.assert_at(&chain, 0);
}

#[test]
fn finality_trails_the_head_and_acknowledgements_are_kept() {
    let chain = DevChain::new(DevChainConfig { finality_depth: 2, ..config() });
    let mut source = chain.source();
    let finalized = |source: &bmn_host_dev::DevSource| {
        ready(source.finalized()).expect("answers").expect("genesis at least").number
    };
    assert_eq!(finalized(&source), 0);
    for _ in 0..5 {
        chain.mine(None).expect("mines");
    }
    assert_eq!(finalized(&source), 3);
    assert_eq!(chain.acknowledged(), None);
    let block = chain.block(3).expect("readable").expect("there").block_ref();
    source.acknowledge(block);
    assert_eq!(chain.acknowledged(), Some(block));
}
