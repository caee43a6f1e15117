//! The extension's future under reth's own ExEx test utilities.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use alloy::primitives::{Address, B256, Bloom, BloomInput, Log, LogData};
use bmn_embed::{acks::Acks, feed::Feed, window::WindowLimits};
use bmn_host_rpc::LogSelection;
use bmn_primitives::BlockRef;
use bmn_reth::exex;
use reth_ethereum::{
    Block, EthPrimitives, Receipt, TxType,
    primitives::RecoveredBlock,
    provider::{Chain, ExecutionOutcome},
};
use reth_exex_test_utils::{PollOnce, TestExExHandle, test_exex_context};
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

type Running = Pin<Box<dyn Future<Output = eyre::Result<()>> + Send>>;

const EMITTER: Address = Address::repeat_byte(0xe1);

struct Bench {
    handle: TestExExHandle,
    feed: Arc<Feed>,
    acks: Acks,
    selection: Arc<LogSelection>,
    running: Running,
}

async fn bench() -> Bench {
    let (ctx, handle) = test_exex_context().await.unwrap();
    let (feed, acks) = (Arc::new(Feed::new(WindowLimits::default())), Acks::default());
    let addresses = vec![EMITTER];
    let selection = Arc::new(LogSelection { addresses, topics_anywhere: vec![] });
    let running: Running = Box::pin(exex::run(ctx, Arc::clone(&feed), acks.clone()));
    Bench { handle, feed, acks, selection, running }
}

/// A block of one transaction that logs as many times from the emitter and once from a stranger.
fn block(number: u64, parent: B256, logs: usize) -> (RecoveredBlock<Block>, Vec<Receipt>) {
    let mut block = Block::default();
    block.header.number = number;
    block.header.parent_hash = parent;
    let log = |address| Log {
        address,
        data: LogData::new_unchecked(vec![B256::ZERO], Default::default()),
    };
    let mut all = vec![log(Address::repeat_byte(0x57))];
    all.extend(std::iter::repeat_n(log(EMITTER), logs));
    let mut bloom = Bloom::ZERO;
    for log in &all {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
    }
    block.header.logs_bloom = bloom;
    let receipt =
        Receipt { tx_type: TxType::Legacy, success: true, cumulative_gas_used: 21_000, logs: all };
    (RecoveredBlock::new_unhashed(block, vec![]), vec![receipt])
}

fn chain(blocks: Vec<(RecoveredBlock<Block>, Vec<Receipt>)>) -> Chain<EthPrimitives> {
    let first_block = blocks[0].0.number;
    let (blocks, receipts): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
    let outcome = ExecutionOutcome { receipts, first_block, ..Default::default() };
    Chain::new(blocks, outcome, BTreeMap::new())
}

fn at(block: &RecoveredBlock<Block>) -> BlockRef {
    BlockRef { number: block.number, hash: block.hash(), time: block.timestamp }
}

#[tokio::test]
async fn what_a_notification_tells_is_kept_without_what_nobody_wants() {
    let mut bench = bench().await;
    bench.feed.watch_for(Arc::clone(&bench.selection));
    let genesis = bench.handle.genesis.hash();
    let one = block(1, genesis, 0);
    let two = block(2, one.0.hash(), 2);
    bench.handle.send_notification_chain_committed(chain(vec![one.clone(), two])).await.unwrap();
    bench.running.poll_once().await.unwrap();
    let kept = bench.feed.after(&bench.selection, (0, genesis), 9);
    let logs: Vec<_> = kept.iter().map(|block| block.logs.len()).collect();
    assert_eq!(logs, [0, 2], "the stranger's logs are left out");
    assert_eq!(kept[1].logs[0].log_index, 1, "in the block, not among what was kept");
    bench.handle.assert_events_empty();
}

#[tokio::test]
async fn reorgs_and_reverts_take_blocks_away() {
    let mut bench = bench().await;
    bench.feed.watch_for(Arc::clone(&bench.selection));
    let genesis = bench.handle.genesis.hash();
    let one = block(1, genesis, 1);
    let old = block(2, one.0.hash(), 1);
    let new = block(2, one.0.hash(), 3);
    let base = (1, one.0.hash());
    let committed = chain(vec![one.clone(), old.clone()]);
    bench.handle.send_notification_chain_committed(committed).await.unwrap();
    bench.running.poll_once().await.unwrap();
    assert_eq!(bench.feed.after(&bench.selection, base, 9)[0].header.hash, old.0.hash());
    let (gone, came) = (chain(vec![old]), chain(vec![new.clone()]));
    bench.handle.send_notification_chain_reorged(gone, came).await.unwrap();
    bench.running.poll_once().await.unwrap();
    assert_eq!(bench.feed.after(&bench.selection, base, 9)[0].header.hash, new.0.hash());
    bench.handle.send_notification_chain_reverted(chain(vec![new])).await.unwrap();
    bench.running.poll_once().await.unwrap();
    assert!(bench.feed.after(&bench.selection, base, 9).is_empty());
}

#[tokio::test]
async fn the_node_may_prune_only_what_was_acknowledged() {
    let mut bench = bench().await;
    bench.feed.watch_for(Arc::clone(&bench.selection));
    let genesis = bench.handle.genesis.hash();
    let one = block(1, genesis, 1);
    let first = at(&one.0);
    bench.handle.send_notification_chain_committed(chain(vec![one])).await.unwrap();
    bench.running.poll_once().await.unwrap();
    bench.handle.assert_events_empty();
    bench.acks.acknowledge(first);
    bench.running.poll_once().await.unwrap();
    bench.handle.assert_event_finished_height((first.number, first.hash).into()).unwrap();
    bench.acks.hold(BlockRef { number: 0, hash: genesis, time: 0 });
    bench.running.poll_once().await.unwrap();
    bench.handle.assert_event_finished_height((0, genesis).into()).unwrap();
}

#[tokio::test]
async fn what_is_durable_already_is_told_before_any_notification() {
    let mut bench = bench().await;
    let genesis = bench.handle.genesis.hash();
    bench.acks.acknowledge(BlockRef { number: 0, hash: genesis, time: 0 });
    bench.running.poll_once().await.unwrap();
    bench.handle.assert_event_finished_height((0, genesis).into()).unwrap();
}

#[tokio::test]
async fn a_slow_resolver_never_holds_notifications_up() {
    let mut bench = bench().await;
    bench.feed.watch_for(Arc::clone(&bench.selection));
    // Nobody reads the window. The channel has room for one, so each send waits until one was taken.
    let mut parent = bench.handle.genesis.hash();
    for number in 1..=2_000 {
        let next = block(number, parent, 1);
        parent = next.0.hash();
        bench.handle.send_notification_chain_committed(chain(vec![next])).await.unwrap();
        // A task that never yields is told by the runtime to wait, and would take nothing.
        tokio::task::yield_now().await;
        bench.running.poll_once().await.unwrap();
    }
    let base = bench.handle.genesis.hash();
    assert!(bench.feed.after(&bench.selection, (0, base), 9).is_empty(), "it left the window");
}

#[tokio::test]
async fn nothing_is_copied_while_nobody_follows_and_the_bell_still_rings() {
    let mut bench = bench().await;
    let moves = bench.feed.moves();
    let genesis = bench.handle.genesis.hash();
    let committed = chain(vec![block(1, genesis, 1)]);
    bench.handle.send_notification_chain_committed(committed).await.unwrap();
    bench.running.poll_once().await.unwrap();
    assert!(moves.has_changed().unwrap());
    bench.feed.watch_for(Arc::clone(&bench.selection));
    assert!(bench.feed.after(&bench.selection, (0, genesis), 9).is_empty());
}

#[tokio::test]
async fn the_future_does_not_end_when_the_node_stops_notifying() {
    let bench = bench().await;
    let Bench { handle, acks, mut running, .. } = bench;
    drop(handle);
    drop(acks);
    for _ in 0..3 {
        running.poll_once().await.unwrap();
    }
}
