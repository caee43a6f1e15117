//! A crash at every storage operation of a backfill and of a rebuild loses whole suffixes only.

use super::fixtures::*;
use super::paths::STILL;
use super::reorg::{Content, Touch, apply, apply_touch};
use crate::testing::{CrashBackend, Side};
use crate::{Bulk, Mode, Reads, RebuildReason, Row, Store, StoreError, Verification, verify};

const BLOCKS: u64 = 12;

fn content(number: u64) -> Content {
    let n = number % 5 + 1;
    let touches = vec![Touch::CreateSource(n), Touch::Fill(n), Touch::Withdraw(number % 3 + 1)];
    Content { salt: number, touches }
}

/// Writes what is left of the chain as final blocks, three to a flush, after clearing it when that
/// was begun: what a node does after a restart.
fn index(store: &Store, flushed: impl FnMut(&Store)) -> Result<(), StoreError> {
    index_by(store, flushed, |bulk| {
        bulk.flush(STILL)?;
        Ok(true)
    })
}

/// The same with another flush, which answers whether it is over.
fn index_by(
    store: &Store,
    mut flushed: impl FnMut(&Store),
    flush: impl Fn(&mut Bulk) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    while let Mode::Clearing(reason) = store.read()?.cursor(A)?.mode {
        let mut tx = store.write_behind()?;
        if tx.clear_chain(A, 16)? < 16 {
            tx.set_mode(A, Mode::Rebuilding(reason))?;
        }
        tx.commit()?;
        flushed(store);
    }
    let mut bulk = store.bulk(A)?;
    loop {
        let tip = bulk.cursor(A)?.tip;
        let next = tip.map_or(100, |tip| tip.number + 1);
        if next == 100 + BLOCKS {
            break;
        }
        let content = content(next);
        let header = header(tip, content.salt);
        bulk.begin_final_block(A, &header)?;
        for (log, touch) in (0..).zip(&content.touches) {
            let at = inclusion(header.block_ref(), log);
            if let Some((escrow, what)) = apply_touch(&mut bulk, A, touch, at) {
                bulk.put_event(&event(A, at, escrow, what))?;
            }
        }
        bulk.end_block()?;
        if next % 3 == 0 && flush(&mut bulk)? {
            flushed(store);
        }
    }
    bulk.flush(STILL)?;
    flushed(store);
    Ok(())
}

fn begin_rebuild(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.write()?;
    tx.reset_cursor(A, Mode::Clearing(RebuildReason::DeepReorg))?;
    tx.commit()
}

/// Opens, perhaps begins a rebuild, indexes. Answers how many commits came back.
fn run(disk: &CrashBackend, rebuilds: bool, mut committed: impl FnMut(&Store)) -> usize {
    let mut commits = 0;
    let mut attempt = || -> Result<(), StoreError> {
        let store = Store::open(options(disk))?;
        let mut count = |store: &Store| {
            commits += 1;
            committed(store);
        };
        count(&store);
        if rebuilds {
            begin_rebuild(&store)?;
            count(&store);
        }
        index(&store, count)
    };
    let _ = attempt();
    commits
}

fn crash_everywhere(image: &[u8], rebuilds: bool) {
    let mut states: Vec<Vec<(&'static str, Row)>> = Vec::new();
    let disk = CrashBackend::from_image(image.to_vec());
    run(&disk, rebuilds, |store| states.push(everything(store)));
    let expected = states.last().unwrap().clone();
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for operation in (1..).step_by(3) {
            let disk = CrashBackend::from_image(image.to_vec());
            disk.crash_at(operation, side);
            let acknowledged = run(&disk, rebuilds, |_| {});
            if !disk.has_crashed() {
                break;
            }
            crashes += 1;
            let at = format!("{side:?} {operation}");
            for image in [disk.synced_image(), disk.torn_image(operation)] {
                let store = Store::open(options(&CrashBackend::from_image(image))).unwrap();
                let found = everything(&store);
                let last = states.len().min(acknowledged + 1);
                let allowed = &states[acknowledged.max(1) - 1..last];
                assert!(allowed.contains(&found), "{at}: {acknowledged} commits came back");
                // What is there is whole, and going on from it ends where it would have ended.
                index(&store, |_| {}).unwrap();
                if rebuilds && store.read().unwrap().cursor(A).unwrap().mode == Mode::Live {
                    continue;
                }
                assert_eq!(everything(&store), expected, "{at}: taken up again");
                let read = store.read().unwrap();
                let sound = verify(&read, A, 0..=u64::MAX, &mut |_| {}).unwrap();
                assert!(matches!(sound, Verification::Sound(_)), "{at}: {sound:?}");
            }
        }
    }
    assert!(crashes > 20, "only {crashes} crashes");
}

#[test]
fn a_backfill_that_crashes_goes_on_where_it_was_durable() {
    let disk = CrashBackend::new();
    drop(Store::open(options(&disk)).unwrap());
    crash_everywhere(&disk.synced_image(), false);
}

#[test]
fn a_rebuild_that_crashes_goes_on_and_what_was_shown_stays_public() {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    commit(&store, |tx| {
        // Another history than the one that is rebuilt, and a chain that nobody touches.
        for salt in 50..56 {
            let touches = vec![Touch::CreateSource(salt % 4 + 1), Touch::Cancel(salt % 4 + 1)];
            apply(tx, A, &Content { salt, touches });
        }
        apply(tx, B, &content(7));
        tx.put_public_secret(lock(77), secret(77).expose().into()).unwrap();
    });
    drop(store);
    let image = disk.synced_image();
    crash_everywhere(&image, true);
    let rebuilt = CrashBackend::from_image(image);
    run(&rebuilt, true, |_| {});
    let store = Store::open(options(&CrashBackend::from_image(rebuilt.synced_image()))).unwrap();
    let read = store.read().unwrap();
    assert!(read.public_secret(lock(77)).unwrap().is_some());
    assert_eq!(read.cursor(A).unwrap().mode, Mode::Rebuilding(RebuildReason::DeepReorg));
    assert!(read.cursor(B).unwrap().tip.is_some());
}

#[test]
fn a_crash_behind_a_backfill_leaves_whole_flushes_and_is_told() {
    let disk = CrashBackend::new();
    drop(Store::open(options(&disk)).unwrap());
    let image = disk.synced_image();
    let mut states = Vec::new();
    run(&CrashBackend::from_image(image.clone()), false, |store| states.push(everything(store)));
    let behind = |store: &Store| {
        index_by(
            store,
            |_| {},
            |bulk| {
                bulk.flush_behind()?;
                Ok(false)
            },
        )
    };
    let mut crashes = 0;
    for operation in (1..).step_by(2) {
        let disk = CrashBackend::from_image(image.clone());
        disk.crash_at(operation, Side::Before);
        let done = Store::open(options(&disk)).and_then(|store| behind(&store));
        if !disk.has_crashed() {
            assert!(done.is_ok(), "{operation}");
            break;
        }
        crashes += 1;
        // Only what came after the last flush goes untold: redb's own tidying as it is closed.
        assert!(done.is_err() || states.last() == Some(&reopened(&disk)), "{operation}");
        for image in [disk.synced_image(), disk.torn_image(operation)] {
            let store = Store::open(options(&CrashBackend::from_image(image))).unwrap();
            assert!(states.contains(&everything(&store)), "{operation}: part of a flush");
            behind(&store).unwrap();
            assert_eq!(Some(&everything(&store)), states.last(), "{operation}: taken up again");
        }
    }
    assert!(crashes > 20, "only {crashes} crashes");
}

fn reopened(disk: &CrashBackend) -> Vec<(&'static str, Row)> {
    let disk = CrashBackend::from_image(disk.synced_image());
    everything(&Store::open(options(&disk)).unwrap())
}

#[test]
fn a_flush_behind_that_fails_takes_what_was_staged_over_it_along() {
    let disk = CrashBackend::new();
    let store = Store::open(options(&disk)).unwrap();
    let mut bulk = store.bulk(A).unwrap();
    let write = |bulk: &mut Bulk, salt| {
        let header = header(bulk.cursor(A).unwrap().tip, salt);
        bulk.begin_final_block(A, &header)?;
        bulk.end_block()
    };
    write(&mut bulk, 1).unwrap();
    // Another writer takes the chain elsewhere.
    commit(&store, |tx| apply(tx, A, &content(7)));
    assert_eq!(bulk.flush_behind().unwrap(), 0, "nothing was under way");
    write(&mut bulk, 2).unwrap();
    assert!(bulk.is_writing());
    let moved = bulk.flush(STILL).unwrap_err();
    assert!(matches!(moved, StoreError::CursorMoved { chain: A }), "{moved}");
    let tip = store.read().unwrap().cursor(A).unwrap().tip;
    assert_eq!((bulk.size().0, bulk.cursor(A).unwrap().tip), (0, tip));
    assert_eq!(bulk.flush(STILL).unwrap().rows, 0);
}
