//! Where `bmn4` is not as the older factory.

use crate::{
    bmn_scenarios::{
        endings::PublicTimes,
        escrows::Swap,
        happy::{Happy, assert_addresses},
        orders::Signed,
    },
    net::{Actor, DIALECT, DST, Net, ONE, SRC},
    replay::Replay,
    vectors,
};
use alloy::{
    primitives::{Address, Bytes, Log, U256},
    sol_types::{SolCall, SolValue},
};
use bmn_contracts::{
    ContractEvent, EscrowImplementations, Extension, ExtraData, bindings, bindings::IBmnFactory,
    bmn_factory_timelocks, calldata, immutables_hash, order_domain, proxy_bytecode_hash,
    source_escrow,
};
use bmn_primitives::{Complement, Immutables};
use serde_json::json;

pub(crate) const PUBLIC_TIMES: PublicTimes = PublicTimes {
    filled: 1_755_450_041,
    source: [0, 60, 600, 660, 30, 90, 600],
    created: 1_755_450_043,
    destination: [0, 0, 0, 0, 28, 88, 598],
    secret_in: "S2.withdrawTo",
};

/// What the factory logged about the source escrow of a fill.
pub(crate) fn source_created(
    net: &Net,
    _order: &Signed,
    logs: &[Log],
) -> (Immutables, Option<Complement>) {
    let found = net.factory_events(logs).into_iter().find_map(|event| match event {
        ContractEvent::SourceCreated { immutables, complement } => {
            Some((immutables, Some(complement)))
        }
        _ => None,
    });
    found.expect("the fill created a source escrow")
}

fn recorded_complement() -> Complement {
    vectors::complement(vectors::sample("directSrc"), "complement")
}

/// Calldata of `createSrcEscrow`, with the recorded complement.
pub(crate) fn create_source(immutables: &Immutables) -> Bytes {
    calldata::create_src_escrow(immutables, &recorded_complement())
}

/// The factory logs whatever it was told.
pub(crate) fn assert_claims(log: &Log, immutables: &Immutables) {
    let complement = bindings::Complement::from(&recorded_complement());
    let claimed = (bindings::Immutables::from(immutables), complement);
    assert_eq!(log.data.data, claimed.abi_encode_params());
}

pub(crate) fn contracts_with_an_access_token_land_on_the_recorded_addresses(replay: &mut Replay) {
    for (id, side) in [(SRC, "src"), (DST, "dst")] {
        let net = Net::with_access_token(id);
        assert_addresses(&net, |contract| vectors::deployed_with_access_token(side, contract));
    }
    let net = Net::new(SRC);
    let source = net.view(net.factory, &IBmnFactory::ESCROW_SRC_PROXY_BYTECODE_HASHCall {});
    let destination = net.view(net.factory, &IBmnFactory::ESCROW_DST_PROXY_BYTECODE_HASHCall {});
    let of = |side| proxy_bytecode_hash(vectors::deployed("src", side));
    let equal = json!([source == of("srcImpl"), destination == of("dstImpl")]);
    replay.fact("ESCROW_*_PROXY_BYTECODE_HASH match", equal);
}

pub(crate) fn the_source_can_be_rebuilt_from_the_order_and_the_block_time(replay: &mut Replay) {
    let happy = Happy::new();
    let order = &happy.order.order;
    let extension = order.check_extension(&happy.order.extension).unwrap();
    let (factory, extra) = extension.post_interaction().unwrap();
    let extra = ExtraData::decode(DIALECT, extra).unwrap();
    let filled = happy.fill();
    let times = (extra.src_cancellation(), extra.dst_withdrawal());
    let rebuilt = Immutables {
        order_hash: order.hash(&order_domain(DIALECT, happy.src.id, happy.src.lop)),
        hashlock: extra.hashlock,
        maker: order.maker,
        taker: Actor::Bob.address().into(),
        token: order.maker_asset,
        amount: order.making_amount,
        safety_deposit: extra.src_deposit(DIALECT),
        timelocks: bmn_factory_timelocks(happy.src.now(), times.0, times.1).unwrap(),
        parameters: Bytes::new(),
    };
    assert_eq!(rebuilt, filled.immutables);
    let implementations = EscrowImplementations::for_factory(DIALECT, factory);
    let escrow = source_escrow(DIALECT, factory, &implementations, &rebuilt);
    replay.fact("reconstructFromOrder", json!(escrow == filled.escrow));
}

pub(crate) fn the_factory_keeps_the_recorded_immutables(replay: &mut Replay) {
    let happy = Happy::new();
    happy.create_destination();
    let (dst, key) = (&happy.dst, immutables_hash(DIALECT, &happy.destination));
    let kept = dst.view(dst.factory, &IBmnFactory::escrowImmutablesCall { salt: key });
    let kept = json!([
        kept.orderHash.to_string(),
        kept.hashlock.to_string(),
        kept.maker.to_string(),
        kept.taker.to_string(),
        kept.token.to_string(),
        kept.amount.to_string(),
        kept.safetyDeposit.to_string(),
        kept.timelocks.to_string(),
        kept.parameters.to_string(),
    ]);
    replay.fact("escrowImmutables[salt] on dst", kept);
}

pub(crate) fn the_recorded_native_withdrawal_logs_the_same_bytes(replay: &mut Replay) {
    let dst = Net::new(DST);
    let sample = vectors::sample("native");
    let immutables = vectors::immutables(sample, "dstImmutables");
    let time = immutables.timelocks.deployed_at();
    let value = immutables.amount + immutables.safety_deposit;
    let created = dst.destination_at(immutables.clone(), time, value);
    let secret = vectors::logged_secret("S11.withdraw(native)");
    let withdraw = calldata::withdraw(DIALECT, &secret, &immutables);
    let withdraw = dst.tx(Actor::Bob, created.escrow, withdraw);
    let done = withdraw.at(immutables.timelocks.dst_withdraw().start).mined();
    replay.logs("S11.withdraw(native)", &done.logs);
}

pub(crate) fn holders_of_the_access_token_end_escrows_in_public(replay: &mut Replay) {
    let swap = Swap::on(Net::with_access_token(SRC), Net::with_access_token(DST), |_| ());
    let (src, dst) = (&swap.src, &swap.dst);
    let (source, destination) = (&swap.source, &swap.destination);
    let open = destination.time() + 90;
    let withdraw = calldata::public_withdraw(DIALECT, &source.secret, &destination.immutables);
    let tx = |from| dst.tx(from, destination.escrow, withdraw.clone()).at(open);
    let early = tx(Actor::Carol).at(open - 1);
    replay.reverts("dst.publicWithdraw before dstPublicWithdrawal (holder)", &early);
    replay.reverts("dst.publicWithdraw by non-holder (erin)", &tx(Actor::Erin));
    let logs = tx(Actor::Carol).mined().logs;
    replay.renamed_logs("access.dstPublicWithdraw", &logs, swap.own_words());

    let bob = Actor::Bob.address();
    let before = src.tokens(bob);
    let withdraw = calldata::public_withdraw(DIALECT, &source.secret, &source.immutables);
    let withdraw = src.tx(Actor::Carol, source.escrow, withdraw).at(source.time() + 60);
    let logs = src.aside(|| {
        let logs = withdraw.mined().logs;
        let gained = src.tokens(bob) - before;
        replay.fact("src.publicWithdraw sends tokens to taker", json!(gained == U256::from(ONE)));
        logs
    });
    replay.renamed_logs("access.srcPublicWithdraw", &logs, swap.own_words());

    let cancel = calldata::public_cancel(DIALECT, &source.immutables);
    let cancel = src.tx(Actor::Carol, source.escrow, cancel).at(source.time() + 660);
    replay.reverts("src.publicCancel 1s early", &cancel.clone().at(source.time() + 659));
    let logs = cancel.mined().logs;
    replay.renamed_logs("access.srcPublicCancel", &logs, swap.own_words());
}

pub(crate) fn the_recorded_destination_with_parameters_works(replay: &mut Replay) {
    let dst = Net::new(DST);
    let sample = vectors::sample("dstWithParams");
    let recorded = vectors::immutables(sample, "dstImmutables");
    let (time, deposit) = (recorded.timelocks.deployed_at(), recorded.safety_deposit);
    assert_eq!(recorded.parameters.len(), 128);
    let created = dst.destination_at(recorded.clone(), time, deposit);
    assert_eq!(created.escrow, vectors::get::<Address>(sample, "dstEscrow"));

    let secret = dst.secret();
    let ours = dst.destination(secret.hashlock(), |it| it.parameters = recorded.parameters);
    let withdraw = calldata::withdraw(DIALECT, &secret, &ours.immutables);
    dst.tx(Actor::Bob, ours.escrow, withdraw).at(ours.time() + 30).mined();
    let name = "dst with parameters=complement.parameters (128B) works";
    replay.fact(name, json!(dst.tokens(ours.escrow).is_zero()));
}

pub(crate) fn only_the_protocol_may_call_the_post_interaction(replay: &mut Replay) {
    let src = Net::new(SRC);
    let order = src.order(src.now() + 1, |_| ());
    let (_, extra) = Extension::parse(&order.extension).unwrap().post_interaction().unwrap();
    let call = IBmnFactory::postInteractionCall {
        order: bindings::Order::from(&order.order),
        extension: order.extension.clone(),
        orderHash: order.hash.0,
        taker: Actor::Bob.address(),
        makingAmount: order.order.making_amount,
        takingAmount: order.order.taking_amount,
        remainingMakingAmount: order.order.making_amount,
        extraData: Bytes::copy_from_slice(extra),
    };
    let name = "direct factory.postInteraction by stranger";
    let tx = src.tx(Actor::Carol, src.factory, call.abi_encode());
    tx.fails_with(vectors::fact(name).as_str().unwrap());
    replay.shown(name);
}
