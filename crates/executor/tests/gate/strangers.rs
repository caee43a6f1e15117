//! Escrows of strangers, which a keeper may finish.

use super::*;

const KEPT: [Action; 3] =
    [Action::PublicWithdrawSource, Action::PublicWithdrawDestination, Action::PublicCancelSource];

/// The same swap as a stranger's, which the keeper watches.
fn strangers() -> Rows {
    let mut rows = rows();
    rows.order.origin = Origin::Watched;
    let SourceTerms::Stated { immutables, .. } = &mut rows.source.terms else { unreachable!() };
    immutables.taker = AddressWord::from(at(0x77));
    rows.plan.immutables.taker = AddressWord::from(at(0x77));
    rows
}

#[test]
fn a_strangers_escrow_is_finished_by_its_own_public_call_alone() {
    let rows = strangers();
    for asked in KEPT {
        // No fill: there is no order that a maker signed for us.
        for sent in KEPT.into_iter().chain(SENT).filter(|sent| *sent != Action::Fill) {
            let judged = rows.judge(asked, &rows.right(sent));
            assert_eq!(judged.is_ok(), asked == sent, "{asked:?} with {sent:?}: {judged:?}");
        }
        let right = rows.right(asked);
        for place in 0..right.data.len() {
            let mut data = right.data.to_vec();
            data[place] ^= 1;
            let judged = rows.judge(asked, &Tx { data: data.into(), ..right.clone() });
            assert!(judged.is_err(), "{asked:?}: byte {place}");
        }
        let longer = [&right.data[..], &[0; 32]].concat();
        assert!(rows.judge(asked, &Tx { data: longer.into(), ..right.clone() }).is_err());
        let target = Tx { to: at(0x66), ..right.clone() };
        assert_eq!(rows.judge(asked, &target), Err(GateError::Target(at(0x66))));
        let value = U256::from(1u64);
        let found = rows.judge(asked, &Tx { value, ..right });
        assert_eq!(found, Err(GateError::Value { found: value, expected: U256::ZERO }));
    }
}

#[test]
fn no_public_call_is_signed_for_an_escrow_or_an_order_of_ours() {
    for action in KEPT {
        let ours = rows();
        let judged = ours.judge(action, &ours.right(action));
        let expected = match action {
            Action::PublicCancelSource => GateError::PublicCancel,
            _ => GateError::Argument("origin"),
        };
        assert_eq!(judged, Err(expected), "{action:?}");
        // A row of the keeper's whose escrow names us, or our contract.
        for (taker, contract) in [(US, None), (CONTRACT, Some(CONTRACT))] {
            let mut rows = strangers();
            rows.contract = contract;
            rows.plan.immutables.taker = AddressWord::from(taker);
            let SourceTerms::Stated { immutables, .. } = &mut rows.source.terms else { panic!() };
            immutables.taker = AddressWord::from(taker);
            let expected = match action {
                Action::PublicCancelSource => GateError::PublicCancel,
                _ => GateError::Argument("taker"),
            };
            assert_eq!(rows.judge(action, &rows.right(action)), Err(expected), "{action:?}");
        }
        // An order of ours, with a stranger's escrow for rows.
        let mut rows = strangers();
        rows.order.origin = Origin::DirectSource;
        let refused = Err(GateError::Argument("origin"));
        assert_eq!(rows.judge(action, &rows.right(action)), refused, "{action:?}");
        // Nothing is kept through our contract.
        let mut rows = strangers();
        rows.contract = Some(CONTRACT);
        let inner = rows.right(action);
        let data = pack(std::slice::from_ref(&inner));
        let through = Tx { to: CONTRACT, data, ..inner };
        assert_eq!(rows.judge(action, &through), Err(GateError::Target(CONTRACT)));
    }
}
