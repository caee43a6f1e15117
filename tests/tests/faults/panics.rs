//! Mistakes of ours while acting, and a signer that is away: what one job meets is its own, and what a whole lane meets
//! keeps new orders out until everything was done once without it.

use crate::hosts::{FaultyClient, FaultySource, RemoteSigner, Signs, Source, Switch};
use bmn_executor::Account;
use bmn_node::ChainHost;
use bmn_queue::{FailureClass, JobFilter, JobRow, StateKind, list};
use bmn_sim::scenario::Behaviour;
use bmn_store::{IntentRow, Mode, Reads, Store, testing::CrashBackend};
use bmn_swap::{Action, Status};
use bmn_tests::{World, memory_store, swap};
use std::sync::Arc;

/// What a panic says and nobody who reads jobs is to be told.
pub(crate) const WORDS: &str = "https://host.example/KEY";

struct Bench {
    world: World,
    switches: [Switch; 2],
    signer: RemoteSigner,
}

impl Bench {
    async fn of(swaps: u32, behaviour: Behaviour) -> Self {
        let specs = (0..swaps).map(|index| swap(index, behaviour)).collect();
        let store = memory_store(&CrashBackend::new());
        let world = World::with_store(specs, store.clone()).await;
        let (switches, signer) = (<[Switch; 2]>::default(), RemoteSigner::default());
        let mut bench = Self { world, switches, signer };
        bench.restart(store);
        bench.world.resolver.run_until_idle().await.expect("it catches up");
        bench
    }

    fn restart(&mut self, store: Store) {
        let switches = &self.switches;
        let chains = self.world.network.chains.each_ref();
        let chains = chains.map(|node| (node.id(), node.chain.clone()));
        let wrap = |host: ChainHost| {
            let side = usize::from(host.spec.chain_id != chains[0].0);
            let (chain, switch) = (chains[side].1.clone(), switches[side].clone());
            let source = FaultySource { inner: chain.source(), chain, switch: switch.clone() };
            let client = FaultyClient { inner: host.client.clone(), switch };
            ChainHost { source: Box::new(source), client: Arc::new(client), ..host }
        };
        self.world.restart_with(store, Account::new(Arc::new(self.signer.clone())), wrap);
    }

    /// The same once the orders are handed in and none of their jobs was looked at.
    async fn due(swaps: u32) -> Self {
        let mut bench = Self::of(swaps, Behaviour::Honest).await;
        bench.hand_in().await;
        assert_eq!(bench.jobs(StateKind::Ready).len(), swaps as usize);
        bench
    }

    async fn hand_in(&mut self) {
        let World { makers, strangers, rpc, .. } = &mut self.world;
        for maker in makers {
            for _ in 0..4 {
                maker.act(strangers, &*rpc).await.expect("the order is handed in");
            }
        }
    }

    fn jobs(&self, state: StateKind) -> Vec<JobRow> {
        let chain = Some(self.world.network.chains[0].id());
        let filter = JobFilter { chain, state: Some(state), order: None };
        let read = self.world.resolver.store().read().expect("a snapshot");
        list(&read, &filter, None, 100).expect("jobs")
    }

    fn intents(&self) -> Vec<IntentRow> {
        let read = self.world.resolver.store().read().expect("a snapshot");
        read.intents(self.world.network.chains[0].id()).expect("intents")
    }

    fn said(&self) -> Option<String> {
        self.world.resolver.handle().not_acting()
    }

    fn does_not_sign(&self) -> bool {
        self.said().is_some_and(|why| why.contains("does not sign"))
    }

    /// Everybody but the makers acts, block after block.
    async fn goes_on(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.world.mine();
            self.world.resolver.run_until_idle().await.expect("it works");
        }
    }
}

#[tokio::test]
async fn a_job_that_panics_waits_and_the_others_of_its_batch_go_out() {
    let mut bench = Bench::due(5).await;
    let maker = bench.world.makers[0].address();
    bench.switches[0].lines().panics_on = Some(maker);
    let chain = bench.world.network.chains[0].id();
    assert!(bench.world.resolver.act(chain).await.expect("it acts"));
    assert_eq!(bench.intents().len(), 4, "the others are sent");
    let waiting = bench.jobs(StateKind::Waiting);
    let panicked: Vec<_> = waiting.iter().filter(|job| job.attempts > 0).collect();
    let [job] = &panicked[..] else { panic!("{panicked:?}") };
    let failure = job.failures.last().expect("it is kept");
    assert_eq!((job.key.action, failure.class), (Action::Fill, FailureClass::Panicked));
    assert!(failure.error.contains("panicked") && !failure.error.contains("KEY"), "{failure:?}");
    assert_eq!(bench.said(), None, "the lane runs on, and orders are taken");

    bench.switches[0].lines().panics_on = None;
    assert!(bench.world.run_to_end().await);
    for (order, status) in bench.world.statuses() {
        assert_eq!(status, Status::Completed, "{order}");
    }
}

#[tokio::test]
async fn a_job_that_panics_for_ever_is_a_dead_letter_where_the_queue_has_that_rule() {
    let mut bench = Bench::due(3).await;
    let maker = bench.world.makers[0].address();
    bench.switches[0].lines().panics_on = Some(maker);
    let completed = |world: &World| {
        world.statuses().iter().filter(|(_, status)| *status == Status::Completed).count()
    };
    assert!(bench.world.run_until(400, |world| completed(world) == 2).await, "the others end well");
    let dead = bench.jobs(StateKind::Dead);
    let [job] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((job.key.action, job.attempts), (Action::Fill, 4), "tried as often as any other");
}

#[tokio::test]
async fn between_two_panics_of_a_lane_no_order_is_taken() {
    let mut bench = Bench::due(1).await;
    let chain = bench.world.network.chains[0].id();
    assert!(bench.world.resolver.act(chain).await.expect("it acts"));
    assert_eq!(bench.intents().len(), 1, "something to look after");
    let handle = bench.world.resolver.handle();
    bench.switches[0].lines().nonce_panics = Some((handle, Vec::new()));
    bench.world.jump(0, 2);
    for turn in 0..5 {
        bench.world.resolver.keep_up(chain).await.expect("it begins again");
        assert!(
            bench.said().is_some_and(|why| why.contains("panicked")),
            "{turn}: {:?}",
            bench.said()
        );
    }
    let (_, said) = bench.switches[0].lines().nonce_panics.take().expect("it was set");
    assert!(said.len() >= 5 && said[0].is_none(), "{said:?}");
    let is_kept_out =
        |said: &Option<String>| said.as_ref().is_some_and(|why| why.contains("panicked"));
    assert!(said[1..].iter().all(is_kept_out), "{said:?}");

    bench.world.resolver.keep_up(chain).await.expect("it works");
    assert_eq!(bench.said(), None, "one whole turn was well");
}

#[tokio::test]
async fn a_replacement_that_is_not_signed_counts_as_a_signer_that_does_not_sign() {
    let mut bench = Bench::due(1).await;
    let chain = bench.world.network.chains[0].id();
    assert!(bench.world.resolver.act(chain).await.expect("it acts"));
    let dev = bench.world.network.chains[0].chain.clone();
    let hash = dev.pooled()[0].tx.hash();
    dev.pool_hold(hash, dev.head().number + 30).expect("pooled");
    *bench.signer.0.lock().expect("nobody panics") = Signs::Nothing;
    bench.goes_on(8).await;
    assert!(bench.does_not_sign(), "{:?}", bench.said());
    *bench.signer.0.lock().expect("nobody panics") = Signs::Well;
    bench.goes_on(3).await;
    assert_eq!(bench.said(), None);
}

#[tokio::test]
async fn a_permission_that_is_not_signed_counts_as_a_signer_that_does_not_sign() {
    let mut bench = Bench::of(1, Behaviour::Silent).await;
    let both = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(bench.world.run_until(300, both).await);
    *bench.signer.0.lock().expect("nobody panics") = Signs::Nothing;
    let mut counted = false;
    for _ in 0..20 {
        bench.goes_on(1).await;
        counted |= bench.does_not_sign();
    }
    assert!(counted, "{:?}", bench.said());
}

#[tokio::test]
async fn what_is_due_goes_out_before_every_order_at_an_end_was_looked_at() {
    let mut bench = Bench::of(21, Behaviour::Honest).await;
    let last = bench.world.makers.pop().expect("the newest");
    assert!(bench.world.run_to_end().await);
    bench.world.makers = vec![last];
    bench.hand_in().await;
    assert_eq!(bench.jobs(StateKind::Ready).len(), 1, "something is due");
    let store = bench.world.resolver.store().clone();
    let chain = bench.world.network.chains[0].id();
    bench.switches[0].lines().source = Source::Panics;
    bench.world.resolver.keep_up(chain).await.expect("it begins again");
    assert!(bench.said().is_some_and(|why| why.contains("panicked")), "{:?}", bench.said());
    bench.switches[0].lines().source = Source::Truth;
    bench.switches[0].lines().sent_in = Some((store, Vec::new()));
    assert_eq!(bench.world.resolver.keep_up(chain).await.expect("it works"), None);
    let (_, modes) = bench.switches[0].lines().sent_in.take().expect("it was set");
    assert!(matches!(modes[..], [Mode::Deriving(_), ..]), "{modes:?}");
}
