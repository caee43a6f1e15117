//! Design rules I1 and I3: whatever happened on the way, the chain tables are those of the canonical
//! chain, byte for byte.

use alloy::primitives::B256;
use bmn_host_dev::{Replacement, ReplacementTimes};
use bmn_sim::scenario::{Behaviour, Direction, Kind};
use bmn_store::{Reads, testing::CrashBackend};
use bmn_tests::{World, memory_store, same, swap};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn swaps() -> Vec<bmn_sim::scenario::SwapSpec> {
    let mut specs = vec![
        swap(0, Behaviour::Honest),
        swap(1, Behaviour::Silent),
        swap(2, Behaviour::WithdrawsAlone),
        swap(3, Behaviour::Honest),
    ];
    specs[1].direction = Direction::BToA;
    specs[3].kind = Kind::DirectEscrow;
    specs
}

/// A reorg of a random depth, with transactions dropped, delayed and shuffled, or a bare revert.
fn disturb(world: &World, rng: &mut ChaCha8Rng) {
    let node = &world.network.chains[rng.random_range(0..2)];
    let head = node.chain.head().number;
    let depth = rng.random_range(1..=node.spec.confirmations);
    if rng.random_ratio(1, 5) {
        node.chain.revert_blocks(depth).expect("shallower than finality");
        return;
    }
    let mut replacement = Replacement {
        reorder: Some(rng.random()),
        times: ReplacementTimes::Shift(rng.random_range(-1..=1)),
        length: Some(depth + rng.random_range(0..2)),
        ..Replacement::default()
    };
    for number in head + 1 - depth..=head {
        let block = node.chain.block(number).expect("it is stored").expect("it is canonical");
        let hashes: Vec<B256> = block.txs().iter().map(|tx| tx.hash()).collect();
        for hash in hashes {
            match rng.random_range(0..5) {
                0 => replacement.drop.insert(hash),
                1 => replacement.delay.insert(hash),
                _ => false,
            };
        }
    }
    node.chain.reorg(depth, &replacement).expect("shallower than finality");
}

async fn disturbed_run(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut disk = CrashBackend::new();
    let mut world = World::with_store(swaps(), memory_store(&disk)).await;
    for step in 0..160 {
        world.settle().await;
        if rng.random_ratio(1, 4) {
            disturb(&world, &mut rng);
        }
        if rng.random_ratio(1, 10) {
            // Downtime: blocks and perhaps a reorg pass while nobody looks.
            for _ in 0..rng.random_range(1..6) {
                world.mine();
            }
            disturb(&world, &mut rng);
            disk = CrashBackend::from_image(disk.synced_image());
            let rows = world.rows();
            world.restart(memory_store(&disk));
            same(&world.rows(), &rows, &format!("seed {seed}: a restart changes nothing"));
        }
        if step % 20 == 19 {
            world.settle().await;
            same(&world.rows(), &world.rebuilt().await, &format!("seed {seed}, step {step}"));
        }
        world.mine();
    }
    world.settle().await;
    same(&world.rows(), &world.rebuilt().await, &format!("seed {seed}"));
    let is_event = |row: &&bmn_store::ChainRow| row.table == "events";
    let events = world.rows().iter().flatten().filter(is_event).count();
    assert!(events >= 10, "seed {seed}: the run indexed something ({events} events)");
}

#[tokio::test]
async fn the_tables_equal_a_rebuild_after_reorgs_reverts_and_restarts() {
    for seed in 0..4 {
        disturbed_run(seed).await;
    }
}

#[tokio::test]
async fn a_revert_and_its_redo_change_no_byte() {
    let mut world = World::new(swaps()).await;
    let recent = |world: &World| {
        let read = world.resolver.store().read().expect("a snapshot");
        world.network.chains.iter().all(|node| {
            let head = node.chain.head().number;
            let shallow = head - node.spec.confirmations + 1;
            !read.events(node.id(), shallow, head, None, 1).expect("events").is_empty()
        })
    };
    // Only blocks that hold something have rows: until both chains can lose one of them.
    assert!(world.run_until(400, recent).await);
    let before = world.rows();
    for node in &world.network.chains {
        // The same transactions at the same times: only the hashes differ, in the block rows and
        // wherever a row names its block. A second reorg to another fork undoes the first.
        let depth = node.spec.confirmations;
        node.chain.reorg(depth, &Replacement::default()).expect("shallower than finality");
    }
    world.settle().await;
    assert!(world.rows() != before, "another fork has other hashes");
    for (now, before) in world.rows().iter().zip(&before) {
        assert!(now != before, "each chain lost a block that held something");
    }
    same(&world.rows(), &world.rebuilt().await, "after the reorg");
}
