//! Who is let in when, and for what fee.

use crate::{
    net::{Actor, Net, ONE},
    orders::Fill,
    play::Play,
};
use alloy::{
    primitives::{Address, Bytes, U256, hex},
    sol_types::SolCall,
};
use bmn_contracts::{
    Admission, FillFee, FillRefusal, MakerTraits, WhitelistEntry,
    bindings::{IBmnFactory, IFeeBank, IOneInchFactory1},
    calldata,
};
use bmn_primitives::Dialect;

pub(crate) fn the_factory_lets_in_whom_the_terms_let_in(play: &mut Play) {
    let src = play.src();
    let start = src.now() + 100;
    let (order, _) = src.order(play.dialect, |draft| {
        draft.deposits(0, 1);
        draft.terms.allowed_time = u32::try_from(start).unwrap();
        draft.terms.whitelist = [(Actor::Bob, 10), (Actor::Carol, 20), (Actor::Dave, 30)]
            .map(|(actor, delay)| WhitelistEntry::new(actor.address(), delay))
            .to_vec();
    });
    let first = order.terms.clone();
    let (too_early, no_token) = match play.dialect {
        Dialect::OneInch1 => ("ResolverCanNotFillOrder()", "ResolverCanNotFillOrder()"),
        _ => ("AllowedTimeViolation()", "OnlyWhitelistOrAccessToken()"),
    };
    let (mut let_in, mut refused) = (0, 0);
    for (taker, holds) in [
        (Actor::Bob, true),
        (Actor::Carol, true),
        (Actor::Dave, false),
        (Actor::Erin, false),
        (Actor::Alice, true),
    ] {
        for time in [0, 10, 30, 60].into_iter().flat_map(|at| [start + at - 1, start + at]) {
            let fill = Fill { taker, ..order.whole(time) };
            let tx = src.fill_tx(&order, &fill);
            let found = first.may_fill(taker.address(), time);
            match found {
                Ok(Admission::AccessToken) if !holds => tx.fails_with(no_token),
                Ok(_) => tx.passes(),
                Err(FillRefusal::TooEarly { opens_at, .. }) => {
                    assert!(opens_at > time);
                    assert!(first.may_fill(taker.address(), opens_at).is_ok());
                    tx.fails_with(too_early);
                }
            }
            if found.is_ok() { let_in += 1 } else { refused += 1 }
        }
    }
    assert!(let_in > 10 && refused > 4, "{let_in} {refused}");
    // Only the low ten bytes of an address count, and all of them.
    let mut twin = Actor::Dave.address();
    twin.0[..10].fill(0);
    assert_eq!(first.openings(twin), first.openings(Actor::Dave.address()));
    for (changed, is_listed) in [(None, true), (Some(0), false), (Some(9), false)] {
        let (order, _) = src.order(play.dialect, |draft| {
            draft.deposits(0, 1);
            let mut entry = WhitelistEntry::new(twin, 0);
            if let Some(byte) = changed {
                entry.tail[byte] ^= 1;
            }
            draft.terms.whitelist = vec![entry];
        });
        let fill = Fill { taker: Actor::Dave, ..order.whole(start) };
        let tx = src.fill_tx(&order, &fill);
        if is_listed { tx.passes() } else { tx.fails_with(no_token) }
    }
}

/// Gives the actor credit at the fee bank, which takes it from his tokens.
fn pay_in(net: &Net, actor: Actor, amount: U256) -> Address {
    let bank = net.view(net.factory, &IOneInchFactory1::FEE_BANKCall {});
    net.tx(actor, net.token, calldata::approve(bank, amount)).mined();
    net.tx(actor, bank, IFeeBank::depositCall { amount }.abi_encode()).mined();
    bank
}

fn credit(net: &Net, actor: Actor) -> U256 {
    let account = actor.address();
    net.view(net.factory, &IOneInchFactory1::availableCreditCall { account })
}

pub(crate) fn outsiders_pay_a_fee(play: &mut Play) {
    let src = play.src();
    let fee = U256::from(5_000_000_000_000_000_u64);
    let (order, _) = src.order(play.dialect, |draft| {
        draft.deposits(0, 1);
        draft.order.maker_traits = MakerTraits::cross_chain();
        draft.terms.fee = FillFee::Credit(Some(20));
    });
    // A quarter of the order costs a quarter of its fee.
    let (whole, making) = (order.order.making_amount, order.order.making_amount / U256::from(4));
    let charge = |admission| order.terms.credit_charge(admission, making, whole).unwrap();
    assert_eq!(charge(Admission::AccessToken), fee);
    assert_eq!(charge(Admission::Whitelisted), U256::ZERO);
    let of = |taker| {
        let fill = Fill { taker, making, ..order.whole(src.now() + 1) };
        src.fill_tx(&order, &fill)
    };
    of(Actor::Bob).passes();
    of(Actor::Carol).fails_with("NotEnoughCredit()");
    pay_in(&src, Actor::Carol, fee - U256::from(1));
    of(Actor::Carol).fails_with("NotEnoughCredit()");
    pay_in(&src, Actor::Carol, U256::from(8));
    of(Actor::Carol).mined();
    assert_eq!(credit(&src, Actor::Carol), U256::from(7));
}

pub(crate) fn a_fee_bank_gives_back_what_is_not_used(play: &mut Play) {
    let src = play.src();
    let held = src.tokens(Actor::Carol.address());
    let bank = pay_in(&src, Actor::Carol, U256::from(ONE));
    assert_eq!(src.tokens(bank), U256::from(ONE));
    let account = Actor::Carol.address();
    let told = src.view(bank, &IFeeBank::availableCreditCall { account });
    assert_eq!((told, credit(&src, Actor::Bob)), (U256::from(ONE), U256::ZERO));
    let withdraw =
        |amount: U256| src.tx(Actor::Carol, bank, IFeeBank::withdrawCall { amount }.abi_encode());
    let more = withdraw(U256::from(ONE) + U256::from(1)).tried();
    assert!(matches!(more, bmn_chain::CallOutcome::Reverted(_)));
    withdraw(U256::from(ONE)).mined();
    assert_eq!((src.tokens(account), credit(&src, Actor::Carol)), (held, U256::ZERO));
    let amount = U256::from(1);
    let forged = IOneInchFactory1::increaseAvailableCreditCall { account, amount }.abi_encode();
    src.tx(Actor::Carol, src.factory, forged).fails_with("OnlyFeeBankAccess()");
    let forged = IOneInchFactory1::decreaseAvailableCreditCall { account, amount }.abi_encode();
    src.tx(Actor::Carol, src.factory, forged).fails_with("OnlyFeeBankAccess()");
}

pub(crate) fn another_contract_is_called_in_the_fill(play: &mut Play) {
    let src = play.src();
    // Logs its calldata, whatever it is.
    let code = hex!("600b600c600039600b6000f3" "366000600037366000a000");
    let listener = src.create(Actor::Erin, Bytes::from(code)).mined().contract.unwrap();
    let order = |target: Address| {
        let data = Bytes::from_static(b"to whom it may concern");
        let (order, _) = src.order(play.dialect, |draft| {
            draft.deposits(0, 1);
            draft.fees().post_interaction = Some((target, data.clone()));
        });
        (order, data)
    };
    let (nobody, _) = order(Actor::Erin.address());
    let found = src.fill_tx(&nobody, &nobody.whole(src.now() + 1)).tried();
    assert_eq!(found, bmn_chain::CallOutcome::Reverted(Bytes::new()));
    let (order, data) = order(listener);
    let filled = src.filled(&order, &order.whole(src.now() + 1));
    let heard = filled.mined.logs.iter().find(|log| log.address == listener).unwrap();
    let call = IBmnFactory::postInteractionCall::abi_decode(&heard.data.data).unwrap();
    assert_eq!((call.extraData, call.orderHash), (data, order.hash.0));
    assert_eq!(call.taker, Actor::Bob.address());
}
