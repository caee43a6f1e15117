//! What is late, who is told of it, and what counts as a missed deadline.

use super::dead_letters::{D, T0, accepted, rules};
use super::fixtures::{A, begin, key, memory, now, order, time, waiting};
use crate::late::note_late;
use crate::*;
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_primitives::{BlockRef, Complement, Dialect, Immutables, SwapId, Timelocks};
use bmn_store::{
    IntentNotes, IntentRow, LateReads, LateRow, OrderState, SentTx, TxPayload, WriteTx,
};
use bmn_swap::{
    Action, ActionKey, ChainView, DestinationLeg, DestinationPlan, EscrowEnd, Evidence, Inclusion,
    Pace, SourceLeg, SourceTerms, Status,
};

/// Six seconds to inclusion, six to settle: the latest safe time to withdraw a source that can be cancelled
/// 3 000 s after its creation.
const LATEST: u64 = T0 + 3_000 - 1 - 6 - 6;

fn at(time: u64) -> Inclusion {
    let block = BlockRef { number: 10, time, ..BlockRef::default() };
    Inclusion { block, tx_hash: B256::ZERO, log_index: 0 }
}

fn chain(time: u64) -> ChainView {
    let head = BlockRef { number: 900, time, ..BlockRef::default() };
    ChainView { head, next_time: time + 2 }
}

fn withdrawn() -> EscrowEnd {
    EscrowEnd::Withdrawn { secret: B256::repeat_byte(1) }
}

/// The maker was paid; both chains are at `time`.
fn paid(time: u64) -> Loaded {
    let order = accepted();
    let immutables = Immutables {
        order_hash: order.id.hash,
        hashlock: order.hashlock,
        maker: order.maker.into(),
        taker: Address::repeat_byte(2).into(),
        token: Address::ZERO.into(),
        amount: U256::from(1),
        safety_deposit: U256::ZERO,
        timelocks: Timelocks::pack(T0 as u32, [10, 20, 3_000, 3_600, 30, 40, 2_900]),
        parameters: Bytes::new(),
    };
    let complement = Complement {
        maker: order.beneficiary.into(),
        amount: U256::from(1),
        token: Address::ZERO.into(),
        safety_deposit: U256::ZERO,
        chain_id: U256::from(D.0),
        parameters: Bytes::new(),
    };
    let swap = SwapId { chain: A, escrow: Address::repeat_byte(3) };
    let factory = order.factory;
    let source = SourceLeg {
        swap,
        factory,
        dialect: Dialect::Bmn4,
        terms: SourceTerms::Stated { immutables: immutables.clone(), complement },
        created: at(T0),
        fill: None,
        end: None,
    };
    let escrow = Address::repeat_byte(4);
    let destination = DestinationLeg {
        chain: D,
        escrow,
        factory,
        dialect: Dialect::Bmn4,
        hashlock: order.hashlock,
        taker: Address::repeat_byte(2),
        created: at(T0 + 20),
        end: Some((withdrawn(), at(T0 + 100))),
    };
    let plan =
        DestinationPlan { chain: D, factory, source: swap, immutables, escrow: Some(escrow) };
    let state = OrderState {
        status: Status::DestinationPaid,
        evidence: Evidence::default(),
        source: Some(swap),
        plan: Some(plan),
        permission: None,
    };
    Loaded {
        order,
        state,
        source: Some(source),
        destination: Some(destination),
        source_chain: chain(time),
        destination_chain: Some(chain(time)),
        keeping: Default::default(),
    }
}

fn withdrawal() -> ActionKey {
    ActionKey { escrow: Address::repeat_byte(3), ..key(1, Action::WithdrawSource, A) }
}

fn note(tx: &mut WriteTx, loaded: &Loaded) {
    let rules = rules();
    let table = loaded.timetable(&rules);
    note_late(tx, loaded, &loaded.plan(&rules), table.as_ref()).unwrap();
}

fn withdrawal_noted(tx: &WriteTx) -> LateRow {
    tx.late(order(1), Action::WithdrawSource).unwrap()
}

fn send(tx: &mut WriteTx, head: u64) {
    begin(tx, A, 900, head);
    reconcile(tx, order(1), &[now(withdrawal())], |_| Some(LATEST)).unwrap();
    let claim = lease(tx, A, 1, 0).unwrap().unwrap().claim();
    let version = SentTx { hash: B256::ZERO, max_fee: 1, priority_fee: 1, at: at(head).block };
    tx.put_intent(&IntentRow {
        key: withdrawal(),
        account: Address::repeat_byte(1),
        nonce: 0,
        to: Address::ZERO,
        value: U256::ZERO,
        gas_limit: 1,
        sent: vec![version],
        filler: false,
        payload: TxPayload { data: Vec::new(), raw: vec![1] },
        notes: IntentNotes { because: None, foreign: None, spending: None },
    })
    .unwrap();
    sent(tx, &claim).unwrap();
}

#[test]
fn a_withdrawal_that_was_not_sent_by_its_latest_safe_time_is_counted_once() {
    let store = memory();
    let mut tx = store.write().unwrap();
    reconcile(&mut tx, order(1), &[now(withdrawal())], |_| Some(LATEST)).unwrap();
    // A person is told when three inclusions are left, by the next block's time.
    let told = LATEST - 3 * 6;
    note(&mut tx, &paid(told - 3));
    assert_eq!(withdrawal_noted(&tx), LateRow::default());
    note(&mut tx, &paid(told - 2));
    assert_eq!(withdrawal_noted(&tx), LateRow { overdue: true, missed: None });
    note(&mut tx, &paid(LATEST));
    assert_eq!(tx.count_late(9).unwrap(), (1, 0));
    for head in [LATEST + 1, LATEST + 9] {
        note(&mut tx, &paid(head));
        assert_eq!(tx.count_late(9).unwrap(), (1, 1));
    }
    let mut over = paid(LATEST + 11);
    over.source.as_mut().unwrap().end = Some((withdrawn(), at(LATEST + 10)));
    note(&mut tx, &over);
    assert_eq!(withdrawal_noted(&tx), LateRow { overdue: false, missed: Some(LATEST) });
}

#[test]
fn what_was_sent_in_time_or_never_was_possible_is_not_missed() {
    for (head, missed) in [(LATEST, None), (LATEST + 1, Some(LATEST))] {
        let store = memory();
        let mut tx = store.write().unwrap();
        send(&mut tx, head);
        note(&mut tx, &paid(LATEST + 8));
        assert_eq!(withdrawal_noted(&tx).missed, missed, "sent at {head}");
    }
    let store = memory();
    let mut tx = store.write().unwrap();
    let asleep = [waiting(withdrawal(), &[time(A, u64::MAX)])];
    reconcile(&mut tx, order(1), &asleep, |_| Some(LATEST)).unwrap();
    note(&mut tx, &paid(LATEST + 8));
    assert_eq!(withdrawal_noted(&tx).missed, None, "the plan never let it be sent");
    let store = memory();
    let mut tx = store.write().unwrap();
    let mut refused = paid(LATEST + 8);
    refused.order.decision = bmn_swap::Decision::Refused(Vec::new());
    reconcile(&mut tx, order(1), &[now(withdrawal())], |_| Some(LATEST)).unwrap();
    note(&mut tx, &refused);
    assert_eq!(withdrawal_noted(&tx), LateRow::default(), "strangers make those");
}

#[test]
fn an_order_is_looked_at_with_the_block_that_reaches_its_latest_safe_time() {
    let pace = Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 4 };
    let found =
        |tx: &WriteTx, from: u64, to: u64| !coming_due(tx, A, (from, to), pace).unwrap().is_empty();
    for in_flight in [false, true] {
        let store = memory();
        let mut tx = store.write().unwrap();
        if in_flight {
            send(&mut tx, T0);
        } else {
            reconcile(&mut tx, order(1), &[now(withdrawal())], |_| Some(LATEST)).unwrap();
        }
        // The next block is two seconds ahead, the alarm three inclusions.
        let alarm = LATEST - 18 - 2;
        assert!(!found(&tx, alarm - 4, alarm - 1) && found(&tx, alarm - 1, alarm));
        assert!(!found(&tx, alarm, LATEST - 3));
        assert!(found(&tx, LATEST - 3, LATEST - 2) && found(&tx, LATEST, LATEST + 1));
        assert!(!found(&tx, LATEST + 1, LATEST + 100));
        assert!(!found(&tx, LATEST, LATEST - 50), "a reorg took it back");
    }
}
