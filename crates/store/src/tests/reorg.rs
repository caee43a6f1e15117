//! Undo and redo are the identity on chain tables (design rule I1).

use super::fixtures::*;
use crate::testing::CrashBackend;
use crate::{AnyLeg, LegState, Reads, Staged, Store, StoreError, chain_rows, digest};
use alloy::primitives::U256;
use bmn_chain::{Header, KnownBlocks};
use bmn_contracts::ContractEvent;
use bmn_primitives::{BlockRef, ChainId, Leg, OrderHash, SwapId};
use bmn_swap::{EscrowEnd, Status};
use proptest::prelude::*;

/// What a block does to one of a few escrows.
#[derive(Debug, Clone)]
pub(super) enum Touch {
    CreateSource(u64),
    CreateDestination(u64),
    Withdraw(u64),
    Cancel(u64),
    Rescue(u64),
    Fill(u64),
}

#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) salt: u64,
    pub(super) touches: Vec<Touch>,
}

#[derive(Debug, Clone)]
enum Step {
    Extend { first_chain: bool, content: Content },
    Reorg { first_chain: bool, depth: usize, contents: Vec<Content> },
    Ours(u64),
}

fn touch() -> impl Strategy<Value = Touch> {
    let escrow = 1..6u64;
    prop_oneof![
        escrow.clone().prop_map(Touch::CreateSource),
        escrow.clone().prop_map(|n| Touch::CreateDestination(n + 100)),
        escrow.clone().prop_map(Touch::Withdraw),
        escrow.clone().prop_map(Touch::Cancel),
        escrow.clone().prop_map(Touch::Rescue),
        escrow.prop_map(Touch::Fill),
    ]
}

pub(super) fn content() -> impl Strategy<Value = Content> {
    (1..1_000_000u64, prop::collection::vec(touch(), 0..5))
        .prop_map(|(salt, touches)| Content { salt, touches })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), content())
            .prop_map(|(first_chain, content)| Step::Extend { first_chain, content }),
        2 => (any::<bool>(), 1..5usize, prop::collection::vec(content(), 0..4)).prop_map(
            |(first_chain, depth, contents)| Step::Reorg { first_chain, depth, contents }
        ),
        1 => (1..6u64).prop_map(Step::Ours),
    ]
}

pub(super) fn apply(tx: &mut Staged, chain: ChainId, content: &Content) -> BlockRef {
    let header = header(tx.cursor(chain).unwrap().tip, content.salt);
    let block = header.block_ref();
    tx.begin_block(chain, &header).unwrap();
    for (log, touch) in content.touches.iter().enumerate() {
        let at = inclusion(block, log as u32);
        if let Some((escrow, what)) = apply_touch(tx, chain, touch, at) {
            tx.put_event(&event(chain, at, escrow, what)).unwrap();
        }
    }
    tx.end_block().unwrap();
    block
}

pub(super) fn apply_touch(
    tx: &mut Staged,
    chain: ChainId,
    touch: &Touch,
    at: bmn_swap::Inclusion,
) -> Option<(Option<u64>, ContractEvent)> {
    match *touch {
        // Also of one that exists: the first creation stays what counts.
        Touch::CreateSource(n) => {
            let leg = source_leg(chain, n, at);
            tx.put_source_leg(&leg).unwrap();
            Some((Some(n), created_event(&leg)))
        }
        Touch::CreateDestination(n) => {
            let leg = destination_leg(chain, n, at);
            tx.put_destination_leg(&leg).unwrap();
            Some((Some(n), destination_event(&leg)))
        }
        Touch::Withdraw(n) => {
            let secret = secret(n).expose().into();
            end(tx, chain, n, EscrowEnd::Withdrawn { secret }, at)
                .then_some((Some(n), ContractEvent::Withdrawn { secret }))
        }
        Touch::Cancel(n) => end(tx, chain, n, EscrowEnd::Cancelled, at)
            .then_some((Some(n), ContractEvent::Cancelled)),
        Touch::Rescue(n) => {
            let (token, amount) = (address(901), U256::from(n));
            tx.source_leg(SwapId { chain, escrow: address(n) }).unwrap()?;
            // Repeated without end, and an end only of what has none.
            end(tx, chain, n, EscrowEnd::Rescued { token }, at);
            Some((Some(n), ContractEvent::Rescued { token, amount }))
        }
        Touch::Fill(n) => Some((
            None,
            ContractEvent::OrderFilled { order_hash: OrderHash(word(n)), remaining: U256::ZERO },
        )),
    }
}

fn end(tx: &mut Staged, chain: ChainId, n: u64, end: EscrowEnd, at: bmn_swap::Inclusion) -> bool {
    match tx.source_leg(SwapId { chain, escrow: address(n) }).unwrap() {
        // A rescue may be followed by another, and by the end itself.
        Some(mut leg) if matches!(leg.end, None | Some((EscrowEnd::Rescued { .. }, _))) => {
            leg.end = Some((end, at));
            tx.put_source_leg(&leg).unwrap();
            true
        }
        _ => false,
    }
}

fn rebuilt(canonical: &[(ChainId, Vec<Content>)]) -> Store {
    let store = memory();
    commit(&store, |tx| {
        for (chain, contents) in canonical {
            for content in contents {
                apply(tx, *chain, content);
            }
        }
    });
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_leaves_what_a_rebuild_of_the_canonical_chain_leaves(
        steps in prop::collection::vec(step(), 1..24)
    ) {
        let store = memory();
        let mut canonical = [(A, Vec::<Content>::new()), (B, Vec::new())];
        let mut changes = 0;
        for step in steps {
            let mut tx = store.write().unwrap();
            match step {
                Step::Extend { first_chain, content } => {
                    let (chain, contents) = &mut canonical[usize::from(!first_chain)];
                    apply(&mut tx, *chain, &content);
                    contents.push(content);
                }
                Step::Reorg { first_chain, depth, contents: new } => {
                    let (chain, contents) = &mut canonical[usize::from(!first_chain)];
                    for _ in 0..depth.min(contents.len()) {
                        let tip = tx.cursor(*chain).unwrap().tip.unwrap();
                        tx.revert_block(*chain, tip).unwrap();
                        contents.pop();
                    }
                    for content in &new {
                        apply(&mut tx, *chain, content);
                    }
                    contents.extend(new);
                }
                Step::Ours(n) => {
                    let status = Status::ALL[(n as usize + changes as usize) % Status::ALL.len()];
                    tx.put_order(&order(n)).unwrap();
                    changes += u64::from(tx.put_order_state(order_id(n), &state(status)).unwrap().is_some());
                }
            }
            tx.commit().unwrap();
        }
        let (read, fresh) = (store.read().unwrap(), rebuilt(&canonical));
        let fresh = fresh.read().unwrap();
        for (chain, contents) in &canonical {
            prop_assert_eq!(chain_rows(&read, *chain).unwrap(), chain_rows(&fresh, *chain).unwrap());
            prop_assert_eq!(digest(&read, *chain).unwrap(), digest(&fresh, *chain).unwrap());
            prop_assert_eq!(read.cursor(*chain).unwrap(), fresh.cursor(*chain).unwrap());
            prop_assert_eq!(read.undo_floor(*chain).unwrap(), (!contents.is_empty()).then_some(100));
        }
        prop_assert_eq!(read.last_change().unwrap(), changes, "a reorg takes no change back");
    }
}

fn quiet(salt: u64) -> Content {
    Content { salt, touches: vec![] }
}

#[test]
fn a_reverted_block_answers_its_events_in_order() {
    let store = memory();
    commit(&store, |tx| {
        apply(tx, A, &quiet(1));
        let touches = vec![Touch::CreateSource(1), Touch::Fill(1), Touch::Withdraw(1)];
        let block = apply(tx, A, &Content { salt: 2, touches });
        assert_eq!(tx.escrow(A, address(1)).unwrap(), Some(Leg::Source));
        let events = tx.revert_block(A, block).unwrap();
        assert_eq!(events.iter().map(|event| event.at.log_index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(tx.escrow(A, address(1)).unwrap(), None);
        assert_eq!(tx.events(A, 0, u64::MAX, None, 10).unwrap(), []);
    });
}

#[test]
fn a_block_must_continue_the_chain_by_number_and_by_hash() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let tip = apply(&mut tx, A, &quiet(1));
    let good = header(Some(tip), 2);
    let wrong_parent = Header { parent_hash: word(3), ..good.clone() };
    let gap = Header { number: good.number + 1, ..good.clone() };
    for bad in [wrong_parent, gap] {
        let block = bad.block_ref();
        assert!(matches!(
            tx.begin_block(A, &bad),
            Err(StoreError::NotChild { chain: A, cursor, block: b }) if cursor == tip && b == block
        ));
    }
    tx.begin_block(A, &good).unwrap();
    tx.end_block().unwrap();
}

#[test]
fn only_the_newest_block_can_be_undone_and_only_while_its_journal_is_kept() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let first = apply(&mut tx, A, &quiet(1));
    let second = apply(&mut tx, A, &quiet(2));
    assert!(matches!(tx.revert_block(A, first), Err(StoreError::NotNewest { .. })));
    let fork = BlockRef { hash: word(9), ..second };
    assert!(matches!(tx.revert_block(A, fork), Err(StoreError::NotNewest { .. })));
    assert!(matches!(tx.revert_block(B, second), Err(StoreError::NotNewest { .. })));
    assert_eq!(tx.trim_undo(A, second.number, 10).unwrap(), 1);
    assert_eq!(tx.undo_floor(A).unwrap(), Some(second.number));
    tx.revert_block(A, second).unwrap();
    assert!(matches!(
        tx.revert_block(A, first),
        Err(StoreError::UndoMissing { chain: A, number }) if number == first.number
    ));
}

#[test]
fn chain_rows_are_written_inside_their_block_and_by_their_chain_alone() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let at = inclusion(BlockRef::default(), 0);
    assert!(matches!(tx.put_source_leg(&source_leg(A, 1, at)), Err(StoreError::Misplaced(_))));
    let header = header(None, 1);
    tx.begin_block(A, &header).unwrap();
    assert!(matches!(
        tx.put_destination_leg(&destination_leg(B, 1, at)),
        Err(StoreError::Misplaced(_))
    ));
    let elsewhere = event(A, at, None, ContractEvent::Cancelled);
    assert!(matches!(tx.put_event(&elsewhere), Err(StoreError::Misplaced(_))));
    let foreign = event(B, inclusion(header.block_ref(), 0), None, ContractEvent::Cancelled);
    assert!(matches!(tx.put_event(&foreign), Err(StoreError::Misplaced(_))));
    assert!(matches!(tx.commit(), Err(StoreError::Misplaced(_))), "the block is still open");
    assert_eq!(store.read().unwrap().cursor(A).unwrap().tip, None);
}

#[test]
fn lists_page_without_loss_or_repetition() {
    let store = memory();
    commit(&store, |tx| {
        for salt in 0..5 {
            let touches = (1..5).map(Touch::CreateSource).collect();
            apply(tx, A, &Content { salt, touches });
        }
        apply(tx, B, &Content { salt: 1, touches: vec![Touch::CreateSource(1)] });
    });
    let read = store.read().unwrap();
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = read.events(A, 101, 103, after, 5).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key());
        seen.extend(page.iter().map(|event| (event.at.block.number, event.at.log_index)));
    }
    let all: Vec<_> = (101..=103).flat_map(|n| (0..4).map(move |log| (n, log))).collect();
    assert_eq!(seen, all);
    let mine = read.events_of(A, address(2), None, 100).unwrap();
    assert_eq!(mine.len(), 5, "later creations are events of the escrow, no more");
    assert_eq!(read.events_of(A, address(2), Some(mine[2].key()), 100).unwrap(), mine[3..]);
    assert_eq!(read.events_of_order(A, OrderHash(word(2)), None, 2).unwrap(), mine[..2]);
    let legs = read.source_legs(A, Some(address(1)), 2).unwrap();
    let escrows: Vec<_> = legs.iter().map(|leg| leg.swap.escrow).collect();
    assert_eq!(escrows, [address(2), address(3)]);
    let makers = read.source_legs_by_maker(A, address(1).into(), None, 10).unwrap();
    let escrows: Vec<_> = makers.iter().map(|leg| leg.swap.escrow).collect();
    assert_eq!(escrows, [address(1), address(4)]);
    let open = |after| {
        read.source_legs_by_taker(A, address(900).into(), LegState::Open, after, 3).unwrap()
    };
    let first = open(None);
    let last = AnyLeg::Source(first[2].clone()).place();
    let escrows: Vec<_> =
        first.iter().chain(&open(Some(last))).map(|leg| leg.swap.escrow).collect();
    assert_eq!(escrows, [address(1), address(2), address(3), address(4)]);
    assert_eq!(read.source_legs_by_order_hash(A, OrderHash(word(3)), 9).unwrap().len(), 1);
    assert_eq!(read.source_legs_by_hashlock(A, lock(3), 9).unwrap().len(), 1);
    assert_eq!(read.source_legs_by_hashlock(B, lock(3), 9).unwrap().len(), 0);
}

#[test]
fn a_host_sees_the_blocks_we_hold_and_the_bounds_of_acknowledging() {
    let store = Store::open(options(&CrashBackend::new())).unwrap();
    let (first, second) = commit(&store, |tx| (apply(tx, A, &quiet(1)), apply(tx, A, &quiet(2))));
    let read = store.read().unwrap();
    let known = read.known_blocks(A);
    assert_eq!((known.at(100), known.at(101), known.at(102)), (Some(first), Some(second), None));
    let mut tx = store.write().unwrap();
    assert!(matches!(tx.set_acknowledged(A, first), Err(StoreError::Misplaced(_))));
    tx.set_finalized(A, first).unwrap();
    assert!(matches!(tx.set_acknowledged(A, second), Err(StoreError::Misplaced(_))));
    tx.set_acknowledged(A, first).unwrap();
    let cursor = tx.cursor(A).unwrap();
    assert_eq!(
        (cursor.tip, cursor.finalized, cursor.acknowledged),
        (Some(second), Some(first), Some(first))
    );
}
