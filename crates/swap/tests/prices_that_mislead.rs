//! Prices that stopped, lie, or come from a clock that runs ahead.

mod market;

use bmn_swap::{
    CLOCK_TOLERANCE, Price, PriceSourceTerms, PriceTerms, Quote, Quotes, Refusal, price_of,
};
use market::{A, B, COIN, Desk, NOW, TOKEN, whole};
use proptest::prelude::*;

const MAX_AGE: u64 = 60;

/// Chain A's token has the price of two sources.
fn fed() -> Desk {
    let mut desk = Desk::new();
    let source = |name: &str| PriceSourceTerms { name: name.to_owned(), max_age: MAX_AGE };
    let terms = PriceTerms { sources: vec![source("feed"), source("pool")], max_spread_bps: 50 };
    desk.routes[0].limits.prices = vec![(TOKEN, terms)];
    say(&mut desk, "feed", 1_000_000, NOW);
    say(&mut desk, "pool", 1_001_000, NOW);
    desk
}

fn say(desk: &mut Desk, source: &str, micros: u64, at: u64) {
    desk.market.quotes.put(A, TOKEN, Quote { micros, at, source: source.to_owned() });
}

#[test]
fn we_are_paid_at_the_lower_price_and_pay_at_the_higher() {
    let mut desk = fed();
    let value = |desk: &Desk| desk.assessment().valuation.unwrap();
    assert_eq!(value(&desk).source.value, 1_000_000_000);
    desk.routes[1].limits.prices = std::mem::take(&mut desk.routes[0].limits.prices);
    let said = desk.market.quotes.of(A, TOKEN).to_vec();
    desk.market.quotes = Quotes { prices: [((B, TOKEN), said)].into(), ..Quotes::default() };
    assert_eq!(value(&desk).destination.value, 990 * 1_001_000);
    let quotes = value(&desk).destination.price.quotes;
    assert_eq!(quotes.len(), 2);
}

#[test]
fn each_way_a_price_misleads_is_a_reason_of_its_own() {
    type Change = fn(&mut Desk);
    let cases: [(&str, Change); 8] = [
        ("stalePrice", |d| say(d, "feed", 1_000_000, NOW - MAX_AGE - 1)),
        ("futurePrice", |d| say(d, "feed", 1_000_000, NOW + CLOCK_TOLERANCE + 1)),
        ("noQuote", |d| say(d, "feed", 0, NOW)),
        ("noQuote", |d| d.market.quotes.forget(A, TOKEN, "pool")),
        ("pricesDisagree", |d| say(d, "pool", 1_005_001, NOW)),
        ("pricesDisagree", |d| say(d, "pool", 1, NOW)),
        ("pricesDisagree", |d| say(d, "pool", u64::MAX, NOW)),
        ("noPrice", |d| d.routes[0].tokens[1].price = Price(0)),
    ];
    for (expected, change) in cases {
        let mut desk = fed();
        change(&mut desk);
        assert_eq!(desk.codes(), [expected]);
        assert_eq!(desk.assessment().valuation, None);
    }
}

#[test]
fn the_last_good_second_and_the_last_good_difference_are_good() {
    let mut desk = fed();
    say(&mut desk, "feed", 1_000_000, NOW - MAX_AGE);
    say(&mut desk, "pool", 1_005_000, NOW + CLOCK_TOLERANCE);
    assert_eq!(desk.codes(), Vec::<&str>::new());
}

#[test]
fn every_source_that_stopped_is_named_with_its_age() {
    let mut desk = fed();
    say(&mut desk, "feed", 1_000_000, NOW - 100);
    desk.market.quotes.forget(A, TOKEN, "pool");
    let (chain, token) = (A, TOKEN);
    let stale =
        Refusal::StalePrice { chain, token, from: "feed".to_owned(), age: 100, max_age: MAX_AGE };
    let silent = Refusal::NoQuote { chain, token, from: "pool".to_owned() };
    assert!(stale.to_string().contains("by feed is 100 s old, 60 s is the limit"), "{stale}");
    assert_eq!(desk.reasons(), [stale, silent]);
}

#[test]
fn a_source_that_nobody_asked_for_changes_nothing() {
    let mut desk = fed();
    say(&mut desk, "stranger", 5, NOW);
    assert_eq!(desk.codes(), Vec::<&str>::new());
    assert_eq!(
        price_of(&desk.routes[0], COIN, &desk.market.quotes, NOW).map(|p| p.low),
        Ok(Price(2_000_000_000))
    );
}

#[test]
fn a_price_without_sources_is_the_specification_s_and_has_no_age() {
    let desk = Desk::new();
    let priced = price_of(&desk.routes[0], TOKEN, &Quotes::default(), NOW + 1_000_000);
    assert_eq!(
        priced.map(|priced| (priced.low, priced.high, priced.quotes.len())),
        Ok((Price(1_000_000), Price(1_000_000), 0))
    );
}

proptest! {
    #[test]
    fn a_price_never_gets_better_with_age(age in 0u64..200, more in 0u64..200, paid in 950u64..1_000) {
        let mut desk = fed();
        desk.order.destination_amount = whole(paid);
        say(&mut desk, "feed", 1_000_000, NOW - age);
        let before = desk.reasons();
        say(&mut desk, "feed", 1_000_000, NOW - age - more);
        prop_assert!(before.is_empty() || !desk.reasons().is_empty());
    }
}
