//! What a refusal says to everybody.
//!
//! A maker is told in full what is his own: his balance, his windows, his amounts, and which windows would fit.
//! What would tell him our reserves, prices, price sources, other limits or mode is told without it; the
//! operator's methods have it.

use bmn_rpc_api::RefusalReason;
use bmn_swap::Refusal;

/// The code of whatever is not taken because of the node's mode or switches.
const NOT_TAKEN: &str = "notTaken";

/// A reason for everybody.
pub(crate) fn refusal(refusal: &Refusal) -> RefusalReason {
    let code = match refusal {
        Refusal::Mode(_) => NOT_TAKEN,
        other => other.code(),
    };
    let message = discreet(refusal).unwrap_or_else(|| refusal.to_string());
    RefusalReason { code: code.to_owned(), message }
}

/// Other words where the reason's own tell what is ours. Each reason is named, so that a new one is decided on.
fn discreet(refusal: &Refusal) -> Option<String> {
    use Refusal as R;
    let told = match refusal {
        R::Inventory { chain, token, .. } => {
            format!("what is free of {token} on chain {chain} does not cover it")
        }
        R::NoQuote { chain, token, .. }
        | R::StalePrice { chain, token, .. }
        | R::FuturePrice { chain, token, .. }
        | R::PricesDisagree { chain, token, .. } => {
            format!("token {token} on chain {chain} has no price to rely on at the moment")
        }
        R::NoPart { remaining, .. } => {
            format!("no part of the {remaining} that are left can be taken")
        }
        R::CapExceeded { kind, .. } => format!("{kind} cap: too much would be open"),
        R::Unprofitable { .. } | R::ProfitTooSmall { .. } => "it does not earn enough".to_owned(),
        R::TooLarge { .. } => "it is worth more than an order may be".to_owned(),
        R::TooSmall { .. } => "it is worth less than an order must be".to_owned(),
        R::TooCostlyToFail { .. } => "a failure would cost too much".to_owned(),
        R::TooManyOpen { .. } => "too many orders are open".to_owned(),
        R::TooLittleTime { left, .. } => {
            format!("{left} s are left until the source can be cancelled, which is too little")
        }
        R::OpensLater { opens_at, .. } => {
            format!("it may be filled from {opens_at}, which is too far ahead")
        }
        R::Mode(_) => "no such order is taken at the moment".to_owned(),
        R::DataFeeUnknown(chain) => {
            format!("what a transaction on chain {chain} costs is not known at the moment")
        }
        R::IndexOnly { chain, factory, .. } => {
            format!("factory {factory} on chain {chain} is indexed only")
        }
        R::NoTaker { chain, dialect } => {
            format!("orders of dialect {dialect} are not taken on chain {chain}")
        }
        R::UnknownFactory { .. }
        | R::DialectNotFilled(_)
        | R::BadExtension(_)
        | R::ForeignExtensionField(_)
        | R::BadExtraData(_)
        | R::UnsupportedTrait(_)
        | R::MissingTrait(_)
        | R::BadSignature { .. }
        | R::UnusableSignature(_)
        | R::DirtyAddress { .. }
        | R::PrivateOrder { .. }
        | R::Expired { .. }
        | R::Invalidated
        | R::PartiallyFilled { .. }
        | R::ZeroAmount(_)
        | R::SourceDeposit(_)
        | R::DoublePayment(_)
        | R::UnknownDestination(_)
        | R::UnknownToken { .. }
        | R::MakerBalance { .. }
        | R::MakerAllowance { .. }
        | R::MakerCommitted { .. }
        | R::DoesNotFit { .. }
        | R::BadWindow { .. }
        | R::HashlockUsed(_)
        | R::OrderKnown(_)
        | R::DirectOff
        | R::Backdated { .. }
        | R::Mismatch { .. }
        | R::NotOurs(_)
        | R::ImmutablesUnknown(_)
        | R::NoPrice { .. }
        | R::BadSecretHashes(_)
        | R::BadFees(_)
        | R::BadHeader(_)
        | R::Orphaned(_)
        | R::MakerDenied(_)
        | R::TokenDenied { .. }
        | R::IllBehavedToken { .. } => return None,
    };
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, U256};
    use bmn_primitives::{ChainId, Dialect};
    use bmn_swap::{CapKind, ModeReason, Switch};

    #[test]
    fn what_tells_reserves_prices_or_limits_is_told_without_numbers() {
        let (chain, token, from) = (ChainId(1), Address::ZERO, "feed-77777".to_owned());
        let reasons = [
            Refusal::Inventory {
                chain,
                token,
                available: U256::from(77_777),
                needed: U256::from(77_777),
            },
            Refusal::Unprofitable { bps: 77_777, micros: 77_777, min_bps: 77_777 },
            Refusal::TooLarge { micros: 77_777, cap: 77_777 },
            Refusal::TooSmall { micros: 77_777, least: 77_777 },
            Refusal::TooManyOpen { open: 77_777, limit: 77_777 },
            Refusal::NoQuote { chain, token, from: from.clone() },
            Refusal::StalePrice { chain, token, from: from.clone(), age: 77_777, max_age: 77_777 },
            Refusal::FuturePrice { chain, token, from, seconds: 77_777 },
            Refusal::PricesDisagree {
                chain,
                token,
                low: 77_777,
                high: 77_777,
                spread_bps: 77_777,
                limit_bps: 77_777,
            },
            Refusal::ProfitTooSmall { micros: 77_777, least: 77_777 },
            Refusal::TooCostlyToFail { cost: 77_777, limit: 77_777 },
            Refusal::CapExceeded {
                kind: CapKind::Maker,
                used: 77_777,
                adding: 77_777,
                limit: 77_777,
            },
            Refusal::NoPart {
                remaining: U256::from(5),
                most: U256::from(77_777),
                reason: "77777 free".to_owned(),
            },
            Refusal::TooLittleTime { left: 5, least: 77_777 },
            Refusal::OpensLater { opens_at: 5, now: 1, longest: 77_777 },
            Refusal::IndexOnly { chain, factory: token, reason: "77777 is marked".to_owned() },
        ];
        for reason in reasons {
            let told = refusal(&reason);
            assert_eq!(told.code, reason.code());
            assert!(!told.message.contains("77777"), "{}", told.message);
            assert!(reason.to_string().contains("77777"), "the test must plant something");
        }
    }

    #[test]
    fn neither_the_mode_nor_a_switch_is_told() {
        let shadow = refusal(&Refusal::Mode(ModeReason::Shadow));
        for reason in [
            ModeReason::NotSelected { hundredth: 7, percent: 5 },
            ModeReason::Off(Switch::Drain),
            ModeReason::Off(Switch::Token(ChainId(1), Address::ZERO)),
        ] {
            assert_eq!(refusal(&Refusal::Mode(reason)), shadow);
        }
        assert_eq!(shadow.code, NOT_TAKEN);
        assert!(!shadow.message.contains("shadow"), "{}", shadow.message);
        let taker = Refusal::NoTaker { chain: ChainId(1), dialect: Dialect::OneInch1 };
        assert!(!refusal(&taker).message.contains("deploy"), "a word to the operator");
    }

    #[test]
    fn what_is_the_makers_own_is_told_in_full() {
        let reason = Refusal::MakerBalance { balance: U256::from(3), needed: U256::from(5) };
        assert_eq!(refusal(&reason).message, reason.to_string());
    }
}
