//! What is over leaves the index, nothing else does, and nobody can tell from what the chain shows next.

use super::fixtures::*;
use super::reorg::{Content, Touch, apply, apply_touch};
use crate::testing::{CrashBackend, Side};
use crate::{
    BlockReads, Floor, LegIndex, LegState, Mode, OrderState, PruneBudget, PruneReads, Pruned,
    Reads, RebuildReason, Retention, RetentionBudget, RetentionPolicy, Staged, Store, StoreError,
    Verification, Verified, digest, prune_index, tables, verify,
};
use alloy::primitives::{B256, U256};
use bmn_contracts::ContractEvent;
use bmn_primitives::{ChainId, SwapId};
use bmn_swap::{EscrowEnd, Inclusion, Status};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SMALL: PruneBudget = PruneBudget { blocks: 10_000, slice: 3 };

fn prune(store: &Store, age: u64) -> Pruned {
    prune_index(store, age, &SMALL, &|| false).unwrap()
}

fn block(store: &Store, chain: ChainId, touches: Vec<Touch>) {
    commit(store, |tx| apply(tx, chain, &Content { salt: 3, touches }));
}

fn finalize(store: &Store, chain: ChainId) {
    commit(store, |tx| {
        let tip = tx.cursor(chain).unwrap().tip.unwrap();
        tx.set_finalized(chain, tip).unwrap();
    });
}

fn sound(store: &Store, chain: ChainId) -> Verified {
    let read = store.read().unwrap();
    match verify(&read, chain, 0..=u64::MAX, &mut |_| {}).unwrap() {
        Verification::Sound(verified) => verified,
        Verification::Differs(difference) => panic!("{difference}"),
    }
}

fn floor(store: &Store) -> Option<Floor> {
    store.read().unwrap().index_floor(A).unwrap()
}

fn rows_of(store: &Store, table: tables::Table) -> usize {
    everything(store).iter().filter(|(name, _)| *name == table.name).count()
}

fn source(store: &Store, n: u64) -> Option<LegState> {
    let leg = store.read().unwrap().source_leg(SwapId { chain: A, escrow: address(n) }).unwrap();
    leg.map(|leg| LegState::of(leg.end.map(|(end, _)| end).as_ref()))
}

/// Blocks 100 to 106: 1 and 2 come and end, 3 stays open, 4 is rescued only, an order is filled.
fn lived() -> Store {
    let store = memory();
    block(&store, A, vec![Touch::CreateSource(1), Touch::CreateSource(2), Touch::Fill(9)]);
    block(&store, A, vec![Touch::CreateSource(3), Touch::Withdraw(1)]);
    block(&store, A, vec![Touch::CreateSource(4)]);
    block(&store, A, vec![Touch::Cancel(2), Touch::Rescue(4)]);
    for _ in 0..3 {
        block(&store, A, vec![]);
    }
    finalize(&store, A);
    store
}

#[test]
fn what_is_over_goes_and_what_is_open_stays_with_all_its_events() {
    let store = lived();
    let before = sound(&store, A);
    let done = prune(&store, 12);
    assert_eq!((done.blocks, done.escrows, done.events), (4, 2, 5), "{done:?}");
    assert_eq!((done.is_behind, done.is_waiting), (false, false));
    let after = sound(&store, A);
    assert_eq!(after.digest, before.digest, "the rolling digest goes on as if nothing had gone");
    assert_eq!((after.whole_from, after.events), (104, 3));
    let states: Vec<_> = (1..=4).map(|n| source(&store, n)).collect();
    assert_eq!(states, [None, None, Some(LegState::Open), Some(LegState::Rescued)]);
    let read = store.read().unwrap();
    assert_eq!(read.events_of(A, address(4), None, 9).unwrap().len(), 2);
    assert_eq!(read.legs_by(A, LegIndex::State(LegState::Withdrawn), None, 9).unwrap(), []);
    assert!(read.withdrawals(A, lock(1), None, 9).unwrap().is_empty());
    // It is still known that they were escrows, and of which kind.
    assert!(read.emitter(A, address(1)).unwrap().is_some());
    assert_eq!(read.emitter(A, address(3)).unwrap(), read.emitter(A, address(1)).unwrap());
    assert_eq!(read.emitter(A, address(77)).unwrap(), None);
    drop(read);
    // Block 100 and the one of the withdrawal held nothing else that stays but what block 101 has.
    assert_eq!(rows_of(&store, tables::BLOCKS), 3);
    assert_eq!(rows_of(&store, tables::PRUNED), 2);
    assert_eq!(prune(&store, 12), Pruned::default(), "there is nothing left to do");
}

#[test]
fn only_what_is_final_and_old_enough_is_looked_at() {
    let store = lived();
    assert_eq!(prune(&store, 1_000).blocks, 0);
    assert_eq!(floor(&store), None);
    // Three blocks of 12 s lie above the last with events.
    assert_eq!(prune(&store, 37).blocks, 3);
    assert_eq!(floor(&store).unwrap().number, 103);
    block(&store, A, vec![Touch::Withdraw(3)]);
    for _ in 0..9 {
        block(&store, A, vec![]);
    }
    assert_eq!(prune(&store, 36).blocks, 1, "what is not final is not old");
    assert_eq!(source(&store, 3), Some(LegState::Withdrawn));
    finalize(&store, A);
    assert_eq!(prune(&store, 36).escrows, 1);
    assert_eq!(source(&store, 3), None, "its creation lay below the floor long before its end");
    sound(&store, A);
}

#[test]
fn a_digest_below_the_floor_is_refused_and_every_other_is_as_before() {
    let store = lived();
    let at = |number| store.read().unwrap().digest_at(A, number);
    let before: Vec<_> = (103..=106).map(|number| at(number).unwrap()).collect();
    prune(&store, 12);
    assert_eq!((103..=106).map(|number| at(number).unwrap()).collect::<Vec<_>>(), before);
    for number in [0, 100, 102] {
        let error = at(number).unwrap_err();
        assert!(
            matches!(error, StoreError::Pruned { chain: A, oldest: 103, number: n } if n == number)
        );
        assert!(error.to_string().contains("ask from block 103 on"), "{error}");
    }
    let read = store.read().unwrap();
    let listed = read.blocks_after(A, None, 99).unwrap();
    assert_eq!(listed.last().unwrap().digest, before[3].unwrap().digest);
    assert_eq!(read.blocks_after(A, Some(101), 99).unwrap().last(), listed.last());
}

#[test]
fn what_an_escrow_logs_after_it_was_pruned_is_listed_proven_undone_and_pruned_in_its_turn() {
    let store = lived();
    prune(&store, 12);
    let rescue = |store: &Store| {
        commit(store, |tx| {
            let next = header(tx.cursor(A).unwrap().tip, 5);
            tx.begin_block(A, &next).unwrap();
            let at = inclusion(next.block_ref(), 0);
            let token = address(901);
            let rescued = ContractEvent::Rescued { token, amount: U256::from(1) };
            tx.put_event(&event(A, at, Some(1), rescued)).unwrap();
            tx.end_block().unwrap();
            next.block_ref()
        })
    };
    let read = |store: &Store| store.read().unwrap().events_of(A, address(1), None, 9).unwrap();
    let rows = digest(&store.read().unwrap(), A).unwrap();
    let block = rescue(&store);
    assert_eq!(read(&store).len(), 1);
    assert_eq!(sound(&store, A).events, 4);
    commit(&store, |tx| tx.revert_block(A, block).unwrap());
    assert_eq!(digest(&store.read().unwrap(), A).unwrap(), rows, "undone byte for byte");
    rescue(&store);
    finalize(&store, A);
    let done = prune(&store, 0);
    assert_eq!((done.events, done.escrows), (1, 0));
    assert_eq!(read(&store), []);
    sound(&store, A);
}

/// An order that settled, with both its escrows.
fn settled(store: &Store, n: u64) {
    block(store, A, vec![Touch::CreateSource(n), Touch::Fill(n)]);
    block(store, B, vec![Touch::CreateDestination(n + 10_000)]);
    commit(store, |tx| {
        tx.put_order(&order(n)).unwrap();
        let open = OrderState {
            source: Some(plan(n).source),
            plan: Some(plan(n)),
            ..state(Status::BothLocked)
        };
        tx.put_order_state(order_id(n), &open).unwrap();
    });
    block(store, A, vec![Touch::Withdraw(n)]);
    commit(store, |tx| {
        let next = header(tx.cursor(B).unwrap().tip, 0);
        tx.begin_block(B, &next).unwrap();
        let at = inclusion(next.block_ref(), 0);
        let leg = tx.destination_leg(B, address(n + 10_000)).unwrap().unwrap();
        let end = Some((EscrowEnd::Cancelled, at));
        tx.put_destination_leg(&bmn_swap::DestinationLeg { end, ..leg }).unwrap();
        tx.put_event(&event(B, at, Some(n + 10_000), ContractEvent::Cancelled)).unwrap();
        tx.end_block().unwrap();
        let ended = OrderState {
            source: Some(plan(n).source),
            plan: Some(plan(n)),
            ..state(Status::Completed)
        };
        tx.put_order_state(order_id(n), &ended).unwrap();
    });
}

fn age(store: &Store, blocks: usize) {
    for chain in [A, B] {
        for _ in 0..blocks {
            block(store, chain, vec![]);
        }
        finalize(store, chain);
    }
}

#[test]
fn what_an_order_needs_stays_until_the_order_is_archived_and_goes_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = memory();
    settled(&store, 1);
    age(&store, 12);
    let done = prune(&store, 12);
    assert_eq!((done.escrows, done.events), (0, 0), "{done:?}");
    assert_eq!(source(&store, 1), Some(LegState::Withdrawn));
    let kept = [sound(&store, A).events, sound(&store, B).events];
    assert_eq!(kept, [3, 2]);
    let keep = RetentionPolicy { orders_secs: Some(100) };
    let mut retention = Retention::open(directory.path()).unwrap();
    let archived = retention.retain(&store, &keep, &RetentionBudget::default()).unwrap();
    assert_eq!(archived.removed, 1);
    assert_eq!([sound(&store, A).events, sound(&store, B).events], [0, 0]);
    assert_eq!((rows_of(&store, tables::LEGS), rows_of(&store, tables::INDEX)), (0, 0));
    assert_eq!((rows_of(&store, tables::BLOCKS), rows_of(&store, tables::PRUNED)), (0, 2));
}

#[test]
fn an_order_that_is_archived_before_its_blocks_are_old_takes_nothing_of_the_index_along() {
    let directory = tempfile::tempdir().unwrap();
    let store = memory();
    settled(&store, 1);
    age(&store, 12);
    let keep = RetentionPolicy { orders_secs: Some(100) };
    let mut retention = Retention::open(directory.path()).unwrap();
    retention.retain(&store, &keep, &RetentionBudget::default()).unwrap();
    assert_eq!([sound(&store, A).events, sound(&store, B).events], [3, 2]);
    assert_eq!(prune(&store, 12).escrows, 2);
    assert_eq!([sound(&store, A).events, sound(&store, B).events], [0, 0]);
}

#[test]
fn a_strangers_refused_copy_of_an_order_keeps_nothing() {
    let store = lived();
    commit(&store, |tx| {
        for n in [1, 2, 9] {
            tx.put_order(&super::forget::refused(n)).unwrap();
            tx.put_order_state(order_id(n), &state(Status::Refused)).unwrap();
        }
    });
    assert_eq!(prune(&store, 12).escrows, 2);
}

#[test]
fn nothing_goes_while_an_index_is_written_again_and_a_new_one_is_whole() {
    let store = lived();
    block(&store, B, vec![]);
    prune(&store, 37);
    let mode = |mode| commit(&store, |tx| tx.set_mode(B, mode).unwrap());
    mode(Mode::Rebuilding(RebuildReason::Asked));
    assert!(prune(&store, 12).is_waiting);
    assert_eq!(floor(&store).unwrap().number, 103);
    mode(Mode::Live);
    assert!(!prune(&store, 12).is_waiting);
    commit(&store, |tx| {
        tx.reset_cursor(A, Mode::Clearing(RebuildReason::Asked)).unwrap();
        while tx.clear_chain(A, 2).unwrap() == 2 {}
    });
    assert_eq!(floor(&store), None);
    assert_eq!(rows_of(&store, tables::PRUNED), 0);
}

#[test]
fn a_call_that_is_stopped_or_has_done_enough_is_gone_on_with() {
    let store = lived();
    let few = PruneBudget { blocks: 1, slice: 1 };
    let first = prune_index(&store, 12, &few, &|| false).unwrap();
    assert_eq!((first.blocks, first.is_behind), (1, true));
    let stopped = prune_index(&store, 12, &few, &|| true).unwrap();
    assert_eq!((stopped.blocks, stopped.is_behind), (0, true));
    sound(&store, A);
    assert_eq!(prune(&store, 12).blocks, 3);
    assert_eq!(floor(&store).unwrap().number, 104);
}

#[test]
fn every_row_that_is_left_is_still_compared() {
    let differs = |change: &dyn Fn(&mut Staged)| {
        let store = lived();
        prune(&store, 12);
        commit(&store, |tx| change(tx));
        let read = store.read().unwrap();
        matches!(verify(&read, A, 0..=u64::MAX, &mut |_| {}).unwrap(), Verification::Differs(_))
    };
    assert!(!differs(&|_| ()));
    let store = lived();
    prune(&store, 12);
    let mut tried = 0;
    for (name, (key, _)) in everything(&store) {
        let table = tables::Table::chain_tables().find(|table| table.name == name);
        // Statistics of a day that lies below the floor in part cannot be counted again.
        let Some(table) = table.filter(|table| ![tables::DAILY, tables::PRUNED].contains(table))
        else {
            continue;
        };
        assert!(differs(&|tx| tx.restore(table, &key, None)), "{name} {key:?} is gone");
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
    // Rows of what was pruned that come back, and an escrow that is there and pruned.
    let whole = lived();
    let gone: Vec<_> = everything(&whole)
        .into_iter()
        .filter(|row| !everything(&store).contains(row))
        .filter_map(|(name, row)| {
            let table = tables::Table::chain_tables().find(|table| table.name == name)?;
            (table != tables::DAILY).then_some((table, row))
        })
        .collect();
    assert!(gone.len() > 10, "{}", gone.len());
    for (table, (key, value)) in gone {
        assert!(differs(&|tx| tx.restore(table, &key, Some(&value))), "{} {key:?}", table.name);
    }
    let open = crate::encode(
        tables::PRUNED.name,
        &crate::prune::PrunedEscrow {
            side: bmn_primitives::Leg::Source,
            dialect: bmn_primitives::Dialect::Bmn4,
        },
    )
    .unwrap();
    let key = crate::keys::Key::of(A).address(address(3));
    assert!(differs(&|tx| tx.restore(tables::PRUNED, key.as_slice(), Some(&open))));
}

#[test]
fn a_crash_at_any_operation_leaves_a_whole_index_that_the_next_call_goes_on_with() {
    let image = {
        let disk = CrashBackend::new();
        let store = Store::open(options(&disk)).unwrap();
        for n in 1..=4 {
            block(&store, A, vec![Touch::CreateSource(n), Touch::Fill(n)]);
            block(&store, A, vec![Touch::Withdraw(n)]);
        }
        block(&store, A, vec![Touch::CreateSource(5)]);
        for _ in 0..3 {
            block(&store, A, vec![]);
        }
        finalize(&store, A);
        drop(store);
        disk.synced_image()
    };
    let whole = Store::open(options(&CrashBackend::from_image(image.clone()))).unwrap();
    let wanted = sound(&whole, A).digest;
    prune(&whole, 12);
    let after = digest(&whole.read().unwrap(), A).unwrap();
    let mut crashes = 0;
    for side in [Side::Before, Side::After] {
        for operation in 1.. {
            let disk = CrashBackend::from_image(image.clone());
            let begun = Store::open(options(&disk)).map(|store| {
                disk.crash_at(disk.operations() + operation, side);
                prune_index(&store, 12, &SMALL, &|| false).is_ok()
            });
            begun.unwrap();
            if !disk.has_crashed() {
                break;
            }
            crashes += 1;
            for left in [disk.synced_image(), disk.torn_image(operation)] {
                let store = Store::open(options(&CrashBackend::from_image(left))).unwrap();
                assert_eq!(sound(&store, A).digest, wanted, "{side:?} {operation}");
                prune(&store, 12);
                assert_eq!(digest(&store.read().unwrap(), A).unwrap(), after);
            }
        }
    }
    assert!(crashes > 20, "{crashes}");
}

/// What became of an escrow in the twin histories.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    is_over: bool,
    last: u64,
}

/// Does what a chain can do: nothing but rescues follows an end, and an address is created once.
fn touch_both(
    (whole, pruned): (&mut Staged, &mut Staged),
    touch: &Touch,
    at: Inclusion,
    fates: &mut BTreeMap<u64, Fate>,
) {
    let (n, ends) = match *touch {
        Touch::CreateSource(n) | Touch::CreateDestination(n) | Touch::Rescue(n) => (n, false),
        Touch::Withdraw(n) | Touch::Cancel(n) => (n, true),
        Touch::Fill(_) => {
            for tx in [whole, pruned] {
                let (escrow, what) = apply_touch(tx, A, touch, at).unwrap();
                tx.put_event(&event(A, at, escrow, what)).unwrap();
            }
            return;
        }
    };
    let is_new = matches!(touch, Touch::CreateSource(_) | Touch::CreateDestination(_));
    let fate = fates.get(&n).copied();
    if is_new != fate.is_none()
        || (ends && fate.is_some_and(|fate| fate.is_over))
        || n > 100 && !is_new
    {
        return;
    }
    for tx in [whole, pruned] {
        let told = match touch {
            // As the fold does it where the escrow is pruned: the event alone.
            Touch::Rescue(_) if fate.is_some_and(|fate| fate.is_over) => Some((
                Some(n),
                ContractEvent::Rescued { token: address(901), amount: U256::from(n) },
            )),
            _ => apply_touch(tx, A, touch, at),
        };
        let (escrow, what) = told.unwrap();
        tx.put_event(&event(A, at, escrow, what)).unwrap();
    }
    let fate = fates.entry(n).or_default();
    fate.is_over |= ends;
    fate.last = at.block.number;
}

#[derive(Debug, Clone)]
enum Step {
    Block(Content),
    Finalize,
    Prune(u64),
    Reorg(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => super::reorg::content().prop_map(Step::Block),
        2 => Just(Step::Finalize),
        2 => (0..60u64).prop_map(Step::Prune),
        1 => (1..4usize).prop_map(Step::Reorg),
    ]
}

fn both<T>(stores: &[Store; 2], mut write: impl FnMut(&mut Staged, &mut Staged) -> T) -> T {
    let (mut whole, mut pruned) = (stores[0].write().unwrap(), stores[1].write().unwrap());
    let value = write(&mut whole, &mut pruned);
    whole.commit().unwrap();
    pruned.commit().unwrap();
    value
}

fn assert_twins(stores: &[Store; 2], fates: &BTreeMap<u64, Fate>, has_reorged: bool) {
    let [whole, pruned] = stores.each_ref().map(|store| store.read().unwrap());
    let Some(tip) = whole.cursor(A).unwrap().tip else { return };
    assert_eq!(whole.cursor(A).unwrap(), pruned.cursor(A).unwrap());
    let floor = pruned.index_floor(A).unwrap().map_or(0, |floor| floor.number);
    assert_eq!(sound(&stores[1], A).digest, sound(&stores[0], A).digest);
    for number in floor.saturating_sub(1)..=tip.number {
        assert_eq!(whole.digest_at(A, number).unwrap(), pruned.digest_at(A, number).unwrap());
    }
    let events = |read: &crate::ReadTx| read.events(A, floor, u64::MAX, None, usize::MAX).unwrap();
    assert_eq!(events(&whole), events(&pruned));
    let open = LegIndex::State(LegState::Open);
    let open = |read: &crate::ReadTx| read.legs_by(A, open, None, usize::MAX).unwrap();
    assert_eq!(open(&whole), open(&pruned));
    assert_eq!(whole.days(A, 0, u32::MAX, 99).unwrap(), pruned.days(A, 0, u32::MAX, 99).unwrap());
    for (n, fate) in fates {
        let n = address(*n);
        assert_eq!(whole.emitter(A, n).unwrap(), pruned.emitter(A, n).unwrap());
        let swap = SwapId { chain: A, escrow: n };
        let is_gone = pruned.source_leg(swap).unwrap().is_none()
            && pruned.destination_leg(A, n).unwrap().is_none();
        if fate.is_over && is_gone {
            let later = whole.events_of(A, n, None, 99).unwrap();
            let later: Vec<_> =
                later.into_iter().filter(|event| event.at.block.number >= floor).collect();
            assert_eq!(pruned.events_of(A, n, None, 99).unwrap(), later);
        } else {
            assert!(!is_gone, "{n} is not over");
            assert_eq!(whole.source_leg(swap).unwrap(), pruned.source_leg(swap).unwrap());
            let events = |read: &crate::ReadTx| read.events_of(A, n, None, 99).unwrap();
            assert_eq!(events(&whole), events(&pruned));
            // What kept it may be an event that a reorg took back since.
            let is_old = fate.is_over && fate.last < floor;
            assert!(!is_old || has_reorged, "{n} is over and old");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_pruned_index_is_a_whole_one_without_what_is_over(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let stores = [memory(), memory()];
        let mut fates = vec![BTreeMap::new()];
        let mut has_reorged = false;
        for step in steps {
            match step {
                Step::Block(content) => {
                    let mut after = fates.last().unwrap().clone();
                    both(&stores, |whole, pruned| {
                        let next = header(whole.cursor(A).unwrap().tip, content.salt);
                        whole.begin_block(A, &next).unwrap();
                        pruned.begin_block(A, &next).unwrap();
                        for (log, touch) in content.touches.iter().enumerate() {
                            let at = inclusion(next.block_ref(), log as u32);
                            touch_both((whole, pruned), touch, at, &mut after);
                        }
                        whole.end_block().unwrap();
                        pruned.end_block().unwrap();
                    });
                    fates.push(after);
                }
                Step::Finalize => both(&stores, |whole, pruned| {
                    let Some(tip) = whole.cursor(A).unwrap().tip else { return };
                    whole.set_finalized(A, tip).unwrap();
                    pruned.set_finalized(A, tip).unwrap();
                }),
                Step::Prune(age) => drop(prune(&stores[1], age)),
                Step::Reorg(depth) => {
                    has_reorged = true;
                    for _ in 0..depth {
                        let cursor = stores[0].read().unwrap().cursor(A).unwrap();
                        let Some(tip) = cursor.tip else { break };
                        if cursor.finalized.is_some_and(|last| last.number >= tip.number) {
                            break;
                        }
                        both(&stores, |whole, pruned| {
                            let gone = whole.revert_block(A, tip).unwrap();
                            assert_eq!(pruned.revert_block(A, tip).unwrap(), gone);
                        });
                        fates.pop();
                    }
                }
            }
            assert_twins(&stores, fates.last().unwrap(), has_reorged);
        }
    }
}

#[test]
fn a_pruned_swap_costs_little() {
    let store = memory();
    let bytes = |store: &Store| -> u64 {
        let chain = store.table_sizes().unwrap().into_iter().filter(|size| size.of_chain);
        chain.filter(|size| size.name != tables::DAILY.name).map(|size| size.bytes).sum()
    };
    for n in 1..=50 {
        block(&store, A, vec![Touch::CreateSource(n), Touch::Fill(n)]);
        block(&store, A, vec![Touch::Withdraw(n)]);
    }
    let before = bytes(&store);
    age_alone(&store);
    prune(&store, 12);
    let after = bytes(&store);
    assert_eq!(after, 50 * (28 + 3), "a key and its side and dialect");
    assert!(before > 50 * 500, "{before}");
    let _: B256 = digest(&store.read().unwrap(), A).unwrap();
}

fn age_alone(store: &Store) {
    for _ in 0..3 {
        block(store, A, vec![]);
    }
    finalize(store, A);
}
