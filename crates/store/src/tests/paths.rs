//! The same canonical chain leaves the same rows, whichever way it came (design rule I1).

use super::fixtures::*;
use super::reorg::{Content, apply, apply_touch, content};
use crate::{Mode, Reads, Staged, Store, StoreError, chain_rows, verify};
use crate::{RollingDigest, Verification};
use bmn_chain::Header;
use bmn_primitives::BlockRef;
use proptest::prelude::*;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const STILL: &dyn Fn() -> Duration = &|| Duration::ZERO;

fn headers(contents: &[Content]) -> Vec<Header> {
    let mut tip = None;
    let next = |content: &Content| {
        let header = header(tip, content.salt);
        tip = Some(header.block_ref());
        header
    };
    contents.iter().map(next).collect()
}

/// Writes a final block; answers whether it holds an event.
fn write_final(staged: &mut Staged, header: &Header, content: &Content) -> bool {
    staged.begin_final_block(A, header).unwrap();
    let mut events = 0;
    for (log, touch) in content.touches.iter().enumerate() {
        let at = inclusion(header.block_ref(), log as u32);
        if let Some((escrow, what)) = apply_touch(staged, A, touch, at) {
            staged.put_event(&event(A, at, escrow, what)).unwrap();
            events += 1;
        }
    }
    staged.end_block().unwrap();
    events > 0
}

/// Which of the blocks hold an event.
fn holding(contents: &[Content]) -> Vec<bool> {
    let store = memory();
    let mut bulk = store.bulk(A).unwrap();
    headers(contents).iter().zip(contents).map(|(h, c)| write_final(&mut bulk, h, c)).collect()
}

/// Blocks of `range` as history without those that hold nothing, flushed after every `slice` blocks.
fn backfilled(
    store: &Store,
    contents: &[Content],
    holding: &[bool],
    range: RangeInclusive<usize>,
    slice: usize,
) {
    let headers = headers(contents);
    let through = headers[*range.end()].block_ref();
    let mut bulk = store.bulk(A).unwrap();
    bulk.begin_history(A, headers[*range.start()].number, through).unwrap();
    for (written, at) in range.filter(|at| holding[*at]).enumerate() {
        write_final(&mut bulk, &headers[at], &contents[at]);
        if written % slice == slice - 1 && headers[at].number < through.number {
            bulk.cut_history();
            bulk.flush(STILL).unwrap();
            bulk.begin_history(A, headers[at].number + 1, through).unwrap();
        }
    }
    bulk.end_history().unwrap();
    bulk.flush(STILL).unwrap();
}

fn same(found: &Store, expected: &Store, tip: BlockRef) -> Result<(), TestCaseError> {
    let (found, expected) = (found.read().unwrap(), expected.read().unwrap());
    prop_assert_eq!(chain_rows(&found, A).unwrap(), chain_rows(&expected, A).unwrap());
    for number in 100..=tip.number {
        let digest = found.digest_at(A, number).unwrap();
        prop_assert!(digest.is_some());
        prop_assert_eq!(digest, expected.digest_at(A, number).unwrap());
    }
    prop_assert_eq!(found.digest_at(A, tip.number + 1).unwrap(), None);
    prop_assert_eq!(found.cursor(A).unwrap().tip, Some(tip));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_way_leads_to_the_same_rows(
        contents in prop::collection::vec(content(), 1..20),
        dead in prop::collection::vec((0..20usize, prop::collection::vec(content(), 1..4)), 0..4),
        half in 0..20usize,
        slice in 1..6usize,
    ) {
        let tip = headers(&contents).last().unwrap().block_ref();
        let last = contents.len() - 1;
        // Block by block, with forks that died.
        let live = memory();
        for (at, content) in contents.iter().enumerate() {
            for (_, fork) in dead.iter().filter(|(from, _)| *from == at) {
                commit(&live, |tx| fork.iter().for_each(|block| { apply(tx, A, block); }));
                for _ in fork {
                    commit(&live, |tx| {
                        let tip = tx.cursor(A).unwrap().tip.unwrap();
                        tx.revert_block(A, tip).unwrap();
                    });
                }
            }
            commit(&live, |tx| apply(tx, A, content));
        }
        // One transaction; final blocks in segments; history with empty blocks left out.
        let at_once = memory();
        commit(&at_once, |tx| contents.iter().for_each(|block| { apply(tx, A, block); }));
        same(&at_once, &live, tip)?;
        // The second time with slices that are written while the next ones are folded over them.
        for is_behind in [false, true] {
            let segments = memory();
            let mut bulk = segments.bulk(A).unwrap();
            for (at, (header, content)) in headers(&contents).iter().zip(&contents).enumerate() {
                write_final(&mut bulk, header, content);
                if is_behind && at % slice == slice - 1 {
                    bulk.flush_behind().unwrap();
                }
            }
            let (seen, shown) = (chain_rows(&*bulk, A).unwrap(), live.read().unwrap());
            prop_assert_eq!(seen, chain_rows(&shown, A).unwrap(), "not flushed yet");
            bulk.flush(STILL).unwrap();
            same(&segments, &live, tip)?;
        }
        let holding = holding(&contents);
        let sparse = memory();
        backfilled(&sparse, &contents, &holding, 0..=last, slice);
        same(&sparse, &live, tip)?;
        prop_assert_eq!(sparse.read().unwrap().undo_floor(A).unwrap(), None);
        // Half of it as history, the rest live.
        let mixed = memory();
        let half = half.min(last);
        backfilled(&mixed, &contents, &holding, 0..=half, slice);
        commit(&mixed, |tx| contents[half + 1..].iter().for_each(|block| { apply(tx, A, block); }));
        same(&mixed, &live, tip)?;
        let read = mixed.read().unwrap();
        let found = verify(&read, A, 0..=u64::MAX, &mut |_| {}).unwrap();
        let digest = read.digest_at(A, tip.number).unwrap().unwrap();
        prop_assert!(
            matches!(&found, Verification::Sound(verified) if verified.digest == Some(digest)),
            "{:?}", found
        );
    }
}

#[test]
fn history_must_continue_the_chain_and_end_where_it_says() {
    let store = memory();
    let quiet = |salt| Content { salt, touches: vec![] };
    let contents: Vec<_> = (1..6).map(quiet).collect();
    let headers = headers(&contents);
    let at = |n: usize| headers[n].block_ref();
    let mut bulk = store.bulk(A).unwrap();
    write_final(&mut bulk, &headers[0], &contents[0]);
    for from in [100, 102] {
        let refused = bulk.begin_history(A, from, at(4));
        assert!(matches!(refused, Err(StoreError::NotChild { .. })));
    }
    let skips = bulk.begin_final_block(A, &headers[2]);
    assert!(matches!(skips, Err(StoreError::NotChild { .. })), "no gap outside a history");
    bulk.begin_history(A, 101, at(3)).unwrap();
    let wrong = Header { parent_hash: word(1), ..headers[1].clone() };
    assert!(matches!(bulk.begin_final_block(A, &wrong), Err(StoreError::NotChild { .. })));
    assert!(bulk.begin_final_block(A, &headers[4]).is_err(), "beyond the end of the history");
    write_final(&mut bulk, &headers[2], &contents[2]);
    assert!(matches!(bulk.flush(STILL), Err(StoreError::Misplaced(_))), "a history is open");
    let mut bulk = store.bulk(A).unwrap();
    bulk.begin_history(A, 100, at(1)).unwrap();
    let other_end = Header { hash: word(2), ..headers[1].clone() };
    write_final(&mut bulk, &headers[0], &contents[0]);
    write_final(&mut bulk, &other_end, &contents[1]);
    assert!(matches!(bulk.end_history(), Err(StoreError::NotChild { .. })));
    assert_eq!(store.read().unwrap().cursor(A).unwrap().tip, None);
}

#[test]
fn a_final_block_is_never_undone_and_empty_ones_leave_no_row() {
    let store = memory();
    let contents: Vec<_> = (1..4).map(|salt| Content { salt, touches: vec![] }).collect();
    backfilled(&store, &contents, &[false; 3], 0..=2, 1);
    let read = store.read().unwrap();
    assert_eq!(chain_rows(&read, A).unwrap(), []);
    let tip = read.cursor(A).unwrap().tip.unwrap();
    let digest = read.digest_at(A, tip.number).unwrap();
    assert_eq!(digest, Some(RollingDigest::default()));
    assert_eq!(read.block(A, tip.number).unwrap(), Some(tip));
    let mut tx = store.write().unwrap();
    assert!(matches!(tx.revert_block(A, tip), Err(StoreError::UndoMissing { chain: A, .. })));
}

#[test]
fn what_is_staged_while_another_moves_the_cursor_is_not_written() {
    let store = memory();
    let content = Content { salt: 1, touches: vec![] };
    let mut bulk = store.bulk(A).unwrap();
    write_final(&mut bulk, &headers(std::slice::from_ref(&content))[0], &content);
    commit(&store, |tx| tx.set_mode(A, Mode::Backfilling).unwrap());
    assert!(matches!(bulk.flush(STILL), Err(StoreError::CursorMoved { chain: A })));
    assert_eq!(bulk.size().0, 0, "nothing is left of it");
    assert_eq!(store.read().unwrap().cursor(A).unwrap().tip, None);
    // The other chain's live blocks do not disturb it.
    let mut bulk = store.bulk(A).unwrap();
    write_final(&mut bulk, &headers(std::slice::from_ref(&content))[0], &content);
    commit(&store, |tx| apply(tx, B, &content));
    bulk.flush(STILL).unwrap();
    let cursors = store.read().unwrap().cursors().unwrap();
    assert!(cursors.iter().all(|(_, cursor)| cursor.tip.is_some()) && cursors.len() == 2);
}
