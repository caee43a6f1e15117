//! Design rules I2 and I5: the host is told of nothing that is not final, and of nothing that a crash
//! could take from us.

use bmn_sim::scenario::Behaviour;
use bmn_store::{
    Reads,
    testing::{CrashBackend, Side},
};
use bmn_tests::{World, memory_store, swap};

fn acknowledged(world: &World, chain: usize) -> u64 {
    world.network.chains[chain].chain.acknowledged().map_or(0, |block| block.number)
}

#[tokio::test]
async fn it_never_passes_the_finalized_block() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    for _ in 0..120 {
        world.mine();
        world.settle().await;
        for (index, node) in world.network.chains.iter().enumerate() {
            let finalized = node.chain.finalized().expect("known").map_or(0, |block| block.number);
            assert!(acknowledged(&world, index) <= finalized);
        }
    }
    assert!((0..2).all(|chain| acknowledged(&world, chain) > 0), "something was acknowledged");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_at_any_storage_operation() {
    let mut crashes = 0;
    for operation in (1..1_000).step_by(24) {
        for side in [Side::Before, Side::After] {
            let disk = CrashBackend::new();
            let mut world = World::with_store(vec![], memory_store(&disk)).await;
            disk.crash_at(disk.operations() + operation, side);
            for _ in 0..60 {
                world.mine();
                let failed = world.resolver.run_until_idle().await.is_err();
                if failed || disk.has_crashed() {
                    crashes += 1;
                    break;
                }
            }
            let store = memory_store(&CrashBackend::from_image(disk.synced_image()));
            let read = store.read().expect("a snapshot");
            for (index, node) in world.network.chains.iter().enumerate() {
                let tip = read.cursor(node.id()).expect("a cursor").tip;
                let durable = tip.map_or(0, |tip| tip.number);
                assert!(acknowledged(&world, index) <= durable, "operation {operation} {side:?}");
            }
        }
    }
    assert!(crashes > 20, "most of these runs crash ({crashes})");
}
