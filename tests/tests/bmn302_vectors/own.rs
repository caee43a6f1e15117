//! Where `bmn302` is not as the newer factory.

use crate::{
    bmn_scenarios::{endings::PublicTimes, happy::Happy, orders::Signed},
    net::{Actor, DIALECT, Net, ONE, SRC},
    replay::Replay,
    vectors,
};
use alloy::{
    primitives::{Address, B256, Bytes, Log, U256},
    sol_types::{SolCall, SolEvent},
};
use bmn_chain::CallOutcome;
use bmn_contracts::{
    ContractEvent, EscrowImplementations, Extension, ExtraData, bindings, bindings::IBmnFactory,
    bindings::IBmnFactory23, calldata, immutables_hash, source_escrow,
};
use bmn_primitives::{Complement, Immutables, Stage};
use serde_json::json;

pub(crate) const PUBLIC_TIMES: PublicTimes = PublicTimes {
    filled: 1_755_450_040,
    source: [0, 60, 600, 660, 30, 90, 600],
    created: 1_755_450_042,
    destination: [0, 0, 0, 0, 28, 88, 598],
    secret_in: "S2.publicWithdrawSigned",
};

/// The immutables of a fill's source, which the factory does not log: out of the order, the event and
/// the block. They are believed because they derive to the escrow that the event names.
pub(crate) fn source_created(
    net: &Net,
    order: &Signed,
    logs: &[Log],
) -> (Immutables, Option<Complement>) {
    let found = net.factory_events(logs).into_iter().find_map(|event| match event {
        ContractEvent::PostInteraction { escrow, hashlock, protocol, taker, amount } => {
            assert_eq!(protocol, net.lop);
            Some((escrow, hashlock, taker, amount))
        }
        _ => None,
    });
    let (escrow, hashlock, taker, amount) = found.expect("the fill created a source escrow");
    let (factory, extra) = Extension::parse(&order.extension).unwrap().post_interaction().unwrap();
    let extra = ExtraData::decode(DIALECT, extra).unwrap();
    assert_eq!((factory, hashlock), (net.factory, extra.hashlock));
    let immutables = Immutables {
        order_hash: order.hash,
        hashlock,
        maker: order.order.maker,
        taker: taker.into(),
        token: order.order.maker_asset,
        amount,
        safety_deposit: extra.src_deposit(DIALECT),
        timelocks: extra.source_timelocks(DIALECT, net.now()).unwrap(),
        parameters: Bytes::new(),
    };
    let implementations = EscrowImplementations::for_factory(DIALECT, factory);
    assert_eq!(source_escrow(DIALECT, factory, &implementations, &immutables), escrow);
    (immutables, None)
}

/// Calldata of `createSrcEscrow`, with the words of the immutables.
pub(crate) fn create_source(immutables: &Immutables) -> Bytes {
    calldata::create_plain_src_escrow(immutables)
}

/// The factory logs whatever it was told.
pub(crate) fn assert_claims(log: &Log, immutables: &Immutables) {
    let event = IBmnFactory23::SrcEscrowCreated::decode_log(log).unwrap().data;
    assert_eq!(event.orderHash, immutables.order_hash.0);
    let claimed = (event.maker.into(), event.taker.into(), event.amount);
    assert_eq!(claimed, (immutables.maker, immutables.taker, immutables.amount));
}

/// A call of the post-interaction as if the limit-order protocol had filled Carol's own order with Bob
/// as the taker.
fn invented_fill(src: &Net) -> IBmnFactory::postInteractionCall {
    let order = src.order(src.now() + 1, |draft| {
        draft.order.maker = Actor::Carol.address().into();
        draft.order.making_amount = U256::from(100 * ONE);
        draft.signer = Actor::Carol;
    });
    let (_, extra) = Extension::parse(&order.extension).unwrap().post_interaction().unwrap();
    IBmnFactory::postInteractionCall {
        order: bindings::Order::from(&order.order),
        extension: order.extension.clone(),
        orderHash: order.hash.0,
        taker: Actor::Bob.address(),
        makingAmount: order.order.making_amount,
        takingAmount: order.order.taking_amount,
        remainingMakingAmount: order.order.making_amount,
        extraData: Bytes::copy_from_slice(extra),
    }
}

pub(crate) fn anybody_may_call_the_post_interaction_and_take_an_allowance(replay: &mut Replay) {
    let src = Net::new(SRC);
    let call = invented_fill(&src);
    let before = src.tokens(Actor::Bob.address());
    let done = src.tx(Actor::Carol, src.factory, call.abi_encode()).mined();
    let found = src.factory_events(&done.logs).into_iter().find_map(|event| match event {
        ContractEvent::PostInteraction { escrow, hashlock, .. } => Some((escrow, hashlock)),
        _ => None,
    });
    let (escrow, hashlock) = found.unwrap();
    let own = [escrow.into_word(), hashlock.0];
    replay.renamed_logs("S15.directPostInteraction", &done.logs, own);
    let lost = before - src.tokens(Actor::Bob.address());
    assert_eq!((lost, src.tokens(escrow)), (call.makingAmount, call.makingAmount));
    replay.shown("direct factory.postInteraction by stranger");

    // What Bob has not allowed cannot be taken.
    let none = calldata::approve(src.factory, U256::ZERO);
    src.tx(Actor::Bob, src.token, none).mined();
    let again = src.tx(Actor::Carol, src.factory, invented_fill(&src).abi_encode());
    again.fails_with("SafeTransferFromFailed()");
}

pub(crate) fn a_direct_source_escrow_holds_what_the_caller_says(replay: &mut Replay) {
    let src = Net::new(SRC);
    let immutables = vectors::immutables(vectors::sample("directSrc"), "immutables");
    let call = IBmnFactory23::createSrcEscrowCall {
        immutables: (&immutables).into(),
        maker: immutables.maker.masked(),
        token: src.token,
        amount: U256::from(1),
    };
    src.tx(Actor::Carol, src.factory, call.abi_encode()).mined();
    let escrow: Address = vectors::get(vectors::sample("directSrc"), "escrow");
    let found = json!({
        "immAmount": immutables.amount.to_string(),
        "funded": src.tokens(escrow).to_string(),
    });
    replay.fact("v2/v3 createSrcEscrow: amount arg not tied to immutables.amount", found);
}

pub(crate) fn the_factory_names_the_recorded_addresses(_: &mut Replay) {
    let net = Net::new(SRC);
    for case in vectors::cases("immutables") {
        let immutables = vectors::immutables(case, "immutables");
        let recorded: B256 = vectors::get(case, "hash");
        assert_eq!(immutables_hash(DIALECT, &immutables), recorded);
        for (is_source, key) in [(true, "srcEscrow"), (false, "dstEscrow")] {
            let ask = calldata::address_of_escrow(DIALECT, &immutables, is_source);
            let CallOutcome::Success(answer) = net.tx(Actor::Erin, net.factory, ask).tried() else {
                panic!("{case}: {key}")
            };
            let escrow = Address::from_word(B256::from_slice(&answer));
            assert_eq!(escrow, vectors::get::<Address>(case, key), "{case}");
        }
    }
}

/// The recorded calls of the recorded swap, as they are: each is sent where and when it would have
/// been. The two permissions are of another escrow and another action, and are refused as such.
pub(crate) fn the_recorded_calldata_does_what_it_says(_: &mut Replay) {
    let mut calls: Vec<(String, Bytes)> = vectors::cases("calldata")
        .iter()
        .map(|case| (vectors::get(case, "function"), vectors::get(case, "calldata")))
        .collect();
    let mut take = |name: &str| {
        let index = calls.iter().position(|(function, _)| function == name).unwrap();
        calls.remove(index).1
    };
    let happy = Happy::new();
    let (src, dst) = (&happy.src, &happy.dst);
    let filled = src.lop_tx(Actor::Bob, take("fillOrderArgs")).at(happy.start()).mined();
    assert_eq!(source_created(src, &happy.order, &filled.logs).0, happy.source);
    let (opens, ends) = (happy.dst_withdrawal(), happy.source.timelocks.at(Stage::SrcCancellation));
    let create = dst.tx(Actor::Bob, dst.factory, take("createDstEscrow"));
    let create = create.paying(happy.destination.safety_deposit);
    let created = create.at(happy.destination.timelocks.deployed_at()).mined();
    assert_eq!(dst.destination_created(&created), happy.destination_escrow);

    let at_source = |from, data| src.tx(from, happy.source_escrow, data).at(opens);
    let at_destination = |from, data| dst.tx(from, happy.destination_escrow, data).at(opens);
    // The recording has the destination's first.
    at_destination(Actor::Bob, take("withdraw")).passes();
    at_source(Actor::Bob, take("withdraw")).passes();
    at_source(Actor::Bob, take("withdrawTo")).passes();
    at_destination(Actor::Bob, take("cancel")).at(ends).passes();
    at_source(Actor::Bob, take("cancel")).at(ends).passes();
    let permitted = at_destination(Actor::Alice, take("publicWithdrawSigned"));
    permitted.at(opens + 60).fails_with("InvalidCaller()");
    let permitted = at_source(Actor::Alice, take("publicCancelSigned"));
    permitted.at(ends + 60).fails_with("InvalidCaller()");
    let asked = src.tx(Actor::Erin, src.factory, take("addressOfEscrow")).tried();
    assert_eq!(asked, CallOutcome::Success(happy.source_escrow.into_word().into()));
    assert!(calls.is_empty(), "not replayed: {calls:?}");
}
