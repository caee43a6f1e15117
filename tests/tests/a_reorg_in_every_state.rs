//! Design rules M3 and M4: in whatever state a swap is, a reorg of either chain as deep as the
//! confirmations takes back what it takes back, and the swap still ends as it should, paid once.

use bmn_contracts::ContractEvent;
use bmn_host_dev::Replacement;
use bmn_primitives::OrderId;
use bmn_sim::scenario::{Behaviour, Kind, SwapSpec, Trap};
use bmn_store::Reads;
use bmn_swap::Status;
use bmn_tests::{World, same, swap};

/// Drops every transaction of the last `depth` blocks of one chain.
fn erase(world: &World, chain: usize, depth: u64) {
    let node = &world.network.chains[chain];
    let head = node.chain.head().number;
    let mut replacement = Replacement::default();
    for number in head + 1 - depth..=head {
        let block = node.chain.block(number).expect("stored").expect("canonical");
        replacement.drop.extend(block.txs().iter().map(|tx| tx.hash()));
    }
    node.chain.reorg(depth, &replacement).expect("shallower than finality");
}

/// Destination escrows on the canonical chain.
fn destinations(world: &World) -> usize {
    let read = world.resolver.store().read().expect("a snapshot");
    let node = &world.network.chains[1];
    let events = read.events(node.id(), 0, u64::MAX, None, usize::MAX).expect("events");
    let created = |event: &ContractEvent| matches!(event, ContractEvent::DestinationCreated { .. });
    events.iter().filter(|row| created(&row.event)).count()
}

async fn survives(spec: SwapSpec, state: Status, end: Status) {
    for chain in [0, 1] {
        for blocks_later in [0, 1, 2] {
            let mut world = World::new(vec![spec.clone()]).await;
            let reached = world.run_until(1_000, |world| world.status() == Some(state)).await;
            assert!(reached, "{state} is reached; it is {:?}", world.status());
            for _ in 0..blocks_later {
                world.mine();
                world.settle().await;
            }
            let depth = world.network.chains[chain].spec.confirmations;
            erase(&world, chain, depth);
            let case = format!("{state}, chain {chain}, {blocks_later} blocks later");
            // Erased again, a direct escrow is refused without a source until its maker's
            // transaction is mined once more: only the good end ends the run.
            finish(&mut world).await;
            let ended = world.run_until(2_000, |world| world.status() == Some(end)).await;
            assert!(ended, "{case}: {:?}", world.statuses());
            finish(&mut world).await;
            assert_eq!(world.status(), Some(end), "{case}");
            assert!(destinations(&world) <= 1, "{case}: the destination is funded once");
            same(&world.rows(), &world.rebuilt().await, &case);
            let complaints = world.makers[0].complaints();
            assert!(complaints.is_empty(), "{case}: {complaints:?}");
            nothing_is_left_open(&world, &case);
        }
    }
}

/// Lets every end become final.
async fn finish(world: &mut World) {
    for _ in 0..30 {
        world.mine();
        world.settle().await;
    }
}

fn nothing_is_left_open(world: &World, case: &str) {
    let read = world.resolver.store().read().expect("a snapshot");
    for node in &world.network.chains {
        assert!(read.intents(node.id()).expect("intents").is_empty(), "{case}: an intent is open");
    }
    let (order, _): (OrderId, Status) = world.statuses()[0];
    assert!(read.reservations(order).expect("reservations").is_empty(), "{case}: still reserved");
    let history = read.changes_of(order, usize::MAX).expect("history");
    assert_eq!(history[0].from, None, "{case}");
    let connected = history.windows(2).all(|pair| pair[1].from == Some(pair[0].to));
    assert!(connected, "{case}: {history:?}");
    assert_eq!(history.last().map(|change| change.to), world.status(), "{case}");
    let newest = read.changes_of(order, 1).expect("history");
    assert_eq!(newest.first(), history.last(), "{case}");
}

#[tokio::test]
async fn accepted() {
    survives(swap(0, Behaviour::Honest), Status::Accepted, Status::Completed).await;
}

#[tokio::test]
async fn source_locked() {
    survives(swap(0, Behaviour::Honest), Status::SourceLocked, Status::Completed).await;
}

#[tokio::test]
async fn both_locked() {
    survives(swap(0, Behaviour::Honest), Status::BothLocked, Status::Completed).await;
}

#[tokio::test]
async fn secret_known() {
    survives(swap(0, Behaviour::Honest), Status::SecretKnown, Status::Completed).await;
}

#[tokio::test]
async fn destination_paid() {
    survives(swap(0, Behaviour::Honest), Status::DestinationPaid, Status::Completed).await;
}

#[tokio::test]
async fn completed() {
    survives(swap(0, Behaviour::Honest), Status::Completed, Status::Completed).await;
}

#[tokio::test]
async fn destination_refunded() {
    survives(swap(0, Behaviour::Silent), Status::DestinationRefunded, Status::Cancelled).await;
}

#[tokio::test]
async fn cancelled() {
    survives(swap(0, Behaviour::Silent), Status::Cancelled, Status::Cancelled).await;
}

#[tokio::test]
async fn refunding() {
    let mut spec = swap(0, Behaviour::Trap(Trap::DirectBackdated));
    spec.kind = Kind::DirectEscrow;
    survives(spec, Status::Refunding, Status::Cancelled).await;
}
