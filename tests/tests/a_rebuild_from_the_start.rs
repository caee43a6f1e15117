//! A reorg deeper than what can be undone: nothing is done until the chain is indexed again from its
//! start, and then the swap goes on as if nothing had happened, paid once.

use bmn_chain::{ChainEvent, ChainSource, History};
use bmn_contracts::ContractEvent;
use bmn_host_dev::Replacement;
use bmn_indexer::{Indexer, Share};
use bmn_node::rules_of;
use bmn_sim::{accounts::DevAccount, scenario::Behaviour};
use bmn_store::{
    Mode, Reads, RebuildReason, Store, Verification, chain_rows,
    testing::{CrashBackend, Side},
    verify,
};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, policy, same, swap};
use std::{sync::Arc, time::Duration};

/// Up to both escrows standing, then a reorg of the source chain whose journal is gone.
async fn with_a_deep_reorg(disk: &CrashBackend) -> World {
    let specs = vec![swap(0, Behaviour::Honest)];
    let mut world = World::with_store(specs, memory_store(disk)).await;
    let locked = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(200, locked).await);
    let node = &world.network.chains[0];
    let store = world.resolver.store();
    let mut tx = store.write().expect("the writer");
    let tip = tx.cursor(node.id()).expect("a cursor").tip.expect("indexed");
    tx.trim_undo(node.id(), tip.number + 1, usize::MAX).expect("trimmed");
    tx.commit().expect("committed");
    node.chain.reorg(1, &Replacement::default()).expect("shallow for the chain");
    world
}

fn fills(world: &World) -> usize {
    let read = world.resolver.store().read().expect("a snapshot");
    let chain = world.network.chains[0].id();
    let events = read.events(chain, 0, u64::MAX, None, usize::MAX).expect("events");
    events.iter().filter(|row| matches!(row.event, ContractEvent::OrderFilled { .. })).count()
}

#[tokio::test]
async fn nothing_is_done_until_the_chain_is_indexed_again() {
    let mut world = with_a_deep_reorg(&CrashBackend::new()).await;
    let (a, b) = (world.network.chains[0].id(), world.network.chains[1].id());
    let mode = |world: &World| {
        world.resolver.store().read().expect("a snapshot").cursor(a).expect("a cursor").mode
    };
    assert_eq!(world.resolver.handle().not_acting(), None);
    let (mut modes, jobs) = (vec![mode(&world)], |world: &World| {
        let read = world.resolver.store().read().expect("a snapshot");
        (read.job_counts().expect("counts"), read.last_change().expect("the log"))
    });
    let before = jobs(&world);
    let order = world.statuses()[0];
    while world.resolver.follow(a).await.expect("it goes on") {
        let now = mode(&world);
        if *modes.last().expect("one") != now {
            modes.push(now);
        }
        if !now.is_current() {
            let why = world.resolver.handle().not_acting().expect("it says why");
            assert!(why.contains("deeper than what can be undone"), "{why}");
            assert!(!world.resolver.act(a).await.expect("refused"), "nothing is sent");
            // The other chain goes on, and decides nothing about the order.
            world.network.chains[1].chain.mine(None).expect("a block");
            assert!(world.resolver.follow(b).await.expect("it goes on"));
            assert!(!world.resolver.act(b).await.expect("refused"), "nothing is sent");
            assert_eq!((world.statuses()[0], jobs(&world)), (order, before));
        }
    }
    let why = RebuildReason::DeepReorg;
    let expected =
        [Mode::Live, Mode::Clearing(why), Mode::Rebuilding(why), Mode::Deriving(why), Mode::Live];
    assert_eq!(modes, expected);
    assert_eq!(world.resolver.handle().not_acting(), None);
    same(&world.rows(), &world.rebuilt().await, "after the rebuild");
    assert!(world.run_to_end().await);
    assert_eq!((world.status(), fills(&world)), (Some(Status::Completed), 1));
}

#[tokio::test]
async fn a_crash_in_the_middle_of_it_is_made_good_after_the_restart() {
    let mut crashes = 0;
    for (operation, side) in [1u64, 5, 12, 22, 34, 48, 64]
        .into_iter()
        .zip([Side::Before, Side::After].into_iter().cycle())
    {
        let disk = CrashBackend::new();
        let mut world = with_a_deep_reorg(&disk).await;
        disk.crash_at(disk.operations() + operation, side);
        let crashed = world.resolver.run_until_idle().await.is_err() || disk.has_crashed();
        crashes += u32::from(crashed);
        let disk = CrashBackend::from_image(disk.synced_image());
        world.restart(memory_store(&disk));
        assert!(world.run_to_end().await, "operation {operation} {side:?}");
        let end = (world.status(), fills(&world));
        assert_eq!(end, (Some(Status::Completed), 1), "operation {operation} {side:?}");
        same(&world.rows(), &world.rebuilt().await, &format!("operation {operation} {side:?}"));
    }
    assert!(crashes >= 4, "most of these runs crash ({crashes})");
}

/// Indexes both chains as final blocks: `sparse` leaves out those that hold no log at all.
async fn in_bulk(world: &World, sparse: bool, until: Option<u64>) -> Store {
    let store = memory_store(&CrashBackend::new());
    let specs = world.network.chains.iter().map(|node| &node.spec);
    let rules = Arc::new(rules_of(DevAccount::Resolver.address(), specs, policy()));
    let indexer = Indexer::new(store.clone(), rules);
    for node in &world.network.chains {
        let mut source = node.chain.source();
        let mut backfill = indexer.backfill(node.id()).expect("configured");
        let head = node.chain.head();
        loop {
            let tip = backfill.tip().expect("a cursor");
            if tip.is_some_and(|tip| until.is_some_and(|until| tip.number >= until)) {
                break;
            }
            let read = store.read().expect("a snapshot");
            let known = read.known_blocks(node.id());
            let event = source.next_event(tip, &known, 7).await.expect("the chain answers");
            let Some(mut event) = event else { break };
            if sparse && let ChainEvent::Committed(segment) = &event {
                let through = segment.tip().header.block_ref();
                let blocks = segment.blocks().iter().filter(|block| !block.logs.is_empty());
                let from = segment.first().header.number;
                let history = History::new(from, blocks.cloned().collect(), through);
                event = ChainEvent::Backfilled(history.expect("final blocks"));
            }
            backfill.push(&event, head, Share::Beside, &|| Duration::ZERO).expect("it applies");
        }
        backfill.flush(&|| Duration::ZERO).expect("durable");
        // What is left comes live.
        loop {
            let read = store.read().expect("a snapshot");
            let tip = read.cursor(node.id()).expect("a cursor").tip;
            let known = read.known_blocks(node.id());
            let Some(event) = source.next_event(tip, &known, 3).await.expect("it answers") else {
                break;
            };
            drop(read);
            indexer.apply(node.id(), &event, None).expect("it applies");
        }
    }
    store
}

#[tokio::test]
async fn the_rows_do_not_tell_how_the_blocks_came() {
    let specs = vec![swap(0, Behaviour::Honest), swap(1, Behaviour::Silent)];
    let mut world = World::new(specs).await;
    for step in 0..60 {
        world.mine();
        world.settle().await;
        if step % 9 == 8 {
            let node = &world.network.chains[step % 2];
            node.chain.reorg(2, &Replacement::default()).expect("shallow");
            world.settle().await;
        }
    }
    let live = world.rows();
    let middle = world.network.chains[0].chain.head().number / 2;
    for (sparse, until) in
        [(false, None), (true, None), (false, Some(middle)), (true, Some(middle))]
    {
        let store = in_bulk(&world, sparse, until).await;
        let read = store.read().expect("a snapshot");
        let ids = world.network.chains.iter().map(bmn_sim::NetworkChain::id);
        let found: Vec<_> = ids.map(|id| chain_rows(&read, id).expect("rows")).collect();
        same(&found, &live, &format!("sparse {sparse}, until {until:?}"));
        for node in &world.network.chains {
            let found = verify(&read, node.id(), 0..=u64::MAX, &mut |_| {}).expect("readable");
            assert!(matches!(found, Verification::Sound(_)), "{found:?}");
        }
    }
    assert!(live.iter().flatten().any(|row| row.table == "daily"), "there was something to index");
}
