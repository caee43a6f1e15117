//! Orders that are filled in parts: our next fill and its secret, against the contracts' own answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy::primitives::U256;
use bmn_contracts::{LimitOrder, MakerTraits, SecretTree};
use bmn_primitives::{AddressWord, Dialect, Hashlock, Secret};
use bmn_swap::{
    MOST_PARTS, Part, Refusal, affordable_making, check_secrets, has_parts, next_part,
    taking_amount,
};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../contracts/tests/vectors/vectors.json")).unwrap()
});

fn cases(section: &str) -> &'static [Value] {
    VECTORS[section].as_array().unwrap()
}

fn number(case: &Value, field: &str) -> U256 {
    case[field].as_str().unwrap().parse().unwrap()
}

fn order(making: U256, taking: U256) -> LimitOrder {
    LimitOrder {
        salt: U256::ZERO,
        maker: AddressWord::ZERO,
        receiver: AddressWord::ZERO,
        maker_asset: AddressWord::ZERO,
        taker_asset: AddressWord::ZERO,
        making_amount: making,
        taking_amount: taking,
        maker_traits: MakerTraits::cross_chain().with_multiple_fills(),
    }
}

fn secrets(count: usize) -> Vec<Hashlock> {
    (0..count).map(|n| Secret::new([n as u8; 32]).hashlock()).collect()
}

#[test]
fn the_secret_of_a_part_is_the_one_that_the_factory_asks_for() {
    let mut refused = 0;
    for case in cases("partialIndex") {
        let making = number(case, "orderMakingAmount");
        let parts: u16 = case["parts"].as_str().unwrap().parse().unwrap();
        let (left, most) = (number(case, "remainingMakingAmount"), number(case, "makingAmount"));
        let part = next_part(&order(making, making), parts, left, most, U256::ZERO);
        match case["requiredSecretIndex"].as_str() {
            Some(index) => assert_eq!(part.unwrap().leaf, index.parse::<u16>().unwrap(), "{case}"),
            None => {
                assert_eq!(part.unwrap_err().code(), "noPart", "{case}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1);
}

#[test]
fn the_fills_of_the_deployed_contracts_are_the_parts_we_would_choose() {
    let mut left = None;
    for case in cases("partialFill1inch") {
        let (whole, amount) = (number(case, "orderMakingAmount"), number(case, "amount"));
        let remaining = left.unwrap_or(whole);
        let part = next_part(&order(whole, whole), 4, remaining, amount, U256::ZERO).unwrap();
        assert_eq!(u64::from(part.leaf), case["idx"].as_u64().unwrap(), "{case}");
        assert_eq!(part.making, amount);
        left = Some(remaining - amount);
    }
    assert_eq!(left, Some(U256::ZERO));
}

#[test]
fn all_that_is_left_is_made_unless_limits_say_less_and_never_less_than_the_least() {
    let n = U256::from;
    let whole = order(n(1_000), n(500));
    let part = |left: u64, most: u64, least: u64| {
        next_part(&whole, 4, n(left), n(most), n(least)).map_err(|reason| reason.code())
    };
    let completion = Part { leaf: 4, making: n(1_000), taking: n(500) };
    assert_eq!(part(1_000, u64::MAX, 100), Ok(completion));
    assert_eq!(part(1_000, 333, 100), Ok(Part { leaf: 1, making: n(333), taking: n(167) }));
    assert_eq!(part(1_000, 99, 100), Err("noPart"));
    assert_eq!(part(60, 99, 100), Ok(Part { leaf: 4, making: n(60), taking: n(30) }), "the last");
    assert_eq!(part(1_000, 0, 0), Err("noPart"));
    assert_eq!(part(0, 99, 0), Err("invalidated"));
    assert_eq!(part(1_001, 99, 0), Err("invalidated"));
    let mut at_once = whole.clone();
    at_once.maker_traits = at_once.maker_traits.with_no_partial_fills();
    let refused = next_part(&at_once, 4, n(1_000), n(999), n(0)).unwrap_err();
    assert!(refused.to_string().contains("at once"), "{refused}");
    assert_eq!(next_part(&at_once, 4, n(1_000), n(1_000), n(0)), Ok(completion));
}

#[test]
fn an_order_of_nothing_divides_by_nothing_and_surplus_buys_no_more_than_the_whole() {
    let n = U256::from;
    assert_eq!(taking_amount(&order(n(0), n(5)), n(1)), n(5));
    assert_eq!(affordable_making(&order(n(7), n(0)), n(0)), n(7));
    let whole = order(n(1_000), n(990));
    assert_eq!(affordable_making(&whole, n(990)), n(1_000));
    assert_eq!(affordable_making(&whole, n(9_900)), n(1_000));
    assert_eq!(affordable_making(&whole, n(989)), n(998));
}

#[test]
fn an_order_of_fewer_units_than_parts_ends_with_the_secret_that_the_factory_asks_for() {
    // ((4 - 1) * 5 / 4) + 1: the last one is never asked for.
    let four = order(U256::from(4), U256::from(4));
    let all = next_part(&four, 5, U256::from(4), U256::MAX, U256::ZERO).unwrap();
    assert_eq!((all.leaf, all.making), (4, U256::from(4)));
}

#[test]
fn secret_hashes_are_those_that_the_maker_signed_one_more_than_parts() {
    let hashes = secrets(5);
    let word = SecretTree::new(&hashes).unwrap().hashlock_word();
    assert_eq!(check_secrets(word, &hashes), Ok(()));
    let mut swapped = hashes.clone();
    swapped.swap(1, 2);
    let mut other = hashes.clone();
    other[4] = Hashlock::default();
    for wrong in [&swapped[..], &other, &hashes[..4], &secrets(6), &[]] {
        assert_eq!(check_secrets(word, wrong).unwrap_err().code(), "badSecretHashes");
    }
    let most = secrets(usize::from(MOST_PARTS) + 1);
    let word = SecretTree::new(&most).unwrap().hashlock_word();
    assert_eq!(check_secrets(word, &most), Ok(()));
    let more = secrets(usize::from(MOST_PARTS) + 2);
    let word = SecretTree::new(&more).unwrap().hashlock_word();
    let refused = check_secrets(word, &more).unwrap_err();
    assert!(refused.to_string().contains("at most 256"), "{refused}");
    let fewest = secrets(3);
    let word = SecretTree::new(&fewest).unwrap().hashlock_word();
    assert_eq!(check_secrets(word, &fewest), Ok(()));
    let mut one = word;
    one.0[1] = 1;
    for (word, hashes) in [(one, secrets(2)), (Hashlock::default(), secrets(1))] {
        let refused = check_secrets(word, &hashes).unwrap_err();
        assert!(refused.to_string().contains("at least 2"), "{refused}");
    }
}

#[test]
fn several_fills_mean_parts_where_the_factory_knows_parts() {
    let several = order(U256::ONE, U256::ONE);
    for dialect in Dialect::ALL {
        let known = matches!(dialect, Dialect::OneInch1 | Dialect::OneInch2);
        assert_eq!(has_parts(dialect, &several), known, "{dialect}");
        let one = LimitOrder { maker_traits: MakerTraits::cross_chain(), ..several.clone() };
        assert!(!has_parts(dialect, &one));
    }
}

proptest! {
    /// Paid as the limit-order contract rounds: never less than the share, and less than one more.
    #[test]
    fn what_is_paid_is_rounded_up(making in 1u128.., taking: u128, share in 1u128..) {
        let whole = order(U256::from(making), U256::from(taking));
        let share = U256::from(share.min(making));
        let paid = taking_amount(&whole, share);
        let exact = |paid: U256| paid * U256::from(making);
        let owed = share * U256::from(taking);
        prop_assert!(exact(paid) >= owed);
        prop_assert!(paid.is_zero() || exact(paid - U256::ONE) < owed);
        // What we can pay for is paid out of what we have.
        let payable = affordable_making(&whole, paid);
        prop_assert!(payable >= share);
        prop_assert!(taking_amount(&whole, payable) <= paid.max(whole.taking_amount.min(paid)));
    }

    /// Whatever strangers fill between ours, our parts use secrets in rising order, each once, and end
    /// with the last one when nothing is left (if each part has a unit of its own).
    #[test]
    fn parts_use_rising_secrets_and_the_last_ends_the_order(
        making in 20u64..1_000_000, parts in 2u16..20, shares in proptest::collection::vec(1u64..400_000, 1..40),
    ) {
        let whole = order(U256::from(making), U256::from(making));
        let mut left = whole.making_amount;
        let mut last = None;
        for share in shares {
            match next_part(&whole, parts, left, U256::from(share), U256::ZERO) {
                Ok(part) => {
                    prop_assert!(last.is_none_or(|last| part.leaf > last), "{last:?} {part:?}");
                    prop_assert_eq!(part.leaf == parts, part.making == left);
                    left -= part.making;
                    last = Some(part.leaf);
                    if left.is_zero() {
                        break;
                    }
                }
                Err(Refusal::NoPart { .. }) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
