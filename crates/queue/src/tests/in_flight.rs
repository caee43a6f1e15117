//! A job belongs to its transaction until that is settled.

use super::fixtures::{A, key, lease, memory, now, order, reconcile};
use crate::*;
use alloy::primitives::{Address, B256, U256};
use bmn_primitives::{BlockRef, ErrorClass};
use bmn_store::{IntentNotes, IntentRow, SentTx, TxPayload, WriteTx};
use bmn_swap::{Action, ActionKey, Wake, When};

fn intent(key: ActionKey) -> IntentRow {
    let at = BlockRef::default();
    IntentRow {
        key,
        account: Address::repeat_byte(1),
        nonce: 0,
        to: Address::repeat_byte(2),
        value: U256::ZERO,
        gas_limit: 21_000,
        sent: vec![SentTx { hash: B256::repeat_byte(3), max_fee: 2, priority_fee: 1, at }],
        filler: false,
        payload: TxPayload { data: Vec::new(), raw: vec![1] },
        notes: IntentNotes { because: None, foreign: None, spending: None },
    }
}

fn leased(tx: &mut WriteTx, key: ActionKey) -> Claim {
    reconcile(tx, key.order, &[now(key)]).unwrap();
    lease(tx, A, 1).unwrap().unwrap().claim()
}

#[test]
fn nobody_takes_a_job_from_a_transaction_that_is_out() {
    let store = memory();
    let mut tx = store.write().unwrap();
    let fill = key(1, Action::Fill, A);
    let held = leased(&mut tx, fill);
    tx.put_intent(&intent(fill)).unwrap();
    sent(&mut tx, &held).unwrap();
    let before = get(&tx, &fill).unwrap();
    let wake = Wake::Height { chain: A, number: 9 };
    let policy = policy(Action::Fill, FailureClass::Host);
    for error in [
        finish(&mut tx, &held).unwrap_err(),
        park(&mut tx, &held, &When::Now).unwrap_err(),
        defer(&mut tx, &held, "later", wake).unwrap_err(),
        bury(&mut tx, &held, FailureClass::Final, "no").unwrap_err(),
        retry(&mut tx, &held, FailureClass::Host, "away", policy).unwrap_err(),
    ] {
        assert!(matches!(error, QueueError::InFlight { key, .. } if key == fill), "{error}");
        assert_eq!(error.class(), ErrorClass::Transient, "it stops nobody else");
    }
    assert_eq!(get(&tx, &fill).unwrap(), before);
    // With its transaction settled in the same store transaction it is free.
    tx.remove_intent(&fill).unwrap();
    retry(&mut tx, &held, FailureClass::NoEffect, "no effect", policy).unwrap();
    assert_eq!(get(&tx, &fill).unwrap().unwrap().state.kind(), StateKind::Waiting);
}

#[test]
fn a_job_that_lost_its_transaction_is_given_back_to_it_whatever_became_of_it() {
    for case in 0..4u8 {
        let store = memory();
        let mut tx = store.write().unwrap();
        let fill = key(1, Action::Fill, A);
        let held = leased(&mut tx, fill);
        match case {
            0 => park(&mut tx, &held, &When::Now).unwrap(),
            1 => defer(&mut tx, &held, "later", Wake::Height { chain: A, number: 9 }).unwrap(),
            2 => bury(&mut tx, &held, FailureClass::Final, "no").unwrap(),
            _ => finish(&mut tx, &held).unwrap(),
        }
        assert_eq!(adopt(&mut tx, &fill).unwrap(), None, "nothing is out");
        tx.put_intent(&intent(fill)).unwrap();
        let claim = adopt(&mut tx, &fill).unwrap().unwrap();
        assert!(claim.token > held.token, "whoever had it is overtaken");
        assert_eq!(get(&tx, &fill).unwrap().unwrap().state.kind(), StateKind::Sent);
        assert_eq!(claim_of(&tx, &fill).unwrap(), claim);
        assert_eq!(adopt(&mut tx, &fill).unwrap(), Some(claim), "twice is once");
        assert!(!has_ready(&tx, A).unwrap(), "no index row is left behind");
        assert_eq!(lease(&mut tx, A, 1).unwrap(), None);
        let again = reconcile(&mut tx, order(1), &[now(fill)]).unwrap();
        assert_eq!(again, Reconciled::default());
        tx.remove_intent(&fill).unwrap();
        finish(&mut tx, &claim).unwrap();
    }
}
