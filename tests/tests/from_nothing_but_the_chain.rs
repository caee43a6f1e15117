//! Everything that was stored is lost, or is older than the chain: what stands open is found on the chain
//! and brought to its end, nothing is done twice, and nothing of a stranger's becomes ours (M8).

use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::calldata;
use bmn_primitives::{AddressWord, Dialect, Hashlock, Immutables, OrderHash, Secret, Timelocks};
use bmn_rpc::Intake;
use bmn_sim::{
    Payload, Wallet,
    accounts::{DevAccount, secret_bytes},
    scenario::{Behaviour, SwapSpec},
};
use bmn_store::{AnyLeg, LegIndex, Reads, Store, testing::CrashBackend};
use bmn_swap::{EscrowEnd, Order, Origin, Status};
use bmn_tests::{SEED, World, memory_store, swap};

fn empty() -> Store {
    memory_store(&CrashBackend::new())
}

async fn world(behaviour: Behaviour, dialect: Dialect) -> World {
    // Enough for the gas of calls through our contract.
    let spec = SwapSpec { dialect, margin_bps: 400, ..swap(0, behaviour) };
    World::with_store(vec![spec], empty()).await
}

/// The maker's and our tokens: source, then destination.
async fn held(world: &World) -> [[U256; 2]; 2] {
    let terms = world.makers[0].terms();
    let mut held = [[U256::ZERO; 2]; 2];
    for (of, side) in held.iter_mut().zip([terms.source, terms.destination]) {
        let node = world.network.chain(side.chain).expect("served");
        let maker = world.makers[0].address();
        for (balance, account) in of.iter_mut().zip([maker, DevAccount::Resolver.address()]) {
            *balance = node.balance_of(side.token, account).await.expect("a balance");
        }
    }
    held
}

/// What every party has more or less than before, as the end of the swap has it (M11).
async fn assert_conserved(world: &World, before: [[U256; 2]; 2], end: Status, case: &str) {
    let terms = world.makers[0].terms();
    let [[maker_source, our_source], [maker_paid, our_paid]] = before;
    let (given, paid) = match end {
        Status::Completed => (terms.source.amount, terms.destination.amount),
        Status::Cancelled => (U256::ZERO, U256::ZERO),
        other => panic!("{case}: {other}"),
    };
    let fees = terms.fees.integrator_amount + terms.fees.protocol_amount;
    let got = if paid.is_zero() { paid } else { paid - fees };
    let expected =
        [[maker_source - given, our_source + given], [maker_paid + got, our_paid - paid]];
    assert_eq!(held(world).await, expected, "{case}: {end}");
}

fn orders(world: &World) -> Vec<Order> {
    world.resolver.store().read().expect("a snapshot").orders(None, 100).expect("orders")
}

fn all_over(world: &World) -> bool {
    let statuses = world.statuses();
    !statuses.is_empty() && statuses.iter().all(|(_, status)| status.is_terminal())
}

/// How many destinations with the swap's hashlock name us, and how many of them stand.
fn destinations(world: &World) -> (usize, usize) {
    let read = world.resolver.store().read().expect("a snapshot");
    let chain = world.network.chains[1].id();
    let by = LegIndex::DestinationHashlock(world.makers[0].hashlock());
    let legs = read.legs_by(chain, by, None, 100).expect("legs");
    let open = |leg: &&AnyLeg| matches!(leg, AnyLeg::Destination(leg) if leg.end.is_none());
    (legs.len(), legs.iter().filter(open).count())
}

const STATES: [Status; 6] = [
    Status::SourceLocked,
    Status::BothLocked,
    Status::SecretKnown,
    Status::DestinationPaid,
    Status::DestinationRefunded,
    Status::Completed,
];

async fn lose_everything_at_each_state(dialect: Dialect) {
    let mut met = Vec::new();
    for at in STATES {
        let silent = at == Status::DestinationRefunded;
        let behaviour = if silent { Behaviour::Silent } else { Behaviour::Honest };
        let mut world = world(behaviour, dialect).await;
        let before = held(&world).await;
        if !world.run_until(2_000, |world| world.status() == Some(at)).await {
            assert!(world.status().is_some_and(Status::is_success), "{dialect} {at}");
            continue;
        }
        met.push(at);
        world.restart(empty());
        let case = format!("{dialect}, lost at {at}");
        world.settle().await;
        if at == Status::Completed {
            for _ in 0..20 {
                world.mine();
                world.settle().await;
            }
            assert_eq!(orders(&world), [], "{case}: what is over is not brought back");
            assert_conserved(&world, before, at, &case).await;
            continue;
        }
        let found = orders(&world);
        assert!(matches!(found[..], [Order { origin: Origin::Recovered(_), .. }]), "{case}");
        assert!(world.run_until(2_000, all_over).await, "{case}: {:?}", world.statuses());
        let end = world.status().expect("a status");
        match at {
            Status::SourceLocked | Status::DestinationRefunded => {
                assert_eq!(end, Status::Cancelled, "{case}");
            }
            // He discloses again to whoever asks, and a payment of his is followed through.
            Status::BothLocked | Status::DestinationPaid => {
                assert_eq!(end, Status::Completed, "{case}");
            }
            _ => {}
        }
        assert!(destinations(&world).0 <= 1, "{case}: funded twice");
        assert_conserved(&world, before, end, &case).await;
    }
    assert!(met.len() >= 5, "only {met:?} could be caught between two blocks");
}

#[tokio::test]
async fn whatever_state_a_swap_is_in_when_everything_is_lost_it_ends_as_it_must() {
    lose_everything_at_each_state(Dialect::Bmn4).await;
}

#[tokio::test]
async fn the_same_where_windows_count_from_the_escrows_block() {
    lose_everything_at_each_state(Dialect::OneInch1).await;
    lose_everything_at_each_state(Dialect::OneInch2).await;
}

#[tokio::test]
async fn the_same_where_the_source_is_only_named() {
    lose_everything_at_each_state(Dialect::Bmn302).await;
}

#[tokio::test]
async fn a_secret_that_was_lost_may_be_handed_in_again() {
    let mut world = world(Behaviour::Silent, Dialect::Bmn4).await;
    let before = held(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::BothLocked)).await);
    world.restart(empty());
    world.settle().await;
    assert_eq!(world.status(), Some(Status::BothLocked));
    let lost = Secret::new(secret_bytes(SEED, 0));
    world.resolver.handle().submit_secret(lost, &[]).await.expect("it opens a recovered order");
    assert!(world.run_until(2_000, all_over).await);
    assert_conserved(&world, before, Status::Completed, "handed in again").await;
}

fn coin_escrow(world: &World, hashlock: Hashlock, hash: OrderHash, amount: u64) -> Immutables {
    let now = u32::try_from(world.network.chains[1].chain.head().time).expect("32 bits");
    Immutables {
        order_hash: hash,
        hashlock,
        maker: AddressWord::from(Address::repeat_byte(0x77)),
        taker: AddressWord::from(DevAccount::Resolver.address()),
        token: AddressWord::ZERO,
        amount: U256::from(amount),
        safety_deposit: U256::ZERO,
        timelocks: Timelocks::pack(now, [0, 0, 900, 1_000, 10, 20, 60]),
        parameters: Bytes::new(),
    }
}

async fn create(world: &mut World, by: DevAccount, immutables: &Immutables) {
    let node = world.network.chains[1].clone();
    let mut wallet = Wallet::open(by.signer(), node.client.clone()).await.expect("a wallet");
    let data = calldata::create_dst_escrow(Dialect::Bmn4, immutables, None);
    let factory = node.factory(Dialect::Bmn4).address;
    let payload = Payload { value: immutables.amount, ..Payload::call(factory, data, 600_000) };
    wallet.send(payload).await.expect("sent");
    world.mine();
}

/// Ends of the destinations with a hashlock.
fn ends(world: &World, hashlock: Hashlock) -> Vec<Option<EscrowEnd>> {
    let read = world.resolver.store().read().expect("a snapshot");
    let chain = world.network.chains[1].id();
    let legs = read.legs_by(chain, LegIndex::DestinationHashlock(hashlock), None, 100);
    let end = |leg: AnyLeg| match leg {
        AnyLeg::Destination(leg) => leg.end.map(|(end, _)| end),
        AnyLeg::Source(_) => None,
    };
    legs.expect("legs").into_iter().map(end).collect()
}

const ETHER: u64 = 1_000_000_000_000_000_000;

#[tokio::test]
async fn an_orphaned_destination_comes_back_and_a_strangers_only_when_it_is_worth_it() {
    let mut world = world(Behaviour::Silent, Dialect::Bmn4).await;
    let lock = |byte: u8| Hashlock([byte; 32].into());
    let cases = [
        (DevAccount::Resolver, lock(1), ETHER / 100),
        (DevAccount::Griefer, lock(2), 1),
        (DevAccount::Griefer, lock(3), ETHER),
    ];
    for (by, hashlock, amount) in cases {
        let immutables = coin_escrow(&world, hashlock, OrderHash(hashlock.0), amount);
        create(&mut world, by, &immutables).await;
    }
    world.restart(empty());
    world.settle().await;
    for _ in 0..120 {
        world.mine();
        world.settle().await;
    }
    assert_eq!(ends(&world, lock(1)), [Some(EscrowEnd::Cancelled)], "ours");
    assert_eq!(ends(&world, lock(2)), [None], "a stranger's dust costs us no gas");
    assert_eq!(ends(&world, lock(3)), [Some(EscrowEnd::Cancelled)], "he gave it away");
    let read = world.resolver.store().read().expect("a snapshot");
    let orphan = |order: &Order| order.hashlock == lock(1) || order.hashlock == lock(3);
    let orphans: Vec<_> = orders(&world).into_iter().filter(orphan).collect();
    assert_eq!(orphans.len(), 2);
    for order in orphans {
        assert!(!order.is_accepted());
        assert!(read.accepted_by_hashlock(order.hashlock, 9).expect("a list").is_empty());
        assert!(read.order_state(order.id).expect("read").expect("kept").status == Status::Void);
    }
}

#[tokio::test]
async fn a_strangers_copy_of_our_destination_does_not_become_ours() {
    let mut world = world(Behaviour::Honest, Dialect::Bmn4).await;
    let before = held(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::SourceLocked)).await);
    let order = orders(&world).remove(0);
    // Before ours, with its hashlock, its order hash and our name.
    let copy = coin_escrow(&world, order.hashlock, order.id.hash, 1);
    create(&mut world, DevAccount::Griefer, &copy).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::BothLocked)).await);
    assert_eq!(destinations(&world).0, 2);
    world.restart(empty());
    world.settle().await;
    let read = world.resolver.store().read().expect("a snapshot");
    let [order] = &orders(&world)[..] else { panic!("one order") };
    let state = read.order_state(order.id).expect("read").expect("kept");
    drop(read);
    assert_eq!(state.plan.expect("found").immutables.amount, order.destination_amount);
    assert!(world.run_until(2_000, all_over).await);
    assert_conserved(&world, before, Status::Completed, "beside a copy").await;
}

/// A backup from before a step, put back after it.
async fn put_back(taken_at: Status, put_back_at: Status) {
    let disk = CrashBackend::new();
    let spec = swap(0, Behaviour::Honest);
    let mut world = World::with_store(vec![spec], memory_store(&disk)).await;
    let before = held(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(taken_at)).await);
    let backup = disk.image();
    assert!(world.run_until(300, |world| world.status() == Some(put_back_at)).await);
    let nonce = |world: &World| {
        let us = DevAccount::Resolver.address();
        world.network.chains.each_ref().map(|node| node.chain.nonce(us))
    };
    let sent = nonce(&world);
    world.restart(memory_store(&CrashBackend::from_image(backup)));
    world.settle().await;
    let case = format!("taken at {taken_at}, put back at {put_back_at}");
    assert_eq!(world.status(), Some(put_back_at), "{case}");
    assert_eq!(nonce(&world), sent, "{case}");
    assert!(world.run_until(2_000, all_over).await, "{case}");
    assert_eq!(world.statuses().len(), 1, "{case}");
    assert_eq!(destinations(&world), (1, 0), "{case}: funded once");
    assert_conserved(&world, before, world.status().expect("a status"), &case).await;
}

#[tokio::test]
async fn an_older_database_put_back_does_nothing_twice() {
    put_back(Status::Accepted, Status::SourceLocked).await;
    put_back(Status::Accepted, Status::BothLocked).await;
    put_back(Status::SourceLocked, Status::BothLocked).await;
    put_back(Status::SourceLocked, Status::DestinationPaid).await;
    put_back(Status::BothLocked, Status::DestinationPaid).await;
}

#[tokio::test]
async fn a_funding_that_was_forgotten_in_the_pool_is_waited_for() {
    let disk = CrashBackend::new();
    let mut world = World::with_store(vec![swap(0, Behaviour::Honest)], memory_store(&disk)).await;
    let before = held(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::SourceLocked)).await);
    let backup = disk.image();
    let us = DevAccount::Resolver.address();
    let pooled = |world: &World| {
        let pool = world.network.chains[1].chain.pooled();
        pool.into_iter().find(|pooled| pooled.tx.sender() == us).map(|pooled| pooled.tx.hash())
    };
    assert!(world.run_until(300, |world| pooled(world).is_some()).await, "the funding is sent");
    let node = world.network.chains[1].chain.clone();
    let hash = pooled(&world).expect("pooled");
    node.pool_hold(hash, node.head().number + 6).expect("held");
    world.restart(memory_store(&CrashBackend::from_image(backup)));
    for _ in 0..5 {
        world.settle().await;
        assert_eq!(pooled(&world), Some(hash), "nothing was sent beside it or in its place");
        world.mine();
    }
    assert!(world.run_until(2_000, all_over).await);
    assert_eq!(destinations(&world), (1, 0), "funded once");
    assert_conserved(&world, before, Status::Completed, "waited for").await;
}
