//! Hosts answer late, lag, are set back and contradict themselves; rows are damaged while actions are
//! due. Nothing of it may lose history, clear a sound index, drop an action or send it twice.

use alloy::primitives::B256;
use async_trait::async_trait;
use bmn_chain::{ChainError, ChainEvent, ChainSource, History, KnownBlocks};
use bmn_host_dev::{DevSource, Replacement};
use bmn_node::ChainHost;
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use bmn_sim::{NetworkChain, scenario::Behaviour};
use bmn_store::{
    Mode, Reads, RebuildReason, Store,
    testing::{CrashBackend, damage_leg},
};
use bmn_swap::{Action, Status};
use bmn_tests::{World, memory_store, same, swap};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

type Answer = Result<Option<ChainEvent>, ChainError>;
/// Done with an answer of the chain before it is given.
type Twist = Box<dyn FnOnce(Answer) -> Answer + Send>;

/// What a source says instead of its chain.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    twists: VecDeque<Twist>,
    finalized: VecDeque<Option<BlockRef>>,
    head: Option<BlockRef>,
}

impl Script {
    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().expect("not poisoned")
    }

    fn twist(&self, twist: impl FnOnce(Answer) -> Answer + Send + 'static) {
        self.lines().twists.push_back(Box::new(twist));
    }
}

struct Scripted {
    inner: DevSource,
    script: Script,
}

#[async_trait]
impl ChainSource for Scripted {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Answer {
        let answer = self.inner.next_event(cursor, known, max_blocks).await;
        let twist = self.script.lines().twists.pop_front();
        match twist {
            Some(twist) => twist(answer),
            None => answer,
        }
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        self.inner.changed().await
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        let scripted = self.script.lines().head;
        if scripted.is_some() { Ok(scripted) } else { self.inner.head().await }
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        let scripted = self.script.lines().finalized.pop_front();
        match scripted {
            Some(scripted) => Ok(scripted),
            None => self.inner.finalized().await,
        }
    }

    fn acknowledge(&mut self, block: BlockRef) {
        self.inner.acknowledge(block);
    }
}

fn store_of(world: &World) -> Store {
    world.resolver.store().clone()
}

fn mode(world: &World, chain: ChainId) -> Mode {
    store_of(world).read().expect("a snapshot").cursor(chain).expect("a cursor").mode
}

/// A world in `status` whose first chain answers by the script that is returned.
async fn scripted(status: Status) -> (World, Script) {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_until(200, |world| world.status() == Some(status)).await);
    let script = Script::default();
    let first = world.network.chains[0].id();
    let chain = world.network.chains[0].chain.clone();
    world.restart_over(store_of(&world), |host| {
        if host.spec.chain_id != first {
            return host;
        }
        let source = Box::new(Scripted { inner: chain.source(), script: script.clone() });
        ChainHost { source, ..host }
    });
    world.resolver.run_until_idle().await.expect("it catches up");
    (world, script)
}

fn rebuild(store: &Store, chain: ChainId) {
    let mut tx = store.write().expect("the writer");
    tx.reset_cursor(chain, Mode::Clearing(RebuildReason::Asked)).expect("staged");
    tx.commit().expect("committed");
}

#[tokio::test]
async fn an_answer_from_before_a_rebuild_is_not_the_first_block_of_the_new_index() {
    let (mut world, script) = scripted(Status::BothLocked).await;
    let (store, chain) = (store_of(&world), world.network.chains[0].id());
    world.network.chains[0].chain.mine(None).expect("a block");
    script.twist(move |answer| {
        rebuild(&store, chain);
        answer
    });
    world.resolver.run_until_idle().await.expect("it goes on");
    assert_eq!(mode(&world, chain), Mode::Live);
    same(&world.rows(), &world.rebuilt().await, "the whole history is there");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn a_host_that_was_set_back_below_our_final_block_is_waited_for() {
    let (mut world, script) = scripted(Status::BothLocked).await;
    let chain = world.network.chains[0].id();
    let tip = world.network.chains[0].chain.head();
    let store = store_of(&world);
    let mut tx = store.write().expect("the writer");
    tx.set_finalized(chain, BlockRef { number: tip.number, hash: tip.hash, time: tip.time })
        .expect("staged");
    tx.commit().expect("committed");
    let (rows, genesis) = (world.rows(), BlockRef { number: 0, hash: B256::ZERO, time: 0 });
    script.lines().head = Some(genesis);
    script.twist(move |_| Err(ChainError::BeyondHistory { chain, cursor: genesis }));
    let error = world.resolver.follow(chain).await.expect_err("it waits");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("below our final block"), "{error}");
    assert_eq!((mode(&world, chain), world.rows()), (Mode::Live, rows));
    script.lines().head = None;
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn a_host_that_calls_less_final_than_it_gave_as_history_stops_nobody() {
    let (mut world, script) = scripted(Status::BothLocked).await;
    let node = &world.network.chains[0];
    let (id, first) = (node.id(), node.chain.head().number + 1);
    for _ in 0..3 {
        node.chain.mine(None).expect("a block");
    }
    script.twist(move |answer| {
        let Ok(Some(ChainEvent::Committed(segment))) = answer else { panic!("three blocks") };
        let through = segment.tip().header.block_ref();
        let blocks = segment.blocks().iter().filter(|block| !block.logs.is_empty()).cloned();
        let history = History::new(first, blocks.collect(), through).expect("a history");
        Ok(Some(ChainEvent::Backfilled(history)))
    });
    script.lines().finalized.extend([None, None]);
    world.resolver.run_until_idle().await.expect("it goes on");
    assert_eq!((world.resolver.handle().not_acting(), mode(&world, id)), (None, Mode::Live));
    same(&world.rows(), &world.rebuilt().await, "nothing is missing");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn a_block_that_is_orphaned_before_finality_is_asked_for_is_no_final_block() {
    let (mut world, script) = scripted(Status::BothLocked).await;
    let node: &NetworkChain = &world.network.chains[0];
    let (chain, id) = (node.chain.clone(), node.id());
    chain.mine(None).expect("a block");
    let told = script.clone();
    script.twist(move |answer| {
        chain.reorg(1, &Replacement::default()).expect("shallow");
        chain.mine(None).expect("a block");
        let head = chain.head();
        let head = BlockRef { number: head.number, hash: head.hash, time: head.time };
        told.lines().finalized.push_back(Some(head));
        answer
    });
    while world.resolver.follow(id).await.expect("it goes on") {
        // An orphan without a journal could only be undone by indexing the chain again.
        assert_eq!(mode(&world, id), Mode::Live);
    }
    same(&world.rows(), &world.rebuilt().await, "the orphan is gone");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn a_transaction_is_neither_replaced_nor_forgotten_while_the_other_chain_is_behind() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::SourceLocked)).await);
    let [a, b] = world.network.chains.each_ref().map(NetworkChain::id);
    let store = store_of(&world);
    let intents = |store: &Store| store.read().expect("a snapshot").intents(b).expect("intents");
    // The funding is sent and held back.
    while intents(&store).is_empty() {
        world.mine();
        world.settle().await;
    }
    let held = intents(&store).remove(0);
    let node = &world.network.chains[1];
    let until = node.chain.head().number + 3;
    node.chain.pool_hold(held.sent[0].hash, until).expect("pooled");
    let set = |mode| {
        let mut tx = store.write().expect("the writer");
        tx.set_mode(a, mode).expect("staged");
        tx.commit().expect("committed");
    };
    set(Mode::Backfilling);
    for _ in 0..2 {
        world.network.chains[1].chain.mine(None).expect("a block");
        while world.resolver.follow(b).await.expect("it follows") {}
        while world.resolver.act(b).await.expect("it acts") {}
    }
    let now = intents(&store).remove(0);
    assert!(!now.filler && now.sent == held.sent && now.payload.raw == held.payload.raw);
    set(Mode::Live);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn an_action_that_met_a_damaged_row_is_done_after_the_rebuild() {
    let mut world =
        World::with_store(vec![swap(0, Behaviour::Honest)], memory_store(&CrashBackend::new()))
            .await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    let [a, b] = world.network.chains.each_ref().map(NetworkChain::id);
    let store = store_of(&world);
    let ready = |store: &Store| {
        let read = store.read().expect("a snapshot");
        let first = bmn_queue::ready_keys(&read, b, 1).expect("keys").pop();
        first.is_some_and(|key| key.action == Action::WithdrawDestination)
    };
    // Up to the moment before the maker is paid.
    while !ready(&store) {
        for chain in [a, b] {
            while !ready(&store) && world.resolver.act(chain).await.expect("it acts") {}
        }
        world.mine();
        for maker in &mut world.makers {
            let rpc = world.rpc.clone();
            maker.act(&mut world.strangers, &rpc).await.expect("the maker acts");
        }
        for chain in [a, b] {
            while world.resolver.follow(chain).await.expect("it follows") {}
        }
    }
    let (order, _) = world.statuses()[0];
    let read = store.read().expect("a snapshot");
    let source = read.order_state(order).expect("a state").and_then(|state| state.source);
    drop(read);
    damage_leg(&store, a, source.expect("a source").escrow).expect("damaged");
    assert!(world.resolver.act(b).await.expect("a rebuild is begun"));
    assert!(matches!(mode(&world, a), Mode::Clearing(RebuildReason::Damaged)));
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
    same(&world.rows(), &world.rebuilt().await, "after the rebuild");
}

#[tokio::test]
async fn another_specification_has_the_chain_indexed_again() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_to_end().await);
    let (store, a) = (store_of(&world), world.network.chains[0].id());
    let events = |world: &World| {
        let read = store_of(world).read().expect("a snapshot");
        read.events(a, 0, u64::MAX, None, usize::MAX).expect("events").len()
    };
    let before = events(&world);
    assert!(before > 0);
    let without = |mut host: ChainHost| {
        host.spec.factories.clear();
        host
    };
    world.restart_over(store.clone(), without);
    let why = Mode::Clearing(RebuildReason::Specification);
    assert_eq!(mode(&world, a), why);
    world.resolver.run_until_idle().await.expect("it goes on");
    assert_eq!((events(&world), mode(&world, a)), (0, Mode::Live));
    // The same specification again changes nothing but what a restart does.
    world.restart_over(store.clone(), without);
    assert_eq!(mode(&world, a), Mode::Backfilling);
    world.restart(store);
    world.resolver.run_until_idle().await.expect("it goes on");
    assert_eq!(events(&world), before);
    same(&world.rows(), &world.rebuilt().await, "all of it is back");
}
