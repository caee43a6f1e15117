//! The last second, wei or place that is still good, and the first that is not, of an order at the door.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod offers;

use alloy::primitives::Bytes;
use bmn_contracts::{ExtraData, OrderSignature};
use bmn_primitives::{Dialect, Stage, Timelocks};
use bmn_swap::{OrderTimes, Refusal, check_signature};
use common::{FILLED, PACE};
use offers::{CONTRACTS, OFFSETS, Offer, header, listed, offer};

/// The source chain's time when the orders of this file are judged.
const NOW: u64 = FILLED - 2;

fn has(offer: &Offer, code: &str) -> bool {
    offer.codes().contains(&code)
}

#[test]
fn an_order_may_be_filled_in_the_second_it_expires() {
    let mut offer = offer(Dialect::Bmn302);
    offer.words.maker_traits = offer.words.maker_traits.with_expiration(NOW);
    assert!(!has(&offer, "expired"));
    offer.words.maker_traits = offer.words.maker_traits.with_expiration(NOW - 1);
    assert!(has(&offer, "expired"));
}

#[test]
fn a_fill_that_opens_later_is_waited_for_three_minutes_and_the_time_of_a_transaction() {
    let longest = 180 + PACE.inclusion;
    let mut offer = offer(Dialect::OneInch1);
    let opens = |offer: &mut Offer, at: u64| {
        offer.header = header(Dialect::OneInch1, at as u32, &[listed(CONTRACTS[0], 0)]);
        offer.reasons()
    };
    assert_eq!(opens(&mut offer, NOW + longest), []);
    let (opens_at, now) = (NOW + longest + 1, NOW);
    assert_eq!(opens(&mut offer, opens_at), [Refusal::OpensLater { opens_at, now, longest }]);
}

#[test]
fn two_absolute_times_are_after_now_and_within_the_longest_window() {
    let mut offer = offer(Dialect::Bmn302);
    let window = offer.world.policy.max_window;
    let mut bad = |cancel: u64, withdraw: u64| {
        offer.extra.timelocks = ExtraData::pack_bmn_times(cancel, withdraw);
        let reasons = offer.reasons().into_iter();
        let field = |reason| match reason {
            Refusal::BadWindow { field, .. } => Some(field),
            _ => None,
        };
        reasons.filter_map(field).collect::<Vec<_>>()
    };
    assert_eq!(bad(NOW + window, NOW + 1), [""; 0]);
    assert_eq!(bad(NOW + window + 1, NOW + 1), ["srcCancellation"]);
    assert_eq!(bad(NOW + window, NOW), ["dstWithdrawal"]);
    assert_eq!(bad(NOW + window, NOW + window + 1), ["dstWithdrawal"]);
    assert_eq!(bad(NOW, NOW + 1), ["srcCancellation"]);
}

#[test]
fn offsets_are_within_the_longest_window() {
    let mut offer = offer(Dialect::OneInch1);
    let longest = u32::try_from(offer.world.policy.max_window).unwrap();
    for stage in 0..OFFSETS.len() {
        let mut bad = |offset: u32| {
            let mut offsets = OFFSETS;
            offsets[stage] = offset;
            offer.extra.timelocks = Timelocks::pack(0, offsets).0;
            // Out of order is another reason.
            let is_range = |reason: &Refusal| match reason {
                Refusal::BadWindow { expected, .. } => expected.starts_with("after "),
                _ => false,
            };
            offer.reasons().iter().any(is_range)
        };
        assert!(!bad(longest), "stage {stage}");
        assert!(bad(longest + 1) && bad(u32::MAX), "stage {stage}");
    }
}

#[test]
fn the_signature_of_a_contract_is_good_when_the_contract_says_so() {
    for dialect in [Dialect::Bmn302, Dialect::OneInch1] {
        let mut offer = offer(dialect);
        offer.signature = Some(OrderSignature::Contract(Bytes::from(vec![1, 2, 3])));
        assert_eq!(check_signature(&offer.draft().unwrap()), None, "only a chain can tell");
        for answer in [None, Some(false)] {
            offer.facts.contract_signature = answer;
            let reasons = offer.reasons();
            assert_eq!(offer.codes(), ["unusableSignature"], "{answer:?}");
            assert!(reasons[0].to_string().contains("ERC-1271"), "{}", reasons[0]);
        }
        offer.facts.contract_signature = Some(true);
        assert_eq!(offer.reasons(), []);
        // What a contract says is nothing to a plain account.
        let mut plain = offers::offer(dialect);
        plain.words.maker = common::MAKER.into();
        plain.facts.contract_signature = Some(true);
        assert_eq!(plain.codes(), ["badSignature"]);
    }
}

#[test]
fn offsets_leave_the_least_time_that_is_asked_for_counted_from_now() {
    let mut offer = offer(Dialect::OneInch1);
    let left = u64::from(OFFSETS[Stage::SrcCancellation as usize]);
    offer.world.policy.limits.min_time_left = left;
    assert_eq!(offer.reasons(), []);
    offer.world.policy.limits.min_time_left = left + 1;
    assert_eq!(offer.reasons(), [Refusal::TooLittleTime { left, least: left + 1 }]);
}

#[test]
fn a_source_has_the_windows_that_the_factory_of_its_release_makes() {
    let (src_cancellation, dst_withdrawal) = (FILLED + 600, FILLED + 60);
    let times = OrderTimes::Absolute { src_cancellation, dst_withdrawal };
    let locks = |dialect| times.source_timelocks(dialect, FILLED).unwrap();
    let (old, new) = (locks(Dialect::Bmn23), locks(Dialect::Bmn302));
    for (locks, opens, public) in [(old, 300, 600), (new, 0, 60)] {
        assert_eq!(locks.at(Stage::SrcWithdrawal), FILLED + opens);
        assert_eq!(locks.at(Stage::SrcPublicWithdrawal), FILLED + public);
        assert_eq!(locks.at(Stage::SrcCancellation), src_cancellation);
        assert_eq!(locks.at(Stage::DstWithdrawal), dst_withdrawal);
    }
    assert_eq!(times.source_timelocks(Dialect::Bmn302, dst_withdrawal), None, "it would revert");
    let offsets = OrderTimes::Offsets(Timelocks::pack(0, OFFSETS));
    let counted = offsets.source_timelocks(Dialect::OneInch1, FILLED).unwrap();
    assert_eq!(counted, Timelocks::pack(FILLED as u32, OFFSETS));
    assert_eq!(offsets.src_cancellation(FILLED), counted.at(Stage::SrcCancellation));
    assert_eq!(times.src_cancellation(FILLED), src_cancellation);
}
