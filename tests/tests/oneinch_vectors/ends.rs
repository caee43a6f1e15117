//! How escrows end: in public, cancelled, rescued, in coins.

use crate::{
    net::{Actor, Net, RESCUE_DELAY},
    orders::{Destination, Fill, Filled, Signed},
    play::Play,
    replay_bed::replay::event_names,
};
use alloy::{
    primitives::{Address, U256},
    sol,
    sol_types::SolCall,
};
use bmn_contracts::{OrderSignature, Payout, artifacts, calldata, order_domain, sign_order};
use bmn_primitives::{Dialect, Immutables, Secret, Stage};

sol! {
    /// Our contract account; its owner signs for it.
    interface IErc1271Wallet {
        function approve(address token, address spender, uint256 amount) external;
    }
}

/// A source and its destination, both running.
struct Swap {
    dialect: Dialect,
    src: Net,
    dst: Net,
    secret: Secret,
    source: Filled,
    destination: Destination,
}

impl Swap {
    fn running(play: &Play) -> Self {
        let (src, dst) = (play.src(), play.dst());
        let (order, secret) = src.order(play.dialect, |_| ());
        let source = src.filled(&order, &order.whole(src.now() + 2));
        let handed = order.destination(&source.immutables, &source.complement);
        let destination = dst.destination(play.dialect, &handed, dst.now() + 1);
        Self { dialect: play.dialect, src, dst, secret, source, destination }
    }
}

/// Tokens and coins of an actor.
fn held(net: &Net, actor: Actor) -> (U256, U256) {
    (net.tokens(actor.address()), net.wei(actor.address()))
}

pub(crate) fn holders_of_the_access_token_end_escrows_in_public(play: &mut Play) {
    let swap = Swap::running(play);
    let (source, destination) = (&swap.source.immutables, &swap.destination.immutables);
    let public = |side| calldata::public_withdraw(swap.dialect, &swap.secret, side);
    for (net, escrow, side, data, opens, closes, to) in [
        (
            &swap.dst,
            swap.destination.escrow,
            destination,
            public(destination),
            Stage::DstPublicWithdrawal,
            Some(Stage::DstCancellation),
            Actor::Alice,
        ),
        (
            &swap.src,
            swap.source.escrow,
            source,
            public(source),
            Stage::SrcPublicWithdrawal,
            Some(Stage::SrcCancellation),
            Actor::Bob,
        ),
        (
            &swap.src,
            swap.source.escrow,
            source,
            calldata::public_cancel(swap.dialect, source),
            Stage::SrcPublicCancellation,
            None,
            Actor::Alice,
        ),
    ] {
        let opens = side.timelocks.at(opens);
        let tx = |from| net.tx(from, escrow, data.clone()).at(opens);
        tx(Actor::Erin).fails_with("InvalidCaller()");
        tx(Actor::Carol).at(opens - 1).fails_with("InvalidTime()");
        if let Some(closes) = closes {
            tx(Actor::Carol).at(side.timelocks.at(closes)).fails_with("InvalidTime()");
            tx(Actor::Carol).at(side.timelocks.at(closes) - 1).passes();
        }
        net.aside(|| {
            let (before, carol) = (held(net, to), held(net, Actor::Carol));
            let mined = tx(Actor::Carol).mined();
            assert_eq!(held(net, to), (before.0 + side.amount, before.1));
            let coins = carol.1 + side.safety_deposit - mined.fee;
            assert_eq!(held(net, Actor::Carol), (carol.0, coins));
        });
    }
}

pub(crate) fn cancellations_go_to_their_owners_at_their_second(play: &mut Play) {
    let swap = Swap::running(play);
    for (net, escrow, side, stage, to) in [
        (
            &swap.dst,
            swap.destination.escrow,
            &swap.destination.immutables,
            Stage::DstCancellation,
            Actor::Bob,
        ),
        (
            &swap.src,
            swap.source.escrow,
            &swap.source.immutables,
            Stage::SrcCancellation,
            Actor::Alice,
        ),
    ] {
        let at = side.timelocks.at(stage);
        let data = calldata::cancel(swap.dialect, side);
        let tx = |from| net.tx(from, escrow, data.clone()).at(at);
        tx(Actor::Alice).fails_with("InvalidCaller()");
        tx(Actor::Bob).at(at - 1).fails_with("InvalidTime()");
        let withdraw = calldata::withdraw(swap.dialect, &swap.secret, side);
        net.tx(Actor::Bob, escrow, withdraw).at(at).fails_with("InvalidTime()");
        let (before, bob) = (net.tokens(to.address()), net.wei(Actor::Bob.address()));
        let mined = tx(Actor::Bob).mined();
        assert_eq!(event_names(&mined.logs), ["Transfer", "EscrowCancelled"]);
        assert_eq!(net.tokens(to.address()), before + side.amount);
        let coins = bob + side.safety_deposit - mined.fee;
        assert_eq!(net.wei(Actor::Bob.address()), coins);
        assert_eq!(net.wei(escrow), U256::ZERO);
    }
}

pub(crate) fn a_rescue_waits_for_the_delay_and_pays_the_taker(play: &mut Play) {
    let swap = Swap::running(play);
    for (net, escrow, side) in [
        (&swap.dst, swap.destination.escrow, &swap.destination.immutables),
        (&swap.src, swap.source.escrow, &swap.source.immutables),
    ] {
        let at = side.timelocks.deployed_at() + u64::from(RESCUE_DELAY);
        let tx = |from, token, amount| {
            let data = calldata::rescue_funds(swap.dialect, token, amount, side);
            net.tx(from, escrow, data).at(at)
        };
        let tokens = |from| tx(from, net.token, side.amount);
        tokens(Actor::Alice).fails_with("InvalidCaller()");
        tokens(Actor::Bob).at(at - 1).fails_with("InvalidTime()");
        let foreign = Immutables { amount: U256::from(1), ..side.clone() };
        let foreign = calldata::rescue_funds(swap.dialect, net.token, side.amount, &foreign);
        net.tx(Actor::Bob, escrow, foreign).at(at).fails_with("InvalidImmutables()");
        let before = net.tokens(Actor::Bob.address());
        let mined = tokens(Actor::Bob).mined();
        assert_eq!(event_names(&mined.logs), ["Transfer", "FundsRescued"]);
        assert_eq!(net.tokens(Actor::Bob.address()), before + side.amount);
        tx(Actor::Bob, Address::ZERO, side.safety_deposit).at(at + 1).mined();
        assert_eq!(net.wei(escrow), U256::ZERO);
    }
}

pub(crate) fn a_native_destination_pays_coins(play: &mut Play) {
    let (src, dst) = (play.src(), play.dst());
    let (order, secret) = src.order(play.dialect, |draft| {
        draft.extra.dst_token = Address::ZERO.into();
        if play.has_parameters() {
            let fees = draft.fees();
            (fees.integrator, fees.integrator_fee) = (Actor::Erin.address(), 1000);
            (fees.protocol, fees.integrator_share) = (Actor::Dave.address(), 40);
        }
    });
    let source = src.filled(&order, &order.whole(src.now() + 2));
    let handed = order.destination(&source.immutables, &source.complement);
    let created = dst.destination(play.dialect, &handed, dst.now() + 1);
    let side = &created.immutables;
    assert_eq!(dst.wei(created.escrow), side.amount + side.safety_deposit);
    let payees = [Actor::Alice, Actor::Erin, Actor::Dave].map(Actor::address);
    let before = payees.map(|payee| dst.wei(payee));
    let data = calldata::withdraw(play.dialect, &secret, side);
    let at = side.timelocks.at(Stage::DstWithdrawal);
    dst.tx(Actor::Bob, created.escrow, data).at(at).mined();
    let payout = Payout::of(play.dialect, side).unwrap();
    let due = [payout.maker, payout.fees.integrator_amount, payout.fees.protocol_amount];
    assert_eq!(due.iter().sum::<U256>(), side.amount);
    assert_eq!(due[1].is_zero(), !play.has_parameters());
    let after = payees.map(|payee| dst.wei(payee));
    assert_eq!([0, 1, 2].map(|payee| after[payee] - before[payee]), due);
    assert_eq!(dst.wei(created.escrow), U256::ZERO);
}

pub(crate) fn a_contract_can_be_the_maker(play: &mut Play) {
    let src = play.src();
    let code = artifacts::erc1271_wallet(Actor::Alice.address());
    let wallet = src.create(Actor::Alice, code).mined().contract.unwrap();
    let (order, _) = src.order(play.dialect, |draft| {
        draft.order.maker = wallet.into();
        draft.deposits(0, 1);
    });
    let amount = order.order.making_amount;
    src.tx(Actor::Alice, src.token, calldata::mint(wallet, amount)).mined();
    let approve = IErc1271Wallet::approveCall { token: src.token, spender: src.lop, amount };
    src.tx(Actor::Alice, wallet, approve.abi_encode()).mined();
    let contract = |signer: Actor| {
        let OrderSignature::Compact { r, vs } = sign_order(&signer.key(), order.hash).unwrap()
        else {
            panic!("a key signs compactly")
        };
        let mut s = U256::from_be_bytes(vs.0);
        let v = 27 + u8::from(s.bit(255));
        s.set_bit(255, false);
        let bytes = [&r.0[..], &s.to_be_bytes::<32>(), &[v]].concat();
        Signed { signature: OrderSignature::Contract(bytes.into()), ..order.clone() }
    };
    let fill: Fill = order.whole(src.now() + 1);
    src.fill_tx(&contract(Actor::Bob), &fill).fails_with("BadSignature()");
    // The form for keys recovers Alice, who is not the maker.
    src.fill_tx(&order, &fill).fails_with("BadSignature()");
    let filled = src.filled(&contract(Actor::Alice), &fill);
    assert_eq!(src.tokens(filled.escrow), amount);
    let domain = order_domain(play.dialect, src.id, src.lop);
    assert_eq!(filled.immutables.order_hash, order.order.hash(&domain));
}
