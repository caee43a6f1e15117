//! What the two 1inch factories did, played again on our contracts in our own chain.
//!
//! `tests/data/oneinch_replay.json` holds what contracts compiled from the public sources did: the
//! revert data of calls that fail, the logs of transactions, and other observations. Whatever is
//! recorded under `reverts`, `logs` and `facts` is replayed; the last test counts.
//!
//! | recorded | replayed |
//! |---|---|
//! | logs `I3.fill(fees)` of `oneinch2` | with another order hash and source escrow, always the same: the order was not recorded, only its effects |
//! | logs `I1.srcWithdraw` of both | the recording lacks `EscrowWithdrawal`; it must be there once |
//! | logs `I4.…` of `oneinch2` | the recording lacks `SrcEscrowCreated`; it must be there once, and name the recorded escrow |
//! | interactions of the partial fills | byte for byte in `oneinch1`; of `oneinch2` none was recorded, which differs in the factory's address |
//! | `gas` | not compared: it is a property of the originals' code |
//! | everything else | byte for byte |
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod admission;
mod ends;
mod fees;
mod net;
mod orders;
mod parts;
mod play;
mod refusals;
#[path = "../replay_bed/mod.rs"]
mod replay_bed;
mod swap;

use bmn_primitives::Dialect;
use play::Play;
use std::collections::BTreeSet;

macro_rules! plays {
    ($dialect:ident as $module:ident: $($scenario:ident :: $name:ident),* $(,)?) => {
        mod $module {
            use crate::Play;

            $(#[test]
            fn $name() {
                crate::$scenario::$name(&mut Play::new(bmn_primitives::Dialect::$dialect));
            })*

            pub(crate) const ALL: &[fn(&mut Play)] = &[$(crate::$scenario::$name),*];
        }
    };
}

/// What is played in both dialects, then what only one of them has.
macro_rules! plays_of_both {
    (
        both { $($both:ident :: $in_both:ident),* $(,)? }
        oneinch1 { $($first:ident :: $in_first:ident),* $(,)? }
        oneinch2 { $($second:ident :: $in_second:ident),* $(,)? }
    ) => {
        plays!(OneInch1 as oneinch1: $($both::$in_both,)* $($first::$in_first),*);
        plays!(OneInch2 as oneinch2: $($both::$in_both,)* $($second::$in_second),*);
    };
}

plays_of_both! {
    both {
        swap::contracts_land_on_the_recorded_addresses,
        swap::escrows_are_where_the_recorded_factory_said,
        swap::the_recorded_fill_logs_the_same_bytes,
        swap::the_recorded_destination_logs_the_same_bytes,
        swap::the_recorded_withdrawals_log_the_same_bytes,
        refusals::the_destination_refuses_what_it_refused,
        refusals::the_source_refuses_what_it_refused,
        refusals::a_fill_needs_deposit_and_tokens_on_the_escrow,
        refusals::a_fill_waits_for_the_allowed_time,
        refusals::the_creation_of_a_destination_is_checked,
        refusals::only_the_protocol_may_call_the_interactions,
        refusals::the_same_escrow_is_not_made_twice,
        parts::the_recorded_parts_log_the_same_bytes,
        parts::a_part_needs_its_own_secret,
        parts::the_factory_asks_for_the_recorded_secrets,
        parts::two_resolvers_fill_one_order,
        admission::the_factory_lets_in_whom_the_terms_let_in,
        ends::holders_of_the_access_token_end_escrows_in_public,
        ends::cancellations_go_to_their_owners_at_their_second,
        ends::a_rescue_waits_for_the_delay_and_pays_the_taker,
        ends::a_native_destination_pays_coins,
        ends::a_contract_can_be_the_maker,
    }
    oneinch1 {
        admission::outsiders_pay_a_fee,
        admission::a_fee_bank_gives_back_what_is_not_used,
    }
    oneinch2 {
        fees::the_recorded_fees_are_paid,
        fees::fees_follow_from_the_terms,
        fees::parameters_decide_whether_a_destination_ever_pays,
        admission::another_contract_is_called_in_the_fill,
    }
}

#[test]
fn nothing_recorded_is_left_out() {
    for (dialect, plays, expected) in [
        (Dialect::OneInch1, oneinch1::ALL, [14, 8, 11]),
        (Dialect::OneInch2, oneinch2::ALL, [15, 10, 13]),
    ] {
        let mut play = Play::new(dialect);
        for scenario in plays {
            scenario(&mut play);
        }
        let (replay, recording) = (&play.replay, play.recording);
        let counts = [&replay.reverts, &replay.logs, &replay.facts].map(BTreeSet::len);
        assert_eq!(counts, expected, "the recording itself has shrunk or grown");
        assert_eq!(replay.reverts, recording.names("reverts"));
        assert_eq!(replay.logs, recording.names("logs"));
        assert_eq!(replay.facts, recording.names("facts"));
    }
}
