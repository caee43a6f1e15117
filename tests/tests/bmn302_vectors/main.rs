//! What the contracts of the deployed BMN v3.0.2 did, played again on our contracts in our own chain.
//!
//! `tests/data/bmn302_replay.json` holds what the original contracts did. Whatever is recorded under
//! `reverts`, `logs`, `facts`, `immutables` and `calldata` is replayed; the last test counts. What the
//! recording of `bmn4` has and this one has not:
//!
//! | not recorded | why it cannot be replayed |
//! |---|---|
//! | logs of the withdrawal from a native destination | its only log was lost in recording, and the secret with it; `a_native_destination_pays_coins_and_keeps_the_surplus` has a secret of our own |
//! | `publicWithdraw` and `publicCancel` by holders of an access token | recorded with the zero token only; the code is `bmn4`'s, whose replay has it |
//! | immutables kept by the factory, proxy hashes, `parameters` | this factory has no such functions |
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../bmn_scenarios/mod.rs"]
mod bmn_scenarios;
mod net;
mod own;
mod replay;
#[path = "../replay_bed/mod.rs"]
mod replay_bed;
mod vectors;

use bmn_scenarios::{administration, deposits, endings, fills, happy, quirks};
use replay::{DROPPED_BY_THE_RECORDER, Replay};
use std::collections::BTreeSet;

fn replay() -> Replay {
    Replay::new(&vectors::RECORDING, &DROPPED_BY_THE_RECORDER)
}

macro_rules! replays {
    ($($module:ident :: $name:ident),* $(,)?) => {
        $(#[test] fn $name() { $module::$name(&mut replay()); })*

        const ALL: &[fn(&mut Replay)] = &[$($module::$name),*];
    };
}

replays! {
    happy::contracts_land_on_the_recorded_addresses,
    happy::the_recorded_fill_logs_the_same_bytes,
    happy::the_recorded_destination_logs_the_same_bytes,
    happy::the_destination_refuses_what_it_refused,
    happy::the_recorded_withdrawals_log_the_same_bytes,
    happy::the_source_opens_at_once_to_whoever_knows_the_secret,
    happy::the_recorded_direct_source_escrow_logs_the_same_bytes,
    endings::the_recorded_withdrawal_to_another_address_logs_the_same_bytes,
    endings::the_recorded_permission_opens_the_destination,
    endings::cancellations_go_to_their_owners_at_the_recorded_second,
    endings::theft_a_maker_who_is_the_taker_takes_both_sides,
    endings::theft_a_resolver_who_knows_the_secret_takes_both_sides,
    endings::critical_one_cancel_permission_drains_a_destination_to_its_holder,
    deposits::a_source_deposit_is_never_funded_and_locks_the_escrow,
    deposits::forced_coins_unlock_a_source_with_a_deposit,
    deposits::a_source_can_be_funded_before_it_exists,
    deposits::a_rescue_waits_for_the_delay_and_pays_the_taker,
    deposits::an_underfunded_destination_is_accepted_and_locked,
    deposits::the_recorded_native_destination_logs_the_same_bytes,
    deposits::a_native_destination_pays_coins_and_keeps_the_surplus,
    deposits::a_taker_that_cannot_receive_coins_cannot_withdraw,
    fills::orders_of_others_and_broken_orders_are_refused,
    fills::the_factory_refuses_times_and_data_it_refused,
    fills::a_fill_needs_every_allowance_and_balance,
    fills::used_and_cancelled_orders_are_refused,
    fills::a_used_hashlock_blocks_the_order_of_somebody_else,
    fills::a_partial_fill_excludes_the_next,
    fills::an_order_without_post_interaction_hands_the_tokens_over,
    fills::a_public_order_is_filled_by_anyone,
    fills::a_fill_with_another_target_passes_the_resolver_by,
    fills::a_real_taker_asset_is_paid_twice,
    quirks::the_recorded_times_wrap_as_recorded,
    quirks::the_recorded_order_with_a_dirty_asset_logs_the_same_bytes,
    quirks::the_receiver_of_the_order_is_the_maker_of_the_destination,
    quirks::a_destination_that_opens_after_its_end_never_pays,
    quirks::a_back_dated_destination_can_be_rescued_at_once,
    own::anybody_may_call_the_post_interaction_and_take_an_allowance,
    own::a_direct_source_escrow_holds_what_the_caller_says,
    own::the_factory_names_the_recorded_addresses,
    own::the_recorded_calldata_does_what_it_says,
    administration::a_pause_stops_new_escrows_and_no_old_ones,
    administration::the_whitelist_counts_unless_bypassed,
    administration::the_whitelist_of_makers_is_not_asked_in_a_fill,
}

#[test]
fn nothing_recorded_is_left_out() {
    let mut replay = replay();
    for play in ALL {
        play(&mut replay);
    }
    let counts = [&replay.reverts, &replay.logs, &replay.facts].map(BTreeSet::len);
    assert_eq!(counts, [63, 17, 42], "the recording itself has shrunk or grown");
    let cases = ["immutables", "calldata"].map(|kind| vectors::cases(kind).len());
    assert_eq!(cases, [6, 10], "the recording itself has shrunk or grown");
    assert_eq!(replay.reverts, vectors::names("reverts"));
    assert_eq!(replay.logs, vectors::names("logs"));
    assert_eq!(replay.facts, vectors::names("facts"));
}
