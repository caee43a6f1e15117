//! Permissions, cancellations and who can end an escrow when.

use super::escrows::Swap;
use crate::{
    net::{Actor, DIALECT, DST, HANDED_OUT, Net, ONE, SRC},
    own::{PUBLIC_TIMES, create_source},
    replay::Replay,
    vectors,
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{PublicAction, calldata, recover_permission_signer};
use bmn_primitives::{Immutables, OrderHash, Secret, Stage, Timelocks};
use serde_json::json;

/// When the recorded swap that ended in public was filled and funded, and the offsets of its stages.
/// Not recorded, but of all times around these only they give the recorded addresses.
pub(crate) struct PublicTimes {
    /// Unix seconds.
    pub(crate) filled: u32,
    pub(crate) source: [u32; 7],
    /// Unix seconds.
    pub(crate) created: u32,
    pub(crate) destination: [u32; 7],
    /// Where its secret was logged.
    pub(crate) secret_in: &'static str,
}

/// The recorded swap that ended in public: its order hash is recorded with the permission.
struct PublicSwap {
    order_hash: OrderHash,
    secret: Secret,
    source: Immutables,
    destination: Immutables,
}

impl PublicSwap {
    fn new() -> Self {
        let order_hash = OrderHash(vectors::get(vectors::sample("publicAction"), "orderHash"));
        let secret = vectors::logged_secret(PUBLIC_TIMES.secret_in);
        let immutables = |amount, deposit, timelocks| Immutables {
            order_hash,
            hashlock: secret.hashlock(),
            maker: Actor::Alice.address().into(),
            taker: Actor::Bob.address().into(),
            token: Net::new(SRC).token.into(),
            amount: U256::from(amount),
            safety_deposit: U256::from(deposit),
            timelocks,
            parameters: Bytes::new(),
        };
        let source = Timelocks::pack(PUBLIC_TIMES.filled, PUBLIC_TIMES.source);
        let destination = Timelocks::pack(PUBLIC_TIMES.created, PUBLIC_TIMES.destination);
        Self {
            order_hash,
            source: immutables(ONE, 0, source),
            destination: immutables(2 * ONE, ONE / 1000, destination),
            secret,
        }
    }
}

pub(crate) fn the_recorded_withdrawal_to_another_address_logs_the_same_bytes(replay: &mut Replay) {
    let src = Net::new(SRC);
    let swap = PublicSwap::new();
    let create = create_source(&swap.source);
    let filled = swap.source.timelocks.deployed_at();
    src.tx(Actor::Bob, src.factory, create).at(filled).mined();
    // The tokens left the escrow.
    let escrow = Address::from_word(vectors::logs("S2.withdrawTo")[0].topics[1]);
    let data = calldata::withdraw_to(DIALECT, &swap.secret, Actor::Carol.address(), &swap.source);
    let withdrawn = src.tx(Actor::Bob, escrow, data).at(filled + 40).mined();
    replay.logs("S2.withdrawTo", &withdrawn.logs);
}

pub(crate) fn the_recorded_permission_opens_the_destination(replay: &mut Replay) {
    let sample = vectors::sample("publicAction");
    let dst = Net::new(DST);
    let swap = PublicSwap::new();
    let deposit = swap.destination.safety_deposit;
    let created = u64::from(PUBLIC_TIMES.created);
    let destination = dst.destination_at(swap.destination.clone(), created, deposit);
    assert_eq!(destination.escrow, vectors::get::<Address>(sample, "escrow"));

    let permission = |signer, action| {
        dst.permission(signer, destination.escrow, swap.order_hash, Actor::Alice, action)
    };
    let good = permission(Actor::Bob, PublicAction::DstPublicWithdraw);
    assert_eq!(good, vectors::get::<Bytes>(sample, "signature"));
    let digest: B256 = vectors::get(sample, "digest");
    assert_eq!(recover_permission_signer(digest, &good).unwrap(), Actor::Bob.address());

    let open = swap.destination.timelocks.at(Stage::DstPublicWithdrawal);
    let withdraw = |from, permission| {
        let data =
            calldata::public_withdraw_signed(DIALECT, &swap.secret, &swap.destination, permission);
        dst.tx(from, destination.escrow, data).at(open)
    };
    let early = withdraw(Actor::Alice, good.clone()).at(open - 1);
    replay.reverts("dst.publicWithdrawSigned before dstPublicWithdrawal", &early);
    let erin = withdraw(Actor::Alice, permission(Actor::Erin, PublicAction::DstPublicWithdraw));
    replay.reverts("dst.publicWithdrawSigned signer not whitelisted (erin)", &erin);
    let carol = withdraw(Actor::Carol, good.clone());
    replay.reverts("dst.publicWithdrawSigned sig bound to another caller", &carol);
    let cancel = withdraw(Actor::Alice, permission(Actor::Bob, PublicAction::DstPublicCancel));
    replay.reverts("dst.publicWithdrawSigned wrong action", &cancel);

    let coins = dst.wei(Actor::Alice.address());
    let done = withdraw(Actor::Alice, good).mined();
    replay.logs("S2.publicWithdrawSigned", &done.logs);
    let gain = dst.wei(Actor::Alice.address()) + done.fee - coins;
    let name = "dst safety deposit goes to msg.sender of the withdraw call";
    replay.fact(name, json!(gain.to_string()));
}

pub(crate) fn cancellations_go_to_their_owners_at_the_recorded_second(replay: &mut Replay) {
    let swap = Swap::running(|_| ());
    cancel_destination(&swap, replay);
    cancel_source(&swap, replay);
}

fn cancel_destination(swap: &Swap, replay: &mut Replay) {
    let (dst, destination) = (&swap.dst, &swap.destination);
    let at = destination.time() + 600;
    let tx = |from, data| dst.tx(from, destination.escrow, data).at(at);
    let cancel = tx(Actor::Bob, destination.cancel());
    let alice = tx(Actor::Alice, destination.cancel());
    replay.reverts("dst.cancel by non-taker (alice)", &alice);
    let withdraw = tx(Actor::Bob, swap.dst_withdraw());
    replay.reverts("dst.withdraw at dstCancellation", &withdraw);
    withdraw.at(at - 1).passes();
    replay.reverts("dst.cancel 1s before dstCancellation", &cancel.clone().at(at - 1));
    let cancelled = cancel.clone().mined();
    replay.renamed_logs("S3.dstCancel", &cancelled.logs, swap.own_words());
    replay.reverts("dst.cancel again", &cancel.at(at + 1));
}

fn cancel_source(swap: &Swap, replay: &mut Replay) {
    let (src, source) = (&swap.src, &swap.source);
    let at = source.immutables.timelocks.at(Stage::SrcCancellation);
    let tx = |from, data| src.tx(from, source.escrow, data).at(at);
    let cancel = tx(Actor::Bob, source.cancel());
    replay.reverts("src.cancel 1s before srcCancellation", &cancel.clone().at(at - 1));
    let withdraw = tx(Actor::Bob, source.withdraw());
    replay.reverts("src.withdraw at srcCancellation (right secret!)", &withdraw);
    withdraw.at(at - 1).passes();
    replay.reverts("src.cancel by maker", &tx(Actor::Alice, source.cancel()));

    let hash = source.immutables.order_hash;
    let action = PublicAction::SrcPublicCancel;
    let permission = src.permission(Actor::Bob, source.escrow, hash, Actor::Carol, action);
    let public = calldata::public_cancel_signed(DIALECT, &source.immutables, permission.clone());
    let public = tx(Actor::Carol, public).at(at + 60);
    let early = public.clone().at(at + 59);
    replay.reverts("src.publicCancelSigned before srcPublicCancellation", &early);
    let forged = Immutables { timelocks: Timelocks::default(), ..source.immutables.clone() };
    let forged = tx(Actor::Carol, calldata::public_cancel_signed(DIALECT, &forged, permission));
    let forged = forged.at(at + 60);
    replay.reverts("src.publicCancelSigned with forged immutables", &forged);

    let logs = src.aside(|| cancel.mined().logs);
    replay.renamed_logs("S3.srcCancel", &logs, swap.own_words());
    let logs = public.mined().logs;
    replay.renamed_logs("S3.srcPublicCancelSigned", &logs, swap.own_words());
}

pub(crate) fn theft_a_maker_who_is_the_taker_takes_both_sides(replay: &mut Replay) {
    let swap = Swap::running(|it| it.taker = Actor::Alice.address().into());
    let (src, dst) = (&swap.src, &swap.dst);
    let (source, destination) = (&swap.source, &swap.destination);
    let (opens, ends) = (destination.time() + 30, destination.time() + 600);
    let bob = |data| dst.tx(Actor::Bob, destination.escrow, data);
    replay.reverts("dst(taker=alice).withdraw by bob", &bob(swap.dst_withdraw()).at(opens));
    replay.reverts("dst(taker=alice).cancel by bob", &bob(destination.cancel()).at(ends));

    let withdraw = dst.tx(Actor::Alice, destination.escrow, swap.dst_withdraw()).at(opens);
    let logs = dst.aside(|| withdraw.mined().logs);
    replay.renamed_logs("S4.aliceWithdraw", &logs, swap.own_words());

    let alice = Actor::Alice.address();
    let before = (dst.tokens(alice), src.tokens(alice));
    dst.tx(Actor::Alice, destination.escrow, destination.cancel()).at(ends).mined();
    src.tx(Actor::Bob, source.escrow, source.cancel()).at(source.time() + 600).mined();
    let name = "THEFT dst taker=alice: alice cancels dst without revealing the secret";
    let found = json!({
        "aliceDstGain": (dst.tokens(alice) - before.0).to_string(),
        "aliceSrcRefund": (src.tokens(alice) - before.1).to_string(),
        "bobLost": (U256::from(HANDED_OUT) - dst.tokens(Actor::Bob.address())).to_string(),
    });
    replay.fact(name, found);
}

pub(crate) fn theft_a_resolver_who_knows_the_secret_takes_both_sides(replay: &mut Replay) {
    let swap = Swap::running(|_| ());
    let (src, dst) = (&swap.src, &swap.dst);
    let (source, destination) = (&swap.source, &swap.destination);
    let [alice, bob] = [Actor::Alice, Actor::Bob].map(Actor::address);
    let before = (src.tokens(bob), dst.tokens(bob), dst.tokens(alice));
    src.tx(Actor::Bob, source.escrow, source.withdraw()).mined();
    let ends = destination.time() + 600;
    dst.tx(Actor::Bob, destination.escrow, destination.cancel()).at(ends).mined();
    let name = "THEFT dst taker=resolver: resolver uses the secret on src, never withdraws dst, cancels dst";
    let found = json!({
        "bobSrcGain": (src.tokens(bob) - before.0).to_string(),
        "bobDstRefund": (dst.tokens(bob) - before.1).to_string(),
        "aliceDstGain": (dst.tokens(alice) - before.2).to_string(),
    });
    replay.fact(name, found);
}

pub(crate) fn critical_one_cancel_permission_drains_a_destination_to_its_holder(
    replay: &mut Replay,
) {
    let dst = Net::new(DST);
    let victim = dst.destination(dst.secret().hashlock(), |_| ());
    let hash = victim.immutables.order_hash;
    let action = PublicAction::DstPublicCancel;
    let permission = dst.permission(Actor::Bob, victim.escrow, hash, Actor::Dave, action);
    let forged = Immutables {
        taker: Actor::Dave.address().into(),
        safety_deposit: U256::ZERO,
        timelocks: Timelocks::default(),
        ..victim.immutables
    };
    let dave = Actor::Dave.address();
    let before = dst.tokens(dave);
    let data = calldata::public_cancel_signed(DIALECT, &forged, permission);
    let drained = dst.tx(Actor::Dave, victim.escrow, data).mined();
    replay.renamed_logs("S14.drain", &drained.logs, [victim.escrow.into_word()]);
    let found = json!({
        "result": "succeeded",
        "daveGain": (dst.tokens(dave) - before).to_string(),
        "victimEscrowLeft": dst.tokens(victim.escrow).to_string(),
    });
    replay.fact("CRITICAL EscrowDst.publicCancelSigned skips onlyValidImmutables", found);
}
