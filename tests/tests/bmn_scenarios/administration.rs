//! What the owner of the factory can do, and what it does not do.

use super::{escrows::create_destination, orders::public_traits};
use crate::{
    net::{Actor, DIALECT, DST, Net, SRC},
    own::create_source,
    replay::Replay,
};
use alloy::sol_types::SolCall;
use bmn_chain::CallOutcome;
use bmn_contracts::{Revert, bindings::IBmnFactory, calldata};
use serde_json::json;

fn administrate(net: &Net, call: &impl SolCall) {
    net.tx(Actor::Deployer, net.factory, call.abi_encode()).mined();
}

pub(crate) fn a_pause_stops_new_escrows_and_no_old_ones(replay: &mut Replay) {
    let (src, dst) = (Net::new(SRC), Net::new(DST));
    let filled = src.filled(|_| ());
    let created = dst.destination(filled.hashlock(), |_| ());
    let pause = IBmnFactory::pauseCall {};
    let carol = src.tx(Actor::Carol, src.factory, pause.abi_encode());
    replay.reverts("pause by non-owner", &carol);
    for net in [&src, &dst] {
        administrate(net, &pause);
    }

    let order = src.order(src.now() + 1, |_| ());
    let fill = src.lop_tx(Actor::Bob, order.fill());
    replay.reverts("fill while paused", &fill);
    let immutables = dst.destination_immutables(filled.hashlock(), dst.now() + 1);
    let create = dst.tx(Actor::Bob, dst.factory, create_destination(&immutables));
    let create = create.paying(immutables.safety_deposit);
    replay.reverts("createDst while paused", &create);

    let withdraw = calldata::withdraw(DIALECT, &filled.secret, &created.immutables);
    let withdraw = dst.tx(Actor::Bob, created.escrow, withdraw);
    withdraw.at(created.time() + 30).mined();
    src.tx(Actor::Bob, filled.escrow, filled.withdraw()).mined();
    let emptied = src.tokens(filled.escrow).is_zero() && dst.tokens(created.escrow).is_zero();
    replay.fact("existing escrows usable while paused", json!(emptied));

    administrate(&src, &IBmnFactory::unpauseCall {});
    src.lop_tx(Actor::Bob, order.fill()).passes();
}

pub(crate) fn the_whitelist_counts_unless_bypassed(replay: &mut Replay) {
    let (src, dst) = (Net::new(SRC), Net::new(DST));
    let order = src.order(src.now() + 2, |draft| draft.order.maker_traits = public_traits());
    let fill = |actor| src.lop_tx(actor, order.fill());
    let immutables = dst.destination_immutables(order.secret.hashlock(), dst.now() + 2);
    let create = |actor| {
        let create = dst.tx(actor, dst.factory, create_destination(&immutables));
        create.paying(immutables.safety_deposit)
    };
    fill(Actor::Carol).passes();
    create(Actor::Carol).passes();
    for net in [&src, &dst] {
        administrate(net, &IBmnFactory::setWhitelistBypassedCall { bypassed: false });
    }
    replay.reverts("fill by non-whitelisted", &fill(Actor::Carol));
    replay.reverts("createDst by non-whitelisted", &create(Actor::Carol));
    fill(Actor::Bob).passes();
    create(Actor::Bob).passes();
}

pub(crate) fn the_whitelist_of_makers_is_not_asked_in_a_fill(replay: &mut Replay) {
    let src = Net::new(SRC);
    administrate(&src, &IBmnFactory::setMakerWhitelistEnabledCall { enabled: true });
    let maker = Actor::Alice.address();
    assert!(!src.view(src.factory, &IBmnFactory::whitelistedMakersCall { maker }));
    let filled = src.filled(|_| ());
    let name = "maker whitelist enforced in postInteraction?";
    replay.fact(name, json!("no (fill succeeded)"));

    let mut immutables = filled.immutables;
    immutables.hashlock = src.secret().hashlock();
    let create = create_source(&immutables);
    let outcome = src.tx(Actor::Bob, src.factory, create).tried();
    let CallOutcome::Reverted(data) = outcome else { panic!("it is asked in createSrcEscrow") };
    assert_eq!(Revert::decode(&data), Revert::Message("Maker not whitelisted".to_owned()));
}
