//! What the maker gets of a destination, and what others get of it.

use crate::{
    net::{Actor, Net, ONE},
    orders::{Destination, Fill},
    play::Play,
    replay_bed::recording,
    swap::complement,
};
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{
    Admission, DestinationFees, FeeTerms, FillTerms, OrderError, Payout, calldata,
};
use bmn_primitives::{Immutables, Secret, Stage};
use serde_json::json;

/// The shares of the recorded order as they can be told from its amounts: one percent to the
/// integrator, half of it passed on, and half a percent after a discount of one half.
fn recorded_fees(fees: &mut FeeTerms) {
    *fees = FeeTerms {
        integrator: Actor::Erin.address(),
        protocol: Actor::Dave.address(),
        integrator_fee: 1000,
        integrator_share: 50,
        resolver_fee: 1000,
        whitelist_discount: 50,
        post_interaction: None,
    };
}

/// Bob withdraws as soon as he may.
fn withdraw(play: &Play, dst: &Net, created: &Destination, secret: &Secret) -> crate::net::Mined {
    let data = calldata::withdraw(play.dialect, secret, &created.immutables);
    let at = created.immutables.timelocks.at(Stage::DstWithdrawal);
    dst.tx(Actor::Bob, created.escrow, data).at(at).mined()
}

pub(crate) fn the_recorded_fees_are_paid(play: &mut Play) {
    let src = play.src();
    let sample = play.sample("fees");
    let recorded = recording::immutables(sample, "srcImmutables");
    let secret = play.recording.logged_secret("I3.dstWithdraw(fees)");
    let mut draft = src.draft(play.dialect, secret.hashlock());
    recorded_fees(draft.fees());
    let order = src.sign(play.dialect, draft);
    let filled = src.filled(&order, &order.whole(recorded.timelocks.deployed_at()));
    let own = [order.hash.0, filled.escrow.into_word()];
    play.replay.renamed_logs("I3.fill(fees)", &filled.mined.logs, own);
    play.replay.fact("complement with fees", complement(play.dialect, &filled.complement));
    assert_eq!(filled.complement, recording::complement(sample, "complement"));

    let dst = play.dst();
    let destination = recording::immutables(sample, "dstImmutables");
    let time = destination.timelocks.deployed_at();
    let created = dst.destination(play.dialect, &destination, time);
    assert_eq!(created.immutables, destination);
    assert_eq!(created.escrow, recording::get::<Address>(sample, "dstEscrow"));
    let payees = [Actor::Alice, Actor::Erin, Actor::Dave].map(Actor::address);
    let held = || payees.map(|payee| dst.tokens(payee));
    let before = held();
    let mined = withdraw(play, &dst, &created, &secret);
    play.replay.logs("I3.dstWithdraw(fees)", &mined.logs);
    let after = held();
    let split = [0, 1, 2].map(|payee| after[payee] - before[payee]);
    let payout = Payout::of(play.dialect, &destination).unwrap();
    let fees = payout.fees;
    assert_eq!([payout.maker, fees.integrator_amount, fees.protocol_amount], split);
    let split = json!(split.map(|amount| amount.to_string()));
    play.replay.fact("fee split alice/integrator(erin)/protocol(dave)", split);
}

pub(crate) fn fees_follow_from_the_terms(play: &mut Play) {
    let src = play.src();
    for (integrator_fee, integrator_share, resolver_fee, whitelist_discount) in [
        (0, 0, 0, 0),
        (0, 100, 777, 100),
        (1, 1, 1, 99),
        (333, 33, 333, 33),
        (u16::MAX, 100, u16::MAX, 100),
        (u16::MAX, 0, 0, 0),
    ] {
        for taking in [1, 7, 999_999_999_999_999_989, u128::MAX] {
            let (order, _) = src.order(play.dialect, |draft| {
                draft.deposits(0, 1);
                draft.order.taking_amount = U256::from(taking);
                *draft.fees() = FeeTerms {
                    integrator: Address::repeat_byte(0x11),
                    protocol: Address::repeat_byte(0x22),
                    integrator_fee,
                    integrator_share,
                    resolver_fee,
                    whitelist_discount,
                    post_interaction: None,
                };
            });
            for (taker, admission) in
                [(Actor::Bob, Admission::Whitelisted), (Actor::Carol, Admission::AccessToken)]
            {
                let fill = Fill { taker, ..order.whole(src.now() + 1) };
                let filled = src.aside(|| src.filled(&order, &fill));
                let bmn_contracts::FillFee::Destination(terms) = &order.terms.fee else {
                    panic!("fees in the destination")
                };
                let expected = terms.of_fill(admission, U256::from(taking));
                assert_eq!(filled.complement.parameters, expected.parameters(), "{terms:?}");
                let found = DestinationFees::decode(&filled.complement.parameters).unwrap();
                assert_eq!(found.integrator_amount, expected.integrator_amount);
                assert_eq!(found.protocol_amount, expected.protocol_amount);
            }
        }
    }
    type Change = fn(&mut FeeTerms);
    let changes: [(Change, &str); 2] = [
        (|fees| fees.integrator_share = 101, "InvalidIntegratorShare()"),
        (|fees| fees.whitelist_discount = 101, "InvalidWhitelistDiscountNumerator()"),
    ];
    for (change, error) in changes {
        let (order, _) = src.order(play.dialect, |draft| change(draft.fees()));
        src.fill_tx(&order, &order.whole(src.now() + 1)).fails_with(error);
        let header = order.terms.encode().unwrap();
        let found = FillTerms::decode(play.dialect, &header);
        assert!(matches!(found, Err(OrderError::AboveHundredPercent { value: 101, .. })));
    }
}

pub(crate) fn parameters_decide_whether_a_destination_ever_pays(play: &mut Play) {
    let dst = play.dst();
    let amount = U256::from(ONE);
    let fees = |protocol: U256, integrator: U256| DestinationFees {
        protocol_amount: protocol,
        integrator_amount: integrator,
        protocol: Actor::Dave.address(),
        integrator: Actor::Erin.address(),
    };
    let one = U256::from(1);
    let mut outcomes = [0, 0];
    for fees in [
        fees(U256::ZERO, U256::ZERO),
        fees(one, U256::ZERO),
        fees(U256::ZERO, one),
        fees(amount - one, one),
        fees(amount, one),
        fees(U256::MAX, one),
    ] {
        for length in [0, 63, 64, 95, 96, 127, 128, 160] {
            let mut parameters = fees.parameters().to_vec();
            parameters.resize(length, 0xff);
            let secret = dst.secret();
            let immutables = Immutables {
                order_hash: bmn_primitives::OrderHash(secret.hashlock().0),
                hashlock: secret.hashlock(),
                maker: Actor::Alice.address().into(),
                taker: Actor::Bob.address().into(),
                token: dst.token.into(),
                amount,
                safety_deposit: one,
                timelocks: bmn_primitives::Timelocks::pack(0, crate::orders::OFFSETS),
                parameters: Bytes::from(parameters),
            };
            let paid = dst.aside(|| {
                let created = dst.destination(play.dialect, &immutables, dst.now() + 1);
                let data = calldata::withdraw(play.dialect, &secret, &created.immutables);
                let at = created.immutables.timelocks.at(Stage::DstWithdrawal);
                let tx = dst.tx(Actor::Bob, created.escrow, data).at(at);
                match Payout::of(play.dialect, &immutables) {
                    Ok(payout) => {
                        let payees = [Actor::Alice, Actor::Erin, Actor::Dave].map(Actor::address);
                        let before = payees.map(|payee| dst.tokens(payee));
                        tx.mined();
                        let after = payees.map(|payee| dst.tokens(payee));
                        let fees = payout.fees;
                        let due = [payout.maker, fees.integrator_amount, fees.protocol_amount];
                        assert_eq!([0, 1, 2].map(|it| after[it] - before[it]), due);
                        true
                    }
                    Err(OrderError::ParametersTooShort(_)) => {
                        tx.fails_with("IndexOutOfRange()");
                        false
                    }
                    Err(OrderError::FeesAboveAmount(_)) => {
                        assert!(matches!(tx.tried(), bmn_chain::CallOutcome::Reverted(_)));
                        false
                    }
                    Err(other) => panic!("{other}"),
                }
            });
            outcomes[usize::from(paid)] += 1;
        }
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}
