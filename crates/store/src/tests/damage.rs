//! `verify` finds every kind of damage, and names it.

use super::fixtures::*;
use super::reorg::{Content, Touch, apply};
use crate::keys::{Key, KeyRange};
use crate::rows::{Row, Rows};
use crate::tables::{self, Table};
use crate::{Difference, Reads, Store, StoreError, Verification, chain_rows, verify};
use std::ops::ControlFlow;

/// A chain on which everything happens at least once, over several days.
fn filled() -> Store {
    let store = memory();
    commit(&store, |tx| {
        let touches = [
            vec![Touch::CreateSource(1), Touch::CreateSource(2), Touch::Fill(1)],
            vec![Touch::CreateDestination(101), Touch::Withdraw(1)],
            vec![],
            vec![Touch::Rescue(2), Touch::Cancel(2), Touch::CreateSource(1)],
            std::iter::repeat_n(Touch::Rescue(1), 9).collect(),
            vec![Touch::CreateSource(3), Touch::CreateDestination(102)],
        ];
        for (salt, touches) in (1..).zip(touches) {
            apply(tx, A, &Content { salt, touches });
        }
    });
    store
}

fn found(store: &Store) -> Verification {
    verify(&store.read().unwrap(), A, 0..=u64::MAX, &mut |_| {}).unwrap()
}

fn difference(store: &Store) -> Option<Difference> {
    match found(store) {
        Verification::Differs(difference) => Some(difference),
        Verification::Sound(_) => None,
    }
}

fn rows_of(store: &Store, table: Table) -> Vec<Row> {
    let read = store.read().unwrap();
    let mut rows = Vec::new();
    read.raw_scan(table, &KeyRange::all(), &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    rows
}

/// Changes a row behind the store's back.
fn plant(store: &Store, table: Table, key: &[u8], value: Option<&[u8]>) {
    commit(store, |tx| tx.restore(table, key, value));
}

#[test]
fn a_sound_chain_is_sound_over_every_range() {
    let store = filled();
    let read = store.read().unwrap();
    let mut told = Vec::new();
    let whole = verify(&read, A, 0..=u64::MAX, &mut |number| told.push(number)).unwrap();
    let Verification::Sound(whole) = whole else { panic!("{whole:?}") };
    assert_eq!((whole.blocks, whole.events), (5, 3 + 2 + 3 + 9 + 2));
    assert_eq!(told, [100, 101, 103, 104, 105]);
    assert_eq!(whole.digest, read.digest_at(A, 105).unwrap());
    for from in 99..107 {
        for to in from..107 {
            let part = verify(&read, A, from..=to, &mut |_| {}).unwrap();
            let Verification::Sound(part) = part else { panic!("{from} to {to}: {part:?}") };
            let expected = read.digest_at(A, to.min(105)).unwrap();
            assert_eq!(part.digest, expected, "{from} to {to}");
        }
    }
    assert!(matches!(verify(&read, B, 0..=9, &mut |_| {}).unwrap(), Verification::Sound(_)));
}

#[test]
fn a_missing_or_altered_row_of_any_table_is_found() {
    let all = filled();
    let mut planted = 0;
    for table in Table::chain_tables() {
        for (key, value) in rows_of(&all, table) {
            plant(&all, table, &key, None);
            let missing = difference(&all);
            assert!(missing.is_some(), "{} {key:x?} is gone", table.name);
            let longer = [&value[..], &[1]].concat();
            let mut flipped = value.clone();
            if let Some(last) = flipped.last_mut() {
                *last ^= 1;
            }
            for altered in [longer, flipped].iter().filter(|altered| **altered != value) {
                plant(&all, table, &key, Some(altered));
                let wrong = difference(&all);
                assert!(wrong.is_some(), "{} {key:x?}: {altered:x?}", table.name);
                planted += 1;
            }
            plant(&all, table, &key, Some(&value));
            planted += 1;
        }
    }
    assert_eq!(difference(&all), None, "every row was put back");
    assert!(planted > 150, "{planted}");
}

#[test]
fn a_row_too_many_is_found_and_named() {
    let store = filled();
    for table in Table::chain_tables() {
        let rows = rows_of(&store, table);
        // A neighbour of a true row: the same but for one byte of what it is found by.
        for (key, value) in &rows {
            let at = if table == tables::INDEX { 12 } else { key.len() - 1 };
            let mut stray = key.clone();
            stray[at] ^= 0x40;
            if rows.iter().any(|(key, _)| *key == stray) {
                continue;
            }
            plant(&store, table, &stray, Some(value));
            let named = difference(&store).unwrap_or_else(|| panic!("{} {stray:x?}", table.name));
            if table == tables::INDEX {
                assert_eq!((named.table, &named.key), (table.name, &stray));
                assert_eq!((named.expected.is_none(), named.found.is_some()), (true, true));
            }
            plant(&store, table, &stray, None);
        }
    }
    assert_eq!(difference(&store), None);
}

#[test]
fn the_first_difference_is_named_by_block_table_and_key() {
    let store = filled();
    let index: Vec<Row> = rows_of(&store, tables::INDEX);
    let in_block =
        |key: &[u8], number: u64| key[key.len() - 12..key.len() - 4] == number.to_be_bytes();
    for number in [105, 101] {
        let (key, _) = index.iter().find(|(key, _)| in_block(key, number)).unwrap();
        plant(&store, tables::INDEX, key, None);
        let named = difference(&store).unwrap();
        assert_eq!((named.block, named.table, &named.key), (Some(number), "index", key));
        assert!(named.to_string().contains(&format!("block {number}")), "{named}");
        assert!(named.to_string().ends_with("expected 0x, found no row"), "{named}");
    }
    // A range that leaves the damage out is sound.
    let read = store.read().unwrap();
    let above = verify(&read, A, 102..=104, &mut |_| {}).unwrap();
    assert!(matches!(above, Verification::Sound(_)), "{above:?}");
}

#[test]
fn a_damaged_row_tells_which_chain_to_build_again() {
    let store = filled();
    let leg = Key::of(A).address(address(1));
    plant(&store, tables::LEGS, leg.as_slice(), Some(&[1, 2, 3]));
    let error = store.read().unwrap().escrow(A, address(1)).unwrap_err();
    assert_eq!(error.damaged_chain(), Some(A));
    plant(&store, tables::ORDERS, &order_id(1).to_bytes(), Some(&[1, 2, 3]));
    let error = store.read().unwrap().order(order_id(1)).unwrap_err();
    assert_eq!(error.damaged_chain(), None, "an order cannot be had from the chain");
    assert!(matches!(error, StoreError::Undecodable { .. }));
}

#[test]
fn a_chain_is_cleared_in_slices_and_no_other() {
    let store = filled();
    commit(&store, |tx| apply(tx, B, &Content { salt: 1, touches: vec![Touch::CreateSource(1)] }));
    let other = chain_rows(&store.read().unwrap(), B).unwrap();
    let mut slices = 0;
    while commit(&store, |tx| tx.clear_chain(A, 7).unwrap()) == 7 {
        slices += 1;
        // Whatever is left leads to what is left.
        let read = store.read().unwrap();
        for leg in read.source_legs(A, None, 100).unwrap() {
            assert!(read.source_leg(leg.swap).unwrap().is_some());
        }
        assert!(read.events(A, 0, u64::MAX, None, 100).is_ok());
    }
    assert!(slices > 5);
    let read = store.read().unwrap();
    assert_eq!(chain_rows(&read, A).unwrap(), []);
    assert_eq!(read.undo_floor(A).unwrap(), None);
    assert_eq!(chain_rows(&read, B).unwrap(), other);
}

#[test]
fn another_time_of_a_block_and_another_digest_of_the_cursor_are_found() {
    let store = filled();
    let rows = rows_of(&store, tables::BLOCKS);
    for (key, value) in &rows {
        let row: crate::events::BlockRow = crate::decode("blocks", key, value).unwrap();
        let later = crate::events::BlockRow { time: row.time + 1, ..row };
        plant(&store, tables::BLOCKS, key, Some(&crate::encode("blocks", &later).unwrap()));
        assert!(difference(&store).is_some(), "{key:x?}");
        plant(&store, tables::BLOCKS, key, Some(value));
    }
    let (key, value) = rows_of(&store, tables::CURSORS).remove(0);
    let cursor: crate::Cursor = crate::decode("cursors", &key, &value).unwrap();
    let other = crate::Cursor { digest: alloy::primitives::B256::ZERO, ..cursor };
    plant(&store, tables::CURSORS, &key, Some(&crate::encode("cursors", &other).unwrap()));
    assert_eq!(difference(&store).unwrap().table, "cursors");
    plant(&store, tables::CURSORS, &key, Some(&value));
    assert_eq!(difference(&store), None);
}
