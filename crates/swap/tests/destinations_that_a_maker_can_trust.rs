//! What a careful maker looks at before he discloses: each thing that is wrong with a destination, by name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy::primitives::{Address, B256, U256};
use bmn_contracts::{EscrowImplementations, destination_escrow};
use bmn_primitives::{Dialect, Hashlock, Immutables, OrderHash, Stage, Timelocks};
use bmn_swap::{DestinationFacts, Expected, check_destination};
use common::{B, FACTORY, MAKER, TOKEN, World, whole};

const DEPOSIT: u64 = 5;
const MARGIN: u64 = 30;

/// A destination of ours, as good as its maker could wish.
fn sound() -> (DestinationFacts, Expected) {
    let world = World::funded();
    let (leg, plan) = (world.destination.unwrap(), world.intended.unwrap());
    let locks = plan.immutables.timelocks;
    let facts = DestinationFacts {
        chain: B,
        factory: FACTORY,
        dialect: Dialect::Bmn4,
        implementations: EscrowImplementations::for_factory(Dialect::Bmn4, FACTORY),
        escrow: leg.escrow,
        immutables: plan.immutables,
        created_at: leg.created.block.time,
        token_balance: whole(990),
        native_balance: U256::from(DEPOSIT),
    };
    let expected = Expected {
        order_hash: world.order.id.hash,
        hashlock: world.order.hashlock,
        beneficiary: MAKER,
        token: TOKEN,
        amount: whole(990),
        dst_withdrawal: locks.at(Stage::DstWithdrawal),
        margin: MARGIN,
    };
    (facts, expected)
}

/// The escrow that these immutables give.
fn derive(facts: &mut DestinationFacts) {
    let DestinationFacts { dialect, factory, implementations, immutables, .. } = &*facts;
    facts.escrow = destination_escrow(*dialect, *factory, implementations, immutables);
}

/// What is wrong after a change of what the escrow is bound to, its address following it.
fn bound(change: impl FnOnce(&mut Immutables)) -> Vec<&'static str> {
    let (mut facts, expected) = sound();
    change(&mut facts.immutables);
    derive(&mut facts);
    check_destination(&facts, &expected)
}

fn with_times(change: impl FnOnce(&mut [u32; 7], &Expected)) -> Vec<&'static str> {
    let (_, expected) = sound();
    bound(|imm| {
        let mut offsets = imm.timelocks.offsets();
        change(&mut offsets, &expected);
        imm.timelocks = Timelocks::pack(imm.timelocks.deployed_at() as u32, offsets);
    })
}

fn seen(change: impl FnOnce(&mut DestinationFacts)) -> Vec<&'static str> {
    let (mut facts, expected) = sound();
    change(&mut facts);
    check_destination(&facts, &expected)
}

#[test]
fn a_sound_destination_has_nothing_wrong() {
    let (facts, expected) = sound();
    assert_eq!(check_destination(&facts, &expected), [""; 0]);
}

#[test]
fn each_word_that_is_not_the_maker_s_is_named_alone() {
    let other = Address::repeat_byte(9);
    assert_eq!(bound(|imm| imm.order_hash = OrderHash(B256::repeat_byte(9))), ["orderHash"]);
    assert_eq!(bound(|imm| imm.hashlock = Hashlock(B256::repeat_byte(9))), ["hashlock"]);
    assert_eq!(bound(|imm| imm.maker = other.into()), ["maker"]);
    assert_eq!(bound(|imm| imm.token = other.into()), ["token"]);
    assert_eq!(bound(|imm| imm.amount -= U256::ONE), ["amount"]);
    let generous = |f: &mut DestinationFacts| {
        f.immutables.amount += U256::ONE;
        f.token_balance += U256::ONE;
        derive(f);
    };
    assert_eq!(seen(generous), [""; 0], "more than was asked for");
    assert_eq!(seen(|f| f.escrow = other), ["escrow address"]);
    assert_eq!(seen(|f| f.factory = other), ["escrow address"]);
}

#[test]
fn its_clock_is_within_five_minutes_of_its_block() {
    let created = sound().0.created_at;
    for (time, wrong) in
        [(created - 300, 0), (created + 300, 0), (created - 301, 1), (created + 301, 1)]
    {
        let found = seen(|f| f.created_at = time);
        assert_eq!(found.contains(&"deployedAt"), wrong == 1, "{time}: {found:?}");
    }
}

#[test]
fn it_opens_when_the_maker_was_told_or_at_once() {
    let (facts, _) = sound();
    let opens = |from_creation: i64| {
        let (mut facts, mut expected) = sound();
        let locks = facts.immutables.timelocks;
        let mut offsets = locks.offsets();
        let at = facts.created_at.checked_add_signed(from_creation).unwrap();
        offsets[Stage::DstWithdrawal as usize] = (at - locks.deployed_at()) as u32;
        facts.immutables.timelocks = Timelocks::pack(locks.deployed_at() as u32, offsets);
        derive(&mut facts);
        expected.dst_withdrawal = facts.created_at - 1;
        check_destination(&facts, &expected)
    };
    assert_eq!(opens(0), [""; 0], "it was made after the time he was told");
    assert_eq!(opens(1), ["dstWithdrawal"]);
    let locks = facts.immutables.timelocks;
    let told = |by: i64| {
        let (facts, mut expected) = sound();
        let opens = locks.at(Stage::DstWithdrawal);
        expected.dst_withdrawal = opens.checked_add_signed(by).unwrap();
        check_destination(&facts, &expected)
    };
    assert_eq!((told(0), told(1), told(-1)), (vec![], vec![], vec!["dstWithdrawal"]));
}

#[test]
fn its_windows_leave_the_maker_his_time() {
    let [withdraw, public, cancel] =
        [Stage::DstWithdrawal, Stage::DstPublicWithdrawal, Stage::DstCancellation]
            .map(|stage| stage as usize);
    let margin = MARGIN as u32;
    assert_eq!(with_times(|o, _| o[cancel] = o[public] + margin), [""; 0]);
    assert_eq!(with_times(|o, _| o[cancel] = o[public] + margin - 1), ["public window"]);
    // A public window may open before the private one; the private one must not be empty.
    let empty = with_times(|o, _| {
        o[public] = 0;
        o[cancel] = o[withdraw];
    });
    assert_eq!(empty, ["dstCancellation"]);
    let one_second = with_times(|o, _| {
        o[public] = 0;
        o[cancel] = o[withdraw] + 1;
    });
    assert_eq!(one_second, [""; 0]);
}

#[test]
fn it_holds_what_it_promises_in_tokens_or_in_coin() {
    assert_eq!(seen(|f| f.token_balance -= U256::ONE), ["token balance"]);
    assert_eq!(seen(|f| f.native_balance -= U256::ONE), ["native balance"]);
    let coin = |held: U256| {
        let (mut facts, mut expected) = sound();
        facts.immutables.token = Address::ZERO.into();
        expected.token = Address::ZERO;
        derive(&mut facts);
        (facts.token_balance, facts.native_balance) = (U256::ZERO, held);
        check_destination(&facts, &expected)
    };
    let needed = whole(990) + U256::from(DEPOSIT);
    assert_eq!(coin(needed), [""; 0]);
    assert_eq!(coin(needed - U256::ONE), ["native balance"]);
}
