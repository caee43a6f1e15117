//! What a refusal says to everybody.
//!
//! A maker is told in full what is his own: his balance, his windows, his amounts. What would tell him our
//! reserves, prices, price sources or limits is told without numbers; the operator's methods have them.

use bmn_rpc_api::RefusalReason;
use bmn_swap::Refusal;

/// A reason for everybody.
pub(crate) fn refusal(refusal: &Refusal) -> RefusalReason {
    let message = discreet(refusal).unwrap_or_else(|| refusal.to_string());
    RefusalReason { code: refusal.code().to_owned(), message }
}

/// Other words where the reason's own tell what is ours.
fn discreet(refusal: &Refusal) -> Option<String> {
    let told = match refusal {
        Refusal::Inventory { chain, token, .. } => {
            format!("what is free of {token} on chain {chain} does not cover it")
        }
        Refusal::NoQuote { chain, token, .. }
        | Refusal::StalePrice { chain, token, .. }
        | Refusal::FuturePrice { chain, token, .. }
        | Refusal::PricesDisagree { chain, token, .. } => {
            format!("token {token} on chain {chain} has no price to rely on at the moment")
        }
        Refusal::NoPart { remaining, .. } => {
            format!("no part of the {remaining} that are left can be taken")
        }
        Refusal::CapExceeded { kind, .. } => format!("{kind} cap: too much would be open"),
        Refusal::Unprofitable { .. } | Refusal::ProfitTooSmall { .. } => {
            "it does not earn enough".to_owned()
        }
        Refusal::TooLarge { .. } => "it is worth more than an order may be".to_owned(),
        Refusal::TooSmall { .. } => "it is worth less than an order must be".to_owned(),
        Refusal::TooCostlyToFail { .. } => "a failure would cost too much".to_owned(),
        Refusal::TooManyOpen { .. } => "too many orders are open".to_owned(),
        _ => return None,
    };
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, U256};
    use bmn_primitives::ChainId;
    use bmn_swap::CapKind;

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
        ];
        for reason in reasons {
            let told = refusal(&reason);
            assert_eq!(told.code, reason.code());
            assert!(!told.message.contains("77777"), "{}", told.message);
            assert!(reason.to_string().contains("77777"), "the test must plant something");
        }
    }

    #[test]
    fn what_is_the_makers_own_is_told_in_full() {
        let reason = Refusal::MakerBalance { balance: U256::from(3), needed: U256::from(5) };
        assert_eq!(refusal(&reason).message, reason.to_string());
    }
}
