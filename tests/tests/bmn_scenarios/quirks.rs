//! Words, times and receivers at the edge of what the contracts accept.

use super::{happy::stages, orders::Signed};
use crate::{
    net::{Actor, DIALECT, DST, Net, ONE, RESCUE_DELAY, SRC},
    replay::Replay,
    vectors,
};
use alloy::primitives::{Address, B256, U256};
use bmn_contracts::{Extension, ExtraData, calldata, sign_order};
use bmn_primitives::{AddressWord, Immutables, OrderHash, Secret, Stage, Timelocks};
use serde_json::json;

pub(crate) fn the_recorded_times_wrap_as_recorded(replay: &mut Replay) {
    for (sample, fact) in [
        ("wrap", "srcCancellation = now+2^32+100 wraps mod 2^32"),
        ("nearMax", "srcCancellation offset near 2^32: public offset wraps"),
    ] {
        let src = Net::new(SRC);
        let sample = vectors::sample(sample);
        let recorded = vectors::immutables(sample, "srcImmutables");
        let order = Signed::recorded(sample);
        let (time, data) = (recorded.timelocks.deployed_at(), order.fill());
        let filled = src.filled_by(Actor::Bob, time, order, data);
        assert_eq!(filled.immutables, recorded);
        assert_eq!(filled.escrow, vectors::get::<Address>(sample, "srcEscrow"));
        replay.fact(fact, stages(&filled.immutables));
    }
}

/// Only the order is recorded, but its salt commits to the extension.
fn dirty_order(src: &Net, immutables: &Immutables) -> Signed {
    let sample = vectors::sample("dirty");
    let order = vectors::order(sample);
    let times = |stage| immutables.timelocks.at(stage);
    let extra = ExtraData {
        hashlock: immutables.hashlock,
        dst_chain_id: U256::from(DST),
        dst_token: src.token.into(),
        deposits: ExtraData::pack_deposits(DIALECT, 0, ONE / 1000),
        timelocks: ExtraData::pack_bmn_times(
            times(Stage::SrcCancellation),
            times(Stage::DstWithdrawal),
        ),
    };
    let extension = Extension::post_interaction_only(src.factory, &extra.encode());
    order.check_extension(&extension).unwrap();
    let hash = OrderHash(vectors::get(sample, "orderHash"));
    let signature = sign_order(&Actor::Alice.key(), hash).unwrap();
    Signed { order, extension, hash, signature, secret: Secret::new([0; 32]) }
}

pub(crate) fn the_recorded_order_with_a_dirty_asset_logs_the_same_bytes(replay: &mut Replay) {
    let src = Net::new(SRC);
    let recorded = vectors::immutables(vectors::sample("dirty"), "srcImmutables");
    let order = dirty_order(&src, &recorded);
    let (time, data) = (recorded.timelocks.deployed_at(), order.fill());
    let filled = src.filled_by(Actor::Bob, time, order, data);
    replay.logs("S16.dirty", &filled.mined.logs);
    assert_eq!(filled.immutables, recorded);
    let token = filled.immutables.token;
    assert!(token.is_dirty());
    let name = "dirty high bits in order.makerAsset reach immutables.token";
    replay.fact(name, json!(B256::from(token.0).to_string()));
    // The escrow masks the word it moves, so the money is not stuck.
    let dirty = src.filled(|draft| draft.order.maker_asset = token);
    src.tx(Actor::Bob, dirty.escrow, dirty.withdraw()).mined();
    assert_eq!(src.tokens(dirty.escrow), U256::ZERO);
}

pub(crate) fn the_receiver_of_the_order_is_the_maker_of_the_destination(replay: &mut Replay) {
    let src = Net::new(SRC);
    let filled = src.filled(|draft| draft.order.receiver = Actor::Erin.address().into());
    let nobody = src.filled(|draft| draft.order.receiver = AddressWord::ZERO);
    let maker = filled.complement.map(|it| it.maker.clean().unwrap().to_string());
    // Where the factory says nothing about the destination, the order alone does.
    let maker = maker.unwrap_or_else(|| "n/a".to_owned());
    replay.fact("order.receiver -> complement.maker", json!(maker));
    let expected = Actor::Alice.address().into();
    assert!(nobody.complement.is_none_or(|complement| complement.maker == expected));
}

pub(crate) fn a_destination_that_opens_after_its_end_never_pays(replay: &mut Replay) {
    let src = Net::new(SRC);
    let name = "dstWithdrawal > srcCancellation accepted by fill/createDst";
    let time = vectors::fact(name)["deployedAt"].as_u64().unwrap();
    let order = src.order(time, |draft| draft.times(time + 100, time + 200));
    let data = order.fill();
    let filled = src.filled_by(Actor::Bob, time, order, data);
    let dst = Net::new(DST);
    let timelocks = filled.immutables.timelocks;
    let (hashlock, deposit) = (filled.hashlock(), U256::from(ONE / 1000));
    let immutables = Immutables { timelocks, ..dst.destination_immutables(hashlock, time) };
    let created = dst.destination_at(immutables, time, deposit);
    replay.fact(name, stages(&created.immutables));

    let withdraw = calldata::withdraw(DIALECT, &filled.secret, &created.immutables);
    let withdraw = dst.tx(Actor::Bob, created.escrow, withdraw);
    let name = "dst.withdraw impossible when dstWithdrawal>=dstCancellation";
    replay.reverts(name, &withdraw.clone().at(time + 200));
    for offset in [1, 99, 100, 199, 201, 100_000] {
        withdraw.clone().at(time + offset).fails_with("InvalidTime()");
    }
}

pub(crate) fn a_back_dated_destination_can_be_rescued_at_once(replay: &mut Replay) {
    let dst = Net::new(DST);
    let back = dst.now() - u64::from(RESCUE_DELAY);
    let victim = dst.destination(dst.secret().hashlock(), |immutables| {
        let offsets = immutables.timelocks.offsets();
        immutables.timelocks = Timelocks::pack(u32::try_from(back).unwrap(), offsets);
    });
    let bob = Actor::Bob.address();
    let (amount, before) = (victim.immutables.amount, dst.tokens(bob));
    let rescue = calldata::rescue_funds(DIALECT, dst.token, amount, &victim.immutables);
    dst.tx(Actor::Bob, victim.escrow, rescue).mined();
    assert_eq!(dst.tokens(bob) - before, amount);
    let name = "RUG dst back-dated deployedAt: taker rescues immediately";
    replay.fact(name, json!("succeeds"));
}
