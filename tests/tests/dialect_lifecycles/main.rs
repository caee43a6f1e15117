//! Every path of a swap, in every dialect that orders are filled of, through the real node on the
//! development host: each ends as it must, and exactly what the end allows has changed hands.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod bed;
mod gas;
mod parts;

use bed::{Bed, DIALECTS, contract_keeps_nothing};
use bmn_host_dev::Replacement;
use bmn_primitives::Dialect;
use bmn_sim::scenario::Behaviour;
use bmn_store::{Reads, testing::CrashBackend};
use bmn_swap::{PathStep, Status};
use bmn_tests::memory_store;
use parts::Divided;

#[tokio::test]
async fn the_resolver_withdraws_both_legs() {
    for dialect in DIALECTS {
        let mut bed = Bed::new(dialect, Behaviour::Honest).await;
        bed.reach(Status::Completed).await;
        bed.ended(Status::Completed, false).await;
    }
}

#[tokio::test]
async fn a_maker_withdraws_alone_with_our_permission_where_the_dialect_knows_one() {
    for dialect in [Dialect::Bmn4, Dialect::Bmn302] {
        let mut bed = Bed::new(dialect, Behaviour::WithdrawsAlone).await;
        bed.reach(Status::Completed).await;
        bed.ended(Status::Completed, true).await;
    }
}

#[tokio::test]
async fn no_permission_is_signed_where_the_dialect_knows_none() {
    for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
        let mut bed = Bed::new(dialect, Behaviour::Silent).await;
        bed.reach(Status::BothLocked).await;
        bed.finish().await;
        let read = bed.world.resolver.store().read().unwrap();
        let (order, _) = bed.world.statuses()[0];
        assert_eq!(read.order_state(order).unwrap().unwrap().permission, None, "{dialect}");
    }
}

#[tokio::test]
async fn a_silent_maker_gets_his_source_back_and_we_our_destination() {
    for dialect in DIALECTS {
        let mut bed = Bed::new(dialect, Behaviour::Silent).await;
        bed.reach(Status::Cancelled).await;
        bed.ended(Status::Cancelled, false).await;
    }
}

/// Nobody looks until the source's windows are over.
const NIGHT: u64 = 1_000;

#[tokio::test]
async fn a_source_whose_window_was_missed_is_held_and_rescued() {
    for dialect in DIALECTS {
        let mut bed = Bed::new(dialect, Behaviour::Honest).await;
        bed.reach(Status::DestinationPaid).await;
        bed.world.sleep(NIGHT);
        bed.finish().await;
        let held = bed.world.status();
        assert_eq!(held, Some(Status::DestinationPaid), "{dialect}: never cancelled (M10)");
        let delay = bed.world.network.chains[0].factory(dialect).rescue_delay_secs;
        bed.world.sleep(delay);
        bed.reach(Status::Completed).await;
        bed.ended(Status::Completed, false).await;
    }
}

#[tokio::test]
async fn no_step_uses_more_gas_than_admission_reckons_with_nor_less_than_half() {
    let mut wrong = Vec::new();
    for dialect in DIALECTS {
        let mut honest = Bed::new(dialect, Behaviour::Honest).await;
        honest.reach(Status::Completed).await;
        let mut silent = Bed::new(dialect, Behaviour::Silent).await;
        silent.reach(Status::Cancelled).await;
        let mut used = gas::used(&honest, dialect);
        used.extend(gas::used(&silent, dialect));
        // Nothing but the two rescues is missing.
        assert_eq!(used.len(), PathStep::ALL.len() - 2, "{dialect}: {used:?}");
        wrong.extend(gas::misjudged(&used, dialect));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The states of the honest path in which something is under way.
const MIDDLE: [Status; 4] =
    [Status::SourceLocked, Status::BothLocked, Status::SecretKnown, Status::DestinationPaid];

#[tokio::test]
async fn a_crash_in_the_middle_changes_nothing() {
    for dialect in DIALECTS {
        for middle in MIDDLE {
            let disk = CrashBackend::new();
            let store = memory_store(&disk);
            let mut bed = Bed::with_store(dialect, Behaviour::Honest, store).await;
            bed.reach(middle).await;
            disk.crash_now();
            let _ = bed.world.try_settle().await;
            let left = CrashBackend::from_image(disk.synced_image());
            bed.world.restart(memory_store(&left));
            bed.reach(Status::Completed).await;
            bed.ended(Status::Completed, false).await;
        }
    }
}

#[tokio::test]
async fn a_reorg_in_the_middle_as_deep_as_the_confirmations_changes_nothing() {
    for dialect in DIALECTS {
        for middle in MIDDLE {
            for chain in [0, 1] {
                let mut bed = Bed::new(dialect, Behaviour::Honest).await;
                bed.reach(middle).await;
                let node = &bed.world.network.chains[chain];
                let (depth, head) = (node.spec.confirmations, node.chain.head().number);
                let mut replacement = Replacement::default();
                for number in head + 1 - depth..=head {
                    let block = node.chain.block(number).unwrap().unwrap();
                    replacement.drop.extend(block.txs().iter().map(|tx| tx.hash()));
                }
                node.chain.reorg(depth, &replacement).unwrap();
                bed.reach(Status::Completed).await;
                bed.ended(Status::Completed, false).await;
            }
        }
    }
}

/// Past every window of a destination, seconds.
const JUMP: u64 = 450;

#[tokio::test]
async fn a_destination_whose_time_jumps_over_its_windows_costs_nobody_anything() {
    for dialect in DIALECTS {
        for (state, end) in [
            (Status::Accepted, Status::Cancelled),
            (Status::SourceLocked, Status::Cancelled),
            (Status::BothLocked, Status::Cancelled),
            (Status::SecretKnown, Status::Cancelled),
            (Status::DestinationPaid, Status::Completed),
        ] {
            let mut bed = Bed::new(dialect, Behaviour::Honest).await;
            bed.reach(state).await;
            bed.world.jump(1, JUMP);
            bed.reach(end).await;
            bed.ended(end, false).await;
        }
    }
}

const ONE_INCH: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

#[tokio::test]
async fn an_order_in_parts_is_filled_part_by_part_each_with_its_own_secret() {
    for dialect in ONE_INCH {
        let mut divided = Divided::new(dialect, &CrashBackend::new()).await;
        divided.submit().await;
        divided.run(divided.fifths(5)).await;
        divided.is_settled(dialect).await;
    }
}

#[tokio::test]
async fn after_a_crash_between_two_parts_the_next_one_is_still_chosen() {
    for dialect in ONE_INCH {
        let disk = CrashBackend::new();
        let mut divided = Divided::new(dialect, &disk).await;
        divided.submit().await;
        divided.first_part_is_mined().await;
        disk.crash_now();
        let _ = divided.world.try_settle().await;
        let left = CrashBackend::from_image(disk.synced_image());
        divided.world.restart(memory_store(&left));
        divided.run(divided.fifths(5)).await;
        divided.is_settled(dialect).await;
    }
}

#[tokio::test]
async fn what_another_resolver_fills_between_two_parts_is_left_to_him() {
    for dialect in ONE_INCH {
        let mut divided = Divided::new(dialect, &CrashBackend::new()).await;
        divided.submit().await;
        divided.first_part_is_mined().await;
        divided.rival_fills_a_fifth(dialect, divided.fifths(2)).await;
        divided.run(divided.fifths(4)).await;
        let fills = divided.fills();
        assert!(fills.values().all(|status| *status == Status::Completed), "{dialect}: {fills:?}");
        let two = alloy::primitives::U256::from(2);
        assert_eq!(divided.shares(), [(1, two), (4, two)], "{dialect}");
        contract_keeps_nothing(&divided.world).await;
    }
}
