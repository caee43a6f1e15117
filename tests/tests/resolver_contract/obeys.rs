//! Whom the contract obeys, and how it says that something failed.

use crate::bed::{Actor, Bed, Tx, revert, reverts_with, signed, wei, word};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol,
    sol_types::SolCall,
};
use bmn_contracts::{
    InnerCall, ResolverFill, Revert, TakerTraits, artifacts,
    bindings::{IBmnFactory, IResolver},
    calldata,
};
use bmn_primitives::{Dialect, Stage};

sol! {
    interface IWallet {
        function execute(address target, uint256 value, bytes data) external payable returns (bytes);
    }
}

/// Calldata of every function that is the owner's.
fn owners_calls(bed: &Bed) -> Vec<Bytes> {
    let sale = bed.sale();
    let fill = ResolverFill {
        immutables: bed.source(&sale, bed.net.now()),
        factory: bed.net.factory,
        limit_order_protocol: bed.net.lop,
        signature: sale.signature,
        amount: sale.order.making_amount,
        taker_traits: TakerTraits::bmn_fill(sale.extension.len(), sale.order.taking_amount),
        args: sale.extension,
        order: sale.order,
    };
    let transfer = IResolver::transferOwnershipCall { newOwner: Actor::Carol.address() };
    vec![
        calldata::resolver_run(&[], &[]),
        calldata::resolver_fill(Dialect::OneInch1, &fill),
        calldata::resolver_fill(Dialect::OneInch2, &fill),
        transfer.abi_encode().into(),
    ]
}

#[test]
fn nobody_but_the_owner_is_obeyed() {
    let bed = Bed::new(Dialect::Bmn302);
    for data in owners_calls(&bed) {
        for stranger in [Actor::Deployer, Actor::Alice, Actor::Carol, Actor::Erin] {
            let tx = bed.net.tx(stranger, bed.resolver, data.clone());
            tx.fails_with("NotOwner()");
        }
    }
    bed.run(&[], &[]).passes();
    // A contract that nobody owns would keep what it is sent for ever.
    let code = artifacts::resolver(Address::ZERO);
    bed.net.create(Actor::Bob, code).fails_with("InvalidOwner()");
}

fn owner(bed: &Bed) -> [Address; 2] {
    let owner = bed.net.view(bed.resolver, &IResolver::ownerCall {});
    [owner, bed.net.view(bed.resolver, &IResolver::pendingOwnerCall {})]
}

#[test]
fn a_new_owner_is_named_and_then_accepts() {
    let bed = Bed::new(Dialect::Bmn302);
    let [bob, carol] = [Actor::Bob, Actor::Carol].map(Actor::address);
    let name = |from, new_owner| {
        let call = IResolver::transferOwnershipCall { newOwner: new_owner };
        bed.net.tx(from, bed.resolver, call.abi_encode())
    };
    let accept =
        |from| bed.net.tx(from, bed.resolver, IResolver::acceptOwnershipCall {}.abi_encode());
    for actor in Actor::ALL {
        accept(actor).fails_with("NotPendingOwner()");
    }
    name(Actor::Bob, carol).mined();
    assert_eq!(owner(&bed), [bob, carol]);
    bed.run_by(Actor::Carol, &[], &[]).fails_with("NotOwner()");
    bed.run(&[], &[]).passes();
    accept(Actor::Bob).fails_with("NotPendingOwner()");

    // The name can be taken back.
    name(Actor::Bob, Address::ZERO).mined();
    accept(Actor::Carol).fails_with("NotPendingOwner()");
    name(Actor::Bob, carol).mined();
    accept(Actor::Carol).mined();
    assert_eq!(owner(&bed), [carol, Address::ZERO]);
    bed.run(&[], &[]).fails_with("NotOwner()");
    bed.run_by(Actor::Carol, &[], &[]).passes();
    accept(Actor::Carol).fails_with("NotPendingOwner()");
}

#[test]
fn whom_it_calls_cannot_make_it_do_anything() {
    let bed = Bed::new(Dialect::Bmn302);
    let wallet = artifacts::erc1271_wallet(bed.resolver);
    let wallet = bed.net.create(Actor::Deployer, wallet).mined().contract.unwrap();
    for data in owners_calls(&bed) {
        let back = IWallet::executeCall { target: bed.resolver, value: U256::ZERO, data };
        let run = bed.run(&[InnerCall::new(wallet, back.abi_encode().into())], &[]);
        run.fails_with("NotOwner()");
    }
}

/// The contract's call fails with the data with which Bob's own fails.
fn fails_alike(bed: &Bed, direct: &Tx<'_>, inner: InnerCall, name: &str) {
    let own = revert(direct);
    assert_eq!(Revert::decode(&own).name(), name);
    assert_eq!(revert(&bed.run(&[inner], &[])), own, "{name}");
}

#[test]
fn what_a_call_failed_with_comes_through_byte_for_byte() {
    for dialect in [Dialect::Bmn302, Dialect::Bmn4] {
        let bed = Bed::new(dialect);
        let sale = bed.sale();
        // A custom error without arguments: nobody has approved anything.
        let immutables = bed.destination(&sale, bed.net.now());
        let create = calldata::create_dst_escrow(dialect, &immutables, None);
        let none = calldata::approve(bed.net.factory, U256::ZERO);
        bed.net.tx(Actor::Bob, bed.token, none).mined();
        let factory = bed.net.factory;
        let direct = bed.net.tx(Actor::Bob, factory, create.clone());
        let inner = InnerCall::new(factory, create.clone());
        fails_alike(&bed, &direct, inner, "SafeTransferFromFailed");
        // A string.
        let pause = IBmnFactory::pauseCall {}.abi_encode();
        bed.net.tx(Actor::Deployer, factory, pause).mined();
        let direct = bed.net.tx(Actor::Bob, factory, create.clone());
        fails_alike(&bed, &direct, InnerCall::new(factory, create), "Protocol paused");
        // Nothing at all: no such function.
        let direct = bed.net.tx(Actor::Bob, factory, vec![1, 2, 3, 4]);
        let inner = InnerCall::new(factory, vec![1, 2, 3, 4].into());
        fails_alike(&bed, &direct, inner, "(empty revert data)");
    }
    // Arguments: the token says of whom it is speaking, here of the contract.
    let bed = Bed::new(Dialect::Bmn4);
    let inner = InnerCall::new(bed.token, calldata::transfer(Actor::Carol.address(), wei(9)));
    let words = [word(bed.resolver), U256::ZERO, wei(9)];
    let error = "ERC20InsufficientBalance(address,uint256,uint256)";
    reverts_with(&bed.run(&[inner], &[]), error, &words);
}

#[test]
fn one_call_that_fails_takes_back_those_before_it() {
    let bed = Bed::new(Dialect::Bmn302);
    let (net, bob) = (&bed.net, Actor::Bob.address());
    let before = bed.holdings(bob);
    let sale = bed.sale();
    let destination = bed.destination(&sale, net.now() + 1);
    let [pull, allow] = bed.pull(destination.amount);
    let create = calldata::create_dst_escrow(bed.dialect, &destination, None);
    let create = InnerCall::new(net.factory, create).paying(destination.safety_deposit);
    let escrow = bed.destination_escrow(&destination);
    let early = calldata::withdraw(bed.dialect, &sale.secret, &destination);
    let early = InnerCall::new(escrow, early);
    let run = bed.run(&[pull, allow, create, early], &bed.sweep());
    run.fails_with("InvalidTime()");
    run.clone().at(destination.timelocks.at(Stage::DstWithdrawal)).passes();

    run.submit();
    let head = net.chain.mine(Some(net.now() + 1)).unwrap();
    let block = net.chain.block(head.number).unwrap().unwrap();
    let [outcome] = block.outcomes() else { panic!("mined alone") };
    assert!(!outcome.success && outcome.logs.is_empty());
    let fee = u128::from(outcome.gas_used) * outcome.effective_gas_price;
    let after = bed.holdings(bob);
    assert_eq!(after.tokens, before.tokens);
    assert_eq!(signed(before.coins) - signed(after.coins), i128::try_from(fee).unwrap());
    assert!(net.chain.code(escrow).is_empty());
    bed.assert_nothing_left();
}

#[test]
fn a_call_to_nobody_is_an_error_and_coins_for_somebody_are_not() {
    let bed = Bed::new(Dialect::Bmn302);
    let sale = bed.sale();
    let destination = bed.destination(&sale, bed.net.now() + 1);
    let escrow = bed.destination_escrow(&destination);
    let withdraw = calldata::withdraw(bed.dialect, &sale.secret, &destination);
    let gone = bed.run(&[InnerCall::new(escrow, withdraw)], &bed.sweep());
    reverts_with(&gone, "NoCode(address)", &[word(escrow)]);

    let dave = Actor::Dave.address();
    let before = bed.net.wei(dave);
    bed.run(&[InnerCall::new(dave, Bytes::new()).paying(wei(5))], &[]).mined();
    assert_eq!(bed.net.wei(dave) - before, wei(5));
}
