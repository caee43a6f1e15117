//! An order in parts at the door: which of them we take, limited by what we hold, by the largest and the
//! smallest order we settle, and by what is left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod offers;

use alloy::primitives::{Address, U256};
use bmn_contracts::SecretTree;
use bmn_primitives::{Dialect, Hashlock, Secret};
use bmn_swap::{Draft, Order, Refusal, admit_submitted, choose_part};
use common::whole;
use offers::{Offer, offer};

const IN_PARTS: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

fn secrets() -> Vec<Hashlock> {
    (0..5).map(|n| Secret::new([n; 32]).hashlock()).collect()
}

/// 1 000 for 990 in four parts, and the coin as known a token as any.
fn divided(dialect: Dialect) -> Offer {
    let mut offer = offer(dialect);
    offer.words.maker_traits = offer.words.maker_traits.with_multiple_fills();
    offer.secret_hashes = secrets();
    offer.extra.hashlock = SecretTree::new(&offer.secret_hashes).unwrap().hashlock_word();
    offer
}

fn choose(offer: &Offer) -> (Draft, Option<Refusal>) {
    choose_part(offer.draft().unwrap(), &offer.facts, &offer.world.terms())
}

/// The part that is chosen, which is judged as any order is.
fn chosen(offer: &Offer) -> Order {
    let (draft, reason) = choose(offer);
    assert_eq!((reason, draft.is_undivided()), (None, false));
    draft.order().clone()
}

fn amounts(offer: &Offer) -> (u16, U256, U256) {
    let order = chosen(offer);
    (order.id.leaf, order.source_amount, order.destination_amount)
}

fn refused(offer: &Offer) -> &'static str {
    let (draft, reason) = choose(offer);
    assert!(draft.is_undivided(), "nothing is chosen");
    assert_eq!(&draft, &offer.draft().unwrap(), "and nothing is changed");
    reason.unwrap().code()
}

#[test]
fn an_order_in_parts_is_undivided_until_ours_is_chosen_and_any_other_never_is() {
    for dialect in IN_PARTS {
        let offer = divided(dialect);
        let draft = offer.draft().unwrap();
        assert!(draft.is_undivided(), "{dialect}");
        assert_eq!(
            amounts(&offer),
            (4, whole(1_000), whole(990)),
            "all of it, with the last secret"
        );
        assert_eq!(chosen(&offer).hashlock, secrets()[4]);
        let (ours, _) = choose(&offer);
        assert_eq!(admit_submitted(&ours, &offer.facts, &offer.world.terms()), [], "{dialect}");
        let at_once = offers::offer(dialect);
        assert!(!at_once.draft().unwrap().is_undivided());
        assert_eq!(choose(&at_once), (at_once.draft().unwrap(), None));
    }
}

#[test]
fn an_order_whose_part_is_not_chosen_is_refused_with_what_we_could_take_of_it() {
    let mut offer = divided(Dialect::OneInch1);
    offer.facts.free_token = whole(495);
    offer.facts.raw_remaining = !whole(800);
    let [Refusal::NoPart { remaining, most, reason }] = &offer.reasons()[..] else {
        panic!("{:?}", offer.reasons())
    };
    assert_eq!((*remaining, *most), (whole(800), whole(500)));
    assert!(reason.contains("none of its 4 parts"), "{reason}");
}

#[test]
fn a_part_is_no_larger_than_what_we_can_pay_for() {
    for dialect in IN_PARTS {
        let mut offer = divided(dialect);
        offer.facts.free_token = whole(495);
        assert_eq!(amounts(&offer), (1, whole(500), whole(495)), "{dialect}");
        assert_eq!(chosen(&offer).hashlock, secrets()[1]);
        // In the coin, which our deposit is paid of, too.
        offer.extra.dst_token = Address::ZERO.into();
        offer.facts.free_token = U256::ZERO;
        let deposit = offer.draft().unwrap().order().destination_deposit;
        assert!(!deposit.is_zero());
        offer.facts.free_native = whole(495) + deposit;
        assert_eq!(amounts(&offer), (1, whole(500), whole(495)), "{dialect}");
        offer.facts.free_native = deposit;
        assert_eq!(refused(&offer), "noPart");
        offer.facts.free_native = U256::ZERO;
        assert_eq!(refused(&offer), "noPart");
    }
}

#[test]
fn a_part_is_no_larger_than_the_largest_order_and_its_value_never_rounds_above_it() {
    let mut offer = divided(Dialect::OneInch1);
    offer.world.policy.max_order_value = 300_000_000;
    assert_eq!(amounts(&offer), (1, whole(300), whole(297)));
    offer.world.routes[0].tokens[0].price.0 = 3_000_000;
    offer.world.policy.max_order_value = 1_000_000_000;
    let third = U256::from(333_333_333_333_333_333_333_u128);
    assert_eq!(chosen(&offer).source_amount, third);
    offer.world.routes[0].tokens[0].decimals = 17;
    assert_eq!(chosen(&offer).source_amount, third / U256::from(10));
}

#[test]
fn a_part_is_no_smaller_than_the_smallest_order_unless_it_is_the_last() {
    let mut offer = divided(Dialect::OneInch1);
    offer.world.routes[0].min_order_value = 100_000_000;
    offer.world.routes[0].tokens[0].price.0 = 3_000_000;
    // Of equal amounts, so that what we hold is what we can make.
    offer.words.taking_amount = offer.words.making_amount;
    let least = U256::from(33_333_333_333_333_333_334_u128);
    offer.facts.free_token = least;
    assert_eq!(chosen(&offer).source_amount, least, "worth the least, rounded up");
    offer.facts.free_token = least - U256::ONE;
    assert_eq!(refused(&offer), "noPart");
    offer.facts.raw_remaining = !(least - U256::ONE);
    assert_eq!(amounts(&offer), (4, least - U256::ONE, least - U256::ONE), "the rest of it");
}

#[test]
fn a_token_without_a_price_has_parts_without_a_value() {
    let mut offer = divided(Dialect::OneInch1);
    offer.world.routes[0].tokens[0].price.0 = 0;
    offer.world.policy.max_order_value = 1;
    assert_eq!(chosen(&offer).source_amount, whole(1_000));
    let (ours, _) = choose(&offer);
    let reasons = admit_submitted(&ours, &offer.facts, &offer.world.terms());
    assert_eq!(reasons.iter().map(Refusal::code).collect::<Vec<_>>(), ["noPrice"]);
}

#[test]
fn the_next_part_begins_where_others_stopped() {
    let mut offer = divided(Dialect::OneInch2);
    offer.facts.raw_remaining = !whole(600);
    assert_eq!(amounts(&offer), (4, whole(600), whole(594)));
    offer.facts.free_token = whole(198);
    assert_eq!(amounts(&offer), (2, whole(200), whole(198)));
    offer.facts.raw_remaining = U256::MAX;
    assert_eq!(refused(&offer), "invalidated");
}

#[test]
fn secrets_that_the_maker_did_not_sign_choose_nothing() {
    let mut offer = divided(Dialect::OneInch1);
    offer.secret_hashes.swap(0, 1);
    assert_eq!(refused(&offer), "badSecretHashes");
    offer.secret_hashes.clear();
    assert_eq!(refused(&offer), "badSecretHashes");
    let mut at_once = offers::offer(Dialect::OneInch1);
    at_once.secret_hashes = secrets();
    assert_eq!(at_once.codes(), ["badSecretHashes"], "one fill has one secret");
}
