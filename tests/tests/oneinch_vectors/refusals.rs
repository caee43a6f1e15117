//! What the contracts refuse.

use crate::{
    net::Actor,
    orders::Fill,
    play::{Play, fund},
    swap::Happy,
};
use alloy::{
    primitives::{B256, Bytes, U256},
    sol_types::SolCall,
};
use bmn_contracts::{
    bindings::{IBmnFactory, IOneInchFactory, Order},
    calldata,
};
use bmn_primitives::{Immutables, Secret, Stage};
use serde_json::json;

pub(crate) fn the_destination_refuses_what_it_refused(play: &mut Play) {
    let happy = Happy::new(play);
    happy.create_destination();
    let at = happy.destination.timelocks.at(Stage::DstWithdrawal);
    let (dst, good) = (&happy.dst, &happy.destination);
    let withdraw = |secret: &Secret| calldata::withdraw(play.dialect, secret, good);
    let tx = |from, data: Bytes| dst.tx(from, happy.destination_escrow, data).at(at);
    tx(Actor::Bob, withdraw(&happy.secret)).passes();
    play.replay.reverts("dst.withdraw early", &tx(Actor::Bob, withdraw(&happy.secret)).at(at - 1));
    let wrong = withdraw(&Secret::new([0; 32]));
    play.replay.reverts("dst.withdraw wrong secret", &tx(Actor::Bob, wrong));
    let alice = tx(Actor::Alice, withdraw(&happy.secret));
    play.replay.reverts("dst.withdraw by alice", &alice);
    let more = Immutables { amount: U256::from(1), ..good.clone() };
    let more = calldata::withdraw(play.dialect, &happy.secret, &more);
    tx(Actor::Bob, more).fails_with("InvalidImmutables()");
    if play.has_parameters() {
        let bare = Immutables { parameters: Bytes::new(), ..good.clone() };
        let handed = Immutables { order_hash: happy.order.hash, ..bare };
        let created = dst.destination(play.dialect, &handed, dst.now() + 1);
        let withdraw = calldata::withdraw(play.dialect, &happy.secret, &created.immutables);
        let tx = dst.tx(Actor::Bob, created.escrow, withdraw);
        let tx = tx.at(created.immutables.timelocks.at(Stage::DstWithdrawal));
        play.replay.reverts("dst.withdraw with parameters=\"\" ", &tx);
    }
}

pub(crate) fn the_source_refuses_what_it_refused(play: &mut Play) {
    let happy = Happy::new(play);
    happy.fill();
    let withdraw = calldata::withdraw(play.dialect, &happy.secret, &happy.source);
    let tx = |from, time| happy.src.tx(from, happy.source_escrow, withdraw.clone()).at(time);
    let (opens, closes) = (
        happy.source.timelocks.at(Stage::SrcWithdrawal),
        happy.source.timelocks.at(Stage::SrcCancellation),
    );
    play.replay.reverts("src.withdraw after srcCancellation", &tx(Actor::Bob, closes));
    tx(Actor::Bob, closes - 1).passes();
    tx(Actor::Bob, opens).passes();
    tx(Actor::Bob, opens - 1).fails_with("InvalidTime()");
    tx(Actor::Alice, opens).fails_with("InvalidCaller()");
}

pub(crate) fn a_fill_needs_deposit_and_tokens_on_the_escrow(play: &mut Play) {
    let src = play.src();
    let (order, _) = src.order(play.dialect, |_| ());
    let fill = order.whole(src.now() + 2);
    let source = order.source(&fill);
    let escrow = src.source_at(play.dialect, &source);
    let unfunded = src.fill_tx(&order, &fill);
    play.replay.reverts("fill without pre-sent src safety deposit", &unfunded);
    src.aside(|| {
        fund(&src, escrow, source.safety_deposit - U256::from(1));
        src.fill_tx(&order, &fill).fails_with("InsufficientEscrowBalance()");
    });
    fund(&src, escrow, source.safety_deposit);
    let elsewhere = order.fill_to(Actor::Bob.address(), &fill);
    let elsewhere = src.tx(Actor::Bob, src.lop, elsewhere).at(fill.time);
    play.replay.reverts("fill with tokens sent to wrong target", &elsewhere);
    // The address holds the block's time: one second later nothing is there.
    src.fill_tx(&order, &fill).at(fill.time + 1).fails_with("InsufficientEscrowBalance()");
    src.fill_tx(&order, &fill).passes();
}

pub(crate) fn a_fill_waits_for_the_allowed_time(play: &mut Play) {
    let src = play.src();
    let time = src.now() + 2;
    let from = |allowed: u64| {
        let (order, _) = src.order(play.dialect, |draft| {
            draft.terms.allowed_time = u32::try_from(allowed).unwrap();
            draft.deposits(0, 0);
        });
        src.fill_tx(&order, &order.whole(time))
    };
    play.replay.reverts("fill before allowedTime", &from(time + 1));
    from(time).passes();
    let (order, _) = src.order(play.dialect, |_| ());
    let fill = Fill { taker: Actor::Carol, ..order.whole(time) };
    src.filled(&order, &fill);
    play.replay.fact("fill by non-whitelisted access-token holder", json!("allowed"));
}

pub(crate) fn the_creation_of_a_destination_is_checked(play: &mut Play) {
    let happy = Happy::new(play);
    let time = happy.destination.timelocks.deployed_at();
    let cancellation = happy.destination.timelocks.at(Stage::DstCancellation);
    let create = |latest, value: U256| {
        let data = calldata::create_dst_escrow(play.dialect, &happy.destination, Some(latest));
        happy.dst.tx(Actor::Bob, happy.dst.factory, data).paying(value).at(time)
    };
    let deposit = happy.destination.safety_deposit;
    let late = create(cancellation - 1, deposit);
    play.replay.reverts("createDst InvalidCreationTime", &late);
    play.replay.reverts("createDst wrong value", &create(cancellation, U256::ZERO));
    let surplus = create(cancellation, deposit + U256::from(1));
    surplus.fails_with("InsufficientEscrowBalance()");
    create(cancellation, deposit).mined();
    play.replay.fact("createDst allowed when dstCancellation == srcCancellation", json!(true));
}

pub(crate) fn only_the_protocol_may_call_the_interactions(play: &mut Play) {
    let src = play.src();
    let order = Order::from(&src.order(play.dialect, |_| ()).0.order);
    let taker = Actor::Bob.address();
    let post = IBmnFactory::postInteractionCall {
        order: order.clone(),
        extension: Bytes::new(),
        orderHash: B256::ZERO,
        taker,
        makingAmount: U256::from(1),
        takingAmount: U256::from(1),
        remainingMakingAmount: U256::from(1),
        extraData: Bytes::new(),
    };
    let stranger = src.tx(Actor::Bob, src.factory, post.abi_encode());
    stranger.fails_with("OnlyLimitOrderProtocol()");
    let proof = IOneInchFactory::takerInteractionCall {
        order,
        extension: Bytes::new(),
        orderHash: B256::ZERO,
        taker,
        makingAmount: U256::from(1),
        takingAmount: U256::from(1),
        remainingMakingAmount: U256::from(1),
        extraData: Bytes::new(),
    };
    src.tx(Actor::Bob, src.factory, proof.abi_encode()).fails_with("AccessDenied()");
}

pub(crate) fn the_same_escrow_is_not_made_twice(play: &mut Play) {
    let happy = Happy::new(play);
    happy.create_destination();
    // Only in a block of the same second are the immutables the same again.
    let time = happy.destination.timelocks.deployed_at();
    let again = |time| happy.dst.create_destination(play.dialect, &happy.destination, time, None);
    again(time).fails_with("FailedDeployment()");
    again(time + 1).passes();
}
