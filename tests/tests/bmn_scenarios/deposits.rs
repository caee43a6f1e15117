//! Safety deposits, native coins and rescues.

use super::escrows::create_destination;
use crate::{
    net::{Actor, DIALECT, DST, Net, ONE, RESCUE_DELAY, SRC},
    replay::{Replay, event_names},
    vectors,
};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol,
    sol_types::SolCall,
};
use bmn_contracts::{EscrowImplementations, artifacts, calldata, source_escrow};
use bmn_primitives::{AddressWord, Immutables};
use serde_json::json;

sol! {
    interface INoReceiveTaker {
        function execute(address target, uint256 value, bytes data) external payable returns (bytes);
    }
}

const DEPOSIT: u128 = ONE / 1000;

fn coins(wei: u128) -> U256 {
    U256::from(wei)
}

pub(crate) fn a_source_deposit_is_never_funded_and_locks_the_escrow(replay: &mut Replay) {
    let src = Net::new(SRC);
    let filled = src.filled(|draft| draft.deposits(DEPOSIT, DEPOSIT));
    assert_eq!(filled.immutables.safety_deposit, coins(DEPOSIT));
    let name = "src deposit 1e15 in order: escrow ETH after fill";
    replay.fact(name, json!(src.wei(filled.escrow).to_string()));
    let tx = |data: Bytes| src.tx(Actor::Bob, filled.escrow, data);
    replay.reverts("src.withdraw with unfunded safetyDeposit", &tx(filled.withdraw()));
    let cancel = tx(filled.cancel()).at(filled.time() + 600);
    replay.reverts("src.cancel with unfunded safetyDeposit", &cancel);
    let pay = tx(Bytes::new()).paying(coins(1));
    replay.reverts("plain ETH transfer to a live escrow clone", &pay);
}

pub(crate) fn forced_coins_unlock_a_source_with_a_deposit(replay: &mut Replay) {
    let src = Net::new(SRC);
    let filled = src.filled(|draft| draft.deposits(DEPOSIT, DEPOSIT));
    let force = artifacts::force_send(filled.escrow);
    src.create(Actor::Carol, force).paying(coins(DEPOSIT)).mined();
    assert_eq!(src.wei(filled.escrow), coins(DEPOSIT));
    src.tx(Actor::Bob, filled.escrow, filled.withdraw()).mined();
    replay.fact("src.withdraw after selfdestruct-forced ETH", json!("works"));
}

pub(crate) fn a_source_can_be_funded_before_it_exists(replay: &mut Replay) {
    let src = Net::new(SRC);
    let time = src.now() + 20;
    let order = src.order(time, |draft| draft.deposits(DEPOSIT, DEPOSIT));
    let immutables = Immutables {
        order_hash: order.hash,
        safety_deposit: coins(DEPOSIT),
        amount: order.order.making_amount,
        ..src.destination_immutables(order.secret.hashlock(), time)
    };
    let implementations = EscrowImplementations::for_factory(DIALECT, src.factory);
    let predicted = source_escrow(DIALECT, src.factory, &implementations, &immutables);
    src.tx(Actor::Bob, predicted, Bytes::new()).paying(coins(DEPOSIT)).mined();
    let data = order.fill();
    let filled = src.filled_by(Actor::Bob, time, order, data);
    assert_eq!(filled.escrow, predicted);
    let recorded = vectors::fact("pre-funded counterfactual src escrow");
    assert_eq!(recorded["predicted"], recorded["got"]);
    assert_eq!(src.wei(predicted).to_string(), recorded["eth"]);
    src.tx(Actor::Bob, predicted, filled.withdraw()).mined();
    replay.shown("pre-funded counterfactual src escrow");
}

pub(crate) fn a_rescue_waits_for_the_delay_and_pays_the_taker(replay: &mut Replay) {
    let src = Net::new(SRC);
    let filled = src.filled(|draft| draft.deposits(DEPOSIT, DEPOSIT));
    let open = filled.immutables.timelocks.rescue(u64::from(RESCUE_DELAY)).start;
    let rescue = calldata::rescue_funds(DIALECT, src.token, U256::from(ONE), &filled.immutables);
    let rescue = src.tx(Actor::Bob, filled.escrow, rescue).at(open);
    let early = rescue.clone().at(open - 1);
    replay.reverts("src.rescueFunds before deployedAt+RESCUE_DELAY", &early);
    replay.renamed_logs("S5.rescue", &rescue.mined().logs, [filled.escrow.into_word()]);
}

pub(crate) fn an_underfunded_destination_is_accepted_and_locked(replay: &mut Replay) {
    let dst = Net::new(DST);
    let (time, secret) = (dst.now() + 1, dst.secret());
    let immutables = dst.destination_immutables(secret.hashlock(), time);
    let created = dst.destination_at(immutables.clone(), time, coins(DEPOSIT / 10));
    let held = dst.wei(created.escrow);
    assert!(held < immutables.safety_deposit);
    replay.fact("createDstEscrow msg.value < safetyDeposit accepted", json!(!held.is_zero()));
    let withdraw = calldata::withdraw(DIALECT, &secret, &immutables);
    let withdraw = dst.tx(Actor::Bob, created.escrow, withdraw).at(time + 30);
    replay.reverts("dst.withdraw underfunded deposit", &withdraw);
    let again = dst.tx(Actor::Bob, dst.factory, create_destination(&immutables));
    let again = again.paying(immutables.safety_deposit);
    replay.reverts("createDstEscrow same immutables twice", &again);
}

pub(crate) fn the_recorded_native_destination_logs_the_same_bytes(replay: &mut Replay) {
    let dst = Net::new(DST);
    let sample = vectors::sample("native");
    let immutables = vectors::immutables(sample, "dstImmutables");
    let time = immutables.timelocks.deployed_at();
    let over = immutables.amount + coins(5 * DEPOSIT);
    let created = dst.destination_at(immutables.clone(), time, over);
    replay.logs("S11.createDst(native)", &created.mined.logs);
    assert_eq!(created.escrow, vectors::get::<Address>(sample, "dstEscrow"));
}

pub(crate) fn a_native_destination_pays_coins_and_keeps_the_surplus(replay: &mut Replay) {
    let dst = Net::new(DST);
    let recorded = vectors::immutables(vectors::sample("native"), "dstImmutables");
    let (time, secret) = (dst.now() + 1, dst.secret());
    let immutables = Immutables {
        token: AddressWord::ZERO,
        amount: recorded.amount,
        ..dst.destination_immutables(secret.hashlock(), time)
    };
    let over = immutables.amount + coins(5 * DEPOSIT);
    let created = dst.destination_at(immutables.clone(), time, over);

    let alice = Actor::Alice.address();
    let before = dst.wei(alice);
    let withdraw = calldata::withdraw(DIALECT, &secret, &immutables);
    dst.tx(Actor::Bob, created.escrow, withdraw).at(time + 30).mined();
    let received = dst.wei(alice) - before;
    replay.fact("native dst: alice received", json!(received.to_string()));
    let left = dst.wei(created.escrow).to_string();
    replay.fact("overfunded dst: ETH left in escrow after withdraw", json!(left));
}

pub(crate) fn a_taker_that_cannot_receive_coins_cannot_withdraw(replay: &mut Replay) {
    let dst = Net::new(DST);
    let taker = dst.create(Actor::Bob, artifacts::no_receive_taker()).mined().contract.unwrap();
    let execute = |target, data| {
        let call = INoReceiveTaker::executeCall { target, value: U256::ZERO, data };
        dst.tx(Actor::Bob, taker, call.abi_encode())
    };
    let amount = U256::from(2 * ONE);
    dst.tx(Actor::Bob, dst.token, calldata::mint(taker, amount)).mined();
    execute(dst.token, calldata::approve(dst.factory, amount)).mined();
    let (time, secret) = (dst.now() + 1, dst.secret());
    let immutables = Immutables {
        taker: AddressWord::from(taker),
        safety_deposit: U256::ZERO,
        ..dst.destination_immutables(secret.hashlock(), time)
    };
    let created = execute(dst.factory, create_destination(&immutables)).at(time).mined();
    assert_eq!(event_names(&created.logs), ["Transfer", "DstEscrowCreated"]);
    let escrow = dst.destination_created(&created);
    let withdraw = execute(escrow, calldata::withdraw(DIALECT, &secret, &immutables)).at(time + 30);
    let name = "taker contract without receive(), safetyDeposit=0";
    withdraw.fails_with(vectors::fact(name).as_str().unwrap());
    replay.shown(name);
}
