//! What is over leaves the index while swaps go on: nothing that is under way notices, and the rolling digest is
//! that of an index which kept everything.

use bmn_host_dev::{Replacement, ReplacementTimes};
use bmn_primitives::ChainId;
use bmn_sim::scenario::{Behaviour, Direction, SwapSpec};
use bmn_store::{
    PruneBudget, PruneReads, ReadTx, Reads, Retention, RetentionBudget, RetentionPolicy,
    Verification, prune_index, testing::CrashBackend, verify,
};
use bmn_tests::{World, memory_store, swap};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Seconds of a chain's time that what is over is kept: hardly longer than until it is final.
const KEPT_SECS: u64 = 10;

fn swaps() -> Vec<SwapSpec> {
    let behaviours = [
        Behaviour::Honest,
        Behaviour::Silent,
        Behaviour::WithdrawsAlone,
        Behaviour::Honest,
        Behaviour::Silent,
        Behaviour::Honest,
    ];
    let mut specs: Vec<_> = (0..).zip(behaviours).map(|(n, does)| swap(n, does)).collect();
    for spec in specs.iter_mut().skip(1).step_by(2) {
        spec.direction = Direction::BToA;
    }
    specs
}

fn disturb(world: &World, rng: &mut ChaCha8Rng) {
    let node = &world.network.chains[rng.random_range(0..2)];
    let depth = rng.random_range(1..node.spec.confirmations.max(2));
    let replacement = Replacement {
        reorder: Some(rng.random()),
        times: ReplacementTimes::Shift(rng.random_range(-1..=1)),
        length: Some(depth + 1),
        ..Replacement::default()
    };
    node.chain.reorg(depth, &replacement).expect("shallower than finality");
}

fn prune(world: &World, archive: &Path) {
    let store = world.resolver.store();
    let policy = RetentionPolicy { orders_secs: Some(KEPT_SECS) };
    let mut retention = Retention::open(archive).expect("an archive");
    retention.retain(store, &policy, &RetentionBudget::default()).expect("it archives");
    prune_index(store, KEPT_SECS, &PruneBudget::default(), &|| false).expect("it prunes");
}

fn events(read: &ReadTx, chain: ChainId) -> usize {
    read.events(chain, 0, u64::MAX, None, usize::MAX).expect("a read").len()
}

async fn assert_like_a_whole_one(world: &World, case: &str) {
    let whole = world.reindexed().await;
    let (whole, pruned) =
        (whole.read().expect("a read"), world.resolver.store().read().expect("a read"));
    for node in &world.network.chains {
        let chain = node.id();
        let of = |read: &ReadTx| read.cursor(chain).expect("a cursor").digest;
        assert_eq!(of(&pruned), of(&whole), "{case}: {chain}");
        let found = verify(&pruned, chain, 0..=u64::MAX, &mut |_| {}).expect("it reads");
        assert!(matches!(found, Verification::Sound(_)), "{case}: {chain}: {found:?}");
        let days = |read: &ReadTx| read.days(chain, 0, u32::MAX, 99).expect("days");
        assert_eq!(days(&pruned), days(&whole), "{case}: {chain}");
    }
}

#[tokio::test]
async fn swaps_go_on_over_an_index_that_forgets_and_survive_restarts_and_reorgs() {
    for seed in 0..2 {
        let archive = tempfile::tempdir().expect("a directory");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut disk = CrashBackend::new();
        let mut world = World::with_store(swaps(), memory_store(&disk)).await;
        for step in 0..420 {
            world.settle().await;
            if rng.random_ratio(1, 12) {
                disturb(&world, &mut rng);
                world.settle().await;
            }
            if step % 7 == 0 {
                prune(&world, archive.path());
            }
            if rng.random_ratio(1, 40) {
                disk = CrashBackend::from_image(disk.synced_image());
                world.restart(memory_store(&disk));
            }
            if step % 60 == 59 {
                world.settle().await;
                assert_like_a_whole_one(&world, &format!("seed {seed}, step {step}")).await;
            }
            world.mine();
        }
        world.settle().await;
        prune(&world, archive.path());
        assert_like_a_whole_one(&world, &format!("seed {seed}, end")).await;
        assert_eq!(world.statuses(), [], "seed {seed}: every order ended and was archived");
        let whole = world.reindexed().await.read().expect("a read");
        let read = world.resolver.store().read().expect("a read");
        for node in &world.network.chains {
            assert!(read.index_floor(node.id()).expect("a read").is_some());
            let (all, left) = (events(&whole, node.id()), events(&read, node.id()));
            assert!(all >= 8 && left == 0, "seed {seed}: {left} of {all} events stayed");
        }
    }
}
