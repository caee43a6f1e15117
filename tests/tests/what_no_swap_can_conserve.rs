//! Attacks and accidents that no resolver can undo: each is refused, or noticed and limited to one
//! swap (`protocol.md` 11.3 and 11.14, design section 3).

use alloy::primitives::{Address, U256, address};
use bmn_contracts::{Emitter, calldata, public_action_digest, sign_order};
use bmn_host_dev::Replacement;
use bmn_indexer::Indexer;
use bmn_node::{ChainHost, NodeError, Resolver, SystemClock, rules_of};
use bmn_primitives::{AddressWord, Dialect, Timelocks};
use bmn_sim::{
    Network, Payload, SIMULATION_GENESIS, Wallet, accounts::DevAccount, scenario::Behaviour,
};
use bmn_store::{Reads, testing::CrashBackend};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, policy, swap};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = bmn_telemetry::subscriber("error", move || writer.clone()).expect("a filter");
    (log, tracing::subscriber::set_default(subscriber))
}

/// A whitelisted key signs a public cancel with made-up immutables and empties our destination.
#[tokio::test]
async fn a_hostile_whitelisted_key_costs_one_destination_and_raises_an_alarm() {
    let (log, _guard) = listen();
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let both = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(300, both).await);
    let (order, _) = world.statuses()[0];
    let read = world.resolver.store().read().expect("a snapshot");
    let plan = read.order_state(order).expect("a state").and_then(|state| state.plan);
    drop(read);
    let plan = plan.expect("a destination");
    let escrow = plan.escrow.expect("an address");

    let thief = DevAccount::Griefer;
    let forged = bmn_primitives::Immutables {
        taker: AddressWord::from(thief.address()),
        timelocks: Timelocks::pack(1, [0; 7]),
        ..plan.immutables.clone()
    };
    let digest = public_action_digest(
        plan.chain,
        escrow,
        plan.immutables.order_hash,
        thief.address(),
        "DST_PUBLIC_CANCEL",
    );
    // The deployer is whitelisted by the factory's constructor; its key went astray.
    let hash = bmn_primitives::OrderHash(digest);
    let signature = sign_order(&DevAccount::Deployer.signer(), hash).expect("a signature");
    let bmn_contracts::OrderSignature::Compact { r, vs } = signature else { panic!("compact") };
    let parity = U256::from_be_bytes(vs.0).bit(255);
    let s: U256 = U256::from_be_bytes(vs.0) & (U256::MAX >> 1);
    let bytes = [&r.0[..], &s.to_be_bytes::<32>(), &[27 + u8::from(parity)]].concat();
    let node = world.network.chains[1].clone();
    let held = node.balance_of(plan.immutables.token.masked(), escrow).await.expect("held");
    assert!(!held.is_zero());
    let mut wallet = Wallet::open(thief.signer(), node.client.clone()).await.expect("a wallet");
    let data = calldata::public_cancel_signed(Dialect::Bmn4, &forged, bytes.into());
    wallet.send(Payload::call(escrow, data, 300_000)).await.expect("sent");

    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Cancelled), "the maker gets his own back");
    let text = log.text();
    assert!(text.contains("money at risk") && text.contains("taken by somebody else"), "{text}");
    let source = world.makers[0].terms().source;
    let maker = world.makers[0].address();
    let back = world.network.chains[0].balance_of(source.token, maker).await.expect("a balance");
    assert!(back >= source.amount, "the source was not touched");
}

/// Deeper than the confirmations: our destination stands and its reason is gone.
#[tokio::test]
async fn a_reorg_deeper_than_the_confirmations_raises_an_alarm_and_never_pays_twice() {
    let (log, _guard) = listen();
    let mut world = World::new(vec![swap(0, Behaviour::Silent)]).await;
    let both = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(300, both).await);
    let node = world.network.chains[0].clone();
    let read = world.resolver.store().read().expect("a snapshot");
    let legs = read.source_legs(node.id(), None, 10).expect("legs");
    let filled = legs[0].created.block.number;
    drop(read);
    let head = node.chain.head().number;
    let depth = head + 1 - filled;
    assert!(depth > node.spec.confirmations);
    let block = node.chain.block(filled).expect("stored").expect("canonical");
    let fill = block.txs().iter().map(|tx| tx.hash()).collect();
    node.chain
        .reorg(depth, &Replacement { drop: fill, ..Replacement::default() })
        .expect("shallow");
    world.settle().await;
    assert!(log.text().contains("money at risk"), "{}", log.text());
    assert!(world.run_until(2_000, |w| w.statuses().iter().all(|(_, s)| s.is_terminal())).await);
    for _ in 0..20 {
        world.mine();
        world.settle().await;
    }
    let end = world.status().expect("a status");
    assert!(end == Status::Cancelled || end == Status::Void, "{end}");
    let wanted = world.makers[0].terms().destination;
    let maker = world.makers[0].address();
    let paid = world.network.chains[1].balance_of(wanted.token, maker).await.expect("a balance");
    assert!(paid < wanted.amount, "a silent maker was not paid");
}

/// Two dialects share a topic: a factory listed under the wrong one binds nothing.
#[tokio::test]
async fn events_read_in_the_wrong_dialect_bind_to_nothing() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_to_end().await);
    let node = &world.network.chains[0];
    let mut spec = node.spec.clone();
    for factory in &mut spec.factories {
        factory.dialect = Dialect::OneInch2;
    }
    let rules = rules_of(DevAccount::Resolver.address(), [&spec], policy());
    let store = memory_store(&CrashBackend::new());
    let indexer = Indexer::new(store.clone(), Arc::new(rules));
    let mut source = node.chain.source();
    loop {
        let read = store.read().expect("a snapshot");
        let cursor = read.cursor(node.id()).expect("a cursor").tip;
        let known = read.known_blocks(node.id());
        let next = bmn_chain::ChainSource::next_event(&mut source, cursor, &known, 50).await;
        let Some(event) = next.expect("an answer") else { break };
        drop(read);
        indexer.apply(node.id(), &event, None).expect("it applies");
    }
    let read = store.read().expect("a snapshot");
    let legs = read.source_legs(node.id(), None, 100).expect("legs");
    assert!(!legs.is_empty(), "the topic is the same");
    assert!(legs.iter().all(|leg| leg.fill.is_none() && leg.end.is_none()), "nothing binds");
    assert!(bmn_contracts::topics(Emitter::Factory(Dialect::OneInch2)).len() == 2);
}

fn open_with(factory: Address) -> Result<Resolver, NodeError> {
    let network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
    let node = &network.chains[0];
    let mut spec = node.spec.clone();
    spec.factories[0].address = factory;
    let host =
        ChainHost { spec, source: Box::new(node.chain.source()), client: node.client.clone() };
    let store = memory_store(&CrashBackend::new());
    let clock = Arc::new(SystemClock::new());
    Resolver::open(store, vec![host], DevAccount::Resolver.signer(), policy(), clock)
}

#[test]
fn a_factory_that_is_known_to_lock_funds_is_refused() {
    let broken = address!("0xa820F5dB10AE506D22c7654036a4B74F861367dB");
    let error = open_with(broken).expect_err("v3.0.0 locks funds");
    assert!(matches!(error, NodeError::LockingFactory { .. }), "{error}");
    assert!(open_with(Address::repeat_byte(9)).is_ok());
}

/// The topology of the broken releases: implementations that somebody else created.
#[tokio::test]
async fn a_factory_whose_escrows_look_elsewhere_is_refused_by_what_the_chain_says() {
    let network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
    network.set_up().await.expect("contracts");
    let node = &network.chains[0];
    let open = |implementations_of: usize| {
        let mut spec = node.spec.clone();
        let other = spec.factories[implementations_of].address;
        let both = bmn_contracts::EscrowImplementations::for_factory(Dialect::Bmn4, other);
        spec.factories[0].source_implementation = Some(both.source);
        spec.factories[0].destination_implementation = Some(both.destination);
        let source = Box::new(node.chain.source());
        let host = ChainHost { spec, source, client: node.client.clone() };
        let store = memory_store(&CrashBackend::new());
        let clock = Arc::new(SystemClock::new());
        Resolver::open(store, vec![host], DevAccount::Resolver.signer(), policy(), clock)
            .expect("it opens")
    };
    open(0).check_factories().await.expect("its own implementations are good");
    let error = open(1).check_factories().await.expect_err("another factory's are not");
    assert!(error.to_string().contains("look for factory"), "{error}");
}
