//! The steps of BMN swaps whose taker is the contract.

use crate::bed::{Actor, BMN, Bed, DEPOSIT, ONE, RESCUE_DELAY, Sale, Sold, revert, wei};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use bmn_contracts::{
    ContractEvent, Extension, InnerCall, Revert, bindings, bindings::IBmnFactory, calldata,
};
use bmn_primitives::{Dialect, Immutables, Stage};

const TOKENS: i128 = ONE as i128;
const COINS: i128 = DEPOSIT as i128;

fn everywhere(play: impl Fn(&Bed)) {
    for dialect in BMN {
        for sold in [Sold::Plain, Sold::ReturnsNothing] {
            play(&Bed::selling(dialect, sold));
        }
    }
}

/// A source escrow out of a fill, whose taker is the contract.
fn filled(bed: &Bed) -> (Sale, Immutables, Address) {
    let sale = bed.sale();
    let calls = [bed.allow(sale.order.making_amount), InnerCall::new(bed.net.lop, bed.fill(&sale))];
    let gain = bed.gained_by(bed.run(&calls, &bed.sweep()));
    assert_eq!((gain.tokens, gain.wei), (0, 0));
    let source = bed.source(&sale, bed.net.now());
    let escrow = bed.source_escrow(&source);
    assert!(bed.events(&gain.mined).iter().any(|event| matches!(event,
        ContractEvent::PostInteraction { escrow: found, taker, .. }
            if (*found, *taker) == (escrow, bed.resolver))));
    assert_eq!(bed.tokens(escrow), wei(ONE));
    (sale, source, escrow)
}

/// A destination escrow whose taker is the contract, funded by Bob.
fn funded(bed: &Bed) -> (Sale, Immutables, Address) {
    let sale = bed.sale();
    let immutables = bed.destination(&sale, bed.net.now() + 1);
    let [pull, allow] = bed.pull(immutables.amount);
    let create = calldata::create_dst_escrow(bed.dialect, &immutables, None);
    let create = InnerCall::new(bed.net.factory, create).paying(immutables.safety_deposit);
    let surplus = immutables.safety_deposit + U256::from(7);
    let run = bed.run(&[pull, allow, create], &bed.sweep()).paying(surplus);
    let gain = bed.gained_by(run);
    assert_eq!((gain.tokens, gain.wei), (-2 * TOKENS, -COINS));
    let escrow = bed.destination_escrow(&immutables);
    assert_eq!((bed.tokens(escrow), bed.net.wei(escrow)), (wei(2 * ONE), wei(DEPOSIT)));
    (sale, immutables, escrow)
}

#[test]
fn a_fill_is_one_transaction_and_leaves_no_allowance() {
    everywhere(|bed| drop(filled(bed)));
}

#[test]
fn after_a_fill_a_stranger_cannot_take_anything_by_inventing_another() {
    let bed = Bed::new(Dialect::Bmn302);
    filled(&bed);
    let sale = bed.sale();
    let (_, extra) = Extension::parse(&sale.extension).unwrap().post_interaction().unwrap();
    let invented = IBmnFactory::postInteractionCall {
        order: bindings::Order::from(&sale.order),
        extension: sale.extension.clone(),
        orderHash: sale.hash.0,
        taker: bed.resolver,
        makingAmount: U256::from(1),
        takingAmount: U256::from(1),
        remainingMakingAmount: U256::from(1),
        extraData: Bytes::copy_from_slice(extra),
    };
    let stolen = bed.net.tx(Actor::Carol, bed.net.factory, invented.abi_encode());
    assert_eq!(Revert::decode(&revert(&stolen)).name(), "SafeTransferFromFailed");
}

#[test]
fn a_fill_without_the_allowance_beside_it_is_no_fill() {
    for dialect in BMN {
        let bed = Bed::new(dialect);
        let sale = bed.sale();
        let alone = bed.run(&[InnerCall::new(bed.net.lop, bed.fill(&sale))], &bed.sweep());
        assert_eq!(Revert::decode(&revert(&alone)).name(), "SafeTransferFromFailed");
    }
}

#[test]
fn a_destination_is_funded_with_the_owners_tokens_and_the_surplus_of_coins_comes_back() {
    everywhere(|bed| drop(funded(bed)));
}

#[test]
fn what_a_withdrawn_source_held_is_the_owners() {
    everywhere(|bed| {
        let (sale, source, escrow) = filled(bed);
        let withdraw = calldata::withdraw(bed.dialect, &sale.secret, &source);
        let gain = bed.gained_by(bed.run(&[InnerCall::new(escrow, withdraw)], &bed.sweep()));
        assert_eq!((gain.tokens, gain.wei), (TOKENS, 0));
    });
}

#[test]
fn a_withdrawn_destination_pays_the_maker_and_its_deposit_is_the_owners() {
    everywhere(|bed| {
        let (sale, destination, escrow) = funded(bed);
        let alice = Actor::Alice.address();
        let before = bed.tokens(alice);
        let withdraw = calldata::withdraw(bed.dialect, &sale.secret, &destination);
        let run = bed.run(&[InnerCall::new(escrow, withdraw)], &bed.sweep());
        let opens = destination.timelocks.at(Stage::DstWithdrawal);
        let gain = bed.gained_by(run.at(opens));
        assert_eq!((gain.tokens, gain.wei), (0, COINS));
        assert_eq!(bed.tokens(alice) - before, wei(2 * ONE));
    });
}

#[test]
fn a_cancelled_destination_and_its_deposit_are_the_owners() {
    everywhere(|bed| {
        let (_, destination, escrow) = funded(bed);
        let cancel = InnerCall::new(escrow, calldata::cancel(bed.dialect, &destination));
        let ends = destination.timelocks.at(Stage::DstCancellation);
        let gain = bed.gained_by(bed.run(&[cancel], &bed.sweep()).at(ends));
        assert_eq!((gain.tokens, gain.wei), (2 * TOKENS, COINS));
    });
}

#[test]
fn a_cancelled_source_goes_back_to_its_maker() {
    everywhere(|bed| {
        let (_, source, escrow) = filled(bed);
        let before = bed.tokens(Actor::Alice.address());
        let cancel = InnerCall::new(escrow, calldata::cancel(bed.dialect, &source));
        let ends = source.timelocks.at(Stage::SrcCancellation);
        let gain = bed.gained_by(bed.run(&[cancel], &bed.sweep()).at(ends));
        assert_eq!((gain.tokens, gain.wei), (0, 0));
        assert_eq!(bed.tokens(Actor::Alice.address()) - before, wei(ONE));
    });
}

#[test]
fn rescued_tokens_and_coins_are_the_owners() {
    everywhere(|bed| {
        let (_, destination, escrow) = funded(bed);
        let rescue = |token, amount| {
            let data = calldata::rescue_funds(bed.dialect, token, amount, &destination);
            InnerCall::new(escrow, data)
        };
        let calls = [
            rescue(bed.token, destination.amount),
            rescue(Address::ZERO, destination.safety_deposit),
        ];
        let opens = destination.timelocks.rescue(RESCUE_DELAY.into()).start;
        let gain = bed.gained_by(bed.run(&calls, &bed.sweep()).at(opens));
        assert_eq!((gain.tokens, gain.wei), (2 * TOKENS, COINS));
    });
}
