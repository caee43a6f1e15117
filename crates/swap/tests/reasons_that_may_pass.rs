//! Which refusals last: an order that was refused for the moment may be handed in again.

use alloy::primitives::{Address, U256};
use bmn_primitives::{ChainId, Dialect, Hashlock, OrderHash};
use bmn_swap::{CapKind, ModeReason, Refusal, Step, TokenFlag};
use std::collections::BTreeSet;

const CHAIN: ChainId = ChainId(1337);
const TOKEN: Address = Address::repeat_byte(0x70);

fn of_the_moment() -> Vec<Refusal> {
    let (chain, token, from) = (CHAIN, TOKEN, || "feed".to_owned());
    let n = U256::from(1);
    vec![
        Refusal::Mode(ModeReason::Shadow),
        Refusal::NoQuote { chain, token, from: from() },
        Refusal::StalePrice { chain, token, from: from(), age: 61, max_age: 60 },
        Refusal::FuturePrice { chain, token, from: from(), seconds: 61 },
        Refusal::PricesDisagree {
            chain,
            token,
            low: 1,
            high: 2,
            spread_bps: 10_000,
            limit_bps: 50,
        },
        Refusal::DataFeeUnknown(chain),
        Refusal::CapExceeded { kind: CapKind::Maker, used: 1, adding: 1, limit: 1 },
        Refusal::TooManyOpen { open: 10, limit: 10 },
        Refusal::NoTaker { chain, dialect: Dialect::OneInch1 },
        Refusal::NoPart { remaining: n, most: n, reason: String::new() },
        Refusal::MakerBalance { balance: U256::ZERO, needed: n },
        Refusal::MakerAllowance { allowance: U256::ZERO, needed: n },
        Refusal::Inventory { chain, token, available: U256::ZERO, needed: n },
        Refusal::Unprofitable { bps: -1, micros: -1, min_bps: 10 },
        Refusal::ProfitTooSmall { micros: 1, least: 2 },
        Refusal::OpensLater { opens_at: 1_000, now: 1, longest: 186 },
    ]
}

fn for_good() -> Vec<Refusal> {
    let (chain, token) = (CHAIN, TOKEN);
    vec![
        Refusal::UnknownFactory { chain, factory: TOKEN },
        Refusal::DialectNotFilled(Dialect::Bmn1),
        Refusal::BadExtension(String::new()),
        Refusal::MissingTrait(String::new()),
        Refusal::UnusableSignature(String::new()),
        Refusal::Expired { expiration: 1, now: 2 },
        Refusal::Invalidated,
        Refusal::ZeroAmount(String::new()),
        Refusal::SourceDeposit(U256::from(1)),
        Refusal::DoublePayment(TOKEN),
        Refusal::UnknownDestination(U256::from(99)),
        Refusal::UnknownToken { chain, token },
        Refusal::TooLarge { micros: 2, cap: 1 },
        Refusal::TooSmall { micros: 1, least: 2 },
        Refusal::DoesNotFit { step: Step::LockSource, seconds: 1 },
        Refusal::HashlockUsed(Hashlock::default()),
        Refusal::OrderKnown(OrderHash::default()),
        Refusal::DirectOff,
        Refusal::MakerDenied(TOKEN),
        Refusal::TokenDenied { chain, token },
        Refusal::IllBehavedToken { chain, token, flag: TokenFlag::Rebasing },
        Refusal::BadHeader(String::new()),
        Refusal::Orphaned(TOKEN),
    ]
}

#[test]
fn what_may_be_otherwise_in_a_minute_passes_and_what_the_order_is_lasts() {
    for reason in of_the_moment() {
        assert!(reason.is_passing(), "{reason}");
    }
    for reason in for_good() {
        assert!(!reason.is_passing(), "{reason}");
    }
}

#[test]
fn every_reason_has_a_code_and_a_sentence_of_its_own() {
    let all = [of_the_moment(), for_good()].concat();
    let codes: BTreeSet<_> = all.iter().map(Refusal::code).collect();
    let sentences: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!((codes.len(), sentences.len()), (all.len(), all.len()));
    for code in codes {
        assert!(!code.is_empty() && code.chars().all(char::is_alphanumeric), "{code}");
    }
}
