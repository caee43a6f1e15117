use crate::json::{cases, get, section, text, uint};
use alloy::primitives::{Address, U256};
use bmn_contracts::{ExtraData, MakerTraits, TakerTraits};
use bmn_primitives::{Dialect, Hashlock};
use serde_json::Value;

/// Without flags the vectors mean POST_INTERACTION and HAS_EXTENSION.
fn flags(input: &Value) -> MakerTraits {
    if input.get("flags").is_some() {
        MakerTraits(uint(input, "flags"))
    } else {
        MakerTraits::cross_chain()
    }
}

#[test]
fn maker_traits_pack_and_unpack() {
    for case in cases(section("makerTraits")) {
        let input = &case["input"];
        let number = |key: &str| if input.get(key).is_some() { get(input, key) } else { 0_u64 };
        let sender: Option<Address> =
            input.get("allowedSender").map(|_| get(input, "allowedSender"));
        let mut traits = flags(input)
            .with_expiration(number("expiration"))
            .with_nonce(number("nonce"))
            .with_series(number("series"));
        if let Some(sender) = sender {
            traits = traits.with_allowed_sender(sender);
            assert!(traits.allows(sender));
        }
        assert_eq!(traits.0, uint(case, "value"), "{}", text(case, "name"));
        assert_eq!(traits.expiration(), number("expiration"));
        assert_eq!(traits.nonce(), number("nonce"));
        assert_eq!(traits.series(), number("series"));
        assert_eq!(traits.allowed_sender().is_zero(), sender.is_none());
    }
}

#[test]
fn maker_flags_are_the_bits_of_the_protocol() {
    let bit = |index: usize| MakerTraits(U256::from(1) << index);
    assert!(bit(255).no_partial_fills() && bit(254).allow_multiple_fills());
    assert!(bit(252).pre_interaction() && bit(251).post_interaction());
    assert!(bit(250).needs_epoch_check() && bit(249).has_extension());
    assert!(bit(248).use_permit2() && bit(247).unwrap_weth());
    assert!(bit(255).uses_bit_invalidator() && MakerTraits::default().uses_bit_invalidator());
    assert!(!bit(254).uses_bit_invalidator());
    assert_eq!(MakerTraits::default().with_no_partial_fills(), bit(255));
    assert_eq!(MakerTraits::default().with_multiple_fills(), bit(254));
}

#[test]
fn an_order_expires_after_its_last_second() {
    let traits = MakerTraits::default().with_expiration(100);
    assert!(!traits.is_expired(100) && traits.is_expired(101));
    assert!(!MakerTraits::default().is_expired(u64::MAX));
}

#[test]
fn taker_traits_pack_and_unpack() {
    for case in cases(section("takerTraits")) {
        let flags = TakerTraits(uint(case, "flags"));
        let (extension, interaction) =
            (get(case, "extensionLength"), get(case, "interactionLength"));
        let threshold = uint(case, "threshold");
        let traits = flags
            .with_extension_length(extension)
            .with_interaction_length(interaction)
            .with_threshold(threshold);
        assert_eq!(traits.0, uint(case, "value"), "{}", text(case, "name"));
        assert_eq!(traits.extension_length(), extension);
        assert_eq!(traits.interaction_length(), interaction);
        assert_eq!(traits.threshold(), threshold);
        if flags == TakerTraits::default().with_maker_amount() && interaction == 0 {
            assert_eq!(TakerTraits::bmn_fill(extension, threshold), traits);
        }
        assert_eq!(
            flags == TakerTraits::default().with_maker_amount().with_target(),
            traits.has_target()
        );
    }
}

#[test]
fn a_threshold_too_large_is_capped_and_never_wraps() {
    let capped = TakerTraits::bmn_fill(0, U256::MAX);
    assert_eq!(capped.threshold(), (U256::from(1) << 184) - U256::from(1));
    assert_eq!(capped.interaction_length(), 0);
}

#[test]
fn deposits_are_in_the_halves_of_their_dialect() {
    for case in cases(section("deposits")) {
        let (source, destination) = (get(case, "srcSafetyDeposit"), get(case, "dstSafetyDeposit"));
        for dialect in Dialect::ALL {
            let key = match dialect {
                Dialect::Bmn23 | Dialect::Bmn302 | Dialect::Bmn4 => "bmn",
                _ => "oneinch",
            };
            let deposits = ExtraData::pack_deposits(dialect, source, destination);
            assert_eq!(deposits, uint(case, key));
            let extra = ExtraData {
                hashlock: Hashlock::default(),
                dst_chain_id: U256::ZERO,
                dst_token: Address::ZERO.into(),
                deposits,
                timelocks: U256::ZERO,
            };
            assert_eq!(extra.src_deposit(dialect), U256::from(source));
            assert_eq!(extra.dst_deposit(dialect), U256::from(destination));
        }
    }
}
