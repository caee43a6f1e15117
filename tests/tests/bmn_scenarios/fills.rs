//! Fills that are refused, and fills that should have been.

use super::{
    happy::deltas,
    orders::{Draft, Signed, public_traits, single_fill_traits, standard_traits},
};
use crate::{
    net::{Actor, DIALECT, DST, HANDED_OUT, Net, ONE, SRC, Tx},
    replay::{Replay, event_names},
};
use alloy::primitives::{Bytes, U256};
use bmn_contracts::{bindings::IBmnFactory, calldata};
use bmn_primitives::AddressWord;
use serde_json::json;

/// A new order for a fill in the next second.
fn order(net: &Net, change: impl FnOnce(&mut Draft)) -> Signed {
    net.order(net.now() + 1, change)
}

/// Bob's fill of a new order in the next second.
fn fill(net: &Net, change: impl FnOnce(&mut Draft)) -> Tx<'_> {
    net.lop_tx(Actor::Bob, order(net, change).fill())
}

pub(crate) fn orders_of_others_and_broken_orders_are_refused(replay: &mut Replay) {
    let src = Net::new(SRC);
    let good = order(&src, |_| ());
    let bob = |data| src.lop_tx(Actor::Bob, data);
    bob(good.fill()).passes();
    let carol = src.lop_tx(Actor::Carol, good.fill());
    replay.reverts("fill by non-allowed sender", &carol);
    let mut altered = good.extension.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    let altered = good.fill_with(|fill| fill.arguments = altered.into());
    replay.reverts("fill wrong extension", &bob(altered));
    let missing = good.fill_with(|fill| {
        fill.arguments = Bytes::new();
        fill.traits = fill.traits.with_extension_length(0);
    });
    replay.reverts("fill missing extension", &bob(missing));
    let forged = fill(&src, |draft| draft.signer = Actor::Carol);
    replay.reverts("fill bad signature", &forged);
    let cheap = good.order.taking_amount - U256::from(1);
    let cheap = good.fill_with(|fill| fill.traits = fill.traits.with_threshold(cheap));
    replay.reverts("fill threshold too low", &bob(cheap));
    let now = src.now();
    let until = |time| {
        move |draft: &mut Draft| {
            draft.order.maker_traits = standard_traits().with_expiration(time);
        }
    };
    replay.reverts("fill expired order", &fill(&src, until(now)));
    fill(&src, until(now + 1)).passes();
}

pub(crate) fn the_factory_refuses_times_and_data_it_refused(replay: &mut Replay) {
    let src = Net::new(SRC);
    let time = src.now() + 1;
    let cancellation = fill(&src, |draft| draft.times(time, time + 30));
    replay.reverts("fill srcCancellation past", &cancellation);
    let withdrawal = fill(&src, |draft| draft.times(time + 600, time));
    replay.reverts("fill dstWithdrawal past", &withdrawal);
    fill(&src, |draft| draft.times(time + 1, time + 1)).passes();
    let short = fill(&src, |draft| draft.raw_extra = Some(vec![0xab, 0xcd].into()));
    replay.reverts("fill malformed extraData (2 bytes)", &short);
    let dirty = |draft: &mut Draft| draft.extra.dst_token.0.set_bit(200, true);
    replay.reverts("fill extraData with dirty dstToken word", &fill(&src, dirty));
    fill(&src, |draft| draft.trailing = vec![0xde, 0xad].into()).mined();
    replay.fact("extraData with trailing bytes", json!("accepted"));
}

pub(crate) fn a_fill_needs_every_allowance_and_balance(replay: &mut Replay) {
    let src = Net::new(SRC);
    let approve = |actor, spender| {
        src.tx(actor, src.token, calldata::approve(spender, U256::ZERO)).mined();
    };
    src.aside(|| {
        approve(Actor::Alice, src.lop);
        replay.reverts("fill maker has no LOP allowance", &fill(&src, |_| ()));
    });
    src.aside(|| {
        approve(Actor::Bob, src.factory);
        let name = "fill resolver has no factory allowance for makerAsset";
        replay.reverts(name, &fill(&src, |_| ()));
    });
    let paid = |draft: &mut Draft| draft.order.taker_asset = src.token6.into();
    fill(&src, paid).passes();
    let all = calldata::transfer(Actor::Carol.address(), U256::from(HANDED_OUT));
    src.tx(Actor::Bob, src.token6, all).mined();
    replay.reverts("fill resolver has no takerAsset", &fill(&src, paid));
}

pub(crate) fn used_and_cancelled_orders_are_refused(replay: &mut Replay) {
    let src = Net::new(SRC);
    let single = |draft: &mut Draft| draft.order.maker_traits = single_fill_traits();
    let first = order(&src, single);
    let half = first.fill_with(|fill| fill.making = U256::from(ONE / 2));
    let half = src.lop_tx(Actor::Bob, half);
    replay.reverts("fill partial of NO_PARTIAL order", &half);
    let whole = first.fill();
    src.lop_tx(Actor::Bob, whole.clone()).mined();
    let again = src.lop_tx(Actor::Bob, whole);
    replay.reverts("refill NO_PARTIAL (bit invalidator)", &again);
    let name = "other order with the same nonce (bit invalidator)";
    replay.reverts(name, &fill(&src, single));
    let other = |draft: &mut Draft| draft.order.maker_traits = single_fill_traits().with_nonce(1);
    fill(&src, other).passes();

    let order = order(&src, |_| ());
    let cancel = calldata::cancel_order(order.order.maker_traits, order.hash);
    let cancelled = src.lop_tx(Actor::Alice, cancel).mined();
    assert_eq!(event_names(&cancelled.logs), ["OrderCancelled"]);
    replay.reverts("fill cancelled order", &src.lop_tx(Actor::Bob, order.fill()));
}

pub(crate) fn a_used_hashlock_blocks_the_order_of_somebody_else(replay: &mut Replay) {
    let src = Net::new(SRC);
    let victim = order(&src, |_| ());
    src.lop_tx(Actor::Bob, victim.fill()).passes();
    src.filled(|draft| {
        draft.extra.hashlock = victim.secret.hashlock();
        draft.signer = Actor::Carol;
        draft.order.maker = Actor::Carol.address().into();
        draft.order.making_amount = U256::from(1);
        draft.order.taking_amount = U256::from(1);
        draft.order.maker_traits = public_traits();
    });
    let name = "fill after griefer used the same hashlock";
    replay.reverts(name, &src.lop_tx(Actor::Bob, victim.fill()));
}

pub(crate) fn a_partial_fill_excludes_the_next(replay: &mut Replay) {
    let src = Net::new(SRC);
    let order = order(&src, |_| ());
    let part = |tenths: u128| {
        order.fill_with(|fill| {
            fill.making = U256::from(ONE / 10 * tenths);
            fill.traits = fill.traits.with_threshold(U256::from(ONE / 5 * tenths));
        })
    };
    let filled = src.filled_by(Actor::Bob, src.now() + 1, order.clone(), part(4));
    let mut amounts = json!({ "src": filled.immutables.amount.to_string() });
    if let Some(complement) = &filled.complement {
        amounts["dst"] = json!(complement.amount.to_string());
    }
    replay.fact("partial fill 40%: src amount / complement amount", amounts);
    replay.reverts("second partial fill", &src.lop_tx(Actor::Bob, part(1)));
}

pub(crate) fn an_order_without_post_interaction_hands_the_tokens_over(replay: &mut Replay) {
    let src = Net::new(SRC);
    let before = src.tokens(Actor::Bob.address());
    let mined = fill(&src, |draft| {
        let mut traits = standard_traits();
        traits.0.set_bit(251, false);
        assert!(traits.has_extension() && !traits.post_interaction());
        draft.order.maker_traits = traits;
    });
    let logs = mined.mined().logs;
    assert_eq!(src.tokens(Actor::Bob.address()) - before, U256::from(ONE));
    let name = "order without POST_INTERACTION flag: fill succeeds but no escrow";
    replay.fact(name, json!(event_names(&logs) == ["Transfer", "OrderFilled"]));
}

pub(crate) fn a_public_order_is_filled_by_anyone(replay: &mut Replay) {
    let src = Net::new(SRC);
    let listed =
        |resolver| src.view(src.factory, &IBmnFactory::whitelistedResolversCall { resolver });
    assert!(listed(Actor::Bob.address()) && !listed(Actor::Carol.address()));
    assert!(src.view(src.factory, &IBmnFactory::whitelistBypassedCall {}));
    let order = order(&src, |draft| draft.order.maker_traits = public_traits());
    let data = order.fill();
    let filled = src.filled_by(Actor::Carol, src.now() + 1, order, data);
    let carol = AddressWord::from(Actor::Carol.address());
    let name = "public order filled by anyone while whitelistBypassed";
    replay.fact(name, json!(filled.immutables.taker == carol));
}

pub(crate) fn a_fill_with_another_target_passes_the_resolver_by(replay: &mut Replay) {
    let src = Net::new(SRC);
    let order = order(&src, |_| ());
    let [alice, bob, carol] = [Actor::Alice, Actor::Bob, Actor::Carol].map(Actor::address);
    let data = order.fill_with(|fill| {
        fill.traits = fill.traits.with_target();
        fill.arguments = [carol.as_slice(), &order.extension].concat().into();
    });
    let tx = src.lop_tx(Actor::Bob, data);
    replay.reverts("fill with LOP target != taker (tokens bypass resolver)", &tx);
    let before = [alice, bob, carol].map(|owner| src.tokens(owner));
    tx.mined();
    let after = [alice, bob, carol].map(|owner| src.tokens(owner));
    let one = U256::from(ONE);
    assert_eq!(after, [before[0] - one, before[1] - one, before[2] + one]);
}

pub(crate) fn a_real_taker_asset_is_paid_twice(replay: &mut Replay) {
    let (src, dst) = (Net::new(SRC), Net::new(DST));
    let held = |net: &Net| [Actor::Alice, Actor::Bob].map(|actor| net.tokens(actor.address()));
    let before = [held(&src), held(&dst)];
    let filled = src.filled(|draft| draft.order.taker_asset = src.token.into());
    let own = [filled.escrow.into_word(), filled.hashlock().0, filled.signed.hash.0];
    replay.renamed_logs("S10.fill(real takerAsset)", &filled.mined.logs, own);
    let created = dst.destination(filled.hashlock(), |_| ());
    let withdraw = calldata::withdraw(DIALECT, &filled.secret, &created.immutables);
    dst.tx(Actor::Bob, created.escrow, withdraw).at(created.time() + 30).mined();
    src.tx(Actor::Bob, filled.escrow, filled.withdraw()).mined();
    let deltas = deltas(before, [held(&src), held(&dst)]);
    replay.fact("balanceDelta(real takerAsset = DOUBLE PAYMENT)", deltas);
}
