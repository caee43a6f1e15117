//! Orders, changes, plans, intents, reservations, leases.

use super::fixtures::*;
use crate::testing::rows_read;
use crate::{IntentNotes, Justification, Reads, Reservation, SourceBinding, Spending, StoreError};
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{ContractEvent, LimitOrder, MakerTraits, OrderSignature};
use bmn_primitives::{AddressWord, BlockRef, OrderHash, OrderId, SwapId, Timelocks};
use bmn_swap::{
    Action, Attempt, Decision, EscrowEnd, Evidence, Fill, Order, OrderTimes, Origin, Permission,
    Refusal, SecretKnowledge, SignedOrder, SourceTerms, Status,
};

/// A word that is no clean address.
const DIRTY: AddressWord = AddressWord(U256::MAX);

// What serialises and does not decode again is lost without a sound, so every optional part and
// every kind of row passes through the file once.
#[test]
fn a_row_with_every_part_in_it_comes_back_as_it_was() {
    let mut full = order(1);
    full.origin = Origin::Submitted(Box::new(SignedOrder {
        order: LimitOrder {
            salt: U256::MAX,
            maker: DIRTY,
            receiver: AddressWord::ZERO,
            maker_asset: DIRTY,
            taker_asset: DIRTY,
            making_amount: U256::MAX,
            taking_amount: U256::from(1),
            maker_traits: MakerTraits(U256::MAX),
        },
        extension: Bytes::from_static(&[1, 2, 3]),
        signature: OrderSignature::Contract(Bytes::from_static(&[4; 100])),
        secret_hashes: vec![lock(1), lock(2), lock(3)],
    }));
    full.times = OrderTimes::Offsets(Timelocks::pack(0, [1, 2, 3, 4, 5, 6, u32::MAX]));
    full.source_deposit = U256::MAX;
    full.decision = Decision::Refused(vec![
        Refusal::Invalidated,
        Refusal::BadExtension("x".to_owned()),
        Refusal::DirtyAddress { field: "maker".to_owned(), word: DIRTY },
        Refusal::Unprofitable { bps: -5, micros: i128::MIN, min_bps: i64::MAX },
        Refusal::TooLarge { micros: u128::MAX, cap: 1 },
    ]);
    let mut standing = state(Status::Violated);
    standing.evidence = Evidence {
        secret: SecretKnowledge::Public,
        fill: Attempt::Live,
        funding: Attempt::Closed,
        cancel_impossible: true,
    };
    standing.source = Some(SwapId { chain: A, escrow: address(1) });
    standing.plan = Some(plan(1));
    standing.permission = Some(Permission {
        escrow: address(1),
        caller: address(2),
        signature: Bytes::from_static(&[9; 65]),
    });
    let store = memory();
    commit(&store, |tx| {
        tx.put_order(&full).unwrap();
        tx.put_order_state(full.id, &standing).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.order(full.id).unwrap(), Some(full.clone()));
    assert_eq!(read.order_state(full.id).unwrap(), Some(standing));
}

#[test]
fn every_kind_of_event_and_leg_comes_back_as_it_was() {
    let store = memory();
    let block = header(None, 1);
    let at = |log| inclusion(block.block_ref(), log);
    let mut source = source_leg(A, 1, at(0));
    source.fill = Some(Fill { contract: address(904), remaining: U256::MAX });
    source.end = Some((EscrowEnd::Rescued { token: Address::ZERO }, at(5)));
    let SourceTerms::Stated { immutables, complement } = &mut source.terms else { panic!() };
    immutables.maker = DIRTY;
    immutables.parameters = Bytes::from_static(&[1; 300]);
    let (immutables, complement) = (immutables.clone(), complement.clone());
    let mut destination = destination_leg(A, 2, at(1));
    destination.taker = DIRTY.masked();
    destination.end = Some((EscrowEnd::Withdrawn { secret: word(1) }, at(3)));
    let (hash, amount) = (OrderHash(word(7)), U256::MAX);
    let events = [
        ContractEvent::SourceCreated { immutables, complement },
        ContractEvent::DestinationCreated { escrow: address(2), hashlock: lock(2), taker: DIRTY },
        ContractEvent::PostInteraction {
            escrow: address(1),
            hashlock: lock(1),
            protocol: address(904),
            taker: address(900),
            amount,
        },
        ContractEvent::Withdrawn { secret: word(1) },
        ContractEvent::Cancelled,
        ContractEvent::Rescued { token: Address::ZERO, amount },
        ContractEvent::OrderFilled { order_hash: hash, remaining: amount },
        ContractEvent::OrderCancelled { order_hash: hash },
        ContractEvent::BitInvalidatorUpdated { maker: address(4), slot: amount, bits: amount },
    ];
    let about = |log: u32| if [1, 3].contains(&log) { 2 } else { 1 };
    let rows: Vec<_> =
        (0u32..).zip(events).map(|(log, what)| event(A, at(log), Some(about(log)), what)).collect();
    commit(&store, |tx| {
        tx.begin_block(A, &block).unwrap();
        tx.put_source_leg(&source).unwrap();
        tx.put_destination_leg(&destination).unwrap();
        rows.iter().for_each(|row| tx.put_event(row).unwrap());
        tx.end_block().unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.block(A, block.number).unwrap(), Some(block.block_ref()));
    assert_eq!(read.source_leg(source.swap).unwrap(), Some(source.clone()));
    let binding = SourceBinding::of(&source).unwrap();
    assert_eq!(read.filled_source(A, binding).unwrap(), Some(source));
    assert_eq!(read.filled_source(B, binding).unwrap(), None);
    assert_eq!(read.destination_leg(A, address(2)).unwrap(), Some(destination.clone()));
    assert_eq!(read.destination_legs_by_hashlock(A, lock(2), 9).unwrap(), [destination]);
    let (of_destination, of_source): (Vec<_>, Vec<_>) =
        rows.iter().cloned().partition(|row| row.escrow == Some(address(2)));
    assert_eq!(read.events_of(A, address(1), None, 100).unwrap(), of_source);
    assert_eq!(read.events_of(A, address(2), None, 100).unwrap(), of_destination);
    assert_eq!(read.events(A, 0, u64::MAX, None, 100).unwrap(), rows);
    assert_eq!(read.event(rows[3].key()).unwrap().as_ref(), Some(&rows[3]));
}

#[test]
fn an_order_is_found_by_each_of_its_keys() {
    let store = memory();
    commit(&store, |tx| (1..=7).for_each(|n| tx.put_order(&order(n)).unwrap()));
    let read = store.read().unwrap();
    assert_eq!(read.orders_by_hashlock(lock(3)).unwrap(), [order_id(3)]);
    assert_eq!(read.orders_by_hash(order_id(3).hash).unwrap(), [order_id(3)]);
    let OrderId { chain, contract, hash, .. } = order_id(3);
    assert_eq!(read.submitted_orders(chain, contract, hash, 9).unwrap(), [order_id(3)]);
    assert_eq!(read.submitted_orders(B, contract, hash, 9).unwrap(), []);
    assert_eq!(read.submitted_orders(chain, address(1), hash, 9).unwrap(), []);
    let at = |escrow| read.direct_orders(SwapId { chain, escrow }, 3).unwrap().len();
    assert_eq!((at(contract), at(address(1))), (3, 0));
    let mut mine = [order_id(1), order_id(4), order_id(7)];
    mine.sort();
    assert_eq!(read.orders_by_maker(address(1), None, 10).unwrap(), mine);
    assert_eq!(read.orders_by_maker(address(1), Some(mine[0]), 1).unwrap(), [mine[1]]);
    let (first, rest) = (read.orders(None, 3).unwrap(), read.orders(None, 10).unwrap());
    assert_eq!(read.orders(Some(first[2].id), 10).unwrap(), rest[3..]);
}

#[test]
fn an_order_stored_again_leaves_no_stale_index() {
    let store = memory();
    let mut changed = order(1);
    changed.hashlock = lock(2);
    commit(&store, |tx| {
        tx.put_order(&order(1)).unwrap();
        tx.put_order(&changed).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.orders_by_hashlock(lock(1)).unwrap(), []);
    assert_eq!(read.orders_by_hashlock(lock(2)).unwrap(), [order_id(1)]);
    assert_eq!(read.accepted_by_hashlock(lock(1), 9).unwrap(), []);
    assert_eq!(read.accepted_by_hashlock(lock(2), 9).unwrap(), [order_id(1)]);
}

#[test]
fn the_accepted_order_of_a_hashlock_is_found_among_any_number_of_refused_ones() {
    let store = memory();
    let of_one_lock = |n: u64, decision| Order { hashlock: lock(1), decision, ..order(n) };
    let refused = || Decision::Refused(vec![Refusal::DirectOff]);
    commit(&store, |tx| {
        for n in 2..2_000 {
            tx.put_order(&of_one_lock(n, refused())).unwrap();
        }
        tx.put_order(&of_one_lock(1, Decision::Accepted)).unwrap();
    });
    let read = store.read().unwrap();
    let before = rows_read();
    assert_eq!(read.accepted_by_hashlock(lock(1), 2).unwrap(), [order_id(1)]);
    assert!(rows_read() - before < 3);
    assert_eq!(read.orders_by_hashlock(lock(1)).unwrap().len(), 1_999);
    commit(&store, |tx| tx.put_order(&of_one_lock(1, refused())).unwrap());
    assert_eq!(store.read().unwrap().accepted_by_hashlock(lock(1), 2).unwrap(), []);
}

#[test]
fn a_change_of_status_is_numbered_and_moves_the_index() {
    let store = memory();
    let head = commit(&store, |tx| {
        let header = header(None, 1);
        tx.begin_block(A, &header).unwrap();
        let change = tx.put_order_state(order_id(1), &state(Status::Accepted)).unwrap();
        tx.end_block().unwrap();
        let change = change.unwrap();
        assert_eq!((change.seq, change.from, change.to), (1, None, Status::Accepted));
        assert_eq!(change.at, [(A, header.block_ref())], "the block being written is the head");
        header.block_ref()
    });
    commit(&store, |tx| {
        assert_eq!(tx.put_order_state(order_id(1), &state(Status::Accepted)).unwrap(), None);
        tx.put_order_state(order_id(2), &state(Status::Accepted)).unwrap();
        tx.revert_block(A, head).unwrap();
        tx.put_order_state(order_id(1), &state(Status::Void)).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.orders_by_status(Status::Accepted, None, 10).unwrap(), [order_id(2)]);
    assert_eq!(read.orders_by_status(Status::Void, None, 10).unwrap(), [order_id(1)]);
    let changes = read.changes(2, 10).unwrap();
    assert_eq!(changes.iter().map(|change| change.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((changes[1].from, changes[1].at.len()), (Some(Status::Accepted), 0));
    assert_eq!(read.last_change().unwrap(), 3);
}

#[test]
fn a_bound_source_is_found_and_follows_a_new_binding() {
    let store = memory();
    let swap = |n| SwapId { chain: A, escrow: address(n) };
    let bound = |n| {
        let mut state = state(Status::SourceLocked);
        state.source = Some(swap(n));
        state
    };
    commit(&store, |tx| {
        tx.put_order_state(order_id(1), &bound(1)).unwrap();
        tx.put_order_state(order_id(1), &bound(2)).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.order_by_source(swap(1)).unwrap(), None);
    assert_eq!(read.order_by_source(swap(2)).unwrap(), Some(order_id(1)));
}

#[test]
fn every_plan_is_kept_and_belongs_to_one_order() {
    let store = memory();
    let planned = |n| {
        let mut state = state(Status::SourceLocked);
        state.plan = Some(plan(n));
        state
    };
    let mut tx = store.write().unwrap();
    tx.put_order_state(order_id(1), &planned(1)).unwrap();
    tx.put_order_state(order_id(1), &planned(2)).unwrap();
    tx.put_order_state(order_id(1), &state(Status::SourceLocked)).unwrap();
    assert_eq!(tx.plans_of(order_id(1)).unwrap(), [plan(1), plan(2)]);
    assert_eq!(tx.plan(B, plan(1).escrow.unwrap()).unwrap(), Some((order_id(1), plan(1))));
    assert_eq!(tx.order_by_plan_escrow(B, plan(2).escrow.unwrap()).unwrap(), Some(order_id(1)));
    assert_eq!(tx.order_by_plan_escrow(A, plan(2).escrow.unwrap()).unwrap(), None);
    let stolen = tx.put_order_state(order_id(2), &planned(1));
    assert!(matches!(stolen, Err(StoreError::Misplaced(_))));
}

#[test]
fn an_intent_owns_its_nonce_and_an_action_has_one_intent() {
    let store = memory();
    let (fund, other) = (action(1, Action::FundDestination), action(2, Action::FundDestination));
    commit(&store, |tx| {
        tx.put_intent(&intent(other, 4, b"b")).unwrap();
        tx.put_intent(&intent(fund, 3, b"a")).unwrap();
        assert!(matches!(tx.put_intent(&intent(fund, 4, b"a")), Err(StoreError::Misplaced(_))));
        assert!(matches!(tx.put_intent(&intent(fund, 5, b"a")), Err(StoreError::Misplaced(_))));
        let mut newer = intent(fund, 3, b"newer");
        newer.sent.extend(newer.sent.clone());
        newer.notes = IntentNotes {
            because: Some(Justification { chain: A, block: BlockRef::default() }),
            foreign: Some(BlockRef::default()),
            spending: Some(Spending {
                day: 3,
                coin: U256::MAX,
                token: Some((DIRTY.masked(), U256::MAX)),
            }),
        };
        tx.put_intent(&newer).unwrap();
        assert_eq!(tx.intent(&fund).unwrap(), Some(newer));
    });
    let read = store.read().unwrap();
    let nonces: Vec<_> = read.intents(B).unwrap().iter().map(|intent| intent.nonce).collect();
    assert_eq!(nonces, [3, 4]);
    assert_eq!(read.intents(A).unwrap().len(), 0);
    assert_eq!(read.intent_at(B, address(900), 3).unwrap(), Some(fund));
    commit(&store, |tx| {
        tx.remove_intent(&fund).unwrap();
        tx.remove_intent(&fund).unwrap();
        tx.put_intent(&intent(fund, 5, b"a")).unwrap();
        assert_eq!(tx.intent(&fund).unwrap().unwrap().notes, IntentNotes::default());
    });
    let read = store.read().unwrap();
    assert_eq!(read.intent_at(B, address(900), 3).unwrap(), None);
    assert_eq!(read.intents(B).unwrap().len(), 2);
}

#[test]
fn nonces_are_per_chain_and_account() {
    let store = memory();
    commit(&store, |tx| tx.set_next_nonce(A, address(1), 7).unwrap());
    let read = store.read().unwrap();
    assert_eq!(read.next_nonce(A, address(1)).unwrap(), Some(7));
    assert_eq!(read.next_nonce(B, address(1)).unwrap(), None);
    assert_eq!(read.next_nonce(A, address(2)).unwrap(), None);
}

#[test]
fn reservations_add_up_by_token_and_are_released_by_order() {
    let store = memory();
    let token = |n, amount: u64| Reservation {
        order: order_id(n),
        chain: B,
        token: address(903),
        amount: U256::from(amount),
    };
    let coin = Reservation { token: address(0), ..token(1, 5) };
    commit(&store, |tx| {
        for reservation in [token(1, 100), token(1, 10), token(2, 20), coin] {
            tx.reserve(&reservation).unwrap();
        }
        assert_eq!(tx.reserved(B, address(903)).unwrap(), U256::from(30));
        assert_eq!(tx.reserved(B, address(0)).unwrap(), U256::from(5));
        assert_eq!(tx.reserved(A, address(903)).unwrap(), U256::ZERO);
        assert_eq!(tx.reservations(order_id(1)).unwrap(), [coin, token(1, 10)]);
        tx.release(order_id(1)).unwrap();
        assert_eq!(tx.reserved(B, address(903)).unwrap(), U256::from(20));
        assert_eq!(tx.reserved(B, address(0)).unwrap(), U256::ZERO);
        tx.reserve(&Reservation { amount: U256::MAX, ..token(3, 0) }).unwrap();
        assert_eq!(tx.reserved(B, address(903)).unwrap(), U256::MAX, "a sum never wraps");
    });
}

#[test]
fn a_lease_moves_to_a_newer_epoch_only() {
    let store = memory();
    let mut tx = store.write().unwrap();
    tx.take_lease(A, address(1), 2).unwrap();
    tx.take_lease(A, address(1), 2).unwrap();
    tx.take_lease(A, address(1), 3).unwrap();
    let stale = tx.take_lease(A, address(1), 2);
    assert!(matches!(stale, Err(StoreError::Fenced { chain: A, current: 3, offered: 2 })));
    tx.take_lease(B, address(1), 1).unwrap();
    assert_eq!(tx.lease(A, address(1)).unwrap(), Some(3));
}

#[test]
fn a_chain_with_another_genesis_is_refused() {
    let store = memory();
    commit(&store, |tx| tx.pin_genesis(A, word(1)).unwrap());
    let mut tx = store.write().unwrap();
    tx.pin_genesis(A, word(1)).unwrap();
    tx.pin_genesis(B, word(2)).unwrap();
    let other = tx.pin_genesis(A, word(2));
    assert!(matches!(other, Err(StoreError::WrongGenesis { chain: A, .. })));
}

#[test]
fn job_numbers_are_never_given_twice() {
    let store = memory();
    assert_eq!(commit(&store, |tx| tx.next_job_seq().unwrap()), 1);
    assert_eq!(commit(&store, |tx| tx.next_job_seq().unwrap()), 2);
}

#[test]
fn what_is_spent_is_counted_by_day_and_token_and_old_days_are_forgotten() {
    let store = memory();
    let token = address(7);
    let on = |day, coin: u64, amount: u64| Spending {
        day,
        coin: U256::from(coin),
        token: Some((token, U256::from(amount))),
    };
    commit(&store, |tx| {
        tx.spend(A, &on(100, 3, 5)).unwrap();
        tx.spend(A, &on(100, 4, 6)).unwrap();
        tx.spend(A, &on(101, 1, 1)).unwrap();
        tx.spend(B, &on(100, 9, 9)).unwrap();
        tx.unspend(A, &on(100, 2, 11)).unwrap();
    });
    let sums = |chain, day| {
        let read = store.read().unwrap();
        [Address::ZERO, token].map(|token| read.spent(chain, day, token).unwrap())
    };
    assert_eq!(sums(A, 100), [U256::from(5), U256::ZERO]);
    assert_eq!(sums(A, 101), [U256::from(1); 2]);
    assert_eq!(sums(B, 100), [U256::from(9); 2]);
    commit(&store, |tx| tx.spend(A, &on(134, 1, 0)).unwrap());
    assert_eq!(sums(A, 101), [U256::ZERO; 2], "33 days later");
    assert_eq!(sums(B, 100), [U256::from(9); 2], "another chain's days are its own");
    commit(&store, |tx| tx.spend(B, &on(100, 1, u64::MAX)).unwrap());
    let most = Spending { day: 100, coin: U256::MAX, token: None };
    commit(&store, |tx| tx.spend(B, &most).unwrap());
    assert_eq!(sums(B, 100)[0], U256::MAX);
}
