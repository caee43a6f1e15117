//! What is left at the end of a run, and where it goes.

use crate::bed::{Actor, Bed, Net, ONE, revert, reverts_with, wei, word};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol,
    sol_types::SolCall,
};
use bmn_contracts::{
    InnerCall, Revert, artifacts, artifacts::TokenKind, bindings::IErc20, calldata,
};
use bmn_primitives::Dialect;

sol! {
    interface INoReceiveTaker {
        function execute(address target, uint256 value, bytes data) external payable returns (bytes);
    }

    interface IReturnsFalse {
        function setRefusing(bool forTransfer, bool forTransferFrom) external;
    }
}

fn balance(net: &Net, token: Address, owner: Address) -> U256 {
    net.view(token, &IErc20::balanceOfCall { account: owner })
}

#[test]
fn everything_named_goes_to_the_owner_whoever_sent_it() {
    let bed = Bed::new(Dialect::Bmn302);
    let (net, bob) = (&bed.net, Actor::Bob.address());
    for token in [net.token, net.token6] {
        net.tx(Actor::Carol, token, calldata::transfer(bed.resolver, wei(5))).mined();
    }
    net.tx(Actor::Carol, bed.resolver, Bytes::new()).paying(wei(3)).mined();
    let before = [net.token, net.token6].map(|token| balance(net, token, bob));
    let coins = net.wei(bob);
    // The wrapped coin, of which there is none, stops nothing.
    let sweep = [net.token, net.weth, net.token6, Address::ZERO];
    let mined = bed.run(&[], &sweep).paying(wei(4)).mined();
    let after = [net.token, net.token6].map(|token| balance(net, token, bob));
    assert_eq!(after, before.map(|amount| amount + wei(5)));
    assert_eq!(net.wei(bob) + mined.fee, coins + wei(3));
    bed.assert_nothing_left();
    // Once more: there is nothing, which is no error.
    bed.run(&[], &sweep).mined();
}

#[test]
fn what_is_not_named_stays_until_it_is() {
    let bed = Bed::new(Dialect::Bmn302);
    bed.net.tx(Actor::Carol, bed.token, calldata::transfer(bed.resolver, wei(5))).mined();
    bed.run(&[], &[Address::ZERO]).mined();
    assert_eq!(bed.tokens(bed.resolver), wei(5));
    bed.run(&[], &[bed.token]).mined();
    bed.assert_nothing_left();
}

/// A token of Bob's that can be told to answer false, of which his contract may take everything.
fn false_token(bed: &Bed) -> Address {
    let code = artifacts::token(TokenKind::ReturnsFalse, "False", "FLS", 18);
    let token = bed.net.create(Actor::Deployer, code).mined().contract.unwrap();
    let mint = calldata::mint(Actor::Bob.address(), wei(100 * ONE));
    bed.net.tx(Actor::Bob, token, mint).mined();
    bed.net.tx(Actor::Bob, token, calldata::approve(bed.resolver, U256::MAX)).mined();
    token
}

fn refuse(bed: &Bed, token: Address, transfer: bool, transfer_from: bool) {
    let call =
        IReturnsFalse::setRefusingCall { forTransfer: transfer, forTransferFrom: transfer_from };
    bed.net.tx(Actor::Carol, token, call.abi_encode()).mined();
}

#[test]
fn a_token_that_cannot_be_swept_takes_the_whole_run_back() {
    let bed = Bed::new(Dialect::Bmn302);
    let token = false_token(&bed);
    let pull = calldata::transfer_from(Actor::Bob.address(), bed.resolver, wei(5));
    let run = |sweep: &[Address]| bed.run(&[InnerCall::new(token, pull.clone())], sweep);
    run(&[token]).passes();
    refuse(&bed, token, true, false);
    reverts_with(&run(&[token]), "SweepFailed(address)", &[word(token)]);
    // An address without code has no balance to ask for.
    assert_eq!(revert(&run(&[Actor::Erin.address()])), Bytes::new());
}

#[test]
fn a_token_that_says_no_without_reverting_stops_the_run_where_its_tokens_are_missing() {
    let bed = Bed::new(Dialect::Bmn302);
    let token = false_token(&bed);
    refuse(&bed, token, false, true);
    let sale = bed.sale();
    let mut destination = bed.destination(&sale, bed.net.now() + 1);
    destination.token = token.into();
    let [pull, allow] = bed.pull(destination.amount).map(|call| InnerCall { to: token, ..call });
    let create = calldata::create_dst_escrow(bed.dialect, &destination, None);
    let create = InnerCall::new(bed.net.factory, create).paying(destination.safety_deposit);
    let run = bed.run(&[pull, allow, create], &[token, Address::ZERO]);
    assert_eq!(Revert::decode(&revert(&run)).name(), "SafeTransferFromFailed");
}

#[test]
fn an_owner_that_takes_no_coins_gets_none_and_the_run_fails() {
    let bed = Bed::new(Dialect::Bmn302);
    let net = &bed.net;
    let owner = net.create(Actor::Bob, artifacts::no_receive_taker()).mined().contract.unwrap();
    let resolver = net.create(Actor::Bob, artifacts::resolver(owner)).mined().contract.unwrap();
    let run = |sweep: &[Address]| {
        let data = calldata::resolver_run(&[], sweep);
        let call = INoReceiveTaker::executeCall { target: resolver, value: wei(1), data };
        net.tx(Actor::Bob, owner, call.abi_encode()).paying(wei(1))
    };
    run(&[]).passes();
    reverts_with(&run(&[Address::ZERO]), "SweepFailed(address)", &[U256::ZERO]);
}
