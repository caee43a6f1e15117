//! Refused orders go when they are told to, and never while anything hangs on them.

use super::fixtures::*;
use crate::{MakerClaim, QueueTable, Reads, Reservation, Store, WriteTx, tables};
use alloy::primitives::{Bytes, U256};
use bmn_contracts::{LimitOrder, MakerTraits, OrderSignature};
use bmn_swap::{Action, Decision, Order, Origin, Refusal, SecretKnowledge, SignedOrder, Status};

pub(super) fn refused(n: u64) -> Order {
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::from(n),
            maker: address(1).into(),
            receiver: address(1).into(),
            maker_asset: address(901).into(),
            taker_asset: address(905).into(),
            making_amount: U256::from(n),
            taking_amount: U256::from(n),
            maker_traits: MakerTraits::default(),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Contract(Bytes::new()),
        secret_hashes: Vec::new(),
    };
    let decision = Decision::Refused(vec![Refusal::Invalidated]);
    Order { origin: Origin::Submitted(Box::new(signed)), decision, ..order(n) }
}

fn with_refused() -> Store {
    let store = memory();
    commit(&store, |tx| {
        for n in 1..=2 {
            tx.put_order(&refused(n)).unwrap();
            tx.put_order_state(order_id(n), &state(Status::Refused)).unwrap();
        }
    });
    store
}

#[test]
fn a_refused_order_leaves_nothing_but_its_changes() {
    let store = with_refused();
    let empty = memory();
    commit(&empty, |tx| {
        tx.put_order(&refused(2)).unwrap();
        tx.put_order_state(order_id(2), &state(Status::Refused)).unwrap();
    });
    commit(&store, |tx| {
        tx.seal_secret(lock(1), &secret(1)).unwrap();
        assert!(tx.forget_refused(order_id(1)).unwrap());
        assert!(!tx.forget_refused(order_id(1)).unwrap(), "it is gone");
    });
    let log = [tables::SEQUENCE.name, tables::SEQUENCE_BY_ORDER.name, tables::META.name];
    let rows = |store: &Store| {
        let mut rows = everything(store);
        rows.retain(|(table, _)| !log.contains(table));
        rows
    };
    assert_eq!(rows(&store), rows(&empty));
    let read = store.read().unwrap();
    assert_eq!(read.orders_in(Status::Refused).unwrap(), 1);
    assert_eq!(read.changes(1, 9).unwrap().len(), 2);
    assert_eq!(read.secret_knowledge(lock(1)).unwrap(), SecretKnowledge::Unknown);
}

#[test]
fn nothing_is_forgotten_that_something_hangs_on() {
    type Hang = fn(&mut WriteTx);
    let hangs: [(&str, Hang); 11] = [
        ("it was taken", |tx| {
            let taken = Order { decision: Decision::Accepted, ..refused(1) };
            tx.put_order(&taken).unwrap();
        }),
        ("another status", |tx| {
            tx.put_order_state(order_id(1), &state(Status::Void)).map(drop).unwrap();
        }),
        ("a direct source", |tx| {
            tx.put_order(&Order { origin: Origin::DirectSource, ..refused(1) }).unwrap();
        }),
        ("a source", |tx| {
            let mut bound = state(Status::Refused);
            bound.source = Some(plan(1).source);
            tx.put_order_state(order_id(1), &bound).map(drop).unwrap();
        }),
        ("a plan of before", |tx| {
            let mut planned = state(Status::Refused);
            planned.plan = Some(plan(1));
            tx.put_order_state(order_id(1), &planned).map(drop).unwrap();
            tx.put_order_state(order_id(1), &state(Status::Refused)).map(drop).unwrap();
        }),
        ("an intent", |tx| tx.put_intent(&intent(action(1, Action::Fill), 3, &[1])).unwrap()),
        ("a job", |tx| {
            let key = action(1, Action::CancelSource).to_bytes();
            tx.queue_put(QueueTable::Jobs, &key, &[1]).unwrap();
        }),
        ("a promise", |tx| {
            let (order, token, amount) = (order_id(1), address(903), U256::ONE);
            tx.reserve(&Reservation { order, chain: B, token, amount }).unwrap();
        }),
        ("a claim", |tx| {
            let claim = MakerClaim { maker: address(1), token: address(2), amount: U256::ONE };
            tx.set_claim(order_id(1), Some(&claim)).unwrap();
        }),
        ("a stranger's source with its hashlock", |tx| {
            let block = header(None, 1);
            tx.begin_block(A, &block).unwrap();
            let leg = source_leg(A, 1, inclusion(block.block_ref(), 0));
            tx.put_source_leg(&leg).unwrap();
            tx.put_event(&event(A, leg.created, Some(1), created_event(&leg))).unwrap();
            tx.end_block().unwrap();
        }),
        ("a destination with its hashlock", |tx| {
            let block = header(None, 1);
            tx.begin_block(B, &block).unwrap();
            let leg = destination_leg(B, 1, inclusion(block.block_ref(), 0));
            tx.put_destination_leg(&leg).unwrap();
            tx.put_event(&event(B, leg.created, Some(1), destination_event(&leg))).unwrap();
            tx.end_block().unwrap();
        }),
    ];
    for (what, hang) in hangs {
        let store = with_refused();
        commit(&store, hang);
        let before = everything(&store);
        commit(&store, |tx| assert!(!tx.forget_refused(order_id(1)).unwrap(), "{what}"));
        assert_eq!(everything(&store), before, "{what}");
        commit(&store, |tx| assert!(tx.forget_refused(order_id(2)).unwrap(), "beside {what}"));
    }
}

#[test]
fn a_secret_that_another_order_needs_is_kept() {
    let store = with_refused();
    commit(&store, |tx| {
        let twin = Order { hashlock: lock(1), ..refused(2) };
        tx.put_order(&twin).unwrap();
        tx.seal_secret(lock(1), &secret(1)).unwrap();
        assert!(tx.forget_refused(order_id(1)).unwrap());
    });
    let read = store.read().unwrap();
    assert_eq!(read.secret_knowledge(lock(1)).unwrap(), SecretKnowledge::Sealed);
}
