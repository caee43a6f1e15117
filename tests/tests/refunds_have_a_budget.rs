//! Source escrows that strangers make in our name and we refuse go back at our expense: a few a day, and never
//! before what is ours.

use bmn_queue::{JobFilter, JobState, Lane, list};
use bmn_sim::scenario::{Behaviour, Kind, SwapSpec, Trap};
use bmn_swap::{Action, RefundLimits, Status, Wake};
use bmn_tests::{World, policy, swap};

const DAY: u64 = 86_400;

fn refused(index: u32) -> SwapSpec {
    let mut spec = swap(index, Behaviour::Trap(Trap::DirectBackdated));
    spec.kind = Kind::DirectEscrow;
    spec
}

async fn world(specs: Vec<SwapSpec>, refunds: RefundLimits) -> World {
    let mut world = World::new(specs).await;
    let mut policy = policy();
    policy.limits.refunds = refunds;
    let store = world.resolver.store().clone();
    world.restart_within(store, policy);
    world
}

fn count(world: &World, status: Status) -> usize {
    world.statuses().iter().filter(|(_, found)| *found == status).count()
}

fn time(world: &World) -> u64 {
    world.network.chains[0].chain.head().time
}

/// The jobs that give a refused escrow back: their lane, what they wait for, and why.
fn waiting(world: &World) -> Vec<(Lane, Vec<Wake>, String)> {
    let read = world.resolver.store().read().expect("a snapshot");
    let jobs = list(&read, &JobFilter::default(), None, 100).expect("jobs");
    let told = |job: bmn_queue::JobRow| {
        let why = job.last_error().unwrap_or_default().to_owned();
        match &job.state {
            JobState::Waiting(wakes) => (job.lane(), wakes.clone(), why),
            state => panic!("{:?} of {:?}", state.kind(), job.key.action),
        }
    };
    let of_refund = |job: &bmn_queue::JobRow| job.key.action == Action::CancelSource;
    jobs.into_iter().filter(of_refund).map(told).collect()
}

#[tokio::test]
async fn so_many_go_back_on_a_day_and_the_others_wait_for_the_next_one() {
    let mut specs: Vec<_> = (0..3).map(refused).collect();
    specs.push(swap(3, Behaviour::Honest));
    let limits = RefundLimits { per_day: 1, ..RefundLimits::default() };
    let mut world = world(specs, limits).await;
    let gone = |world: &World| count(world, Status::Cancelled);
    assert!(world.run_until(2_000, |world| gone(world) == 1).await, "{:?}", world.statuses());
    for _ in 0..200 {
        world.mine();
        world.settle().await;
    }
    assert_eq!((gone(&world), count(&world, Status::Refunding)), (1, 2), "no more of them today");
    assert_eq!(count(&world, Status::Completed), 1, "and what is ours went on");
    let tomorrow = (time(&world) / DAY + 1) * DAY;
    let chain = world.network.chains[0].id();
    let reason = "1 source escrows of strangers were given back today, 1 is the most";
    let waits = (Lane::Keeper, vec![Wake::Time { chain, time: tomorrow }], reason.to_owned());
    assert_eq!(waiting(&world), [waits.clone(), waits]);
    for day in 1..3 {
        world.sleep(tomorrow + (day - 1) * DAY - time(&world));
        world.settle().await;
        let done = 1 + day as usize;
        assert!(world.run_until(60, |world| gone(world) == done).await, "day {day}");
        for _ in 0..60 {
            world.mine();
            world.settle().await;
        }
        assert_eq!(gone(&world), done, "day {day}");
    }
}

#[tokio::test]
async fn their_gas_has_a_bound_for_the_day_too_and_counts_as_spent() {
    let limits = RefundLimits { gas_per_day: 1, ..RefundLimits::default() };
    let mut world = world(vec![refused(0), refused(1)], limits).await;
    let gone = |world: &World| count(world, Status::Cancelled);
    // The first of a day goes at any price, or it would never go.
    assert!(world.run_until(2_000, |world| gone(world) == 1).await, "{:?}", world.statuses());
    for _ in 0..60 {
        world.mine();
        world.settle().await;
    }
    assert_eq!((gone(&world), count(&world, Status::Refunding)), (1, 1), "no more of them today");
    let (_, wakes, why) = waiting(&world).remove(0);
    assert!(why.contains("wei today") && why.contains("1 is the most"), "{why}");
    let chain = world.network.chains[0].id();
    assert_eq!(wakes, [Wake::Time { chain, time: (time(&world) / DAY + 1) * DAY }]);
    // With room it goes back, and what it cost is counted beside all coin.
    let mut policy = policy();
    policy.limits.refunds = RefundLimits::default();
    let store = world.resolver.store().clone();
    world.restart_within(store, policy);
    let tomorrow = (time(&world) / DAY + 1) * DAY;
    world.sleep(tomorrow - time(&world));
    world.settle().await;
    assert!(world.run_until(60, |world| gone(world) == 2).await);
}

#[test]
fn the_limits_are_exact() {
    use alloy::primitives::U256;
    use bmn_swap::{RefundWait, Refunded};
    let limits = RefundLimits { per_day: 2, gas_per_day: 100 };
    let today =
        |number: u64, gas: u64| Refunded { number: U256::from(number), gas: U256::from(gas) };
    let (cost, limit) = (U256::from(40), 100);
    assert_eq!(limits.allow(today(1, 60), cost), Ok(()));
    let gas = U256::from(61);
    let dear = RefundWait::Gas { gas, adding: cost, limit };
    assert_eq!(limits.allow(today(1, 61), cost), Err(dear));
    let number = U256::from(2);
    assert_eq!(limits.allow(today(2, 0), cost), Err(RefundWait::Number { number, limit: 2 }));
    assert!(limits.allow(Refunded { gas: U256::MAX, ..today(0, 0) }, U256::MAX).is_err());
    let none = RefundLimits { per_day: 0, ..limits };
    assert!(none.allow(today(0, 0), U256::ZERO).is_err());
}
